package activities

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
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
	who, err := a.plans.Subject(ctx, *r.Account)
	if err != nil {
		return PlanSummary{}, err
	}
	plan, err := a.plans.Make(ctx, p, dsr.Erasure, who)
	if err != nil {
		return PlanSummary{}, err
	}
	plan.ID = uuid.NewString()
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
		rows += l.RowsChanged()
	}
	return rows > p.Plan().TwoPeopleAbove
}

// grown reports whether a plan is not the signed one any more: it rests on another
// policy or data map, needs a second signature that the signed one did not need, or
// changes more of a collection than policy tolerates.
func grown(p *policy.Policy, signed, now record.Plan) bool {
	if signed.PolicyDigest != now.PolicyDigest || signed.MapDigest != now.MapDigest || twoPeople(p, now.Lines) && !twoPeople(p, signed.Lines) {
		return true
	}
	before := map[string]int64{}
	for _, l := range signed.Lines {
		before[l.Store+"/"+l.Collection] = l.RowsChanged()
	}
	return slices.ContainsFunc(now.Lines, func(l dsr.PlanLine) bool {
		return !p.Plan().Tolerance.Allows(before[l.Store+"/"+l.Collection], l.RowsChanged())
	})
}

// touchesObserved reports whether rows of a store would be changed that is only
// observed.
func (a *Activities) touchesObserved(ctx context.Context, lines []dsr.PlanLine) (bool, error) {
	cleared, err := a.deps.Records.StoreClearances(ctx)
	return slices.ContainsFunc(lines, func(l dsr.PlanLine) bool {
		return l.RowsChanged() > 0 && !a.enabled(l.Store, cleared)
	}), err
}

// enabled reports whether a store may be written to.
func (a *Activities) enabled(name string, cleared []dsr.Clearance) bool {
	return slices.ContainsFunc(a.deps.Stores, func(s plan.Store) bool {
		this := dsr.Clearance{Store: s.Name(), Dataset: s.Dataset}
		return s.Name() == name && (s.Enabled || slices.ContainsFunc(cleared, func(c dsr.Clearance) bool { return c.Enabled && c.Same(this) }))
	})
}
