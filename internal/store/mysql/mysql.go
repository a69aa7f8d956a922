// Package mysql is the MySQL and MariaDB kind of data store. A collection is a
// table, its dataset's namespace the database that holds it; a field is a column,
// and a dotted field a path of objects within a JSON column.
//
// What belongs together is read in one REPEATABLE READ snapshot. Rows are changed
// in READ COMMITTED transactions, which lock no gaps: the keys of a batch are
// chosen without locks, and every condition is looked at again by the statement
// that locks the rows of those keys and changes them. While a row is locked
// nobody can add a row that refers to it, so that what a foreign key would take
// along is counted after the lock and cannot change before the deletion.
//
// Texts are compared byte by byte, whatever the collation of their column says of
// case, accents and blanks at the end; its index finds the candidates.
//
// What the user needs is said in docs/STORES.md. Text of errors never contains
// what the server says about values.
package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// Options tune a store. Zero values mean what is written with each.
type Options struct {
	// Batch is how many rows one transaction changes at most, 5000. Fewer rows
	// than that, in all tables together, are changed in one transaction.
	Batch int
	// LockTimeout bounds the wait for a lock that the application holds, 5 seconds.
	// The server counts whole seconds.
	LockTimeout time.Duration
	// StatementTimeout bounds one statement, a minute. MySQL bounds those that only
	// read.
	StatementTimeout time.Duration
	// Connections bounds the connections held at once, 4.
	Connections int
	// AcceptedTriggers are triggers, as "table.trigger", that a person has read and
	// found to destroy or copy no personal data. All others stop a plan.
	AcceptedTriggers []string
	// Secret is what HMACs, pseudonyms and random values are made with.
	Secret []byte
	// Trace, if set, hears of every statement, without its values.
	Trace func(sql string)
}

// Store is a MySQL or MariaDB database.
type Store struct {
	*sqlstore.Store
	db *database
}

var _ store.Store = (*Store)(nil)

// Open prepares a store; it connects when it is first used, so that a store
// that is down keeps nothing from starting. address is what [ParseURL] reads.
func Open(name, address string, opts Options) (*Store, error) {
	cfg, err := ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("opening the data store %s: %w", name, err)
	}
	connector, err := newConnector(cfg, orElse(opts.LockTimeout, 5*time.Second), orElse(opts.StatementTimeout, time.Minute))
	if err != nil {
		return nil, fmt.Errorf("opening the data store %s: %w", name, err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(orElse(opts.Connections, 4))
	// A server forgets idle connections after a time of its own; ours are younger.
	pool.SetConnMaxIdleTime(time.Minute)
	db := &database{name: name, schema: cfg.DBName, pool: pool, trace: opts.Trace}
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

// Close releases the connections.
func (s *Store) Close() error {
	if err := s.db.pool.Close(); err != nil {
		return fmt.Errorf("closing the data store %s: %w", s.Name(), err)
	}
	return nil
}

// Find is that of all SQL stores, and makes Go values of JSON: to MariaDB it is
// a text.
func (s *Store) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	return s.Select(ctx, target, fields, dialect{}.Readable, func(ctx context.Context, tx sqlstore.Tx, expressions []sqlstore.Expression, sql string, args []any) error {
		values, dest := make([]any, len(fields)), make([]any, len(fields))
		for i := range values {
			dest[i] = &values[i]
		}
		return tx.Query(ctx, sql, args, func(scan func(...any) error) error {
			clear(values)
			if err := scan(dest...); err != nil {
				return err
			}
			row := make(store.Row, len(fields))
			for i, name := range fields {
				row[name] = values[i]
				text, ok := values[i].(string)
				var decoded any
				if ok && expressions[i].Kind == sqlstore.JSONKind && json.Unmarshal([]byte(text), &decoded) == nil {
					row[name] = decoded
				}
			}
			return yield(row)
		})
	})
}
