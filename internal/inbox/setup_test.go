package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

const (
	mailbox = "info@soffiah.test"
	subject = "marie@lumiere.test"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// fakeRecords is the database as the inbox sees it.
type fakeRecords struct {
	tokens map[string]record.TokenOwner
	stored []record.Inbound
	// poison is in the text of mails that can't be stored.
	poison string
	// lookups counts the tokens that were looked up.
	lookups int
	cursor  record.Cursor
	err     error
	left    int // mails left in the mailbox because of a limit
}

func (f *fakeRecords) MailboxCursor(context.Context, string, string) (record.Cursor, bool, error) {
	return f.cursor, f.cursor != record.Cursor{}, f.err
}

func (f *fakeRecords) FindTokens(_ context.Context, tokens []string) (map[string]record.TokenOwner, error) {
	owners := map[string]record.TokenOwner{}
	for _, token := range tokens {
		f.lookups++
		if owner, known := f.tokens[token]; known {
			owners[token] = owner
		}
	}
	return owners, f.err
}

func (f *fakeRecords) TokenGuesses(context.Context) (lastHour, fromOneDomain int, err error) {
	for _, m := range f.stored {
		if m.Guess != nil {
			lastHour++
		}
	}
	return lastHour, lastHour, f.err
}

func (f *fakeRecords) StoreInbound(_ context.Context, _, _ string, c record.Cursor, mails []record.Inbound) error {
	if f.poison != "" && slices.ContainsFunc(mails, func(m record.Inbound) bool { return strings.Contains(m.FreshText, f.poison) }) {
		return errors.New("the mail can't be stored")
	}
	f.stored, f.cursor = append(f.stored, mails...), c
	return f.err
}

// samplePolicy is parsed once; a policy cannot be changed.
var samplePolicy = sync.OnceValues(func() (*policy.Policy, error) {
	data, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		return nil, err
	}
	return policy.Parse("policy.yaml", data)
})

// bench is an inbox and the mails that it knows to have been sent.
type bench struct {
	t       *testing.T
	records *fakeRecords
	sink    *sink
	policy  *policy.Policy
	uid     uint32
}

func setup(t *testing.T) *bench {
	t.Helper()
	p, err := samplePolicy()
	if err != nil {
		t.Fatal(err)
	}
	records := &fakeRecords{tokens: map[string]record.TokenOwner{}}
	domains := []string{"soffiah.test"}
	in := &Inbox{
		Records: records, Domains: domains, Safeties: func(string) Safeties { return Safeties{MinimumAge: 5 * time.Second} }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Judge: reply.NewJudge(reply.Config{
			Domains: domains, OwnAddresses: []string{mailbox}, AcceptUnauthenticated: true, Now: func() time.Time { return noon },
		}),
	}
	return &bench{t: t, records: records, sink: &sink{in, "privacy"}, policy: p}
}

// send writes a mail as internal/activities does and makes its tokens known.
func (b *bench) send(purpose mailout.Purpose, language string, change ...func(*letters.Letter)) record.NewMail {
	b.t.Helper()
	r := record.Request{Reference: "H-7K3M-9QXT", Right: dsr.Erasure, ReceivedAt: noon.Add(-2 * time.Hour), DueAt: noon.AddDate(0, 1, 0), Intake: dsr.Intake{Name: "Marie Dubois"}}
	l := letters.Letter{Purpose: purpose, To: subject, Language: language, Facts: letters.Facts(b.policy, r), AnswerUntil: noon.AddDate(0, 0, 21), At: noon.Add(-time.Hour)}
	l.Facts.ExpiresAt, l.Facts.CoolingOffUntil = l.AnswerUntil, l.AnswerUntil
	l.Facts.AccountName, l.Facts.CoolingOffFor = "lumiere", 72*time.Hour
	if purpose == mailout.Confirmation {
		l.Facts.RequestedBy = "Marie Dubois"
		for _, category := range []string{"user.account", "user.contact.email", "user.content", "user.device.cookie"} {
			l.Facts.Erased = append(l.Facts.Erased, mailout.Line{What: category})
		}
		l.Facts.Kept = []mailout.Line{{What: "user.financial", Basis: "legal obligation to keep accounting documents (GDPR Art. 17(3)(b); Code de commerce L123-22)"}}
	}
	for _, c := range change {
		c(&l)
	}
	w := letters.Writer{From: mail.Address{Name: "Soffiah", Address: mailbox}}
	m, err := w.Write(b.policy, l)
	if err != nil {
		b.t.Fatal(err)
	}
	sent := l.At
	owner := record.TokenOwner{RequestID: "the request", MailID: "the mail", State: dsr.AwaitingConfirmation, Purpose: purpose, ExpiresAt: m.TokenUntil, SentAt: &sent, Mail: m.Message}
	for _, token := range []string{m.Token, m.BounceToken} {
		if token != "" {
			b.records.tokens[token] = owner
		}
	}
	return m
}

