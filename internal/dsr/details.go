package dsr

import "strings"

// Way is how elements of identification reached a request after it was filed.
type Way string

// The ways.
const (
	ByReply  Way = "reply"  // an answer to the mail that asked for them
	ByForm   Way = "form"   // the form to which that mail leads
	ByPerson Way = "person" // entered by the privacy team
)

// ByName returns the elements by the names of [ElementFields].
func (e Elements) ByName() map[string]string {
	return map[string]string{
		"email": e.Email, "account_name": e.AccountName, "business_id": e.BusinessID, "mailing_address": e.MailingAddress,
	}
}

// Set sets the element of a name of [ElementFields]; other names change nothing.
func (e *Elements) Set(name, value string) {
	switch name {
	case "email":
		e.Email = value
	case "account_name":
		e.AccountName = value
	case "business_id":
		e.BusinessID = value
	case "mailing_address":
		e.MailingAddress = value
	}
}

// Supplement adds details to the elements and returns the names of those that
// changed. The mail address stays as it is: answers go there. What was given
// before is replaced only if correct is set.
func (e *Elements) Supplement(details Elements, correct bool) []string {
	var changed []string
	before, given := e.ByName(), details.ByName()
	for _, name := range ElementFields() {
		value := strings.TrimSpace(given[name])
		if name == "email" || value == "" || value == before[name] || before[name] != "" && !correct {
			continue
		}
		e.Set(name, value)
		changed = append(changed, name)
	}
	return changed
}

// Validate returns an [*InvalidInput] that names every wrong element, or nil.
// Those in required must not be blank; one at least must be given.
func (e Elements) Validate(required []string) error {
	var c check
	given, some := e.ByName(), false
	for _, name := range required {
		if strings.TrimSpace(given[name]) == "" {
			c.add(name, ProblemRequired)
		}
	}
	for _, name := range ElementFields() {
		c.text(name, given[name], false)
		some = some || strings.TrimSpace(given[name]) != ""
	}
	if e.Email != "" && !c.has("email") && !validAddress(e.Email) {
		c.add("email", ProblemAddress)
	}
	if !some && len(required) == 0 {
		c.add("account_name", ProblemNoElement)
	}
	return c.err()
}

// Supplementable reports whether details still count in state s with the given
// attention: before anybody has looked for the account, or while a person deals
// with the request by hand.
func (s State) Supplementable(a Attention) bool {
	return s == Received || s == AwaitingDetails || s == AwaitingPerson && (a == ManualRight || a.Triage())
}
