package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
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
CREATE TABLE accounts (id bigint PRIMARY KEY, email varchar(100) UNIQUE, invited_by bigint, CONSTRAINT inviter FOREIGN KEY (invited_by) REFERENCES accounts (id) ON DELETE SET NULL);
CREATE TABLE posts (id bigint PRIMARY KEY, account_id bigint NOT NULL, CONSTRAINT author FOREIGN KEY (account_id) REFERENCES accounts (id));
CREATE TABLE comments (id bigint PRIMARY KEY, account_id bigint NOT NULL, post_id bigint NOT NULL, reply_to bigint,
	CONSTRAINT commenter FOREIGN KEY (account_id) REFERENCES accounts (id), CONSTRAINT post FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE,
	CONSTRAINT reply FOREIGN KEY (reply_to) REFERENCES comments (id));
CREATE TABLE visits (account_id bigint, ip varchar(45), agent varchar(20) NOT NULL, n int, CONSTRAINT visitor FOREIGN KEY (account_id) REFERENCES accounts (id));
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
			d := mysqltest.New(t, forum)
			s, targets := open(t, d, mysql.Options{Batch: batch}), forumTargets(t)
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
			var left []string
			for _, table := range []string{"accounts", "posts", "comments", "visits"} {
				left = append(left, d.Rows(t, "SELECT * FROM "+table+" ORDER BY 1")...)
			}
			want = []string{"2,bob@example.org,NULL", "20,2", "200,2,20,NULL", "NULL,NULL,erased,0", "NULL,NULL,erased,0", "2,10.0.0.2,x,3"}
			if diff := cmp.Diff(want, left); diff != "" {
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
		"another's reply stays":           {`INSERT INTO comments VALUES (201, 2, 20, 100)`, "reply"},
		"table outside the map":           {`CREATE TABLE likes (post_id bigint, FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE)`, "likes"},
		"set null outside the map":        {`CREATE TABLE likes (post_id bigint, FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE SET NULL)`, "likes"},
		"table of another database":       {"CREATE DATABASE `$ other`; CREATE TABLE `$ other`.`ž likes` (post_id bigint, FOREIGN KEY (post_id) REFERENCES $.posts (id) ON DELETE CASCADE)", "$ other.ž likes"},
		"trigger":                         {`CREATE TRIGGER copied BEFORE DELETE ON posts FOR EACH ROW SET @a = 1`, "trigger copied"},
		"trigger on what is replaced":     {`CREATE TRIGGER changed AFTER UPDATE ON visits FOR EACH ROW SET @a = 1`, "trigger changed"},
		"missing table":                   {`DROP TABLE visits`, "visits"},
		"missing column":                  {`ALTER TABLE visits DROP COLUMN ip`, "ip"},
		"no transactions":                 {`ALTER TABLE visits DROP FOREIGN KEY visitor; ALTER TABLE visits ENGINE = MyISAM`, "MyISAM"},
		"every version is kept":           {`ALTER TABLE visits DROP FOREIGN KEY visitor; ALTER TABLE visits ADD SYSTEM VERSIONING`, "version"},
		"a check forbids the constant":    {`UPDATE visits SET n = 1; ALTER TABLE visits ADD CONSTRAINT positive CHECK (n > 0)`, "positive"},
		"a constant that is no number":    {`ALTER TABLE visits MODIFY agent int NOT NULL DEFAULT 0`, "agent"},
		"a constant that is no member":    {`UPDATE visits SET agent = 'x'; ALTER TABLE visits MODIFY agent enum ('x', 'y') NOT NULL`, "agent"},
		"a constant too long":             {`UPDATE visits SET agent = 'x'; ALTER TABLE visits MODIFY agent varchar(3) NOT NULL`, "agent"},
		"a constant below nought":         {`ALTER TABLE visits MODIFY agent tinyint unsigned NOT NULL DEFAULT 0`, "agent"},
		"null where none is taken":        {`UPDATE visits SET ip = ''; ALTER TABLE visits MODIFY ip varchar(45) NOT NULL`, "ip"},
		"a cycle that cannot be cut":      {`ALTER TABLE accounts ADD post bigint NOT NULL DEFAULT 10; UPDATE accounts SET post = 10; ALTER TABLE accounts ADD CONSTRAINT pinned FOREIGN KEY (post) REFERENCES posts (id)`, "cycle"},
		"a table tied to itself for ever": {`ALTER TABLE posts ADD up bigint NOT NULL DEFAULT 10; UPDATE posts SET up = 10; ALTER TABLE posts ADD CONSTRAINT pinned FOREIGN KEY (up) REFERENCES posts (id)`, "cycle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mysqltest.New(t, forum)
			sql := strings.ReplaceAll(test.sql, "$", d.Name)
			if strings.HasPrefix(name, "a constant") && strings.Contains(sql, "int ") {
				d.Exec(t, "UPDATE visits SET agent = '0'")
			}
			d.Exec(t, sql)
			s, targets := open(t, d, mysql.Options{}), forumTargets(t)
			before := d.Rows(t, `SELECT * FROM comments ORDER BY id`)
			_, survey := s.Survey(t.Context(), targets, now)
			_, erase := s.Erase(t.Context(), targets, now, store.Watch{})
			want := strings.ReplaceAll(test.want, "$", d.Name)
			for _, err := range []error{survey, erase} {
				if !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want ErrSchema about %s", err, want)
				}
			}
			if diff := cmp.Diff(before, d.Rows(t, `SELECT * FROM comments ORDER BY id`)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("accepted trigger", func(t *testing.T) {
		t.Parallel()
		d := mysqltest.New(t, forum+`CREATE TRIGGER copied BEFORE DELETE ON posts FOR EACH ROW SET @a = 1`)
		s := open(t, d, mysql.Options{AcceptedTriggers: []string{"posts.copied"}})
		if _, err := s.Erase(t.Context(), forumTargets(t), now, store.Watch{}); err != nil {
			t.Error(err)
		}
	})
}

func TestCycles(t *testing.T) {
	t.Parallel()
	pair := `
      - {name: a, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}]}
      - {name: b, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}, {name: a}]}
`
	rows := `INSERT INTO a (id, owner) SELECT seq, seq % 2 FROM seq_1_to_20; INSERT INTO b (id, owner, a) SELECT seq, seq % 2, seq FROM seq_1_to_20;`
	for name, test := range map[string]struct{ schema, by string }{
		"one side can be cut": {`CREATE TABLE a (id int PRIMARY KEY, owner int, b int); CREATE TABLE b (id int PRIMARY KEY, owner int, a int NOT NULL, FOREIGN KEY (a) REFERENCES a (id));` +
			rows + `UPDATE a SET b = id; ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)`, "owner"},
		"rows are found by the other": {`CREATE TABLE a (id int PRIMARY KEY, owner int, b int); CREATE TABLE b (id int PRIMARY KEY, owner int, a int, FOREIGN KEY (a) REFERENCES a (id));` +
			rows + `UPDATE a SET b = id; ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)`, "a"},
		"rows are found by what is set to null": {`CREATE TABLE a (id int PRIMARY KEY, owner int); CREATE TABLE b (id int PRIMARY KEY, owner int, a int, FOREIGN KEY (a) REFERENCES a (id) ON DELETE SET NULL);` + rows, "a"},
		"within a table": {`CREATE TABLE a (id int PRIMARY KEY, owner int, up int, FOREIGN KEY (up) REFERENCES a (id)); CREATE TABLE b (id int PRIMARY KEY, owner int, a int);` +
			rows + `UPDATE a SET up = id - 2 WHERE id > 2`, "owner"},
		"ring within a table": {`CREATE TABLE a (id int PRIMARY KEY, owner int, up int); CREATE TABLE b (id int PRIMARY KEY, owner int, a int);` +
			rows + `UPDATE a SET up = (id + 1) % 20 + 1; ALTER TABLE a ADD FOREIGN KEY (up) REFERENCES a (id)`, "owner"},
		"cascade within a table": {`CREATE TABLE a (id int PRIMARY KEY, owner int, up int, FOREIGN KEY (up) REFERENCES a (id) ON DELETE CASCADE); CREATE TABLE b (id int PRIMARY KEY, owner int, a int);` +
			rows + `UPDATE a SET up = id - 2 WHERE id > 2`, "owner"},
		"composite key": {`CREATE TABLE a (id int, owner int, PRIMARY KEY (owner, id)); CREATE TABLE b (id int PRIMARY KEY, owner int NOT NULL, a int, FOREIGN KEY (owner, a) REFERENCES a (owner, id));` + rows, "owner"},
	} {
		for _, batch := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s/%d", name, batch), func(t *testing.T) {
				t.Parallel()
				d := mysqltest.New(t, test.schema)
				m, s := mapOf(t, pair), open(t, d, mysql.Options{Batch: batch})
				targets := []store.Target{target(t, m, "a", "owner", "1"), target(t, m, "b", "owner", "1")}
				if test.by == "a" {
					targets[1] = target(t, m, "b", "a", 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
				}
				got, err := s.Erase(t.Context(), targets, now, store.Watch{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"a 10/10/0", "b 10/10/0"}, counts(got)); diff != "" {
					t.Error(diff)
				}
				requireVerified(t, s, targets)
				if left := d.Rows(t, `SELECT id FROM a UNION ALL SELECT id FROM b`); len(left) != 20 {
					t.Errorf("%d rows of the other are left, want 20", len(left))
				}
			})
		}
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `SET sql_mode = ''; CREATE TABLE invoices (id int PRIMARY KEY, owner int, on_day date, at timestamp NULL);
		INSERT INTO invoices VALUES (1, 1, '2015-12-31', '2015-12-31'), (2, 1, '2016-01-01', '2016-01-01'), (3, 1, '2026-02-28', '2026-02-28 23:59'),
		(4, 1, NULL, NULL), (5, 1, '0000-00-00', 0), (6, 2, '1999-01-01', '1999-01-01'), (7, 3, '2024-02-29', '2024-02-29')`)
	m := mapOf(t, `
      - name: invoices
        habeas: {erasure: retain, retention: invoices, retain_from: on_day}
        fields: [{name: id}, {name: owner}, {name: on_day}, {name: at}]
`)
	day := func(s string) time.Time { v, _ := time.Parse("2006-01-02T15:04", s); return v }
	for name, test := range map[string]struct {
		owner         int
		keep          store.Keep
		erased, stays int64
		until, next   time.Time
	}{
		"ten years":            {1, store.Keep{From: "on_day", Period: "P10Y"}, 2, 3, day("2036-02-28T00:00"), day("2036-02-28T00:00")},
		"from the year's end":  {1, store.Keep{From: "on_day", Period: "P10Y", FromYearEnd: true}, 1, 4, day("2037-01-01T00:00"), day("2027-01-01T00:00")},
		"a time with its zone": {1, store.Keep{From: "at", Period: "P10Y"}, 2, 3, day("2036-02-28T23:59"), day("2036-02-28T23:59")},
		"a hundred years":      {1, store.Keep{From: "on_day", Period: "P100Y"}, 0, 5, day("2126-02-28T00:00"), day("2115-12-31T00:00")},
		"from a leap day":      {3, store.Keep{From: "on_day", Period: "P3Y1D"}, 0, 1, day("2027-03-01T00:00"), day("2027-03-01T00:00")},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, d, mysql.Options{})
			target := target(t, m, "invoices", "owner", test.owner)
			target.Keep = &test.keep
			got, err := s.Survey(t.Context(), []store.Target{target}, now)
			if err != nil {
				t.Fatal(err)
			}
			want := store.Tally{Address: target.Address, Matched: test.erased + test.stays, Erased: test.erased, Retained: test.stays, RetainedUntil: test.until, NextDue: test.next}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("erase", func(t *testing.T) {
		s := open(t, d, mysql.Options{})
		target := target(t, m, "invoices", "owner", 1)
		target.Keep = &store.Keep{From: "on_day", Period: "P10Y"}
		for i, erased := range []int64{2, 0} {
			got, err := s.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
			if err != nil || got[0].Erased != erased || got[0].Retained != 3 {
				t.Errorf("call %d: got %+v and %v, want %d erased and 3 retained", i, got, err, erased)
			}
		}
		if left := d.Rows(t, `SELECT id FROM invoices ORDER BY id`); !cmp.Equal(left, []string{"3", "4", "5", "6", "7"}) {
			t.Errorf("rows %v are left", left)
		}
	})
}

