package inbox

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

const yes = "YES DELETE"

// TestReplyIsTiedToItsRequest: by the address it was sent to, and by the mail it answers.
func TestReplyIsTiedToItsRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(letter, record.NewMail) letter{
		"as clients send it": func(l letter, _ record.NewMail) letter { return l },
		"delivered to the token": func(l letter, m record.NewMail) letter {
			l.fields = append([]string{"Delivered-To: " + m.Message.ReplyTo}, l.fields...)
			return l
		},
		"address in capitals": func(l letter, m record.NewMail) letter {
			return l.without("To").with("To: " + strings.ToUpper(m.Message.ReplyTo))
		},
		"no In-Reply-To": func(l letter, _ record.NewMail) letter { return l.without("In-Reply-To").without("References") },
		"copy to us only": func(l letter, m record.NewMail) letter {
			return l.without("To").with("To: friend@lumiere.test", "Cc: "+m.Message.ReplyTo)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			m := b.send(mailout.Confirmation, "en")
			got := b.arrive(change(answer(m, yes), m))
			want(t, got, reply.Confirm, "the request", true)
			if got.Purpose != mailout.Confirmation || got.FreshText != yes || len(got.Raw) == 0 || len(got.Fingerprint) == 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestWhatNobodyVouchesFor: without the token in To, only a signature that covers
// In-Reply-To makes it count; a person reads the others.
func TestWhatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(letter, record.NewMail) letter{
		"In-Reply-To only": func(l letter, _ record.NewMail) letter { return l.without("To").with("To: " + mailbox) },
		"References only": func(l letter, _ record.NewMail) letter {
			return l.without("To").without("In-Reply-To").with("To: " + mailbox)
		},
		"Delivered-To only": func(l letter, m record.NewMail) letter {
			l = l.without("To").without("In-Reply-To").without("References").with("To: " + mailbox)
			l.fields = append([]string{"Delivered-To: " + m.Message.ReplyTo}, l.fields...)
			return l
		},
		"from somebody else": func(l letter, _ record.NewMail) letter {
			return l.without("From").with("From: Paul <paul@lumiere.test>")
		},
		"two senders": func(l letter, _ record.NewMail) letter { return l.with("From: Paul <paul@lumiere.test>") },
		"more than a yes": func(l letter, _ record.NewMail) letter {
			l.text = yes + "\nbut keep my invoices"
			return l
		},
		"a token of another request beside it": func(l letter, _ record.NewMail) letter {
			return l.with("Cc: info+c." + strings.Repeat("a", 26) + "@soffiah.test")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			m := b.send(mailout.Confirmation, "en")
			want(t, b.arrive(change(answer(m, yes), m)), reply.Unclear, "the request", true)
		})
	}
}

// TestForgedReply: a mail with a stolen token whose sender is forged is put before a
// person as what it is; a bounce that fails the same check is only a bounce.
func TestForgedReply(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	b.sink.Judge = reply.NewJudge(reply.Config{Domains: []string{"soffiah.test"}, AuthservIDs: []string{"mx.soffiah.test"}, AcceptUnauthenticated: true})
	forged := answer(m, yes).with("Authentication-Results: mx.soffiah.test; dmarc=fail header.from=lumiere.test", "Received: from evil.test by mx.soffiah.test; Thu, 5 Mar 2026 12:00:00 +0000")
	got := b.arrive(forged)
	want(t, got, reply.Unclear, "the request", true)
	if !got.Suspicious {
		t.Errorf("not suspicious: %v", got.Reasons)
	}
	if got := b.arrive(forged.with("Auto-Submitted: auto-replied")); got.Suspicious {
		t.Error("what a machine wrote is suspicious")
	}
	if got := b.arrive(answer(m, yes)); got.Suspicious {
		t.Error("what is genuine is suspicious")
	}
}

// TestTokenInTheBodyOnly: it ties a mail to its request, and never confirms.
func TestTokenInTheBodyOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	l := answer(m, yes+"\n\n> Reply-To: <"+m.Message.ReplyTo+">").without("To").without("In-Reply-To").without("References").with("To: " + mailbox)
	got := b.arrive(l)
	if got.Verdict == string(reply.Confirm) || got.RequestID != "the request" {
		t.Errorf("judged %s %v for %q", got.Verdict, got.Reasons, got.RequestID)
	}
}

