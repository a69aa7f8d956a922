package record

import (
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// NewMail is a mail about to be laid into the outbox.
type NewMail struct {
	Message mailout.Message
	// Recipient tells the copies of a mail to several addresses apart.
	Recipient int
	// Token, if not empty, is the token with which this mail can be answered;
	// BounceToken the one to which it comes back when it can't be delivered. Both
	// carry their kind ("c." or "b."), so that one can't pass for the other.
	Token       string
	BounceToken string
	// FormToken, if not empty, is the token ("f.") of the form by which this mail can
	// be answered as well.
	FormToken string
	// TokenUntil is when the tokens expire; ExpiresAt when the mail has no sense any more.
	TokenUntil time.Time
	ExpiresAt  time.Time
	// Awaited makes the workflow hear of it when the mail was sent. It always
	// hears of a mail that failed for good.
	Awaited bool
}

// Cursor says how far a folder of a mailbox has been read. Without UIDVALIDITY it
// is none.
type Cursor struct {
	UIDValidity uint32
	LastUID     uint32
}

// TokenOwner is the request to which a token belongs and the mail that carried it.
type TokenOwner struct {
	RequestID string
	// MailID names the mail in the outbox that carried the token.
	MailID string
	State  dsr.State
	// Expired is what was filed, if the request ended because nobody confirmed it.
	Expired *dsr.Intake
	// PolicyVersion is the policy under which the request is judged.
	PolicyVersion string
	Purpose       mailout.Purpose
	ExpiresAt     time.Time
	SentAt        *time.Time // nil if the mail is not known to have been sent
	Mail          mailout.Message
	// Reminder is the mail that repeated the token; nil if there was none. A reply
	// may quote either.
	Reminder *mailout.Message
}

// Inbound is a mail that came in, judged.
type Inbound struct {
	Folder      string
	UIDValidity uint32
	UID         uint32
	Fingerprint []byte
	ReceivedAt  time.Time
	// RequestID is empty for a mail that belongs to no request; Raw and FreshText
	// are then not kept.
	RequestID string
	Purpose   mailout.Purpose
	Verdict   string
	Reasons   []string
	Raw       []byte
	FreshText string
	// Arrived says that the mail of that purpose has arrived, since its token came back.
	Arrived bool
	// Tell makes the workflow of the request hear of it.
	Tell bool
	// MessageID is the mail's Message-ID, by which it is noticed that another mail
	// bears the same. Only a keyed digest of it is kept.
	MessageID string
	// Backfilled says that it is old mail, which somebody asked to have read. Nobody
	// gets an acknowledgement of it, and it is neither marked nor moved.
	Backfilled bool
	// Guess is set for a mail whose header carries a token of ours that does not
	// exist: the domain of its sender. Only a keyed digest of it is kept.
	Guess *string
	// Suspicious says that the mail carries a token of the request and claims to come
	// from somebody from whom it does not come.
	Suspicious bool
	// Bounce is set for a report that a mail of ours will never be delivered.
	Bounce *Bounce
	// Case, if not nil, is the request that this mail makes; RequestID is then empty.
	Case *Case
	// Details, if not nil, are the elements of identification with which this mail
	// answers; where they come too late to count, it is told as it was judged.
	Details *dsr.Elements
}

// Bounce is a report that a mail of ours will never be delivered.
type Bounce struct {
	MailID string
	// Status is the enhanced status code (RFC 3463), such as 5.1.1; it may be empty.
	Status string
}
