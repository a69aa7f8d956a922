package postgres

import (
	"context"
	"errors"
	"slices"
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

// MailboxRead records that a mailbox was read to its end at a time.
func (db *DB) MailboxRead(ctx context.Context, mailbox string, at time.Time) error {
	return db.tx(ctx, "recording that a mailbox was read", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO mailbox_read VALUES ($1, $2)
			ON CONFLICT (mailbox) DO UPDATE SET read_at = greatest(mailbox_read.read_at, excluded.read_at)`, mailbox, at)
		return err
	})
}

// MailboxesRead reports whether all mailboxes have been read to their end since
// the time until which a reply to a request counts, and whether its workflow has
// been told of everything.
func (db *DB) MailboxesRead(ctx context.Context, requestID string, mailboxes []string) (read bool, err error) {
	id, err := parseID(requestID)
	if err != nil {
		return false, err
	}
	err = db.tx(ctx, "looking how far the mailboxes were read", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM signal WHERE request_id = $1 AND delivered_at IS NULL)
			AND NOT EXISTS (SELECT FROM unnest($2::text[]) wanted LEFT JOIN mailbox_read m ON m.mailbox = wanted
				WHERE coalesce(m.read_at < (SELECT confirm_until FROM request WHERE id = $1), true))`, id, mailboxes).Scan(&read)
	})
	return read, err
}

