// Package letters writes the mails of a request: it puts together what a mail
// says (from the policy, the data map and the request), to whom it goes and how
// it can be answered. The words themselves are internal/mailout's.
package letters

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// Writer writes the mails of an installation.
type Writer struct {
	// From is the address that the mails come from and that is watched for
	// replies, with or without a display name.
	From mail.Address
	// Form is where a person can file a request, on the web; below it stands the form
	// of details to which an acknowledgement leads. Empty: mails do not say.
	Form string
}

// Letter is one mail about to be written.
type Letter struct {
	Purpose mailout.Purpose
	To      string
	// Language is what the reader prefers; the policy says which are served.
	Language string
	Facts    mailout.Facts
	// AnswerUntil makes the mail answerable until then, by a token of its own.
	AnswerUntil time.Time
	// Reminds, if not nil, is the mail whose token this one repeats.
	Reminds *mailout.Message
	// Answers, if not empty, is the Message-ID of somebody else's mail that this one
	// answers, without brackets.
	Answers   string
	Recipient int
	Awaited   bool
	At        time.Time
}

const (
	// undeliveredAfter is how long a mail is tried that waits for no answer by a day.
	undeliveredAfter = 5 * 24 * time.Hour
	// heardFor is how long an answer to such a mail is tied to its request.
	heardFor = 180 * 24 * time.Hour
)

// Facts fills in what every mail of a request says.
func Facts(p *policy.Policy, r record.Request) mailout.Facts {
	c, a := p.Controller(), p.ComplaintAuthority()
	return mailout.Facts{
		Controller: mailout.Controller{Name: c.Name, Address: c.Address, Contact: c.Contact, DataProtectionContact: c.DataProtectionContact, Website: c.Website},
		Authority:  mailout.Authority{Name: a.Name, URL: a.URL},
		Reference:  r.Reference, Right: r.Right, ReceivedAt: r.ReceivedAt, DueAt: r.DueAt, TimeZone: p.Timezone(),
		Addressee: r.Intake.Name,
	}
}

// Write writes a letter: its Message-ID, date and tokens are fixed from here on.
func (w *Writer) Write(p *policy.Policy, l Letter) (record.NewMail, error) {
	local, domain, ok := strings.Cut(w.From.Address, "@")
	if !ok {
		return record.NewMail{}, fmt.Errorf("writing a mail: the configured sender is not a mail address")
	}
	language, form := p.Language(l.Language), ""
	facts := w.inLanguage(p, l.Facts, language)
	if l.Purpose == mailout.Details && w.Form != "" {
		form = newToken()
		facts.AnswerURL = strings.TrimSuffix(w.Form, "/") + "/details/" + form
	}
	content, err := mailout.Compose(l.Purpose, language, facts)
	if err != nil {
		return record.NewMail{}, fmt.Errorf("writing a mail: %w", err)
	}
	bounce := kind(reply.BounceToken) + newToken()
	m := record.NewMail{
		Recipient: l.Recipient, Awaited: l.Awaited, BounceToken: bounce, TokenUntil: l.At.Add(heardFor), ExpiresAt: l.At.Add(undeliveredAfter),
		Message: mailout.Message{
			From: w.From.String(), To: l.To, ReplyTo: w.From.Address, EnvelopeFrom: local + "+" + bounce + "@" + domain,
			MessageID: "m." + newToken() + "@" + domain, Subject: content.Subject, Text: content.Text, HTML: content.HTML,
			Language: language, Purpose: l.Purpose, Date: l.At, InReplyTo: l.Answers,
		},
	}
	if form != "" {
		m.FormToken = formKind + form
	}
	if !l.AnswerUntil.IsZero() {
		m.TokenUntil, m.ExpiresAt = l.AnswerUntil, l.AnswerUntil
	}
	if l.Reminds != nil {
		m.Message.ReplyTo, m.Message.InReplyTo = l.Reminds.ReplyTo, l.Reminds.MessageID
		return m, nil
	}
	// Whoever answers any mail of ours is heard: the token ties it to its request.
	// It comes back in In-Reply-To even where plus-addresses are cut off.
	m.Token = kind(reply.ConfirmToken) + newToken()
	m.Message.ReplyTo = local + "+" + m.Token + "@" + domain
	m.Message.MessageID = m.Token + "@" + domain
	return m, nil
}

// inLanguage adds what the policy says in the reader's language.
func (w *Writer) inLanguage(p *policy.Policy, f mailout.Facts, language string) mailout.Facts {
	if f.Right == dsr.Erasure {
		f.Ends = p.EndsWithErasure(language)
	}
	if p.Offers(dsr.Access) {
		f.CopyURL = w.Form
	}
	f.Kept = slices.Clone(f.Kept)
	for i := range f.Kept {
		f.Kept[i].Basis = p.GroundIn(f.Kept[i].Basis, language)
	}
	return f
}

// formKind keeps the tokens of forms apart: no mail can carry one.
const formKind = "f."

func kind(k reply.TokenKind) string { return string(k) + "." }

// newToken makes 128 random bits in lower-case base32: some mail programs change
// the case of addresses.
func newToken() string {
	var b [16]byte
	// crypto/rand.Read never fails since Go 1.24: it ends the program instead.
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
