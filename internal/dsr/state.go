package dsr

import "slices"

// State is where a request stands. A request is in exactly one state; what a
// person must look at meanwhile is its [Attention].
type State string

// The states of a request.
const (
	Received             State = "received"              // accepted and recorded
	AwaitingDetails      State = "awaiting_details"      // a request by mail lacks elements of identification, which were asked for
	Identifying          State = "identifying"           // the account is being looked for
	AddressCheck         State = "address_check"         // a token went to the address that wrote; nothing is said before it is answered
	AwaitingPerson       State = "awaiting_person"       // nothing goes on until a person decides
	AwaitingConfirmation State = "awaiting_confirmation" // the confirmation mail is out
	CoolingOff           State = "cooling_off"           // confirmed; can still be cancelled
	Planning             State = "planning"              // the plan in rows is being made
	AwaitingApproval     State = "awaiting_approval"     // the plan waits for a signature
	Erasing              State = "erasing"               // data stores are being erased and read back
	Verifying            State = "verifying"             // every collection is read once more
	Answering            State = "answering"             // the answer is on its way
	Completed            State = "completed"             // answered; later duties may be due
	Cancelled            State = "cancelled"             // withdrawn by the data subject, or for them
	Refused              State = "refused"               // a person refused it, with reasons
	Expired              State = "expired"               // never confirmed; nothing was erased
	Closed               State = "closed"                // answered and no duty left; evidence is gone
)

// transitions lists, for each state, the states that may follow it.
var transitions = map[State][]State{
	Received:             {AwaitingDetails, Identifying, AwaitingPerson, Cancelled, Refused},
	AwaitingDetails:      {Identifying, AwaitingPerson, Cancelled, Refused, Expired},
	Identifying:          {AddressCheck, AwaitingConfirmation, AwaitingPerson, Planning, Cancelled, Refused},
	AddressCheck:         {AwaitingPerson, Answering, Completed, Cancelled, Refused, Expired},
	AwaitingPerson:       {AwaitingDetails, Identifying, AddressCheck, AwaitingConfirmation, CoolingOff, Planning, Answering, Completed, Cancelled, Refused, Expired},
	AwaitingConfirmation: {AwaitingPerson, CoolingOff, Planning, Cancelled, Refused, Expired},
	CoolingOff:           {AwaitingPerson, Planning, Cancelled, Refused},
	Planning:             {AwaitingPerson, AwaitingApproval, Erasing, Cancelled, Refused},
	AwaitingApproval:     {AwaitingPerson, Planning, Erasing, Cancelled, Refused},
	Erasing:              {Verifying},
	Verifying:            {Erasing, Answering},
	Answering:            {Completed},
	Completed:            {Closed},
	Cancelled:            {Closed},
	Refused:              {Closed},
	Expired:              {Closed},
	Closed:               {},
}

// States returns every state, in the order in which a request meets them.
func States() []State {
	return []State{
		Received, AwaitingDetails, Identifying, AddressCheck, AwaitingPerson, AwaitingConfirmation, CoolingOff, Planning,
		AwaitingApproval, Erasing, Verifying, Answering, Completed, Cancelled, Refused, Expired, Closed,
	}
}

// Valid reports whether s is one of [States].
func (s State) Valid() bool { return slices.Contains(States(), s) }

// CanBecome reports whether a request in s may go to next. Staying in a state
// is always allowed, because every step may be repeated after a crash.
func (s State) CanBecome(next State) bool {
	return s == next || slices.Contains(transitions[s], next)
}

// Ended reports whether the answer has been given: the workflow is over.
func (s State) Ended() bool {
	switch s {
	case Completed, Cancelled, Refused, Expired, Closed:
		return true
	}
	return false
}

// Irreversible reports whether erasing has begun, so that a cancellation comes
// too late.
func (s State) Irreversible() bool {
	switch s {
	case Erasing, Verifying, Answering, Completed, Closed:
		return true
	}
	return false
}

// UsesStores reports whether data stores are being read or changed in s, so that
// trying again at once makes sense.
func (s State) UsesStores() bool {
	return s == Identifying || s == Planning || s == Erasing || s == Verifying
}

// Attention is a reason why a person should look at a request. The zero value
// means that none is known.
type Attention string

// The reasons why a person is asked.
const (
	NoAttention       Attention = ""
	IdentityMismatch  Attention = "identity_mismatch"  // some elements agree with an account and others do not
	ManualRight       Attention = "manual_right"       // this right is handled by a person
	UnclearReply      Attention = "unclear_reply"      // a reply is neither an explicit yes nor an explicit no
	MailUndeliverable Attention = "mail_undeliverable" // a mail of ours was refused for good, or came back
	PlanApproval      Attention = "plan_approval"      // the plan in rows waits for a signature
	SecondApproval    Attention = "second_approval"    // the plan is so large that a second person must sign it
	StoreObserved     Attention = "store_observed"     // a data store is in mode observe, so nothing may be written to it
	StoreFailing      Attention = "store_failing"      // a data store fails again and again; Habeas keeps trying
	StoreBlocked      Attention = "store_blocked"      // a data store refuses for a reason that trying again does not mend
	PolicyStricter    Attention = "policy_stricter"    // a later version of the policy is stricter than the one in force at receipt
	StepRefused       Attention = "step_refused"       // a step was refused for a reason that a person must mend, in the configuration for instance
	MailboxBehind     Attention = "mailbox_behind"     // a mailbox could not be read since before the time for a reply ended
	ResidualFound     Attention = "residual_found"     // read-back found rows that should be gone
	SeveralRights     Attention = "several_rights"     // a mail invokes several rights: never carried out without a person
	DoubtfulMail      Attention = "doubtful_mail"      // a mail that may not come from whom it names, or is not plain; it was not answered
	Unacknowledged    Attention = "unacknowledged"     // a request by mail was not acknowledged, because of a limit or because it was found late
)

// Triage reports whether a is a reason for which a request by mail begins before
// a person: nothing happens, and nothing is written to anybody, until they
// approve that it takes the usual course.
func (a Attention) Triage() bool {
	return a == SeveralRights || a == DoubtfulMail || a == Unacknowledged
}
