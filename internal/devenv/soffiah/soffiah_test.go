package soffiah_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
)

// stack is the servers of the company.
type stack struct {
	pg      *devenv.Postgres
	objects *devenv.Objects
	mail    *devenv.Mail
}

func start(t *testing.T, dir string) stack {
	t.Helper()
	var s stack
	var err error
	if s.pg, err = devenv.StartPostgres(t.Context(), filepath.Join(dir, "pg"), t.Logf, devenv.PostgresOptions{}); err != nil {
		t.Fatal(err)
	}
	if s.objects, err = devenv.StartObjects(t.Context(), filepath.Join(dir, "objects")); err != nil {
		t.Fatal(err)
	}
	if s.mail, err = devenv.StartMail(t.Context(), filepath.Join(dir, "mail"), devenv.MailOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The context of the test has ended; the folder goes next.
		if err := errors.Join(s.pg.Close(context.WithoutCancel(t.Context())), s.objects.Close(), s.mail.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s stack) seed(t *testing.T, opts soffiah.Options) *soffiah.Company {
	t.Helper()
	began := time.Now()
	c, err := soffiah.Seed(t.Context(), s.pg, s.objects, s.mail, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seeded in %s", time.Since(began))
	return c
}

func fingerprint(t *testing.T, c *soffiah.Company) string {
	t.Helper()
	sum, err := c.Fingerprint(t.Context(), c.Subject().ID)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func number(t *testing.T, url, sql string, args ...any) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func TestSeedIsTheSameTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	dir := t.TempDir()
	first, other := start(t, dir), start(t, t.TempDir())
	c := first.seed(t, soffiah.Options{Now: day})
	sum := fingerprint(t, c)
	if again := fingerprint(t, other.seed(t, soffiah.Options{Now: day.Add(5 * time.Hour)})); again != sum {
		t.Error("the same seed and day made other data elsewhere")
	}
	again := first.seed(t, soffiah.Options{Now: day.AddDate(1, 0, 0), Accounts: 20, Seed: 9})
	if fingerprint(t, again) != sum || again.Subject() != c.Subject() || again.AppURL != c.AppURL || again.Accounts() != c.Accounts() {
		t.Error("a second call changed the company")
	}
}

// TestSeedOfAnotherRun: a server that is used again with an empty directory would be
// a company without images.
func TestSeedOfAnotherRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	s := start(t, t.TempDir())
	s.seed(t, soffiah.Options{Accounts: 10})
	other, err := devenv.StartObjects(t.Context(), filepath.Join(t.TempDir(), "objects"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if _, err := soffiah.Seed(t.Context(), s.pg, other, s.mail, soffiah.Options{}); !errors.Is(err, soffiah.ErrElsewhere) {
		t.Errorf("got %v", err)
	}
}

func TestCompany(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	s := start(t, t.TempDir())
	c := s.seed(t, soffiah.Options{Now: day, Accounts: 40})
	subject := c.Subject()
	for table, atLeast := range map[string]int{
		"brands": 5, "uploads": 200, "posts": 50, "comments": 400, "feedback": 10, "sessions": 50,
		"access_log": 500, "devices": 5, "usage_events": 3000, "cookies": 5, "social_messages": 5,
	} {
		if n := number(t, c.AppURL, "SELECT count(*) FROM "+table+" WHERE account_id = $1", subject.ID); n < atLeast {
			t.Errorf("%s: only %d rows", table, n)
		}
		if n := number(t, c.AppURL, "SELECT count(*) FROM "+table+" WHERE account_id <> $1", subject.ID); n == 0 {
			t.Errorf("%s: nothing of others", table)
		}
	}
	if n := number(t, c.AppURL, "SELECT count(*) FROM comments k JOIN posts p ON p.id = k.post_id WHERE p.account_id = ANY($1) AND k.account_id <> p.account_id", ordinary(c)); n != 0 {
		t.Errorf("%d comments stand on posts that could then not be erased", n)
	}
	old := "SELECT count(*) FROM invoices WHERE account_id = $1 AND issued_at < $2"
	if all, expired := number(t, c.BillingURL, old, subject.ID, day), number(t, c.BillingURL, old, subject.ID, day.AddDate(-11, -2, 0)); expired == 0 || expired == all {
		t.Errorf("%d of %d invoices are past their time", expired, all)
	}
	// What stays in billing must not name the person.
	for name, value := range subject.Personal() {
		for _, table := range []string{"billing_accounts", "invoices", "payments"} {
			if n := number(t, c.BillingURL, "SELECT count(*) FROM "+table+" t WHERE strpos(t::text, $1) > 0", value); n != 0 {
				t.Errorf("%s is in %d rows of %s", name, n, table)
			}
		}
		if n := number(t, c.AppURL, "SELECT count(*) FROM accounts t WHERE strpos(t::text, $1) > 0", value); n != 1 {
			t.Errorf("%s is in %d accounts", name, n)
		}
	}
}

// ordinary returns the ids of the accounts that are not the company's own.
func ordinary(c *soffiah.Company) []string {
	var ids []string
	for i := range c.Accounts() - 3 {
		ids = append(ids, c.Account(i).ID)
	}
	return ids
}

func TestRoleMayOnlyWhatItNeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	s := start(t, t.TempDir())
	c := s.seed(t, soffiah.Options{Now: day, Accounts: 10})
	conn, err := pgx.Connect(t.Context(), c.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		"INSERT INTO brands SELECT * FROM brands LIMIT 1", "TRUNCATE cookies", "DROP TABLE cookies",
		"CREATE TABLE mine (a int)", "CREATE ROLE other", "ALTER TABLE cookies ADD a int",
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: allowed", sql)
		}
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(c.AppURL, "soffiah_app", "postgres", 1)); err != nil {
		t.Logf("the role cannot open other databases: %v", err)
	}
}

func TestFingerprintSeesForeignChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	s := start(t, t.TempDir())
	c := s.seed(t, soffiah.Options{Now: day, Accounts: 20})
	sum := fingerprint(t, c)
	admin, err := pgx.Connect(t.Context(), s.pg.URL("soffiah_app"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(t.Context())) }()
	change := func(sql string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	own := c.Subject().ID
	change("UPDATE accounts SET phone = 'x' WHERE id = $1", own)
	change("DELETE FROM feedback WHERE account_id = $1", own)
	change("UPDATE usage_events SET account_id = NULL, ip = NULL WHERE account_id = $1", own)
	reply := []byte("From: " + c.Subject().Email + "\r\nTo: info@soffiah.test\r\n\r\nyes\r\n")
	if _, err := s.mail.Append(soffiah.PrivacyAddress, "INBOX", day, reply); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, c) != sum {
		t.Error("changes of the subject's own data changed it")
	}
	change("UPDATE accounts SET phone = 'x' WHERE id = $1", c.Account(5).ID)
	changed := fingerprint(t, c)
	if changed == sum {
		t.Error("a changed row of another person went unseen")
	}
	stranger := []byte("From: a@b.test\r\nTo: info@soffiah.test\r\n\r\nhello\r\n")
	if _, err := s.mail.Append(soffiah.PrivacyAddress, "INBOX", day, stranger); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, c) == changed {
		t.Error("a mail of another person went unseen")
	}
}
