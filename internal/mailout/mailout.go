// Package mailout composes the mails that Habeas writes to people and sends
// them from an outbox.
//
// [Compose] turns [Facts] into the words of one [Purpose] in the reader's
// language. The caller makes a [Message] of them, with its Message-ID and date
// fixed, and lays it into the outbox in the same transaction as whatever led to
// it. From then on the mail never changes: [Sender] makes the same bytes of it
// at every attempt, so that a copy which a crash sends twice can be recognised
// as the same mail.
//
// An [Outbox] works off a [Queue] over pooled SMTP connections: at least once,
// one recipient per mail, again after a failure that may pass, never after one
// that will not. Nothing in an error or a log line of this package is an address,
// a name or any other word of a mail.
package mailout

// Purpose is what a mail is for. There is one template per purpose, and one
// Message-ID and token per purpose and request.
type Purpose string

// The purposes of mails. The words are stable: they stand in the outbox and in
// the X-Habeas-Purpose header.
const (
	Acknowledgement Purpose = "acknowledgement"  // the request has arrived; the same words for everyone
	Details         Purpose = "details"          // a request by mail has arrived and lacks elements of identification: acknowledges it and asks for them
	AddressCheck    Purpose = "address_check"    // no account was named by the request: answer to prove that the address is yours
	Confirmation    Purpose = "confirmation"     // to the address on the account: what would go, what must stay, how to confirm
	Reminder        Purpose = "reminder"         // the confirmation is still wanted
	CoolingOff      Purpose = "cooling_off"      // confirmed; to every known address: how to cancel, until when
	SuspiciousReply Purpose = "suspicious_reply" // somebody answered in the reader's name, and it was not them by our checks
	CancelledNotice Purpose = "cancelled"        // withdrawn; nothing was erased
	RefusedNotice   Purpose = "refused"          // refused by a person, with reasons and remedies (Art. 12(4) GDPR)
	ExpiredNotice   Purpose = "expired"          // never confirmed; nothing was erased (Art. 12(4) GDPR)
	NothingHeld     Purpose = "nothing_held"     // only to an address that was proved: nothing is held about it
	Answer          Purpose = "answer"           // what was done (Art. 12(3) GDPR)
)

// Purposes returns all purposes, in the order in which a request meets them.
func Purposes() []Purpose {
	return []Purpose{
		Acknowledgement, Details, AddressCheck, Confirmation, Reminder, CoolingOff, SuspiciousReply,
		CancelledNotice, RefusedNotice, ExpiredNotice, NothingHeld, Answer,
	}
}