// FindToken returns the owner of a token; known is false for a token that never
// existed or whose request has lost its evidence.
func (db *DB) FindToken(ctx context.Context, token string) (o record.TokenOwner, known bool, err error) {
	err = db.tx(ctx, "looking up a token", func(tx pgx.Tx) error {
		var id uuid.UUID
		var box, reminder []byte
		err := tx.QueryRow(ctx, `SELECT t.request_id, t.mail_id::text, r.state, r.policy_version, t.purpose, t.expires_at, o.sent_at, o.message,
				(SELECT message FROM outbox WHERE request_id = t.request_id AND t.purpose = 'confirmation' AND purpose = 'reminder' AND recipient = o.recipient)
			FROM token t JOIN request r ON r.id = t.request_id JOIN outbox o ON o.id = t.mail_id
			WHERE t.hash = $1 AND r.data_key_id IS NOT NULL`, tokenHash(token)).Scan(&id, &o.MailID, &o.State, &o.PolicyVersion, &o.Purpose, &o.ExpiresAt, &o.SentAt, &box, &reminder)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		o.RequestID, known = id.String(), true
		if reminder != nil {
			o.Reminder = &mailout.Message{}
			if err := key.open("mail", reminder, o.Reminder); err != nil {
				return err
			}
		}
		return key.open("mail", box, &o.Mail)
	})
	return o, known, err
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
		for _, m := range mails {
			if err := db.storeInbound(ctx, tx, mailbox, m); err != nil {
				return err
			}
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

func (db *DB) storeInbound(ctx context.Context, tx pgx.Tx, mailbox string, m record.Inbound) error {
	var request *uuid.UUID
	if m.RequestID != "" {
		id, err := parseID(m.RequestID)
		if err != nil {
			return err
		}
		request = &id
		// A step of the request must not slip between this mail and its signal.
		if _, err := tx.Exec(ctx, `SELECT 1 FROM request WHERE id = $1 FOR UPDATE`, id); err != nil {
			return err
		}
	}
	var messageID []byte
	if m.MessageID != "" {
		messageID = db.master.Digest("message id", m.MessageID)
	}
	var twin, reused bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM message WHERE mailbox = $1 AND fingerprint = $2),
		EXISTS (SELECT FROM message WHERE mailbox = $1 AND message_id = $3)`, mailbox, m.Fingerprint, messageID).Scan(&twin, &reused); err != nil {
		return err
	}
	switch {
	case twin:
		m.Verdict, m.Raw, m.FreshText, m.Tell = "duplicate", nil, "", false
	case reused:
		// Two mails that are not the same: both count, and a person who reads either
		// is told.
		m.Reasons = append(slices.Clip(m.Reasons), ReasonReused)
	}
	if m.Reasons == nil {
		m.Reasons = []string{}
	}
	id := uuid.New()
	var guess []byte
	if m.Guess != nil {
		guess = db.master.Digest("token guess", *m.Guess)
	}
	tag, err := tx.Exec(ctx, `INSERT INTO message (id, mailbox, folder, uidvalidity, uid, fingerprint, request_id, purpose, verdict, reasons, received_at, seen_at, guess, message_id, marked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $15 THEN $12::timestamptz END) ON CONFLICT DO NOTHING`,
		id, mailbox, m.Folder, m.UIDValidity, m.UID, m.Fingerprint, request, m.Purpose, m.Verdict, m.Reasons, m.ReceivedAt, db.now(), guess, messageID, m.Backfilled)
	if err != nil || tag.RowsAffected() == 0 || request == nil || twin {
		return err
	}
	if err := db.keepInbound(ctx, tx, *request, id, m); err != nil {
		return err
	}
	if m.Arrived && (m.Purpose == mailout.Confirmation || m.Purpose == mailout.AddressCheck) {
		if err := db.mailAnswered(ctx, tx, *request, m.Purpose, m.ReceivedAt); err != nil {
			return err
		}
	}
	if m.Bounce != nil {
		if err := db.mailBounced(ctx, tx, *request, id, *m.Bounce); err != nil {
			return err
		}
	}
	if err := db.appendEvent(ctx, tx, *request, "reply seen/"+id.String(), dsr.Event{Type: dsr.EventReplySeen, Facts: map[string]any{
		"verdict": m.Verdict, "received_at": m.ReceivedAt.UTC().Format(time.RFC3339Nano),
	}}); err != nil {
		return err
	}
	outcome := ""
	if m.Suspicious {
		outcome = "suspicious"
		if err := db.appendEvent(ctx, tx, *request, "suspicious reply/"+id.String(), dsr.Event{Type: dsr.EventSuspiciousReply, Facts: map[string]any{
			"message": id.String(), "reasons": m.Reasons,
		}}); err != nil {
			return err
		}
	}
	if !m.Tell {
		return nil
	}
	// Whoever writes after the end is heard too, by a person.
	if err := attendEnded(ctx, tx, *request, dsr.UnclearReply); err != nil {
		return err
	}
	return db.addSignal(ctx, tx, *request, "reply", map[string]any{"message": id.String(), "verdict": m.Verdict, "purpose": m.Purpose, "outcome": outcome})
}

// keepInbound seals the content of a mail under the key of its request.
func (db *DB) keepInbound(ctx context.Context, tx pgx.Tx, request, id uuid.UUID, m record.Inbound) error {
	key, err := db.requestKey(ctx, tx, request)
	if err != nil {
		return err
	}
	fresh := key.key.Seal("fresh text", []byte(m.FreshText))
	raw := key.key.Seal("raw mail", m.Raw)
	_, err = tx.Exec(ctx, `UPDATE message SET raw = $2, fresh_text = $3, data_key_id = $4 WHERE id = $1`, id, raw, fresh, key.id)
	return err
}

// readReplies returns the mails that belong to a request; their text only if
// personal is set.
func (db *DB) readReplies(ctx context.Context, tx pgx.Tx, request uuid.UUID, key *sealed) ([]dsr.Reply, error) {
	rows, err := tx.Query(ctx, `SELECT id::text, received_at, seen_at, verdict, reasons, fresh_text FROM message
		WHERE request_id = $1 ORDER BY received_at, id`, request)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.Reply, error) {
		var r dsr.Reply
		var fresh []byte
		if err := row.Scan(&r.ID, &r.ReceivedAt, &r.SeenAt, &r.Verdict, &r.Reasons, &fresh); err != nil || key == nil || fresh == nil {
			return r, err
		}
		text, err := key.key.Open("fresh text", fresh)
		r.Text = string(text)
		return r, err
	})
}
