package reply

import (
	"context"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// Verdict is what a mail is taken to say.
type Verdict string

// The verdicts.
const (
	// Confirm: an explicit yes by the person asked, beyond doubt.
	Confirm Verdict = "confirm"
	// Cancel: an explicit no by whoever holds the token and the address.
	Cancel Verdict = "cancel"
	// Pause: a wish to wait, or a "stop" that may mean anything. A person reads it.
	Pause Verdict = "pause"
	// Question: the mail asks something. A person reads it.
	Question Verdict = "question"
	// NewRequest: it invokes a right; see [Judgement.Requests].
	NewRequest Verdict = "new_request"
	// Bounce: a mail of ours was not delivered, or is late; see [Judgement.Bounce].
	Bounce Verdict = "bounce"
	// Automatic: a machine wrote it.
	Automatic Verdict = "automatic"
	// NotForUs: no token of ours and no right invoked.
	NotForUs Verdict = "not_for_us"
	// Unclear: anything else. A person reads it.
	Unclear Verdict = "unclear"
)

// Input is one mail and what is known about it.
type Input struct {
	Raw []byte
	// Truncated says that Raw is only the beginning of the mail.
	Truncated bool
	// ReceivedAt is the server's time of receipt. The time in the border's own
	// Received field takes its place where there is one.
	ReceivedAt time.Time
	// Junk says that the mail was found in a folder of suspected spam. A yes then
	// counts only if the border says that DMARC passed.
	Junk bool
	// Expect is what was asked with the token this mail carries; nil if it
	// carries none that is known.
	Expect *Expectation
	// Assume is for trying out a mail: whatever is not given counts as
	// satisfied and is listed among the reasons.
	Assume bool
}

// Expectation is what we know about a token: the mail it was sent with.
type Expectation struct {
	// Token is the token as [Tokens] returned it and as the store knows it.
	Token string
	// SentTo is the one address to which our mail went.
	SentTo string
	// Language is the BCP 47 tag of the language our mail was written in;
	// empty: English. Answers in it and in English are understood.
	Language string
	// SentSubject and SentText are the subject and the plain text of our mail,
	// of all of them if several bore the token. What a reply repeats of them is
	// a quotation, with quotation marks or without, and what a quotation holds
	// beyond them sends the mail to a person. Without SentText neither can be told.
	SentSubject string
	SentText    string
	SentAt      time.Time
	ExpiresAt   time.Time
	// MinimumAge is how soon after SentAt a reply is too quick for a person; 0: never.
	MinimumAge time.Duration
	// Answered says that the token has been used; nothing more follows from it.
	Answered bool
}

// Layout says where the border puts its Authentication-Results field.
type Layout string

// The layouts of the borders that differ.
const (
	// LayoutStandard: above its own Received field, with its authserv-id.
	LayoutStandard Layout = ""
	// LayoutExchange: Exchange Online writes the topmost one, without an authserv-id.
	LayoutExchange Layout = "exchange-online"
	// LayoutGmail: Google writes it directly below its own Received field.
	LayoutGmail Layout = "gmail"
)

// Config is what the judge needs to know about our side.
type Config struct {
	// Domains are the domains of our own mail addresses: tokens count only
	// there, and a mail from OwnAddresses is never a reply.
	Domains      []string
	OwnAddresses []string
	// AuthservIDs are the identifiers in Authentication-Results that are ours
	// (RFC 8601, section 2.5). Without any, none of those fields is believed.
	AuthservIDs []string
	// BorderHosts are the names by which our receiving servers call themselves
	// in Received fields. Without any, only what stands above the topmost
	// Received field is believed.
	BorderHosts []string
	Layout      Layout
	// AcceptUnauthenticated lets a yes count whose authenticity nobody has
	// vouched for (never one that failed). It must be written in the policy.
	AcceptUnauthenticated bool
	// LookupTXT finds DKIM keys. Nil: signatures are not checked.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
	// Now is the time; nil: time.Now. It bounds the work on one mail.
	Now func() time.Time
}

// Reason is why a mail was judged as it was. It holds no personal data.
type Reason struct {
	Code Code
	// Detail says more for a person, for instance which header field told.
	Detail string
}

// String returns code and detail as one line.
func (r Reason) String() string {
	if r.Detail == "" {
		return string(r.Code)
	}
	return string(r.Code) + ": " + r.Detail
}

// Code names a reason; the codes are stable.
type Code string

// The reasons.
const (
	Assumed           Code = "assumed"            // an input was not given and counts as satisfied
	PlainYes          Code = "plain_yes"          // the whole fresh text is in the table of yes
	PlainNo           Code = "plain_no"           // … of no
	PlainPause        Code = "plain_pause"        // … of wait
	NoToken           Code = "no_token"           // carries no token that is known
	TokenConflict     Code = "token_conflict"     // carries different tokens
	TokenUnprotected  Code = "token_unprotected"  // the token stands where the sender has not vouched for it
	TokenExpired      Code = "token_expired"      // received after the token ran out
	TokenAnswered     Code = "token_answered"     // the token has been used
	WrongSender       Code = "wrong_sender"       // not from the address that was asked
	OddSender         Code = "odd_sender"         // no From, several, a group, a Sender or a quoted local part
	AuthPassed        Code = "auth_passed"        // authenticity is proven
	AuthNone          Code = "auth_none"          // nobody vouches for it
	AuthFailed        Code = "auth_failed"        // it claims to be from somebody it is not from: a security event
	AuthAccepted      Code = "auth_accepted"      // nobody vouches for it, and policy says that this will do
	AutomaticMail     Code = "automatic"          // a machine wrote it; the detail says how that shows
	Undelivered       Code = "undelivered"        // a delivery report
	Reaction          Code = "reaction"           // an emoji reaction (RFC 9078)
	InJunk            Code = "in_junk"            // found among suspected spam, without dmarc=pass
	TooQuick          Code = "too_quick"          // answered faster than a person reads
	Malformed         Code = "malformed"          // cannot be parsed properly
	OverLimit         Code = "over_limit"         // larger or deeper than what is read
	Unreadable        Code = "unreadable"         // encrypted, or in an unknown encoding
	Attachment        Code = "attachment"         // has an attachment
	Forwarded         Code = "forwarded"          // contains or forwards another mail
	Empty             Code = "empty"              // no fresh text
	PartsDisagree     Code = "parts_disagree"     // text and HTML say different things
	TailVeto          Code = "tail_veto"          // what was cut off might change the meaning
	ForeignQuote      Code = "foreign_quote"      // the quotation contains what we did not write
	BelowUnmarked     Code = "below_unmarked"     // stands below an unmarked quotation
	OtherQuestion     Code = "other_question"     // answers a question in our mail that is not the one
	ChangedSubject    Code = "changed_subject"    // the subject was changed and might change the meaning
	NotPlain          Code = "not_plain"          // more, or other, than a plain yes or no
	AsksSomething     Code = "asks_something"     // contains a question
	RecognisedRequest Code = "recognised_request" // invokes a right; the detail names it
	NothingRecognised Code = "nothing_recognised" // no token, no right
)

// BounceKind says what kind of delivery failure a bounce reports.
type BounceKind string

// The kinds of bounce.
const (
	NoBounce  BounceKind = ""
	Permanent BounceKind = "permanent" // will not be delivered; also if the report does not say
	Delay     BounceKind = "delay"     // still being tried
)

// Judgement is the result.
type Judgement struct {
	Verdict Verdict
	// Automatic is true for everything written by a machine, bounces included.
	// Nothing automatic is ever answered.
	Automatic bool
	Reasons   []Reason
	Auth      Auth
	Bounce    BounceKind
	// BounceStatus is the enhanced status code of a bounce, such as 5.1.1 (RFC 3463).
	BounceStatus string
	// ReceivedAt is when our border received the mail.
	ReceivedAt time.Time
	// Language is that of the table that recognised the text; empty if none did.
	Language string
	// Requests are the rights that the text invokes, the most certain first.
	Requests []Finding

	// Late says that the mail would have confirmed, had it come before its token ran
	// out or was used: nothing else stands against it.
	Late bool
	// MessageID is the Message-ID field as it stands. Personal data.
	MessageID string
	// From is the sender's address as the header states it. Personal data.
	From string
	// Subject is the decoded subject. Personal data.
	Subject string
	// FreshText is what the person wrote, without quotations and signature.
	// Personal data.
	FreshText string
}

// Has reports whether code is among the reasons.
func (j Judgement) Has(code Code) bool {
	for _, r := range j.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// ReasonLines returns the reasons as lines of text.
func (j Judgement) ReasonLines() []string {
	lines := make([]string, len(j.Reasons))
	for i, r := range j.Reasons {
		lines[i] = r.String()
	}
	return lines
}

// Auth is what is known about the authenticity of a mail. Results are the
// words of RFC 8601; "none" where nothing trustworthy is said.
type Auth struct {
	SPF   string `json:"spf"`
	DKIM  string `json:"dkim"`
	DMARC string `json:"dmarc"`
	// Aligned: DMARC passed for the domain in From, or a signature of its
	// organisational domain was verified by ourselves.
	Aligned bool `json:"aligned"`

	// broken: a field of our border cannot be understood.
	broken bool
	// envelope: SPF passed for the organisation of the domain in From, so the
	// mail came from its servers and is no copy of an old one.
	envelope bool
	// own lists the header fields, lower-case, that an aligned signature
	// verified by ourselves covers; nil if there is none.
	own map[string]bool
}

// Finding is a right that a text invokes.
type Finding struct {
	Right      dsr.Right
	Language   string
	Confidence float64 // 0 to 1
	// Words are the words of the text that led to it. Personal data.
	Words []string
}

// Judge judges mails. It is safe for concurrent use.
type Judge struct {
	cfg      Config
	domains  map[string]bool
	own      map[string]bool
	authserv map[string]bool
	border   map[string]bool
}

// NewJudge returns a judge.
func NewJudge(cfg Config) *Judge {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	j := &Judge{cfg: cfg, domains: set(cfg.Domains), own: map[string]bool{}, authserv: set(cfg.AuthservIDs), border: set(cfg.BorderHosts)}
	for _, a := range cfg.OwnAddresses {
		j.own[canonicalAddress(a)] = true
	}
	return j
}

func set(words []string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, w := range words {
		s[strings.ToLower(strings.TrimSpace(w))] = true
	}
	return s
}
