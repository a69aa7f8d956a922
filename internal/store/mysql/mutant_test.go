package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
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

func (m joinsWrongly) OneOf(q *sqlstore.Query, e sqlstore.Expression, _ []string, fold bool) string {
	e.SQL, e.Type, e.Collation = "kind", "int(11)", ""
	return m.Dialect.OneOf(q, e, []string{"1"}, fold)
}

func (takesNamesakes) OneOf(q *sqlstore.Query, e sqlstore.Expression, values []string, _ bool) string {
	return fmt.Sprintf("%s LIKE CONCAT(%s, '%%')", e.SQL, q.Arg(values[len(values)-1]))
}

// TestMutants: a dropped WHERE, a wrong join and a namesake are stopped by what
// the plan had counted, and nobody's rows have been destroyed.
func TestMutants(t *testing.T) {
	t.Parallel()
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
				t.Parallel()
				d := mysqltest.New(t, `CREATE TABLE a (owner varchar(9), kind int); INSERT INTO a SELECT CONCAT('p', seq % 12), 1 FROM seq_1_to_48;
					CREATE TABLE b (owner varchar(9), kind int, v text); INSERT INTO b SELECT CONCAT('p', seq % 12), 1, 'v' FROM seq_1_to_48;
					CREATE TABLE c (id int PRIMARY KEY AUTO_INCREMENT, owner varchar(9), kind int, v text); INSERT INTO c SELECT NULL, CONCAT('p', seq % 12), 1, 'v' FROM seq_1_to_48;
					CREATE TABLE e (id int PRIMARY KEY AUTO_INCREMENT, owner varchar(9), kind int); INSERT INTO e SELECT NULL, CONCAT('p', seq % 12), 1 FROM seq_1_to_48`)
				m := mapOf(t, `
      - {name: a, habeas: {erasure: delete}, fields: [{name: owner}, {name: kind}]}
      - {name: b, habeas: {erasure: anonymise}, fields: [{name: owner}, {name: v, habeas: {anonymise: {strategy: "null"}}}]}
      - {name: c, habeas: {erasure: anonymise}, fields: [{name: owner}, {name: v, habeas: {anonymise: {strategy: hash, basis: b}}}]}
      - {name: e, habeas: {erasure: delete}, fields: [{name: owner}, {name: kind}]}
`)
				concerned := map[string]string{"no WHERE, deleting": "ae", "no WHERE, updating": "b", "no WHERE, replacing": "c"}
				for _, table := range []string{"a", "b", "c", "e"} {
					targets := []store.Target{target(t, m, table, "owner", "p1")}
					plan, err := open(t, d, mysql.Options{}).Survey(t.Context(), targets, now)
					if err != nil {
						t.Fatal(err)
					}
					most := map[datamap.Address]int64{targets[0].Address: plan[0].Erased + plan[0].Anonymised}
					if name == "a namesake came late" {
						d.Exec(t, fmt.Sprintf("INSERT INTO %s (owner, kind) VALUES ('p1', 2)", table))
						d.Exec(t, map[string]string{"b": "UPDATE b SET v = 'w'", "c": "UPDATE c SET v = 'w'"}[table])
					}
					others := fmt.Sprintf("SELECT * FROM %s WHERE owner <> 'p1' ORDER BY 1, 2", table)
					before := d.Rows(t, others)
					_, err = mysql.OpenMutant(t, d.URL(), batch, mutate).Erase(t.Context(), targets, now, store.Watch{AtMost: most})
					if err == nil && name == "no WHERE, updating" {
						// The server counts no row that is null already, so that the mistake goes
						// unseen until the rows are read back.
						if read, failed := open(t, d, mysql.Options{}).Verify(t.Context(), targets, now); failed != nil || read[0].Residual > 0 {
							err = store.ErrExceeds
						}
					}
					tables, some := concerned[name]
					if hit := !some || strings.Contains(tables, table); hit && !errors.Is(err, store.ErrExceeds) || !hit && err != nil {
						t.Errorf("%s: got %v, want ErrExceeds where the mistake is", table, err)
					}
					changed := 0
					after := d.Rows(t, others)
					for i := range after {
						if len(after) != len(before) || after[i] != before[i] {
							changed++
						}
					}
					// A value that is replaced tells nobody whose it was: in batches, as many may
					// have been as the plan allows.
					destroys := table == "a" || table == "e"
					if allowed := int(most[targets[0].Address]); changed > 0 && (batch == 100 || destroys || changed > allowed) {
						t.Errorf("%s: %d rows of others have changed", table, changed)
					}
				}
			})
		}
	}
}
