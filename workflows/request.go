// Package workflows decides what happens to a request in which order. It does no
// input or output: whatever touches the world is an activity, and whatever it
// hears comes as a signal or an update. It must stay deterministic, since
// Temporal repeats it from its history after every crash.
//
// How running requests survive a change of this package is written in
// ARCHITECTURE.md: changes to the order of steps are guarded with
// workflow.GetVersion, and replay_test.go replays recorded histories.
package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// do names the activities; it is never called directly.
var do *activities.Activities

// request is one request on its way.
type request struct {
	id    string
	state dsr.State
	terms activities.Terms

	attention dsr.Attention
	about     string // what the attention is about: a plan or a message
	answers   bool   // the message that the attention is about answers the mail that asks
	askAgain  bool   // a person wants an explicit answer in place of the one they read
	paused    bool
	ending    *activities.EndInput // set once the request is to end without an erasure

	identification activities.Identification
	confirmed      bool
	inbox          []Message
	unread         bool              // a mail came too late to stop the erasure, for a person to read
	warned         bool              // the data subject was told of a mail that only bears their name
	heard          map[string]bool   // messages that were heard, by id
	mails          map[string]string // outcome by purpose, as heard

	approvedBy string            // decision that approved what the request waits for
	seconded   map[string]string // second decisions that approved, by what they were about
	retries    map[string]int    // retries asked for so far, by store; "" for all
	resolvedBy string            // decision by which a person has done the rest
	step       int               // numbers occasions of attention
	turn       int               // counts changes of what a person is asked

	wanting  bool // elements of identification are waited for
	supplied bool // some have come that were not counted yet
}

// Request is the life of a request, from its receipt to its answer. What must
// happen later is a duty in Postgres ([Duties]).
func Request(ctx workflow.Context, in RequestInput) (RequestResult, error) {
	r := &request{id: in.RequestID, state: dsr.Received, heard: map[string]bool{}, mails: map[string]string{}, retries: map[string]int{}, seconded: map[string]string{}}
	if err := r.listen(ctx); err != nil {
		return RequestResult{}, err
	}
	outcome, err := r.live(ctx)
	if err != nil {
		return RequestResult{}, err
	}
	// A decision that is being recorded must not be cut off.
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return RequestResult{}, err
	}
	return RequestResult{State: r.state, Outcome: outcome}, nil
}