func TestJSONFieldsArraysAndPartitions(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `CREATE TABLE events (id int, at date, data json, tags json, PRIMARY KEY (id, at)) PARTITION BY RANGE COLUMNS (at) (
		PARTITION one VALUES LESS THAN ('2026-01-01'), PARTITION two VALUES LESS THAN ('2027-01-01'));
		INSERT INTO events SELECT seq, '2025-06-01' + INTERVAL 300 * (seq % 2) DAY, JSON_OBJECT('user', JSON_OBJECT('e mail', CONCAT('p', seq % 4))),
		JSON_ARRAY(CONCAT('p', seq % 4), 'all', seq % 4) FROM seq_1_to_40; INSERT INTO events VALUES (99, '2025-01-01', '{"user": {"e mail": null}}', NULL)`)
	m := mapOf(t, `
      - name: events
        habeas: {erasure: delete}
        fields:
          - {name: id}
          - {name: tags, fides_meta: {data_type: "string[]"}}
          - name: data
            fields: [{name: user, fields: [{name: e mail}]}]
`)
	s := open(t, d, mysql.Options{Batch: 3})
	nested := target(t, m, "events", "data.user.e mail", "p1", "null")
	var found []any
	err := s.Find(t.Context(), nested, []string{"id", "data.user.e mail", "tags"}, func(r store.Row) error {
		found = append(found, r["data.user.e mail"], r["tags"])
		return nil
	})
	if err != nil || len(found) != 20 || !cmp.Equal(found[:2], []any{"p1", []any{"p1", "all", 1.0}}) {
		t.Errorf("found %v and %v", found, err)
	}
	for i, target := range []store.Target{nested, target(t, m, "events", "tags", "2", "p'3")} {
		got, err := s.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
		if err != nil || got[0].Erased != 10 {
			t.Errorf("%d: got %+v and %v, want ten rows erased", i, got, err)
		}
	}
	if left := d.Rows(t, `SELECT DISTINCT JSON_VALUE(tags, '$[0]') FROM events WHERE tags IS NOT NULL ORDER BY 1`); !cmp.Equal(left, []string{"p0", "p3"}) {
		t.Errorf("rows of %v are left", left)
	}
}

