package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Options tune a store. Zero values mean what is written with each.
type Options struct {
	// Batch is how many rows one transaction changes at most, 5000. Fewer rows
	// than that, in all tables together, are changed in one transaction.
	Batch int
	// AcceptedTriggers are triggers, as "table.trigger", that a person has read
	// and found to destroy or copy no personal data. All others stop a plan.
	AcceptedTriggers []string
	// Secret is what HMACs, pseudonyms and random values are made with: without it
	// nobody can make the same. A store that has lost it cannot tell its own
	// pseudonyms from those of another.
	Secret []byte
}

// Store is an SQL database as a data store, but for what a kind adds to it.
type Store struct {
	name      string
	db        Database
	dialect   Dialect
	opts      Options
	abilities store.Abilities
}

// New returns the store on a database.
func New(name string, db Database, dialect Dialect, opts Options) *Store {
	if opts.Batch <= 0 {
		opts.Batch = 5000
	}
	s := &Store{name: name, db: db, dialect: dialect, opts: opts}
	s.abilities = store.Abilities{
		Treatments: []dsr.Treatment{dsr.Delete, dsr.Anonymise, dsr.Archive, dsr.Retain, dsr.Leave},
		Strategies: []string{datamap.Null, datamap.Constant, datamap.Random, datamap.Partial, datamap.Hash, datamap.HMAC, datamap.Pseudonym},
		// What was deleted stays in pages until they are cleared and written over, in
		// the log until it is recycled, and in backups.
		Level: store.Logical,
		Scan:  s, Rectify: s, Restrict: s,
	}
	return s
}

// Name is the name of the store in the configuration.
func (s *Store) Name() string { return s.name }

// Abilities says what can be done with the rows of tables.
func (s *Store) Abilities() store.Abilities { return s.abilities }

// Find yields the fields asked for. Numbers, booleans, times, texts, bytes and
// JSON come as Go values, every other type as the text that the database writes.
func (s *Store) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	return s.Select(ctx, target, fields, s.dialect.Readable, func(ctx context.Context, tx Tx, _ []Expression, sql string, args []any) error {
		values, dest := make([]any, len(fields)), make([]any, len(fields))
		for i := range values {
			dest[i] = &values[i]
		}
		return tx.Query(ctx, sql, args, func(scan func(...any) error) error {
			clear(values)
			if err := scan(dest...); err != nil {
				return err
			}
			row := make(store.Row, len(fields))
			for i, name := range fields {
				row[name] = values[i]
			}
			return yield(row)
		})
	})
}

// Select writes the statement that reads the fields of the rows that a target
// means, and gives it to run. A target that means no row gives a statement too.
func (s *Store) Select(ctx context.Context, target store.Target, fields []string, written func(Expression) string,
	run func(ctx context.Context, tx Tx, fields []Expression, sql string, args []any) error,
) error {
	if err := target.Validate(); err != nil {
		return err
	}
	return s.db.Read(ctx, func(tx Tx) error {
		tables, err := s.tables(ctx, tx, []store.Target{target})
		if err != nil {
			return err
		}
		t, q := tables[0], NewQuery(s.dialect)
		expressions, list := make([]Expression, len(fields)), make([]string, len(fields))
		for i, name := range fields {
			if expressions[i], err = q.Field(t, "t", name); err != nil {
				return err
			}
			list[i] = written(expressions[i])
		}
		matches, err := q.Matches(t, "t")
		if err != nil {
			return err
		}
		sql, args := q.SQL("SELECT " + strings.Join(list, ", ") + " FROM " + q.From(t, "t") + " WHERE " + matches)
		if err := run(ctx, tx, expressions, sql, args); err != nil {
			return fmt.Errorf("reading %s: %w", t, err)
		}
		return nil
	})
}

// tables describes the tables of targets for those who need every one to be there.
func (s *Store) tables(ctx context.Context, tx Tx, targets []store.Target) ([]*Table, error) {
	for _, t := range targets {
		if err := t.Validate(); err != nil {
			return nil, err
		}
	}
	tables, err := s.db.Tables(ctx, tx, targets)
	if err != nil {
		return nil, err
	}
	return tables, s.complete(tables)
}

// complete refuses tables that are missing or meant twice.
func (s *Store) complete(tables []*Table) error {
	var seen []uint64
	for _, t := range tables {
		if t.ID == 0 {
			return fmt.Errorf("%w: the data store %s has no table %s: mend the data map", store.ErrSchema, s.name, t.Name)
		}
		if slices.Contains(seen, t.ID) {
			return fmt.Errorf("%w: two collections of the data map are the table %s: merge them", store.ErrSchema, t)
		}
		seen = append(seen, t.ID)
	}
	return nil
}
