package dsr

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file holds what is accepted from outside: the fields of an intake and of
// a decision, how long they may be, and what may stand in them. The rules are:
// nothing that could end a header of a mail, nothing that a reader cannot see,
// and no form of a mail address that only software would write.

// What can be wrong with a field. The words are stable, so that a page can say
// the same in the language of its reader.
const (
	ProblemRequired    = "is required"
	ProblemTooLong     = "is too long" // followed by the number of characters allowed
	ProblemText        = "contains characters that are not allowed"
	ProblemAddress     = "is not a mail address of the form name@example.org"
	ProblemLanguage    = "is not a language tag such as en or pt-BR"
	ProblemRight       = "is not a right that is offered here"
	ProblemChannel     = "is not a known channel"
	ProblemAction      = "is not a known action"
	ProblemNoElement   = "is required, or another element that identifies you"
	ProblemNeedsReason = "is required for this decision"
)

// maxLength bounds every text, in characters.
func maxLength() map[string]int {
	return map[string]int{
		"account_name": 200, "email": 254, "business_id": 64, "mailing_address": 500,
		"name": 200, "message": 5000, "language": 35, "idempotency_key": 128,
		"id": 128, "about": 128, "store": 128, "reason": 2000,
	}
}

// MaxLength returns how many characters the field of an [Intake] or a
// [Decision] may have, and 0 for a field that does not exist.
func MaxLength(field string) int { return maxLength()[field] }

// ElementFields returns the names of the fields that identify a person, in the
// order in which a form asks for them. A policy requires some of them.
func ElementFields() []string {
	return []string{"email", "account_name", "business_id", "mailing_address"}
}

// RequirableFields returns the names that the argument required of
// [Intake.Validate] may contain.
func RequirableFields() []string { return append(ElementFields(), "name", "message") }

// Validate returns an [*InvalidInput] that names every wrong field, or nil.
// Fields in required must not be blank; rights are those that the policy
// offers. A request without any element of identification is refused whatever
// the policy says, because nobody could be found and nobody answered.
func (i Intake) Validate(required []string, rights []Right) error {
	var c check
	if !i.Right.Valid() || !slices.Contains(rights, i.Right) {
		c.add("right", ProblemRight)
	}
	texts := i.texts()
	for _, name := range required {
		if strings.TrimSpace(texts[name]) == "" {
			c.add(name, ProblemRequired)
		}
	}
	identified := slices.ContainsFunc(ElementFields(), func(f string) bool { return strings.TrimSpace(texts[f]) != "" })
	if !identified && !slices.ContainsFunc(ElementFields(), func(f string) bool { return slices.Contains(required, f) }) {
		c.add("email", ProblemNoElement)
	}
	for _, name := range append(RequirableFields(), "language", "idempotency_key") {
		c.text(name, texts[name], name == "message")
	}
	if e := texts["email"]; e != "" && !c.has("email") && !validAddress(e) {
		c.add("email", ProblemAddress)
	}
	if l := texts["language"]; l != "" && !c.has("language") && !validLanguage(l) {
		c.add("language", ProblemLanguage)
	}
	if !slices.Contains([]Channel{Portal, API, Staff, Mail}, i.Channel) {
		c.add("channel", ProblemChannel)
	}
	return c.err()
}

// Missing returns those of the required fields that are blank, in their order.
func (i Intake) Missing(required []string) []string {
	var missing []string
	for texts := i.texts(); len(required) > 0; required = required[1:] {
		if strings.TrimSpace(texts[required[0]]) == "" {
			missing = append(missing, required[0])
		}
	}
	return missing
}

// texts returns the fields of i that people write, by their names.
func (i Intake) texts() map[string]string {
	return map[string]string{
		"account_name": i.Elements.AccountName, "email": i.Elements.Email,
		"business_id": i.Elements.BusinessID, "mailing_address": i.Elements.MailingAddress,
		"name": i.Name, "message": i.Message, "language": i.Language, "idempotency_key": i.IdempotencyKey,
	}
}

