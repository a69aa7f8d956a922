// Package postgres is the PostgreSQL kind of data store. A collection is a
// table, its dataset's namespace the schema; a field is a column, and a dotted
// field a path of objects within a json or jsonb column.
//
// Everything that belongs together is read in one REPEATABLE READ snapshot, and
// rows are deleted within one. That level does more here than it seems: what a
// foreign key would cascade to and the snapshot did not show ends the
// transaction with a serialization failure instead of going unseen, so that a
// row which somebody adds meanwhile is never taken along.
//
// What the role needs is said in docs/STORES.md. Text of errors never contains
// what the server says about values.
package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// Options tune a store. Zero values mean what is written with each.
type Options struct {
	// Batch is how many rows one transaction changes at most, 5000. Fewer rows
	// than that, in all tables together, are changed in one transaction.
	Batch int
	// StatementTimeout bounds one statement, a minute.
	StatementTimeout time.Duration
	// LockTimeout bounds the wait for a lock that the application holds, 5 seconds.
	LockTimeout time.Duration
	// Connections bounds the connections held at once, 4.
	Connections int32
	// AcceptedTriggers are triggers and rules, as "table.trigger", that a person has
	// read and found to destroy or copy no personal data. All others stop a plan.
	AcceptedTriggers []string
	// Secret is what HMACs, pseudonyms and random values are made with.
	Secret []byte
	// Tracer, if set, hears of every statement.
	Tracer pgx.QueryTracer
}

// Store is a PostgreSQL database.
type Store struct {
	*sqlstore.Store
	db *database
}

var _ store.Store = (*Store)(nil)

// Open prepares a store; it connects when it is first used, so that a store
// that is down keeps nothing from starting. url is a connection URL or string
// as libpq knows it.
func Open(ctx context.Context, name, url string, opts Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The text of the parser's error repeats parts of the URL.
		return nil, fmt.Errorf("opening the data store %s: the connection URL cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE", name)
	}
	cfg.MaxConns = orElse(opts.Connections, 4)
	cfg.ConnConfig.Tracer = opts.Tracer
	// No prepared statements: they would survive in a connection pooler between
	// us and the server, and a generic plan for "= ANY" ignores how many values there are.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "habeas"
	}
	params["timezone"] = "UTC"
	params["datestyle"] = "ISO"
	// Rows that a policy would hide end a statement instead of staying unseen.
	params["row_security"] = "off"
	params["statement_timeout"] = milliseconds(orElse(opts.StatementTimeout, time.Minute))
	params["lock_timeout"] = milliseconds(orElse(opts.LockTimeout, 5*time.Second))
	params["idle_in_transaction_session_timeout"] = milliseconds(5 * time.Minute)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the data store %s: %w", name, failure(ctx, err))
	}
	db := &database{name: name, pool: pool}
	return &Store{sqlstore.New(name, db, dialect{}, sqlstore.Options{Batch: opts.Batch, AcceptedTriggers: opts.AcceptedTriggers, Secret: opts.Secret}), db}, nil
}

// orElse returns v, or fallback if v is its zero value.
func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// milliseconds writes a duration as a setting of the server.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Close releases the connections.
func (s *Store) Close() error {
	s.db.pool.Close()
	return nil
}
