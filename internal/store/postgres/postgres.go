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
// The role needs SELECT on every mapped table, DELETE on those whose rows are
// deleted or retained, and UPDATE on the columns that are anonymised. Text of
// errors never contains what the server says about values.
package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
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
	// AcceptedTriggers are triggers, as "table.trigger", that a person has read
	// and found to destroy or copy no personal data. All others stop a plan.
	AcceptedTriggers []string
}

// Store is a PostgreSQL database.
type Store struct {
	name     string
	pool     *pgxpool.Pool
	batch    int
	accepted []string
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
	// No prepared statements: they would survive in a connection pooler between
	// us and the server, and a generic plan for "= ANY" ignores how many values there are.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "habeas"
	}
	params["timezone"] = "UTC"
	params["statement_timeout"] = milliseconds(orElse(opts.StatementTimeout, time.Minute))
	params["lock_timeout"] = milliseconds(orElse(opts.LockTimeout, 5*time.Second))
	params["idle_in_transaction_session_timeout"] = milliseconds(5 * time.Minute)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the data store %s: %w", name, failure(ctx, err))
	}
	return &Store{name: name, pool: pool, batch: orElse(opts.Batch, 5000), accepted: opts.AcceptedTriggers}, nil
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

// Name is the name of the store in the configuration.
func (s *Store) Name() string { return s.name }

// Abilities says what can be done with the rows of a table.
func (s *Store) Abilities() store.Abilities {
	return store.Abilities{
		Treatments: []dsr.Treatment{dsr.Delete, dsr.Anonymise, dsr.Retain, dsr.Leave},
		Strategies: []string{datamap.Null, datamap.Constant},
		Level:      store.Logical,
	}
}

// Close releases the connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// Find yields the fields asked for. Numbers, booleans, times, texts, bytes and
// JSON come as Go values, every other type as the text that PostgreSQL writes.
func (s *Store) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	if err := target.Validate(); err != nil {
		return err
	}
	if len(target.Matches) == 0 {
		return ctx.Err()
	}
	return s.snapshot(ctx, func(tx pgx.Tx) error {
		tables, err := s.tables(ctx, tx, []store.Target{target})
		if err != nil {
			return err
		}
		return find(ctx, tx, tables[0], fields, yield)
	})
}

// find reads the rows of one table.
func find(ctx context.Context, tx pgx.Tx, t *table, fields []string, yield func(store.Row) error) error {
	q := &query{}
	columns := make([]string, len(fields))
	for i, name := range fields {
		e, err := q.field(t, "t", name)
		if err != nil {
			return err
		}
		columns[i] = e.readable()
	}
	matches, err := q.matches(t, "t")
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.from("t")+" WHERE "+matches, q.args...)
	if err != nil {
		return failure(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return fmt.Errorf("reading %s: %w", t, failure(ctx, err))
		}
		row := make(store.Row, len(fields))
		for i, name := range fields {
			row[name] = values[i]
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return failure(ctx, rows.Err())
}

// snapshot runs f in a transaction that sees one state of the database and
// cannot change it.
func (s *Store) snapshot(ctx context.Context, f func(pgx.Tx) error) error {
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	tx, err := s.pool.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("connecting to the data store %s: %w", s.name, failure(ctx, err))
	}
	// Nothing was changed: whether the rollback succeeds changes nothing either.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return f(tx)
}
