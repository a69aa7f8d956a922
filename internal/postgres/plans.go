package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// SavePlan records a plan and makes it the present one of its request.
func (db *DB) SavePlan(ctx context.Context, requestID string, p record.Plan) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	planID, err := parseID(p.ID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "recording the plan", func(tx pgx.Tx) error {
		digest, err := hex.DecodeString(p.Digest())
		if err != nil {
			return err
		}
		lines := p.Lines
		if lines == nil {
			lines = []dsr.PlanLine{}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO plan (id, request_id, made_at, lines, digest, policy_version, policy_digest, map_digest)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, planID, id, db.now(), lines, digest, p.PolicyVersion, p.PolicyDigest, p.MapDigest); err != nil {
			return err
		}
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		for name, targets := range p.Targets {
			box, err := key.seal("targets", targets)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO plan_target (plan_id, store, targets) VALUES ($1, $2, $3)`, planID, name, box); err != nil {
				return err
			}
		}
		rows := int64(0)
		for _, l := range p.Lines {
			rows += l.RowsMatched
		}
		_, err = db.take(ctx, tx, id, record.Step{
			Name: "plan/" + p.ID, Event: dsr.EventPlanMade, To: dsr.Planning, PlanID: p.ID,
			Facts: map[string]any{"plan": p.ID, "digest": p.Digest(), "rows": rows, "collections": len(p.Lines)},
		})
		return err
	})
}

// PlanOf returns a plan of a request without its targets.
func (db *DB) PlanOf(ctx context.Context, requestID, planID string) (record.Plan, error) {
	p := record.Plan{ID: planID}
	id, err := parseID(requestID)
	if err != nil {
		return p, err
	}
	plan, err := parseID(planID)
	if err != nil {
		return p, err
	}
	err = db.tx(ctx, "reading the plan", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT lines, policy_version, policy_digest, map_digest FROM plan WHERE id = $1 AND request_id = $2`, plan, id).
			Scan(&p.Lines, &p.PolicyVersion, &p.PolicyDigest, &p.MapDigest)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("the plan: %w", dsr.ErrNotFound)
		}
		return err
	})
	return p, err
}

