package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/mailout"
)

// This file is the breaker of each recipient: what is known of addresses that do
// not take mails, under a keyed digest of them.

// failuresCountFor is how long failures of a recipient are remembered. After it,
// an address that refused is tried again.
const failuresCountFor = 30 * 24 * time.Hour

func (db *DB) addressDigest(address string) []byte {
	return db.master.Digest("address", strings.ToLower(address))
}

// recipientFailed counts a failure of the recipient of a mail.
func (db *DB) recipientFailed(ctx context.Context, tx pgx.Tx, mail uuid.UUID, refused bool) error {
	now := db.now()
	if _, err := tx.Exec(ctx, `DELETE FROM recipient WHERE failed_at <= $1`, now.Add(-failuresCountFor)); err != nil {
		return err
	}
	var address []byte
	var failures int
	err := tx.QueryRow(ctx, `INSERT INTO recipient (address, failures, refused, held_until, failed_at)
		SELECT address, 1, $2, $3, $3 FROM outbox WHERE id = $1 AND address IS NOT NULL
		ON CONFLICT (address) DO UPDATE SET failures = recipient.failures + 1, refused = recipient.refused OR $2, failed_at = $3
		RETURNING address, failures`, mail, refused, now).Scan(&address, &failures)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE recipient SET held_until = $2 WHERE address = $1`, address, now.Add(mailout.HoldFor(failures)))
	return err
}

// holdWhileTried keeps other mails from recipients that keep failing while one
// mail to them is under way.
func holdWhileTried(ctx context.Context, tx pgx.Tx, mails []uuid.UUID, until time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE recipient SET held_until = $2
		WHERE failures >= $3 AND NOT refused AND address IN (SELECT address FROM outbox WHERE id = ANY($1))`, mails, until, mailout.FailuresAllowed)
	return err
}
