package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Survey counts what Erase would do, in one snapshot. It fails with
// [store.ErrSchema] where an erasure would fail half-way or reach rows that are
// not meant: by a foreign key from a table outside the map, by a cascade, by a
// trigger that nobody has accepted, where rows that stay refer to rows that
// would go, or where a constraint forbids what a value is to be replaced with.
func (s *Store) Survey(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	var tallies []store.Tally
	err := s.db.Read(ctx, func(tx Tx) error {
		p, err := s.prepare(ctx, tx, targets)
		if err != nil {
			return err
		}
		tallies, err = s.counted(ctx, tx, p, now)
		return err
	})
	return tallies, err
}

// Verify counts the rows that should be gone, or replaced, and are not.
func (s *Store) Verify(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	var tallies []store.Tally
	err := s.db.ReadBack(ctx, func(tx Tx) error {
		tables, err := s.tables(ctx, tx, targets)
		if err != nil {
			return err
		}
		tallies = nil
		for _, t := range tables {
			tally, err := s.count(ctx, tx, t, nil, now)
			if err != nil {
				return fmt.Errorf("reading back %s: %w", t, err)
			}
			tally.Residual = tally.Erased + tally.Anonymised + tally.Archived
			tally.Erased, tally.Anonymised, tally.Archived = 0, 0, 0
			tallies = append(tallies, tally)
		}
		return nil
	})
	return tallies, err
}

// prepare plans an erasure and refuses what must stop one.
func (s *Store) prepare(ctx context.Context, tx Tx, targets []store.Target) (*plan, error) {
	for _, t := range targets {
		if err := t.Validate(); err != nil {
			return nil, err
		}
	}
	catalog, err := s.db.Catalog(ctx, tx, targets)
	if err != nil {
		return nil, err
	}
	if err := s.complete(catalog.Tables); err != nil {
		return nil, err
	}
	var faults []store.Fault
	for _, t := range catalog.Tables {
		faults = append(faults, s.faults(t)...)
	}
	p := newPlan(catalog.Tables, catalog.Keys)
	faults = slices.Concat(faults, s.triggers(catalog), strangers(catalog), archived(catalog), s.rings(p))
	if err := asFailure(faults); err != nil {
		return nil, err
	}
	return p, nil
}

// counted counts each table and looks for what stands in the way of its rows.
func (s *Store) counted(ctx context.Context, tx Tx, p *plan, now time.Time) ([]store.Tally, error) {
	tallies := make([]store.Tally, len(p.tables))
	for i, t := range p.tables {
		var keys []ForeignKey
		for _, k := range p.keys {
			if k.Parent == t.ID && !k.Cuts && len(t.Target.Matches) > 0 {
				keys = append(keys, k)
			}
		}
		tally, err := s.count(ctx, tx, t, p.links(keys, now), now)
		if err != nil {
			return nil, fmt.Errorf("counting rows of %s: %w", t, err)
		}
		if err := s.violated(ctx, tx, t, now); err != nil {
			return nil, err
		}
		tallies[i] = tally
	}
	return tallies, nil
}

// links returns keys with the condition that the referring row lets go of its
// parent.
func (p *plan) links(keys []ForeignKey, now time.Time) []Link {
	all := make([]Link, len(keys))
	for i, k := range keys {
		all[i] = Link{Key: k, Child: p.table(k.Child), Condition: released(p.table(k.Child), k, now)}
	}
	return all
}

// released writes the condition that a referring row lets go of its parent:
// because it goes itself, or because its reference is set to null.
func released(t *Table, k ForeignKey, now time.Time) Condition {
	return func(q *Query, alias string) (string, error) {
		if t.Destroys() {
			return due(t, now)(q, alias)
		}
		if t.Target.Treatment == dsr.Anonymise {
			for _, f := range t.replacements() {
				for _, name := range k.Columns {
					if f.Name == name && f.Anonymise.Strategy == datamap.Null {
						return q.Matches(t, alias)
					}
				}
			}
		}
		return "false", nil
	}
}

// Blocked writes how many rows refer to rows p for which the condition holds and
// are not released.
func (q *Query) Blocked(l Link, parent *Table, condition string) (string, error) {
	released, err := l.Condition(q, "c")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(SELECT count(*) FROM %s JOIN %s ON %s WHERE %s AND NOT coalesce(%s, false))",
		q.From(l.Child, "c"), q.From(parent, "p"), q.Join(l.Key, "c", "p"), condition, released), nil
}

