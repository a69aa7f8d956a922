// Package plan makes plans: which rows of a data subject there are in which
// stores, how they were found, and what carrying out a right would do to them.
// Making one changes nothing. What a person is shown before a request is filed
// and what an approver signs are made here alike, so that they cannot differ.
package plan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// Store is a data store as the configuration has it.
type Store struct {
	store.Store
	// Dataset is the fides_key of the dataset that it holds.
	Dataset string
	// Enabled stores need no clearance; all others are read and never written to
	// until an approver has enabled them.
	Enabled bool
}

// Maker makes plans over a data map and the stores that hold what it describes.
type Maker struct {
	Map    *datamap.Map
	Stores []Store
	Now    func() time.Time
}

// Rights returns the rights that a plan can be made for.
func Rights() []dsr.Right {
	return []dsr.Right{dsr.Access, dsr.Erasure, dsr.Rectification, dsr.Restriction}
}

// Make finds every row of the data subject now and says what carrying out a right,
// one of [Rights], would do to it under a policy. The plan has no id yet. Its
// targets hold the values that select the rows; those of rights other than
// erasure are all to be left. Errors are those of trace and store.
func (m Maker) Make(ctx context.Context, p *policy.Policy, right dsr.Right, who trace.Subject) (record.Plan, error) {
	plan := record.Plan{PolicyVersion: p.Version(), PolicyDigest: p.Digest(), MapDigest: m.Map.Digest()}
	targets, err := trace.Trace(ctx, m.Map, m.ByDataset(), rules{p}, who)
	if err != nil {
		return plan, err
	}
	if right != dsr.Erasure {
		for i := range targets {
			targets[i] = unchanged(targets[i])
		}
	}
	plan.Targets = m.byStore(targets)
	plan.Lines, err = m.survey(ctx, right, plan.Targets)
	return plan, err
}

// unchanged returns a target whose rows are only looked at. Rows that an erasure
// leaves are the person's own only if the data map says so.
func unchanged(t store.Target) store.Target {
	if t.Left == "" && t.Collection.Treatment == dsr.Leave && t.Collection.Rows != datamap.Owned {
		t.Left = dsr.NotOwned
	}
	t.Treatment, t.Keep = dsr.Leave, nil
	return t
}

// Own reports whether the rows of a target are the person's own as far as is
// known, so that the person may be shown them.
func Own(t store.Target) bool { return unchanged(t).Left == "" }

// ByDataset returns the stores as the data map names them.
func (m Maker) ByDataset() map[string]store.Store {
	byDataset := map[string]store.Store{}
	for _, s := range m.Stores {
		byDataset[s.Dataset] = s.Store
	}
	return byDataset
}

// byStore sorts targets by the store that holds them.
func (m Maker) byStore(targets []store.Target) map[string][]store.Target {
	names := map[string][]string{}
	for _, s := range m.Stores {
		names[s.Dataset] = append(names[s.Dataset], s.Name())
	}
	sorted := map[string][]store.Target{}
	for _, t := range targets {
		for _, name := range names[t.Address.Dataset] {
			sorted[name] = append(sorted[name], t)
		}
	}
	return sorted
}

// survey asks every store what carrying out the right would do.
func (m Maker) survey(ctx context.Context, right dsr.Right, targets map[string][]store.Target) ([]dsr.PlanLine, error) {
	var lines []dsr.PlanLine
	now := m.Now()
	err := m.EachStore(ctx, targets, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		if err := able(s, right, targets); err != nil {
			return nil, err
		}
		tallies, err := s.Survey(ctx, targets, now)
		return func() {
			for i, t := range tallies {
				lines = append(lines, line(s.Name(), right, targets[i], t))
			}
		}, err
	})
	slices.SortStableFunc(lines, func(x, y dsr.PlanLine) int { return m.Rank(x.Store) - m.Rank(y.Store) })
	return lines, err
}

// able fails with [store.ErrSchema] where the data map lets something be corrected
// or restricted that a store cannot. What an erasure needs its survey asks for.
func able(s store.Store, right dsr.Right, targets []store.Target) error {
	if right != dsr.Rectification && right != dsr.Restriction {
		return nil
	}
	for _, t := range targets {
		c := *t.Collection
		if right == dsr.Rectification {
			c.Restriction = nil
		} else {
			c.Fields = nil
		}
		if faults := s.Abilities().Faults(&c, dsr.Leave); len(faults) > 0 {
			return fmt.Errorf("%w: %s.%s: %s: %s", store.ErrSchema, t.Address, faults[0].Field, faults[0].Problem, faults[0].Hint)
		}
	}
	return nil
}

// Rank is the place of a store in the configuration, -1 if it is not there.
func (m Maker) Rank(name string) int {
	return slices.IndexFunc(m.Stores, func(s Store) bool { return s.Name() == name })
}

// EachStore calls work for every store that has targets, side by side, and then
// collect one after the other. A store that is no longer configured fails it with
// [store.ErrSchema].
func (m Maker) EachStore(ctx context.Context, targets map[string][]store.Target,
	work func(context.Context, store.Store, []store.Target) (collect func(), err error),
) error {
	for name, wanted := range targets {
		// A store that was taken out of the configuration must never pass for erased.
		if len(wanted) > 0 && m.Rank(name) < 0 {
			return fmt.Errorf("the store %s is not in the configuration any more: %w", name, store.ErrSchema)
		}
	}
	var lock sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range m.Stores {
		wanted := targets[s.Name()]
		if len(wanted) == 0 {
			continue
		}
		if err := trace.Bind(m.Map, wanted); err != nil {
			return err
		}
		group.Go(func() error {
			collect, err := work(ctx, s.Store, wanted)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			collect()
			return nil
		})
	}
	return group.Wait()
}

// rules gives stores the retention rules of a policy.
type rules struct{ policy *policy.Policy }

// Keep returns the rule of that id.
func (r rules) Keep(id string) (store.Keep, bool) {
	rule, err := r.policy.RetentionRule(id)
	if err != nil {
		return store.Keep{}, false
	}
	return store.Keep{Rule: rule.ID, Period: rule.Period.String(), FromYearEnd: rule.FromYearEnd, Basis: rule.Ground()}, true
}