// TestRowsAddedMeanwhile: a row that refers to one which goes, and that nobody
// could see when the transaction began, is not taken along by a cascade.
func TestRowsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `CREATE TABLE a (id int PRIMARY KEY, owner int); CREATE TABLE b (a int PRIMARY KEY, owner int, FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE);
		INSERT INTO a VALUES (1, 1)`)
	m := mapOf(t, `
      - {name: a, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}]}
      - {name: b, habeas: {erasure: delete}, fields: [{name: a}, {name: owner}]}
`)
	locks := make(chan struct{})
	var once sync.Once
	s := open(t, d, mysql.Options{Trace: func(sql string) {
		if strings.HasSuffix(sql, "FOR UPDATE") {
			once.Do(func() { close(locks) })
		}
	}})
	other, err := d.SQL.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("INSERT INTO b VALUES (1, 2)"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.Erase(context.WithoutCancel(t.Context()), []store.Target{target(t, m, "a", "owner", 1), target(t, m, "b", "owner", 1)}, now, store.Watch{})
		failed <- err
	}()
	// Our lock has to wait for the one that the insertion holds, and is asked for now.
	select {
	case err := <-failed:
		t.Fatalf("ended without waiting: %v", err)
	case <-locks:
	}
	if err := other.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema: the new row is another's", err)
	}
	if left := d.Rows(t, "SELECT * FROM b"); len(left) != 1 {
		t.Error("the row of another is gone")
	}
}

