package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/record"
)

const (
	signalColumns = "request_id, kind, payload, created_at, next_attempt_at"
	notifySignal  = `SELECT pg_notify('habeas_signal', '')`
)

// addSignal records that the workflow of a request must be told something.
func (db *DB) addSignal(ctx context.Context, tx pgx.Tx, request uuid.UUID, kind string, payload map[string]any) error {
	if payload == nil {
		payload = map[string]any{}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO signal (`+signalColumns+`) VALUES ($1, $2, $3, $4, $4)`, request, kind, payload, db.now()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, notifySignal)
	return err
}

// ClaimSignals takes up to n signals that are due, oldest first, so that no
// other program takes them before lease is over. Of each request only the oldest
// undelivered signal is due, so that they arrive in order.
func (db *DB) ClaimSignals(ctx context.Context, n int, lease time.Duration) ([]record.Signal, error) {
	var claimed []record.Signal
	err := db.tx(ctx, "claiming signals", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE signal SET attempts = attempts + 1, next_attempt_at = $1::timestamptz + $3::interval
			WHERE id IN (SELECT id FROM signal s WHERE delivered_at IS NULL AND next_attempt_at <= $1
				AND NOT EXISTS (SELECT 1 FROM signal e WHERE e.request_id = s.request_id AND e.delivered_at IS NULL AND e.id < s.id)
				ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
			RETURNING id, request_id::text, kind, payload, attempts`, db.now(), n, lease)
		if err != nil {
			return err
		}
		claimed, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (record.Signal, error) {
			var s record.Signal
			return s, row.Scan(&s.ID, &s.RequestID, &s.Kind, &s.Payload, &s.Attempt)
		})
		return err
	})
	return claimed, err
}

// SignalDelivered records that Temporal has taken a signal.
func (db *DB) SignalDelivered(ctx context.Context, id int64) error {
	return db.tx(ctx, "recording a delivered signal", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE signal SET delivered_at = $2 WHERE id = $1 AND delivered_at IS NULL`, id, db.now())
		if err != nil {
			return err
		}
		// The next signal of the same request has been waiting for this one.
		_, err = tx.Exec(ctx, `SELECT pg_notify('habeas_signal', '') WHERE EXISTS (
			SELECT 1 FROM signal s WHERE s.delivered_at IS NULL AND s.request_id = (SELECT request_id FROM signal WHERE id = $1))`, id)
		return err
	})
}

// SignalFailed puts a signal off until the given time.
func (db *DB) SignalFailed(ctx context.Context, id int64, until time.Time) error {
	return db.tx(ctx, "putting a signal off", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE signal SET next_attempt_at = $2 WHERE id = $1 AND delivered_at IS NULL`, id, until)
		return err
	})
}

// Listen calls wake whenever another transaction has laid something into the
// outbox or has a signal for Temporal, until the context ends or the connection
// is lost. A notice can be lost, so that whoever listens must look by itself too.
func (db *DB) Listen(ctx context.Context, wake func(channel string)) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("listening for work: %w", withoutDetail(err))
	}
	// A listening connection can't go back to the pool.
	own := conn.Hijack()
	defer func() { _ = own.Close(context.WithoutCancel(ctx)) }()
	if _, err := own.Exec(ctx, `LISTEN habeas_outbox; LISTEN habeas_signal; LISTEN habeas_mailbox`); err != nil {
		return fmt.Errorf("listening for work: %w", withoutDetail(err))
	}
	for {
		notice, err := own.WaitForNotification(ctx)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			return fmt.Errorf("listening for work: %w", withoutDetail(err))
		}
		wake(notice.Channel)
	}
}
