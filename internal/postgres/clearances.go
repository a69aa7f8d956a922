package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/dsr"
)

// StoreClearances returns the present clearance of every store that was ever
// decided about.
func (db *DB) StoreClearances(ctx context.Context) ([]dsr.Clearance, error) {
	var all []dsr.Clearance
	err := db.tx(ctx, "reading the clearances of stores", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT ON (store, dataset) store, dataset, enabled, coalesce(plan_id::text, ''), actor, at
			FROM clearance ORDER BY store, dataset, id DESC`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (dsr.Clearance, error) {
			var c dsr.Clearance
			return c, row.Scan(&c.Store, &c.Dataset, &c.Enabled, &c.PlanID, &c.Actor, &c.At)
		})
		return err
	})
	return all, err
}

// ClearStore records a decision about a store; earlier ones stay on record.
func (db *DB) ClearStore(ctx context.Context, c dsr.Clearance) error {
	return db.tx(ctx, "recording the clearance of a store", func(tx pgx.Tx) error {
		var plan *uuid.UUID
		if c.Enabled {
			id, err := parseID(c.PlanID)
			if err != nil {
				return err
			}
			plan = &id
			var touches bool
			err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM jsonb_array_elements(lines) line WHERE line->>'store' = $2) FROM plan WHERE id = $1`, id, c.Store).Scan(&touches)
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				return fmt.Errorf("the plan: %w", dsr.ErrNotFound)
			case err != nil:
				return err
			case !touches:
				return fmt.Errorf("the plan says nothing about this store; read one that does and name it: %w", dsr.ErrConflict)
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO clearance (store, dataset, enabled, plan_id, actor, at) VALUES ($1, $2, $3, $4, $5, $6)`,
			c.Store, c.Dataset, c.Enabled, plan, c.Actor, db.now())
		return err
	})
}
