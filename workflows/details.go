package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// triage puts a request by mail before a person for which that was found
// necessary at its receipt. Nothing happens until they have it take the usual
// course.
func (r *request) triage(ctx workflow.Context) error {
	if r.terms.Triage == dsr.NoAttention {
		return nil
	}
	if err := r.attend(ctx, r.terms.Triage, dsr.AwaitingPerson, "", ""); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return r.ending != nil || r.approvedBy != "" }); err != nil || r.ending != nil {
		return err
	}
	next := dsr.State("")
	if r.terms.Automatic && r.terms.Missing == 0 {
		next = dsr.Identifying
	}
	return r.attend(ctx, dsr.NoAttention, next, "", "")
}

// details waits for the elements of identification that a request by mail lacks:
// by reply, by the form, or entered by a person. Silence ends the request; an
// answer that is not clear goes to a person, who may also have it go on with what
// was given.
func (r *request) details(ctx workflow.Context) error {
	if r.terms.Missing == 0 {
		return nil
	}
	in := activities.StepInput{RequestID: r.id}
	var wanted activities.Wanted
	r.wanting = true
	r.moveOn(dsr.AwaitingDetails)
	if err := r.record(ctx, do.AskDetails, in, &wanted); err != nil {
		return err
	}
	// Whatever a person was asked to read is read before all goes on.
	for left := wanted.Missing; left > 0 || r.attention == dsr.UnclearReply; {
		inTime, err := workflow.AwaitWithTimeout(ctx, max(wanted.ExpiresAt.Sub(workflow.Now(ctx)), 0), func() bool {
			return r.ending != nil || r.approvedBy != "" || r.supplied || len(r.inbox) > 0 || r.mails[string(mailout.Details)] == MailFailed && r.attention != dsr.UnclearReply
		})
		switch {
		case err != nil || r.ending != nil:
			return err
		case r.supplied:
			r.supplied = false
			err = r.record(ctx, do.CountMissing, in, &left)
		case r.approvedBy != "":
			left, r.attention = 0, dsr.NoAttention
		case len(r.inbox) > 0:
			m := r.inbox[0]
			r.inbox = r.inbox[1:]
			err = r.unclear(ctx, m)
		case inTime:
			err = r.resend(ctx, mailout.Details)
		case r.paused:
			err = r.unpaused(ctx)
		default:
			err = r.expire(ctx)
		}
		if err != nil {
			return err
		}
	}
	r.wanting, r.supplied = false, false
	return r.attend(ctx, dsr.NoAttention, dsr.Identifying, "", "")
}
