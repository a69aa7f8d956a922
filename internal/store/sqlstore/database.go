// Package sqlstore is what all kinds of SQL data store have in common: the order
// in which tables are erased, what must stop a plan, the batches, how a value is
// replaced, and how a person's values are looked for. A kind adds a [Database],
// which runs statements, and a [Dialect], which writes what differs.
//
// A collection is a table, its dataset's namespace the schema; a field is a
// column, and a dotted field a path of objects within a JSON column. Identifiers
// are quoted by the dialect, values only ever go into parameters.
//
// Everything that belongs together is read in one snapshot, and rows are changed
// within one, so that a row which somebody adds meanwhile is never taken along.
package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/soffiah/habeas/internal/store"
)

// Tx is a transaction. Its errors are of the kinds of the contract and hold no
// value of a row.
type Tx interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Query calls row for each row of the result. scan takes as many destinations
	// as there are columns: *string, *int64, *time.Time, pointers to those for what
	// may be null, or *any.
	Query(ctx context.Context, sql string, args []any, row func(scan func(dest ...any) error) error) error
}

// Database runs transactions.
type Database interface {
	// Read runs f in a transaction that sees one state of the database and cannot
	// change it.
	Read(ctx context.Context, f func(Tx) error) error
	// ReadBack is Read on the primary: a replica lags behind and proves nothing.
	ReadBack(ctx context.Context, f func(Tx) error) error
	// Change runs f in a transaction and commits. If it clashes with another, f may
	// be run again from the start.
	Change(ctx context.Context, f func(Tx) error) error
	// Tables describes the tables of targets by their columns and primary keys, in
	// their order and in one statement. One that is not there has the ID 0.
	Tables(ctx context.Context, tx Tx, targets []store.Target) ([]*Table, error)
	// Catalog is Tables with archives and everything that a plan must heed, in no
	// more than four statements.
	Catalog(ctx context.Context, tx Tx, targets []store.Target) (Catalog, error)
}

// Dialect writes the parts of statements that differ between databases.
type Dialect interface {
	// Quote quotes an identifier.
	Quote(name string) string
	// Placeholder writes the n-th parameter, counted from 1.
	Placeholder(n int) string
	// Path writes the text at a path of objects within a JSON expression.
	Path(q *Query, sql string, path []string) string
	// Readable writes an expression so that the driver makes a value of Go of it.
	Readable(e Expression) string
	// Text writes an expression as text: so that Value turns it back into the same.
	Text(e Expression) string
	// Value writes a text, or null, as a value for a column.
	Value(q *Query, c Column, text *string) string
	// Takes reports whether a column gives a text back as it was written into it. The
	// answer may be true where the database itself refuses to write others.
	Takes(c Column, text string) bool
	// OneOf writes that e has one of the values, so that an index on the column can
	// serve, blind to case if fold is set. Values that the column cannot hold equal
	// nothing in it and are left out; "" if none is left.
	OneOf(q *Query, e Expression, values []string, fold bool) string
	// Contains writes that the text of e contains one of the needles, which are in
	// lower case, whatever the case of its letters.
	Contains(q *Query, e Expression, needles []string) string
	// Differs writes that two expressions are not the same, where null is like null.
	Differs(a, b string) string
	// Until writes the moment from which a retained row may go, null if the row
	// does not say when its period begins; After that it is later than now.
	Until(q *Query, e Expression, k store.Keep) string
	After(q *Query, until string, now time.Time) string
	// Latest and Earliest write the aggregates of moments for which the condition
	// holds, without those at infinity.
	Latest(until, condition string) string
	Earliest(until, condition string) string
	// Defer is the statement that puts the checks of foreign keys off to the end of
	// the transaction, empty if each row is checked when it goes: then a cycle that
	// cannot be cut is refused.
	Defer() string
	// Remove destroys, or moves, the next rows of a table.
	Remove(ctx context.Context, tx Tx, r Removal) (Removed, error)
	// Page reads the next rows that are to be replaced, and Replace writes them.
	Page(ctx context.Context, tx Tx, p Page) ([]Paged, error)
	Replace(ctx context.Context, tx Tx, r Replacing) (int64, error)
	// Update sets columns of the next rows for which the condition holds.
	Update(q *Query, t *Table, set []string, condition func(alias string) (string, error), limit int64) (string, error)
}

// Condition writes a condition on the row of an alias.
type Condition func(q *Query, alias string) (string, error)

// Removal is the rows of one batch that go.
type Removal struct {
	Table *Table
	// Due holds for the rows that go.
	Due Condition
	// Own holds for the data subject's rows. It is looked at once more for every row
	// that went: a mistake in the statement must not reach anybody else's.
	Own Condition
	// Archived holds for those of them that are added to the table's archive; nil if
	// it has none.
	Archived Condition
	// Limit is how many go at most, 0 for all in one statement.
	Limit int64
	// Cuts are references to the rows that must be set to null first: of rows that
	// go later, for which Condition holds.
	Cuts []Link
	// Cascades are references by which other rows would go too. Condition holds for
	// those that may.
	Cascades []Link
}

// Link is a foreign key with a condition on the rows that refer.
type Link struct {
	Key       ForeignKey
	Child     *Table
	Condition Condition
}

// Removed is what came of a [Removal].
type Removed struct {
	Rows int64
	// Archived is how many of them were added to the archive.
	Archived int64
	// Strays is how many rows went for which Own does not hold. If there is one the
	// transaction must not be committed.
	Strays int64
	// Blocked counts, for each of the cascades, rows that are not meant and would
	// have gone. If there is one the transaction must not be committed.
	Blocked []int64
}

// Page asks for the next rows of a table that are to be replaced.
type Page struct {
	Table *Table
	// Due holds for rows that may have to be replaced.
	Due     Condition
	Columns []Column
	// After is the place of the last row of the page before, nil for the first.
	After []string
	Limit int64
}

// Paged is one row of a [Page].
type Paged struct {
	// Place tells the row from others within the transaction, and pages apart.
	Place []string
	// Key is the primary key, empty if there is none.
	Key string
	// Values are those of the columns, nil for null.
	Values []*string
}

// Replacing is rows that get other values.
type Replacing struct {
	Table   *Table
	Due     Condition
	Columns []Column
	Rows    []Paged
}

// attempts is how often a transaction that clashes with another is tried before
// the store is said to be unavailable.
const attempts = 5

// Retried runs a transaction, again after a while if it fails with clash because
// another was in its way.
func Retried(ctx context.Context, clash error, transaction func() error) error {
	for i := 1; ; i++ {
		err := transaction()
		if err == nil || i == attempts || !errors.Is(err, clash) {
			return err
		}
		timer := time.NewTimer(time.Duration(i*i) * 20 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Asked returns the tables of targets as the map names them, for a [Database] to
// describe.
func Asked(targets []store.Target) []*Table {
	all := make([]*Table, len(targets))
	for i, target := range targets {
		all[i] = &Table{Target: target, Schema: target.Collection.Dataset.Schema, Name: target.Collection.Name}
	}
	return all
}
