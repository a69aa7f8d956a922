package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

// Level is how deep an erasure reaches by itself. What lies deeper goes when the
// operator of the store lets it: a certificate says so.
type Level string

// The levels of an erasure; each includes those before it.
const (
	// Logical: nobody can read the rows through the store any more; their bytes
	// may survive in its files until they are written over.
	Logical Level = "logical"
	// Page: the files that hold the rows do not contain their bytes any more.
	Page Level = "page"
	// Log: nor do the store's journals and replicas.
	Log Level = "log"
	// Backup: nor do its backups.
	Backup Level = "backup"
)

// Abilities is what a kind of store can do beyond what every kind must. A nil
// interface is an ability that the kind does not have.
type Abilities struct {
	// Treatments are those that Erase can carry out, dsr.Leave among them. A target
	// with another one is a fault of Check and an [ErrSchema] of Survey.
	Treatments []dsr.Treatment
	// Strategies are the ways in which fields can be anonymised, as datamap names
	// them. Another one is a fault of Check and an [ErrSchema] of Survey too.
	Strategies []string
	// Level is how deep Erase reaches.
	Level Level
	// Scan looks for a person's values wherever they may have been written.
	Scan Scanner
	// Rectify replaces wrong values.
	Rectify Rectifier
	// Restrict marks rows so that the controller's own programs leave them alone.
	Restrict Restricter
}

// Faults says what a collection asks for and the kind cannot do: a treatment, a
// strategy, a restriction or a rectification.
func (a Abilities) Faults(c *datamap.Collection, treatment dsr.Treatment) []Fault {
	var faults []Fault
	report := func(field, problem, hint string) {
		faults = append(faults, Fault{Collection: c.Name, Field: field, Problem: problem, Hint: hint})
	}
	if !slices.Contains(a.Treatments, treatment) {
		names := make([]string, len(a.Treatments))
		for i, t := range a.Treatments {
			names[i] = string(t)
		}
		report("", fmt.Sprintf("records of this kind of store cannot be treated as %q", treatment), "write erasure: "+strings.Join(names, ", "))
	}
	for _, f := range c.Fields {
		if r := f.Anonymise; r != nil && treatment == dsr.Anonymise && slices.Contains(a.Treatments, treatment) && !slices.Contains(a.Strategies, r.Strategy) {
			report(f.Name, fmt.Sprintf("this kind of store does not know the strategy %q", r.Strategy), "write one of "+strings.Join(a.Strategies, ", "))
		}
		if f.Rectify != nil && a.Rectify == nil {
			report(f.Name, "records of this kind of store cannot be corrected", "leave rectify out")
		}
	}
	if c.Restriction != nil && a.Restrict == nil {
		report(c.Restriction.Field, "records of this kind of store cannot be restricted", "leave restriction out")
	}
	return faults
}

// Wanted is a value of a person that a [Scanner] looks for.
type Wanted struct {
	// Identity says what the value is: email, name, phone.
	Identity string
	Value    string
	// Unique values belong to one person only: a hit is the person. Of others,
	// such as names, a hit may be a namesake, and a person must look.
	Unique bool
}

// Hit is a place where a value was found.
type Hit struct {
	Address datamap.Address
	Field   string
	// Identity and Unique are those of the value that was found. A place in which
	// several were found is a hit for each identity.
	Identity string
	Unique   bool
	// Own is set if the row is one that the target of its collection means, so that
	// the target's treatment says why it is still there.
	Own bool
	// Key names the row by its primary key, which is personal data. Nil if the map
	// declares none.
	Key map[string]string
}

// Scanner looks for values in somebody else's rows too: what a person wrote
// about another, what a program copied into a JSON column.
type Scanner interface {
	// Scan looks, in one pass for each target's collection, for the wanted values
	// in every field that the map marks as free text or that holds JSON; upper and
	// lower case are alike. Only whole words are hits. It stops at the first error
	// of yield.
	Scan(ctx context.Context, targets []Target, wanted []Wanted, yield func(Hit) error) error
}

// Change is a value to be replaced.
type Change struct {
	Field string `json:"field"`
	// Old is compared with what the row holds, so that what somebody else has
	// written meanwhile is not lost. New replaces it. Both are texts as the
	// column writes them; nil is null.
	Old *string `json:"old"`
	New *string `json:"new"`
}

// Rectified is what came of one [Change], counted when all was done.
type Rectified struct {
	Change Change
	// Changed rows held the old value and hold the new one.
	Changed int64
	// Before: rows that held the new value already.
	Before int64
	// Other rows hold neither; somebody else has changed them.
	Other int64
	// Residual rows still hold the old value when they are read back.
	Residual int64
}

// Rectifier replaces wrong values (Art. 16 GDPR).
type Rectifier interface {
	// Rectify makes every change to the rows that the target means, and reads them
	// back. Rows whose value is not the old one stay as they are. A field that the
	// map does not mark as rectifiable, and a value that the column cannot take,
	// are refused with [ErrSchema] before anything is changed.
	Rectify(ctx context.Context, target Target, changes []Change, watch Watch) ([]Rectified, error)
}

// Restricter restricts the processing of rows (Art. 18 GDPR) by what the map
// declares for their collection, such as a flag that the controller's programs heed.
type Restricter interface {
	// Restrict marks the rows that the targets mean, or releases them. The tallies
	// count the rows that are meant (Matched) and those that do not bear the mark as
	// asked when they are read back (Residual). A collection without a declared mark
	// is refused with [ErrSchema].
	Restrict(ctx context.Context, targets []Target, restricted bool, watch Watch) ([]Tally, error)
}
