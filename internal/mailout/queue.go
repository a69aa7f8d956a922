package mailout

import (
	"context"
	"time"
)

// Queue is the outbox as it rests, sealed, in the database.
type Queue interface {
	// Claim takes up to n messages that are due, oldest first, each for the lease
	// duration, so that no other sender takes them meanwhile. After that time a
	// message that was neither sent nor put off is due again. To a recipient that
	// has failed [FailuresAllowed] times in a row, one message at a time is given
	// out, and none within [HoldFor] of a failure.
	Claim(ctx context.Context, n int, lease time.Duration) ([]Queued, error)
	// Sent records that the mail server took responsibility for the message, and
	// what it answered. Recording it twice is harmless.
	Sent(ctx context.Context, id string, at time.Time, response string) error
	// Retry puts the message off until the given time. Code is what the mail server
	// replied about the message and counts as a failure of its recipient; 0 if it
	// said nothing about it.
	Retry(ctx context.Context, id string, at time.Time, code int) error
	// Failed records that the message will not be tried again. Reason is a code of
	// this package (see [FailedRefused] and its like) and holds no personal data.
	Failed(ctx context.Context, id string, at time.Time, code int, reason string) error
}

// Queued is a message claimed from the outbox.
type Queued struct {
	ID      string // random; may be logged
	Attempt int    // 1 at the first attempt
	// ExpiresAt is when the message has no sense any more, because its token has
	// expired. Zero: never.
	ExpiresAt time.Time
	// Refused: the recipient has refused mails for good ([FailedRecipient]). A person
	// has to look before another is sent.
	Refused bool
	Message Message
}

// Reasons for which a message is given up.
const (
	FailedRecipient = "recipient_refused" // a 5xx reply about the recipient
	FailedHeld      = "recipient_held"    // not tried: the recipient has refused an earlier one
	FailedRefused   = "refused_by_server" // another 5xx reply
	FailedInvalid   = "invalid_message"   // it could not be made a mail: an address or a header value is malformed
	FailedExpired   = "expired"           // its token expired before the mail could be delivered
	FailedTooOld    = "undelivered"       // no server took it for three days
)
