package record

import (
	"maps"

	"github.com/soffiah/habeas/internal/dsr"
)

// Case is a request that a mail makes. Whether it is opened, joins an open one or
// is left in the mailbox is decided where mails are counted.
type Case struct {
	// Request is the request, with the acknowledgement for when one may go out.
	Request NewRequest
	// Recognised are the rights that the mail invokes, with the words that say so.
	Recognised []dsr.Recognised
	// Withheld, if not empty, is why it is not acknowledged, whatever the limits say.
	Withheld Withheld
	Limits   CaseLimits
}

// Withheld is why a request by mail is not acknowledged. The words stand in the
// event of its receipt.
type Withheld string

// The reasons for which no acknowledgement goes out.
const (
	WithheldDoubtful Withheld = "doubtful"     // the mail may not come from whom it names, or is not plain
	WithheldLate     Withheld = "late"         // it was found long after its receipt
	WithheldSender   Withheld = "sender_limit" // the sender had one within the day
	WithheldDomain   Withheld = "domain_limit" // the domain of the sender had its share of this hour
	WithheldTotal    Withheld = "total_limit"  // the acknowledgements of this hour are used up
)

// CaseLimits bound what strangers can make Habeas do by writing mails.
type CaseLimits struct {
	// Acknowledgements that go out within an hour, in all and to one domain. One
	// address gets one within 24 hours in any case.
	AcknowledgedPerHour, AcknowledgedPerHourPerDomain int
	// UnacknowledgedPerHour is how many requests without an acknowledgement are put
	// before people; what comes beyond stays in the mailbox.
	UnacknowledgedPerHour int
	// PerSenderPerHour is how many requests about one mail address are taken.
	PerSenderPerHour int
}

// LeftInMailbox is the reason with which a mail is recorded that invokes a right
// and opens no request because of a limit.
const LeftInMailbox = "left_in_mailbox"

// Withhold keeps the acknowledgement back for a reason, and has the request begin
// before a person instead.
func (c *Case) Withhold(why Withheld) {
	c.Withheld = why
	c.Request.Mail, c.Request.ConfirmUntil = nil, nil
	facts := map[string]any{"withheld": why}
	maps.Copy(facts, c.Request.Facts)
	switch {
	case why == WithheldDoubtful:
		c.Request.Attention = dsr.DoubtfulMail
	case c.Request.Attention == dsr.NoAttention:
		c.Request.Attention = dsr.Unacknowledged
	}
	facts["attention"] = c.Request.Attention
	c.Request.Facts = facts
}
