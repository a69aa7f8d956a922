package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// requireVerified requires that reading back finds nothing left.
func requireVerified(t *testing.T, s store.Store, targets []store.Target) {
	t.Helper()
	got, err := s.Verify(t.Context(), targets, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, tally := range got {
		if tally.Residual != 0 {
			t.Errorf("%s: %d rows are left", tally.Address, tally.Residual)
		}
	}
}

// forum is an application: children refer to parents in every way.
const forum = `
CREATE TABLE accounts (id bigint PRIMARY KEY, email text UNIQUE, invited_by bigint REFERENCES accounts ON DELETE SET NULL);
CREATE TABLE posts (id bigint PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts);
CREATE TABLE comments (id bigint PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts,
	post_id bigint NOT NULL REFERENCES posts ON DELETE CASCADE, reply_to bigint REFERENCES comments);
CREATE TABLE visits (account_id bigint REFERENCES accounts, ip inet, agent text NOT NULL, n int);
INSERT INTO accounts VALUES (1, 'ada@example.org', NULL), (2, 'bob@example.org', 1);
INSERT INTO posts VALUES (10, 1), (11, 1), (20, 2);
INSERT INTO comments VALUES (100, 1, 10, NULL), (101, 1, 10, 100), (102, 1, 20, 101), (200, 2, 20, NULL);
INSERT INTO visits VALUES (1, '10.0.0.1', 'x', 1), (1, NULL, 'y', 2), (2, '10.0.0.2', 'x', 3);
`

const forumMap = `
      - name: accounts
        habeas: {erasure: delete}
        fields: [{name: id}, {name: email}]
      - name: posts
        habeas: {erasure: delete}
        fields: [{name: id}, {name: account_id}]
      - name: comments
        habeas: {erasure: delete}
        fields: [{name: id}, {name: account_id}]
      - name: visits
        habeas: {erasure: anonymise}
        fields:
          - {name: account_id, habeas: {anonymise: {strategy: "null"}}}
          - {name: ip, habeas: {anonymise: {strategy: "null"}}}
          - {name: agent, habeas: {anonymise: {strategy: constant, value: "erased"}}}
          - {name: n, habeas: {anonymise: {strategy: constant, value: 0}}}
`

func forumTargets(t *testing.T) []store.Target {
	m := mapOf(t, forumMap)
	return []store.Target{
		target(t, m, "accounts", "email", "ada@example.org"), target(t, m, "posts", "account_id", "1"),
		target(t, m, "comments", "account_id", "1"), target(t, m, "visits", "account_id", "1"),
	}
}

// counts writes tallies as "collection matched/erased/anonymised".
func counts(tallies []store.Tally) []string {
	var all []string
	for _, t := range tallies {
		all = append(all, fmt.Sprintf("%s %d/%d/%d", t.Address.Collection, t.Matched, t.Erased, t.Anonymised))
	}
	return all
}

func TestEraseInOrderOfForeignKeys(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]int{"one transaction": 0, "batches of one": 1, "batches of two": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, forum)
			s, targets := d.open(t, postgres.Options{Batch: batch}), forumTargets(t)
			want := []string{"accounts 1/1/0", "posts 2/2/0", "comments 3/3/0", "visits 2/0/2"}
			survey, err := s.Survey(t.Context(), targets, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, counts(survey)); diff != "" {
				t.Error(diff)
			}
			got, err := s.Erase(t.Context(), targets, now, store.Watch{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, counts(got)); diff != "" {
				t.Error(diff)
			}
			requireVerified(t, s, targets)
			left := d.rows(t, `SELECT a::text FROM accounts a UNION ALL SELECT p::text FROM posts p UNION ALL SELECT c::text FROM comments c
				UNION ALL (SELECT v::text FROM visits v ORDER BY n, agent)`)
			if diff := cmp.Diff([]string{"(2,bob@example.org,)", "(20,2)", "(200,2,20,)", "(,,erased,0)", "(,,erased,0)", "(2,10.0.0.2,x,3)"}, left); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhatStopsAPlan lists what must never be erased silently.
func TestWhatStopsAPlan(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sql, want string }{
		"another's comment would cascade": {`INSERT INTO comments VALUES (201, 2, 10, NULL)`, "comments"},
		"another's reply stays":           {`INSERT INTO comments VALUES (201, 2, 20, 100)`, "comments_reply_to_fkey"},
		"table outside the map":           {`CREATE TABLE likes (post_id bigint REFERENCES posts ON DELETE CASCADE)`, "public.likes"},
		"trigger":                         {`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; CREATE TRIGGER copy BEFORE DELETE ON posts FOR EACH ROW EXECUTE FUNCTION f()`, "trigger copy"},
		"missing table":                   {`DROP TABLE visits`, "visits"},
		"missing column":                  {`ALTER TABLE visits DROP COLUMN ip`, "ip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, forum)
			d.exec(t, test.sql)
			s, targets := d.open(t, postgres.Options{}), forumTargets(t)
			before := d.rows(t, `SELECT c::text FROM comments c ORDER BY id`)
			_, survey := s.Survey(t.Context(), targets, now)
			_, erase := s.Erase(t.Context(), targets, now, store.Watch{})
			for _, err := range []error{survey, erase} {
				if !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want ErrSchema about %s", err, test.want)
				}
			}
			if diff := cmp.Diff(before, d.rows(t, `SELECT c::text FROM comments c ORDER BY id`)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("accepted trigger", func(t *testing.T) {
		t.Parallel()
		d := newDatabase(t, forum+`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
			CREATE TRIGGER copy BEFORE DELETE ON posts FOR EACH ROW EXECUTE FUNCTION f()`)
		s := d.open(t, postgres.Options{AcceptedTriggers: []string{"posts.copy"}})
		if _, err := s.Erase(t.Context(), forumTargets(t), now, store.Watch{}); err != nil {
			t.Error(err)
		}
	})
}

func TestCycles(t *testing.T) {
	t.Parallel()
	pair := `
      - {name: a, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}]}
      - {name: b, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}]}
`
	for name, schema := range map[string]string{
		"one side can be cut": `CREATE TABLE a (id int PRIMARY KEY, owner int, b int); CREATE TABLE b (id int PRIMARY KEY, owner int, a int NOT NULL REFERENCES a);
			INSERT INTO a SELECT g, g % 2, g FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2, g FROM generate_series(1, 20) g;
			ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b`,
		"deferrable": `CREATE TABLE a (id int PRIMARY KEY, owner int, b int NOT NULL); CREATE TABLE b (id int PRIMARY KEY, owner int, a int NOT NULL REFERENCES a DEFERRABLE);
			INSERT INTO a SELECT g, g % 2, g FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2, g FROM generate_series(1, 20) g;
			ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE`,
		"restrict within a table": `CREATE TABLE a (id int PRIMARY KEY, owner int, up int REFERENCES a ON DELETE RESTRICT); CREATE TABLE b (id int PRIMARY KEY, owner int);
			INSERT INTO a SELECT g, g % 2, CASE WHEN g > 2 THEN g - 2 END FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2 FROM generate_series(1, 20) g`,
		"ring within a table": `CREATE TABLE a (id int PRIMARY KEY, owner int, up int REFERENCES a DEFERRABLE INITIALLY DEFERRED); CREATE TABLE b (id int PRIMARY KEY, owner int);
			INSERT INTO a SELECT g, g % 2, (g + 1) % 20 + 1 FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2 FROM generate_series(1, 20) g`,
		"not null within a table": `CREATE TABLE a (id int PRIMARY KEY, owner int, up int NOT NULL REFERENCES a); CREATE TABLE b (id int PRIMARY KEY, owner int);
			INSERT INTO a SELECT g, g % 2, greatest(g - 2, 2 - g % 2) FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2 FROM generate_series(1, 20) g`,
		"cascade within a table": `CREATE TABLE a (id int PRIMARY KEY, owner int, up int REFERENCES a ON DELETE CASCADE); CREATE TABLE b (id int PRIMARY KEY, owner int);
			INSERT INTO a SELECT g, g % 2, CASE WHEN g > 2 THEN g - 2 END FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2 FROM generate_series(1, 20) g`,
		"composite key": `CREATE TABLE a (id int, owner int, PRIMARY KEY (owner, id)); CREATE TABLE b (id int, owner int NOT NULL, a int, FOREIGN KEY (owner, a) REFERENCES a);
			INSERT INTO a SELECT g, g % 2 FROM generate_series(1, 20) g; INSERT INTO b SELECT g, g % 2, g FROM generate_series(1, 20) g`,
	} {
		for _, batch := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				t.Parallel()
				d := newDatabase(t, schema)
				m, s := mapOf(t, pair), d.open(t, postgres.Options{Batch: batch})
				targets := []store.Target{target(t, m, "a", "owner", "1"), target(t, m, "b", "owner", "1")}
				got, err := s.Erase(t.Context(), targets, now, store.Watch{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"a 10/10/0", "b 10/10/0"}, counts(got)); diff != "" {
					t.Error(diff)
				}
				requireVerified(t, s, targets)
				if left := d.rows(t, `SELECT a::text FROM a UNION ALL SELECT b::text FROM b`); len(left) != 20 {
					t.Errorf("%d rows of the other are left, want 20", len(left))
				}
			})
		}
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE invoices (id int, owner int, on_day date, at timestamptz);
		INSERT INTO invoices VALUES (1, 1, '2015-12-31', '2015-12-31'), (2, 1, '2016-01-01', '2016-01-01'), (3, 1, '2026-02-28', '2026-02-28 23:59Z'),
		(4, 1, NULL, NULL), (5, 1, 'infinity', 'infinity'), (6, 2, '1999-01-01', '1999-01-01')`)
	m := mapOf(t, `
      - name: invoices
        habeas: {erasure: retain, retention: invoices, retain_from: on_day}
        fields: [{name: id}, {name: owner}, {name: on_day}, {name: at}]
`)
	day := func(s string) time.Time { v, _ := time.Parse("2006-01-02T15:04", s); return v }
	for name, test := range map[string]struct {
		keep        store.Keep
		erased      int64
		until, next time.Time
	}{
		"ten years":            {store.Keep{From: "on_day", Period: "P10Y"}, 2, day("2036-02-28T00:00"), day("2036-02-28T00:00")},
		"from the year's end":  {store.Keep{From: "on_day", Period: "P10Y", FromYearEnd: true}, 1, day("2037-01-01T00:00"), day("2027-01-01T00:00")},
		"a time with its zone": {store.Keep{From: "at", Period: "P10Y"}, 2, day("2036-02-28T23:59"), day("2036-02-28T23:59")},
		"a hundred years":      {store.Keep{From: "on_day", Period: "P100Y"}, 0, day("2126-02-28T00:00"), day("2115-12-31T00:00")},
	} {
		t.Run(name, func(t *testing.T) {
			s := d.open(t, postgres.Options{})
			target := target(t, m, "invoices", "owner", 1)
			target.Keep = &test.keep
			got, err := s.Survey(t.Context(), []store.Target{target}, now)
			if err != nil {
				t.Fatal(err)
			}
			want := store.Tally{Address: target.Address, Matched: 5, Erased: test.erased, Retained: 5 - test.erased, RetainedUntil: test.until, NextDue: test.next}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("erase", func(t *testing.T) {
		s := d.open(t, postgres.Options{})
		target := target(t, m, "invoices", "owner", 1)
		target.Keep = &store.Keep{From: "on_day", Period: "P10Y"}
		for i, erased := range []int64{2, 0} {
			got, err := s.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
			if err != nil || got[0].Erased != erased || got[0].Retained != 3 {
				t.Errorf("call %d: got %+v and %v, want %d erased and 3 retained", i, got, err, erased)
			}
		}
		if left := d.rows(t, `SELECT id::text FROM invoices ORDER BY id`); !cmp.Equal(left, []string{"3", "4", "5", "6"}) {
			t.Errorf("rows %v are left", left)
		}
	})
}

func TestJSONFieldsArraysAndPartitions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE events (id int, at date, data jsonb, tags text[]) PARTITION BY RANGE (at);
		CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
		CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		INSERT INTO events SELECT g, '2025-06-01'::date + 300 * (g % 2), jsonb_build_object('user', jsonb_build_object('e mail', 'p' || g % 4)), ARRAY['p' || g % 4, 'all'] FROM generate_series(1, 40) g`)
	m := mapOf(t, `
      - name: events
        habeas: {erasure: delete}
        fields:
          - {name: id}
          - {name: tags, fides_meta: {data_type: "string[]"}}
          - name: data
            fields: [{name: user, fields: [{name: e mail}]}]
`)
	s := d.open(t, postgres.Options{Batch: 3})
	nested := target(t, m, "events", "data.user.e mail", "p1")
	var found []any
	err := s.Find(t.Context(), nested, []string{"id", "data.user.e mail", "tags"}, func(r store.Row) error {
		found = append(found, r["data.user.e mail"], r["tags"])
		return nil
	})
	if err != nil || len(found) != 20 || !cmp.Equal(found[:2], []any{"p1", []any{"p1", "all"}}) {
		t.Errorf("found %v and %v", found, err)
	}
	for i, target := range []store.Target{nested, target(t, m, "events", "tags", "p2", "p'3")} {
		got, err := s.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
		if err != nil || got[0].Erased != 10 {
			t.Errorf("%d: got %+v and %v, want ten rows erased", i, got, err)
		}
	}
	if left := d.rows(t, `SELECT DISTINCT tags[1] FROM events ORDER BY 1`); !cmp.Equal(left, []string{"p0", "p3"}) {
		t.Errorf("rows of %v are left", left)
	}
}

