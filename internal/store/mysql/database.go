package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// database runs transactions.
type database struct {
	name   string
	schema string // the database that tables without a namespace are in
	pool   *sql.DB
	trace  func(string)

	mu     sync.Mutex
	server *server
}

var _ sqlstore.Database = (*database)(nil)

// server is what must be known of a server before anything is asked of it.
type server struct {
	mariadb bool
	// folded is set if names of tables are kept in lower case, or compared so.
	folded bool
	// statements is set if the binary log writes statements instead of rows.
	statements bool
}

// transaction is one of them.
type transaction struct {
	*sql.Tx
	trace func(string)
}

// Exec runs a statement and returns how many rows it changed: a row that was as
// it should be already is none.
func (t transaction) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if t.trace != nil {
		t.trace(text)
	}
	result, err := t.Tx.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, failure(ctx, err)
	}
	n, err := result.RowsAffected()
	return n, failure(ctx, err)
}

// Query runs a statement and calls row for each row.
func (t transaction) Query(ctx context.Context, text string, args []any, row func(scan func(...any) error) error) error {
	if t.trace != nil {
		t.trace(text)
	}
	rows, err := t.Tx.QueryContext(ctx, text, args...)
	if err != nil {
		return failure(ctx, err)
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	scan := func(dest ...any) error {
		if err := rows.Scan(dest...); err != nil {
			return failure(ctx, err)
		}
		for _, d := range dest {
			if p, ok := d.(*any); ok {
				if text, ok := (*p).([]byte); ok {
					*p = string(text)
				}
			}
		}
		return nil
	}
	for rows.Next() {
		if err := row(scan); err != nil {
			return err
		}
	}
	return failure(ctx, rows.Err())
}

// Read runs f in a transaction that sees one state of the database and cannot
// change it.
func (d *database) Read(ctx context.Context, f func(sqlstore.Tx) error) error {
	return d.in(ctx, sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, f)
}

// ReadBack refuses a replica, which lags behind: reading back there proves
// nothing. It does not say that it only reads, because a proxy before the server
// would send such a transaction to a replica.
func (d *database) ReadBack(ctx context.Context, f func(sqlstore.Tx) error) error {
	return d.in(ctx, sql.TxOptions{Isolation: sql.LevelRepeatableRead}, func(tx sqlstore.Tx) error {
		var replica bool
		err := tx.Query(ctx, "SELECT @@global.read_only", nil, func(scan func(...any) error) error { return scan(&replica) })
		if err == nil && replica {
			err = fmt.Errorf("%w: the server is read-only, as replicas are: name the primary", store.ErrUnavailable)
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// Change runs f in a transaction that may be tried again.
func (d *database) Change(ctx context.Context, f func(sqlstore.Tx) error) error {
	return sqlstore.Retried(ctx, errConflict, func() error { return d.in(ctx, sql.TxOptions{Isolation: sql.LevelReadCommitted}, f) })
}

// in runs f once and commits.
func (d *database) in(ctx context.Context, opts sql.TxOptions, f func(sqlstore.Tx) error) error {
	tx, err := d.pool.BeginTx(ctx, &opts)
	if err != nil {
		return fmt.Errorf("connecting to the data store %s: %w", d.name, failure(ctx, err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := f(transaction{tx, d.trace}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing to the data store %s: %w", d.name, failure(ctx, err))
	}
	return nil
}

// known returns what the server is, which it is asked once.
func (d *database) known(ctx context.Context, tx sqlstore.Tx) (server, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return *d.server, nil
	}
	var s server
	var version, format string
	var logged bool
	err := tx.Query(ctx, "SELECT version(), @@lower_case_table_names > 0, @@log_bin, @@binlog_format", nil, func(scan func(...any) error) error {
		return scan(&version, &s.folded, &logged, &format)
	})
	if err != nil {
		return s, fmt.Errorf("asking the server what it is: %w", err)
	}
	s.mariadb, s.statements = strings.Contains(version, "MariaDB"), logged && format == "STATEMENT"
	d.server = &s
	return s, nil
}
