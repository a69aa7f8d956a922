package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// queueMail lays a mail into the outbox. A mail of the same purpose to the same
// recipient that is there already stays as it is.
func (db *DB) queueMail(ctx context.Context, tx pgx.Tx, request uuid.UUID, key sealed, m record.NewMail) error {
	message, err := key.seal("mail", m.Message)
	if err != nil {
		return err
	}
	id, now := uuid.New(), db.now()
	tag, err := tx.Exec(ctx, `INSERT INTO outbox (id, request_id, purpose, recipient, message, status, awaited, next_attempt_at, expires_at, created_at, address)
		VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $7, $9) ON CONFLICT (request_id, purpose, recipient) DO NOTHING`,
		id, request, m.Message.Purpose, m.Recipient, message, m.Awaited, now, m.ExpiresAt, db.addressDigest(m.Message.To))
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	for _, token := range []string{m.Token, m.BounceToken, m.FormToken} {
		if token == "" {
			continue
		}
		// A reminder carries the token of the mail it reminds of.
		if _, err := tx.Exec(ctx, `INSERT INTO token (hash, request_id, mail_id, purpose, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (hash) DO NOTHING`, tokenHash(token), request, id, m.Message.Purpose, m.TokenUntil); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `SELECT pg_notify('habeas_outbox', '')`)
	return err
}

// tokenHash is the only form in which a token is kept. A token has 128 random
// bits, so that a plain hash of it can't be undone.
func tokenHash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// claimSQL takes mails that are due. Of a recipient that keeps failing, the oldest
// mail alone is taken, when its time has come; mails to one that has refused are
// taken to be put before a person.
const claimSQL = `WITH due AS MATERIALIZED (
		SELECT o.id, coalesce(r.refused AND r.failed_at > $5, false) AS refused
		FROM outbox o LEFT JOIN recipient r ON r.address = o.address
		WHERE o.status = 'queued' AND o.next_attempt_at <= $1
			AND (r.address IS NULL OR r.refused OR r.failures < $4 OR r.held_until <= $1 AND NOT EXISTS (
				SELECT FROM outbox e WHERE e.address = o.address AND e.status = 'queued'
					AND e.next_attempt_at <= $1 AND (e.next_attempt_at, e.id) < (o.next_attempt_at, o.id)))
		ORDER BY o.next_attempt_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED)
	UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $1::timestamptz + $3::interval
	FROM due WHERE outbox.id = due.id
	RETURNING outbox.id, request_id, attempts, expires_at, message, refused`

// claimedMail is a row that [claimSQL] returns.
type claimedMail struct {
	id, request uuid.UUID
	attempt     int
	expires     time.Time
	message     []byte
	refused     bool
}

// Claim implements [mailout.Queue].
func (db *DB) Claim(ctx context.Context, n int, lease time.Duration) ([]mailout.Queued, error) {
	var claimed []mailout.Queued
	err := db.tx(ctx, "claiming mails", func(tx pgx.Tx) error {
		claimed = nil
		now := db.now()
		rows, err := tx.Query(ctx, claimSQL, now, n, lease, mailout.FailuresAllowed, now.Add(-failuresCountFor))
		if err != nil {
			return err
		}
		due, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (claimedMail, error) {
			var m claimedMail
			return m, r.Scan(&m.id, &m.request, &m.attempt, &m.expires, &m.message, &m.refused)
		})
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(due))
		for i, m := range due {
			ids[i] = m.id
			q := mailout.Queued{ID: m.id.String(), Attempt: m.attempt, ExpiresAt: m.expires, Refused: m.refused}
			key, err := db.requestKey(ctx, tx, m.request)
			if err == nil {
				err = key.open("mail", m.message, &q.Message)
			}
			if unreadable(err) {
				// One damaged mail must not hold up all others.
				if _, err := tx.Exec(ctx, `UPDATE outbox SET status = 'failed' WHERE id = $1`, m.id); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			claimed = append(claimed, q)
		}
		return holdWhileTried(ctx, tx, ids, now.Add(lease))
	})
	return claimed, err
}

// sentEvents says which event the sending of a mail is.
var sentEvents = map[mailout.Purpose]dsr.EventType{
	mailout.Acknowledgement: dsr.EventAcknowledged,
	mailout.Details:         dsr.EventAcknowledged,
	mailout.AddressCheck:    dsr.EventAddressCheckSent,
	mailout.Confirmation:    dsr.EventConfirmationSent,
	mailout.Reminder:        dsr.EventReminderSent,
	mailout.CoolingOff:      dsr.EventCoolingOffNotice,
	mailout.SuspiciousReply: dsr.EventWarningSent,
	mailout.CancelledNotice: dsr.EventAnswerSent,
	mailout.RefusedNotice:   dsr.EventAnswerSent,
	mailout.ExpiredNotice:   dsr.EventAnswerSent,
	mailout.NothingHeld:     dsr.EventAnswerSent,
	mailout.Answer:          dsr.EventAnswerSent,
}

