package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// AskAddress sends a token to the address that wrote. It is the same mail
// whatever was found, so that nobody learns whether an account exists.
func (a *Activities) AskAddress(ctx context.Context, in StepInput) (Asked, error) {
	asked, err := a.ask(ctx, in.RequestID, mailout.AddressCheck, dsr.AddressCheck)
	return asked, a.outward(ctx, in.RequestID, err)
}

// AskConfirmation sends the confirmation mail to the address on the account,
// with the plan in categories.
func (a *Activities) AskConfirmation(ctx context.Context, in StepInput) (Asked, error) {
	asked, err := a.ask(ctx, in.RequestID, mailout.Confirmation, dsr.AwaitingConfirmation)
	return asked, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) ask(ctx context.Context, requestID string, purpose mailout.Purpose, state dsr.State) (Asked, error) {
	r, p, err := a.load(ctx, requestID)
	if err != nil {
		return Asked{}, err
	}
	return a.askOnce(ctx, r, p, purpose, record.Step{Name: string(purpose), To: state}, nil)
}

// AskAgain sends a new confirmation mail where a person has read a reply that says
// neither yes nor no. Its answer counts until its own time is over.
func (a *Activities) AskAgain(ctx context.Context, in StepInput) (Asked, error) {
	asked, err := a.askAgain(ctx, in)
	return asked, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) askAgain(ctx context.Context, in StepInput) (Asked, error) {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return Asked{}, err
	}
	sent, err := a.deps.Records.CountMails(ctx, in.RequestID, mailout.Confirmation)
	if err != nil {
		return Asked{}, err
	}
	raw, err := a.deps.Records.RawMail(ctx, in.RequestID, in.MessageID)
	if err != nil {
		return Asked{}, err
	}
	again := &again{recipient: sent, to: ownAddress(r, reply.OriginOf(raw).Address)}
	return a.askOnce(ctx, r, p, mailout.Confirmation, record.Step{Name: "asked again/" + in.MessageID, To: dsr.AwaitingConfirmation}, again)
}

// again is what tells a mail that asks once more from the first.
type again struct {
	recipient int
	to        string
}

// ownAddress is the address to ask at once more: the one that a reply came from, if
// it is one of the account's, or else the one that was asked before. What the reply
// says of its sender proves nothing; only who can read mail there can answer.
func ownAddress(r record.Request, sender string) string {
	for _, address := range known(r) {
		if strings.EqualFold(address, sender) {
			return address
		}
	}
	return ""
}

// askOnce writes a mail that asks and records it with its step.
func (a *Activities) askOnce(ctx context.Context, r record.Request, p *policy.Policy, purpose mailout.Purpose, step record.Step, again *again) (Asked, error) {
	now := a.deps.Now()
	until := p.ConfirmationExpiry(r.Right, now, r.DueAt)
	letter := letters.Letter{Purpose: purpose, To: r.Intake.Elements.Email, Language: r.Intake.Language, Facts: letters.Facts(p, r), AnswerUntil: until, At: now}
	step.ConfirmUntil, step.Facts = &until, map[string]any{"until": until.UTC().Format(time.RFC3339)}
	step.Event = dsr.EventAddressAsked
	if purpose == mailout.Confirmation {
		if r.Account == nil {
			return Asked{}, dsr.ErrConflict
		}
		step.Event, step.Attention = dsr.EventPlanned, new(dsr.Attention)
		letter.To = r.Account.Email
		letter.Facts = a.planned(p, r, now)
	}
	if again != nil {
		step.Event, letter.Recipient = dsr.EventAskedAgain, again.recipient
		if again.to != "" {
			letter.To = again.to
		}
	}
	letter.Facts.ExpiresAt = until
	mail, err := a.deps.Letters.Write(p, letter)
	if err != nil {
		return Asked{}, err
	}
	step.Mails = []record.NewMail{mail}
	taken, err := a.deps.Records.Take(ctx, r.ID, step)
	if err == nil && !taken {
		// An earlier attempt sent the mail and ended before it could say so.
		until, err = a.deps.Records.ConfirmUntil(ctx, r.ID)
	}
	return Asked{ExpiresAt: until}, err
}

// planned is what a person must know to confirm a request, or to cancel it.
func (a *Activities) planned(p *policy.Policy, r record.Request, now time.Time) mailout.Facts {
	f := letters.Facts(p, r)
	f.AccountName, f.RequestedBy = r.Account.AccountName, r.Intake.Name
	f.CoolingOffFor = p.CoolingOff(r.Right).AddTo(now).Sub(now)
	if r.Right == dsr.Erasure {
		f.Erased, f.Kept = a.categories(p)
	}
	return f
}

