package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// CreateRequest records a request with its acknowledgement and the order to
// start its workflow, all or nothing. If the same submission was recorded
// before, under the same idempotency key, it returns that one's receipt.
func (db *DB) CreateRequest(ctx context.Context, r record.NewRequest) (dsr.Receipt, error) {
	receipt := dsr.Receipt{RequestID: r.ID, Reference: r.Reference, ReceivedAt: r.ReceivedAt, DueAt: r.DueAt}
	id, err := parseID(r.ID)
	if err != nil {
		return dsr.Receipt{}, err
	}
	var idempotency []byte
	if k := r.Intake.IdempotencyKey; k != "" {
		idempotency = db.master.Digest("idempotency", string(r.Intake.Channel)+"\x00"+k)
	}
	address := db.addressDigest(r.Intake.Elements.Email)
	err = db.tx(ctx, "recording the request", func(tx pgx.Tx) error {
		if err := refuseFlood(ctx, tx, address, r, idempotency); err != nil {
			return err
		}
		return db.createRequest(ctx, tx, id, r, idempotency, address)
	})
	if errors.Is(err, errAlreadyRecorded) {
		err = db.tx(ctx, "finding the request recorded before", func(tx pgx.Tx) error {
			var first uuid.UUID
			var box []byte
			err := tx.QueryRow(ctx, `SELECT id, id::text, reference, received_at, due_at, intake FROM request WHERE idempotency = $1`, idempotency).
				Scan(&first, &receipt.RequestID, &receipt.Reference, &receipt.ReceivedAt, &receipt.DueAt, &box)
			if err != nil {
				return err
			}
			key, err := db.requestKey(ctx, tx, first)
			if err != nil {
				return err
			}
			var before dsr.Intake
			if err := key.open("intake", box, &before); err != nil {
				return err
			}
			if before != r.Intake {
				// Taking this for the same would lose somebody's request.
				return fmt.Errorf("another request was filed under the same idempotency key: %w", dsr.ErrConflict)
			}
			return nil
		})
	}
	return receipt, err
}

