package letters_test

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

const mailbox = "info@soffiah.test"

var writer = &letters.Writer{From: mail.Address{Name: "Soffiah", Address: mailbox}}

func samplePolicy(t testing.TB) *policy.Policy {
	t.Helper()
	data, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("policy.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, l letters.Letter, portal ...string) record.NewMail {
	t.Helper()
	p := samplePolicy(t)
	r := record.Request{Reference: "H-7K3M-9QXT", Right: dsr.Erasure, ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0), Intake: dsr.Intake{Name: "Marie"}}
	l.Facts, l.At = letters.Facts(p, r), noon
	if l.To == "" {
		l.To = "marie@lumiere.test"
	}
	w := *writer
	w.Form = strings.Join(portal, "")
	m, err := w.Write(p, l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// token is a token as replies carry it: RFC 4648 section 6 in lower case, without padding.
const token = `[a-z2-7]{26}`

func matches(t *testing.T, what, pattern, got string) {
	t.Helper()
	if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(got) {
		t.Errorf("%s is %q, want %s", what, got, pattern)
	}
}

// TestAnswerableMail: the token stands in Reply-To and, for hosts that cut off
// plus-addresses, in the Message-ID; bounces come back to a token of another kind.
func TestAnswerableMail(t *testing.T) {
	t.Parallel()
	until := noon.AddDate(0, 0, 21)
	for _, purpose := range []mailout.Purpose{mailout.Confirmation, mailout.AddressCheck, mailout.CoolingOff} {
		m := write(t, letters.Letter{Purpose: purpose, AnswerUntil: until, Recipient: 2, Awaited: true})
		matches(t, "token", `c\.`+token, m.Token)
		matches(t, "bounce token", `b\.`+token, m.BounceToken)
		if m.Token[2:] == m.BounceToken[2:] {
			t.Error("the bounce address, which every server on the way sees, gives the answer token away")
		}
		want := mailout.Message{
			From: `"Soffiah" <info@soffiah.test>`, To: "marie@lumiere.test", ReplyTo: "info+" + m.Token + "@soffiah.test",
			EnvelopeFrom: "info+" + m.BounceToken + "@soffiah.test", MessageID: m.Token + "@soffiah.test", Language: "en", Purpose: purpose, Date: noon,
		}
		got := m.Message
		got.Subject, got.Text, got.HTML = "", "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", purpose, diff)
		}
		if !m.TokenUntil.Equal(until) || !m.ExpiresAt.Equal(until) || m.Recipient != 2 || !m.Awaited {
			t.Errorf("%s: %v %v %d %v", purpose, m.TokenUntil, m.ExpiresAt, m.Recipient, m.Awaited)
		}
		if err := m.Message.Validate(); err != nil {
			t.Errorf("%s cannot be sent: %v", purpose, err)
		}
		for _, address := range []string{m.Message.ReplyTo, m.Message.EnvelopeFrom} {
			if local, _, _ := strings.Cut(address, "@"); len(local) > 64 {
				t.Errorf("the local part of %s is longer than RFC 5321 section 4.5.3.1.1 allows", address)
			}
		}
	}
}

