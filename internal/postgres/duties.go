package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

func (db *DB) addDuties(ctx context.Context, tx pgx.Tx, request uuid.UUID, duties []record.NewDuty) error {
	for _, d := range duties {
		var keyID *uuid.UUID
		var box []byte
		if len(d.Targets) > 0 {
			key, err := db.newKey(ctx, tx)
			if err != nil {
				return err
			}
			if box, err = key.seal("duty", d.Targets); err != nil {
				return err
			}
			keyID = &key.id
		}
		if _, err := tx.Exec(ctx, `INSERT INTO duty (id, request_id, kind, store, due_at, data_key_id, targets) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			uuid.New(), request, d.Kind, d.Store, d.DueAt, keyID, box); err != nil {
			return err
		}
	}
	return nil
}

// DueDuties returns up to n duties that are due, the longest due first.
func (db *DB) DueDuties(ctx context.Context, n int) ([]record.Duty, error) {
	var due []record.Duty
	err := db.tx(ctx, "looking for due duties", func(tx pgx.Tx) error {
		type row struct {
			duty record.Duty
			key  *uuid.UUID
			box  []byte
		}
		rows, err := tx.Query(ctx, `SELECT id::text, request_id::text, kind, store, due_at, attempts, data_key_id, targets
			FROM duty WHERE done_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT $2`, db.now(), n)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
			var w row
			d := &w.duty
			return w, r.Scan(&d.ID, &d.RequestID, &d.Kind, &d.Store, &d.DueAt, &d.Attempt, &w.key, &w.box)
		})
		if err != nil {
			return err
		}
		due = nil
		for _, w := range found {
			if w.key != nil {
				key, err := db.loadKey(ctx, tx, *w.key)
				if err != nil {
					return err
				}
				if err := key.open("duty", w.box, &w.duty.Targets); err != nil {
					return err
				}
			}
			due = append(due, w.duty)
		}
		return nil
	})
	return due, err
}

// DutyDone records that a duty was done, with counts of what it found, and
// destroys its key. Next, if not nil, is the duty that follows from it. The
// request gets the attention, if there is any, and is closed with the last of its duties; with its evidence duty, its
// personal data become unreadable.
func (db *DB) DutyDone(ctx context.Context, d record.Duty, facts map[string]any, attention dsr.Attention, next *record.NewDuty) error {
	id, err := parseID(d.RequestID)
	if err != nil {
		return err
	}
	if facts == nil {
		facts = map[string]any{}
	}
	return db.tx(ctx, "recording a duty as done", func(tx pgx.Tx) error {
		var state dsr.State
		if err := tx.QueryRow(ctx, `SELECT state FROM request WHERE id = $1 FOR UPDATE`, id).Scan(&state); err != nil {
			return err
		}
		var keyID *uuid.UUID
		err := tx.QueryRow(ctx, `SELECT data_key_id FROM duty WHERE id = $1 AND done_at IS NULL FOR UPDATE`, d.ID).Scan(&keyID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE duty SET done_at = $2, result = $3, targets = NULL WHERE id = $1`, d.ID, db.now(), facts); err != nil {
			return err
		}
		if next != nil {
			if err := db.addDuties(ctx, tx, id, []record.NewDuty{*next}); err != nil {
				return err
			}
		}
		if err := db.destroyKey(ctx, tx, keyID); err != nil {
			return err
		}
		told := map[string]any{"duty": d.Kind, "store": d.Store}
		for k, v := range facts {
			told[k] = v
		}
		if err := db.appendEvent(ctx, tx, id, "duty/"+d.ID, dsr.Event{Type: dsr.EventDutyDone, Facts: told}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE request SET attention = $2 WHERE id = $1 AND $2 <> ''`, id, attention); err != nil {
			return err
		}
		if d.Kind == record.Evidence {
			if err := db.destroyEvidence(ctx, tx, id); err != nil {
				return err
			}
		}
		return db.closeIfDone(ctx, tx, id)
	})
}

// DutyPutOff records a failed attempt at a duty.
func (db *DB) DutyPutOff(ctx context.Context, dutyID string, until time.Time) error {
	id, err := parseID(dutyID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "putting a duty off", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE duty SET attempts = attempts + 1, due_at = $2 WHERE id = $1 AND done_at IS NULL`, id, until)
		return err
	})
}

func (db *DB) destroyKey(ctx context.Context, tx pgx.Tx, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM data_key WHERE id = $1`, *id)
	return err
}

// destroyEvidence destroys the key of a request and whatever was sealed under
// it. Events, counts and the certificate stay: they name nobody.
func (db *DB) destroyEvidence(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	var keyID *uuid.UUID
	if err := tx.QueryRow(ctx, `SELECT data_key_id FROM request WHERE id = $1`, request).Scan(&keyID); err != nil {
		return err
	}
	for _, sql := range []string{
		`UPDATE request SET intake = NULL, account = NULL, idempotency = NULL, address = NULL, data_key_id = NULL WHERE id = $1`,
		`UPDATE outbox SET message = NULL, address = NULL, status = CASE status WHEN 'queued' THEN 'withdrawn' ELSE status END WHERE request_id = $1`,
		`UPDATE message SET raw = NULL, fresh_text = NULL, recognised = NULL, data_key_id = NULL WHERE request_id = $1`,
		`UPDATE plan_target SET targets = NULL WHERE plan_id IN (SELECT id FROM plan WHERE request_id = $1)`,
		`UPDATE decision SET reason = NULL WHERE request_id = $1`,
		`UPDATE incident SET error = NULL, data_key_id = NULL WHERE request_id = $1`,
		`DELETE FROM token WHERE request_id = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, request); err != nil {
			return err
		}
	}
	return db.destroyKey(ctx, tx, keyID)
}

// closeIfDone closes a request whose last duty was done.
func (db *DB) closeIfDone(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	var open bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM duty WHERE request_id = $1 AND done_at IS NULL)`, request).Scan(&open); err != nil || open {
		return err
	}
	_, err := db.take(ctx, tx, request, record.Step{Name: "closed", Event: dsr.EventClosed, To: dsr.Closed})
	return err
}
