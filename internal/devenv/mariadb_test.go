package devenv

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// TestMariaDB: a server listens once it is started, and is gone once it is closed.
func TestMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a MariaDB server")
	}
	// Below t.TempDir an unprivileged user could not enter.
	dir, err := os.MkdirTemp("", "habeas-mariadb-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m, err := StartMariaDB(t.Context(), dir)
	if errors.Is(err, ErrNoMariaDB) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !m.greets(t.Context()) {
		t.Error("the server does not answer")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if m.greets(ctx) || m.proc.running() {
		t.Error("the server is still there")
	}
}

// TestNoMariaDB: who lacks the program is told what to install.
func TestNoMariaDB(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := StartMariaDB(t.Context(), t.TempDir()); !errors.Is(err, ErrNoMariaDB) {
		t.Errorf("got %v, want ErrNoMariaDB", err)
	}
}