// live takes the request through its steps. Each step returns at once when the
// request is to end.
func (r *request) live(ctx workflow.Context) (dsr.Outcome, error) {
	if err := r.record(ctx, do.Begin, activities.StepInput{RequestID: r.id}, &r.terms); err != nil {
		return "", err
	}
	steps := []func(workflow.Context) error{r.triage, r.details, r.identify, r.confirm, r.coolOff, r.planAndApprove}
	if r.state = dsr.Identifying; !r.terms.Automatic {
		steps = []func(workflow.Context) error{r.triage, r.leaveToPerson}
	}
	for _, step := range steps {
		if err := r.unpaused(ctx); err != nil {
			return "", err
		}
		if r.ending != nil {
			break
		}
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	if r.ending != nil {
		return r.end(ctx)
	}
	return r.answer(ctx)
}

// unpaused waits until nobody holds the request. The statutory clock runs on.
func (r *request) unpaused(ctx workflow.Context) error {
	if !r.paused || r.ending != nil {
		return nil
	}
	return workflow.Await(ctx, func() bool { return !r.paused || r.ending != nil })
}

// unhindered waits until nobody holds the request, every decision that was taken
// has had its effect, every mail that came meanwhile has been read, and the notice
// of the cooling-off has not come back.
func (r *request) unhindered(ctx workflow.Context) error {
	clear := func() bool { return !r.paused && workflow.AllHandlersFinished(ctx) }
	returned := func() bool { return r.mails[string(mailout.CoolingOff)] == MailFailed }
	for r.ending == nil && (!clear() || len(r.inbox) > 0 || returned()) {
		err := workflow.Await(ctx, func() bool { return clear() || len(r.inbox) > 0 || returned() || r.ending != nil })
		switch {
		case err != nil || r.ending != nil:
		case len(r.inbox) > 0:
			err = r.hesitate(ctx)
		case returned():
			err = r.giveTime(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveToPerson waits for a person to deal with a right that Habeas does not
// carry out by itself.
func (r *request) leaveToPerson(ctx workflow.Context) error {
	if err := r.attend(ctx, dsr.ManualRight, dsr.AwaitingPerson, "", ""); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return r.ending != nil })
}

// end closes a request that ends without an erasure, with its notice.
func (r *request) end(ctx workflow.Context) (dsr.Outcome, error) {
	if err := r.record(ctx, do.End, *r.ending, nil); err != nil {
		return "", err
	}
	r.state, r.attention = r.ending.State, dsr.NoAttention
	return r.ending.Outcome, nil
}

// record takes a step in our own database. That it is refused there means that
// something is wrong which a person must mend, such as a version of the policy
// that was taken out of the configuration: the request waits for them and never
// fails.
func (r *request) record(ctx workflow.Context, activity, input, result any) error {
	// What ends a request waits for a retry alone; all else gives way to the end.
	ending := r.ending != nil
	for {
		err := r.recordOnce(ctx, activity, input, result)
		if !isFinal(err) {
			return err
		}
		if err := r.refused(ctx); err != nil {
			return err
		}
		if r.ending != nil && !ending {
			return nil
		}
	}
}

// recordOnce takes a step in our own database: as a local activity, and when the
// database does not answer soon, as one that waits for it.
func (r *request) recordOnce(ctx workflow.Context, activity, input, result any) error {
	err := workflow.ExecuteLocalActivity(withRecords(ctx), activity, input).Get(ctx, result)
	if err == nil || isFinal(err) {
		return err
	}
	return workflow.ExecuteActivity(withPatience(ctx), activity, input).Get(ctx, result)
}

// refused waits until a person has mended why a step was refused, or until the
// request is to end. That it says so may be refused for the same reason.
func (r *request) refused(ctx workflow.Context) error {
	tries, ending := r.tries(""), r.ending != nil
	before, about := r.attention, r.about
	r.show(ctx, dsr.StepRefused, "")
	if err := workflow.Await(ctx, func() bool { return r.tries("") > tries || r.ending != nil && !ending }); err != nil {
		return err
	}
	r.show(ctx, before, about)
	return nil
}

// show records an attention as far as that is possible.
func (r *request) show(ctx workflow.Context, attention dsr.Attention, about string) {
	r.step++
	r.turn++
	r.attention, r.about = attention, about
	in := activities.AttentionInput{RequestID: r.id, Attention: attention, Step: occasion(r.step), About: about}
	if err := r.recordOnce(ctx, do.Attend, in, nil); err != nil {
		workflow.GetLogger(ctx).Warn("attention not recorded", "attention", string(attention))
	}
}

// tries counts how often a person has asked to try a store again.
func (r *request) tries(store string) int {
	if store == "" {
		all := 0
		for _, name := range workflow.DeterministicKeys(r.retries) {
			all += r.retries[name]
		}
		return all
	}
	return r.retries[""] + r.retries[store]
}

// attend records why a person should look at the request, or that there is no
// reason any more, and moves it to state if that is not empty.
func (r *request) attend(ctx workflow.Context, attention dsr.Attention, state dsr.State, about, store string) error {
	r.step++
	r.turn++
	in := activities.AttentionInput{RequestID: r.id, Attention: attention, Step: occasion(r.step), State: state, About: about, Store: store}
	// Set before it is recorded, so that no approval of what came before is taken
	// meanwhile and then lost.
	r.attention, r.about, r.approvedBy = attention, about, ""
	if state != "" {
		r.state = state
	}
	return r.record(ctx, do.Attend, in, nil)
}
