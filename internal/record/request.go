// Package record is the vocabulary of what Habeas writes down: steps, mails,
// plans, incoming messages, signals and duties, as the packages that act hand
// them to the database. Values of this package may hold personal data; only
// internal/postgres stores them, sealed.
package record

import (
	"errors"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// NewRequest is a request about to be recorded.
type NewRequest struct {
	ID            string
	Reference     string
	PolicyVersion string
	ReceivedAt    time.Time
	DueAt         time.Time
	Intake        dsr.Intake
	Mail          *NewMail // the acknowledgement; nil: none goes out
	// Attention is for what a request begins before a person.
	Attention dsr.Attention
	// ConfirmUntil is until when an answer to the acknowledgement counts, if it asks
	// for one.
	ConfirmUntil *time.Time
	// Facts are told with the event of its receipt, beside what is always told.
	Facts map[string]any
	// MostPerHour is how many requests about one mail address are taken in an hour; 0:
	// any number.
	MostPerHour int
}

// Request is what a step needs to know of its request. Intake and Account are
// personal data.
type Request struct {
	ID            string
	Reference     string
	Right         dsr.Right
	State         dsr.State
	Attention     dsr.Attention
	Outcome       dsr.Outcome
	PolicyVersion string
	ReceivedAt    time.Time
	DueAt         time.Time
	PlanID        string
	Intake        dsr.Intake
	Account       *dsr.Account // nil until one was found
}

// Step is one move of a request: what happened, what becomes of the request and
// which mails go out, in one transaction. A step that was taken before, by its
// name, is not taken again.
type Step struct {
	Name  string
	Event dsr.EventType
	Actor string
	Facts map[string]any
	// To is the state after the step; empty: as it is.
	To dsr.State
	// Attention after the step; nil: as it is.
	Attention *dsr.Attention
	Paused    *bool
	Outcome   dsr.Outcome
	Mails     []NewMail
	// Account is what was found about the person; nil: as it is.
	Account *dsr.Account
	// ConfirmUntil is until when a reply can confirm; nil: as it is.
	ConfirmUntil *time.Time
	PlanID       string
	// UnlessCancelled makes the step fail with [ErrCancelled] if a reply that
	// cancels was received and not yet acted on.
	UnlessCancelled bool
	// EndTokens makes all tokens of the request invalid and withdraws mails that
	// ask for an answer and were not sent yet.
	EndTokens bool
	// After lists events that must have happened before; the step fails with
	// [dsr.ErrConflict] if one has not. OnPlan, if not empty, must be the present plan.
	After  []dsr.EventType
	OnPlan string
	Duties []NewDuty
	// Confirmed, if not nil, is the yes on which the step rests, Approved the
	// signature; both are looked up, so that nothing rests on hearsay.
	Confirmed *Confirmation
	Approved  *Approval
}

// Confirmation is the reply that confirms a request, or the reply that a person
// has read as a yes by a decision.
type Confirmation struct{ MessageID, DecisionID string }

// Approval is the decision by which a person signed, what it was about, and how
// many different people must have signed that; 0 and 1 are the same.
type Approval struct {
	DecisionID, About string
	People            int
}

// ErrCancelled: the data subject has cancelled, so the step was not taken.
var ErrCancelled = errors.New("the data subject has cancelled the request")
