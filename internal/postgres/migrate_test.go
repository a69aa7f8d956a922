package postgres_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	url, master := postgrestest.URL(t), postgrestest.Master(t, false)
	_, err := postgres.Open(t.Context(), url, master, (&clock{now: noon}).Now)
	wantError(t, "opening a database that was never migrated", err, postgres.ErrSchema)
	if err == nil || !strings.Contains(err.Error(), "habeas migrate") {
		t.Errorf("%v does not say how to mend it", err)
	}
	if n := tables(t, url); n != 0 {
		t.Fatalf("opening it made %d tables", n)
	}
	applied, err := postgres.Migrate(t.Context(), url, postgres.Production, master, noon)
	if err != nil || applied < 1 {
		t.Fatalf("applied %d: %v", applied, err)
	}
	before := tables(t, url)
	if applied, err = postgres.Migrate(t.Context(), url, postgres.Production, master, noon); err != nil || applied != 0 {
		t.Errorf("the second time it applied %d: %v", applied, err)
	}
	if after := tables(t, url); after != before {
		t.Errorf("%d tables became %d", before, after)
	}
	db, err := postgres.Open(t.Context(), url, master, (&clock{now: noon}).Now)
	must(t, err)
	defer db.Close()
	must(t, db.Ping(t.Context()))
}

func tables(t testing.TB, url string) (n int) {
	t.Helper()
	pool := postgrestest.Connect(t, url)
	must(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'`).Scan(&n))
	return n
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url, master := postgrestest.URL(t), postgrestest.Master(t, true)
	var applied atomic.Int64
	allNil(t, atOnce(t, 6, func(ctx context.Context, _ int) error {
		n, err := postgres.Migrate(ctx, url, postgres.Demo, master, noon)
		applied.Add(int64(n))
		return err
	}))
	pool := postgrestest.Connect(t, url)
	var versions, marks int64
	must(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM schema_version), (SELECT count(*) FROM installation)`).Scan(&versions, &marks))
	if versions != applied.Load() || marks != 1 {
		t.Errorf("%d applied, %d versions, %d marks", applied.Load(), versions, marks)
	}
}

// TestWhoMayOpen: a database opens with its own key, for what it was made for.
func TestWhoMayOpen(t *testing.T) {
	t.Parallel()
	own := map[postgres.Kind]string{}
	for kind, demo := range map[postgres.Kind]bool{postgres.Production: false, postgres.Demo: true} {
		url, master := postgrestest.URL(t), postgrestest.Master(t, demo)
		_, err := postgres.Migrate(t.Context(), url, kind, master, noon)
		must(t, err)
		own[kind] = url
	}
	for kind, url := range own {
		for _, demo := range []bool{false, true} {
			other := postgrestest.Master(t, demo)
			_, err := postgres.Open(t.Context(), url, other, (&clock{now: noon}).Now)
			wantError(t, name("opening %s with another key, demo %v", kind, demo), err, postgres.ErrWrongMaster)
			for _, as := range []postgres.Kind{postgres.Production, postgres.Demo} {
				_, err := postgres.Migrate(t.Context(), url, as, other, noon)
				wantError(t, name("migrating %s as %s with another key, demo %v", kind, as, demo), err, postgres.ErrWrongMaster)
			}
		}
	}
	url := postgrestest.URL(t)
	_, err := postgres.Migrate(t.Context(), url, postgres.Production, postgrestest.Master(t, true), noon)
	wantError(t, "a demo key for production", err, postgres.ErrWrongMaster)
	_, err = postgres.Migrate(t.Context(), url, postgres.Demo, postgrestest.Master(t, false), noon)
	wantError(t, "a key of production for a demo", err, postgres.ErrWrongMaster)
	if n := tables(t, url); n != 0 {
		t.Errorf("a refused migration made %d tables", n)
	}
}

// TestDemoTakesNoDatabaseOfOthers: a demo goes into an empty database or its own.
func TestDemoTakesNoDatabaseOfOthers(t *testing.T) {
	t.Parallel()
	for what, sql := range map[string]string{
		"a table": `CREATE TABLE customers (id int)`, "a table elsewhere": `CREATE SCHEMA shop; CREATE TABLE shop.customers (id int)`,
	} {
		url, master := postgrestest.URL(t), postgrestest.Master(t, true)
		pool := postgrestest.Connect(t, url)
		for statement := range strings.SplitSeq(sql, ";") {
			_, err := pool.Exec(t.Context(), statement)
			must(t, err)
		}
		before := tables(t, url)
		_, err := postgres.Migrate(t.Context(), url, postgres.Demo, master, noon)
		wantError(t, what, err, postgres.ErrNotEmpty)
		if tables(t, url) != before {
			t.Errorf("%s: the database of somebody else was changed", what)
		}
	}
}

func TestSchemaOfALaterVersion(t *testing.T) {
	b := setup(t)
	must(t, b.exec(`INSERT INTO schema_version SELECT max(version) + 1, '999_later.sql', now() FROM schema_version`))
	_, err := postgres.Open(t.Context(), b.URL, b.Master, b.Now)
	wantError(t, "opening", err, postgres.ErrSchema)
	_, err = postgres.Migrate(t.Context(), b.URL, postgres.Production, b.Master, noon)
	wantError(t, "migrating", err, postgres.ErrSchema)
}

func TestDatabaseThatCannotBeReached(t *testing.T) {
	t.Parallel()
	master := postgrestest.Master(t, false)
	const password = "canary-password"
	for _, url := range []string{
		"postgres://habeas:" + password + "@127.0.0.1:1/habeas", "postgres://habeas:" + password + "@127.0.0.1:port/habeas", "not a URL " + password,
	} {
		_, err := postgres.Open(t.Context(), url, master, (&clock{now: noon}).Now)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("got %v", err)
		}
		if strings.Contains(url, ":1/") {
			wantError(t, "nobody listens", err, dsr.ErrUnavailable)
		}
		if _, err = postgres.Migrate(t.Context(), url, postgres.Production, master, noon); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("got %v", err)
		}
	}
}