func TestMailThatIsNotForUs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	newsletter := letter{[]string{"From: news@shop.test", "To: " + mailbox, "Subject: Offers", "Message-ID: <1@shop.test>"}, "Everything must go."}
	want(t, b.arrive(newsletter), reply.NotForUs, "", false)
	unknown := answer(m, yes)
	for i, f := range unknown.fields {
		unknown.fields[i] = strings.ReplaceAll(f, m.Token[2:], strings.Repeat("a", 26))
	}
	want(t, b.arrive(unknown), reply.Unclear, "", false)
	if g := b.records.stored[len(b.records.stored)-1].Guess; g == nil || *g != "lumiere.test" {
		t.Errorf("a token that does not exist is counted for %v", g)
	}
	elsewhere := answer(m, yes)
	for i, f := range elsewhere.fields {
		elsewhere.fields[i] = strings.ReplaceAll(f, "@soffiah.test", "@evil.test")
	}
	if got := b.arrive(elsewhere); got.RequestID != "" || got.Tell {
		t.Errorf("a token at a domain that is not ours counts: %+v", got)
	}
}

// TestGuessingIsNoticed: whoever tries tokens is noticed after ten from one domain.
func TestGuessingIsNoticed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var said bytes.Buffer
	b.sink.Log = slog.New(slog.NewTextHandler(&said, nil))
	for n := range guessesFromOne {
		if said.Len() > 0 {
			t.Fatalf("alarmed after %d tokens: %s", n, &said)
		}
		token := strings.Repeat("a", 25) + string(rune('a'+n))
		b.arrive(letter{[]string{"From: eve@evil.test", "To: info+c." + token + "@soffiah.test", fmt.Sprintf("Message-ID: <%d@evil.test>", n)}, "Yes"})
	}
	if !strings.Contains(said.String(), "from_one_domain=10") || strings.Contains(said.String(), "evil") {
		t.Errorf("said %q", &said)
	}
}

// TestTokensAreLookedUpWithinLimits: a mail full of tokens makes no more work than
// another.
func TestTokensAreLookedUpWithinLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var body strings.Builder
	for n := range 1000 {
		body.WriteString("<c." + strings.Repeat("a", 24) + string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + "@soffiah.test>\n")
	}
	b.arrive(letter{[]string{"From: eve@evil.test", "To: " + mailbox, "Message-ID: <many@evil.test>"}, body.String()})
	if b.records.lookups == 0 || b.records.lookups > mostTokens {
		t.Errorf("%d tokens of one mail were looked up", b.records.lookups)
	}
}

// TestMachinesDecideNothing: they are recorded and not told, whatever they say.
func TestMachinesDecideNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	for _, field := range []string{
		"Auto-Submitted: auto-replied (vacation)", "Precedence: bulk", "Return-Path: <>", "List-Id: <all.lumiere.test>", "X-Autoreply: yes",
	} {
		got := b.arrive(answer(m, yes).with(field))
		want(t, got, reply.Automatic, "the request", false)
	}
}

