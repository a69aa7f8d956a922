package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// database runs transactions.
type database struct {
	name string
	pool *pgxpool.Pool
}

var _ sqlstore.Database = (*database)(nil)

// transaction is one of them.
type transaction struct{ pgx.Tx }

// Exec runs a statement.
func (t transaction) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := t.Tx.Exec(ctx, sql, args...)
	return tag.RowsAffected(), failure(ctx, err)
}

// Query runs a statement and calls row for each row.
func (t transaction) Query(ctx context.Context, sql string, args []any, row func(scan func(...any) error) error) error {
	rows, err := t.Tx.Query(ctx, sql, args...)
	if err != nil {
		return failure(ctx, err)
	}
	defer rows.Close()
	scan := func(dest ...any) error { return failure(ctx, rows.Scan(dest...)) }
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
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("connecting to the data store %s: %w", d.name, failure(ctx, err))
	}
	// Nothing was changed: whether the rollback succeeds changes nothing either.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return f(transaction{tx})
}

// ReadBack refuses a standby, which lags behind: reading back there proves nothing.
func (d *database) ReadBack(ctx context.Context, f func(sqlstore.Tx) error) error {
	return d.Read(ctx, func(tx sqlstore.Tx) error {
		var standby bool
		err := tx.Query(ctx, "SELECT pg_is_in_recovery()", nil, func(scan func(...any) error) error { return scan(&standby) })
		if err == nil && standby {
			err = fmt.Errorf("%w: the server is a standby: name the primary", store.ErrUnavailable)
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// Change runs f in a transaction that may be tried again.
func (d *database) Change(ctx context.Context, f func(sqlstore.Tx) error) error {
	return sqlstore.Retried(ctx, errConflict, func() error { return d.once(ctx, f) })
}

// once runs f once and commits.
func (d *database) once(ctx context.Context, f func(sqlstore.Tx) error) error {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return fmt.Errorf("connecting to the data store %s: %w", d.name, failure(ctx, err))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after a commit
	if err := f(transaction{tx}); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing to the data store %s: %w", d.name, failure(ctx, err))
	}
	return nil
}