// PlanTargets returns the rows that a plan means, by name of the store; only
// those of one store if that is not empty. Targets come without their collection.
func (db *DB) PlanTargets(ctx context.Context, requestID, planID, storeName string) (map[string][]store.Target, error) {
	id, err := parseID(requestID)
	if err != nil {
		return nil, err
	}
	plan, err := parseID(planID)
	if err != nil {
		return nil, err
	}
	targets := map[string][]store.Target{}
	err = db.tx(ctx, "reading the targets of the plan", func(tx pgx.Tx) error {
		key, err := db.requestKey(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT store, targets FROM plan_target t JOIN plan p ON p.id = t.plan_id
			WHERE plan_id = $1 AND p.request_id = $2 AND ($3 = '' OR store = $3)`, plan, id, storeName)
		if err != nil {
			return err
		}
		var name string
		var box []byte
		_, err = pgx.ForEachRow(rows, []any{&name, &box}, func() error {
			var t []store.Target
			if err := key.open("targets", box, &t); err != nil {
				return err
			}
			targets[name] = t
			return nil
		})
		return err
	})
	return targets, err
}

// SaveResults records what was done to the collections of a store. Rows counted
// by an earlier attempt that a crash cut short stay counted.
func (db *DB) SaveResults(ctx context.Context, requestID string, results []dsr.StoreResult) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "recording results", func(tx pgx.Tx) error { return saveResults(ctx, tx, id, results) })
}

func saveResults(ctx context.Context, tx pgx.Tx, id uuid.UUID, results []dsr.StoreResult) error {
	batch := &pgx.Batch{}
	for i, r := range results {
		batch.Queue(`INSERT INTO store_result (request_id, store, collection, ord, action, rows_matched, rows_erased, rows_anonymised,
				rows_retained, retained_until, basis, verified_at, residual_rows)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (request_id, store, collection) DO UPDATE SET rows_matched = greatest(store_result.rows_matched, excluded.rows_matched),
				rows_erased = greatest(store_result.rows_erased, excluded.rows_erased),
				rows_anonymised = greatest(store_result.rows_anonymised, excluded.rows_anonymised),
				rows_retained = excluded.rows_retained, retained_until = excluded.retained_until, basis = excluded.basis,
				verified_at = excluded.verified_at, residual_rows = excluded.residual_rows`,
			id, r.Store, r.Collection, i, r.Action, r.RowsMatched, r.RowsErased, r.RowsAnonymised, r.RowsRetained,
			r.RetainedUntil, r.Basis, r.VerifiedAt, r.ResidualRows)
	}
	return tx.SendBatch(ctx, batch).Close()
}

func readResults(ctx context.Context, q querier, id uuid.UUID) ([]dsr.StoreResult, error) {
	rows, err := q.Query(ctx, `SELECT store, collection, action, rows_matched, rows_erased, rows_anonymised, rows_retained, retained_until,
		basis, verified_at, residual_rows FROM store_result WHERE request_id = $1 ORDER BY store, ord, collection`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.StoreResult, error) {
		var r dsr.StoreResult
		err := row.Scan(&r.Store, &r.Collection, &r.Action, &r.RowsMatched, &r.RowsErased, &r.RowsAnonymised, &r.RowsRetained,
			&r.RetainedUntil, &r.Basis, &r.VerifiedAt, &r.ResidualRows)
		return r, err
	})
}

// Results returns what was done so far for a request.
func (db *DB) Results(ctx context.Context, requestID string) ([]dsr.StoreResult, error) {
	id, err := parseID(requestID)
	if err != nil {
		return nil, err
	}
	var results []dsr.StoreResult
	err = db.tx(ctx, "reading results", func(tx pgx.Tx) error {
		results, err = readResults(ctx, tx, id)
		return err
	})
	return results, err
}

// Certify records the end of an erasure in one step. It is taken once.
func (db *DB) Certify(ctx context.Context, requestID string, c record.Certified) error {
	id, err := parseID(requestID)
	if err != nil {
		return err
	}
	return db.tx(ctx, "recording the certificate", func(tx pgx.Tx) error {
		taken, err := db.take(ctx, tx, id, record.Step{
			Name: "certified", Event: dsr.EventVerified, To: dsr.Answering, Outcome: c.Outcome, Mails: []record.NewMail{c.Answer},
			Attention: new(dsr.Attention), EndTokens: true,
			Facts: map[string]any{"collections": len(c.Results), "residual_rows": 0},
		})
		if err != nil || !taken {
			return err
		}
		if err := saveResults(ctx, tx, id, c.Results); err != nil {
			return err
		}
		events, err := readEvents(ctx, tx, id)
		if err != nil {
			return err
		}
		document, err := c.Document(events)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(document)
		if err := db.appendEvent(ctx, tx, id, "certificate", dsr.Event{Type: dsr.EventCertified, Facts: map[string]any{"sha256": hex.EncodeToString(sum[:])}}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO certificate (request_id, issued_at, document) VALUES ($1, $2, $3)`, id, c.IssuedAt, string(document)); err != nil {
			return err
		}
		return db.addDuties(ctx, tx, id, c.Duties)
	})
}

// Certificate returns the certificate of a request.
func (db *DB) Certificate(ctx context.Context, requestID string) ([]byte, error) {
	id, err := parseID(requestID)
	if err != nil {
		return nil, err
	}
	var document string
	err = db.tx(ctx, "reading the certificate", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT document FROM certificate WHERE request_id = $1`, id).Scan(&document)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("the certificate: %w", dsr.ErrNotFound)
		}
		return err
	})
	return []byte(document), err
}