// Validate returns an [*InvalidInput] that names every wrong field, or nil.
// Whether the request can take the decision now is not judged here.
func (d Decision) Validate() error {
	var c check
	if !d.Action.Valid() {
		c.add("action", ProblemAction)
	}
	if d.Action.NeedsReason() && strings.TrimSpace(d.Reason) == "" {
		c.add("reason", ProblemNeedsReason)
	}
	c.text("id", d.ID, false)
	c.text("about", d.About, false)
	c.text("store", d.Store, false)
	c.text("reason", d.Reason, true)
	return c.err()
}

// check collects what is wrong, at most one problem for each field.
type check struct{ fields []FieldError }

func (c *check) add(field, problem string) {
	if !c.has(field) {
		c.fields = append(c.fields, FieldError{Field: field, Problem: problem})
	}
}

func (c *check) has(field string) bool {
	return slices.ContainsFunc(c.fields, func(f FieldError) bool { return f.Field == field })
}

// text checks length and characters; lines says whether line ends are allowed.
func (c *check) text(field, s string, lines bool) {
	limit := MaxLength(field)
	if len(s) > limit*utf8.UTFMax || utf8.RuneCountInString(s) > limit {
		c.add(field, fmt.Sprintf("%s: at most %d characters", ProblemTooLong, limit))
		return
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !allowed(r, lines) }) {
		c.add(field, ProblemText)
	}
}

func (c *check) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return &InvalidInput{Fields: c.fields}
}

// allowed refuses control characters, line and paragraph separators, and the
// bidirectional embeddings, overrides and isolates of UAX #9, with which a text
// can be made to read differently from what it says. The joiners and marks that
// ordinary Persian, Hindi or Hebrew needs stay allowed.
func allowed(r rune, lines bool) bool {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return lines
	case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Co, r):
		return false
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF, r == utf8.RuneError:
		return false
	}
	return true
}

// Clean returns a text as the field of that name may hold it: without characters
// that are not allowed, and cut to its length. It is for what was not written into
// a form, so that nobody can be asked to write it again.
func Clean(field, s string) string {
	lines := field == "message"
	s = strings.Map(func(r rune) rune {
		switch {
		case allowed(r, lines):
			return r
		case r == '\n', r == '\r', r == '\t':
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(s)
	n := 0
	for i := range s {
		if n++; n > MaxLength(field) {
			return strings.TrimSpace(s[:i])
		}
	}
	return s
}

// atext are the characters of an atom besides letters and digits (RFC 5322,
// section 3.2.3).
const atext = "!#$%&'*+-/=?^_`{|}~"

// validAddress accepts the dot-atom form of an addr-spec (RFC 5322, section
// 3.4.1) with a host name of at least two labels, within the lengths of RFC
// 5321, section 4.5.3.1. Quoted local parts, domain literals, comments, display
// names and addresses beyond ASCII are refused: no form needs the first four,
// and mail cannot be promised to reach the last.
func validAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	for atom := range strings.SplitSeq(s[:at], ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool {
			return !alphanumeric(r) && !strings.ContainsRune(atext, r)
		}) {
			return false
		}
	}
	labels := strings.Split(s[at+1:], ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !alphanumeric(r) && r != '-' }) {
			return false
		}
	}
	top := labels[len(labels)-1]
	return len(labels) > 1 && strings.ContainsFunc(top, func(r rune) bool { return r < '0' || r > '9' })
}

// validLanguage accepts the shape of a BCP 47 tag (RFC 5646, section 2.1)
// without looking its parts up.
func validLanguage(s string) bool {
	for n, part := range strings.Split(s, "-") {
		if part == "" || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool { return !alphanumeric(r) }) {
			return false
		}
		if n == 0 && (len(part) < 2 || len(part) > 3 || strings.ContainsAny(part, "0123456789")) {
			return false
		}
	}
	return true
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