func TestBounce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	bounce := letter{[]string{
		"Return-Path: <>", "Delivered-To: " + m.Message.EnvelopeFrom, "From: MAILER-DAEMON@mx.lumiere.test", "To: " + m.Message.EnvelopeFrom,
		"Subject: Undelivered Mail Returned to Sender", "Message-ID: <bounce@mx.lumiere.test>", "Auto-Submitted: auto-replied",
	}, "<marie@lumiere.test>: 550 5.1.1 User unknown\n\nReply-To: <" + m.Message.ReplyTo + ">\nMessage-ID: <" + m.Message.MessageID + ">\n\n" + m.Message.Text + "\nYES DELETE"}
	got := b.arrive(bounce)
	want(t, got, reply.Bounce, "the request", false)
	if got.Purpose != mailout.Confirmation || got.Bounce == nil || got.Bounce.Status != "5.1.1" || got.Bounce.MailID != "the mail" {
		t.Errorf("of a mail for %q: %+v", got.Purpose, got.Bounce)
	}
	late := bounce
	late.text = "<marie@lumiere.test>: 451 4.7.1 Greylisted, will be retried\n\nMessage-ID: <" + m.Message.MessageID + ">\n"
	if got := b.arrive(late); got.Verdict != string(reply.Bounce) || got.Bounce != nil {
		t.Errorf("a delay is judged %s, %+v", got.Verdict, got.Bounce)
	}
	// A person who writes to the bounce address is no bounce, and confirms nothing.
	person := answer(m, yes).without("To").without("In-Reply-To").without("References").with("To: " + m.Message.EnvelopeFrom)
	if got := b.arrive(person); got.Verdict == string(reply.Confirm) || got.RequestID != "the request" {
		t.Errorf("judged %s for %q", got.Verdict, got.RequestID)
	}
}

// TestTokenThatHasEnded: what can no longer be confirmed can still be cancelled,
// and a person hears of both.
func TestTokenThatHasEnded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*record.TokenOwner){
		"the request has ended": func(o *record.TokenOwner) { o.State = dsr.Completed },
		"the token has expired": func(o *record.TokenOwner) { o.ExpiresAt = noon.Add(-time.Minute) },
		"too quick for a person": func(o *record.TokenOwner) {
			sent := noon.Add(-time.Second)
			o.SentAt = &sent
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			m := b.send(mailout.Confirmation, "en")
			b.change(m.Token, change)
			want(t, b.arrive(answer(m, yes)), reply.Unclear, "the request", true)
			want(t, b.arrive(answer(m, "NO")), reply.Cancel, "the request", true)
		})
	}
}

// TestYesToWhatDoesNotAsk: only mails that ask for a yes can be confirmed.
func TestYesToWhatDoesNotAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.CoolingOff, "en")
	want(t, b.arrive(answer(m, yes)), reply.Confirm, "the request", false)
	want(t, b.arrive(answer(m, "CANCEL")), reply.Cancel, "the request", true)
}

// TestReasonsAreCodes: a sender chooses details, so that they are not kept.
func TestReasonsAreCodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	got := b.arrive(answer(m, "I want access to canary").with("X-Canary: canary"))
	for _, reason := range got.Reasons {
		if strings.ContainsAny(reason, " :") {
			t.Errorf("%q is no code", reason)
		}
	}
}

// TestTroubledMail: what could not be read properly is for a person.
func TestTroubledMail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	got := b.message(mailin.Message{Raw: answer(m, yes).raw(), Trouble: mailin.Unreadable})
	want(t, got, reply.Unclear, "the request", true)
	got = b.message(mailin.Message{Raw: answer(m, yes).raw(), Truncated: true})
	want(t, got, reply.Unclear, "the request", true)
	gone, other := b.message(mailin.Message{Trouble: mailin.Removed}), b.message(mailin.Message{Trouble: mailin.Removed})
	want(t, gone, reply.Unclear, "", false)
	if len(gone.Fingerprint) == 0 || bytes.Equal(gone.Fingerprint, other.Fingerprint) {
		t.Error("two mails that were removed pass for one")
	}
}

// TestReceivedAtTheBorder: a reply counts as of when our server had it, however
// late we read it.
func TestReceivedAtTheBorder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	got := b.arrive(answer(m, yes))
	if !got.ReceivedAt.Equal(noon) {
		t.Errorf("received at %v", got.ReceivedAt)
	}
}

