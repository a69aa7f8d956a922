package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// schema is a random application: tables of rows that belong to people and
// refer to each other.
type schema struct {
	tables int
	sql    strings.Builder
	// crossing is set if a row refers to another person's, hard if a cycle of
	// tables cannot be cut: then an erasure may have to be refused.
	crossing, hard bool
}

const (
	people       = 4
	rowsOfPerson = 6
)

// randomSchema makes a schema with its rows.
func randomSchema(r *rand.Rand) *schema {
	s := &schema{tables: 2 + r.IntN(4)}
	var keys strings.Builder
	for i := range s.tables {
		columns := []string{"id int PRIMARY KEY", "owner int", "note text", "UNIQUE (owner, id)"}
		values := []string{"g", fmt.Sprintf("1 + (g - 1) / %d", rowsOfPerson), "md5(g::text)"}
		for k := range r.IntN(3) {
			parent, nullable := r.IntN(s.tables), r.IntN(3) > 0
			action := []string{"NO ACTION", "RESTRICT", "CASCADE"}[r.IntN(3)]
			deferred := ""
			if action != "RESTRICT" {
				deferred = []string{"", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"}[r.IntN(3)]
			}
			if !nullable && parent >= i {
				s.hard = true // may close a cycle that cannot be cut
			}
			// A row of the same person in the parent table, or now and then anybody's.
			value := fmt.Sprintf("(g - 1) / %d * %d + 1 + (g * %d) %% %d", rowsOfPerson, rowsOfPerson, 1+r.IntN(7), rowsOfPerson)
			composite := r.IntN(3) == 0
			if !composite && r.IntN(12) == 0 {
				value, s.crossing = fmt.Sprintf("1 + (g * %d) %% %d", 1+r.IntN(7), people*rowsOfPerson), true
			}
			null := " NOT NULL"
			if nullable {
				null = ""
				value = fmt.Sprintf("CASE WHEN g %% 3 > 0 THEN %s END", value)
			}
			columns = append(columns, fmt.Sprintf("r%d int%s", k, null))
			values = append(values, value)
			from, to := fmt.Sprintf("r%d", k), "id"
			if composite {
				from, to = "owner, "+from, "owner, id"
			}
			fmt.Fprintf(&keys, "ALTER TABLE t%d ADD FOREIGN KEY (%s) REFERENCES t%d (%s) ON DELETE %s%s;\n", i, from, parent, to, action, deferred)
		}
		fmt.Fprintf(&s.sql, "CREATE TABLE t%d (%s);\nINSERT INTO t%d SELECT %s FROM generate_series(1, %d) g;\n",
			i, strings.Join(columns, ", "), i, strings.Join(values, ", "), people*rowsOfPerson)
	}
	s.sql.WriteString(keys.String())
	return s
}

// dump writes all rows of the people for whom the condition holds.
func (s *schema) dump(condition string) string {
	var parts []string
	for i := range s.tables {
		parts = append(parts, fmt.Sprintf("SELECT 't%d ' || t::text AS row FROM t%d t WHERE %s", i, i, condition))
	}
	return strings.Join(parts, " UNION ALL ") + " ORDER BY row"
}

// TestRandomSchemas: after an erasure nothing of the subject is left and every
// other row is as it was; or the erasure was refused, and nothing has changed.
func TestRandomSchemas(t *testing.T) {
	t.Parallel()
	refused := 0
	d := newDatabase(t, "")
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomSchema(r)
		d.exec(t, "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"+s.sql.String())
		var collections strings.Builder
		for i := range s.tables {
			fmt.Fprintf(&collections, "      - {name: t%d, habeas: {erasure: delete}, fields: [{name: owner}]}\n", i)
		}
		m, subject := mapOf(t, collections.String()), 1+r.IntN(people)
		var targets []store.Target
		for i := range s.tables {
			targets = append(targets, target(t, m, fmt.Sprintf("t%d", i), "owner", subject))
		}
		batch := []int{0, 1, 4}[r.IntN(3)]
		all := d.rows(t, s.dump("true"))
		others := d.rows(t, s.dump(fmt.Sprintf("owner <> %d", subject)))
		opened := d.open(t, postgres.Options{Batch: batch, Connections: 1})
		exported := map[string]int64{}
		for _, target := range targets {
			var rows storetest.Rows
			if err := opened.Export(t.Context(), target, nil, &rows); err != nil {
				t.Fatal(err)
			}
			exported[target.Address.Collection] = int64(len(rows.Values))
		}
		done, err := eraseDying(t, opened, targets, r)
		for i, tally := range done {
			if tally.Erased+tally.Retained != exported[targets[i].Address.Collection] {
				t.Errorf("seed %d, batch %d: %d rows exported, %+v", seed, batch, exported[targets[i].Address.Collection], tally)
			}
		}
		left := d.rows(t, s.dump("true"))
		switch {
		case err == nil:
			if diff := cmp.Diff(others, left); diff != "" {
				t.Errorf("seed %d, batch %d: %s\n%s", seed, batch, diff, s.sql.String())
			}
			requireVerified(t, opened, targets)
		case !s.crossing && !s.hard:
			t.Errorf("seed %d, batch %d: refused without need: %v\n%s", seed, batch, err, s.sql.String())
		default:
			refused++
			if s.crossing && batch == 0 && !cmp.Equal(all, left) {
				t.Errorf("seed %d: refused and changed: %s", seed, cmp.Diff(all, left))
			}
			if diff := cmp.Diff(others, d.rows(t, s.dump(fmt.Sprintf("owner <> %d", subject)))); diff != "" {
				t.Errorf("seed %d, batch %d: %s", seed, batch, diff)
			}
		}
		_ = opened.Close()
	}
	t.Logf("%d of 60 erasures were refused", refused)
}

// eraseDying erases and dies before the commit of some batch, again and again, a
// little later each time, until it ends or is refused.
func eraseDying(t *testing.T, s store.Store, targets []store.Target, r *rand.Rand) ([]store.Tally, error) {
	t.Helper()
	died := errors.New("died")
	var since store.Progress
	for lives := 1 + r.IntN(3); ; lives += 1 + r.IntN(3) {
		batches := 0
		done, err := s.Erase(t.Context(), targets, now, store.Watch{
			Since: since,
			Save:  func(_ context.Context, p store.Progress) error { since = p; return nil },
			Permit: func(context.Context) error {
				if batches++; batches > lives {
					return died
				}
				return nil
			},
		})
		if !errors.Is(err, died) {
			return done, err
		}
	}
}

// TestInterruptedErasureGoesOn: a call that ends after any batch leaves a state
// from which the next one ends in the same result.
func TestInterruptedErasureGoesOn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, forum)
	s, targets := d.open(t, postgres.Options{Batch: 1}), forumTargets(t)
	for calls := 1; ; calls++ {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Erase(ctx, targets, now, store.Watch{Save: func(context.Context, store.Progress) error { cancel(); return nil }})
		cancel()
		if err == nil {
			if calls < 8 {
				t.Errorf("ended after %d calls, want one for each of eight rows", calls)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	requireVerified(t, s, targets)
}
