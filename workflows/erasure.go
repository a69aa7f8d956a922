package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// pauseBetweenTries is how long a request waits before it erases again what came
// back while it was erasing; triesAtOnce is how often it does so before it asks
// a person.
const (
	pauseBetweenTries = 30 * time.Second
	triesAtOnce       = 3
)

// planAndApprove makes the plan in rows, has it approved where policy wants
// that, carries it out and has it read back and certified. Until the first store
// is touched the request can still be cancelled.
func (r *request) planAndApprove(ctx workflow.Context) error {
	if !r.confirmed {
		return errors.New("nothing may be erased without a confirmation")
	}
	r.state = dsr.Planning
	conflicts := 0
	for r.ending == nil {
		plan, decision, signed, err := r.signedPlan(ctx)
		if err != nil || r.ending != nil {
			return err
		}
		if plan.Grown {
			continue
		}
		if err := r.unhindered(ctx); err != nil || r.ending != nil {
			return err
		}
		// From here on the database decides whether a cancellation still counts: it
		// knows of every mail before we do, and a person is told to come back.
		r.state = dsr.Erasing
		in := activities.PlanInput{RequestID: r.id, PlanID: plan.PlanID, DecisionID: decision, Signed: signed}
		err = r.recordOnce(ctx, do.BeginErasing, in, nil)
		switch {
		case err == nil:
			r.attention = dsr.NoAttention
			return r.carryOut(ctx, plan)
		case !isFinal(err):
			return err
		}
		r.state = dsr.Planning
		switch conflicts++; {
		case codeOf(err) == activities.CodeCancelled:
			r.cancel("", mailout.ReasonWithdrawn)
		case codeOf(err) == activities.CodeConflict && conflicts < triesAtOnce:
			// A newer plan was made by an attempt that was given up: plan anew.
		default:
			r.attention, r.about = dsr.NoAttention, ""
			if err := r.refused(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// signedPlan makes a plan and has it signed where that is wanted. Days may pass
// until then, so that what was signed is found anew; if it has grown meanwhile
// beyond what changes every day, it must be signed again.
func (r *request) signedPlan(ctx workflow.Context) (plan activities.PlanSummary, decision, signed string, err error) {
	if plan, err = r.plan(ctx, ""); err != nil || r.ending != nil {
		return plan, "", "", err
	}
	if decision, signed, err = r.approvals(ctx, plan); err != nil || r.ending != nil || decision == "" {
		return plan, decision, signed, err
	}
	// A signature is used up by the plan that it was about.
	if err = r.attend(ctx, dsr.NoAttention, dsr.Planning, "", ""); err != nil {
		return plan, "", "", err
	}
	plan, err = r.plan(ctx, plan.PlanID)
	return plan, decision, signed, err
}

// plan makes the plan in rows. While rows would be touched in a store that is
// only observed, it waits for a person and plans anew.
func (r *request) plan(ctx workflow.Context, signed string) (activities.PlanSummary, error) {
	for {
		var plan activities.PlanSummary
		err := r.insist(ctx, "", func(ctx workflow.Context) workflow.Future {
			return workflow.ExecuteActivity(withStores(ctx), do.MakePlan, activities.StepInput{RequestID: r.id, SignedPlanID: signed})
		}, &plan)
		if err != nil || r.ending != nil || !plan.Observed {
			return plan, err
		}
		if err := r.retried(ctx, dsr.StoreObserved, dsr.AwaitingPerson, plan.PlanID, dsr.Planning); err != nil || r.ending != nil {
			return plan, err
		}
	}
}

// retried puts a reason before a person, waits in state meanwhile until they want
// a retry, and moves on to next.
func (r *request) retried(ctx workflow.Context, reason dsr.Attention, meanwhile dsr.State, about string, next dsr.State) error {
	tries := r.tries("")
	if err := r.attend(ctx, reason, meanwhile, about, ""); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return r.tries("") > tries || r.ending != nil }); err != nil || r.ending != nil {
		return err
	}
	return r.attend(ctx, dsr.NoAttention, next, "", "")
}

// approvals waits for whatever a person must sign before the plan is carried out,
// and returns the last decision and what it was about.
func (r *request) approvals(ctx workflow.Context, plan activities.PlanSummary) (decision, about string, err error) {
	// The older policy is approved for itself: one look must not sign twice.
	if plan.Stricter {
		about = "policy:" + plan.PlanID
		if decision, err = r.signed(ctx, dsr.PolicyStricter, about); err != nil || r.ending != nil {
			return "", "", err
		}
	}
	var reasons []dsr.Attention
	if r.terms.Approval || plan.TwoPeople {
		reasons, about = append(reasons, dsr.PlanApproval), plan.PlanID
	}
	if plan.TwoPeople {
		reasons = append(reasons, dsr.SecondApproval)
	}
	for _, reason := range reasons {
		if by := r.seconded[about]; reason == dsr.SecondApproval && by != "" {
			decision = by
			continue
		}
		if decision, err = r.signed(ctx, reason, about); err != nil || r.ending != nil {
			return "", "", err
		}
	}
	return decision, about, r.unhindered(ctx)
}

// signed waits until a person has approved the plan for one reason. A mail that
// comes meanwhile is read first: it may be about the plan.
func (r *request) signed(ctx workflow.Context, reason dsr.Attention, about string) (string, error) {
	for r.ending == nil {
		if r.attention != reason {
			if err := r.attend(ctx, reason, dsr.AwaitingApproval, about, ""); err != nil {
				return "", err
			}
		}
		heard := func() bool { return r.approvedBy != "" || len(r.inbox) > 0 || r.ending != nil }
		if err := workflow.Await(ctx, heard); err != nil || r.ending != nil {
			return "", err
		}
		if decision := r.approvedBy; decision != "" {
			return decision, nil
		}
		if err := r.hesitate(ctx); err != nil {
			return "", err
		}
	}
	return "", nil
}

// carryOut erases the stores of a plan side by side and reads everything back,
// until nothing is left that should not be.
func (r *request) carryOut(ctx workflow.Context, plan activities.PlanSummary) error {
	stores := plan.Stores
	for try := 1; ; try++ {
		if err := r.eraseAll(ctx, plan.PlanID, stores, try > 1); err != nil {
			return err
		}
		r.state = dsr.Verifying
		var readback activities.Readback
		err := r.insist(ctx, "", func(ctx workflow.Context) workflow.Future {
			return workflow.ExecuteActivity(withStores(ctx), do.Certify, activities.PlanInput{RequestID: r.id, PlanID: plan.PlanID})
		}, &readback)
		if err != nil {
			return err
		}
		if len(readback.Residual) == 0 {
			r.state, r.attention = dsr.Answering, dsr.NoAttention
			return nil
		}
		stores = readback.Residual
		if try%triesAtOnce != 0 {
			if err := workflow.Sleep(ctx, pauseBetweenTries); err != nil {
				return err
			}
		} else if err := r.retried(ctx, dsr.ResidualFound, dsr.Verifying, "", dsr.Verifying); err != nil {
			return err
		}
	}
}

// eraseAll erases stores side by side. One store's trouble holds up none of the
// others.
func (r *request) eraseAll(ctx workflow.Context, planID string, stores []string, again bool) error {
	var failures []error
	group := workflow.NewWaitGroup(ctx)
	for _, name := range stores {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := r.erase(ctx, planID, name, again); err != nil {
				failures = append(failures, err)
			}
		})
	}
	group.Wait(ctx)
	return errors.Join(failures...)
}

