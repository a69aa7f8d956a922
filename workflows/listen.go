package workflows

import (
	"fmt"
	"slices"
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// listen registers what a request hears, before its first step.
func (r *request) listen(ctx workflow.Context) error {
	inbox := workflow.GetSignalChannel(ctx, SignalInbox)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var m Message
			if !inbox.Receive(ctx, &m) {
				return
			}
			r.hear(m)
		}
	})
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateDecide, r.decide, workflow.UpdateHandlerOptions{Validator: r.validate})
}

// hear takes in a message. A cancellation counts at once, whatever the request
// is doing, as long as nothing has been erased.
func (r *request) hear(m Message) {
	switch {
	case m.Kind == KindMail:
		r.mailed(m)
	case m.Kind == KindDetails:
		r.supplied = r.wanting
	case r.heard[m.ID]:
		// Signals are delivered at least once.
	case m.Verdict == VerdictCancel && !r.state.Irreversible():
		r.cancel("", mailout.ReasonWithdrawn)
	default:
		r.heard[m.ID] = true
		r.inbox = append(r.inbox, m)
	}
}

// mailed takes in what became of a mail of ours.
func (r *request) mailed(m Message) {
	purpose := m.Purpose
	if purpose == string(mailout.Reminder) && m.Outcome != MailSent {
		// A reminder goes to the address that was asked: it can't be reached.
		purpose = string(mailout.Confirmation)
	}
	switch {
	case m.Outcome == MailBounced:
		r.mails[purpose] = MailFailed
	case r.mails[purpose] != MailSent:
		// Of a notice to several addresses, one that arrived is a notice given.
		r.mails[purpose] = m.Outcome
	}
}

// cancel makes the request end as withdrawn, unless that comes too late.
func (r *request) cancel(decision, reason string) {
	r.finish(activities.EndInput{State: dsr.Cancelled, Outcome: dsr.CancelledOutcome, DecisionID: decision, Reason: reason})
}

// finish makes the request end without an erasure. The first end counts.
func (r *request) finish(end activities.EndInput) {
	if r.ending != nil || r.state.Irreversible() || r.state.Ended() {
		return
	}
	end.RequestID = r.id
	r.ending = &end
}

// validate refuses a decision that the request can't take now. What it refuses
// leaves no trace in the history.
func (r *request) validate(_ workflow.Context, d Decision) error {
	if r.ending != nil && d.Action != dsr.Retry || r.state.Ended() {
		return fmt.Errorf("the request is ending")
	}
	if !slices.Contains(dsr.AllowedActions(r.state, r.attention, r.paused), d.Action) {
		return fmt.Errorf("%s is not possible in state %s", d.Action, r.state)
	}
	ends := map[dsr.Action]dsr.State{dsr.Cancel: dsr.Cancelled, dsr.Reject: dsr.Refused, dsr.Resolve: dsr.Completed}
	if end, ok := ends[d.Action]; ok && !r.state.Irreversible() && !r.state.CanBecome(end) {
		return fmt.Errorf("%s is not possible in state %s: try again in a moment", d.Action, r.state)
	}
	if d.Action != dsr.Approve {
		return nil
	}
	if d.About != r.about {
		return fmt.Errorf("what was approved is not what the request waits for: look at it again")
	}
	if r.attention == dsr.IdentityMismatch && r.identification.Candidates != 1 {
		return fmt.Errorf("%d accounts agree with a part of what was given: ask the person for more", r.identification.Candidates)
	}
	return nil
}

// decide takes a person's decision: it is recorded first, and acted on only if
// that was possible.
func (r *request) decide(ctx workflow.Context, d Decision) (DecisionResult, error) {
	in := activities.DecisionInput{DecisionID: d.ID}
	if d.Action == dsr.Pause || d.Action == dsr.Resume {
		paused := d.Action == dsr.Pause
		in.Paused = &paused
	}
	turn := r.turn
	if err := r.recordOnce(ctx, do.Decided, in, nil); err != nil {
		return DecisionResult{State: r.state}, err
	}
	// What it was about may have changed while it was being recorded. What names what
	// it is about still stands if that is what the request waits for.
	same := turn == r.turn
	switch d.Action {
	case dsr.Approve:
		r.approve(d, same)
	case dsr.Reject:
		r.finish(activities.EndInput{State: dsr.Refused, Outcome: dsr.RefusedOutcome, DecisionID: d.ID})
	case dsr.Cancel:
		r.cancel(d.ID, mailout.ReasonWithdrawn)
	case dsr.Pause, dsr.Resume:
		r.paused = d.Action == dsr.Pause
	case dsr.Retry:
		r.retries[d.Store]++
	case dsr.Ask:
		r.askAgain = r.askAgain || same && r.approvedBy == ""
	case dsr.Resolve:
		r.resolvedBy = d.ID
		r.finish(activities.EndInput{State: dsr.Completed, Outcome: dsr.ResolvedByPerson, DecisionID: d.ID})
	}
	return DecisionResult{State: r.state}, nil
}

// approve takes an approval. Where two people must sign, the second may do so in the
// same moment as the first.
func (r *request) approve(d Decision, same bool) {
	switch {
	case d.About != r.about || d.About == "" && !same:
	case r.approvedBy == "":
		r.approvedBy = d.ID
	case d.About != "":
		r.seconded[d.About] = d.ID
	}
}

// occasion names the nth occasion on which the attention of a request changed.
func occasion(n int) string { return "attention/" + strconv.Itoa(n) }