// Sent implements [mailout.Queue].
func (db *DB) Sent(ctx context.Context, id string, at time.Time, _ string) error {
	return db.settleMail(ctx, id, "sent", func(tx pgx.Tx, m mailRow) error { return db.mailSent(ctx, tx, m, at) })
}

func (db *DB) mailSent(ctx context.Context, tx pgx.Tx, m mailRow, at time.Time) error {
	if _, err := tx.Exec(ctx, `WITH sent AS (UPDATE outbox SET status = 'sent', sent_at = $2 WHERE id = $1 RETURNING address)
		DELETE FROM recipient USING sent WHERE recipient.address = sent.address`, m.id, at); err != nil {
		return err
	}
	return db.appendEvent(ctx, tx, m.request, fmt.Sprintf("mail sent/%s/%d/%d", m.purpose, m.recipient, m.attempts), dsr.Event{
		Type: sentEvents[m.purpose], Facts: map[string]any{"mail": m.purpose, "attempts": m.attempts},
	})
}

// mailAnswered records that a mail was sent, if whoever sent it did not live to
// say so: what was answered has arrived, and needs no second copy.
func (db *DB) mailAnswered(ctx context.Context, tx pgx.Tx, request uuid.UUID, purpose mailout.Purpose, at time.Time) error {
	m := mailRow{request: request, purpose: purpose}
	err := tx.QueryRow(ctx, `SELECT id, recipient, attempts FROM outbox
		WHERE request_id = $1 AND purpose = $2 AND recipient = 0 AND status = 'queued' AND attempts > 0 FOR UPDATE`, request, purpose).
		Scan(&m.id, &m.recipient, &m.attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return db.mailSent(ctx, tx, m, at)
}

// Failed implements [mailout.Queue].
func (db *DB) Failed(ctx context.Context, id string, at time.Time, code int, reason string) error {
	return db.settleMail(ctx, id, "failed", func(tx pgx.Tx, m mailRow) error {
		if _, err := tx.Exec(ctx, `UPDATE outbox SET status = 'failed', last_code = $2 WHERE id = $1`, m.id, code); err != nil {
			return err
		}
		if reason == mailout.FailedRecipient {
			if err := db.recipientFailed(ctx, tx, m.id, true); err != nil {
				return err
			}
		}
		// The workflow of an ended request can't be told any more: a person must see it.
		if err := attendEnded(ctx, tx, m.request, dsr.MailUndeliverable); err != nil {
			return err
		}
		return db.appendEvent(ctx, tx, m.request, fmt.Sprintf("mail failed/%s/%d/%d", m.purpose, m.recipient, m.attempts), dsr.Event{
			Type: dsr.EventMailFailed, Facts: map[string]any{"mail": m.purpose, "attempts": m.attempts, "smtp_code": code, "reason": reason},
		})
	})
}

// mailBounced records that a mail which was sent will never be delivered. One that
// has failed already, or that is about to be sent once more, stays as it is. The
// workflow hears of it unless a copy went to another address of the same person.
func (db *DB) mailBounced(ctx context.Context, tx pgx.Tx, request, report uuid.UUID, b record.Bounce) error {
	id, err := parseID(b.MailID)
	if err != nil {
		return err
	}
	m := mailRow{id: id, request: request}
	err = tx.QueryRow(ctx, `UPDATE outbox SET status = 'failed' WHERE id = $1 AND request_id = $2
			AND (status = 'sent' OR status = 'queued' AND attempts > 0 AND sent_at IS NULL)
		RETURNING purpose, recipient, attempts`, id, request).Scan(&m.purpose, &m.recipient, &m.attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := attendEnded(ctx, tx, request, dsr.MailUndeliverable); err != nil {
		return err
	}
	if err := db.appendEvent(ctx, tx, request, "mail bounced/"+report.String(), dsr.Event{Type: dsr.EventMailFailed, Facts: map[string]any{
		"mail": m.purpose, "attempts": m.attempts, "reason": "bounced", "enhanced_status": b.Status,
	}}); err != nil {
		return err
	}
	if mailout.AboutMailbox(b.Status) {
		if err := db.recipientFailed(ctx, tx, m.id, true); err != nil {
			return err
		}
	}
	var elsewhere bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM outbox WHERE request_id = $1 AND purpose = $2 AND status = 'sent') AND $2 <> $3`, request, m.purpose, mailout.Confirmation).
		Scan(&elsewhere); err != nil || elsewhere {
		return err
	}
	return db.addSignal(ctx, tx, request, "mail", map[string]any{"purpose": m.purpose, "outcome": "bounced"})
}

// attendEnded puts a request that has ended before a person.
func attendEnded(ctx context.Context, tx pgx.Tx, request uuid.UUID, attention dsr.Attention) error {
	_, err := tx.Exec(ctx, `UPDATE request SET attention = $2 WHERE id = $1 AND ended_at IS NOT NULL AND attention = ''`, request, attention)
	return err
}

// Retry implements [mailout.Queue].
func (db *DB) Retry(ctx context.Context, id string, at time.Time, code int) error {
	return db.tx(ctx, "putting a mail off", func(tx pgx.Tx) error {
		mail, err := parseID(id)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE outbox SET next_attempt_at = $2, last_code = $3 WHERE id = $1 AND status = 'queued'`, mail, at, code)
		if err != nil || tag.RowsAffected() == 0 || code == 0 {
			return err
		}
		return db.recipientFailed(ctx, tx, mail, false)
	})
}