func (r *request) erase(ctx workflow.Context, planID, name string, again bool) error {
	return r.insist(ctx, name, func(ctx workflow.Context) workflow.Future {
		in := activities.StoreInput{RequestID: r.id, PlanID: planID, Store: name, Again: again}
		again = true
		return workflow.ExecuteActivity(withErasure(ctx), do.EraseStore, in)
	}, nil)
}

// insist takes a step in data stores until it succeeds. A store that is down is
// tried again and again by Temporal; a person may ask for a try at once. A reason
// that trying again does not mend is put before a person. Before anything was
// erased it also returns when the request is to end.
func (r *request) insist(ctx workflow.Context, storeName string, start func(workflow.Context) workflow.Future, result any) error {
	for {
		tries := r.tries(storeName)
		wanted := func() bool { return r.tries(storeName) > tries || r.ending != nil }
		attempt, giveUp := workflow.WithCancel(ctx)
		step := start(attempt)
		if err := workflow.Await(ctx, func() bool { return step.IsReady() || wanted() }); err != nil {
			return err
		}
		given := !step.IsReady()
		if given {
			giveUp()
		}
		// An attempt that was given up is awaited all the same: two at once would
		// overtake each other.
		err := step.Get(ctx, result)
		switch {
		case given && temporal.IsCanceledError(err) && r.ending != nil:
			return nil
		case given && temporal.IsCanceledError(err):
			continue
		case !isFinal(err):
			return err
		}
		before := r.state
		if err := r.attend(ctx, dsr.StoreBlocked, r.whileBlocked(), "", storeName); err != nil {
			return err
		}
		if err := workflow.Await(ctx, wanted); err != nil || r.ending != nil {
			return err
		}
		if err := r.attend(ctx, dsr.NoAttention, before, "", ""); err != nil {
			return err
		}
	}
}

// whileBlocked is the state in which a request waits for a person to mend a
// store. Once erasing has begun, erasing is what it still does.
func (r *request) whileBlocked() dsr.State {
	if r.state.Irreversible() {
		return r.state
	}
	return dsr.AwaitingPerson
}

// answer waits until the answer is on its way and completes the request.
func (r *request) answer(ctx workflow.Context) (dsr.Outcome, error) {
	purpose := string(mailout.Answer)
	for r.mails[purpose] != MailSent && r.resolvedBy == "" {
		if err := workflow.Await(ctx, func() bool { return r.mails[purpose] != "" || r.resolvedBy != "" }); err != nil {
			return "", err
		}
		if r.mails[purpose] == MailFailed && r.resolvedBy == "" {
			r.leaveUnread()
			if err := r.resend(ctx, mailout.Answer); err != nil {
				return "", err
			}
		}
	}
	var outcome dsr.Outcome
	r.leaveUnread()
	if err := r.record(ctx, do.Complete, activities.StepInput{RequestID: r.id, Unread: r.unread}, &outcome); err != nil {
		return "", err
	}
	r.state, r.attention = dsr.Completed, dsr.NoAttention
	return outcome, nil
}

// leaveUnread notes what came while the request was carried out, too late to stop
// it: a person reads it with the request that has ended.
func (r *request) leaveUnread() {
	for _, m := range r.inbox {
		r.unread = r.unread || m.Verdict != VerdictConfirm
	}
	r.inbox = nil
}
