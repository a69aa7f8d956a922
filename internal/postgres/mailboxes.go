package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/record"
)

// Of mails that were recorded longer ago than markWithin nobody marks any more that
// they have been dealt with; markAtOnce is how many are marked with one command.
const (
	markWithin = 7 * 24 * time.Hour
	markAtOnce = 500
)

// UnmarkedMails returns the UIDs of recent mails in a folder that belong to a
// request and do not show it yet to people who read the mailbox, some hundreds at
// most, oldest first.
func (db *DB) UnmarkedMails(ctx context.Context, mailbox, folder string, uidValidity uint32) ([]uint32, error) {
	var uids []uint32
	err := db.tx(ctx, "looking for mails to mark", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT uid FROM message WHERE mailbox = $1 AND folder = $2 AND uidvalidity = $3
			AND marked_at IS NULL AND request_id IS NOT NULL AND seen_at > $4 ORDER BY uid LIMIT $5`,
			mailbox, folder, uidValidity, db.now().Add(-markWithin), markAtOnce)
		if err != nil {
			return err
		}
		uids, err = pgx.CollectRows(rows, pgx.RowTo[uint32])
		return err
	})
	return uids, err
}

// MailsMarked records that mails show to people that they have been dealt with.
func (db *DB) MailsMarked(ctx context.Context, mailbox, folder string, uidValidity uint32, uids []uint32) error {
	return db.tx(ctx, "recording marked mails", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE message SET marked_at = $5 WHERE mailbox = $1 AND folder = $2 AND uidvalidity = $3 AND uid = ANY($4::bigint[])`,
			mailbox, folder, uidValidity, uids, db.now())
		return err
	})
}

// KnownMails reports for each fingerprint whether such a mail of the mailbox was
// recorded before.
func (db *DB) KnownMails(ctx context.Context, mailbox string, fingerprints [][]byte) ([]bool, error) {
	var known []bool
	err := db.tx(ctx, "looking for known mails", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT EXISTS (SELECT FROM message m WHERE m.mailbox = $1 AND m.fingerprint = f.fingerprint AND m.verdict <> 'duplicate')
			FROM unnest($2::bytea[]) WITH ORDINALITY f(fingerprint, ord) ORDER BY ord`, mailbox, fingerprints)
		if err != nil {
			return err
		}
		known, err = pgx.CollectRows(rows, pgx.RowTo[bool])
		return err
	})
	return known, err
}

// MailboxReads returns when each mailbox was last read to its end. Those that
// never were are missing.
func (db *DB) MailboxReads(ctx context.Context) (map[string]time.Time, error) {
	reads := map[string]time.Time{}
	err := db.tx(ctx, "looking when the mailboxes were read", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT mailbox, read_at FROM mailbox_read`)
		if err != nil {
			return err
		}
		var name string
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&name, &at}, func() error {
			reads[name] = at
			return nil
		})
		return err
	})
	return reads, err
}

// putCursor records how far a folder has been read; it never goes back within the
// same UIDVALIDITY.
func (db *DB) putCursor(ctx context.Context, tx pgx.Tx, mailbox, folder string, c record.Cursor) error {
	_, err := tx.Exec(ctx, `INSERT INTO mailbox_cursor (mailbox, folder, uidvalidity, last_uid, updated_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (mailbox, folder) DO UPDATE SET uidvalidity = excluded.uidvalidity, updated_at = excluded.updated_at,
			last_uid = CASE WHEN mailbox_cursor.uidvalidity = excluded.uidvalidity
				THEN greatest(mailbox_cursor.last_uid, excluded.last_uid) ELSE excluded.last_uid END`,
		mailbox, folder, c.UIDValidity, c.LastUID, db.now())
	return err
}
