package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// MailboxCursor returns the cursor of a folder; known is false for a folder
// that was never read.
func (db *DB) MailboxCursor(ctx context.Context, mailbox, folder string) (c record.Cursor, known bool, err error) {
	err = db.tx(ctx, "reading the mailbox cursor", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT uidvalidity, last_uid FROM mailbox_cursor WHERE mailbox = $1 AND folder = $2`, mailbox, folder).
			Scan(&c.UIDValidity, &c.LastUID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		known = err == nil
		return err
	})
	return c, known, err
}

const (
	// interrupted is how long nobody may have read a mailbox for its reading to count
	// as interrupted.
	interrupted = 15 * time.Minute
	// deliveredWithin is how long after an interruption mail may still come in that our
	// own mail server had accepted before it: servers try again after 4000 s at most
	// (Postfix, maximal_backoff_time), others after an hour (RFC 5321 section 4.5.4.1).
	deliveredWithin = 2 * time.Hour
)

// MailboxRead records that a mailbox was read to its end at a time.
func (db *DB) MailboxRead(ctx context.Context, mailbox string, at time.Time) error {
	return db.tx(ctx, "recording that a mailbox was read", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO mailbox_read VALUES ($1, $2, '-infinity')
			ON CONFLICT (mailbox) DO UPDATE SET read_at = greatest(mailbox_read.read_at, excluded.read_at),
				since = CASE WHEN excluded.read_at > mailbox_read.read_at + $3::interval THEN excluded.read_at ELSE mailbox_read.since END`, mailbox, at, interrupted)
		return err
	})
}

// MailboxesRead reports whether all mailboxes have been read to their end since
// the time until which a reply to a request counts, and whether its workflow has
// been told of everything. After an interruption they count as read only once what
// waited in our own mail server has had the time to come in.
func (db *DB) MailboxesRead(ctx context.Context, requestID string, mailboxes []string) (read bool, err error) {
	id, err := parseID(requestID)
	if err != nil {
		return false, err
	}
	err = db.tx(ctx, "looking how far the mailboxes were read", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM signal WHERE request_id = $1 AND delivered_at IS NULL)
			AND NOT EXISTS (SELECT FROM unnest($2::text[]) wanted LEFT JOIN mailbox_read m ON m.mailbox = wanted
				WHERE coalesce(m.read_at < greatest(m.since + $3::interval, (SELECT confirm_until FROM request WHERE id = $1)), true))`,
			id, mailboxes, deliveredWithin).Scan(&read)
		if err == nil && !read {
			// Whoever watches them need not wait for the next look.
			_, err = tx.Exec(ctx, `SELECT pg_notify('habeas_mailbox', '')`)
		}
		return err
	})
	return read, err
}

// FindTokens returns the owners of tokens. Those that never existed, or whose
// request has lost its evidence, are missing.
func (db *DB) FindTokens(ctx context.Context, tokens []string) (map[string]record.TokenOwner, error) {
	owners := map[string]record.TokenOwner{}
	if len(tokens) == 0 {
		return owners, nil
	}
	byHash, hashes := map[string]string{}, make([][]byte, len(tokens))
	for n, token := range tokens {
		hashes[n] = tokenHash(token)
		byHash[string(hashes[n])] = token
	}
	err := db.tx(ctx, "looking up tokens", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT t.hash, t.request_id, t.mail_id::text, r.state, r.policy_version, t.purpose, t.expires_at, o.sent_at, o.message,
				(SELECT message FROM outbox WHERE request_id = t.request_id AND t.purpose = 'confirmation' AND purpose = 'reminder' AND recipient = o.recipient),
				k.id, k.wrapped, CASE WHEN r.outcome = $2 THEN r.intake END
			FROM token t JOIN request r ON r.id = t.request_id JOIN outbox o ON o.id = t.mail_id JOIN data_key k ON k.id = r.data_key_id
			WHERE t.hash = ANY($1)`, hashes, dsr.ExpiredOutcome)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			hash, o, err := db.scanOwner(rows)
			if err != nil {
				return err
			}
			owners[byHash[string(hash)]] = o
		}
		return rows.Err()
	})
	return owners, err
}

