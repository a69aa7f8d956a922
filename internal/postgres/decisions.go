package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// RecordDecision records that a person has decided something, before the request
// hears of it. The same decision is recorded once; another decision under the
// same id is refused with [dsr.ErrConflict].
func (db *DB) RecordDecision(ctx context.Context, requestID string, d dsr.Decision) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	decisionID, err := uuid.Parse(d.ID)
	if err != nil {
		return &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "id", Problem: "is not a UUID"}}}
	}
	return db.tx(ctx, "recording the decision", func(tx pgx.Tx) error {
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := refuseSecondSignature(ctx, tx, id, decisionID, d); err != nil {
			return err
		}
		var reason []byte
		if d.Reason != "" {
			reason = key.key.Seal("reason", []byte(d.Reason))
		}
		tag, err := tx.Exec(ctx, `INSERT INTO decision (id, request_id, action, about, store, actor, at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO NOTHING`, decisionID, id, d.Action, d.About, d.Store, d.Actor, db.now(), reason)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var same bool
		var before []byte
		err = tx.QueryRow(ctx, `SELECT request_id = $2 AND action = $3 AND about = $4 AND store = $5 AND actor = $6, reason FROM decision WHERE id = $1`,
			decisionID, id, d.Action, d.About, d.Store, d.Actor).Scan(&same, &before)
		if err == nil && !(same && sameReason(key, before, d.Reason)) {
			return dsr.ErrConflict
		}
		return err
	})
}

// refuseSecondSignature refuses to let one person sign the same thing twice: where
// two must sign, they are two.
func refuseSecondSignature(ctx context.Context, tx pgx.Tx, request, decision uuid.UUID, d dsr.Decision) error {
	if d.Action != dsr.Approve || d.About == "" {
		return nil
	}
	var signed bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM decision
		WHERE request_id = $1 AND action = 'approve' AND about = $2 AND actor = $3 AND accepted AND id <> $4)`, request, d.About, d.Actor, decision).Scan(&signed)
	if err == nil && signed {
		return fmt.Errorf("you have approved this already; where a second signature is wanted, another person must give it: %w", dsr.ErrConflict)
	}
	return err
}

// sameReason compares a reason with one that was sealed before.
func sameReason(key sealed, before []byte, reason string) bool {
	if before == nil {
		return reason == ""
	}
	plain, err := key.key.Open("reason", before)
	return err == nil && string(plain) == reason
}

// SettleDecision records whether a request took a decision, and for one that it
// took, the event. It is taken once.
func (db *DB) SettleDecision(ctx context.Context, decisionID string, accepted bool, paused *bool) error {
	id, err := parseID(decisionID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "settling the decision", func(tx pgx.Tx) error {
		var request uuid.UUID
		var action dsr.Action
		var about, store, actor string
		err := tx.QueryRow(ctx, `SELECT request_id, action, about, store, actor FROM decision WHERE id = $1`, id).
			Scan(&request, &action, &about, &store, &actor)
		if errors.Is(err, pgx.ErrNoRows) {
			return dsr.ErrNotFound
		}
		if err != nil {
			return err
		}
		if accepted {
			event := dsr.EventDecided
			switch action {
			case dsr.Pause:
				event = dsr.EventPaused
			case dsr.Resume:
				event = dsr.EventResumed
			}
			facts := map[string]any{"decision": decisionID, "action": action}
			if about != "" {
				facts["about"] = about
			}
			if store != "" {
				facts["store"] = store
			}
			if _, err := db.take(ctx, tx, request, record.Step{Name: "decision/" + decisionID, Event: event, Actor: actor, Facts: facts, Paused: paused}); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE decision SET accepted = $2 WHERE id = $1 AND accepted IS DISTINCT FROM true`, id, accepted)
		return err
	})
}

// SettleEnded takes a decision about a request that has ended: it clears what a
// person had to look at, and for a retry makes failed mails due again.
func (db *DB) SettleEnded(ctx context.Context, requestID string, d dsr.Decision) error {
	if d.Action == dsr.Retry {
		if err := db.RequeueFailed(ctx, requestID); err != nil {
			return err
		}
	}
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "settling the decision", func(tx pgx.Tx) error {
		if _, err := db.take(ctx, tx, id, record.Step{
			Name: "decision/" + d.ID, Event: dsr.EventDecided, Actor: d.Actor, Attention: new(dsr.Attention),
			Facts: map[string]any{"decision": d.ID, "action": d.Action},
		}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE decision SET accepted = true WHERE id = $1`, d.ID)
		return err
	})
}

// Decision returns a recorded decision with its reason, which is personal data.
func (db *DB) Decision(ctx context.Context, decisionID string) (dsr.DecisionView, error) {
	var v dsr.DecisionView
	id, err := parseID(decisionID)
	if err != nil {
		return v, err
	}
	err = db.tx(ctx, "reading the decision", func(tx pgx.Tx) error {
		var request uuid.UUID
		if err := tx.QueryRow(ctx, `SELECT request_id FROM decision WHERE id = $1`, id).Scan(&request); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return dsr.ErrNotFound
			}
			return err
		}
		key, err := db.requestKey(ctx, tx, request)
		if err != nil {
			return err
		}
		all, err := readDecisions(ctx, tx, request, &key)
		for _, d := range all {
			if d.ID == decisionID {
				v = d
			}
		}
		return err
	})
	return v, err
}

func readDecisions(ctx context.Context, tx pgx.Tx, request uuid.UUID, key *sealed) ([]dsr.DecisionView, error) {
	rows, err := tx.Query(ctx, `SELECT id::text, action, about, store, actor, at, coalesce(accepted, false), reason FROM decision
		WHERE request_id = $1 ORDER BY at, id`, request)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.DecisionView, error) {
		var v dsr.DecisionView
		var box []byte
		if err := row.Scan(&v.ID, &v.Action, &v.About, &v.Store, &v.Actor, &v.At, &v.Accepted, &box); err != nil || key == nil || box == nil {
			return v, err
		}
		reason, err := key.key.Open("reason", box)
		v.Reason = string(reason)
		return v, err
	})
}
