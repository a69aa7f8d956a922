package activities

import (
	"context"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/identity"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/trace"
)

// Begin reads what the policy in force at receipt says about a request. Rights
// other than erasure are handled by a person until Habeas carries them out.
func (a *Activities) Begin(ctx context.Context, in StepInput) (Terms, error) {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return Terms{}, a.outward(ctx, in.RequestID, err)
	}
	terms := Terms{
		Right: r.Right, Automatic: r.Right == dsr.Erasure && p.Offers(r.Right), Approval: p.ApprovalRequired(r.Right),
		ReminderAfter: p.Confirmation().ReminderAfter.AddTo(r.ReceivedAt).Sub(r.ReceivedAt),
		CoolingOff:    p.CoolingOff(r.Right).AddTo(r.ReceivedAt).Sub(r.ReceivedAt),
	}
	if r.Attention.Triage() {
		terms.Triage = r.Attention
	}
	if r.Intake.Channel == dsr.Mail {
		terms.Missing = len(r.Intake.Missing(p.RequiredElements()))
	}
	return terms, nil
}

// Identify finds the account and compares what was given with what is on file.
func (a *Activities) Identify(ctx context.Context, in StepInput) (Identification, error) {
	defer heartbeat(ctx)()
	result, err := a.identify(ctx, in.RequestID)
	return result, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) identify(ctx context.Context, requestID string) (Identification, error) {
	r, p, err := a.load(ctx, requestID)
	if err != nil {
		return Identification{}, err
	}
	given := identity.Elements(r.Intake.Elements)
	candidates, err := trace.Locate(ctx, a.deps.Map, a.plans.ByDataset(), given)
	if err != nil {
		return Identification{}, err
	}
	result, account, findings := judge(given, candidates, p)
	step := record.Step{
		Name: "identified", To: dsr.Identifying, Account: account,
		Facts: map[string]any{"match": result.Match, "candidates": result.Candidates, "elements": findings},
	}
	switch result.Match {
	case Matched:
		step.Event = dsr.EventIdentified
	case Mismatched:
		step.Event = dsr.EventMismatch
	case Unmatched:
		step.Event = dsr.EventNoMatch
	}
	taken, err := a.deps.Records.Take(ctx, requestID, step)
	if err == nil && !taken {
		// An earlier attempt recorded what it found and ended before it could say so.
		return a.recorded(ctx, requestID)
	}
	return result, err
}

// recorded returns the identification that is on record.
func (a *Activities) recorded(ctx context.Context, requestID string) (Identification, error) {
	events, err := a.deps.Records.Events(ctx, requestID)
	for _, e := range events {
		switch e.Type {
		case dsr.EventIdentified, dsr.EventMismatch, dsr.EventNoMatch:
			match, _ := e.Facts["match"].(string)
			candidates, _ := e.Facts["candidates"].(float64)
			return Identification{Match: Match(match), Candidates: int(candidates)}, nil
		}
	}
	if err == nil {
		err = dsr.ErrConflict
	}
	return Identification{}, err
}

// judge finds the one account that agrees with everything that was given. An
// account without a mail address can't be asked, so that a person must see to it.
func judge(given map[string]string, candidates []trace.Candidate, p *policy.Policy) (Identification, *dsr.Account, map[string]identity.Finding) {
	result := Identification{Match: Unmatched, Candidates: len(candidates)}
	var full []trace.Candidate
	var findings map[string]identity.Finding
	for _, c := range candidates {
		findings = identity.Compare(given, c.Identities)
		if identity.AgreesFully(findings) && len(c.Identities["email"]) > 0 {
			full = append(full, c)
		}
	}
	switch {
	case len(full) == 1:
		result.Match = Matched
		return result, accountOf(full[0], p), identity.Compare(given, full[0].Identities)
	case len(candidates) == 1 && len(candidates[0].Identities["email"]) > 0:
		result.Match = Mismatched
		return result, accountOf(candidates[0], p), findings
	case len(candidates) > 0:
		// Two would be as good as one that cannot be asked: a person must see to it.
		result.Match, result.Candidates = Mismatched, max(len(candidates), 2)
	}
	return result, nil, findings
}

func accountOf(c trace.Candidate, p *policy.Policy) *dsr.Account {
	account := &dsr.Account{Identities: c.Identities, Collection: c.Address.String(), Key: c.Key, Email: c.Identities["email"][0]}
	if names := c.Identities["account_name"]; len(names) > 0 {
		account.AccountName = names[0]
	}
	return account
}
