package dsr

import "time"

// Treatment is what carrying out a right does to the rows of a collection.
type Treatment string

// The treatments of a collection under an erasure. They are what a data map
// declares and a store is asked to do.
const (
	Delete    Treatment = "delete"    // rows are destroyed
	Anonymise Treatment = "anonymise" // rows stay, fields that identify are replaced for good
	Archive   Treatment = "archive"   // rows are moved to where they are retained
	Retain    Treatment = "retain"    // rows stay until a period ends, then they are destroyed
	Leave     Treatment = "leave"     // rows are not the subject's own; they are counted and left
)

// What plans of the other rights say of a collection beside [Leave].
const (
	Export  Treatment = "export"  // rows would be given to the person (Art. 15 GDPR)
	Rectify Treatment = "rectify" // some fields may be corrected (Art. 16)
	Mark    Treatment = "mark"    // rows would bear the mark of a restriction (Art. 18)
)

// LeftBecause says why rows are left, beside that the data map says so.
type LeftBecause string

// The reasons to leave rows, for a person to look at.
const (
	SharedRows     LeftBecause = "shared_rows"     // the data map says that rows are several people's
	SharedIdentity LeftBecause = "shared_identity" // only a value leads to them that another account has too
	NotOwned       LeftBecause = "not_owned"       // the data map does not say that they are the person's own
)

// Words tells the reason to whoever reads a plan.
func (why LeftBecause) Words() string {
	switch why {
	case SharedRows:
		return "the data map says that the rows are several people's; a person decides"
	case SharedIdentity:
		return "another account bears the same value; a person decides whose they are"
	case NotOwned:
		return "the data map does not say that the rows are the person's own (rows: owned)"
	}
	return ""
}

// PlanLine says what would happen to the rows of one collection of one store.
type PlanLine struct {
	Store      string    `json:"store"`
	Collection string    `json:"collection"`
	Action     Treatment `json:"action"`
	// Categories are the data categories (fideslang keys) of the collection's fields.
	Categories   []string `json:"categories,omitempty"`
	RowsMatched  int64    `json:"rows_matched"`
	RowsToErase  int64    `json:"rows_to_erase"`
	RowsToRetain int64    `json:"rows_to_retain"`
	// RetainedFirst is the earliest day on which a retained row may go, RetainedUntil
	// the latest.
	RetainedFirst   *time.Time `json:"retained_first,omitempty"`
	RetainedUntil   *time.Time `json:"retained_until,omitempty"`
	Basis           string     `json:"basis,omitempty"`
	RowsToAnonymise int64      `json:"rows_to_anonymise"`
	// RowsToArchive counts those of RowsToRetain that are moved to their archive.
	RowsToArchive int64 `json:"rows_to_archive,omitempty"`
	// RowsShared counts rows that lead to others too. They are left and not among
	// those matched: a person decides about them.
	RowsShared  int64       `json:"rows_shared,omitempty"`
	LeftBecause LeftBecause `json:"left_because,omitempty"`
	// Reached are the ways that led to the rows, Cut those that were not followed and
	// why, Needs the identity keys that would have led here where nothing known does.
	Reached []string `json:"reached,omitempty"`
	Cut     []string `json:"cut,omitempty"`
	Needs   []string `json:"needs,omitempty"`
	// Fields are those that would be replaced, exported, corrected or set to the mark
	// of a restriction.
	Fields []PlanField `json:"fields,omitempty"`
	// Withheld fields are secret and shown to nobody.
	Withheld []string `json:"withheld,omitempty"`
}

// RowsChanged counts the rows that carrying the line out would change or destroy.
func (l PlanLine) RowsChanged() int64 { return l.RowsToErase + l.RowsToAnonymise + l.RowsToArchive }

// PlanField says what would become of one field.
type PlanField struct {
	Field string `json:"field"`
	// Becomes is what replaces the value: a strategy of the data map, or the mark of a
	// restriction.
	Becomes string `json:"becomes,omitempty"`
	// Accepts is what the value may be corrected to.
	Accepts string `json:"accepts,omitempty"`
	// Basis is why what is left of the value may stay.
	Basis string `json:"basis,omitempty"`
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
