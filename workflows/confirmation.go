package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// identify finds the account and compares what was given with what is on file.
// Whoever does not match learns nothing before they have shown that the address
// they wrote from is theirs; a mismatch is judged by a person, never refused here.
func (r *request) identify(ctx workflow.Context) error {
	in := activities.StepInput{RequestID: r.id}
	if err := r.insist(ctx, "", func(ctx workflow.Context) workflow.Future {
		return workflow.ExecuteActivity(withStores(ctx), do.Identify, in)
	}, &r.identification); err != nil || r.ending != nil {
		return err
	}
	if r.identification.Match == activities.Matched {
		return nil
	}
	var asked activities.Asked
	r.state = dsr.AddressCheck
	if err := r.record(ctx, do.AskAddress, in, &asked); err != nil {
		return err
	}
	if r.identification.Match == activities.Mismatched {
		if err := r.attend(ctx, dsr.IdentityMismatch, dsr.AwaitingPerson, "", ""); err != nil {
			return err
		}
		return workflow.Await(ctx, func() bool { return r.approvedBy != "" || r.ending != nil })
	}
	if answered, _, err := r.reply(ctx, mailout.AddressCheck, asked, nil); err != nil || !answered {
		return err
	}
	r.finish(activities.EndInput{State: dsr.Completed, Outcome: dsr.NothingHeld})
	return nil
}

// confirm asks at the address on the account and waits for an explicit yes.
// Silence erases nothing.
func (r *request) confirm(ctx workflow.Context) error {
	var asked activities.Asked
	in := activities.StepInput{RequestID: r.id}
	r.moveOn(dsr.AwaitingConfirmation)
	if err := r.record(ctx, do.AskConfirmation, in, &asked); err != nil {
		return err
	}
	remind := func() error { return r.record(ctx, do.Remind, in, nil) }
	confirmed, message, err := r.reply(ctx, mailout.Confirmation, asked, remind)
	if err != nil || !confirmed {
		return err
	}
	in.MessageID, in.DecisionID = message, r.approvedBy
	if r.moveOn(dsr.Planning); r.terms.CoolingOff > 0 {
		r.state = dsr.CoolingOff
	}
	if err := r.record(ctx, do.Confirmed, in, nil); err != nil {
		return err
	}
	r.confirmed = true
	return nil
}

// moveOn takes the request to a state in which there is nothing for a person to
// look at. It comes before the step that records it, so that a decision which
// arrives meanwhile is judged by the state that will be.
func (r *request) moveOn(to dsr.State) {
	r.turn++
	r.state, r.attention, r.approvedBy = to, dsr.NoAttention, ""
}

// reply waits for an explicit yes, by mail or by a person who has read an
// unclear reply to the same mail. It returns the message that said so. After a
// time it may remind; at the end of the time the request expires. It returns
// false only when the request is to end.
func (r *request) reply(ctx workflow.Context, to mailout.Purpose, asked activities.Asked, remind func() error) (bool, string, error) {
	next := asked.ExpiresAt
	if at := workflow.Now(ctx).Add(r.terms.ReminderAfter); remind != nil && r.terms.ReminderAfter > 0 && at.Before(next) {
		next = at
	}
	for r.ending == nil {
		inTime, err := workflow.AwaitWithTimeout(ctx, max(next.Sub(workflow.Now(ctx)), 0), func() bool {
			return r.ending != nil || r.approvedBy != "" || r.askAgain || len(r.inbox) > 0 || r.mails[string(to)] == MailFailed && r.attention != dsr.UnclearReply
		})
		switch {
		case err != nil || r.ending != nil:
			return false, "", err
		case r.askAgain:
			if asked, err = r.askOnceMore(ctx); err == nil {
				next = asked.ExpiresAt
			}
		case r.approvedBy != "" && r.answers:
			return true, r.about, nil
		case r.approvedBy != "":
			// A person has read what was no answer to our mail; we still wait for one.
			err = r.attend(ctx, dsr.NoAttention, "", "", "")
		case len(r.inbox) > 0:
			if yes, message, err := r.read(ctx, to); err != nil || yes {
				return yes, message, err
			}
		case inTime:
			err = r.resend(ctx, to)
		case r.paused:
			// Nothing is sent and nothing expires while a person holds the request.
			err = r.unpaused(ctx)
		case next.Before(asked.ExpiresAt):
			next, err = asked.ExpiresAt, remind()
		default:
			err = r.expire(ctx)
		}
		if err != nil {
			return false, "", err
		}
	}
	return false, "", nil
}

