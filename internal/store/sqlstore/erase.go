package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Erase destroys, moves and replaces in the order of the foreign keys. If there
// are few rows all is done in one transaction; if there are many, each batch has
// its own, so that locks are short and a crash loses one batch at most.
func (s *Store) Erase(ctx context.Context, targets []store.Target, now time.Time, watch store.Watch) ([]store.Tally, error) {
	var p *plan
	var tallies []store.Tally
	err := s.db.Read(ctx, func(tx Tx) error {
		var err error
		if p, err = s.prepare(ctx, tx, targets); err != nil {
			return err
		}
		tallies, err = s.counted(ctx, tx, p, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	e := &erasure{store: s, plan: p, now: now, watch: watch, journal: store.NewJournal(watch)}
	var total int64
	for _, t := range tallies {
		ahead := store.Done{Address: t.Address, Erased: t.Erased, Archived: t.Archived, Anonymised: t.Anonymised}
		if err := e.journal.Allows(ahead); err != nil {
			return nil, err
		}
		total += ahead.Rows()
	}
	switch {
	case total == 0:
	case p.whole || total <= int64(s.opts.Batch):
		err = e.together(ctx)
	default:
		err = e.apart(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i, t := range p.tables {
		done := e.journal.Of(t.Target.Address)
		tallies[i].Erased, tallies[i].Archived, tallies[i].Anonymised = done.Erased, done.Archived, done.Anonymised
	}
	return tallies, nil
}

// erasure is one call of Erase.
type erasure struct {
	store   *Store
	plan    *plan
	now     time.Time
	watch   store.Watch
	journal *store.Journal
}

// together does every step in one transaction.
func (e *erasure) together(ctx context.Context) error {
	var done store.Progress
	err := e.store.db.Change(ctx, func(tx Tx) error {
		done = nil // a transaction that is tried again begins anew
		if sql := e.store.dialect.Defer(); e.plan.whole && sql != "" {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		for _, s := range e.plan.steps {
			b := &batches{}
			sum := store.Done{Address: s.table.Target.Address}
			for !b.last {
				d, err := e.batch(ctx, tx, s, b)
				if err != nil {
					return err
				}
				sum = sum.Plus(d)
			}
			if err := e.journal.Allows(sum); err != nil {
				return err
			}
			done = append(done, sum)
		}
		return e.watch.Permitted(ctx)
	})
	for _, d := range done {
		if err == nil {
			err = e.journal.Add(ctx, d)
		}
	}
	return err
}

// apart does every batch in a transaction of its own.
func (e *erasure) apart(ctx context.Context) error {
	for _, s := range e.plan.steps {
		b := &batches{}
		for !b.last {
			var d store.Done
			var next batches
			err := e.store.db.Change(ctx, func(tx Tx) (err error) {
				next = *b
				if d, err = e.batch(ctx, tx, s, &next); err != nil || d.Rows() == 0 {
					return err
				}
				if err := e.journal.Allows(d); err != nil {
					return err
				}
				return e.watch.Permitted(ctx)
			})
			if err != nil {
				return err
			}
			*b = next
			if err := e.journal.Add(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// batches is how far a step has come.
type batches struct {
	after []string // the place of the last row that was read
	last  bool
}

// batch does the next rows of a step.
func (e *erasure) batch(ctx context.Context, tx Tx, s step, b *batches) (done store.Done, err error) {
	t := s.table
	done.Address = t.Target.Address
	if t.Target.Treatment == dsr.Leave || len(t.Target.Matches) == 0 {
		b.last = true
		return done, nil
	}
	switch {
	case t.Destroys():
		var r Removed
		r, err = e.destroy(ctx, tx, s)
		done.Erased, done.Archived = r.Rows-r.Archived, r.Archived
	case t.computed():
		done.Anonymised, err = e.compute(ctx, tx, t, b)
		return done, err
	default:
		done.Anonymised, err = e.anonymise(ctx, tx, t)
	}
	if err != nil {
		return done, fmt.Errorf("erasing from %s: %w", t, err)
	}
	if n := done.Rows(); n > int64(e.store.opts.Batch) && !s.atOnce {
		return done, fmt.Errorf("erasing from %s: %w: %d rows in one batch", t, store.ErrExceeds, n)
	}
	b.last = s.atOnce || done.Rows() < int64(e.store.opts.Batch)
	return done, nil
}

// destroy lets the next rows go, in one statement if the database can.
func (e *erasure) destroy(ctx context.Context, tx Tx, s step) (Removed, error) {
	t := s.table
	own := func(q *Query, alias string) (string, error) { return q.Matches(t, alias) }
	r := Removal{Table: t, Due: due(t, e.now), Own: own, Limit: int64(e.store.opts.Batch), Cascades: e.plan.links(s.cascading, e.now)}
	if s.atOnce {
		r.Limit = 0
	}
	if t.Target.Treatment == dsr.Archive {
		r.Archived = func(q *Query, alias string) (string, error) { return q.kept(t, alias, e.now) }
	}
	for _, k := range s.late {
		child := e.plan.table(k.Child)
		r.Cuts = append(r.Cuts, Link{Key: k, Child: child, Condition: due(child, e.now)})
	}
	removed, err := e.store.dialect.Remove(ctx, tx, r)
	if err != nil {
		return removed, err
	}
	if removed.Strays > 0 {
		return removed, fmt.Errorf("%w: %d rows that are not the data subject's", store.ErrExceeds, removed.Strays)
	}
	for i, n := range removed.Blocked {
		if n > 0 {
			return removed, blockedError(r.Cascades[i], t, n)
		}
	}
	return removed, nil
}

// anonymise gives the next rows what every row gets.
func (e *erasure) anonymise(ctx context.Context, tx Tx, t *Table) (int64, error) {
	q := NewQuery(e.store.dialect)
	var set []string
	for _, f := range t.replacements() {
		c, _, err := t.Column(f.Name)
		if err != nil {
			return 0, err
		}
		set = append(set, q.Quote(c.Name)+" = "+q.constant(f, c))
	}
	sql, err := q.Update(q, t, set, func(alias string) (string, error) { return due(t, e.now)(q, alias) }, int64(e.store.opts.Batch))
	if err != nil {
		return 0, err
	}
	text, args := q.SQL(sql)
	return tx.Exec(ctx, text, args...)
}

// compute reads the next rows, computes what replaces their values, and writes it.
func (e *erasure) compute(ctx context.Context, tx Tx, t *Table, b *batches) (int64, error) {
	all, columns, err := e.store.replacers(ctx, tx, t)
	if err != nil {
		return 0, err
	}
	page, err := e.store.dialect.Page(ctx, tx, Page{Table: t, Due: due(t, e.now), Columns: columns, After: b.after, Limit: int64(e.store.opts.Batch)})
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", t, err)
	}
	if b.last = len(page) < e.store.opts.Batch; len(page) > 0 {
		b.after = page[len(page)-1].Place
	}
	var rows []Paged
	for _, row := range page {
		if out, changed := replaced(all, row); changed {
			rows = append(rows, out)
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	n, err := e.store.dialect.Replace(ctx, tx, Replacing{Table: t, Due: due(t, e.now), Columns: columns, Rows: rows})
	if err != nil {
		return 0, fmt.Errorf("replacing values of %s: %w", t, err)
	}
	return n, nil
}