func (db *DB) createRequest(ctx context.Context, tx pgx.Tx, id uuid.UUID, r record.NewRequest, idempotency, address []byte) error {
	key, err := db.newKey(ctx, tx)
	if err != nil {
		return err
	}
	intake, err := key.seal("intake", r.Intake)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO request
		(id, reference, invoked_right, state, attention, channel, policy_version, received_at, due_at, confirm_until, data_key_id, intake, idempotency, address, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (idempotency) DO NOTHING`,
		id, r.Reference, r.Intake.Right, dsr.Received, r.Attention, r.Intake.Channel, r.PolicyVersion, r.ReceivedAt, r.DueAt, r.ConfirmUntil,
		key.id, intake, idempotency, address, db.now())
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return errAlreadyRecorded
	}
	facts := map[string]any{
		"right": r.Intake.Right, "channel": r.Intake.Channel, "policy_version": r.PolicyVersion, "due_at": r.DueAt.UTC().Format(time.RFC3339),
	}
	maps.Copy(facts, r.Facts)
	if err := db.appendEvent(ctx, tx, id, "received", dsr.Event{Type: dsr.EventReceived, Facts: facts}); err != nil {
		return err
	}
	if r.Mail != nil {
		if err := db.queueMail(ctx, tx, id, key, *r.Mail); err != nil {
			return err
		}
	}
	return db.addSignal(ctx, tx, id, "start", nil)
}

// refuseFlood refuses a request about a mail address that many were filed about
// within the hour: each would send it an acknowledgement. One that was recorded
// before is none of them.
func refuseFlood(ctx context.Context, tx pgx.Tx, address []byte, r record.NewRequest, idempotency []byte) error {
	if r.MostPerHour <= 0 {
		return nil
	}
	var recent int
	var known bool
	err := tx.QueryRow(ctx, `SELECT count(*), EXISTS (SELECT FROM request WHERE idempotency = $3) FROM request WHERE address = $1 AND received_at > $2`,
		address, r.ReceivedAt.Add(-time.Hour), idempotency).Scan(&recent, &known)
	if err == nil && recent >= r.MostPerHour && !known {
		return dsr.ErrTooMany
	}
	return err
}

// errAlreadyRecorded ends the transaction that would record a request twice.
var errAlreadyRecorded = errors.New("already recorded")

// LoadRequest reads a request with its personal data.
func (db *DB) LoadRequest(ctx context.Context, requestID string) (record.Request, error) {
	id, err := parseID(requestID)
	if err != nil {
		return record.Request{}, err
	}
	r := record.Request{ID: requestID}
	err = db.tx(ctx, "reading the request", func(tx pgx.Tx) error {
		var intake, account []byte
		var plan *uuid.UUID
		err := tx.QueryRow(ctx, `SELECT reference, invoked_right, state, attention, outcome, policy_version, received_at, due_at, plan_id, intake, account
			FROM request WHERE id = $1`, id).Scan(&r.Reference, &r.Right, &r.State, &r.Attention, &r.Outcome, &r.PolicyVersion,
			&r.ReceivedAt, &r.DueAt, &plan, &intake, &account)
		if errors.Is(err, pgx.ErrNoRows) {
			return dsr.ErrNotFound
		}
		if err != nil {
			return err
		}
		if plan != nil {
			r.PlanID = plan.String()
		}
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := key.open("intake", intake, &r.Intake); err != nil {
			return err
		}
		if account == nil {
			return nil
		}
		r.Account = &dsr.Account{}
		return key.open("account", account, r.Account)
	})
	return r, err
}

// Take takes a step. taken is false where it had been taken before.
func (db *DB) Take(ctx context.Context, requestID string, s record.Step) (taken bool, err error) {
	id, err := parseID(requestID)
	if err != nil {
		return false, err
	}
	err = db.tx(ctx, "recording step "+string(s.Event), func(tx pgx.Tx) error {
		taken, err = db.take(ctx, tx, id, s)
		return err
	})
	return taken, err
}

func (db *DB) take(ctx context.Context, tx pgx.Tx, id uuid.UUID, s record.Step) (bool, error) {
	var state dsr.State
	// The lock orders the steps of a request and keeps replies from arriving in between.
	err := tx.QueryRow(ctx, `SELECT state FROM request WHERE id = $1 FOR UPDATE`, id).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, dsr.ErrNotFound
	}
	if err != nil {
		return false, err
	}
	var before bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM event WHERE request_id = $1 AND step = $2)`, id, s.Name).Scan(&before); err != nil || before {
		return false, err
	}
	if s.To == "" {
		s.To = state
	}
	if !state.CanBecome(s.To) {
		return false, fmt.Errorf("from %s to %s: %w", state, s.To, dsr.ErrConflict)
	}
	if err := checkStep(ctx, tx, id, s); err != nil {
		return false, err
	}
	if err := db.appendEvent(ctx, tx, id, s.Name, dsr.Event{Type: s.Event, Actor: s.Actor, Facts: s.Facts}); err != nil {
		return false, err
	}
	return true, db.applyStep(ctx, tx, id, s)
}

