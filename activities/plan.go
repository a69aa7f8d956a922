package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// MakePlan finds every row of the data subject now and says what would become of
// it. It changes no store. The values that select the rows rest sealed with the
// plan, so that stores can be erased side by side.
func (a *Activities) MakePlan(ctx context.Context, in StepInput) (PlanSummary, error) {
	defer heartbeat(ctx)()
	summary, err := a.makePlan(ctx, in.RequestID, in.SignedPlanID)
	return summary, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) makePlan(ctx context.Context, requestID, signedID string) (PlanSummary, error) {
	r, p, err := a.load(ctx, requestID)
	if err != nil {
		return PlanSummary{}, err
	}
	latest, err := a.deps.Policies.At(a.deps.Now())
	if err != nil {
		return PlanSummary{}, err
	}
	if r.Account == nil {
		return PlanSummary{}, dsr.ErrConflict
	}
	who, err := a.subject(ctx, *r.Account)
	if err != nil {
		return PlanSummary{}, err
	}
	targets, err := trace.Trace(ctx, a.deps.Map, a.storesByDataset(), rules{p}, who)
	if err != nil {
		return PlanSummary{}, err
	}
	plan := record.Plan{
		ID: uuid.NewString(), PolicyVersion: p.Version(), PolicyDigest: p.Digest(), MapDigest: a.deps.Map.Digest(), Targets: a.byStore(targets),
	}
	if plan.Lines, err = a.survey(ctx, plan.Targets); err != nil {
		return PlanSummary{}, err
	}
	if err := a.deps.Records.SavePlan(ctx, requestID, plan); err != nil {
		return PlanSummary{}, err
	}
	summary := PlanSummary{PlanID: plan.ID, Stricter: len(policy.Stricter(p, latest)) > 0, TwoPeople: twoPeople(p, plan.Lines)}
	if signedID != "" {
		signed, err := a.deps.Records.PlanOf(ctx, requestID, signedID)
		if err != nil {
			return PlanSummary{}, err
		}
		summary.Grown = grown(p, signed, plan)
	}
	for _, s := range a.deps.Stores {
		if _, ok := plan.Targets[s.Name()]; ok {
			summary.Stores = append(summary.Stores, s.Name())
		}
	}
	summary.Observed, err = a.touchesObserved(ctx, plan.Lines)
	return summary, err
}

// twoPeople reports whether a plan touches so many rows that two people must sign.
func twoPeople(p *policy.Policy, lines []dsr.PlanLine) bool {
	var rows int64
	for _, l := range lines {
		rows += l.RowsToErase + l.RowsToAnonymise
	}
	return rows > p.Plan().TwoPeopleAbove
}

// grown reports whether a plan is not the signed one any more: it rests on another
// policy or data map, needs a second signature that the signed one did not need, or
// erases or anonymises more of a collection than policy tolerates.
func grown(p *policy.Policy, signed, now record.Plan) bool {
	if signed.PolicyDigest != now.PolicyDigest || signed.MapDigest != now.MapDigest || twoPeople(p, now.Lines) && !twoPeople(p, signed.Lines) {
		return true
	}
	before := map[string]int64{}
	for _, l := range signed.Lines {
		before[l.Store+"/"+l.Collection] = l.RowsToErase + l.RowsToAnonymise
	}
	return slices.ContainsFunc(now.Lines, func(l dsr.PlanLine) bool {
		return !p.Plan().Tolerance.Allows(before[l.Store+"/"+l.Collection], l.RowsToErase+l.RowsToAnonymise)
	})
}

// touchesObserved reports whether rows of a store would be changed that is only
// observed.
func (a *Activities) touchesObserved(ctx context.Context, lines []dsr.PlanLine) (bool, error) {
	cleared, err := a.deps.Records.StoreClearances(ctx)
	return slices.ContainsFunc(lines, func(l dsr.PlanLine) bool {
		return l.RowsToErase+l.RowsToAnonymise > 0 && !a.enabled(l.Store, cleared)
	}), err
}

// enabled reports whether a store may be written to.
func (a *Activities) enabled(name string, cleared []dsr.Clearance) bool {
	return slices.ContainsFunc(a.deps.Stores, func(s ConfiguredStore) bool {
		this := dsr.Clearance{Store: s.Name(), Dataset: s.Dataset}
		return s.Name() == name && (s.Enabled || slices.ContainsFunc(cleared, func(c dsr.Clearance) bool { return c.Enabled && c.Same(this) }))
	})
}

