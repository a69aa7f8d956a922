package mailout

import (
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
)

// Facts is what a mail may say. Every field may be empty: a template leaves out
// the sentence that needs it. Mails of [Acknowledgement] and [AddressCheck] use
// nothing that depends on whether an account was found.
type Facts struct {
	Controller Controller
	Authority  Authority

	Reference string // the number by which people speak of the request
	Right     dsr.Right
	// Rights, if there are several, are all that the request invokes.
	Rights     []dsr.Right
	ReceivedAt time.Time
	DueAt      time.Time      // end of the period of Art. 12(3) GDPR
	TimeZone   *time.Location // of the controller; dates are written in it. Nil: UTC

	Addressee   string // how the person wishes to be addressed
	AccountName string // only in mails to an address on the account
	RequestedBy string // who filed the request, as they named themselves; only in mails to an address on the account

	// Erased and Kept are the plan in categories (Rows 0), or the result.
	Erased, Kept []Line
	// Ends says in the controller's words what stops with the account: the
	// subscription, the access of colleagues.
	Ends []string

	// Missing are the elements of identification that are asked for, by the names of
	// [dsr.ElementFields].
	Missing []string

	ExpiresAt       time.Time // until when a confirmation or an answer to an address check counts
	CoolingOffUntil time.Time // until when a confirmed request can be cancelled
	// CoolingOffFor is how long that will be, for mails that go out before it begins.
	CoolingOffFor time.Duration
	// Reasons are codes ([ReasonNotConfirmed] and its like), told in the reader's
	// language, or a person's own words, told as they are.
	Reasons    []string
	Recipients []string // who has received data and is told of the erasure (Art. 19 GDPR)

	BackupsGoneAt *time.Time // when no backup holds the data any more
	EvidenceUntil *time.Time // until when Habeas keeps the proof of the erasure
	CopyURL       string     // where a person can get a copy of the data first
	AnswerURL     string     // where a person can answer other than by mail
}

// Controller is who answers for the data (Art. 4(7) GDPR).
type Controller struct {
	Name                  string
	Address               string // postal, may have several lines
	Contact               string // a mail address or telephone number
	DataProtectionContact string
	Website               string
}

// post is the name and postal address in one line. Addresses often begin with the
// name; it is told once.
func (c Controller) post() string {
	lines := strings.FieldsFunc(c.Address, func(r rune) bool { return r == '\n' })
	if c.Name != "" && (len(lines) == 0 || lines[0] != c.Name) {
		lines = append([]string{c.Name}, lines...)
	}
	return strings.Join(lines, ", ")
}

// Authority is the supervisory authority with which a complaint can be lodged
// (Art. 77 GDPR).
type Authority struct{ Name, URL string }

// Line is one kind of data that goes or stays.
type Line struct {
	// What is a data category of fideslang (user.contact.email), told in the
	// reader's language, or the controller's own words, told as they are.
	What string
	Rows int64 // how many records; 0 in a plan in categories
	// Until is the last day on which kept data stay; Basis the ground for it. In a
	// plan in categories the day is not known: it stays For a time, counted From the
	// event of a retention rule, or from the end of that year.
	Until       *time.Time
	For         law.Period
	From        string
	FromYearEnd bool
	Basis       string
}

// Codes of reasons that every language of [Languages] has words for.
const (
	ReasonNotConfirmed     = "not_confirmed"            // no confirmation came in time
	ReasonAddressUnproved  = "address_not_confirmed"    // the address check was not answered in time
	ReasonDetailsMissing   = "details_missing"          // the elements of identification did not come in time
	ReasonWithdrawn        = "withdrawn"                // the data subject took the request back
	ReasonIdentity         = "identity_not_established" // Art. 12(2), 12(6) GDPR
	ReasonUnfounded        = "manifestly_unfounded"     // Art. 12(5) GDPR
	ReasonExcessive        = "excessive"                // Art. 12(5) GDPR
	ReasonLegalObligation  = "legal_obligation"         // Art. 17(3)(b) GDPR
	ReasonLegalClaims      = "legal_claims"             // Art. 17(3)(e) GDPR
	ReasonHandledElsewhere = "handled_elsewhere"        // another open request asks for the same
)
