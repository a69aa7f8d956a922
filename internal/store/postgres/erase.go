package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// attempts is how often a transaction that clashes with another is tried before
// the store is said to be unavailable.
const attempts = 5

// ctids is the places of a batch of rows, as the text of a tid[]; empty for none.
type ctids string

// Erase deletes and anonymises in the order of the foreign keys. If there are
// few rows all is done in one transaction; if there are many, each batch has
// its own, so that locks are short and a crash loses one batch at most.
func (s *Store) Erase(ctx context.Context, targets []store.Target, now time.Time, watch store.Watch) ([]store.Tally, error) {
	var p *plan
	var tallies []store.Tally
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		var err error
		if p, err = s.prepare(ctx, tx, targets); err != nil {
			return err
		}
		if err := p.blockers(ctx, tx, now); err != nil {
			return err
		}
		tallies, err = p.count(ctx, tx, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	var total int64
	for _, t := range tallies {
		total += t.Erased + t.Anonymised
	}
	e := &erasure{store: s, plan: p, now: now, watch: watch, journal: store.NewJournal(watch)}
	switch {
	case total == 0:
	case p.whole || total <= int64(s.batch):
		err = e.together(ctx)
	default:
		err = e.apart(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i, t := range p.tables {
		done := e.journal.Of(t.target.Address)
		tallies[i].Erased, tallies[i].Anonymised = done.Erased, done.Anonymised
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

// report says what was committed.
func (e *erasure) report(ctx context.Context, t *table, n int64) error {
	done := store.Done{Address: t.target.Address, Erased: n}
	if !t.destroys() {
		done.Erased, done.Anonymised = 0, n
	}
	return e.journal.Add(ctx, done)
}

// together does every step in one transaction.
func (e *erasure) together(ctx context.Context) error {
	done := map[*table]int64{}
	err := e.store.change(ctx, func(tx pgx.Tx) error {
		clear(done) // a transaction that is tried again begins anew
		if e.plan.whole {
			if _, err := tx.Exec(ctx, "SET CONSTRAINTS ALL DEFERRED"); err != nil {
				return failure(ctx, err)
			}
		}
		for _, s := range e.plan.steps {
			for more := true; more; {
				n, last, err := e.batch(ctx, tx, s)
				if err != nil {
					return err
				}
				done[s.table] += n
				more = !last
			}
		}
		return e.watch.Permitted(ctx)
	})
	for _, t := range e.plan.tables {
		if err == nil {
			err = e.report(ctx, t, done[t])
		}
	}
	return err
}

// apart does every batch in a transaction of its own.
func (e *erasure) apart(ctx context.Context) error {
	for _, s := range e.plan.steps {
		for more := true; more; {
			var n int64
			var last bool
			err := e.store.change(ctx, func(tx pgx.Tx) (err error) {
				if n, last, err = e.batch(ctx, tx, s); err != nil {
					return err
				}
				return e.watch.Permitted(ctx)
			})
			if err != nil {
				return err
			}
			if err := e.report(ctx, s.table, n); err != nil {
				return err
			}
			more = !last
		}
	}
	return nil
}

// batch does the next rows of a step, and reports whether none are left.
func (e *erasure) batch(ctx context.Context, tx pgx.Tx, s step) (n int64, last bool, err error) {
	t := s.table
	if t.target.Treatment == dsr.Leave || len(t.target.Matches) == 0 {
		return 0, true, nil
	}
	if !t.destroys() {
		n, err = e.anonymise(ctx, tx, t)
	} else {
		n, err = e.destroy(ctx, tx, s)
	}
	if err != nil {
		return 0, false, fmt.Errorf("erasing from %s: %w", t, err)
	}
	return n, s.atOnce || n < int64(e.store.batch), nil
}

// limit writes how many rows a batch takes.
func (e *erasure) limit(q *query, atOnce bool) string {
	if atOnce {
		return ""
	}
	return " LIMIT " + q.arg(int64(e.store.batch)) + "::bigint"
}

// destroy deletes the next rows. The condition stands in the statement that
// deletes as well as in the choice of rows: a place (ctid) alone could mean
// another row, in a partition say.
func (e *erasure) destroy(ctx context.Context, tx pgx.Tx, s step) (int64, error) {
	q := &query{}
	due, err := q.due(s.table, "t", e.now)
	if err != nil {
		return 0, err
	}
	places := "ARRAY(SELECT t.ctid FROM " + s.table.from("t") + " WHERE " + due + e.limit(q, s.atOnce) + ")"
	if len(s.late)+len(s.cascading) > 0 {
		var batch ctids
		if err := tx.QueryRow(ctx, "SELECT "+places+"::text", q.args...).Scan(&batch); err != nil {
			return 0, failure(ctx, err)
		}
		if err := e.release(ctx, tx, s, batch); err != nil {
			return 0, err
		}
		q = &query{}
		if due, err = q.due(s.table, "t", e.now); err != nil {
			return 0, err
		}
		places = q.arg(string(batch)) + "::text::tid[]"
	}
	tag, err := tx.Exec(ctx, "DELETE FROM "+s.table.from("t")+" WHERE t.ctid = ANY ("+places+") AND "+due, q.args...)
	return tag.RowsAffected(), failure(ctx, err)
}

// release cuts what still refers to the rows of a batch, where that goes too,
// and stops if a cascade would take along a row that is not meant.
func (e *erasure) release(ctx context.Context, tx pgx.Tx, s step, batch ctids) error {
	for _, k := range s.cascading {
		n, err := e.plan.blocked(ctx, tx, k, batch, e.now)
		if err != nil {
			return err
		}
		if n > 0 {
			return blockedError(e.plan, k, n)
		}
	}
	for _, k := range s.late {
		child := e.plan.table(k.Child)
		q := &query{}
		due, err := q.due(child, "c", e.now)
		if err != nil {
			return err
		}
		set := make([]string, len(k.Cuttable))
		for i, name := range k.Cuttable {
			set[i] = pgx.Identifier{name}.Sanitize() + " = NULL"
		}
		places := q.arg(string(batch)) + "::text::tid[]"
		sql := fmt.Sprintf("UPDATE %s SET %s FROM %s WHERE %s AND %s AND p.ctid = ANY (%s)",
			child.from("c"), strings.Join(set, ", "), s.table.from("p"), k.join("c", "p"), due, places)
		if child == s.table {
			// Rows of the batch itself go in one statement; changing them would move them.
			sql += fmt.Sprintf(" AND c.ctid <> ALL (%s)", places)
		}
		if _, err := tx.Exec(ctx, sql, q.args...); err != nil {
			return failure(ctx, err)
		}
	}
	return nil
}

// anonymise replaces fields of the next rows.
func (e *erasure) anonymise(ctx context.Context, tx pgx.Tx, t *table) (int64, error) {
	q := &query{}
	due, err := q.due(t, "t", e.now)
	if err != nil {
		return 0, err
	}
	var set []string
	for _, f := range t.replacements() {
		c, _, err := t.column(f.Name)
		if err != nil {
			return 0, err
		}
		set = append(set, pgx.Identifier{c.Name}.Sanitize()+" = "+q.constant(f, c))
	}
	sql := fmt.Sprintf("UPDATE %s SET %s WHERE t.ctid = ANY (ARRAY(SELECT t.ctid FROM %s WHERE %s%s)) AND %s",
		t.from("t"), strings.Join(set, ", "), t.from("t"), due, e.limit(q, false), due)
	tag, err := tx.Exec(ctx, sql, q.args...)
	return tag.RowsAffected(), failure(ctx, err)
}

// change runs f in a transaction that may be tried again.
func (s *Store) change(ctx context.Context, f func(pgx.Tx) error) error {
	for i := 1; ; i++ {
		err := s.transaction(ctx, f)
		if err == nil || i == attempts || !errors.Is(err, errConflict) {
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

// transaction runs f once and commits.
func (s *Store) transaction(ctx context.Context, f func(pgx.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return fmt.Errorf("connecting to the data store %s: %w", s.name, failure(ctx, err))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after a commit
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing to the data store %s: %w", s.name, failure(ctx, err))
	}
	return nil
}