// TestRowsAddedMeanwhile: a row that refers to one which goes, and that nobody
// could see when the transaction began, is not taken along by a cascade.
func TestRowsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE a (id int PRIMARY KEY, owner int); CREATE TABLE b (a int REFERENCES a ON DELETE CASCADE, owner int);
		INSERT INTO a VALUES (1, 1)`)
	m := mapOf(t, `
      - {name: a, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}]}
      - {name: b, habeas: {erasure: delete}, fields: [{name: a}, {name: owner}]}
`)
	s := d.open(t, postgres.Options{})
	other, err := d.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "INSERT INTO b VALUES (1, 2)"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.Erase(context.WithoutCancel(t.Context()), []store.Target{target(t, m, "a", "owner", 1), target(t, m, "b", "owner", 1)}, now, store.Watch{})
		failed <- err
	}()
	// Our deletion waits for the lock that the insertion holds; commit when it does.
	for len(d.rows(t, `SELECT pid::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)) == 0 {
		select {
		case err := <-failed:
			t.Fatalf("ended without waiting: %v", err)
		default:
		}
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema: the new row is another's", err)
	}
	if left := d.rows(t, "SELECT b::text FROM b"); len(left) != 1 {
		t.Error("the row of another is gone")
	}
}

func TestLeastPrivilegeAndDenial(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, forum)
	role := "least_" + strings.ToLower(d.rows(t, "SELECT current_database()::text")[0])
	d.exec(t, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'p'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, role, role))
	cfg, err := pgx.ParseConfig(d.url)
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("postgres://%s:p@%s:%d/%s", role, cfg.Host, cfg.Port, cfg.Database)
	s, err := postgres.Open(t.Context(), "app", url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	targets := forumTargets(t)
	var collections []*datamap.Collection
	for _, target := range targets {
		collections = append(collections, target.Collection)
	}
	faults, err := s.Check(t.Context(), collections)
	if err != nil || len(faults) != 8 {
		t.Errorf("got %+v and %v, want a fault for each of three tables, four columns and a reference that must be cut", faults, err)
	}
	if _, err := s.Survey(t.Context(), targets, now); err != nil {
		t.Errorf("a survey needs no more than SELECT: %v", err)
	}
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); !errors.Is(err, store.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	d.exec(t, fmt.Sprintf(`GRANT DELETE ON accounts, posts, comments TO %s; GRANT UPDATE (reply_to) ON comments TO %s; GRANT UPDATE (account_id, ip, agent, n) ON visits TO %s`, role, role, role))
	if faults, err := s.Check(t.Context(), collections); err != nil || len(faults) != 0 {
		t.Errorf("got %+v and %v, want no fault", faults, err)
	}
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); err != nil {
		t.Error(err)
	}
	requireVerified(t, s, targets)
}

