package inbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// This file holds what makes a request of a mail. The rules are: a mail that
// somebody wrote, in which a right is recognised, from one address that can be
// answered; its sender is acknowledged once and learns nothing else. Whatever is
// doubtful about it begins before a person and is never answered by itself. What
// cannot be a request stays in the mailbox, where people read it.

// Cases is what opens requests by mail.
type Cases struct {
	Policies *policy.Set
	Letters  *letters.Writer
	Limits   record.CaseLimits
	// Own are the addresses of our mailboxes.
	Own []string
	Now func() time.Time

	alert alert
}

const (
	// leastConfidence is how certain a right must be recognised for a mail to open a
	// request. Below it, people read the mail in the mailbox.
	leastConfidence = 0.8
	// lateAfter is how old a mail may be for an acknowledgement to go out by itself. A
	// person answers whoever has waited longer.
	lateAfter = 7 * 24 * time.Hour
)

// open makes a request of a mail that invokes a right and carries no token of
// ours.
func (c *Cases) open(m mailin.Message, mail *record.Inbound, j reply.Judgement) error {
	if c == nil || j.Verdict != reply.NewRequest || j.Automatic {
		return nil
	}
	rights := certain(j.Requests)
	origin := reply.OriginOf(m.Raw)
	if len(rights) == 0 || origin.Address == "" || c.own(origin.Address) {
		return nil
	}
	received, p, err := c.receipt(mail.ReceivedAt)
	if err != nil {
		return err
	}
	in := intakeOf(origin, j, rights)
	if in.Validate(nil, dsr.Rights()) != nil {
		// Its address is none that we can write to.
		return nil
	}
	opened := c.request(p, in, received, rights)
	if len(rights) > 1 {
		opened.Request.Attention = dsr.SeveralRights
		opened.Request.Facts["attention"] = dsr.SeveralRights
	}
	switch why := withheld(m, j, origin, c.Now().Sub(received)); why {
	case "":
		err = c.acknowledge(p, &opened.Request, rights, j.MessageID, c.Now())
	default:
		opened.Withhold(why)
	}
	mail.Case = opened
	return err
}

// renew makes a new request of a yes that came too late: whoever confirms wants
// what they asked for, and nothing happens before they have confirmed in time. It
// is filed as the old one was, and takes the usual course.
func (c *Cases) renew(mail *record.Inbound, j reply.Judgement, owner record.TokenOwner) error {
	if c == nil || !j.Late || owner.Expired == nil || owner.Purpose != mailout.Confirmation {
		return nil
	}
	received, p, err := c.receipt(mail.ReceivedAt)
	if err != nil {
		return err
	}
	in := *owner.Expired
	in.Channel, in.IdempotencyKey = dsr.Mail, ""
	rights := []reply.Finding{{Right: in.Right, Confidence: 1}}
	renewed := c.request(p, in, received, rights)
	renewed.Request.Facts["renews"] = owner.RequestID
	mail.Case = renewed
	return c.acknowledge(p, &renewed.Request, rights, j.MessageID, c.Now())
}

// receipt returns when a mail was received, which is not in the future, and the
// policy in force then.
func (c *Cases) receipt(at time.Time) (time.Time, *policy.Policy, error) {
	if now := c.Now(); at.After(now) {
		at = now
	}
	p, err := c.policy(at)
	return at, p, err
}

// request is a request that a mail makes, before anybody is told of it.
func (c *Cases) request(p *policy.Policy, in dsr.Intake, received time.Time, rights []reply.Finding) *record.Case {
	return &record.Case{
		Recognised: recognised(rights), Limits: c.Limits,
		Request: record.NewRequest{
			ID: uuid.NewString(), Reference: dsr.NewReference(), PolicyVersion: p.Version(), ReceivedAt: received,
			DueAt: p.LegalDue(received, false, 0), Intake: in,
			Facts: map[string]any{"rights": names(rights), "confidence": rights[0].Confidence},
		},
	}
}

// policy returns the version in force at the receipt of a mail; of one that is
// older than every version, the first.
func (c *Cases) policy(received time.Time) (*policy.Policy, error) {
	p, err := c.Policies.At(received)
	if errors.Is(err, policy.ErrNotInForce) {
		return c.Policies.Versions()[0], nil
	}
	return p, err
}