// change changes what is known about the owner of a token.
func (b *bench) change(token string, f func(*record.TokenOwner)) {
	owner := b.records.tokens[token]
	f(&owner)
	b.records.tokens[token] = owner
}

// letter is a mail that arrives: header fields in order, and a text.
type letter struct {
	fields []string
	text   string
}

func (l letter) with(fields ...string) letter {
	l.fields = append(fields, l.fields...)
	return l
}

// without takes a field away.
func (l letter) without(name string) letter {
	var kept []string
	for _, f := range l.fields {
		if !strings.HasPrefix(f, name+":") {
			kept = append(kept, f)
		}
	}
	l.fields = kept
	return l
}

func (l letter) raw() []byte {
	text := strings.ReplaceAll(strings.ReplaceAll(l.text, "\r\n", "\n"), "\n", "\r\n")
	return []byte(strings.Join(l.fields, "\r\n") + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + "\r\n")
}

// answer is a reply to a mail of ours as an ordinary mail client writes it.
func answer(to record.NewMail, text string) letter {
	return letter{[]string{
		"From: Marie Dubois <" + subject + ">", "To: <" + to.Message.ReplyTo + ">", "Subject: " + mime.QEncoding.Encode("utf-8", "Re: "+to.Message.Subject),
		"Date: Thu, 5 Mar 2026 12:00:00 +0000", "Message-ID: <reply@lumiere.test>",
		"In-Reply-To: <" + to.Message.MessageID + ">", "References: <" + to.Message.MessageID + ">",
	}, text}
}

// arrive hands a mail to the inbox and returns what it records.
func (b *bench) arrive(l letter) record.Inbound {
	b.t.Helper()
	return b.message(mailin.Message{Raw: l.raw()})
}

// store has the inbox take a message in, with the cursor after it.
func (b *bench) store(messages ...mailin.Message) error {
	keep, err := b.sink.Take(b.t.Context(), messages)
	if err != nil {
		return err
	}
	m := messages[len(messages)-1]
	return keep(b.t.Context(), mailin.Cursor{Folder: m.Folder, UIDValidity: m.UIDValidity, LastUID: m.UID})
}

func (b *bench) message(m mailin.Message) record.Inbound {
	b.t.Helper()
	b.uid++
	m.Folder, m.UIDValidity, m.UID, m.InternalDate = "INBOX", 7, b.uid, noon
	if err := b.store(m); err != nil {
		b.t.Fatal(err)
	}
	if got, want := b.records.cursor, (record.Cursor{UIDValidity: 7, LastUID: b.uid}); got != want {
		b.t.Errorf("the cursor is %v, want %v", got, want)
	}
	return b.records.stored[len(b.records.stored)-1]
}

// want compares the verdict on a mail, its request and whether that is told.
func want(t *testing.T, got record.Inbound, verdict reply.Verdict, request string, tell bool) {
	t.Helper()
	if got.Verdict != string(verdict) || got.RequestID != request || got.Tell != tell {
		t.Errorf("judged %s %v for request %q, told %v; want %s for %q, told %v", got.Verdict, got.Reasons, got.RequestID, got.Tell, verdict, request, tell)
	}
}

// quoted is the original below the answer, each line marked.
func quoted(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, "> %s", line)
	}
	return b.String()
}

func (*fakeRecords) MailboxRead(context.Context, string, time.Time) error { return nil }

func (*fakeRecords) UnmarkedMails(context.Context, string, string, uint32) ([]uint32, error) {
	return nil, nil
}

func (*fakeRecords) MailsMarked(context.Context, string, string, uint32, []uint32) error { return nil }

func (f *fakeRecords) KnownMails(_ context.Context, _ string, fingerprints [][]byte) ([]bool, error) {
	known := make([]bool, len(fingerprints))
	for n := range fingerprints {
		known[n] = slices.ContainsFunc(f.stored, func(m record.Inbound) bool { return bytes.Equal(m.Fingerprint, fingerprints[n]) })
	}
	return known, f.err
}

func (f *fakeRecords) CasesLeft(context.Context, time.Time) (int, error) { return f.left, nil }