// TestTokensAreRead: what we write is what internal/reply reads.
func TestTokensAreRead(t *testing.T) {
	t.Parallel()
	m := write(t, letters.Letter{Purpose: mailout.Confirmation, AnswerUntil: noon.AddDate(0, 0, 21)})
	raw := "To: " + strings.ToUpper(m.Message.ReplyTo) + "\r\nIn-Reply-To: <" + m.Message.MessageID + ">\r\nDelivered-To: " + m.Message.EnvelopeFrom + "\r\n\r\n\r\n"
	want := []reply.TokenCandidate{
		{Kind: reply.BounceToken, Token: m.BounceToken[2:], Source: reply.FromDelivery},
		{Kind: reply.ConfirmToken, Token: m.Token[2:], Source: reply.FromTo},
		{Kind: reply.ConfirmToken, Token: m.Token[2:], Source: reply.FromInReplyTo},
	}
	if diff := cmp.Diff(want, reply.Tokens([]byte(raw), "soffiah.test")[:3]); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

// TestMailThatAsksNothing: whoever answers it is heard all the same, for longer than
// the mail is tried.
func TestMailThatAsksNothing(t *testing.T) {
	t.Parallel()
	m := write(t, letters.Letter{Purpose: mailout.Acknowledgement})
	matches(t, "Reply-To", `info\+c\.`+token+`@soffiah\.test`, m.Message.ReplyTo)
	matches(t, "envelope sender", `info\+b\.`+token+`@soffiah\.test`, m.Message.EnvelopeFrom)
	if !m.ExpiresAt.Equal(noon.AddDate(0, 0, 5)) || !m.TokenUntil.Equal(noon.AddDate(0, 0, 180)) {
		t.Errorf("tried until %v, heard until %v", m.ExpiresAt, m.TokenUntil)
	}
}

// TestReminderRepeatsTheToken: one token per request, whichever mail is answered.
func TestReminderRepeatsTheToken(t *testing.T) {
	t.Parallel()
	until := noon.AddDate(0, 0, 21)
	first := write(t, letters.Letter{Purpose: mailout.Confirmation, AnswerUntil: until})
	again := write(t, letters.Letter{Purpose: mailout.Reminder, AnswerUntil: until, Reminds: &first.Message})
	if again.Message.ReplyTo != first.Message.ReplyTo || again.Token != "" {
		t.Errorf("Reply-To %s and token %q, want those of %s", again.Message.ReplyTo, again.Token, first.Message.ReplyTo)
	}
	if again.Message.InReplyTo != first.Message.MessageID || again.Message.MessageID == first.Message.MessageID {
		t.Errorf("Message-ID %s answers %s", again.Message.MessageID, again.Message.InReplyTo)
	}
	if again.BounceToken == first.BounceToken || !again.TokenUntil.Equal(until) || !again.ExpiresAt.Equal(until) {
		t.Errorf("bounce token %s, until %v", again.BounceToken, again.ExpiresAt)
	}
	if err := again.Message.Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryTokenIsNew(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		m := write(t, letters.Letter{Purpose: mailout.Confirmation, AnswerUntil: noon.AddDate(0, 0, 1)})
		for _, token := range []string{m.Token[2:], m.BounceToken[2:]} {
			if seen[token] {
				t.Fatal("a token came twice")
			}
			seen[token] = true
		}
	}
}

func TestLanguageOfMails(t *testing.T) {
	t.Parallel()
	for preferred, want := range map[string]string{"": "en", "fr": "fr", "de-AT": "de", "ES": "es", "ja": "en", "pt-BR": "en"} {
		if got := write(t, letters.Letter{Purpose: mailout.Confirmation, Language: preferred, AnswerUntil: noon.AddDate(0, 0, 1)}).Message.Language; got != want {
			t.Errorf("a reader of %q is written to in %q, want %q", preferred, got, want)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	p := samplePolicy(t)
	f := letters.Facts(p, record.Request{Reference: "H-7K3M-9QXT", Right: dsr.Access, ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0), Intake: dsr.Intake{Name: "Marie"}})
	if f.Controller.Name != "Soffiah" || f.Authority.URL == "" || f.TimeZone.String() != "Europe/Paris" || f.Right != dsr.Access ||
		f.Reference != "H-7K3M-9QXT" || f.Addressee != "Marie" || !f.ReceivedAt.Equal(noon) || !f.DueAt.Equal(noon.AddDate(0, 1, 0)) {
		t.Errorf("%+v", f)
	}
}

func TestLettersThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := samplePolicy(t)
	bad := &letters.Writer{From: mail.Address{Address: "nobody"}}
	if _, err := bad.Write(p, letters.Letter{Purpose: mailout.Acknowledgement, At: noon}); err == nil {
		t.Error("a sender without a domain is accepted")
	}
	if _, err := writer.Write(p, letters.Letter{Purpose: "poem", At: noon}); err == nil {
		t.Error("an unknown purpose is accepted")
	}
}

// TestWordsOfThePolicy: what ends, why data stays and where to get a copy is told
// in the reader's language, and what ends only where something is erased.
func TestWordsOfThePolicy(t *testing.T) {
	t.Parallel()
	p := samplePolicy(t)
	rule, err := p.RetentionRule("invoices")
	if err != nil {
		t.Fatal(err)
	}
	for right, said := range map[dsr.Right]bool{dsr.Erasure: true, dsr.Access: false} {
		r := record.Request{Reference: "H-7K3M-9QXT", Right: right, ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)}
		facts := letters.Facts(p, r)
		facts.Kept = []mailout.Line{{What: "user.payment", Basis: rule.Ground(), For: rule.Period, From: rule.From, FromYearEnd: rule.FromYearEnd}}
		w := letters.Writer{From: writer.From, Form: "https://privacy.soffiah.test/"}
		m, err := w.Write(p, letters.Letter{Purpose: mailout.Confirmation, To: "marie@lumiere.test", Language: "fr", Facts: facts, At: noon})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(m.Message.Text), " ")
		for _, words := range []string{
			"* Votre abonnement à Soffiah", "* L’accès des collègues", "https://privacy.soffiah.test/",
			"Données de paiement, pendant 10 ans à compter de la fin de l’année de l’émission de la facture : obligation légale de conserver",
		} {
			if strings.Contains(text, words) != said {
				t.Errorf("the mail about %s says %q: %v", right, words, !said)
			}
		}
		if facts.Kept[0].Basis != rule.Ground() {
			t.Error("the caller's facts were changed")
		}
	}
}

// TestForm: the mail that asks for details leads to a form by a token of its own,
// which no mail can carry, and names the mail that it answers.
func TestForm(t *testing.T) {
	t.Parallel()
	l := letters.Letter{Purpose: mailout.Details, AnswerUntil: noon.AddDate(0, 0, 21), Answers: "ask@lumiere.test"}
	if m := write(t, l); m.FormToken != "" || strings.Contains(m.Message.Text, "/details/") || m.Message.InReplyTo != "ask@lumiere.test" {
		t.Errorf("without a portal: %q %q", m.FormToken, m.Message.InReplyTo)
	}
	m := write(t, l, "https://privacy.soffiah.test")
	matches(t, "form token", `f\.`+token, m.FormToken)
	if form := m.FormToken[2:]; !strings.Contains(m.Message.Text, "https://privacy.soffiah.test/details/"+form) || form == m.Token[2:] || form == m.BounceToken[2:] {
		t.Errorf("the form is not named, or by another token:\n%s", m.Message.Text)
	}
	if m := write(t, letters.Letter{Purpose: mailout.Acknowledgement}, "https://privacy.soffiah.test"); m.FormToken != "" {
		t.Error("a mail that asks for nothing leads to a form")
	}
}
