package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// BeginErasing is the point of no return: from here on the request can't be
// cancelled. It fails if it was not confirmed, if a cancellation has been
// received, or if a newer plan was made.
func (a *Activities) BeginErasing(ctx context.Context, in PlanInput) error {
	return a.outward(ctx, in.RequestID, a.beginErasing(ctx, in))
}

func (a *Activities) beginErasing(ctx context.Context, in PlanInput) error {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return err
	}
	step := record.Step{
		Name: "erasing", Event: dsr.EventErasing, To: dsr.Erasing, Attention: new(dsr.Attention), UnlessCancelled: true,
		OnPlan: in.PlanID, EndTokens: true, After: []dsr.EventType{dsr.EventConfirmed}, Facts: map[string]any{"plan": in.PlanID},
	}
	if r.Account == nil {
		return fmt.Errorf("nobody was identified: %w", dsr.ErrConflict)
	}
	plan, err := a.deps.Records.PlanOf(ctx, in.RequestID, in.PlanID)
	if err != nil {
		return err
	}
	people := 0
	switch {
	case twoPeople(p, plan.Lines):
		people = 2
	case p.ApprovalRequired(r.Right):
		people = 1
	}
	if people > 0 && strings.HasPrefix(in.Signed, "policy:") {
		return fmt.Errorf("an older policy was approved and not the plan: %w", dsr.ErrConflict)
	}
	if people > 0 || in.DecisionID != "" {
		step.Facts["approved_by_decision"] = in.DecisionID
		step.Approved = &record.Approval{DecisionID: in.DecisionID, About: in.Signed, People: people}
	}
	_, err = a.deps.Records.Take(ctx, in.RequestID, step)
	return err
}

// EraseStore erases one store of a plan and reads it back. What it reports as
// residual is erased again by a later step.
func (a *Activities) EraseStore(ctx context.Context, in StoreInput) (StoreOutcome, error) {
	defer heartbeat(ctx)()
	outcome, err := a.eraseStore(ctx, in)
	return outcome, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) eraseStore(ctx context.Context, in StoreInput) (StoreOutcome, error) {
	all, err := a.deps.Records.PlanTargets(ctx, in.RequestID, in.PlanID, in.Store)
	if err != nil {
		return StoreOutcome{}, err
	}
	outcome := StoreOutcome{}
	err = a.plans.EachStore(ctx, all, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		now := a.deps.Now()
		done, err := a.eraseUnlessObserved(ctx, s, targets, now)
		if err != nil {
			return nil, err
		}
		found, err := s.Verify(ctx, targets, now)
		if err != nil {
			return nil, err
		}
		results := a.results(in.Store, targets, done, found)
		if in.Again || activity.GetInfo(ctx).Attempt > 1 {
			plan, err := a.deps.Records.PlanOf(ctx, in.RequestID, in.PlanID)
			if err != nil {
				return nil, err
			}
			creditEarlierAttempts(results, plan.Lines)
		}
		for _, t := range found {
			outcome.Residual += t.Residual
		}
		return func() {}, a.deps.Records.SaveResults(ctx, in.RequestID, results)
	})
	if err != nil {
		return outcome, err
	}
	_, err = a.deps.Records.Take(ctx, in.RequestID, record.Step{
		Name: fmt.Sprintf("store erased/%s/%s/%d", in.PlanID, in.Store, outcome.Residual), Event: dsr.EventStoreErased,
		Facts: map[string]any{"store": in.Store, "residual_rows": outcome.Residual},
	})
	return outcome, err
}

// eraseUnlessObserved erases targets of a store. A store that is only observed,
// since the plan was made or for ever, is never written to: unless it holds
// nothing to erase, that is a refusal for a person to mend.
func (a *Activities) eraseUnlessObserved(ctx context.Context, s store.Store, targets []store.Target, now time.Time) ([]store.Tally, error) {
	cleared, err := a.deps.Records.StoreClearances(ctx)
	if err != nil {
		return nil, err
	}
	if a.enabled(s.Name(), cleared) {
		return s.Erase(ctx, targets, now, store.Watch{Save: func(ctx context.Context, p store.Progress) error {
			activity.RecordHeartbeat(ctx, p.Rows())
			return nil
		}})
	}
	tallies, err := s.Survey(ctx, targets, now)
	for _, t := range tallies {
		if err == nil && t.Erased+t.Anonymised+t.Archived > 0 {
			err = fmt.Errorf("the store %s is only observed, until an approver enables it: %w", s.Name(), store.ErrDenied)
		}
	}
	return tallies, err
}

// results puts together what a store did and what reading back found.
func (a *Activities) results(name string, targets []store.Target, done, found []store.Tally) []dsr.StoreResult {
	verified := a.deps.Now().UTC()
	results := make([]dsr.StoreResult, len(targets))
	for i, t := range targets {
		results[i] = dsr.StoreResult{
			Store: name, Collection: t.Address.Collection, Action: t.Treatment, Basis: t.Basis(), VerifiedAt: &verified,
			RowsRetained: found[i].Retained, RetainedUntil: record.Moment(found[i].RetainedUntil), ResidualRows: found[i].Residual,
		}
		if done != nil {
			results[i].RowsMatched, results[i].RowsErased, results[i].RowsAnonymised = done[i].Matched, done[i].Erased, done[i].Anonymised
		}
	}
	return results
}

// creditEarlierAttempts counts rows that an attempt erased which a crash kept
// from saying so: the plan counted them, and reading back shows that they are gone.
func creditEarlierAttempts(results []dsr.StoreResult, lines []dsr.PlanLine) {
	for i := range results {
		r := &results[i]
		for _, l := range lines {
			if l.Store != r.Store || l.Collection != r.Collection || r.ResidualRows > 0 {
				continue
			}
			r.RowsMatched = max(r.RowsMatched, l.RowsMatched)
			r.RowsErased = max(r.RowsErased, l.RowsToErase)
			r.RowsAnonymised = max(r.RowsAnonymised, l.RowsToAnonymise)
		}
	}
}
