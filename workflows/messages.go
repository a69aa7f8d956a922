package workflows

import "github.com/soffiah/habeas/internal/dsr"

// Names by which the outside speaks to workflows. They stand in histories.
const (
	// SignalInbox brings a [Message] to a request.
	SignalInbox = "inbox"
	// UpdateDecide brings a [Decision] to a request.
	UpdateDecide = "decide"
	// TaskQueue is the default task queue.
	TaskQueue = "habeas"
)

// RequestID returns the workflow id of a request: a random id and nothing else.
func RequestID(requestID string) string { return "dsr/" + requestID }

// MailboxID returns the workflow id of the watch on a mailbox of the configuration.
func MailboxID(mailbox string) string { return "mailbox/" + mailbox }

// DutiesID is the workflow id under which due duties are worked off.
const DutiesID = "duties"

// RequestInput starts a request.
type RequestInput struct {
	RequestID string
}

// RequestResult is how a request ended.
type RequestResult struct {
	State   dsr.State
	Outcome dsr.Outcome
}

// Message tells a request of a mail: of one that came in, by id and verdict, or
// of one that went out, by purpose and outcome; or that elements of identification
// were added to it.
type Message struct {
	Kind    string
	ID      string
	Verdict string
	Purpose string
	Outcome string
}

// Kinds of [Message].
const (
	KindReply   = "reply"
	KindMail    = "mail"
	KindDetails = "details"
)

// Verdicts on replies and outcomes of mails on which a request decides. Whatever
// else comes is for a person to read.
const (
	VerdictConfirm = "confirm"
	VerdictCancel  = "cancel"
	MailSent       = "sent"
	MailFailed     = "failed"
	// MailBounced is the outcome of a mail that was sent and came back.
	MailBounced = "bounced"
	// Suspicious is the outcome of a reply that does not come from whom it names.
	Suspicious = "suspicious"
)

// Decision is what a person decided, by the id under which it is recorded.
type Decision struct {
	ID     string
	Action dsr.Action
	About  string
	Store  string
}

// DecisionResult is where the request stands after a decision.
type DecisionResult struct {
	State dsr.State
}
