package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// lockCases lets only one transaction at a time open requests by mail, so that no
// limit is overrun and no request opened twice. It comes before every other lock.
func lockCases(ctx context.Context, tx pgx.Tx, mails []record.Inbound) error {
	if !slices.ContainsFunc(mails, func(m record.Inbound) bool { return m.Case != nil }) {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('habeas requests by mail'))`)
	return err
}

// placeCase decides what becomes of a mail that makes a request: it opens one,
// joins one that is open, or stays in the mailbox. The mail then belongs to its
// request, or to none.
func (db *DB) placeCase(ctx context.Context, tx pgx.Tx, mailbox string, m *record.Inbound) error {
	if m.Case == nil {
		return nil
	}
	// The caller's stays as it is, for when all of this is tried again.
	own := *m.Case
	c := &own
	m.Case = c
	if m.Backfilled && c.Withheld == "" {
		c.Withhold(record.WithheldLate)
	}
	var known bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM message WHERE mailbox = $1 AND fingerprint = $2)`, mailbox, m.Fingerprint).Scan(&known)
	if err != nil || known {
		m.Case = nil
		return err
	}
	joined, err := db.joinCase(ctx, tx, m)
	if err != nil || joined {
		return err
	}
	id, err := parseID(c.Request.ID)
	if err != nil {
		return err
	}
	opens, err := db.countCase(ctx, tx, c)
	if err != nil {
		return err
	}
	if !opens {
		m.Case, m.Reasons = nil, append(slices.Clip(m.Reasons), record.LeftInMailbox)
		return nil
	}
	// A mail that renews a request belongs to the new one, which hears nothing of it.
	m.RequestID, m.Purpose, m.Tell = c.Request.ID, "", false
	return db.createRequest(ctx, tx, id, c.Request, nil, db.addressDigest(c.Request.Intake.Elements.Email))
}

// mostJoining is how many mails without a token join a request within a day. What
// comes beyond stays in the mailbox: anybody can write in another's name.
const mostJoining = 10

// joinCase ties a mail to the request for the same right that the same sender has
// opened by mail before. A mail that may not be theirs never joins.
func (db *DB) joinCase(ctx context.Context, tx pgx.Tx, m *record.Inbound) (joined bool, err error) {
	if m.Case.Withheld == record.WithheldDoubtful {
		return false, nil
	}
	in := m.Case.Request.Intake
	var id uuid.UUID
	err = tx.QueryRow(ctx, `SELECT id FROM request WHERE address = $1 AND channel = $2 AND invoked_right = $3 AND attention <> $4
		AND ended_at IS NULL AND data_key_id IS NOT NULL ORDER BY received_at DESC LIMIT 1 FOR UPDATE`,
		db.addressDigest(in.Elements.Email), dsr.Mail, in.Right, dsr.DoubtfulMail).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var again bool
	var recent int
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM message WHERE request_id = $1 AND fingerprint = $2),
		(SELECT count(*) FROM message WHERE request_id = $1 AND purpose = '' AND seen_at > $3)`, id, m.Fingerprint, db.now().Add(-24*time.Hour)).Scan(&again, &recent)
	switch {
	case err != nil:
		return false, err
	case again:
		// The same mail, delivered to another mailbox of ours.
		m.Case, m.Verdict, m.Raw, m.FreshText, m.RequestID, m.Tell = nil, "duplicate", nil, "", "", false
	case recent >= mostJoining:
		m.Case, m.Reasons = nil, append(slices.Clip(m.Reasons), record.LeftInMailbox)
	default:
		// Whatever it answers is a mail of another request.
		m.RequestID, m.Purpose, m.Tell = id.String(), "", true
		if elements := in.Elements; len(new(dsr.Elements).Supplement(elements, false)) > 0 {
			m.Details = &elements
		}
	}
	return true, nil
}

// countCase counts a request by mail and reports whether it is opened. Where its
// acknowledgement is withheld it begins before a person, so that nobody is
// forgotten.
func (db *DB) countCase(ctx context.Context, tx pgx.Tx, c *record.Case) (bool, error) {
	now, email := db.now(), c.Request.Intake.Elements.Email
	sender := db.addressDigest(email)
	_, host, _ := strings.Cut(strings.ToLower(email), "@")
	domain := db.master.Digest("mail domain", host)
	if _, err := tx.Exec(ctx, `DELETE FROM mail_case WHERE at <= $1`, now.Add(-24*time.Hour)); err != nil {
		return false, err
	}
	var ofSender, thisHour, ofDomain, total, silent int
	err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE sender = $1 AND acknowledged), count(*) FILTER (WHERE sender = $1 AND at > $3),
			count(*) FILTER (WHERE domain = $2 AND acknowledged AND at > $3), count(*) FILTER (WHERE acknowledged AND at > $3),
			count(*) FILTER (WHERE NOT acknowledged AND at > $3) FROM mail_case`, sender, domain, now.Add(-time.Hour)).
		Scan(&ofSender, &thisHour, &ofDomain, &total, &silent)
	if err != nil {
		return false, err
	}
	l := c.Limits
	switch {
	case c.Withheld != "":
	case ofSender > 0:
		c.Withheld = record.WithheldSender
	case ofDomain >= l.AcknowledgedPerHourPerDomain:
		c.Withheld = record.WithheldDomain
	case total >= l.AcknowledgedPerHour:
		c.Withheld = record.WithheldTotal
	}
	// What people find late themselves is theirs to work on, however much it is.
	if c.Withheld != record.WithheldLate && (thisHour >= l.PerSenderPerHour || c.Withheld != "" && silent >= l.UnacknowledgedPerHour) {
		return false, nil
	}
	if c.Withheld != "" {
		c.Withhold(c.Withheld)
	}
	_, err = tx.Exec(ctx, `INSERT INTO mail_case (at, sender, domain, acknowledged) VALUES ($1, $2, $3, $4)`, now, sender, domain, c.Withheld == "")
	return true, err
}

