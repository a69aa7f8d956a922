package activities

import (
	"context"
	"errors"
	"slices"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// Attend records why a person should look at a request, or that there is no
// reason any more.
func (a *Activities) Attend(ctx context.Context, in AttentionInput) error {
	step := record.Step{Name: in.Step, Event: dsr.EventAttention, To: in.State, Attention: &in.Attention, Facts: map[string]any{}}
	switch in.Attention {
	case dsr.NoAttention:
		step.Event = dsr.EventAttentionCleared
	case dsr.PlanApproval, dsr.SecondApproval, dsr.PolicyStricter:
		step.Event = dsr.EventApprovalRequested
	}
	for key, value := range map[string]string{"attention": string(in.Attention), "about": in.About, "store": in.Store} {
		if value != "" {
			step.Facts[key] = value
		}
	}
	_, err := a.deps.Records.Take(ctx, in.RequestID, step)
	return a.outward(ctx, in.RequestID, err)
}

// Decided records that a request took a person's decision.
func (a *Activities) Decided(ctx context.Context, in DecisionInput) error {
	return a.outward(ctx, "", a.deps.Records.SettleDecision(ctx, in.DecisionID, true, in.Paused))
}

// ResendMails sends mails again that were refused for good, after a person has
// mended the reason.
func (a *Activities) ResendMails(ctx context.Context, in StepInput) error {
	return a.outward(ctx, in.RequestID, a.deps.Records.RequeueFailed(ctx, in.RequestID))
}

// End closes a request without an erasure and tells everyone concerned, with
// reasons and remedies (Art. 12(4) GDPR).
func (a *Activities) End(ctx context.Context, in EndInput) error {
	return a.outward(ctx, in.RequestID, a.end(ctx, in))
}

func (a *Activities) end(ctx context.Context, in EndInput) error {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return err
	}
	now := a.deps.Now()
	step := record.Step{
		Name: "ended", Event: endEvents()[in.State], To: in.State, Attention: new(dsr.Attention), Outcome: in.Outcome, EndTokens: true,
		Facts:  map[string]any{"outcome": in.Outcome},
		Duties: []record.NewDuty{{Kind: record.Evidence, DueAt: p.EvidenceKept().AddTo(now)}},
	}
	facts := letters.Facts(p, r)
	facts.EvidenceUntil = record.Moment(p.EvidenceKept().AddTo(now))
	if in.Reason != "" {
		step.Facts["reason"], facts.Reasons = in.Reason, []string{in.Reason}
	}
	if in.DecisionID != "" {
		decision, err := a.deps.Records.Decision(ctx, in.DecisionID)
		if err != nil {
			return err
		}
		step.Actor, step.Facts["decision"] = decision.Actor, in.DecisionID
		if in.State == dsr.Refused {
			facts.Reasons = []string{decision.Reason}
		}
	}
	if purpose := notice(in); purpose != "" {
		asked, err := a.asked(ctx, in.RequestID)
		if err != nil {
			return err
		}
		for i, to := range concerned(r, asked) {
			mail, err := a.deps.Letters.Write(p, letters.Letter{Purpose: purpose, To: to, Language: r.Intake.Language, Facts: facts, Recipient: i, At: now})
			if err != nil {
				return err
			}
			step.Mails = append(step.Mails, mail)
		}
	}
	_, err = a.deps.Records.Take(ctx, in.RequestID, step)
	return err
}

func endEvents() map[dsr.State]dsr.EventType {
	return map[dsr.State]dsr.EventType{
		dsr.Cancelled: dsr.EventCancelled, dsr.Refused: dsr.EventRefused, dsr.Expired: dsr.EventExpired, dsr.Completed: dsr.EventCompleted,
	}
}

// notice is the mail that tells of an end. What a person has dealt with, they
// have answered themselves.
func notice(in EndInput) mailout.Purpose {
	switch in.State {
	case dsr.Cancelled:
		return mailout.CancelledNotice
	case dsr.Refused:
		return mailout.RefusedNotice
	case dsr.Expired:
		return mailout.ExpiredNotice
	case dsr.Completed:
		if in.Outcome == dsr.NothingHeld {
			return mailout.NothingHeld
		}
	}
	return ""
}

// asked reports whether the holder of the account was asked to confirm.
func (a *Activities) asked(ctx context.Context, requestID string) (bool, error) {
	_, err := a.deps.Records.MailOf(ctx, requestID, mailout.Confirmation)
	if errors.Is(err, dsr.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// concerned returns who must hear of the end of a request: whoever wrote, and,
// if they were asked to confirm, the holder of the account. These mails say
// nothing about the account.
func concerned(r record.Request, asked bool) []string {
	addresses := []string{r.Intake.Elements.Email}
	if r.Account != nil && asked && !slices.Contains(addresses, r.Account.Email) {
		addresses = append(addresses, r.Account.Email)
	}
	return addresses
}