// byStore sorts targets by the store that holds them.
func (a *Activities) byStore(targets []store.Target) map[string][]store.Target {
	sorted := map[string][]store.Target{}
	for _, t := range targets {
		for _, s := range a.deps.Stores {
			if s.Dataset == t.Address.Dataset {
				sorted[s.Name()] = append(sorted[s.Name()], t)
			}
		}
	}
	return sorted
}

// survey asks every store what an erasure would do.
func (a *Activities) survey(ctx context.Context, targets map[string][]store.Target) ([]dsr.PlanLine, error) {
	var lines []dsr.PlanLine
	err := a.eachStore(ctx, targets, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		tallies, err := s.Survey(ctx, targets, a.deps.Now())
		return func() {
			for i, t := range tallies {
				lines = append(lines, planLine(s.Name(), targets[i], t))
			}
		}, err
	})
	slices.SortStableFunc(lines, func(x, y dsr.PlanLine) int { return a.rank(x.Store) - a.rank(y.Store) })
	return lines, err
}

// rank is the place of a store in the configuration.
func (a *Activities) rank(name string) int {
	return slices.IndexFunc(a.deps.Stores, func(s ConfiguredStore) bool { return s.Name() == name })
}

// eachStore calls work for every store that has targets, side by side, and then
// collect one after the other.
func (a *Activities) eachStore(ctx context.Context, targets map[string][]store.Target,
	work func(context.Context, store.Store, []store.Target) (collect func(), err error),
) error {
	for name, wanted := range targets {
		// A store that was taken out of the configuration must never pass for erased.
		if len(wanted) > 0 && a.rank(name) < 0 {
			return fmt.Errorf("the store %s is not in the configuration any more: %w", name, store.ErrSchema)
		}
	}
	var lock sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range a.deps.Stores {
		wanted := targets[s.Name()]
		if len(wanted) == 0 {
			continue
		}
		if err := trace.Bind(a.deps.Map, wanted); err != nil {
			return err
		}
		group.Go(func() error {
			collect, err := work(ctx, s, wanted)
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

// subject says whose data is to be found: one account, and what else bears its
// mail address or account name, as they were when it was identified and as they
// are now, unless another account bears the same. A business identification or a
// postal address can be shared with colleagues.
func (a *Activities) subject(ctx context.Context, account dsr.Account) (trace.Subject, error) {
	dataset, collection, _ := strings.Cut(account.Collection, ":")
	who := trace.Subject{
		Identities: map[string][]string{},
		Account:    &trace.Account{Address: datamap.Address{Dataset: dataset, Collection: collection}, Key: account.Key},
	}
	present, _, err := trace.Reread(ctx, a.deps.Map, a.storesByDataset(), *who.Account)
	if err != nil {
		return who, err
	}
	for _, key := range []string{"email", "account_name"} {
		values := slices.Concat(account.Identities[key], present.Identities[key])
		slices.Sort(values)
		if who.Identities[key] = slices.Compact(values); len(values) == 0 {
			delete(who.Identities, key)
		}
		for _, value := range who.Identities[key] {
			taken, err := a.takenByOthers(ctx, *who.Account, key, value)
			if err != nil {
				return who, err
			}
			if taken && !slices.Contains(who.Shared, key) {
				who.Shared = append(who.Shared, key)
			}
		}
	}
	return who, nil
}

// takenByOthers reports whether another account bears a value, be it that two
// share it or that it has changed hands.
func (a *Activities) takenByOthers(ctx context.Context, account trace.Account, key, value string) (bool, error) {
	holders, err := trace.Locate(ctx, a.deps.Map, a.storesByDataset(), map[string]string{key: value})
	return slices.ContainsFunc(holders, func(c trace.Candidate) bool {
		return c.Address != account.Address || !maps.Equal(c.Key, account.Key)
	}), err
}

func planLine(name string, t store.Target, tally store.Tally) dsr.PlanLine {
	return dsr.PlanLine{
		Store: name, Collection: t.Address.Collection, Action: t.Treatment, Categories: t.Collection.Categories(),
		RowsShared: t.Shared, RowsMatched: tally.Matched, RowsToErase: tally.Erased, RowsToAnonymise: tally.Anonymised, RowsToRetain: tally.Retained + tally.Archived,
		RetainedUntil: moment(tally.RetainedUntil), Basis: basis(t),
	}
}

func basis(t store.Target) string {
	if t.Keep == nil {
		return ""
	}
	return t.Keep.Basis
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