// read takes the oldest unread message. An explicit yes counts if it answers the
// mail that asks for it; one that answers another of our mails changes nothing.
// Anything else waits for a person.
func (r *request) read(ctx workflow.Context, to mailout.Purpose) (bool, string, error) {
	m := r.inbox[0]
	r.inbox = r.inbox[1:]
	if m.Verdict == VerdictConfirm {
		return m.Purpose == string(to), m.ID, nil
	}
	answers := m.Purpose == string(to)
	if r.attention == dsr.UnclearReply && r.answers && !answers {
		// The reply that may be a yes stays before the person; this one is beside it.
		return false, "", nil
	}
	r.answers = answers
	return false, "", r.unclear(ctx, m)
}

// unclear puts a mail before a person. Of one that bears the name of the data
// subject and does not come from them, they are told, once.
func (r *request) unclear(ctx workflow.Context, m Message) error {
	if m.Outcome == Suspicious && !r.warned {
		r.warned = true
		if err := r.record(ctx, do.Warn, activities.StepInput{RequestID: r.id, MessageID: m.ID}, nil); err != nil {
			return err
		}
	}
	return r.attend(ctx, dsr.UnclearReply, "", m.ID, "")
}

// askOnceMore sends a new mail that asks, in place of a reply that said neither yes
// nor no. The old one can still be answered.
func (r *request) askOnceMore(ctx workflow.Context) (activities.Asked, error) {
	var asked activities.Asked
	in := activities.StepInput{RequestID: r.id, MessageID: r.about}
	r.turn++
	r.askAgain = false
	delete(r.mails, string(mailout.Confirmation))
	if err := r.record(ctx, do.AskAgain, in, &asked); err != nil {
		return asked, err
	}
	return asked, r.attend(ctx, dsr.NoAttention, "", "", "")
}

// resend puts a mail that could not be delivered before a person, and sends it
// again when they ask for it. What is heard meanwhile goes first.
func (r *request) resend(ctx workflow.Context, purpose mailout.Purpose) error {
	tries := r.tries("")
	if r.attention != dsr.MailUndeliverable {
		if err := r.attend(ctx, dsr.MailUndeliverable, "", "", ""); err != nil {
			return err
		}
	}
	sent := func() bool { return r.mails[string(purpose)] == MailSent }
	err := workflow.Await(ctx, func() bool {
		return sent() || r.tries("") > tries || r.ending != nil || len(r.inbox) > 0 || r.supplied || r.resolvedBy != ""
	})
	switch {
	case err != nil:
		return err
	case sent():
		// Another copy of it has arrived meanwhile.
		return r.attend(ctx, dsr.NoAttention, "", "", "")
	case r.tries("") == tries:
		return nil
	}
	delete(r.mails, string(purpose))
	if err := r.record(ctx, do.ResendMails, activities.StepInput{RequestID: r.id}, nil); err != nil {
		return err
	}
	return r.attend(ctx, dsr.NoAttention, "", "", "")
}

// expire ends a request to which nobody replied in time.
func (r *request) expire(ctx workflow.Context) error {
	if r.attention == dsr.UnclearReply {
		// Somebody did reply. What they meant is for a person to say, however long it takes.
		return workflow.Await(ctx, func() bool {
			return r.ending != nil || r.approvedBy != "" || r.askAgain || r.supplied || len(r.inbox) > 0
		})
	}
	if heard, err := r.allHeard(ctx); err != nil || !heard || r.paused {
		return err
	}
	reason := mailout.ReasonNotConfirmed
	switch r.state {
	case dsr.AddressCheck:
		reason = mailout.ReasonAddressUnproved
	case dsr.AwaitingDetails:
		reason = mailout.ReasonDetailsMissing
	}
	r.finish(activities.EndInput{State: dsr.Expired, Outcome: dsr.ExpiredOutcome, Reason: reason})
	return nil
}