// mailRow is what settling a mail needs to know of it.
type mailRow struct {
	id, request uuid.UUID
	purpose     mailout.Purpose
	recipient   int
	attempts    int
	awaited     bool
}

// settleMail records once how the sending of a mail ended, and lets the workflow
// know of it where it waits or must decide.
func (db *DB) settleMail(ctx context.Context, id, outcome string, record func(pgx.Tx, mailRow) error) error {
	return db.tx(ctx, "recording that a mail was "+outcome, func(tx pgx.Tx) error {
		m := mailRow{}
		var err error
		if m.id, err = parseID(id); err != nil {
			return err
		}
		// The request first, the mail second: the order in which all steps lock.
		err = tx.QueryRow(ctx, `SELECT r.id FROM request r JOIN outbox o ON o.request_id = r.id WHERE o.id = $1 FOR UPDATE OF r`, m.id).Scan(&m.request)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT purpose, recipient, attempts, awaited FROM outbox WHERE id = $1 AND status = 'queued' FOR UPDATE`, m.id).
			Scan(&m.purpose, &m.recipient, &m.attempts, &m.awaited)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := record(tx, m); err != nil {
			return err
		}
		if outcome == "sent" && !m.awaited {
			return nil
		}
		return db.addSignal(ctx, tx, m.request, "mail", map[string]any{"purpose": m.purpose, "outcome": outcome})
	})
}

// MailOf opens the mail of a purpose that was laid into the outbox of a request.
func (db *DB) MailOf(ctx context.Context, requestID string, purpose mailout.Purpose) (mailout.Message, error) {
	var m mailout.Message
	id, err := parseID(requestID)
	if err != nil {
		return m, err
	}
	err = db.tx(ctx, "opening a mail", func(tx pgx.Tx) error {
		var box []byte
		err := tx.QueryRow(ctx, `SELECT message FROM outbox WHERE request_id = $1 AND purpose = $2 AND recipient = 0`, id, purpose).Scan(&box)
		if errors.Is(err, pgx.ErrNoRows) {
			return dsr.ErrNotFound
		}
		if err != nil {
			return err
		}
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		return key.open("mail", box, &m)
	})
	return m, err
}

// CountMails counts the mails of a purpose that were laid into the outbox of a request.
func (db *DB) CountMails(ctx context.Context, requestID string, purpose mailout.Purpose) (n int, err error) {
	id, err := parseID(requestID)
	if err != nil {
		return 0, err
	}
	err = db.tx(ctx, "counting mails", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM outbox WHERE request_id = $1 AND purpose = $2`, id, purpose).Scan(&n)
	})
	return n, err
}

// triedAgainFor is how long a mail that failed for good is tried once more. Mails
// that ask for an answer are not tried beyond the life of their token.
const triedAgainFor = 5 * 24 * time.Hour

// RequeueFailed makes the mails of a request that failed for good due again.
func (db *DB) RequeueFailed(ctx context.Context, requestID string) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "sending mails again", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM recipient WHERE address IN (SELECT address FROM outbox WHERE request_id = $1 AND status = 'failed')`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE outbox SET status = 'queued', next_attempt_at = $2,
				expires_at = CASE WHEN purpose IN ('details', 'address_check', 'confirmation', 'reminder') THEN expires_at ELSE greatest(expires_at, $3) END
			WHERE request_id = $1 AND status = 'failed' AND message IS NOT NULL`, id, db.now(), db.now().Add(triedAgainFor)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT pg_notify('habeas_outbox', '')`)
		return err
	})
}
