package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/soffiah/habeas/internal/store"
)

// Rectify compares the old value within the statement that writes the new one:
// what another program writes at the same time is either seen or waits.
func (s *Store) Rectify(ctx context.Context, target store.Target, changes []store.Change, watch store.Watch) ([]store.Rectified, error) {
	if err := target.Validate(); err != nil {
		return nil, err
	}
	for _, c := range changes {
		if err := rectifiable(target, c); err != nil {
			return nil, err
		}
	}
	var t *Table
	err := s.db.Read(ctx, func(tx Tx) error {
		tables, err := s.tables(ctx, tx, []store.Target{target})
		if err != nil {
			return err
		}
		t = tables[0]
		for _, c := range changes {
			if err := s.takes(t, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]store.Rectified, len(changes))
	for i, c := range changes {
		if all[i], err = s.rectify(ctx, t, c, watch); err != nil {
			return nil, fmt.Errorf("correcting %s of %s: %w", c.Field, t, err)
		}
	}
	return all, nil
}

// rectifiable refuses what the map does not allow.
func rectifiable(target store.Target, c store.Change) error {
	f := target.Collection.Field(c.Field)
	if f == nil || f.Rectify == nil || f.Parent != nil {
		return fmt.Errorf("%s: %w: the data map does not let the field %s be corrected", target.Address, store.ErrSchema, c.Field)
	}
	if c.New == nil {
		return nil
	}
	if err := f.Rectify.Check(*c.New); err != nil {
		return fmt.Errorf("%s.%s: %w: %w", target.Address, c.Field, store.ErrSchema, err)
	}
	return nil
}

// takes refuses what the column cannot take.
func (s *Store) takes(t *Table, c store.Change) error {
	column, _, err := t.Column(c.Field)
	if err != nil {
		return err
	}
	r := &reporter{collection: t.Target.Collection.Name}
	if column.Generated {
		r.report(c.Field, "is generated from other columns", "correct those")
	}
	if c.New == nil && column.NotNull {
		r.report(c.Field, "takes no null", "give a value")
	}
	if c.New != nil && column.MaxLength > 0 && len([]rune(*c.New)) > column.MaxLength {
		r.report(c.Field, fmt.Sprintf("holds at most %d characters, and the value is longer", column.MaxLength), "shorten it")
	}
	if c.New != nil && !s.dialect.Takes(column, *c.New) {
		r.report(c.Field, "cannot hold the value", "write it as the column does")
	}
	return asFailure(r.faults)
}

// rectify makes one change in batches and reads it back.
func (s *Store) rectify(ctx context.Context, t *Table, c store.Change, watch store.Watch) (store.Rectified, error) {
	out := store.Rectified{Change: c}
	column := t.Columns[c.Field]
	same := c.Old == nil && c.New == nil || c.Old != nil && c.New != nil && *c.Old == *c.New
	if !same {
		var err error
		if out.Changed, err = s.set(ctx, t, column, c.New, watch, func(q *Query, alias string) string { return q.holds(column, alias, c.Old) }); err != nil {
			return out, err
		}
	}
	return out, s.db.ReadBack(ctx, func(tx Tx) error {
		q := NewQuery(s.dialect)
		matches, err := q.Matches(t, "t")
		if err != nil {
			return err
		}
		var total, old, current int64
		text, args := q.SQL(fmt.Sprintf("SELECT count(*), count(CASE WHEN %s THEN 1 END), count(CASE WHEN %s THEN 1 END) FROM %s WHERE %s",
			q.holds(column, "t", c.Old), q.holds(column, "t", c.New), q.From(t, "t"), matches))
		err = tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&total, &old, &current) })
		if out.Residual = old; same {
			out.Residual = 0
		}
		out.Before = max(0, current-out.Changed)
		out.Other = total - current - out.Residual
		return err
	})
}