// TestFingerprint: the same mail delivered again is the same, and any other is another.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	base := answer(m, yes)
	first := fingerprint(mailin.Message{Raw: base.raw()})
	again := base
	again.fields = append([]string{
		"Return-Path: <marie@lumiere.test>", "Delivered-To: info@soffiah.test",
		"Received: from mx.lumiere.test (mx.lumiere.test [192.0.2.1])\r\n\tby mx.soffiah.test with ESMTP id 2;\r\n Thu, 5 Mar 2026 12:00:01 +0000", "X-Original-To: x@soffiah.test",
	}, again.fields...)
	lower := again
	lower.fields = append([]string{"received: by mx2.soffiah.test"}, lower.fields...)
	for name, l := range map[string]letter{"trace fields": again, "in lower case": lower} {
		if !bytes.Equal(first, fingerprint(mailin.Message{Raw: l.raw(), Folder: "Junk", UID: 9})) {
			t.Errorf("%s make another mail of it", name)
		}
	}
	for name, l := range map[string]letter{
		"another text": answer(m, yes+" "), "another subject": base.without("Subject").with("Subject: No"),
		"a field more": base.with("X-Priority: 1"), "a trace field in the text": answer(m, "Received: "+yes),
	} {
		if bytes.Equal(first, fingerprint(mailin.Message{Raw: l.raw()})) {
			t.Errorf("%s passes for the same mail", name)
		}
	}
	inText := func(text string) []byte {
		return fingerprint(mailin.Message{Raw: bytes.ReplaceAll(answer(m, "Received: "+text).raw(), []byte("\r\n"), []byte("\n"))})
	}
	if bytes.Equal(inText("one"), inText("two")) {
		t.Error("with bare line ends, a text that looks like a trace field does not count")
	}
}

// TestNothingIsLostWhenTheDatabaseIsAway: the watcher must hear of it, and come again.
func TestNothingIsLostWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en", func(l *letters.Letter) { l.Awaited = true })
	b.records.err = dsr.ErrUnavailable
	message := mailin.Message{Folder: "INBOX", UIDValidity: 7, UID: 1, InternalDate: noon, Raw: answer(m, yes).raw()}
	if err := b.store(message); !errors.Is(err, dsr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(b.records.stored) != 0 || b.records.cursor.LastUID != 0 {
		t.Error("the mail counts as read")
	}
	if _, _, err := b.sink.Cursor(t.Context(), "INBOX"); !errors.Is(err, dsr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestMailThatCannotBeStoredIsSetAside: it holds up none of the others, stays on
// record without content, and is told of.
func TestMailThatCannotBeStoredIsSetAside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var said bytes.Buffer
	b.sink.Log = slog.New(slog.NewTextHandler(&said, nil))
	b.records.poison = "poison"
	var messages []mailin.Message
	for n, text := range []string{"first", "poison", "third"} {
		l := letter{[]string{"From: kim@lumiere.test", "To: " + mailbox, fmt.Sprintf("Message-ID: <%d@lumiere.test>", n)}, text}
		messages = append(messages, mailin.Message{Folder: "INBOX", UIDValidity: 7, UID: uint32(n + 1), InternalDate: noon, Raw: l.raw()})
	}
	if err := b.store(messages...); err != nil {
		t.Fatal(err)
	}
	if len(b.records.stored) != 3 || b.records.cursor.LastUID != 3 {
		t.Fatalf("%d mails are on record, read up to %d", len(b.records.stored), b.records.cursor.LastUID)
	}
	if m := b.records.stored[1]; m.UID != 2 || m.FreshText != "" || m.Raw != nil || !slices.Contains(m.Reasons, "not_stored") {
		t.Errorf("set aside as %+v", m)
	}
	if !strings.Contains(said.String(), "uid=2") || strings.Contains(said.String(), "kim") {
		t.Errorf("said %q", &said)
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, known, err := b.sink.Cursor(t.Context(), "INBOX"); known || err != nil {
		t.Errorf("a folder that was never read: %v, %v", known, err)
	}
	b.records.cursor = record.Cursor{UIDValidity: 7, LastUID: 3}
	got, known, err := b.sink.Cursor(t.Context(), "INBOX")
	if want := (mailin.Cursor{Folder: "INBOX", UIDValidity: 7, LastUID: 3}); got != want || !known || err != nil {
		t.Errorf("%+v %v %v", got, known, err)
	}
}

func TestUnknownMailbox(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.sink.Watch(t.Context(), "sales"); err == nil || !strings.Contains(err.Error(), "sales") {
		t.Errorf("got %v", err)
	}
}
