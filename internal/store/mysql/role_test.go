package mysql_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// as opens the database for a new user with some rights.
func as(t *testing.T, d *mysqltest.Database, name string, grants ...string) *mysql.Store {
	t.Helper()
	user := d.Name + name
	d.Exec(t, fmt.Sprintf("CREATE USER %s@'127.0.0.1' IDENTIFIED BY 'p'", user))
	for _, g := range grants {
		d.Exec(t, fmt.Sprintf("GRANT %s TO %s@'127.0.0.1'", g, user))
	}
	s, err := mysql.Open("app", d.UserURL(user, "p"), mysql.Options{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestLeastPrivilege: for each action a user with the rights that docs/STORES.md
// names, and no more, can carry it out; one that lacks the last of them cannot.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/STORES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "## Rights in MySQL and MariaDB")
	if !ok {
		t.Fatal("docs/STORES.md has no section on the rights in MySQL")
	}
	tables, err := datamap.Load(map[string][]byte{"map.yml": []byte(storetest.TablesMap)})
	if err != nil {
		t.Fatal(err)
	}
	erase := func(table, field string) func(s *mysql.Store) error {
		return func(s *mysql.Store) error {
			targets := []store.Target{target(t, tables, table, field, 1)}
			if strings.Contains(table, "invoices") {
				targets[0].Keep = &store.Keep{Rule: "ten", From: "issued", Period: "P10Y"}
			}
			_, err := s.Erase(t.Context(), targets, now, store.Watch{})
			return err
		}
	}
	const seeing = "PROCESS ON *.*"
	for action, test := range map[string]struct {
		grants []string
		do     func(s *mysql.Store) error
		want   error
	}{
		"find, verify, scan": {[]string{"SELECT ON $.*"}, func(s *mysql.Store) error {
			targets := []store.Target{target(t, tables, "people", "id", 1), target(t, tables, "posts", "author", 1)}
			_, verify := s.Verify(t.Context(), targets, now)
			find := s.Find(t.Context(), targets[0], []string{"email"}, func(store.Row) error { return nil })
			scan := s.Scan(t.Context(), targets, []store.Wanted{{Value: "x"}}, func(store.Hit) error { return nil })
			return errors.Join(verify, find, scan)
		}, store.ErrDenied},
		"plan": {[]string{"SELECT ON $.*", seeing}, func(s *mysql.Store) error {
			_, err := s.Survey(t.Context(), []store.Target{target(t, tables, "people", "id", 1), target(t, tables, "posts", "author", 1), target(t, tables, "invoices", "person", 1)}, now)
			return err
		}, store.ErrSchema},
		"export": {[]string{"SELECT ON $.*"}, func(s *mysql.Store) error {
			return s.Export(t.Context(), target(t, tables, "people", "id", 1), nil, &storetest.Rows{})
		}, store.ErrDenied},
		"delete":    {[]string{"SELECT ON $.*", seeing, "UPDATE (parent) ON $.posts", "DELETE ON $.posts"}, erase("posts", "author"), store.ErrDenied},
		"retain":    {[]string{"SELECT ON $.*", seeing, "DELETE ON $.old_invoices"}, erase("old_invoices", "person"), store.ErrDenied},
		"archive":   {[]string{"SELECT ON $.*", seeing, "DELETE ON $.invoices", "INSERT ON $.old_invoices"}, erase("invoices", "person"), store.ErrDenied},
		"anonymise": {[]string{"SELECT ON $.*", seeing, "UPDATE (ip, seen, phone, email, device, browser, page, referrer) ON $.visits"}, erase("visits", "person"), store.ErrDenied},
		"rectify": {[]string{"SELECT ON $.*", "UPDATE (name) ON $.people"}, func(s *mysql.Store) error {
			name := "Ada"
			_, err := s.Rectify(t.Context(), target(t, tables, "people", "id", 1), []store.Change{{Field: "name", Old: &name}}, store.Watch{})
			return err
		}, store.ErrDenied},
		"restrict": {[]string{"SELECT ON $.*", "UPDATE (locked) ON $.people"}, func(s *mysql.Store) error {
			_, err := s.Restrict(t.Context(), []store.Target{target(t, tables, "people", "id", 1)}, true, store.Watch{})
			return err
		}, store.ErrDenied},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(section, "| "+action+" |") {
				t.Errorf("docs/STORES.md does not say what %s needs", action)
			}
			d := mysqltest.New(t, tablesSchema+`INSERT INTO people VALUES (1, 'a@b.c', 'Ada', '', '{}', 0); INSERT INTO posts VALUES (1, 1, NULL, 'x'), (2, 1, 1, 'y');
				INSERT INTO invoices VALUES (1, 1, '2026-01-01', 1); INSERT INTO old_invoices VALUES (2, 1, '2006-01-01', 1); INSERT INTO visits (id, person, page) VALUES (1, 1, 'x')`)
			var grants []string
			for _, g := range test.grants {
				grants = append(grants, strings.ReplaceAll(g, "$", d.Name))
			}
			last := len(grants) - 1
			if len(grants) > 1 {
				if err := test.do(as(t, d, "less", grants[:last]...)); !errors.Is(err, test.want) {
					t.Errorf("without %s: got %v, want %v", grants[last], err, test.want)
				}
			} else if err := test.do(as(t, d, "less", "EXECUTE ON "+d.Name+".*")); err == nil {
				t.Errorf("without %s it can be done", grants[last])
			}
			if err := test.do(as(t, d, "all", grants...)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCheckNamesMissingRights: what a user lacks is found before it is needed,
// also where it holds some by a role or by a pattern.
func TestCheckNamesMissingRights(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, forum)
	var collections []*datamap.Collection
	for _, target := range forumTargets(t) {
		collections = append(collections, target.Collection)
	}
	faults, err := as(t, d, "less", "SELECT ON "+d.Name+".*").Check(t.Context(), collections)
	var got []string
	for _, f := range faults {
		got = append(got, f.Hint)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{"GRANT PROCESS ON *.*", "GRANT DELETE ON `" + d.Name + "`.`posts`", "GRANT UPDATE (`agent`) ON `" + d.Name + "`.`visits`"} {
		if err != nil || !strings.Contains(all, want) {
			t.Errorf("got %v and\n%s\nwant %s", err, all, want)
		}
	}
	d.Exec(t, fmt.Sprintf("CREATE ROLE %[1]srole; GRANT SELECT, DELETE ON `%[2]s`.* TO %[1]srole; GRANT UPDATE (account_id, ip, agent, n) ON visits TO %[1]srole; GRANT UPDATE (reply_to) ON comments TO %[1]srole",
		d.Name, strings.ReplaceAll(d.Name, "t", `\t`)))
	s := as(t, d, "more", "PROCESS ON *.*", d.Name+"role")
	d.Exec(t, fmt.Sprintf("SET DEFAULT ROLE %[1]srole FOR %[1]smore@'127.0.0.1'", d.Name))
	if faults, err := s.Check(t.Context(), collections); err != nil || len(faults) != 0 {
		t.Errorf("got %+v and %v, want no fault", faults, err)
	}
	if _, err := s.Erase(t.Context(), forumTargets(t), now, store.Watch{}); err != nil {
		t.Error(err)
	}
	requireVerified(t, s, forumTargets(t))
}
