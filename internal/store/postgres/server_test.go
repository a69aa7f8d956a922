package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

// server is the one Postgres of this test binary; every test has a database of
// its own in it.
var server struct {
	once sync.Once
	pg   *devenv.Postgres
	err  error
	dir  string
	next atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.pg != nil {
		if err := server.pg.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if server.dir != "" {
		_ = os.RemoveAll(server.dir)
	}
	os.Exit(code)
}

// database is a fresh database.
type database struct {
	url  string
	conn *pgxpool.Pool
}

// newDatabase makes a database and runs the schema in it.
func newDatabase(t testing.TB, schema string) *database {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "habeas-pg"); server.err == nil {
			server.pg, server.err = devenv.StartPostgres(context.Background(), server.dir, func(string, ...any) {}, devenv.PostgresOptions{})
		}
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	name := fmt.Sprintf("t%d", server.next.Add(1))
	if err := server.pg.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	d := &database{url: server.pg.URL(name)}
	var err error
	if d.conn, err = pgxpool.New(t.Context(), d.url+"&pool_max_conns=2&default_query_exec_mode=simple_protocol"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.Close)
	d.exec(t, schema)
	return d
}

// exec runs statements.
func (d *database) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := d.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
}

// rows returns the rows of a query as texts.
func (d *database) rows(t testing.TB, sql string) []string {
	t.Helper()
	rows, err := d.conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// open opens the database as a store.
func (d *database) open(t testing.TB, opts postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), "app", d.url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// mapOf loads a data map of the dataset "app" from its collections.
func mapOf(t testing.TB, collections string) *datamap.Map {
	t.Helper()
	file := "dataset:\n  - fides_key: app\n    collections:\n" + strings.ReplaceAll(collections, "\t", "  ")
	m, err := datamap.Load(map[string][]byte{"map.yml": []byte(file)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// target means the rows of a collection with one of the values in a field.
func target(t testing.TB, m *datamap.Map, collection, field string, values ...any) store.Target {
	t.Helper()
	c, ok := m.Lookup(datamap.Address{Dataset: "app", Collection: collection})
	if !ok {
		t.Fatalf("no collection %s", collection)
	}
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	if len(values) > 0 {
		target.Matches = []store.Match{{Field: field, Values: values}}
	}
	return target
}
