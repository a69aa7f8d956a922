package postgres

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
)

// eventColumns are the columns of an event, in the order of [DB.nextEvent].
const eventColumns = "request_id, seq, step, at, type, actor, facts, hash"

// chain is the end of the chain of events of a request.
type chain struct {
	seq  int
	hash []byte
}

// appendEvent adds an event to the chain of a request, whose row the caller has
// locked or just made.
func (db *DB) appendEvent(ctx context.Context, tx pgx.Tx, id uuid.UUID, step string, e dsr.Event) error {
	var last chain
	err := tx.QueryRow(ctx, `SELECT seq, hash FROM event WHERE request_id = $1 ORDER BY seq DESC LIMIT 1`, id).Scan(&last.seq, &last.hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	args, err := db.nextEvent(id, &last, step, e)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO event (`+eventColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, args...)
	return err
}

// nextEvent moves the end of a chain on to an event and returns its row.
func (db *DB) nextEvent(id uuid.UUID, last *chain, step string, e dsr.Event) ([]any, error) {
	e.Seq, e.At = last.seq+1, db.now()
	hash, err := audit.Link(id.String(), last.hash, e)
	if err != nil {
		return nil, err
	}
	last.seq, last.hash = e.Seq, hash
	facts := e.Facts
	if facts == nil {
		facts = map[string]any{}
	}
	return []any{id, e.Seq, step, e.At, e.Type, e.Actor, facts, hash}, nil
}

// Events returns the events of a request in order.
func (db *DB) Events(ctx context.Context, requestID string) ([]dsr.Event, error) {
	id, err := parseID(requestID)
	if err != nil {
		return nil, err
	}
	var events []dsr.Event
	err = db.tx(ctx, "reading events", func(tx pgx.Tx) error {
		events, err = readEvents(ctx, tx, id)
		return err
	})
	return events, err
}

func readEvents(ctx context.Context, q querier, id uuid.UUID) ([]dsr.Event, error) {
	rows, err := q.Query(ctx, `SELECT seq, at, type, actor, facts, hash FROM event WHERE request_id = $1 ORDER BY seq`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.Event, error) {
		var e dsr.Event
		var hash []byte
		err := row.Scan(&e.Seq, &e.At, &e.Type, &e.Actor, &e.Facts, &hash)
		e.At, e.Hash = e.At.UTC(), hex.EncodeToString(hash)
		return e, err
	})
}
