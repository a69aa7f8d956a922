package activities

import (
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// What workflows and activities tell each other stands in a history that is
// never changed: ids, codes, counts and times only.

// Terms is what the policy in force at receipt says about a request.
type Terms struct {
	Right dsr.Right
	// Automatic is false for a right that is handled by a person.
	Automatic     bool
	ReminderAfter time.Duration
	CoolingOff    time.Duration
	// Approval says that a person signs the plan.
	Approval bool
	// Triage, if not empty, is why a request by mail begins before a person.
	Triage dsr.Attention
	// Missing is how many elements of identification a request by mail lacked.
	Missing int
}

// Match is how the elements of identification compare with what is on file.
type Match string

// The results of identification.
const (
	Matched    Match = "matched"    // one account agrees with everything that was given
	Mismatched Match = "mismatched" // accounts agree with a part of it only, or several do
	Unmatched  Match = "unmatched"  // nothing is known under any of the elements
)

// Identification is the result of looking for the account.
type Identification struct {
	Match Match
	// Candidates is the number of accounts that agree at least in part.
	Candidates int
}

// Asked is what came of asking a person by mail.
type Asked struct {
	// ExpiresAt is until when an answer counts.
	ExpiresAt time.Time
}

// StepInput names a request and, where a step follows from one, a decision or a
// message.
type StepInput struct {
	RequestID  string
	DecisionID string
	MessageID  string
	// Unread says that a mail has come which nobody has read yet.
	Unread bool
	// SignedPlanID names the plan that was signed before, where one is made anew.
	SignedPlanID string
}

// PlanSummary is what a workflow needs to know of a plan.
type PlanSummary struct {
	PlanID string
	// Stores are those in which something is to be done or to be read back.
	Stores []string
	// Observed says that rows would be touched in a store that is only observed.
	Observed bool
	// Stricter says that a later version of the policy is stricter than the one in
	// force at receipt.
	Stricter bool
	// Grown says that the plan goes further than the one that was signed, or rests
	// on another policy or data map.
	Grown bool
	// TwoPeople says that the plan touches so many rows that two people must sign.
	TwoPeople bool
}

// PlanInput names a plan of a request.
type PlanInput struct {
	RequestID string
	PlanID    string
	// DecisionID is the signature, Signed what it was about: an earlier plan from
	// which this one does not differ in what matters, or that an older policy holds.
	DecisionID string
	Signed     string
}

// StoreInput names one store of a plan.
type StoreInput struct {
	RequestID string
	PlanID    string
	Store     string
	// Again says that the store was begun to be erased before.
	Again bool
}

// StoreOutcome is what came of erasing one store.
type StoreOutcome struct {
	Residual int64
}

// Readback is what came of reading everything back.
type Readback struct {
	// Residual lists the stores in which rows are left that should be gone.
	Residual []string
}

// AttentionInput sets or clears the reason why a person should look.
type AttentionInput struct {
	RequestID string
	Attention dsr.Attention
	// Step tells the occasions apart; the same step is taken once.
	Step string
	// State, if not empty, is the state to go to.
	State dsr.State
	// About and Store are ids that the attention is about.
	About string
	Store string
}

// EndInput ends a request without an erasure.
type EndInput struct {
	RequestID  string
	State      dsr.State
	Outcome    dsr.Outcome
	DecisionID string
	// Reason is a code of mailout.
	Reason string
}

// DecisionInput settles a decision.
type DecisionInput struct {
	DecisionID string
	Paused     *bool
}

// WatchInput names a mailbox of the configuration.
type WatchInput struct {
	Mailbox string
}

// DutiesDone is what came of working off due duties.
type DutiesDone struct {
	Done   int
	PutOff int
	// More says that others are due.
	More bool
}