// allHeard waits until every mail that was received in time has been read, so that
// an outage of the mailbox expires nothing. It returns false if something was heard.
func (r *request) allHeard(ctx workflow.Context) (bool, error) {
	heard := func() bool { return r.ending != nil || r.approvedBy != "" || r.supplied || len(r.inbox) > 0 }
	for wait := leastWaitForMailbox; ; wait = min(2*wait, mostWaitForMailbox) {
		var read bool
		if err := r.record(ctx, do.MailboxesRead, activities.StepInput{RequestID: r.id}, &read); err != nil {
			return false, err
		}
		if read || heard() {
			return !heard(), nil
		}
		if wait == mostWaitForMailbox && r.attention != dsr.MailboxBehind {
			if err := r.attend(ctx, dsr.MailboxBehind, "", "", ""); err != nil {
				return false, err
			}
		}
		if inTime, err := workflow.AwaitWithTimeout(ctx, wait, heard); err != nil || inTime {
			return false, err
		}
	}
}

// How long a request waits before it looks again whether the mailboxes were read.
const (
	leastWaitForMailbox = 5 * time.Second
	mostWaitForMailbox  = time.Hour
)

// coolOff gives the data subject time to think again.
func (r *request) coolOff(ctx workflow.Context) error {
	if r.state != dsr.CoolingOff {
		return nil
	}
	if err := r.giveTime(ctx); err != nil || r.ending != nil {
		return err
	}
	if workflow.GetVersion(ctx, "mailboxes are read before a cooling-off ends", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return r.lastWords(ctx)
}

// lastWords waits until every mail that was received within the cooling-off has
// been read: a cancellation that waits in a mailbox counts like any other.
func (r *request) lastWords(ctx workflow.Context) error {
	for read := false; !read && r.ending == nil; {
		var err error
		if len(r.inbox) > 0 {
			err = r.hesitate(ctx)
		} else if read, err = r.allHeard(ctx); err == nil && read && r.attention == dsr.MailboxBehind {
			err = r.attend(ctx, dsr.NoAttention, "", "", "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// giveTime waits until the notice of the cooling-off is on its way and the time
// to think again has passed since.
func (r *request) giveTime(ctx workflow.Context) error {
	for over := false; !over && r.ending == nil; {
		if err := r.noticed(ctx); err != nil || r.ending != nil {
			return err
		}
		var err error
		if over, err = r.thinkAgain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// thinkAgain waits for the time of the cooling-off to pass. It returns false if
// the notice came back meanwhile: nobody was told, so the time begins anew.
func (r *request) thinkAgain(ctx workflow.Context) (over bool, err error) {
	returned := func() bool { return r.mails[string(mailout.CoolingOff)] == MailFailed }
	until := workflow.Now(ctx).Add(r.terms.CoolingOff)
	for r.ending == nil && workflow.Now(ctx).Before(until) {
		heard := func() bool { return r.ending != nil || len(r.inbox) > 0 || returned() }
		inTime, err := workflow.AwaitWithTimeout(ctx, until.Sub(workflow.Now(ctx)), heard)
		if err != nil {
			return false, err
		}
		switch {
		case !inTime || r.ending != nil:
		case len(r.inbox) > 0:
			if err := r.hesitate(ctx); err != nil {
				return false, err
			}
		default:
			return false, nil
		}
	}
	return true, nil
}

// noticed waits until the notice of the cooling-off is on its way: time to think
// again that nobody was told of would be none.
func (r *request) noticed(ctx workflow.Context) error {
	purpose := string(mailout.CoolingOff)
	for r.ending == nil && r.mails[purpose] != MailSent {
		err := workflow.Await(ctx, func() bool { return r.ending != nil || len(r.inbox) > 0 || r.mails[purpose] != "" })
		switch {
		case err != nil || r.ending != nil:
			return err
		case len(r.inbox) > 0:
			err = r.hesitate(ctx)
		case r.mails[purpose] == MailFailed:
			err = r.resend(ctx, mailout.CoolingOff)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hesitate reads a mail that comes after the confirmation. A second yes changes
// nothing; anything else that is not a plain cancellation pauses the request
// until a person has read it.
func (r *request) hesitate(ctx workflow.Context) error {
	m := r.inbox[0]
	r.inbox = r.inbox[1:]
	if m.Verdict == VerdictConfirm {
		return nil
	}
	if err := r.unclear(ctx, m); err != nil {
		return err
	}
	return r.approved(ctx)
}

// approved waits for a person to approve what the attention is about, and then
// clears it.
func (r *request) approved(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return r.ending != nil || r.approvedBy != "" }); err != nil || r.ending != nil {
		return err
	}
	return r.attend(ctx, dsr.NoAttention, "", "", "")
}
