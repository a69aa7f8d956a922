// Package store is the contract of a data store: a place in which a controller
// or its processor keeps personal data, and in which Habeas finds, erases and
// reads back. One package below this one implements each kind; storetest holds
// the suite that every kind passes.
//
// A store never decides what happens to a row. It is given [Target]s, which say
// for each collection which rows are meant and what is to be done to them, and
// answers with [Tally]s, which say what it found and did. Values of targets and
// rows are personal data: they pass through memory and rest sealed.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

// Kinds of failure on which a caller decides. A store wraps them with what it
// was doing; the text of its errors never contains a value of a row.
var (
	// ErrDenied: the store refused for lack of a right. Trying again does not help.
	ErrDenied = errors.New("the data store denied access")
	// ErrSchema: the store does not have what the data map says, or a constraint
	// forbids what was planned. Trying again does not help.
	ErrSchema = errors.New("the data store does not match the data map")
	// ErrExceeds: more rows would be changed than the plan allows. Nothing of that
	// batch was; a person must look.
	ErrExceeds = errors.New("more rows would be changed than the plan allows")
	// ErrUnavailable: the store cannot be reached now. Try again later.
	ErrUnavailable = errors.New("the data store cannot be reached")
)

// Match restricts a collection to the rows whose Field has one of Values.
type Match struct {
	Field  string `json:"field"`
	Values []any  `json:"values"`
	// Fold makes upper and lower case alike: people write mail addresses and account
	// names in either.
	Fold bool `json:"fold,omitempty"`
	// All, if there is any, means the rows for which each of these matches holds, as
	// the parts of a composite key; Field and Values are then empty, so that a store
	// which knows nothing of it has a field that does not exist.
	All []Match `json:"all,omitempty"`
}

// Keep says which of the matched rows must stay for now: those for which From
// plus Period lies after the time of the call. Rows older than that are erased.
type Keep struct {
	// Rule is the id of the retention rule in the policy.
	Rule string `json:"rule"`
	// From is the field that holds the date on which the period starts.
	From string `json:"from"`
	// Period is an ISO 8601 duration of years, months or days, such as P10Y.
	Period string `json:"period"`
	// FromYearEnd makes the period start at the end of the calendar year of From.
	FromYearEnd bool `json:"from_year_end,omitempty"`
	// Basis is the legal basis as it is told to the data subject.
	Basis string `json:"basis"`
}

// Target is the rows of one collection that belong to a data subject, and what
// is to be done to them. Matches are alternatives: a row is meant when any of
// them holds. A target without matches means no row.
type Target struct {
	Collection *datamap.Collection `json:"-"`
	Address    datamap.Address     `json:"address"`
	Treatment  dsr.Treatment       `json:"treatment"`
	Matches    []Match             `json:"matches"`
	Keep       *Keep               `json:"keep,omitempty"`
	// Shared counts rows that lead to the data subject and to others too. They are
	// not among those that are meant: a person decides about them.
	Shared int64 `json:"shared,omitempty"`
	// Left says why the rows are left although the data map does not say so.
	Left dsr.LeftBecause `json:"left,omitempty"`
	// Reached says how the search came here, for people to read.
	Reached Reached `json:"reached,omitzero"`
}

// Reached says how the rows of a collection were found, in names of fields and
// never in values.
type Reached struct {
	// Ways are those that led here, each from the collection back to where the search
	// began: "posts.author ← people.id; people.email ← identity email".
	Ways []string `json:"ways,omitempty"`
	// Cut are ways that were not followed, each with the reason.
	Cut []string `json:"cut,omitempty"`
	// Needs are the identity keys that would lead here, where nothing known does.
	Needs []string `json:"needs,omitempty"`
}

// Tally is what a store found, did or found again for one target.
type Tally struct {
	Address    datamap.Address
	Matched    int64 // rows that belong to the data subject
	Erased     int64 // rows destroyed by this call, or that an erasure would destroy
	Anonymised int64 // rows anonymised by this call, or that an erasure would anonymise
	Archived   int64 // rows moved to their archive by this call, or that an erasure would move
	Retained   int64 // rows that must stay for now
	// RetainedUntil is the latest day on which a retained row may go; NextDue the
	// earliest. Zero if none is retained.
	RetainedUntil time.Time
	NextDue       time.Time
	// Residual counts rows that should be gone and are not. Only [Store.Verify] sets it.
	Residual int64
}

// Row is the fields asked for of one row, by field name.
type Row map[string]any

// Fault is something wrong with a store, found without touching data.
type Fault struct {
	// Collection and Field are empty for a fault of the whole store.
	Collection string
	Field      string
	Problem    string
	Hint       string
}

// Store is a data store. Every method may be called again after a crash at any
// moment; calls for different requests may run at once.
//
// What only some kinds can do is declared by [Abilities], so that a caller knows
// before it plans and not from an error while it acts.
type Store interface {
	// Name is the name of the store in the configuration.
	Name() string
	// Abilities says what stores of this kind can do. It does not change.
	Abilities() Abilities
	// Check looks for everything that would make the other methods fail for the
	// given collections. It returns an error only where it could not look.
	Check(ctx context.Context, collections []*datamap.Collection) ([]Fault, error)
	// Find yields the named fields of the rows that the target's matches mean, in
	// no particular order and without keeping them. It stops at the first error of
	// yield. It is for following references, and yields secret fields too: what
	// anybody is shown comes from Export.
	Find(ctx context.Context, target Target, fields []string, yield func(Row) error) error
	// Export gives the rows that the target means to the sink, each once, without
	// keeping them: memory does not grow with their number. fields are those that
	// are wanted, nil all of the collection's but for secret ones, which are
	// refused with [ErrSchema] if they are asked for.
	Export(ctx context.Context, target Target, fields []string, sink Sink) error
	// Survey says what Erase would do to the targets at the time now. It changes
	// nothing, and fails with [ErrSchema] for every reason that would make Erase
	// fail half-way: that is found when the plan is made.
	Survey(ctx context.Context, targets []Target, now time.Time) ([]Tally, error)
	// Erase does to the targets what they ask for, in the order that the store
	// needs and in batches, reading each row's condition again inside the
	// transaction that changes it. Calling it again with the same targets is
	// harmless. Its tallies include what watch.Since says was done before.
	Erase(ctx context.Context, targets []Target, now time.Time, watch Watch) ([]Tally, error)
	// Verify reads the targets back by the values that selected them, from the
	// primary. A tally with Residual 0 is the proof that nothing is left that
	// should not be.
	Verify(ctx context.Context, targets []Target, now time.Time) ([]Tally, error)
	// Close releases connections.
	Close() error
}
