package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// everywhere is a condition that somebody forgot to write.
func everywhere(*sqlstore.Query, string) (string, error) { return "true", nil }

// The mutants: each makes one mistake in how rows are chosen.
type (
	forgetsWhere   struct{ sqlstore.Dialect } // in every statement
	removesAll     struct{ sqlstore.Dialect }
	updatesAll     struct{ sqlstore.Dialect }
	replacesAll    struct{ sqlstore.Dialect }
	joinsWrongly   struct{ sqlstore.Dialect } // compares another column
	takesNamesakes struct{ sqlstore.Dialect } // compares the beginning only
)

func (forgetsWhere) OneOf(*sqlstore.Query, sqlstore.Expression, []string, bool) string { return "true" }

func (m removesAll) Remove(ctx context.Context, tx sqlstore.Tx, r sqlstore.Removal) (sqlstore.Removed, error) {
	r.Due = everywhere
	return m.Dialect.Remove(ctx, tx, r)
}

func (m updatesAll) Update(q *sqlstore.Query, t *sqlstore.Table, set []string, _ func(string) (string, error), limit int64) (string, error) {
	return m.Dialect.Update(q, t, set, func(string) (string, error) { return "true", nil }, limit)
}

func (m replacesAll) Page(ctx context.Context, tx sqlstore.Tx, p sqlstore.Page) ([]sqlstore.Paged, error) {
	p.Due = everywhere
	return m.Dialect.Page(ctx, tx, p)
}

func (m replacesAll) Replace(ctx context.Context, tx sqlstore.Tx, r sqlstore.Replacing) (int64, error) {
	r.Due = everywhere
	return m.Dialect.Replace(ctx, tx, r)
}

func (m joinsWrongly) OneOf(q *sqlstore.Query, e sqlstore.Expression, values []string, fold bool) string {
	e.SQL, e.Type = "t.\"kind\"", "integer"
	return m.Dialect.OneOf(q, e, values, fold)
}

func (takesNamesakes) OneOf(q *sqlstore.Query, e sqlstore.Expression, values []string, _ bool) string {
	return fmt.Sprintf("%s::text LIKE %s::text || '%%'", e.SQL, q.Arg(values[len(values)-1]))
}

// TestMutants: a dropped WHERE, a wrong join and a namesake are stopped by what
// the plan had counted, and nobody's rows have changed.
func TestMutants(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "")
	for name, mutate := range map[string]func(sqlstore.Dialect) sqlstore.Dialect{
		"no WHERE at all":      func(d sqlstore.Dialect) sqlstore.Dialect { return forgetsWhere{d} },
		"no WHERE, deleting":   func(d sqlstore.Dialect) sqlstore.Dialect { return removesAll{d} },
		"no WHERE, updating":   func(d sqlstore.Dialect) sqlstore.Dialect { return updatesAll{d} },
		"no WHERE, replacing":  func(d sqlstore.Dialect) sqlstore.Dialect { return replacesAll{d} },
		"another column":       func(d sqlstore.Dialect) sqlstore.Dialect { return joinsWrongly{d} },
		"a namesake":           func(d sqlstore.Dialect) sqlstore.Dialect { return takesNamesakes{d} },
		"a namesake came late": func(d sqlstore.Dialect) sqlstore.Dialect { return d },
	} {
		for _, batch := range []int{100, 3} {
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				d.exec(t, `DROP TABLE IF EXISTS a, b, c; CREATE TABLE a (owner text, kind int); INSERT INTO a SELECT 'p' || g % 12, 1 FROM generate_series(1, 48) g;
					CREATE TABLE b (owner text, kind int, v text); INSERT INTO b SELECT 'p' || g % 12, 1, 'v' FROM generate_series(1, 48) g;
					CREATE TABLE c (owner text, kind int, v text); INSERT INTO c SELECT 'p' || g % 12, 1, 'v' FROM generate_series(1, 48) g`)
				m := mapOf(t, `
      - {name: a, habeas: {erasure: delete}, fields: [{name: owner}, {name: kind}]}
      - {name: b, habeas: {erasure: anonymise}, fields: [{name: owner}, {name: v, habeas: {anonymise: {strategy: "null"}}}]}
      - {name: c, habeas: {erasure: anonymise}, fields: [{name: owner}, {name: v, habeas: {anonymise: {strategy: hash, basis: b}}}]}
`)
				for _, table := range []string{"a", "b", "c"} {
					targets := []store.Target{target(t, m, table, "owner", "p1", "1")}
					plan, err := d.open(t, postgres.Options{}).Survey(t.Context(), targets, now)
					if err != nil {
						t.Fatal(err)
					}
					most := map[datamap.Address]int64{targets[0].Address: plan[0].Erased + plan[0].Anonymised}
					if name == "a namesake came late" {
						d.exec(t, fmt.Sprintf("INSERT INTO %s (owner, kind) VALUES ('p1', 2)", table))
						d.exec(t, map[string]string{"a": "SELECT", "b": "UPDATE b SET v = 'w'", "c": "UPDATE c SET v = 'w'"}[table])
					}
					others := fmt.Sprintf("SELECT t::text FROM %s t WHERE owner <> 'p1' ORDER BY 1", table)
					before := d.rows(t, others)
					_, err = postgres.OpenMutant(t, d.url, batch, mutate).Erase(t.Context(), targets, now, store.Watch{AtMost: most})
					concerned := name != "no WHERE, deleting" && name != "no WHERE, updating" && name != "no WHERE, replacing" ||
						name == map[string]string{"a": "no WHERE, deleting", "b": "no WHERE, updating", "c": "no WHERE, replacing"}[table]
					if concerned && !errors.Is(err, store.ErrExceeds) || !concerned && err != nil {
						t.Errorf("%s: got %v, want ErrExceeds where the mistake is", table, err)
					}
					after := d.rows(t, others)
					changed := 0
					for i := range after {
						if len(after) != len(before) || after[i] != before[i] {
							changed++
						}
					}
					// A value that is replaced tells nobody whose it was: in batches, as many may
					// have been as the plan allows.
					if allowed := int(most[targets[0].Address]); changed > 0 && (batch == 100 || table == "a" || changed > allowed) {
						t.Errorf("%s: %d rows of others have changed", table, changed)
					}
				}
			})
		}
	}
}
