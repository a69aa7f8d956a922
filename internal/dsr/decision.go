package dsr

import (
	"slices"
	"time"
)

// Action is what a person decides about a request.
type Action string

// The actions open to people.
const (
	Approve Action = "approve" // what the request waits for: a plan, an identity, an unclear reply, a stricter policy
	Reject  Action = "reject"  // refuse the request; a reason is required
	Cancel  Action = "cancel"  // withdraw it for the data subject
	Pause   Action = "pause"   // hold every further step; the statutory clock runs on
	Resume  Action = "resume"  // end a pause
	Retry   Action = "retry"   // try a data store again at once
	Ask     Action = "ask"     // ask the data subject once more for an explicit answer
	Resolve Action = "resolve" // a person has done what was asked outside of Habeas
)

// Actions returns every action.
func Actions() []Action { return []Action{Approve, Reject, Cancel, Pause, Resume, Retry, Ask, Resolve} }

// Valid reports whether a is one of [Actions].
func (a Action) Valid() bool { return slices.Contains(Actions(), a) }

// NeedsReason reports whether a must be given with a reason.
func (a Action) NeedsReason() bool { return a == Reject || a == Resolve }

// Decision is an [Action] taken by a person on one request. Reason may contain
// personal data: it rests sealed.
type Decision struct {
	// ID makes a repeated decision the same decision. Empty: one is made.
	ID     string `json:"id"`
	Action Action `json:"action"`
	// About names what is decided: the plan id of an approval, or the id of an
	// unclear reply. A decision about anything but what the request waits for is refused.
	About  string `json:"about,omitempty"`
	Store  string `json:"store,omitempty"`
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"-"`
}

// DecisionView is a recorded decision.
type DecisionView struct {
	ID     string    `json:"id"`
	Action Action    `json:"action"`
	About  string    `json:"about,omitempty"`
	Store  string    `json:"store,omitempty"`
	Actor  string    `json:"actor"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	// Accepted is false for a decision that the request could not take.
	Accepted bool `json:"accepted"`
}

// allowedAfterEnd returns what may be decided about a request that has ended:
// sending a mail again, and saying that a person has seen to what came up.
func allowedAfterEnd(attention Attention) []Action {
	switch attention {
	case NoAttention:
		return nil
	case MailUndeliverable:
		return []Action{Retry, Resolve}
	}
	return []Action{Resolve}
}

// AllowedActions returns what a person may decide about a request in state s
// with the given attention. Workflow and pages ask here, so that they agree.
func AllowedActions(s State, attention Attention, paused bool) []Action {
	if s.Ended() {
		return allowedAfterEnd(attention)
	}
	var allowed []Action
	switch attention {
	case IdentityMismatch, UnclearReply, PlanApproval, SecondApproval, PolicyStricter:
		allowed = append(allowed, Approve)
	case ManualRight:
		allowed = append(allowed, Resolve)
	case SeveralRights, DoubtfulMail, Unacknowledged:
		allowed = append(allowed, Approve, Resolve)
	case StepRefused, StoreFailing, StoreBlocked, StoreObserved, ResidualFound, MailUndeliverable:
		allowed = append(allowed, Retry)
	}
	if attention == UnclearReply && s == AwaitingConfirmation {
		allowed = append(allowed, Ask)
	}
	if s.UsesStores() && !slices.Contains(allowed, Retry) {
		allowed = append(allowed, Retry)
	}
	if attention == IdentityMismatch {
		// Whom none of the accounts fits, a person helps in another way.
		allowed = append(allowed, Resolve)
	}
	if s == Answering && attention == MailUndeliverable {
		allowed = append(allowed, Resolve)
	}
	if s.Irreversible() {
		return allowed
	}
	if paused {
		allowed = append(allowed, Resume)
	} else {
		allowed = append(allowed, Pause)
	}
	return append(allowed, Cancel, Reject)
}
