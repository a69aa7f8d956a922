package activities

import (
	"context"
	"slices"
	"time"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// Certify reads every collection of every store once more, after all of them
// were erased. If nothing is left that should not be, it certifies the erasure,
// lays the answer into the outbox and records what remains to be done later.
func (a *Activities) Certify(ctx context.Context, in PlanInput) (Readback, error) {
	defer heartbeat(ctx)()
	readback, err := a.certify(ctx, in)
	return readback, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) certify(ctx context.Context, in PlanInput) (Readback, error) {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil || r.State == dsr.Answering {
		return Readback{}, err
	}
	if _, err := a.deps.Records.Take(ctx, in.RequestID, record.Step{Name: "verifying/" + in.PlanID, Event: dsr.EventVerifying, To: dsr.Verifying}); err != nil {
		return Readback{}, err
	}
	targets, err := a.deps.Records.PlanTargets(ctx, in.RequestID, in.PlanID, "")
	if err != nil {
		return Readback{}, err
	}
	readback, found, duties, err := a.readBack(ctx, targets)
	if err != nil {
		return readback, err
	}
	results, err := a.merge(ctx, in.RequestID, found)
	if err != nil {
		return readback, err
	}
	if len(readback.Residual) > 0 {
		return readback, a.deps.Records.SaveResults(ctx, in.RequestID, results)
	}
	return readback, a.conclude(ctx, r, p, results, duties)
}

// readBack verifies all targets. It also says what must be erased later.
func (a *Activities) readBack(ctx context.Context, targets map[string][]store.Target) (Readback, []dsr.StoreResult, []record.NewDuty, error) {
	var readback Readback
	var results []dsr.StoreResult
	var duties []record.NewDuty
	err := a.plans.EachStore(ctx, targets, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		found, err := s.Verify(ctx, targets, a.deps.Now())
		return func() {
			results = append(results, a.results(s.Name(), targets, nil, found)...)
			residual := int64(0)
			for _, t := range found {
				residual += t.Residual
			}
			if residual > 0 {
				readback.Residual = append(readback.Residual, s.Name())
			}
			if d := residualDuty(s.Name(), targets, found, a.deps.Now()); d != nil {
				duties = append(duties, *d)
			}
		}, err
	})
	slices.Sort(readback.Residual)
	slices.SortStableFunc(results, func(x, y dsr.StoreResult) int { return a.plans.Rank(x.Store) - a.plans.Rank(y.Store) })
	return readback, results, duties, err
}

// lookAgainAfter is when rows are looked at again that must be kept and say not
// since when.
const lookAgainAfter = 365 * 24 * time.Hour

// residualDuty is the duty to erase what a store must keep for now, due when the
// first of it may go.
func residualDuty(name string, targets []store.Target, found []store.Tally, now time.Time) *record.NewDuty {
	duty := record.NewDuty{Kind: record.Residual, Store: name}
	for i, t := range found {
		if t.Retained == 0 || targets[i].Keep == nil {
			continue
		}
		duty.Targets = append(duty.Targets, targets[i])
		if !t.NextDue.IsZero() && (duty.DueAt.IsZero() || t.NextDue.Before(duty.DueAt)) {
			duty.DueAt = t.NextDue
		}
	}
	if len(duty.Targets) == 0 {
		return nil
	}
	if duty.DueAt.IsZero() {
		// Rows without a date stay until somebody gives them one.
		duty.DueAt = now.Add(lookAgainAfter)
	}
	return &duty
}

// merge adds to what reading back found what the stores had said they did.
func (a *Activities) merge(ctx context.Context, requestID string, found []dsr.StoreResult) ([]dsr.StoreResult, error) {
	before, err := a.deps.Records.Results(ctx, requestID)
	for i := range found {
		f := &found[i]
		for _, b := range before {
			if b.Store == f.Store && b.Collection == f.Collection {
				f.RowsMatched, f.RowsErased, f.RowsAnonymised = b.RowsMatched, b.RowsErased, b.RowsAnonymised
			}
		}
	}
	return found, err
}

