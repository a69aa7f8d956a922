package devenv_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/devenv"
)

func needsServers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
}

func query(t *testing.T, url, sql string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var answer string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// As root, the folder is one that the user as whom Postgres runs cannot enter.
func TestPostgresBelowAClosedFolder(t *testing.T) {
	needsServers(t)
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, life := filepath.Join(closed, "pg"), t.Context()
	began := time.Now()
	pg, err := devenv.StartPostgres(t.Context(), dir, t.Logf, devenv.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first start: %s", time.Since(began))
	if err := pg.CreateDatabase(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := pg.CreateDatabase(t.Context(), "one"); err != nil {
		t.Errorf("creating it twice: %v", err)
	}
	url := pg.URL("one")
	query(t, url, "WITH x AS (SELECT 1) SELECT 'canary-value-' || count(*) FROM x")
	exec(t, url, "CREATE TABLE kept AS SELECT 'kept'::text AS v")
	execFails(t, url, "SELECT 'canary-in-error'::int")
	execFails(t, url, "INSERT INTO nowhere VALUES ('canary-in-statement')")

	t.Run("restart keeps data and port", func(t *testing.T) {
		if err := pg.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		pg, err = devenv.StartPostgres(life, dir, t.Logf, devenv.PostgresOptions{Durable: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("second start: %s", time.Since(began))
		if pg.URL("one") != url {
			t.Error("the URL changed")
		}
		if got := query(t, url, "SELECT v FROM kept"); got != "kept" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("kill and start recovers", func(t *testing.T) {
		for range 3 {
			exec(t, url, "INSERT INTO kept VALUES ('more')")
			if err := pg.Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := pgx.Connect(t.Context(), url); err == nil {
				t.Fatal("it still answers")
			}
			if err := pg.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := query(t, url, "SELECT count(*)::text FROM kept"); got != "4" {
			t.Errorf("got %s rows", got)
		}
	})
	t.Run("the log holds no value", func(t *testing.T) {
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), "canary") {
			t.Errorf("%s", log)
		}
	})
	t.Run("a second process is refused", func(t *testing.T) {
		if _, err := devenv.StartPostgres(t.Context(), dir, nil, devenv.PostgresOptions{}); err == nil {
			t.Error("it started")
		}
	})
	if err := pg.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pg.Close(t.Context()); err != nil {
		t.Errorf("closing it twice: %v", err)
	}
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	if err := tryExec(t, url, sql); err != nil {
		t.Fatal(err)
	}
}

func execFails(t *testing.T, url, sql string) {
	t.Helper()
	if err := tryExec(t, url, sql); err == nil {
		t.Error("no error")
	}
}

func tryExec(t *testing.T, url, sql string) error {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	return err
}

func TestPostgresEndsWithItsContext(t *testing.T) {
	needsServers(t)
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	pg, err := devenv.StartPostgres(ctx, dir, t.Logf, devenv.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := pg.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pg.Start(t.Context()); err == nil {
		t.Error("it came back to life")
	}
	again, err := devenv.StartPostgres(t.Context(), dir, t.Logf, devenv.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
