package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
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
	schemas      = 50
)

// randomSchema makes a schema with its rows.
func randomSchema(r *rand.Rand) *schema {
	s := &schema{tables: 2 + r.IntN(4)}
	var keys strings.Builder
	for i := range s.tables {
		columns := []string{"id int PRIMARY KEY", "owner varchar(10) COLLATE latin1_swedish_ci", "note text", "UNIQUE (owner, id)"}
		values := []string{"seq", fmt.Sprintf("CONCAT('p', 1 + (seq - 1) DIV %d)", rowsOfPerson), "md5(seq)"}
		for k := range r.IntN(3) {
			parent, nullable := r.IntN(s.tables), r.IntN(8) > 0
			action := []string{"NO ACTION", "RESTRICT", "CASCADE"}[r.IntN(3)]
			if !nullable && parent >= i {
				s.hard = true // may close a cycle that cannot be cut
			}
			// A row of the same person in the parent table, or now and then anybody's.
			value := fmt.Sprintf("(seq - 1) DIV %d * %d + 1 + (seq * %d) %% %d", rowsOfPerson, rowsOfPerson, 1+r.IntN(7), rowsOfPerson)
			composite := r.IntN(3) == 0
			if !composite && r.IntN(12) == 0 {
				value, s.crossing = fmt.Sprintf("1 + (seq * %d) %% %d", 1+r.IntN(7), people*rowsOfPerson), true
			}
			null := " NOT NULL"
			if nullable {
				null = ""
				value = fmt.Sprintf("CASE WHEN seq %% 3 > 0 THEN %s END", value)
			}
			columns = append(columns, fmt.Sprintf("r%d int%s", k, null))
			values = append(values, value)
			from, to := fmt.Sprintf("r%d", k), "id"
			if composite {
				from, to = "owner, "+from, "owner, id"
			}
			fmt.Fprintf(&keys, "ALTER TABLE t%d ADD FOREIGN KEY (%s) REFERENCES t%d (%s) ON DELETE %s;\n", i, from, parent, to, action)
		}
		fmt.Fprintf(&s.sql, "CREATE TABLE t%d (%s);\nINSERT INTO t%d SELECT %s FROM seq_1_to_%d;\n",
			i, strings.Join(columns, ", "), i, strings.Join(values, ", "), people*rowsOfPerson)
	}
	s.sql.WriteString(keys.String())
	return s
}

// dump returns all rows for which the condition holds.
func (s *schema) dump(t *testing.T, d *mysqltest.Database, condition string) []string {
	var all []string
	for i := range s.tables {
		for _, row := range d.Rows(t, fmt.Sprintf("SELECT * FROM t%d WHERE %s ORDER BY id", i, condition)) {
			all = append(all, fmt.Sprintf("t%d %s", i, row))
		}
	}
	return all
}

// clear drops all tables.
func (s *schema) clear(t *testing.T, d *mysqltest.Database) {
	sql := "SET FOREIGN_KEY_CHECKS = 0;"
	for i := range s.tables {
		sql += fmt.Sprintf("DROP TABLE t%d;", i)
	}
	d.Exec(t, sql+"SET FOREIGN_KEY_CHECKS = 1")
}

// TestRandomSchemas: after an erasure nothing of the subject is left, every other
// row is as it was, and what went is what was exported; or the erasure was
// refused, and nothing has changed.
func TestRandomSchemas(t *testing.T) {
	t.Parallel()
	refused := 0
	d := mysqltest.New(t, "")
	for seed := range uint64(schemas) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomSchema(r)
		d.Exec(t, s.sql.String())
		var collections strings.Builder
		for i := range s.tables {
			fmt.Fprintf(&collections, "      - {name: t%d, habeas: {erasure: delete}, fields: [{name: owner}]}\n", i)
		}
		m, subject := mapOf(t, collections.String()), fmt.Sprintf("p%d", 1+r.IntN(people))
		var targets []store.Target
		for i := range s.tables {
			targets = append(targets, target(t, m, fmt.Sprintf("t%d", i), "owner", subject))
		}
		batch := []int{0, 1, 4}[r.IntN(3)]
		all, others := s.dump(t, d, "true"), s.dump(t, d, fmt.Sprintf("owner <> '%s'", subject))
		opened := open(t, d, mysql.Options{Batch: batch, Connections: 1})
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
		left := s.dump(t, d, "true")
		switch {
		case err == nil:
			if diff := cmp.Diff(others, left); diff != "" {
				t.Errorf("seed %d, batch %d: %s\n%s", seed, batch, diff, s.sql.String())
			}
			requireVerified(t, opened, targets)
		case !s.crossing && !s.hard || !errors.Is(err, store.ErrSchema):
			t.Errorf("seed %d, batch %d: refused without need: %v\n%s", seed, batch, err, s.sql.String())
		default:
			refused++
			if diff := cmp.Diff(all, left); diff != "" {
				t.Errorf("seed %d, batch %d: refused and changed: %s", seed, batch, diff)
			}
		}
		_ = opened.Close()
		s.clear(t, d)
	}
	t.Logf("%d of %d erasures were refused", refused, schemas)
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
