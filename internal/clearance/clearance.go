// Package clearance says which data stores Habeas may write to. A store is new as
// observed: it is searched and planned for, and never written to, until an
// approver who has read a plan of it clears it. What was cleared can be taken back
// at any time.
package clearance

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
)

// Records is what the service needs of the database.
type Records interface {
	// StoreClearances returns the present clearance of every store that was ever
	// decided about.
	StoreClearances(ctx context.Context) ([]dsr.Clearance, error)
	// ClearStore records a decision about a store. It refuses with [dsr.ErrConflict]
	// to clear one for a plan that does not touch it, and with [dsr.ErrNotFound] for
	// a plan that is not there.
	ClearStore(ctx context.Context, c dsr.Clearance) error
}

// Store is a data store as the configuration has it.
type Store struct {
	Name, Dataset string
	// Enabled stores of a demonstration need no clearance.
	Enabled bool
}

// Service is the service. All fields are required.
type Service struct {
	Records Records
	// Stores are those of the configuration, in its order.
	Stores []Store
}

// List returns the clearance of every configured store.
func (s *Service) List(ctx context.Context) ([]dsr.Clearance, error) {
	decided, err := s.Records.StoreClearances(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]dsr.Clearance, len(s.Stores))
	for i, configured := range s.Stores {
		all[i] = dsr.Clearance{Store: configured.Name, Dataset: configured.Dataset, Enabled: configured.Enabled}
		if n := slices.IndexFunc(decided, all[i].Same); n >= 0 && !configured.Enabled {
			all[i] = decided[n]
		}
	}
	return all, nil
}

// Enable clears a store for writing, on the strength of a plan that the actor has
// read. Errors are [*dsr.InvalidInput], [dsr.ErrNotFound] and [dsr.ErrConflict].
func (s *Service) Enable(ctx context.Context, name, planID, actor string) (dsr.Clearance, error) {
	if _, err := uuid.Parse(planID); err != nil {
		return dsr.Clearance{}, &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "plan_id", Problem: "is not the id of a plan: name one that you have read"}}}
	}
	return s.decide(ctx, dsr.Clearance{Store: name, Enabled: true, PlanID: planID, Actor: actor})
}

// Observe takes a clearance back. What is being erased at this moment is finished.
func (s *Service) Observe(ctx context.Context, name, actor string) (dsr.Clearance, error) {
	return s.decide(ctx, dsr.Clearance{Store: name, Actor: actor})
}

func (s *Service) decide(ctx context.Context, c dsr.Clearance) (dsr.Clearance, error) {
	n := slices.IndexFunc(s.Stores, func(configured Store) bool { return configured.Name == c.Store })
	if n < 0 {
		return c, fmt.Errorf("a store of this name is not in the configuration: %w", dsr.ErrNotFound)
	}
	if s.Stores[n].Enabled {
		return c, fmt.Errorf("the configuration of this demonstration enables the store: %w", dsr.ErrConflict)
	}
	c.Dataset = s.Stores[n].Dataset
	if err := s.Records.ClearStore(ctx, c); err != nil {
		return c, err
	}
	all, err := s.List(ctx)
	if err != nil {
		return c, err
	}
	return all[n], nil
}