// placeDetails takes the elements of identification with which a mail answers
// into its request. Where they come too late to count, or say something else than
// what was given before, the mail is told as it was judged.
func (db *DB) placeDetails(ctx context.Context, tx pgx.Tx, m *record.Inbound) error {
	if m.Details == nil || m.RequestID == "" {
		return nil
	}
	id, err := parseID(m.RequestID)
	if err != nil {
		return err
	}
	err = db.supplement(ctx, tx, id, supplement{details: *m.Details, way: dsr.ByReply})
	if errors.Is(err, dsr.ErrConflict) || errors.Is(err, dsr.ErrNotFound) {
		return nil
	}
	if err == nil {
		m.Verdict, m.Tell = "details", false
	}
	return err
}

// supplement is elements of identification that reach a request after it was filed.
type supplement struct {
	details dsr.Elements
	way     dsr.Way
	actor   string
	// correct lets them replace what was given before.
	correct bool
}

// Supplement takes elements of identification into a request that waits for them
// or that a person deals with by hand. A person may correct what was given before.
// It fails with [dsr.ErrConflict] once the account has been looked for, and where
// something else was given before.
func (db *DB) Supplement(ctx context.Context, requestID string, details dsr.Elements, way dsr.Way, actor string) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "recording details of a request", func(tx pgx.Tx) error {
		return db.supplement(ctx, tx, id, supplement{details, way, actor, way == dsr.ByPerson})
	})
}

func (db *DB) supplement(ctx context.Context, tx pgx.Tx, id uuid.UUID, s supplement) error {
	var state dsr.State
	var attention dsr.Attention
	var box []byte
	err := tx.QueryRow(ctx, `SELECT state, attention, intake FROM request WHERE id = $1 FOR UPDATE`, id).Scan(&state, &attention, &box)
	if errors.Is(err, pgx.ErrNoRows) {
		return dsr.ErrNotFound
	}
	if err != nil {
		return err
	}
	if !state.Supplementable(attention) {
		return fmt.Errorf("the account has been looked for already, or the request has ended: %w", dsr.ErrConflict)
	}
	key, err := db.requestKey(ctx, tx, id)
	if err != nil {
		return err
	}
	var in dsr.Intake
	if err := key.open("intake", box, &in); err != nil {
		return err
	}
	changed := in.Elements.Supplement(s.details, s.correct)
	if other := in.Elements; len(other.Supplement(s.details, true)) > 0 {
		return fmt.Errorf("something else was given before: %w", dsr.ErrConflict)
	}
	if len(changed) == 0 {
		return nil
	}
	if box, err = key.seal("intake", in); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE request SET intake = $2, updated_at = $3 WHERE id = $1`, id, box, db.now()); err != nil {
		return err
	}
	if err := db.appendEvent(ctx, tx, id, "details/"+uuid.NewString(), dsr.Event{
		Type: dsr.EventDetailsReceived, Actor: s.actor, Facts: map[string]any{"elements": changed, "by": s.way},
	}); err != nil {
		return err
	}
	return db.addSignal(ctx, tx, id, "details", nil)
}

// FormRequest returns the request whose details the form of a token asks for. It
// fails with [dsr.ErrNotFound] for a token that never existed, has expired, or
// whose request needs no details any more.
func (db *DB) FormRequest(ctx context.Context, token string) (record.Request, error) {
	var id string
	err := db.tx(ctx, "looking up a form", func(tx pgx.Tx) error {
		var state dsr.State
		var attention dsr.Attention
		err := tx.QueryRow(ctx, `SELECT r.id::text, r.state, r.attention FROM token t JOIN request r ON r.id = t.request_id
			WHERE t.hash = $1 AND t.expires_at > $2 AND r.data_key_id IS NOT NULL`, tokenHash("f."+token), db.now()).Scan(&id, &state, &attention)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !state.Supplementable(attention) {
			return dsr.ErrNotFound
		}
		return err
	})
	if err != nil {
		return record.Request{}, err
	}
	return db.LoadRequest(ctx, id)
}

// CasesLeft counts the mails since a time that invoke a right and were left in
// the mailbox because of a limit.
func (db *DB) CasesLeft(ctx context.Context, since time.Time) (int, error) {
	var left int
	err := db.tx(ctx, "counting mails left in the mailbox", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM message WHERE request_id IS NULL AND seen_at > $1 AND reasons ? $2`, since, record.LeftInMailbox).Scan(&left)
	})
	return left, err
}