// blockedError says what stands in the way.
func blockedError(l Link, parent *Table, n int64) error {
	fate := "that stay refer to"
	if l.Key.Cascades {
		fate = "that are not meant would go with"
	}
	return fmt.Errorf("%w: %d rows of %s %s rows of %s (%s): anonymise %s instead of deleting from it, or let the key set null",
		store.ErrSchema, n, l.Child, fate, parent, l.Key.Name, parent)
}

// count counts the rows of one target, in one statement. It fails if rows that
// refer to them by the links would stand in the way.
func (s *Store) count(ctx context.Context, tx Tx, t *Table, links []Link, now time.Time) (store.Tally, error) {
	tally := store.Tally{Address: t.Target.Address}
	if len(t.Target.Matches) == 0 {
		return tally, nil
	}
	if t.Target.Treatment == dsr.Anonymise && t.computed() {
		return s.countComputed(ctx, tx, t)
	}
	q := NewQuery(s.dialect)
	sql, err := q.counting(t, links, now)
	if err != nil {
		return tally, err
	}
	var done int64
	var last, first *time.Time
	blocked := make([]int64, len(links))
	dest := []any{&tally.Matched, &done, &tally.Retained, &last, &first}
	for i := range blocked {
		dest = append(dest, &blocked[i])
	}
	text, args := q.SQL(sql)
	if err := tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(dest...) }); err != nil {
		return tally, err
	}
	for i, n := range blocked {
		if n > 0 {
			return tally, blockedError(links[i], t, n)
		}
	}
	switch t.Target.Treatment {
	case dsr.Anonymise:
		tally.Anonymised = done
	case dsr.Archive:
		tally.Archived, tally.Erased, tally.Retained = tally.Retained, done-tally.Retained, 0
	default:
		tally.Erased = done
	}
	if last != nil && first != nil {
		tally.RetainedUntil, tally.NextDue = last.UTC(), first.UTC()
	}
	return tally, nil
}

// counting writes the statement of count.
func (q *Query) counting(t *Table, links []Link, now time.Time) (string, error) {
	matches, err := q.Matches(t, "t")
	if err != nil {
		return "", err
	}
	undone, err := q.undone(t, "t", now)
	if err != nil {
		return "", err
	}
	list := []string{"count(*)", "count(CASE WHEN undone THEN 1 END)", "count(CASE WHEN kept THEN 1 END)"}
	kept, err := q.kept(t, "t", now)
	if err != nil {
		return "", err
	}
	inner := undone + " AS undone, " + kept + " AS kept"
	if t.Target.Treatment == dsr.Retain {
		until, err := q.until(t, "t")
		if err != nil {
			return "", err
		}
		inner += ", " + until + " AS until"
		list = append(list, q.Latest("until", "kept"), q.Earliest("until", "kept"))
	} else {
		list = append(list, "NULL", "NULL")
	}
	for _, l := range links {
		going, err := due(t, now)(q, "p")
		if err != nil {
			return "", err
		}
		blocked, err := q.Blocked(l, t, going)
		if err != nil {
			return "", err
		}
		list = append(list, blocked)
	}
	return fmt.Sprintf("SELECT %s FROM (SELECT %s FROM %s WHERE %s) AS r", strings.Join(list, ", "), inner, q.From(t, "t"), matches), nil
}

// countComputed reads the rows of a target whose values are replaced by computed
// ones, and counts those that are not yet.
func (s *Store) countComputed(ctx context.Context, tx Tx, t *Table) (store.Tally, error) {
	tally := store.Tally{Address: t.Target.Address}
	all, columns, err := s.replacers(ctx, tx, t)
	if err != nil {
		return tally, err
	}
	q := NewQuery(s.dialect)
	matches, err := q.Matches(t, "t")
	if err != nil {
		return tally, err
	}
	dest, row := Listing(t, columns)
	sql, args := q.SQL("SELECT " + strings.Join(q.Listed(t, columns, "t"), ", ") + " FROM " + q.From(t, "t") + " WHERE " + matches)
	err = tx.Query(ctx, sql, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		tally.Matched++
		if _, changed := replaced(all, row()); changed {
			tally.Anonymised++
		}
		return nil
	})
	return tally, err
}