// acknowledge writes the acknowledgement of a request by mail: one that asks for
// the elements of identification which the policy requires and the mail lacks, by
// a form and by lines to fill in.
func (c *Cases) acknowledge(p *policy.Policy, r *record.NewRequest, rights []reply.Finding, answers string, now time.Time) error {
	facts := letters.Facts(p, record.Request{Reference: r.Reference, Right: r.Intake.Right, ReceivedAt: r.ReceivedAt, DueAt: r.DueAt})
	for _, f := range rights {
		facts.Rights = append(facts.Rights, f.Right)
	}
	l := letters.Letter{
		Purpose: mailout.Acknowledgement, To: r.Intake.Elements.Email, Language: r.Intake.Language, Facts: facts,
		Answers: mailout.CleanMessageID(answers), At: now,
	}
	if missing := r.Intake.Missing(p.RequiredElements()); len(missing) > 0 {
		until := p.ConfirmationExpiry(r.Intake.Right, now, r.DueAt)
		l.Purpose, l.AnswerUntil, r.ConfirmUntil = mailout.Details, until, &until
		l.Facts.Missing, l.Facts.ExpiresAt = missing, until
	}
	written, err := c.Letters.Write(p, l)
	r.Mail = &written
	return err
}

// own reports whether an address is one of our mailboxes, with or without a
// plus-part.
func (c *Cases) own(address string) bool {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	return slices.ContainsFunc(c.Own, func(own string) bool { return strings.EqualFold(own, local+"@"+domain) })
}

// certain returns the rights that are recognised well enough, the one under which
// the request is opened first: where there are several, one that a person deals
// with, so that nothing is erased before a copy that was asked for.
func certain(findings []reply.Finding) []reply.Finding {
	rights := slices.DeleteFunc(slices.Clone(findings), func(f reply.Finding) bool { return f.Confidence < leastConfidence })
	slices.SortStableFunc(rights, func(a, b reply.Finding) int {
		return boolOrder(a.Right == dsr.Erasure) - boolOrder(b.Right == dsr.Erasure)
	})
	return rights
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// intakeOf is what the mail says, as a form would have it.
func intakeOf(origin reply.Origin, j reply.Judgement, rights []reply.Finding) dsr.Intake {
	in := dsr.Intake{
		Right: rights[0].Right, Channel: dsr.Mail, Elements: dsr.Elements{Email: origin.Address},
		Name: dsr.Clean("name", origin.Name), Message: dsr.Clean("message", j.FreshText),
	}
	for _, f := range rights {
		if in.Language == "" {
			in.Language = f.Language
		}
	}
	if labelled, _, clear := readDetails(j.FreshText, dsr.ElementFields()); clear && labelled.Validate(nil) == nil {
		in.Elements.Supplement(labelled, false)
	}
	return in
}

// withheld returns why a mail is not acknowledged by itself.
func withheld(m mailin.Message, j reply.Judgement, origin reply.Origin, age time.Duration) record.Withheld {
	doubtful := []reply.Code{reply.AuthFailed, reply.OddSender, reply.Malformed, reply.PartsDisagree, reply.Unreadable, reply.Forwarded}
	switch {
	case slices.ContainsFunc(doubtful, j.Has) || origin.Spam || m.Junk || m.Trouble != "":
		return record.WithheldDoubtful
	case age > lateAfter:
		return record.WithheldLate
	}
	return ""
}

func recognised(findings []reply.Finding) []dsr.Recognised {
	all := make([]dsr.Recognised, len(findings))
	for i, f := range findings {
		all[i] = dsr.Recognised{Right: f.Right, Confidence: f.Confidence, Words: f.Words}
	}
	return all
}

func names(findings []reply.Finding) []string {
	all := make([]string, len(findings))
	for i, f := range findings {
		all[i] = string(f.Right)
	}
	return all
}

// alert says once an hour that mails were left in the mailbox.
type alert struct {
	mu   sync.Mutex
	last time.Time
}

// left tells whoever runs the installation that mails which invoke a right were
// left in the mailbox, because more came than the limits allow: people must read
// them there. It says so once an hour.
func (i *Inbox) left(ctx context.Context, mails []record.Inbound) {
	if i.Cases == nil || !slices.ContainsFunc(mails, func(m record.Inbound) bool { return m.Case != nil }) {
		return
	}
	now := i.Cases.Now()
	i.Cases.alert.mu.Lock()
	defer i.Cases.alert.mu.Unlock()
	if now.Sub(i.Cases.alert.last) < time.Hour {
		return
	}
	n, err := i.Records.CasesLeft(ctx, now.Add(-time.Hour))
	if err != nil || n == 0 {
		return
	}
	i.Cases.alert.last = now
	i.Log.LogAttrs(ctx, slog.LevelError, "more requests by mail than the limits allow: read those left in the mailbox, or raise the limits", slog.Int("count", n))
}