// checkStep refuses a step whose conditions do not hold.
func checkStep(ctx context.Context, tx pgx.Tx, id uuid.UUID, s record.Step) error {
	if err := checkHearsay(ctx, tx, id, s); err != nil {
		return err
	}
	if !s.UnlessCancelled && len(s.After) == 0 && s.OnPlan == "" {
		return nil
	}
	var cancelled, unheard, missing, outdated bool
	after := make([]string, len(s.After))
	for i, e := range s.After {
		after[i] = string(e)
	}
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM message WHERE request_id = $1 AND verdict = 'cancel'),
		EXISTS (SELECT FROM signal WHERE request_id = $1 AND kind = 'reply' AND delivered_at IS NULL AND payload->>'verdict' <> 'confirm'),
		EXISTS (SELECT FROM unnest($2::text[]) wanted WHERE NOT EXISTS (SELECT FROM event WHERE request_id = $1 AND type = wanted)),
		$3 <> '' AND (SELECT plan_id::text IS DISTINCT FROM $3 FROM request WHERE id = $1)`, id, after, s.OnPlan).
		Scan(&cancelled, &unheard, &missing, &outdated)
	switch {
	case err != nil:
		return err
	case s.UnlessCancelled && cancelled:
		return record.ErrCancelled
	case s.UnlessCancelled && unheard:
		return fmt.Errorf("a mail was received that the request has not heard of yet: %w", dsr.ErrConflict)
	case missing:
		return fmt.Errorf("what must come before has not happened: %w", dsr.ErrConflict)
	case outdated:
		return fmt.Errorf("a newer plan was made: %w", dsr.ErrConflict)
	}
	return nil
}

// checkHearsay makes sure that the reply and the decision on which a step rests are
// on record for this request, and say what the step takes them to say.
func checkHearsay(ctx context.Context, tx pgx.Tx, id uuid.UUID, s record.Step) error {
	if c := s.Confirmed; c != nil {
		var known bool
		err := tx.QueryRow(ctx, `SELECT CASE WHEN $3 = ''
				THEN EXISTS (SELECT FROM message WHERE id::text = $2 AND request_id = $1 AND verdict = 'confirm' AND purpose = 'confirmation')
				ELSE EXISTS (SELECT FROM message m JOIN decision d ON d.about = m.id::text WHERE m.id::text = $2 AND m.request_id = $1
					AND m.purpose = 'confirmation' AND d.id::text = $3 AND d.request_id = $1 AND d.action = 'approve') END`,
			id, c.MessageID, c.DecisionID).Scan(&known)
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("no confirmation of this request is on record: %w", dsr.ErrConflict)
		}
	}
	if a := s.Approved; a != nil {
		var known bool
		var people int
		err := tx.QueryRow(ctx, `SELECT coalesce(bool_or(id::text = $2), false), count(DISTINCT actor) FILTER (WHERE accepted)
			FROM decision WHERE request_id = $1 AND action = 'approve' AND about = $3`, id, a.DecisionID, a.About).Scan(&known, &people)
		if err != nil {
			return err
		}
		if !known || a.People > 1 && people < a.People {
			return fmt.Errorf("no signature of this plan is on record, or too few: %w", dsr.ErrConflict)
		}
	}
	return nil
}

// applyStep writes what a step changes besides the event.
func (db *DB) applyStep(ctx context.Context, tx pgx.Tx, id uuid.UUID, s record.Step) error {
	var endedAt *time.Time
	if now := db.now(); s.To.Ended() {
		endedAt = &now
	}
	var plan *uuid.UUID
	if s.PlanID != "" {
		p, err := parseID(s.PlanID)
		if err != nil {
			return err
		}
		plan = &p
	}
	if _, err := tx.Exec(ctx, `UPDATE request SET state = $2, attention = coalesce($3, attention), paused = coalesce($4, paused),
			outcome = CASE WHEN $5 = '' THEN outcome ELSE $5 END, confirm_until = coalesce($6, confirm_until),
			plan_id = coalesce($7, plan_id), ended_at = coalesce(ended_at, $8), updated_at = $9 WHERE id = $1`,
		id, s.To, s.Attention, s.Paused, s.Outcome, s.ConfirmUntil, plan, endedAt, db.now()); err != nil {
		return err
	}
	if s.EndTokens {
		if _, err := tx.Exec(ctx, `UPDATE token SET expires_at = least(expires_at, $2) WHERE request_id = $1`, id, db.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE outbox SET status = 'withdrawn' WHERE request_id = $1 AND status = 'queued'
			AND purpose IN ('details', 'address_check', 'confirmation', 'reminder', 'cooling_off')`, id); err != nil {
			return err
		}
	}
	if err := db.addDuties(ctx, tx, id, s.Duties); err != nil || s.Account == nil && len(s.Mails) == 0 {
		return err
	}
	key, err := db.requestKey(ctx, tx, id)
	if err != nil {
		return err
	}
	if s.Account != nil {
		account, err := key.seal("account", s.Account)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE request SET account = $2 WHERE id = $1`, id, account); err != nil {
			return err
		}
	}
	for _, m := range s.Mails {
		if err := db.queueMail(ctx, tx, id, key, m); err != nil {
			return err
		}
	}
	return nil
}

// ConfirmUntil returns until when a reply to a request counts.
func (db *DB) ConfirmUntil(ctx context.Context, requestID string) (time.Time, error) {
	id, err := parseID(requestID)
	if err != nil {
		return time.Time{}, err
	}
	var until *time.Time
	err = db.tx(ctx, "reading the request", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT confirm_until FROM request WHERE id = $1`, id).Scan(&until)
		if errors.Is(err, pgx.ErrNoRows) {
			return dsr.ErrNotFound
		}
		return err
	})
	if err == nil && until == nil {
		err = fmt.Errorf("nothing was asked: %w", dsr.ErrConflict)
	}
	if err != nil {
		return time.Time{}, err
	}
	return *until, nil
}

