package policy

import (
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
)

// The time that erasing, reading back and answering may take after cooling-off.
func carryingOut() law.Period { return law.Days(3) }

// The least time that a person has for a reply, however late our mail went out.
func leastTimeToReply() law.Period { return law.Days(3) }

// ConfirmationExpiry returns when waiting for the confirmation of a request for
// the right ends that was asked for at sentAt. It is the policy's
// confirmation.expires_after, or earlier, so that cooling-off and three days for
// carrying the request out fit before due.
//
// A person always has three days to reply (or expires_after, where that is
// shorter), even if the mail went out so late that the answer then misses due:
// closing a request that nobody could answer would be worse than being late, and
// people are warned before due in any case.
func (p *Policy) ConfirmationExpiry(right dsr.Right, sentAt, due time.Time) time.Time {
	expiry := p.doc.Confirmation.ExpiresAfter.AddTo(sentAt)
	least := earlier(expiry, leastTimeToReply().AddTo(sentAt))
	fits := due.Add(-lasting(carryingOut(), due) - lasting(p.CoolingOff(right), due))
	return later(least, earlier(expiry, fits))
}

// lasting is how long a period is that starts at t.
func lasting(period law.Period, t time.Time) time.Duration { return period.AddTo(t).Sub(t) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