func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `CREATE TABLE p (id int PRIMARY KEY, owner varchar(20), name varchar(20) UNIQUE); INSERT INTO p VALUES (1, 'canary-owner', 'a'), (2, 'x', 'canary')`)
	m := mapOf(t, "\n      - {name: p, habeas: {erasure: delete}, fields: [{name: owner}, {name: name, habeas: {rectify: {max_length: 20}}}]}\n")
	s := open(t, d, mysql.Options{})
	was, is := "a", "canary"
	_, err := s.Rectify(t.Context(), target(t, m, "p", "owner", "canary-owner"), []store.Change{{Field: "name", Old: &was, New: &is}}, store.Watch{})
	if !errors.Is(err, store.ErrSchema) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want ErrSchema without a value", err)
	}
	for _, address := range []string{"mysql://u:canary@host:bad/db", "postgres://u:canary@host/db", "mysql://u:canary@host", "mysql://u:canary@host/db?x=canary", "mysql://u:canary@host/db?tls=canary", "mysql://host/db"} {
		if _, err := mysql.Open("app", address, mysql.Options{}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v, want an error without the password", err)
		}
	}
	down, err := mysql.Open("app", "mysql://u:canary@127.0.0.1:1/db?tls=false", mysql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = down.Close() })
	if _, err := down.Check(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	denied, err := mysql.Open("app", d.UserURL("canary", "canary"), mysql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = denied.Close() })
	if _, err := denied.Check(t.Context(), nil); !errors.Is(err, store.ErrDenied) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want ErrDenied", err)
	}
	plain, err := mysql.Open("app", strings.TrimSuffix(d.URL(), "?tls=false"), mysql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	if _, err := plain.Check(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a server without TLS: got %v, want ErrUnavailable", err)
	}
}

func TestLockedRowsAreTriedAgainLater(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, forum)
	s := open(t, d, mysql.Options{LockTimeout: time.Second})
	other, err := d.SQL.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("SELECT 1 FROM posts WHERE id = 10 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	targets := forumTargets(t)
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if n := len(d.Rows(t, "SELECT * FROM comments")); n != 4 {
		t.Errorf("%d comments are left, want all four: one transaction does all or nothing", n)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Erase(t.Context(), targets, now, store.Watch{}); err != nil {
		t.Error(err)
	}
	requireVerified(t, s, targets)
}

// TestReplica: a server that is read-only proves nothing.
func TestReplica(t *testing.T) {
	d := mysqltest.New(t, forum)
	d.Exec(t, "SET GLOBAL read_only = 1")
	defer d.Exec(t, "SET GLOBAL read_only = 0")
	if _, err := open(t, d, mysql.Options{}).Verify(t.Context(), forumTargets(t), now); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
