package dsr

import (
	"time"
)

// Channel is the way by which a request reached the controller.
type Channel string

// The channels through which requests arrive.
const (
	Portal Channel = "portal" // the public form
	API    Channel = "api"    // the controller's own application
	Staff  Channel = "staff"  // entered by the privacy team
	Mail   Channel = "mail"   // a mail to the privacy address
)

// Elements are what a person gives to be identified. Which of them a policy
// asks for is the policy's business. They are personal data: they rest sealed.
type Elements struct {
	AccountName    string `json:"account_name,omitempty"`
	Email          string `json:"email,omitempty"`
	BusinessID     string `json:"business_id,omitempty"`
	MailingAddress string `json:"mailing_address,omitempty"`
}

// Intake is a request as a person filed it. It is personal data: it rests sealed.
type Intake struct {
	Right    Right    `json:"right"`
	Elements Elements `json:"elements"`
	// Name is how the person wishes to be addressed in mails.
	Name string `json:"name,omitempty"`
	// Message is what the person wrote in their own words.
	Message string `json:"message,omitempty"`
	// Language is a BCP 47 tag of the language to answer in.
	Language string `json:"language,omitempty"`
	// IdempotencyKey makes a repeated submission the same request. Optional.
	IdempotencyKey string  `json:"idempotency_key,omitempty"`
	Channel        Channel `json:"channel"`
}

// Receipt is what the person who files a request gets back. It says the same
// whether or not anything is held about them.
type Receipt struct {
	RequestID string `json:"request_id"`
	// Reference is short enough to be read out on the telephone.
	Reference  string    `json:"reference"`
	ReceivedAt time.Time `json:"received_at"`
	// DueAt is the end of the statutory period (Art. 12(3) GDPR).
	DueAt time.Time `json:"due_at"`
}

// Outcome is how a request ended.
type Outcome string

// The outcomes of a request.
const (
	NoOutcome          Outcome = ""
	Erased             Outcome = "erased"               // everything found is gone
	ErasedWithRetained Outcome = "erased_with_retained" // gone, but for what law obliges the controller to keep
	NothingHeld        Outcome = "nothing_held"         // no data about the person was found
	CancelledOutcome   Outcome = "cancelled"
	RefusedOutcome     Outcome = "refused"
	ExpiredOutcome     Outcome = "expired"
	ResolvedByPerson   Outcome = "resolved_by_person" // a person did what was asked outside of Habeas
)

// Summary is a request as a list shows it. It holds no personal data.
type Summary struct {
	ID            string     `json:"id"`
	Reference     string     `json:"reference"`
	Right         Right      `json:"right"`
	State         State      `json:"state"`
	Attention     Attention  `json:"attention,omitempty"`
	Paused        bool       `json:"paused,omitempty"`
	Outcome       Outcome    `json:"outcome,omitempty"`
	Channel       Channel    `json:"channel"`
	PolicyVersion string     `json:"policy_version"`
	ReceivedAt    time.Time  `json:"received_at"`
	DueAt         time.Time  `json:"due_at"`
	EndedAt       *time.Time `json:"ended_at,omitempty"`
}

// Details is one request with all that is known of it. Intake and Decisions
// are personal data, opened only for people who may see them.
type Details struct {
	Summary
	Intake    *Intake        `json:"intake,omitempty"`
	Events    []Event        `json:"events"`
	Stores    []StoreResult  `json:"stores"`
	Decisions []DecisionView `json:"decisions"`
	Replies   []Reply        `json:"replies"`
	// PlanID names the newest plan; an approval must name it.
	PlanID string     `json:"plan_id,omitempty"`
	Plan   []PlanLine `json:"plan,omitempty"`
	// About names what the attention is about; an approval must name the same.
	About string `json:"about,omitempty"`
	// Awaiting lists the decisions that make sense now.
	Awaiting []Action `json:"awaiting"`
}

// ListFilter chooses requests for a list. Zero values do not restrict.
type ListFilter struct {
	State     State
	Attention Attention
	Open      bool // only requests that have not ended, or that a person must look at all the same
	// Before continues a list: only requests received before this one's cursor.
	Before string
	// Limit is the number of requests wanted, 50 if zero, 200 at most.
	Limit int
}

// SummaryPage is one page of a list, newest first.
type SummaryPage struct {
	Requests []Summary `json:"requests"`
	// Next is the cursor for [ListFilter.Before]; empty on the last page.
	Next string `json:"next,omitempty"`
}

// Reply is a mail from the data subject as the privacy team reads it. Text is
// personal data, opened only for people who may see it.
type Reply struct {
	ID         string    `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	SeenAt     time.Time `json:"seen_at"`
	Verdict    string    `json:"verdict"`
	Reasons    []string  `json:"reasons,omitempty"`
	Text       string    `json:"text,omitempty"`
	// Recognised are the rights that the mail invokes, with the words that led to
	// it. Personal data, as Text is.
	Recognised []Recognised `json:"recognised,omitempty"`
}

// Recognised is a right that a mail invokes.
type Recognised struct {
	Right      Right    `json:"right"`
	Confidence float64  `json:"confidence"` // 0 to 1
	Words      []string `json:"words"`
}

// Account is what a data store knows of the person whom a request concerns. It
// is personal data: it rests sealed.
type Account struct {
	// Identities are the values on file by identity key (email, account_name, ...).
	Identities map[string][]string `json:"identities"`
	// Collection is where the account stands ("dataset:collection"), Key its primary key.
	Collection string            `json:"collection"`
	Key        map[string]string `json:"key"`
	// Email is the address on the account: confirmations go there and nowhere else.
	Email       string `json:"email"`
	AccountName string `json:"account_name,omitempty"`
	Name        string `json:"name,omitempty"`
	Language    string `json:"language,omitempty"`
}
