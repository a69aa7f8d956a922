package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// arrivals is one transaction that records incoming mails. What must be looked up is
// looked up for all of them at once, and what is written goes out together, so that
// fifty mails take a few round trips and not some hundreds.
type arrivals struct {
	db      *DB
	tx      pgx.Tx
	mailbox string
	// requests are those to which the mails belong, locked.
	requests map[uuid.UUID]*recipient
	// What is on record: fingerprints, digests of Message-IDs, and places.
	known, named map[string]bool
	// placed is the fingerprint of what stood in a place when it was recorded.
	placed map[place]string
	// What is to be written: rows of mails, of events and of signals.
	writes          *pgx.Batch
	events, signals [][]any
}

// place is where a mail stands in a mailbox.
type place struct {
	folder           string
	uidValidity, uid uint32
}

// recipient is what recording a mail needs to know of its request.
type recipient struct {
	id    uuid.UUID
	key   *sealed // nil once its evidence was destroyed
	chain chain
	ended bool
	// unsettled says that whoever sent a mail to it may not have lived to say so.
	unsettled bool
}

// receive begins to record mails: it locks their requests, in one order for all, so
// that no step of a request slips between a mail and its signal.
func (db *DB) receive(ctx context.Context, tx pgx.Tx, mailbox string, mails []record.Inbound) (*arrivals, error) {
	a := &arrivals{db: db, tx: tx, mailbox: mailbox, requests: map[uuid.UUID]*recipient{}, known: map[string]bool{}, named: map[string]bool{}, placed: map[place]string{}, writes: &pgx.Batch{}}
	var ids []uuid.UUID
	var folders []string
	var validities, uids []int64
	fingerprints, names := [][]byte{}, [][]byte{}
	for _, m := range mails {
		if m.RequestID != "" {
			id, err := parseID(m.RequestID)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		folders, validities, uids = append(folders, m.Folder), append(validities, int64(m.UIDValidity)), append(uids, int64(m.UID))
		fingerprints, names = append(fingerprints, m.Fingerprint), append(names, db.messageID(m))
	}
	look := &pgx.Batch{}
	a.lock(look, ids)
	look.Queue(`SELECT fingerprint FROM message WHERE mailbox = $1 AND fingerprint = ANY($2) AND verdict <> 'duplicate'`, mailbox, fingerprints).Query(into(a.known))
	look.Queue(`SELECT message_id FROM message WHERE mailbox = $1 AND message_id = ANY($2)`, mailbox, names).Query(into(a.named))
	look.Queue(`SELECT folder, uidvalidity, uid, fingerprint FROM message WHERE mailbox = $1 AND folder = ANY($2) AND uidvalidity = ANY($3) AND uid = ANY($4)`, mailbox, folders, validities, uids).Query(func(rows pgx.Rows) error {
		var at place
		var fingerprint []byte
		_, err := pgx.ForEachRow(rows, []any{&at.folder, &at.uidValidity, &at.uid, &fingerprint}, func() error {
			a.placed[at] = string(fingerprint)
			return nil
		})
		return err
	})
	return a, tx.SendBatch(ctx, look).Close()
}

// into collects digests.
func into(set map[string]bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&digest}, func() error {
			set[string(digest)] = true
			return nil
		})
		return err
	}
}

// messageID is the digest of a mail's Message-ID; nil if it has none.
func (db *DB) messageID(m record.Inbound) []byte {
	if m.MessageID == "" {
		return nil
	}
	return db.master.Digest("message id", m.MessageID)
}

