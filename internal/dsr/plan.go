package dsr

import "time"

// Treatment is what an erasure does to the rows of a collection.
type Treatment string

// The treatments of a collection under an erasure.
const (
	Delete    Treatment = "delete"    // rows are destroyed
	Anonymise Treatment = "anonymise" // rows stay, fields that identify are replaced for good
	Archive   Treatment = "archive"   // rows are moved to where they are retained
	Retain    Treatment = "retain"    // rows stay until a period ends, then they are destroyed
	Leave     Treatment = "leave"     // rows are not the subject's own; they are counted and left
)

// PlanLine says what would happen to the rows of one collection of one store.
type PlanLine struct {
	Store      string    `json:"store"`
	Collection string    `json:"collection"`
	Action     Treatment `json:"action"`
	// Categories are the data categories (fideslang keys) of the collection's fields.
	Categories      []string   `json:"categories,omitempty"`
	RowsMatched     int64      `json:"rows_matched"`
	RowsToErase     int64      `json:"rows_to_erase"`
	RowsToRetain    int64      `json:"rows_to_retain"`
	RetainedUntil   *time.Time `json:"retained_until,omitempty"`
	Basis           string     `json:"basis,omitempty"`
	RowsToAnonymise int64      `json:"rows_to_anonymise"`
	// RowsShared counts rows that lead to others too. They are left and not among
	// those matched: a person decides about them.
	RowsShared int64 `json:"rows_shared,omitempty"`
}

// StoreResult says what was done to the rows of one collection of one store,
// and what reading back found.
type StoreResult struct {
	Store          string     `json:"store"`
	Collection     string     `json:"collection"`
	Action         Treatment  `json:"action"`
	RowsMatched    int64      `json:"rows_matched"`
	RowsErased     int64      `json:"rows_erased"`
	RowsAnonymised int64      `json:"rows_anonymised"`
	RowsRetained   int64      `json:"rows_retained"`
	RetainedUntil  *time.Time `json:"retained_until,omitempty"`
	Basis          string     `json:"basis,omitempty"`
	VerifiedAt     *time.Time `json:"verified_at,omitempty"`
	ResidualRows   int64      `json:"residual_rows"`
}
