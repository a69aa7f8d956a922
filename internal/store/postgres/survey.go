package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Survey counts what Erase would do, in one snapshot. It fails with
// [store.ErrSchema] where an erasure would reach rows that are not meant: by a
// foreign key from a table outside the map, by a cascade, by a trigger that
// nobody has accepted, or where rows that stay refer to rows that would go.
func (s *Store) Survey(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	var tallies []store.Tally
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		p, err := s.prepare(ctx, tx, targets)
		if err != nil {
			return err
		}
		if err := p.blockers(ctx, tx, now); err != nil {
			return err
		}
		tallies, err = p.count(ctx, tx, now)
		return err
	})
	return tallies, err
}

// Verify counts the rows that should be gone, or anonymised, and are not.
func (s *Store) Verify(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	var tallies []store.Tally
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		if err := onPrimary(ctx, tx); err != nil {
			return err
		}
		tables, err := s.ready(ctx, tx, targets)
		if err != nil {
			return err
		}
		tallies, err = (&plan{tables: tables}).count(ctx, tx, now)
		return err
	})
	for i := range tallies {
		t := &tallies[i]
		t.Residual, t.Erased, t.Anonymised = t.Erased+t.Anonymised, 0, 0
	}
	return tallies, err
}

// onPrimary refuses a standby, which lags behind: reading back there proves nothing.
func onPrimary(ctx context.Context, tx pgx.Tx) error {
	var standby bool
	if err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return failure(ctx, err)
	}
	if standby {
		return fmt.Errorf("%w: the server is a standby: name the primary", store.ErrUnavailable)
	}
	return nil
}

// ready validates targets and finds their tables.
func (s *Store) ready(ctx context.Context, tx pgx.Tx, targets []store.Target) ([]*table, error) {
	for _, t := range targets {
		if err := t.Validate(); err != nil {
			return nil, err
		}
		for _, f := range (*Store)(nil).Abilities().Faults(t.Collection, t.Treatment) {
			return nil, fmt.Errorf("%s: %w: %s: %s", t.Address, store.ErrSchema, f.Problem, f.Hint)
		}
	}
	tables, err := s.tables(ctx, tx, targets)
	if err != nil {
		return nil, err
	}
	seen := map[uint32]bool{}
	for _, t := range tables {
		if seen[t.oid] {
			return nil, fmt.Errorf("%w: two collections of the data map are the table %s: merge them", store.ErrSchema, t)
		}
		seen[t.oid] = true
	}
	return tables, nil
}

// prepare plans an erasure and refuses what must stop one.
func (s *Store) prepare(ctx context.Context, tx pgx.Tx, targets []store.Target) (*plan, error) {
	tables, err := s.ready(ctx, tx, targets)
	if err != nil {
		return nil, err
	}
	keys, err := foreignKeys(ctx, tx, tables)
	if err != nil {
		return nil, err
	}
	faults, err := s.triggerFaults(ctx, tx, tables)
	if err != nil {
		return nil, err
	}
	faults = append(faults, strangers(tables, keys)...)
	if len(faults) > 0 {
		problems := make([]string, len(faults))
		for i, f := range faults {
			problems[i] = f.Collection + ": " + f.Problem + ": " + f.Hint
		}
		return nil, fmt.Errorf("%w: %s", store.ErrSchema, strings.Join(problems, "; "))
	}
	return newPlan(tables, keys), nil
}

// strangers reports foreign keys from tables that the map does not hold to
// tables whose rows can be deleted.
func strangers(tables []*table, keys []foreignKey) []store.Fault {
	mapped := map[uint32]*table{}
	for _, t := range tables {
		mapped[t.oid] = t
	}
	var faults []store.Fault
	for _, k := range keys {
		if mapped[k.Child] != nil {
			continue
		}
		faults = append(faults, store.Fault{
			Collection: mapped[k.Parent].target.Collection.Name,
			Problem:    fmt.Sprintf("the table %s refers to it (%s) and is not in the data map", k.ChildName, k.Name),
			Hint:       "add that table to the data map, with erasure: leave if its rows are nobody's",
		})
	}
	return faults
}

// count counts, one statement for each table.
func (p *plan) count(ctx context.Context, tx pgx.Tx, now time.Time) ([]store.Tally, error) {
	tallies := make([]store.Tally, len(p.tables))
	for i, t := range p.tables {
		tally, err := count(ctx, tx, t, now)
		if err != nil {
			return nil, fmt.Errorf("counting rows of %s: %w", t, err)
		}
		tallies[i] = tally
	}
	return tallies, nil
}

