// Package postgrestest gives every test a database of its own, on one Postgres
// server for the whole test binary. A test binary that uses it ends with
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/vault"
)

// server is the one Postgres of this test binary.
var server struct {
	once sync.Once
	pg   *devenv.Postgres
	err  error
	dir  string

	mu   sync.Mutex
	made int
	free []string // databases that no test uses any more, emptied
}

// Run runs the tests of a binary and stops the server that they used.
func Run(m *testing.M) int {
	code := m.Run()
	if server.pg != nil {
		if err := server.pg.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if server.dir != "" {
		_ = os.RemoveAll(server.dir)
	}
	return code
}

// URL returns the address of a fresh and empty database. Under -short it skips
// the test, because it starts a server.
func URL(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Postgres server")
	}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "habeas-postgrestest-"); server.err == nil {
			server.pg, server.err = devenv.StartPostgres(context.Background(), server.dir, nil, devenv.PostgresOptions{})
		}
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	name, err := take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Runs after everything that the test itself cleans up.
	t.Cleanup(func() { giveBack(name) })
	return server.pg.URL(name)
}

// take returns an empty database: one that a test before has used, which is quicker
// than a new one, or else a new one.
func take(ctx context.Context) (string, error) {
	server.mu.Lock()
	if n := len(server.free); n > 0 {
		name := server.free[n-1]
		server.free = server.free[:n-1]
		server.mu.Unlock()
		return name, nil
	}
	server.made++
	name := fmt.Sprintf("t%d", server.made)
	server.mu.Unlock()
	return name, server.pg.CreateDatabase(ctx, name)
}

// giveBack empties a database for the next test. One that cannot be emptied is
// not used again.
func giveBack(name string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.pg.URL(name))
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `DO $$
		DECLARE s name;
		BEGIN
			PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
			FOR s IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' LOOP
				EXECUTE format('DROP SCHEMA %I CASCADE', s);
			END LOOP;
			CREATE SCHEMA public;
		END $$`)
	if err != nil {
		return
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	server.free = append(server.free, name)
}

// Database is a fresh database of Habeas, migrated and open.
type Database struct {
	*postgres.DB
	URL    string
	Master *vault.Master
	// SQL looks at the tables themselves.
	SQL *pgxpool.Pool
}

// Open returns a fresh database, marked as production and sealed under a master
// key of its own. It is closed when the test ends.
func Open(t testing.TB, now func() time.Time) *Database {
	t.Helper()
	d := &Database{URL: URL(t), Master: Master(t, false)}
	if _, err := postgres.Migrate(t.Context(), d.URL, postgres.Production, d.Master, now()); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.DB, err = postgres.Open(t.Context(), d.URL, d.Master, now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	d.SQL = Connect(t, d.URL)
	return d
}

// Connect opens the database at url for looking at its tables, until the test ends.
func Connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url+"&pool_max_conns=2&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Master returns a fresh master key.
func Master(t testing.TB, demo bool) *vault.Master {
	t.Helper()
	text, err := vault.GenerateMaster(demo)
	if err != nil {
		t.Fatal(err)
	}
	master, err := vault.ParseMaster(text)
	if err != nil {
		t.Fatal(err)
	}
	return master
}
