package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/vault"
)

// Preview is an installation of which only the data stores are open, to look
// what carrying out a right would do. It changes nothing and needs no server.
type Preview struct {
	plan.Maker
	// Policy is the version in force now.
	Policy *policy.Policy
	// Modes are those of the stores, in the order of the configuration.
	Modes []StoreMode
}

// StoreMode says whether Habeas may write to a store.
type StoreMode struct {
	Store   string `json:"store"`
	Dataset string `json:"dataset"`
	// Mode is enabled, observe, or unknown where the database of Habeas, in which
	// clearances stand, did not answer.
	Mode string `json:"mode"`
}

// OpenPreview opens the data stores of a configuration. The caller closes it.
func OpenPreview(ctx context.Context, cfg *config.Config, now func() time.Time) (*Preview, error) {
	policies, err := policy.LoadSet(cfg.Policies)
	if err != nil {
		return nil, fmt.Errorf("reading the policies: %w", err)
	}
	p := &Preview{}
	if p.Policy, err = policies.At(now()); err != nil {
		return nil, err
	}
	m, err := loadMap(cfg.Datasets)
	if err != nil {
		return nil, err
	}
	if err := fits(m, policies); err != nil {
		return nil, err
	}
	master, err := LoadMaster(cfg)
	if err != nil {
		return nil, err
	}
	stores, err := openStores(ctx, master, cfg.Stores)
	if err != nil {
		return nil, err
	}
	p.Maker = plan.Maker{Map: m, Stores: stores, Now: now}
	p.Modes = modes(ctx, cfg, master, now)
	return p, nil
}

// Close closes the stores.
func (p *Preview) Close() { closeAll(p.Stores) }

// modes says which stores may be written to, as far as that can be known.
func modes(ctx context.Context, cfg *config.Config, master *vault.Master, now func() time.Time) []StoreMode {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	var cleared []dsr.Clearance
	db, err := postgres.Open(ctx, cfg.Database.URL.Reveal(), master, now)
	if err == nil {
		defer db.Close()
		cleared, err = clearances(cfg.Stores, db).List(ctx)
	}
	all := make([]StoreMode, len(cfg.Stores))
	for i, s := range cfg.Stores {
		all[i] = StoreMode{Store: s.Name, Dataset: s.Dataset, Mode: string(config.Observe)}
		switch {
		case s.Mode == config.Enabled, slices.ContainsFunc(cleared, func(c dsr.Clearance) bool { return c.Store == s.Name && c.Enabled }):
			all[i].Mode = string(config.Enabled)
		case err != nil:
			all[i].Mode = "unknown"
		}
	}
	return all
}

// errEnough ends an export that has given as many rows as are wanted.
var errEnough = errors.New("enough rows")

// Rows gives the rows of a target that are the person's own to the sink, at most
// limit of them unless that is 0. more is set if there are others. Secret fields
// are never among them.
func (p *Preview) Rows(ctx context.Context, name string, target store.Target, limit int, sink store.Sink) (more bool, err error) {
	at := p.Rank(name)
	if at < 0 || !plan.Own(target) {
		return false, fmt.Errorf("the rows of %s in the store %s are not the person's to see: %w", target.Address, name, store.ErrDenied)
	}
	err = p.Stores[at].Export(ctx, target, nil, &bounded{sink, limit, limit > 0})
	if errors.Is(err, errEnough) {
		return true, nil
	}
	return false, err
}

// bounded is a sink that takes some rows and no more.
type bounded struct {
	store.Sink
	left  int
	limit bool
}

// Row takes a row if one is left to be taken.
func (b *bounded) Row(values [][]byte) error {
	if b.limit && b.left == 0 {
		return errEnough
	}
	b.left--
	return b.Sink.Row(values)
}