// conclude certifies what was done and answers.
func (a *Activities) conclude(ctx context.Context, r record.Request, p *policy.Policy, results []dsr.StoreResult, duties []record.NewDuty) error {
	now := a.deps.Now()
	outcome := dsr.Erased
	for _, result := range results {
		if result.RowsRetained > 0 && result.Action == dsr.Retain {
			outcome = dsr.ErasedWithRetained
		}
	}
	answer, err := a.writeAnswer(r, p, results, now)
	if err != nil {
		return err
	}
	plan, err := a.deps.Records.PlanOf(ctx, r.ID, r.PlanID)
	if err != nil {
		return err
	}
	return a.deps.Records.Certify(ctx, r.ID, record.Certified{
		Results: results, IssuedAt: now, Outcome: outcome, Answer: answer,
		Duties: append(duties, afterwards(p, now, results)...),
		Document: func(events []dsr.Event) ([]byte, error) {
			return audit.Sign(audit.Certificate{
				Kind: audit.CertificateKind, RequestID: r.ID, Reference: r.Reference, Controller: p.Controller().Name, Right: r.Right,
				Regime: p.Regime().Code, PolicyVersion: p.Version(), ReceivedAt: r.ReceivedAt.UTC(), DueAt: r.DueAt.UTC(),
				ConfirmedAt: confirmedAt(events), VerifiedAt: now.UTC(), Outcome: outcome, Stores: results, Events: events,
				PlanDigest: plan.Digest(),
			}, a.deps.Signing)
		},
	})
}

func confirmedAt(events []dsr.Event) time.Time {
	for _, e := range events {
		if e.Type == dsr.EventConfirmed {
			return e.At
		}
	}
	return time.Time{}
}

// afterwards lists what must happen after the answer: reading every store back
// again, and destroying the evidence of the request.
func afterwards(p *policy.Policy, now time.Time, results []dsr.StoreResult) []record.NewDuty {
	var duties []record.NewDuty
	var stores []string
	for _, r := range results {
		if !slices.Contains(stores, r.Store) {
			stores = append(stores, r.Store)
		}
	}
	for _, after := range p.ReadBackAgainAfter() {
		for _, name := range stores {
			duties = append(duties, record.NewDuty{Kind: record.ReadBack, Store: name, DueAt: after.AddTo(now)})
		}
	}
	return append(duties, record.NewDuty{Kind: record.Evidence, DueAt: p.EvidenceKept().AddTo(now)})
}

func (a *Activities) writeAnswer(r record.Request, p *policy.Policy, results []dsr.StoreResult, now time.Time) (record.NewMail, error) {
	datasets := map[string]string{}
	for _, s := range a.deps.Stores {
		datasets[s.Name()] = s.Dataset
	}
	facts := letters.Facts(p, r)
	facts.AccountName = r.Account.AccountName
	facts.Erased, facts.Kept = letters.Results(a.deps.Map, datasets, results)
	for _, recipient := range p.Recipients() {
		facts.Recipients = append(facts.Recipients, recipient.Name)
	}
	facts.BackupsGoneAt, facts.EvidenceUntil = record.Moment(p.BackupsGoneAfter().AddTo(now)), record.Moment(p.EvidenceKept().AddTo(now))
	return a.deps.Letters.Write(p, letters.Letter{
		Purpose: mailout.Answer, To: r.Account.Email, Language: r.Intake.Language, Facts: facts, Awaited: true, At: now,
	})
}

// Complete records that the answer was given, and returns how the request ended.
func (a *Activities) Complete(ctx context.Context, in StepInput) (dsr.Outcome, error) {
	outcome, err := a.complete(ctx, in)
	return outcome, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) complete(ctx context.Context, in StepInput) (dsr.Outcome, error) {
	attention := dsr.NoAttention
	if in.Unread {
		attention = dsr.UnclearReply
	}
	if _, err := a.deps.Records.Take(ctx, in.RequestID, record.Step{
		Name: "completed", Event: dsr.EventCompleted, To: dsr.Completed, Attention: &attention,
	}); err != nil {
		return "", err
	}
	r, err := a.deps.Records.LoadRequest(ctx, in.RequestID)
	return r.Outcome, err
}