func TestCheckOfWhatAnonymisingNeeds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE p (id int PRIMARY KEY, a text NOT NULL, b text UNIQUE, c text GENERATED ALWAYS AS (a || 'x') STORED, d jsonb, e text);
		CREATE VIEW v AS SELECT * FROM p`)
	m := mapOf(t, `
      - name: p
        fields:
          - {name: a, data_categories: [user.name]}
          - {name: b, habeas: {anonymise: {strategy: constant, value: x}}}
          - {name: c, data_categories: [user.name]}
          - {name: d, fields: [{name: name, data_categories: [user.name]}]}
          - {name: e, data_categories: [user.name]}
          - {name: gone}
      - {name: v, fields: [{name: a, data_categories: [user.name]}]}
      - {name: w, fields: [{name: id}]}
`)
	faults, err := d.open(t, postgres.Options{}).Check(t.Context(), m.Collections())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.Collection+"."+f.Field)
		if f.Hint == "" || f.Problem == "" {
			t.Errorf("%+v says nothing", f)
		}
	}
	if diff := cmp.Diff([]string{"p.a", "p.c", "p.d.name", "p.gone", "p.b", "v.", "w."}, got); diff != "" {
		t.Error(diff)
	}
}

// TestErrorsHoldNoValues: what the server says about a row is not repeated.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE p (owner text, name text UNIQUE CHECK (name <> 'canary-value'));
		INSERT INTO p VALUES ('canary-owner', 'a'), ('canary-owner', 'b'), ('x', 'canary')`)
	for name, value := range map[string]string{"check": "canary-value", "unique": "canary"} {
		m := mapOf(t, `
      - name: p
        fields: [{name: owner}, {name: name, habeas: {anonymise: {strategy: constant, value: `+value+`}}}]
`)
		_, err := d.open(t, postgres.Options{}).Erase(t.Context(), []store.Target{target(t, m, "p", "owner", "canary-owner")}, now, store.Watch{})
		if !errors.Is(err, store.ErrSchema) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want ErrSchema without a value", name, err)
		}
	}
	_, err := postgres.Open(t.Context(), "app", "postgres://u:canary-secret@host:bad/db", postgres.Options{})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without the password", err)
	}
	down, err := postgres.Open(t.Context(), "app", "postgres://u:canary-secret@127.0.0.1:1/db", postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = down.Close() })
	if _, err := down.Check(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestLockedRowsAreTriedAgainLater(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, forum)
	s := d.open(t, postgres.Options{LockTimeout: 10 * time.Millisecond})
	other, err := d.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "SELECT FROM posts WHERE id = 10 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	targets := forumTargets(t)
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if n := len(d.rows(t, "SELECT c::text FROM comments c")); n != 4 {
		t.Errorf("%d comments are left, want all four: one transaction does all or nothing", n)
	}
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); err != nil {
		t.Error(err)
	}
	requireVerified(t, s, targets)
}