// categories is the plan before any row was counted: which categories of data go,
// and which stay on which basis for how long.
func (a *Activities) categories(p *policy.Policy) (erased, kept []mailout.Line) {
	going, staying := map[string]bool{}, map[string]bool{}
	for _, c := range a.deps.Map.Collections() {
		id, _, ground, retained := c.Kept()
		rule, err := p.RetentionRule(id)
		stays := err == nil && retained
		if ground.Basis != "" {
			rule.Basis, rule.Citation = ground.Basis, ground.Citation
		}
		for _, f := range c.Fields {
			for _, category := range f.Categories {
				switch {
				case !f.Personal() || category == "user" || datamap.Covers("user.unique_id", category):
					// Says nothing to anybody beside the categories that say what it is.
				case stays && !staying[category+rule.ID+rule.Ground()]:
					staying[category+rule.ID+rule.Ground()] = true
					kept = append(kept, mailout.Line{What: category, Basis: rule.Ground(), For: rule.Period, From: rule.From, FromYearEnd: rule.FromYearEnd})
				case !stays && c.Treatment != dsr.Leave && (c.Rows != datamap.Shared || !c.Spared()):
					going[category] = true
				}
			}
		}
	}
	for category := range going {
		erased = append(erased, mailout.Line{What: category})
	}
	slices.SortFunc(erased, func(x, y mailout.Line) int { return strings.Compare(x.What, y.What) })
	return erased, kept
}

// Remind reminds of the confirmation mail.
func (a *Activities) Remind(ctx context.Context, in StepInput) error {
	return a.outward(ctx, in.RequestID, a.remind(ctx, in.RequestID))
}

func (a *Activities) remind(ctx context.Context, requestID string) error {
	r, p, err := a.load(ctx, requestID)
	if err != nil {
		return err
	}
	first, err := a.deps.Records.MailOf(ctx, requestID, mailout.Confirmation)
	if err != nil {
		return err
	}
	until, err := a.deps.Records.ConfirmUntil(ctx, requestID)
	if err != nil {
		return err
	}
	facts := a.planned(p, r, a.deps.Now())
	facts.ExpiresAt = until
	mail, err := a.deps.Letters.Write(p, letters.Letter{
		Purpose: mailout.Reminder, To: first.To, Language: first.Language, Facts: facts, AnswerUntil: until, Reminds: &first, At: a.deps.Now(),
	})
	if err != nil {
		return err
	}
	_, err = a.deps.Records.Take(ctx, requestID, record.Step{Name: "reminder", Event: dsr.EventReminded, Mails: []record.NewMail{mail}})
	return err
}

// Confirmed records the confirmation and, where policy gives time to think
// again, tells every known address how to cancel.
func (a *Activities) Confirmed(ctx context.Context, in StepInput) error {
	return a.outward(ctx, in.RequestID, a.confirmed(ctx, in))
}

func (a *Activities) confirmed(ctx context.Context, in StepInput) error {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return err
	}
	now := a.deps.Now()
	until := p.CoolingOff(r.Right).AddTo(now)
	step := record.Step{Name: "confirmed", Event: dsr.EventConfirmed, To: dsr.Planning, Attention: new(dsr.Attention), Facts: map[string]any{}}
	step.Facts["message"] = in.MessageID
	step.Confirmed = &record.Confirmation{MessageID: in.MessageID, DecisionID: in.DecisionID}
	if in.DecisionID != "" {
		step.Facts["decision"] = in.DecisionID
	}
	if until.After(now) {
		step.To, step.ConfirmUntil = dsr.CoolingOff, &until
		step.Facts["cooling_off_until"] = until.UTC().Format(time.RFC3339)
		for i, to := range known(r) {
			facts := a.planned(p, r, now)
			facts.CoolingOffUntil = until
			mail, err := a.deps.Letters.Write(p, letters.Letter{
				Purpose: mailout.CoolingOff, To: to, Language: r.Intake.Language, Facts: facts, AnswerUntil: until, Recipient: i, Awaited: true, At: now,
			})
			if err != nil {
				return err
			}
			step.Mails = append(step.Mails, mail)
		}
	}
	_, err = a.deps.Records.Take(ctx, in.RequestID, step)
	return err
}

// Warn tells the person who was asked that a mail in their name has answered which
// does not come from them. It goes to the address that was asked and nowhere else.
func (a *Activities) Warn(ctx context.Context, in StepInput) error {
	return a.outward(ctx, in.RequestID, a.warn(ctx, in))
}

func (a *Activities) warn(ctx context.Context, in StepInput) error {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return err
	}
	asked, err := a.asked(ctx, in.RequestID)
	if err != nil {
		return err
	}
	to := r.Intake.Elements.Email
	if asked && r.Account != nil {
		to = r.Account.Email
	}
	mail, err := a.deps.Letters.Write(p, letters.Letter{
		Purpose: mailout.SuspiciousReply, To: to, Language: r.Intake.Language, Facts: letters.Facts(p, r), At: a.deps.Now(),
	})
	if err != nil {
		return err
	}
	_, err = a.deps.Records.Take(ctx, in.RequestID, record.Step{
		Name: "warned", Event: dsr.EventWarned, Mails: []record.NewMail{mail}, Facts: map[string]any{"message": in.MessageID},
	})
	return err
}

// known returns every address that is known to be the data subject's own.
func known(r record.Request) []string {
	if r.Account == nil {
		return nil
	}
	addresses := []string{r.Account.Email}
	for _, address := range slices.Sorted(slices.Values(r.Account.Identities["email"])) {
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses
}
