// Package mysqltest gives every test a database of its own, on one MariaDB server
// for the whole test binary. A test binary that uses it ends with
//
//	func TestMain(m *testing.M) { os.Exit(mysqltest.Run(m)) }
package mysqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/soffiah/habeas/internal/devenv"
)

// server is the one MariaDB of this test binary.
var server struct {
	once sync.Once
	db   *devenv.MariaDB
	err  error
	dir  string
	made atomic.Int64
}

// Run runs the tests of a binary and stops the server that they used.
func Run(m *testing.M) int {
	code := m.Run()
	if server.db != nil {
		if err := server.db.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if server.dir != "" {
		_ = os.RemoveAll(server.dir)
	}
	return code
}

// Database is a fresh database.
type Database struct {
	Name string
	SQL  *sql.DB
}

// New makes a database and runs statements in it. Under -short it skips the test,
// because it starts a server, and where none is installed.
func New(t testing.TB, statements string) *Database {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a MariaDB server")
	}
	server.once.Do(start)
	if errors.Is(server.err, devenv.ErrNoMariaDB) {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	d := &Database{Name: fmt.Sprintf("t%d", server.made.Add(1))}
	root := Connect(t, "")
	if _, err := root.ExecContext(t.Context(), "CREATE DATABASE "+d.Name); err != nil {
		t.Fatal(err)
	}
	d.SQL = Connect(t, d.Name)
	d.Exec(t, statements)
	return d
}

func start() {
	if server.dir, server.err = os.MkdirTemp("", "habeas-mysqltest-"); server.err == nil {
		server.db, server.err = devenv.StartMariaDB(context.Background(), server.dir, "log-bin")
	}
}

// Connect opens a database as root, for looking at its tables and for several
// statements in one, until the test ends.
func Connect(t testing.TB, name string) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", server.db.Address(), name
	cfg.MultiStatements = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Data returns the folder of the server's files.
func Data() string { return server.db.Data() }

// URL returns the address of the database for root, as a store reads it.
func (d *Database) URL() string { return d.UserURL("root", "") }

// UserURL returns the address of the database for a user.
func (d *Database) UserURL(user, password string) string {
	return fmt.Sprintf("mysql://%s:%s@%s/%s?tls=false", user, password, server.db.Address(), d.Name)
}

// Exec runs statements.
func (d *Database) Exec(t testing.TB, statements string, args ...any) {
	t.Helper()
	if strings.TrimSpace(statements) == "" {
		return
	}
	if _, err := d.SQL.ExecContext(context.WithoutCancel(t.Context()), statements, args...); err != nil {
		t.Fatalf("%v\n%s", err, statements)
	}
}

// Rows returns the rows of a query, the columns of each joined by commas and
// null as NULL.
func (d *Database) Rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := d.SQL.QueryContext(context.WithoutCancel(t.Context()), query, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	var all []string
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = v.String; !v.Valid {
				texts[i] = "NULL"
			}
		}
		all = append(all, strings.Join(texts, ","))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
