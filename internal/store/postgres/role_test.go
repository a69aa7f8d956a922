package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// as opens the database for a new role with some rights.
func (d *database) as(t *testing.T, grants ...string) *postgres.Store {
	t.Helper()
	role := "r" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
	role = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c == '_' {
			return c
		}
		return 'x'
	}, role)
	role = role[max(0, len(role)-40):] + d.rows(t, "SELECT current_database()::text")[0]
	d.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'p'", role))
	for _, g := range grants {
		d.exec(t, fmt.Sprintf("GRANT %s TO %s", g, role))
	}
	cfg, err := pgx.ParseConfig(d.url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), "app", fmt.Sprintf("postgres://%s:p@%s:%d/%s", role, cfg.Host, cfg.Port, cfg.Database), postgres.Options{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestLeastPrivilege: for each action a role with the rights that docs/STORES.md
// names, and no more, can carry it out; one that lacks the last of them cannot.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/STORES.md")
	if err != nil {
		t.Fatal(err)
	}
	const all = "people, posts, invoices, old_invoices, visits"
	tables, err := datamap.Load(map[string][]byte{"map.yml": []byte(storetest.TablesMap)})
	if err != nil {
		t.Fatal(err)
	}
	erase := func(table, field string) func(t *testing.T, s *postgres.Store) error {
		return func(t *testing.T, s *postgres.Store) error {
			targets := []store.Target{target(t, tables, table, field, 1)}
			if strings.Contains(table, "invoices") {
				targets[0].Keep = &store.Keep{Rule: "ten", From: "issued", Period: "P10Y"}
			}
			_, err := s.Erase(t.Context(), targets, now, store.Watch{})
			return err
		}
	}
	for action, test := range map[string]struct {
		grants []string
		do     func(t *testing.T, s *postgres.Store) error
	}{
		"find, plan, verify, scan": {[]string{"SELECT ON " + all}, func(t *testing.T, s *postgres.Store) error {
			targets := []store.Target{target(t, tables, "people", "id", 1), target(t, tables, "posts", "author", 1), target(t, tables, "invoices", "person", 1)}
			_, survey := s.Survey(t.Context(), targets, now)
			_, verify := s.Verify(t.Context(), targets, now)
			find := s.Find(t.Context(), targets[0], []string{"email"}, func(store.Row) error { return nil })
			scan := s.Scan(t.Context(), targets, []store.Wanted{{Value: "x"}}, func(store.Hit) error { return nil })
			return errors.Join(survey, verify, find, scan)
		}},
		"export": {[]string{"SELECT ON " + all}, func(t *testing.T, s *postgres.Store) error {
			return s.Export(t.Context(), target(t, tables, "people", "id", 1), nil, &storetest.Rows{})
		}},
		"delete":    {[]string{"SELECT ON " + all, "UPDATE (parent) ON posts", "DELETE ON posts"}, erase("posts", "author")},
		"retain":    {[]string{"SELECT ON " + all, "DELETE ON old_invoices"}, erase("old_invoices", "person")},
		"archive":   {[]string{"SELECT ON " + all, "DELETE ON invoices", "INSERT ON old_invoices"}, erase("invoices", "person")},
		"anonymise": {[]string{"SELECT ON " + all, "UPDATE (ip, seen, phone, email, device, browser, page, referrer) ON visits"}, erase("visits", "person")},
		"rectify": {[]string{"SELECT ON " + all, "UPDATE (name) ON people"}, func(t *testing.T, s *postgres.Store) error {
			name := "Ada"
			_, err := s.Rectify(t.Context(), target(t, tables, "people", "id", 1), []store.Change{{Field: "name", Old: &name}}, store.Watch{})
			return err
		}},
		"restrict": {[]string{"SELECT ON " + all, "UPDATE (locked) ON people"}, func(t *testing.T, s *postgres.Store) error {
			_, err := s.Restrict(t.Context(), []store.Target{target(t, tables, "people", "id", 1)}, true, store.Watch{})
			return err
		}},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(page), "| "+action+" |") {
				t.Errorf("docs/STORES.md does not say what %s needs", action)
			}
			d := newDatabase(t, tablesSchema+`INSERT INTO people VALUES (1, 'a@b.c', 'Ada', '', '{}'); INSERT INTO posts VALUES (1, 1, NULL, 'x'), (2, 1, 1, 'y');
				INSERT INTO invoices VALUES (1, 1, '2026-01-01', 1); INSERT INTO old_invoices VALUES (2, 1, '2006-01-01', 1); INSERT INTO visits (id, person, page) VALUES (1, 1, 'x')`)
			if err := test.do(t, d.as(t, test.grants[:len(test.grants)-1]...)); !errors.Is(err, store.ErrDenied) {
				t.Errorf("without %s: got %v, want ErrDenied", test.grants[len(test.grants)-1], err)
			}
			t.Run("granted", func(t *testing.T) {
				if err := test.do(t, d.as(t, test.grants...)); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestRowSecurity: rows that a policy hides do not pass for gone.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE p (owner int); INSERT INTO p VALUES (1); ALTER TABLE p ENABLE ROW LEVEL SECURITY`)
	m := mapOf(t, "\n      - {name: p, habeas: {erasure: delete}, fields: [{name: owner}]}\n")
	s := d.as(t, "SELECT, DELETE ON p")
	targets := []store.Target{target(t, m, "p", "owner", 1)}
	faults, err := s.Check(t.Context(), m.Collections())
	if err != nil || len(faults) != 1 || !strings.Contains(faults[0].Hint, "BYPASSRLS") {
		t.Errorf("got %v and %v, want one fault", faults, err)
	}
	if _, err := s.Verify(t.Context(), targets, now); !errors.Is(err, store.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
}

// TestViewsAndGeneratedColumns: a view is found in and left; a generated column
// goes with what it is made of; a rule that rewrites a DELETE stops a plan.
func TestViewsAndGeneratedColumns(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE "table" ("select" int GENERATED ALWAYS AS IDENTITY, owner int, "from" text, both_of_it text GENERATED ALWAYS AS ("from" || '!') STORED);
		INSERT INTO "table" (owner, "from") VALUES (1, 'a'), (2, 'b'); CREATE VIEW "user" AS SELECT * FROM "table"`)
	m := mapOf(t, `
      - {name: table, habeas: {erasure: anonymise}, fields: [{name: select}, {name: owner}, {name: from, habeas: {anonymise: {strategy: constant, value: x}}}, {name: both_of_it}]}
      - {name: user, habeas: {erasure: leave}, fields: [{name: owner}, {name: both_of_it}]}
`)
	s := d.open(t, postgres.Options{})
	targets := []store.Target{target(t, m, "table", "owner", 1), target(t, m, "user", "owner", 1)}
	if faults, err := s.Check(t.Context(), m.Collections()); err != nil || len(faults) > 0 {
		t.Errorf("got %v and %v", faults, err)
	}
	got, err := s.Erase(t.Context(), targets, now, store.Watch{})
	if err != nil || got[0].Anonymised != 1 || got[1].Matched != 1 || got[1].Erased != 0 {
		t.Errorf("got %+v and %v", got, err)
	}
	var rows storetest.Rows
	if err := s.Export(t.Context(), targets[1], []string{"both_of_it"}, &rows); err != nil || rows.Values[0][0] != "x!" {
		t.Errorf("got %v and %v", rows.Values, err)
	}
	d.exec(t, `CREATE RULE keep AS ON UPDATE TO "table" DO INSTEAD NOTHING`)
	if _, err := s.Survey(t.Context(), targets, now); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "keep") {
		t.Errorf("got %v, want the rule named", err)
	}
}