// set gives a column a value in batches, in the rows of the target for which the
// condition holds, and returns how many those were.
func (s *Store) set(ctx context.Context, t *Table, column Column, value *string, watch store.Watch, condition func(q *Query, alias string) string) (int64, error) {
	var all int64
	for n := int64(s.opts.Batch); n == int64(s.opts.Batch); all += n {
		err := s.db.Change(ctx, func(tx Tx) error {
			q := NewQuery(s.dialect)
			sql, err := q.Update(q, t, []string{q.Quote(column.Name) + " = " + q.Value(q, column, value)}, func(alias string) (string, error) {
				matches, err := q.Matches(t, alias)
				return "(" + matches + " AND " + condition(q, alias) + ")", err
			}, int64(s.opts.Batch))
			if err != nil {
				return err
			}
			text, args := q.SQL(sql)
			if n, err = tx.Exec(ctx, text, args...); err != nil || n == 0 {
				return err
			}
			return watch.Permitted(ctx)
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// holds writes that a column has a value, or is null.
func (q *Query) holds(c Column, alias string, value *string) string {
	e := Expression{q.Name(alias, c.Name), c}
	if value == nil {
		return e.SQL + " IS NULL"
	}
	return "NOT " + q.Differs(q.Text(e), q.Text(Expression{q.Value(q, c, value), c}))
}

// Restrict sets the mark that the map declares, or lifts it.
func (s *Store) Restrict(ctx context.Context, targets []store.Target, restricted bool, watch store.Watch) ([]store.Tally, error) {
	var tables []*Table
	err := s.db.Read(ctx, func(tx Tx) (err error) {
		tables, err = s.tables(ctx, tx, targets)
		return err
	})
	if err != nil {
		return nil, err
	}
	tallies := make([]store.Tally, len(tables))
	for _, t := range tables {
		r := &reporter{collection: t.Target.Collection.Name}
		if t.Target.Collection.Restriction == nil {
			r.report("", "has no mark for restricted rows", "declare restriction in the data map")
		} else if _, _, err := t.Column(t.Target.Collection.Restriction.Field); err != nil {
			return nil, err
		} else if c, v := t.mark(restricted); v != nil && !s.dialect.Takes(c, *v) {
			r.report(c.Name, "cannot hold the mark of a restriction", "write value and release as the column writes them")
		}
		r.restricted(t)
		if err := asFailure(r.faults); err != nil {
			return nil, err
		}
	}
	for i, t := range tables {
		if tallies[i], err = s.restrict(ctx, t, restricted, watch); err != nil {
			return nil, fmt.Errorf("restricting rows of %s: %w", t, err)
		}
	}
	return tallies, nil
}

// mark returns the column that marks restricted rows, and the value for it.
func (t *Table) mark(restricted bool) (Column, *string) {
	x := t.Target.Collection.Restriction
	if restricted {
		return t.Columns[x.Field], scalar(x.Value)
	}
	return t.Columns[x.Field], scalar(x.Release)
}

// restrict marks the rows of one table in batches and reads them back.
func (s *Store) restrict(ctx context.Context, t *Table, restricted bool, watch store.Watch) (store.Tally, error) {
	tally := store.Tally{Address: t.Target.Address}
	column, value := t.mark(restricted)
	_, err := s.set(ctx, t, column, value, watch, func(q *Query, alias string) string { return "NOT (" + q.holds(column, alias, value) + ")" })
	if err != nil {
		return tally, err
	}
	return tally, s.db.ReadBack(ctx, func(tx Tx) error {
		q := NewQuery(s.dialect)
		matches, err := q.Matches(t, "t")
		if err != nil {
			return err
		}
		text, args := q.SQL(strings.Join([]string{"SELECT count(*), count(CASE WHEN NOT (", q.holds(column, "t", value), ") THEN 1 END) FROM ", q.From(t, "t"), " WHERE ", matches}, ""))
		return tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&tally.Matched, &tally.Residual) })
	})
}