// lock has requests locked and looked up. The two statements are apart, since the
// first may wait for somebody who changes what the second reads.
func (a *arrivals) lock(look *pgx.Batch, ids []uuid.UUID) {
	if len(ids) == 0 {
		return
	}
	look.Queue(`SELECT FROM request WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
	look.Queue(`SELECT r.id, r.ended_at IS NOT NULL, k.id, k.wrapped, coalesce(e.seq, 0), e.hash,
			EXISTS (SELECT FROM outbox o WHERE o.request_id = r.id AND o.recipient = 0 AND o.status = 'queued' AND o.attempts > 0)
		FROM request r LEFT JOIN data_key k ON k.id = r.data_key_id
		LEFT JOIN LATERAL (SELECT seq, hash FROM event WHERE request_id = r.id ORDER BY seq DESC LIMIT 1) e ON true
		WHERE r.id = ANY($1)`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			to := &recipient{}
			var key *uuid.UUID
			var wrapped []byte
			if err := rows.Scan(&to.id, &to.ended, &key, &wrapped, &to.chain.seq, &to.chain.hash, &to.unsettled); err != nil {
				return err
			}
			if key != nil {
				unwrapped, err := a.db.unwrap(*key, wrapped)
				if err != nil {
					return err
				}
				to.key = &unwrapped
			}
			a.requests[to.id] = to
		}
		return rows.Err()
	})
}

// apart sends what has been written so far, has f do what goes by itself, and looks
// the request up again.
func (a *arrivals) apart(ctx context.Context, to *recipient, f func() error) error {
	if err := a.flush(ctx); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	look := &pgx.Batch{}
	a.lock(look, []uuid.UUID{to.id})
	if err := a.tx.SendBatch(ctx, look).Close(); err != nil {
		return err
	}
	*to = *a.requests[to.id]
	return nil
}

// flush sends what has been written. Rows that can't be on record yet are copied,
// which takes the server half the time of statements.
func (a *arrivals) flush(ctx context.Context) error {
	writes, events, signals := a.writes, a.events, a.signals
	a.writes, a.events, a.signals = &pgx.Batch{}, nil, nil
	if len(signals) > 0 {
		writes.Queue(notifySignal)
	}
	if writes.Len() == 0 {
		return nil
	}
	if err := a.tx.SendBatch(ctx, writes).Close(); err != nil {
		return err
	}
	if err := a.copyRows(ctx, "event", eventColumns, events); err != nil {
		return err
	}
	return a.copyRows(ctx, "signal", signalColumns, signals)
}

func (a *arrivals) copyRows(ctx context.Context, table, columns string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := a.tx.CopyFrom(ctx, pgx.Identifier{table}, strings.Split(columns, ", "), pgx.CopyFromRows(rows))
	return err
}

// errOvertaken cannot happen while mails of a request are recorded under its lock.
var errOvertaken = errors.New("a mail was recorded by somebody else at the same time")

// store records one mail, and what its request must hear of it.
func (a *arrivals) store(ctx context.Context, m record.Inbound) error {
	at := place{m.Folder, m.UIDValidity, m.UID}
	switch before, taken := a.placed[at]; {
	case taken && before == string(m.Fingerprint):
		return nil
	case taken:
		// The server has given the number out again, in spite of RFC 3501 section
		// 2.3.1.1: what stood there before gives way to a place that no server has.
		a.writes.Queue(`UPDATE message SET uidvalidity = -1 - floor(random() * 1e15)::bigint
			WHERE mailbox = $1 AND folder = $2 AND uidvalidity = $3 AND uid = $4`, a.mailbox, at.folder, at.uidValidity, at.uid)
	}
	m.Reasons = append([]string{}, m.Reasons...)
	if err := a.place(ctx, &m); err != nil {
		return err
	}
	messageID := a.db.messageID(m)
	twin := a.known[string(m.Fingerprint)]
	switch {
	case twin:
		m.Verdict, m.Raw, m.FreshText, m.Tell = "duplicate", nil, "", false
	case messageID != nil && a.named[string(messageID)]:
		// Two mails that are not the same: both count, and a person who reads either
		// is told.
		m.Reasons = append(m.Reasons, ReasonReused)
	}
	a.placed[at], a.known[string(m.Fingerprint)] = string(m.Fingerprint), true
	a.named[string(messageID)] = true
	var to *recipient
	if m.RequestID != "" {
		id, err := parseID(m.RequestID)
		if err != nil {
			return err
		}
		if to = a.requests[id]; to == nil {
			return dsr.ErrNotFound
		}
	}
	id := uuid.New()
	if to == nil || twin {
		a.insert(id, to, m, messageID, nil, nil)
		return nil
	}
	if to.key == nil {
		return dsr.ErrNotFound
	}
	a.insert(id, to, m, messageID, to.key.key.Seal("raw mail", m.Raw), to.key.key.Seal("fresh text", []byte(m.FreshText)))
	if m.Case != nil {
		recognised, err := to.key.seal("recognised", m.Case.Recognised)
		if err != nil {
			return err
		}
		a.writes.Queue(`UPDATE message SET recognised = $2 WHERE id = $1`, id, recognised)
	}
	return a.tell(ctx, to, id, m)
}

// place decides what becomes of a mail that makes a request or brings details to
// one, after what came before it has been written, and looks its request up.
func (a *arrivals) place(ctx context.Context, m *record.Inbound) error {
	if m.Case == nil && m.Details == nil {
		return nil
	}
	if err := a.flush(ctx); err != nil {
		return err
	}
	if err := a.db.placeCase(ctx, a.tx, a.mailbox, m); err != nil {
		return err
	}
	if err := a.db.placeDetails(ctx, a.tx, m); err != nil || m.RequestID == "" {
		return err
	}
	id, err := parseID(m.RequestID)
	if err != nil {
		return err
	}
	look := &pgx.Batch{}
	a.lock(look, []uuid.UUID{id})
	return a.tx.SendBatch(ctx, look).Close()
}

// insert writes the row of a mail; its content only if it is new and belongs to a
// request.
func (a *arrivals) insert(id uuid.UUID, to *recipient, m record.Inbound, messageID, raw, fresh []byte) {
	var request, key *uuid.UUID
	if to != nil {
		request = &to.id
	}
	if raw != nil {
		key = &to.key.id
	}
	var guess []byte
	if m.Guess != nil {
		guess = a.db.master.Digest("token guess", *m.Guess)
	}
	now := a.db.now()
	var marked *time.Time
	if m.Backfilled {
		marked = &now
	}
	a.writes.Queue(`INSERT INTO message (id, mailbox, folder, uidvalidity, uid, fingerprint, request_id, purpose, verdict, reasons, received_at, seen_at, guess, message_id, marked_at,
			raw, fresh_text, data_key_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING`,
		id, a.mailbox, m.Folder, m.UIDValidity, m.UID, m.Fingerprint, request, m.Purpose, m.Verdict, m.Reasons, m.ReceivedAt, now, guess, messageID, marked,
		raw, fresh, key).Exec(func(tag pgconn.CommandTag) error {
		if raw != nil && tag.RowsAffected() == 0 {
			return errOvertaken
		}
		return nil
	})
}

// tell records what follows from a mail for its request.
func (a *arrivals) tell(ctx context.Context, to *recipient, id uuid.UUID, m record.Inbound) error {
	if m.Arrived && to.unsettled && (m.Purpose == mailout.Confirmation || m.Purpose == mailout.AddressCheck) {
		if err := a.apart(ctx, to, func() error { return a.db.mailAnswered(ctx, a.tx, to.id, m.Purpose, m.ReceivedAt) }); err != nil {
			return err
		}
	}
	if m.Bounce != nil {
		if err := a.apart(ctx, to, func() error { return a.db.mailBounced(ctx, a.tx, to.id, id, *m.Bounce) }); err != nil {
			return err
		}
	}
	if err := a.event(to, "reply seen/"+id.String(), dsr.Event{Type: dsr.EventReplySeen, Facts: map[string]any{
		"verdict": m.Verdict, "received_at": m.ReceivedAt.UTC().Format(time.RFC3339Nano),
	}}); err != nil {
		return err
	}
	outcome := ""
	if m.Suspicious {
		outcome = "suspicious"
		if err := a.event(to, "suspicious reply/"+id.String(), dsr.Event{Type: dsr.EventSuspiciousReply, Facts: map[string]any{
			"message": id.String(), "reasons": m.Reasons,
		}}); err != nil {
			return err
		}
	}
	if !m.Tell {
		return nil
	}
	if to.ended {
		// Whoever writes after the end is heard too, by a person.
		if err := a.apart(ctx, to, func() error { return attendEnded(ctx, a.tx, to.id, dsr.UnclearReply) }); err != nil {
			return err
		}
	}
	now := a.db.now()
	a.signals = append(a.signals, []any{to.id, "reply", map[string]any{"message": id.String(), "verdict": m.Verdict, "purpose": m.Purpose, "outcome": outcome}, now, now})
	return nil
}

// event adds an event to the chain of a request.
func (a *arrivals) event(to *recipient, step string, e dsr.Event) error {
	row, err := a.db.nextEvent(to.id, &to.chain, step, e)
	a.events = append(a.events, row)
	return err
}
