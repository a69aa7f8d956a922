package mailout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// Message is one mail ready to be sent. It rests sealed in the outbox and is the
// same at every attempt.
type Message struct {
	From         string    `json:"from"`                  // one mailbox, with or without a display name
	To           string    `json:"to"`                    // one bare address
	ReplyTo      string    `json:"reply_to,omitempty"`    // one bare address, which carries the token
	EnvelopeFrom string    `json:"envelope_from"`         // one bare address, to which bounces come back (VERP)
	MessageID    string    `json:"message_id"`            // without angle brackets
	InReplyTo    string    `json:"in_reply_to,omitempty"` // the Message-ID that this mail answers, without angle brackets
	Subject      string    `json:"subject"`
	Text         string    `json:"text"`
	HTML         string    `json:"html,omitempty"`
	Language     string    `json:"language"`
	Purpose      Purpose   `json:"purpose"`
	Date         time.Time `json:"date"`
}

// CleanMessageID returns the id in a Message-ID field that somebody else wrote,
// without brackets, if a mail of ours can name it (RFC 5322, section 3.6.4), and
// nothing otherwise.
func CleanMessageID(field string) string {
	id := strings.TrimSpace(field)
	if len(id) < 2 || id[0] != '<' || id[len(id)-1] != '>' || !messageID.MatchString(id[1:len(id)-1]) {
		return ""
	}
	return id[1 : len(id)-1]
}

// ErrInvalidMessage: a message holds a value that must not stand in a mail. It
// wraps what is wrong, never the value.
var ErrInvalidMessage = errors.New("the message cannot be made a mail")

// Longest parts of a message that are sent.
const (
	maxSubject = 250     // characters
	maxBody    = 1 << 20 // bytes of text and of HTML
)

var (
	messageID   = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,128}@[A-Za-z0-9.-]{1,253}$`)
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
	// instance is also used for X-Habeas-Instance.
	instance = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Validate returns an error that wraps [ErrInvalidMessage] if a value of m must
// not reach a mail: an address that is not exactly one plain address, or a
// header value with a line break or another control character.
func (m Message) Validate() error {
	invalid := func(what string, err error) error { return fmt.Errorf("%w: %s %w", ErrInvalidMessage, what, err) }
	if _, err := mailbox(m.From); err != nil {
		return invalid("the sender", err)
	}
	for _, a := range []struct{ what, address string }{
		{"the recipient", m.To}, {"the reply address", m.ReplyTo}, {"the envelope sender", m.EnvelopeFrom},
	} {
		if a.address == "" && a.what == "the reply address" {
			continue
		}
		if err := CheckAddress(a.address); err != nil {
			return invalid(a.what, err)
		}
	}
	switch {
	case !messageID.MatchString(m.MessageID), m.InReplyTo != "" && !messageID.MatchString(m.InReplyTo):
		return invalid("a Message-ID", errors.New("is not of the form id@domain"))
	case m.Language != "" && !languageTag.MatchString(m.Language):
		return invalid("the language", errors.New("is not a BCP 47 tag"))
	case !slices.Contains(Purposes(), m.Purpose):
		return invalid("the purpose", errors.New("is unknown"))
	case m.Date.IsZero():
		return invalid("the date", errors.New("is missing"))
	case !plainLine(m.Subject) || utf8.RuneCountInString(m.Subject) > maxSubject:
		return invalid("the subject", errors.New("has control characters or is too long"))
	case len(m.Text) > maxBody || len(m.HTML) > maxBody:
		return invalid("the body", errors.New("is too long"))
	case !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML):
		return invalid("the body", errors.New("is not UTF-8"))
	}
	return nil
}

// plainLine reports whether s can stand in a header: valid UTF-8 in one line
// without control characters.
func plainLine(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}) < 0
}

// mailbox parses a From value: a display name, if any, and one address.
func mailbox(s string) (*mail.Address, error) {
	if !plainLine(s) {
		return nil, errors.New("has control characters")
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		// The error of net/mail repeats the address.
		return nil, errors.New("is not one mailbox")
	}
	if !plainLine(a.Name) {
		return nil, errors.New("has control characters")
	}
	return a, CheckAddress(a.Address)
}

// bytes writes the mail, signed with every key. The same message and keys always
// give the same bytes: boundary and signature time are derived from the message.
func (m Message) bytes(instance string, keys []DKIMKey) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	msg, err := m.build(instance)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidMessage, errors.New("the mail library refused an address"))
	}
	var unsigned bytes.Buffer
	if _, err := msg.WriteTo(&unsigned); err != nil {
		return nil, fmt.Errorf("writing a mail: %w", err)
	}
	var out bytes.Buffer
	for _, key := range keys {
		msg.SetDKIM(key.signer(m.Date))
		var signed bytes.Buffer
		if _, err := msg.WriteTo(&signed); err != nil {
			return nil, fmt.Errorf("signing a mail for %s: %w", key.Domain, err)
		}
		// The signature stands before the mail, which is otherwise the same.
		out.Write(signed.Bytes()[:signed.Len()-unsigned.Len()])
	}
	out.Write(unsigned.Bytes())
	return out.Bytes(), nil
}

func (m Message) build(instance string) (*gomail.Msg, error) {
	boundary := sha256.Sum256([]byte(m.MessageID))
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP),
		gomail.WithBoundary("habeas-"+hex.EncodeToString(boundary[:16])))
	err := errors.Join(msg.From(m.From), msg.To(m.To))
	if m.ReplyTo != "" {
		err = errors.Join(err, msg.ReplyTo(m.ReplyTo))
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.MessageID)
	msg.SetDateWithValue(m.Date)
	if m.InReplyTo != "" {
		msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+m.InReplyTo+">")
		msg.SetGenHeader(gomail.HeaderReferences, "<"+m.InReplyTo+">")
	}
	if m.Language != "" {
		msg.SetGenHeader(gomail.HeaderContentLang, m.Language)
	}
	// RFC 3834, section 5: what answers a mail is auto-replied, all else of ours
	// auto-generated. Both keep vacation programs from answering.
	kind := "auto-generated"
	if m.Purpose == Acknowledgement || m.Purpose == Details {
		kind = "auto-replied"
	}
	msg.SetGenHeader("Auto-Submitted", kind)
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	msg.SetGenHeader("X-Habeas-Purpose", string(m.Purpose))
	if instance != "" {
		msg.SetGenHeader("X-Habeas-Instance", instance)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, err
}