// scanOwner reads a row of [DB.FindTokens] and opens the mails in it.
func (db *DB) scanOwner(row pgx.CollectableRow) (hash []byte, o record.TokenOwner, err error) {
	var id, keyID uuid.UUID
	var box, reminder, wrapped, expired []byte
	if err := row.Scan(&hash, &id, &o.MailID, &o.State, &o.PolicyVersion, &o.Purpose, &o.ExpiresAt, &o.SentAt, &box, &reminder, &keyID, &wrapped, &expired); err != nil {
		return nil, o, err
	}
	key, err := db.unwrap(keyID, wrapped)
	if err != nil {
		return nil, o, err
	}
	o.RequestID = id.String()
	if expired != nil {
		o.Expired = &dsr.Intake{}
		if err := key.open("intake", expired, o.Expired); err != nil {
			return nil, o, err
		}
	}
	if reminder != nil {
		o.Reminder = &mailout.Message{}
		if err := key.open("mail", reminder, o.Reminder); err != nil {
			return nil, o, err
		}
	}
	return hash, o, key.open("mail", box, &o.Mail)
}

// TokenGuesses counts the mails of the last hour that carried a reply token which
// does not exist: all of them, and the most from senders of one domain.
func (db *DB) TokenGuesses(ctx context.Context) (lastHour, fromOneDomain int, err error) {
	err = db.tx(ctx, "counting tokens that do not exist", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce(sum(n), 0), coalesce(max(n), 0) FROM (
			SELECT count(*) n FROM message WHERE guess IS NOT NULL AND seen_at > $1 GROUP BY guess) by_domain`, db.now().Add(-time.Hour)).Scan(&lastHour, &fromOneDomain)
	})
	return lastHour, fromOneDomain, err
}

// StoreInbound records mails of one folder and how far it has been read, with
// whatever Temporal must be told of them, in one transaction. A mail that was
// recorded before is passed over; the cursor never goes back within the same
// UIDVALIDITY, and stays where it is if the one given has none.
func (db *DB) StoreInbound(ctx context.Context, mailbox, folder string, c record.Cursor, mails []record.Inbound) error {
	return db.tx(ctx, "recording incoming mails", func(tx pgx.Tx) error {
		if err := lockCases(ctx, tx, mails); err != nil {
			return err
		}
		a, err := db.receive(ctx, tx, mailbox, mails)
		if err != nil {
			return err
		}
		for _, m := range mails {
			if err := a.store(ctx, m); err != nil {
				return err
			}
		}
		if err := a.flush(ctx); err != nil {
			return err
		}
		if c.UIDValidity == 0 {
			return nil
		}
		return db.putCursor(ctx, tx, mailbox, folder, c)
	})
}

// ReasonReused is the reason on record for a mail whose Message-ID another mail of
// other content bears too.
const ReasonReused = "message_id_reused"

// readReplies returns the mails that belong to a request; their text only if
// personal is set.
func (db *DB) readReplies(ctx context.Context, tx pgx.Tx, request uuid.UUID, key *sealed) ([]dsr.Reply, error) {
	rows, err := tx.Query(ctx, `SELECT id::text, received_at, seen_at, verdict, reasons, fresh_text, recognised FROM message
		WHERE request_id = $1 ORDER BY received_at, id`, request)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.Reply, error) {
		var r dsr.Reply
		var fresh, recognised []byte
		if err := row.Scan(&r.ID, &r.ReceivedAt, &r.SeenAt, &r.Verdict, &r.Reasons, &fresh, &recognised); err != nil || key == nil || fresh == nil {
			return r, err
		}
		text, err := key.key.Open("fresh text", fresh)
		if r.Text = string(text); err != nil || recognised == nil {
			return r, err
		}
		return r, key.open("recognised", recognised, &r.Recognised)
	})
}

// RawMail opens a mail that came in for a request, which is personal data. It fails
// with [dsr.ErrNotFound] for one that is not there or not kept any more.
func (db *DB) RawMail(ctx context.Context, requestID, messageID string) ([]byte, error) {
	id, err := parseID(requestID)
	if err != nil {
		return nil, err
	}
	message, err := parseID(messageID)
	if err != nil {
		return nil, err
	}
	var raw []byte
	err = db.tx(ctx, "opening a mail that came in", func(tx pgx.Tx) error {
		var box []byte
		err := tx.QueryRow(ctx, `SELECT raw FROM message WHERE id = $1 AND request_id = $2 AND raw IS NOT NULL`, message, id).Scan(&box)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("the mail: %w", dsr.ErrNotFound)
		}
		if err != nil {
			return err
		}
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		raw, err = key.key.Open("raw mail", box)
		return err
	})
	return raw, err
}
