package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
)

// Show returns one request with all that is known of it; what is personal data
// only if personal is set and its evidence still exists.
func (db *DB) Show(ctx context.Context, requestID string, personal bool) (dsr.Details, error) {
	d := dsr.Details{}
	id, err := parseID(requestID)
	if err != nil {
		return d, err
	}
	err = db.tx(ctx, "reading the request", func(tx pgx.Tx) error {
		var plan, keyID *uuid.UUID
		var intake []byte
		row := tx.QueryRow(ctx, `SELECT `+summaryColumns+`, plan_id, data_key_id, intake FROM request WHERE id = $1`, id)
		if err := scanSummary(row, &d.Summary, &plan, &keyID, &intake); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return dsr.ErrNotFound
			}
			return err
		}
		var key *sealed
		if personal && keyID != nil {
			k, err := db.loadKey(ctx, tx, *keyID)
			if err != nil {
				return err
			}
			key, d.Intake = &k, &dsr.Intake{}
			if err := k.open("intake", intake, d.Intake); err != nil {
				return err
			}
		}
		if plan != nil {
			d.PlanID = plan.String()
			if err := tx.QueryRow(ctx, `SELECT lines FROM plan WHERE id = $1`, *plan).Scan(&d.Plan); err != nil {
				return err
			}
		}
		return db.readRest(ctx, tx, id, key, &d)
	})
	d.About = about(d)
	d.Awaiting = dsr.AllowedActions(d.State, d.Attention, d.Paused)
	return d, err
}

// about finds what the present attention is about: the newest event that set it says so.
func about(d dsr.Details) string {
	for _, e := range slices.Backward(d.Events) {
		if attention, ok := e.Facts["attention"].(string); ok && attention == string(d.Attention) {
			named, _ := e.Facts["about"].(string)
			return named
		}
	}
	return ""
}

func (db *DB) readRest(ctx context.Context, tx pgx.Tx, id uuid.UUID, key *sealed, d *dsr.Details) (err error) {
	if d.Events, err = readEvents(ctx, tx, id); err != nil {
		return err
	}
	if d.Stores, err = readResults(ctx, tx, id); err != nil {
		return err
	}
	if d.Decisions, err = readDecisions(ctx, tx, id, key); err != nil {
		return err
	}
	d.Replies, err = db.readReplies(ctx, tx, id, key)
	return err
}

// FindReference returns the id of the request with a reference.
func (db *DB) FindReference(ctx context.Context, reference string) (string, error) {
	var id string
	err := db.tx(ctx, "finding the request", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id::text FROM request WHERE reference = upper($1)`, reference).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return dsr.ErrNotFound
		}
		return err
	})
	return id, err
}

// RecordIncident keeps an error as it was, sealed, and returns the id under
// which Temporal and the logs may speak of it.
func (db *DB) RecordIncident(ctx context.Context, requestID, step, code, text string) (string, error) {
	incident := uuid.New()
	err := db.tx(ctx, "recording an incident", func(tx pgx.Tx) error {
		var request *uuid.UUID
		var key sealed
		var err error
		if id, parseErr := parseID(requestID); parseErr == nil {
			request = &id
			key, err = db.requestKey(ctx, tx, id)
		}
		// Without a request, or without its evidence, there is no key that would be
		// destroyed in time: only the code is kept then.
		var box []byte
		var keyID *uuid.UUID
		switch {
		case request == nil || errors.Is(err, dsr.ErrNotFound):
		case err != nil:
			return err
		default:
			box, keyID = key.key.Seal("incident", []byte(text)), &key.id
		}
		_, err = tx.Exec(ctx, `INSERT INTO incident (id, request_id, step, code, at, data_key_id, error) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			incident, request, step, code, db.now(), keyID, box)
		return err
	})
	return incident.String(), err
}