// SetAttention changes the attention of a request from one to another, and
// leaves it alone where it is a third.
func (db *DB) SetAttention(ctx context.Context, requestID string, from, to dsr.Attention) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "recording the attention", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE request SET attention = $3, updated_at = $4 WHERE id = $1 AND attention = $2`, id, from, to, db.now())
		return err
	})
}

const summaryColumns = `id::text, reference, invoked_right, state, attention, paused, outcome, channel, policy_version, received_at, due_at, ended_at`

func scanSummary(row pgx.Row, s *dsr.Summary, more ...any) error {
	return row.Scan(append([]any{&s.ID, &s.Reference, &s.Right, &s.State, &s.Attention, &s.Paused, &s.Outcome, &s.Channel,
		&s.PolicyVersion, &s.ReceivedAt, &s.DueAt, &s.EndedAt}, more...)...)
}

// cursor is a place in a list: the receipt time and id of its last request.
type cursor struct {
	At time.Time `json:"a"`
	ID string    `json:"i"`
}

// List returns a page of requests, newest first.
func (db *DB) List(ctx context.Context, f dsr.ListFilter) (dsr.SummaryPage, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 200)
	var at *time.Time
	var id *uuid.UUID
	if f.Before != "" {
		var c cursor
		data, err := base64.RawURLEncoding.DecodeString(f.Before)
		parsed := uuid.UUID{}
		if err == nil {
			if err = json.Unmarshal(data, &c); err == nil {
				parsed, err = uuid.Parse(c.ID)
			}
		}
		if err != nil {
			return dsr.SummaryPage{}, &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "before", Problem: "is not a cursor of this list"}}}
		}
		at, id = &c.At, &parsed
	}
	page := dsr.SummaryPage{Requests: []dsr.Summary{}}
	err := db.tx(ctx, "listing requests", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+summaryColumns+` FROM request
			WHERE ($1 = '' OR state = $1) AND ($2 = '' OR attention = $2) AND (NOT $3 OR ended_at IS NULL OR attention <> '')
			AND ($4::timestamptz IS NULL OR (received_at, id) < ($4, $5))
			ORDER BY received_at DESC, id DESC LIMIT $6`, string(f.State), string(f.Attention), f.Open, at, id, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s dsr.Summary
			if err := scanSummary(rows, &s); err != nil {
				return err
			}
			page.Requests = append(page.Requests, s)
		}
		return rows.Err()
	})
	if err != nil {
		return dsr.SummaryPage{}, err
	}
	if len(page.Requests) > limit {
		page.Requests = page.Requests[:limit]
		last := page.Requests[limit-1]
		data, err := json.Marshal(cursor{last.ReceivedAt, last.ID})
		if err != nil {
			return dsr.SummaryPage{}, fmt.Errorf("making a cursor: %w", err)
		}
		page.Next = base64.RawURLEncoding.EncodeToString(data)
	}
	return page, nil
}