// count counts the rows of one target.
func count(ctx context.Context, tx pgx.Tx, t *table, now time.Time) (store.Tally, error) {
	tally := store.Tally{Address: t.target.Address}
	if len(t.target.Matches) == 0 {
		return tally, nil
	}
	q := &query{}
	matches, err := q.matches(t, "t")
	if err != nil {
		return tally, err
	}
	undone, err := q.undone(t, "t", now)
	if err != nil {
		return tally, err
	}
	until, kept := "NULL::timestamp", "false"
	if t.target.Treatment == dsr.Retain {
		if until, err = q.until(t, "t"); err != nil {
			return tally, err
		}
		if kept, err = q.kept(t, "t", now); err != nil {
			return tally, err
		}
	}
	sql := fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE undone), count(*) FILTER (WHERE kept),
		max(until) FILTER (WHERE kept AND isfinite(until)), min(until) FILTER (WHERE kept AND isfinite(until))
		FROM (SELECT %s AS undone, %s AS kept, %s AS until FROM %s WHERE %s) AS r`, undone, kept, until, t.from("t"), matches)
	var done int64
	var last, first *time.Time
	if err := tx.QueryRow(ctx, sql, q.args...).Scan(&tally.Matched, &done, &tally.Retained, &last, &first); err != nil {
		return tally, failure(ctx, err)
	}
	if t.target.Treatment == dsr.Anonymise {
		tally.Anonymised = done
	} else {
		tally.Erased = done
	}
	if last != nil && first != nil {
		tally.RetainedUntil, tally.NextDue = last.UTC(), first.UTC()
	}
	return tally, nil
}

// blockers fails if rows that stay refer to rows that would go: the deletion
// would fail, or a cascade would take along what is not the subject's.
func (p *plan) blockers(ctx context.Context, tx pgx.Tx, now time.Time) error {
	for _, k := range p.keys {
		if k.cuts() || len(p.table(k.Parent).target.Matches) == 0 {
			continue
		}
		n, err := p.blocked(ctx, tx, k, "", now)
		if err != nil {
			return err
		}
		if n > 0 {
			return blockedError(p, k, n)
		}
	}
	return nil
}

// blockedError says what stands in the way.
func blockedError(p *plan, k foreignKey, n int64) error {
	parent, child := p.table(k.Parent), p.table(k.Child)
	fate := "that stay refer to"
	if k.cascades() {
		fate = "that are not meant would go with"
	}
	return fmt.Errorf("%w: %d rows of %s %s rows of %s (%s): anonymise %s instead of deleting from it, or let the key set null",
		store.ErrSchema, n, child, fate, parent, k.Name, parent)
}

// blocked counts the rows that refer by k to rows which would go and do not go
// themselves. ctids, if any, restricts it to a batch of the parent's rows.
func (p *plan) blocked(ctx context.Context, tx pgx.Tx, k foreignKey, batch ctids, now time.Time) (int64, error) {
	parent, child := p.table(k.Parent), p.table(k.Child)
	q := &query{}
	going, err := q.due(parent, "p", now)
	if err != nil {
		return 0, err
	}
	released, err := q.released(child, "c", k, now)
	if err != nil {
		return 0, err
	}
	sql := fmt.Sprintf("SELECT count(*) FROM %s JOIN %s ON %s WHERE %s AND NOT coalesce(%s, false)",
		child.from("c"), parent.from("p"), k.join("c", "p"), going, released)
	if batch != "" {
		sql += " AND p.ctid = ANY (" + q.arg(string(batch)) + "::text::tid[])"
	}
	var n int64
	if err := tx.QueryRow(ctx, sql, q.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("following %s: %w", k.Name, failure(ctx, err))
	}
	return n, nil
}

// join writes the equality of a foreign key.
func (k foreignKey) join(child, parent string) string {
	parts := make([]string, len(k.Columns))
	for i := range k.Columns {
		parts[i] = quote(child, k.Columns[i]) + " = " + quote(parent, k.Keys[i])
	}
	return strings.Join(parts, " AND ")
}

// released writes the condition that a referring row lets go of its parent:
// because it goes itself, or because its reference is set to null.
func (q *query) released(t *table, alias string, k foreignKey, now time.Time) (string, error) {
	if t.destroys() {
		return q.due(t, alias, now)
	}
	if t.target.Treatment == dsr.Anonymise {
		for _, f := range t.replacements() {
			for _, name := range k.Columns {
				if f.Name == name && f.Anonymise.Strategy == datamap.Null {
					return q.matches(t, alias)
				}
			}
		}
	}
	return "false", nil
}
