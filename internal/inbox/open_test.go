package inbox

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// opening is an inbox that opens requests.
func opening(t *testing.T) *bench {
	t.Helper()
	b := setup(t)
	set, err := policy.NewSet(b.policy)
	if err != nil {
		t.Fatal(err)
	}
	b.sink.Cases = &Cases{
		Policies: set, Own: []string{mailbox}, Now: func() time.Time { return noon },
		Letters: &letters.Writer{From: mail.Address{Name: "Soffiah", Address: mailbox}, Form: "https://privacy.soffiah.test"},
	}
	return b
}

// asks is a mail by which somebody asks for something.
func asks(text string, fields ...string) letter {
	return letter{append([]string{
		"From: Marie Dubois <" + subject + ">", "To: " + mailbox, "Subject: My account", "Date: Thu, 5 Mar 2026 12:00:00 +0000", "Message-ID: <ask@lumiere.test>",
	}, fields...), text}
}

const pleaseDelete = "Hello,\n\nplease delete my account and all my data.\n\nMarie Dubois"

func TestMailOpensACase(t *testing.T) {
	t.Parallel()
	b := opening(t)
	got := b.arrive(asks(pleaseDelete))
	want(t, got, reply.NewRequest, "", false)
	if got.Case == nil {
		t.Fatal("no request is opened")
	}
	r := got.Case.Request
	intake := dsr.Intake{
		Right: dsr.Erasure, Channel: dsr.Mail, Name: "Marie Dubois", Message: got.FreshText, Language: "en", Elements: dsr.Elements{Email: subject},
	}
	if diff := cmp.Diff(intake, r.Intake); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.Contains(got.FreshText, "delete my account") || r.PolicyVersion != "2026-01-15" || !r.ReceivedAt.Equal(noon) || !r.DueAt.Equal(b.policy.LegalDue(noon, false, 0)) || r.Attention != "" {
		t.Errorf("%+v", r)
	}
	if got.Case.Recognised[0].Right != dsr.Erasure || len(got.Case.Recognised[0].Words) == 0 {
		t.Errorf("recognised %+v", got.Case.Recognised)
	}
	for _, fact := range r.Facts {
		if strings.Contains(fmt.Sprint(fact), "account") {
			t.Errorf("an event tells %v", fact)
		}
	}
	m := r.Mail
	if m == nil || m.Message.Purpose != mailout.Details || m.Message.To != subject || m.Message.InReplyTo != "ask@lumiere.test" || m.Token == "" || m.FormToken == "" || r.ConfirmUntil == nil {
		t.Fatalf("acknowledgement %+v", m)
	}
	if err := m.Message.Validate(); err != nil {
		t.Error(err)
	}
	text := m.Message.Text
	for _, part := range []string{"Account name: ____", "https://privacy.soffiah.test/details/" + m.FormToken[2:], r.Reference, "CANCEL"} {
		if !strings.Contains(text, part) {
			t.Errorf("the acknowledgement does not say %q", part)
		}
	}
	// It repeats nothing of the mail and of whoever is named in it.
	for _, word := range []string{"Marie", "Dubois", "my account", "all my data"} {
		if strings.Contains(m.Message.Subject+text+m.Message.HTML, word) {
			t.Errorf("the acknowledgement repeats %q", word)
		}
	}
}

// TestLanguageOfTheAcknowledgement: that of the words, where the policy writes it.
func TestLanguageOfTheAcknowledgement(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"Veuillez supprimer mon compte.":                     {"fr", "Nom du compte\u00a0: ____"},
		"Bitte löschen Sie mein Konto.":                      {"de", "Kontoname: ____"},
		"Quiero que eliminen mi cuenta.":                     {"es", "Nombre de la cuenta: ____"},
		"Per favore cancellate il mio account.":              {"en", "Account name: ____"},
		"I invoke Article 17 GDPR.":                          {"en", "Account name: ____"},
		"Please erase my personal data under the GDPR rules": {"en", "Account name: ____"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got := opening(t).arrive(asks(text).without("Subject"))
			if got.Case == nil {
				t.Fatalf("not opened: %s %v", got.Verdict, got.Reasons)
			}
			if m := got.Case.Request.Mail.Message; m.Language != want[0] || !strings.Contains(m.Text, want[1]) {
				t.Errorf("%s\n%s", m.Language, m.Text)
			}
		})
	}
}

// TestCompleteMailIsAskedForNothing: what the policy requires may stand in the mail.
func TestCompleteMailIsAskedForNothing(t *testing.T) {
	t.Parallel()
	got := opening(t).arrive(asks("Please delete my account.\nAccount name: lumiere"))
	r := got.Case.Request
	if r.Intake.Elements.AccountName != "lumiere" || r.Mail.Message.Purpose != mailout.Acknowledgement || r.ConfirmUntil != nil || r.Mail.FormToken != "" {
		t.Errorf("%+v, mail %s", r.Intake.Elements, r.Mail.Message.Purpose)
	}
}

// TestWhatOpensNothing: machines, ourselves, whoever cannot be answered, and mails
// that ask for nothing.
func TestWhatOpensNothing(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]letter{
		"a vacation notice":       asks(pleaseDelete, "Auto-Submitted: auto-replied (vacation)"),
		"a list":                  asks(pleaseDelete, "List-Id: <all.lumiere.test>"),
		"bulk mail":               asks(pleaseDelete, "Precedence: bulk"),
		"a bounce":                asks(pleaseDelete, "Return-Path: <>"),
		"one of our own":          asks(pleaseDelete).without("From").with("From: Soffiah <" + mailbox + ">"),
		"our own with a plus":     asks(pleaseDelete).without("From").with("From: Soffiah <INFO+c.abc@soffiah.test>"),
		"no sender":               asks(pleaseDelete).without("From"),
		"two senders":             asks(pleaseDelete).without("From").with("From: a@lumiere.test, b@lumiere.test"),
		"two From fields":         asks(pleaseDelete).with("From: Paul <paul@lumiere.test>"),
		"an address without host": asks(pleaseDelete).without("From").with("From: Marie <marie@localhost>"),
		"a quoted local part":     asks(pleaseDelete).without("From").with(`From: "marie dubois"@lumiere.test`),
		"a newsletter":            asks("Everything must go."),
		"a thank-you":             asks("Thank you for your help.").without("Subject"),
		"not wanted":              asks("Please do not delete my account.").without("Subject"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := opening(t).arrive(l); got.Case != nil || got.RequestID != "" {
				t.Errorf("judged %s %v, opens %+v", got.Verdict, got.Reasons, got.Case)
			}
		})
	}
	t.Run("where nothing is to be opened", func(t *testing.T) {
		t.Parallel()
		if got := setup(t).arrive(asks(pleaseDelete)); got.Case != nil {
			t.Error("it is opened")
		}
	})
}

// TestDoubtfulMailIsNotAnswered: it begins before a person, who may be dealing with
// a genuine sender whose mail is broken.
func TestDoubtfulMailIsNotAnswered(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]letter{
		"flagged as spam":     asks(pleaseDelete, "X-Spam-Flag: YES"),
		"sent by another":     asks(pleaseDelete, "Sender: Paul <paul@evil.test>"),
		"resent":              asks(pleaseDelete, "Resent-From: paul@evil.test", "Resent-To: "+mailbox),
		"a forwarded request": asks(pleaseDelete + "\n\n---------- Forwarded message ---------\nFrom: Paul\n\nHello"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := opening(t).arrive(l)
			if got.Case == nil || got.Case.Withheld != record.WithheldDoubtful || got.Case.Request.Mail != nil || got.Case.Request.Attention != dsr.DoubtfulMail {
				t.Errorf("%v %+v", got.Reasons, got.Case)
			}
		})
	}
	for name, m := range map[string]mailin.Message{"among suspected spam": {Junk: true}, "read to a part of it": {Trouble: mailin.Unreadable}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.Raw = asks(pleaseDelete).raw()
			if why := withheld(m, reply.Judgement{}, reply.OriginOf(m.Raw), 0); why != record.WithheldDoubtful {
				t.Errorf("withheld as %q", why)
			}
		})
	}
	t.Run("DMARC failed", func(t *testing.T) {
		t.Parallel()
		b := opening(t)
		b.sink.Judge = reply.NewJudge(reply.Config{
			Domains: b.sink.Domains, OwnAddresses: []string{mailbox}, AuthservIDs: []string{"mx.soffiah.test"}, Now: func() time.Time { return noon },
		})
		l := asks(pleaseDelete)
		l.fields = append([]string{"Authentication-Results: mx.soffiah.test; dmarc=fail header.from=lumiere.test", "Received: from evil.test by mx.soffiah.test; Thu, 5 Mar 2026 12:00:00 +0000"}, l.fields...)
		if got := b.arrive(l); got.Case == nil || got.Case.Withheld != record.WithheldDoubtful || got.Case.Request.Mail != nil {
			t.Errorf("%v %+v", got.Reasons, got.Case)
		}
	})
}

// TestSeveralRightsAreForAPerson: all of them are listed, and it is never opened as
// an erasure.
func TestSeveralRightsAreForAPerson(t *testing.T) {
	t.Parallel()
	got := opening(t).arrive(asks("Please send me a copy of my data, and then delete my account."))
	c := got.Case
	if c == nil || c.Request.Intake.Right != dsr.Access || c.Request.Attention != dsr.SeveralRights {
		t.Fatalf("%+v", c)
	}
	if rights, ok := c.Request.Facts["rights"].([]string); !ok || !slices.Contains(rights, "access") || !slices.Contains(rights, "erasure") || len(c.Recognised) != len(rights) {
		t.Errorf("%v %+v", c.Request.Facts, c.Recognised)
	}
	text := c.Request.Mail.Message.Text
	if !strings.Contains(text, "copy of your personal data; deletion of your personal data") {
		t.Errorf("the acknowledgement names one of them only:\n%s", text)
	}
}

// TestMailFoundLate: nobody is acknowledged by a machine after a week; the clock has
// run since the receipt.
func TestMailFoundLate(t *testing.T) {
	t.Parallel()
	b := opening(t)
	b.sink.Cases.Now = func() time.Time { return noon.AddDate(0, 0, 8) }
	got := b.arrive(asks(pleaseDelete))
	if c := got.Case; c == nil || c.Withheld != record.WithheldLate || c.Request.Mail != nil || !c.Request.ReceivedAt.Equal(noon) || c.Request.Attention != dsr.Unacknowledged {
		t.Errorf("%+v", c)
	}
	// Even where no policy was in force yet.
	b.sink.Cases.Now = func() time.Time { return noon }
	old := asks(pleaseDelete)
	m := mailin.Message{Folder: "INBOX", UIDValidity: 7, UID: 9, InternalDate: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), Raw: old.raw()}
	mails, err := b.sink.judgeAll(t.Context(), []mailin.Message{m})
	if err != nil || mails[0].Case == nil || mails[0].Case.Request.PolicyVersion != "2026-01-15" {
		t.Errorf("%+v, %v", mails, err)
	}
}

// TestConfidence: what is recognised less certainly stays in the mailbox.
func TestConfidence(t *testing.T) {
	t.Parallel()
	findings := []reply.Finding{{Right: dsr.Erasure, Confidence: 0.95}, {Right: dsr.Access, Confidence: 0.8}, {Right: dsr.Objection, Confidence: 0.79}}
	if got := names(certain(findings)); !slices.Equal(got, []string{"access", "erasure"}) {
		t.Errorf("%v", got)
	}
	if got := certain(findings[2:]); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestHostileHeaders: nothing of a mail reaches the header of its acknowledgement.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]letter{
		"id with a line break": asks(pleaseDelete).without("Message-ID").with("Message-ID: <a@b.test>\r\n\tX-Evil: 1"),
		"id without end":       asks(pleaseDelete).without("Message-ID").with("Message-ID: <" + strings.Repeat("a", 900) + "@b.test>"),
		"no id":                asks(pleaseDelete).without("Message-ID"),
		"a name to click on":   asks(pleaseDelete).without("From").with("From: \"Visit evil.example \u202e\" <" + subject + ">"),
		"a very long text":     asks(pleaseDelete + strings.Repeat("\nand so on and on", 2000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := opening(t).arrive(l)
			if got.Case == nil {
				t.Fatalf("%s %v", got.Verdict, got.Reasons)
			}
			m := got.Case.Request.Mail.Message
			if err := m.Validate(); err != nil || strings.Contains(m.InReplyTo, "Evil") || strings.Contains(m.Text+m.Subject, "evil.example") {
				t.Errorf("%v: in reply to %q", err, m.InReplyTo)
			}
			if err := got.Case.Request.Intake.Validate(nil, dsr.Rights()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOurAcknowledgementComesBack: as it is, as a vacation notice that quotes it, and
// from a machine that marks nothing and quotes all. None of it is a request, and
// what has no token opens one at most, of which the database sends one mail a day.
func TestOurAcknowledgementComesBack(t *testing.T) {
	t.Parallel()
	b := opening(t)
	sent := b.arrive(asks(pleaseDelete)).Case.Request.Mail
	owner := record.TokenOwner{RequestID: "the request", State: dsr.AwaitingDetails, Purpose: mailout.Details, ExpiresAt: sent.TokenUntil, Mail: sent.Message}
	b.records.tokens[sent.Token], b.records.tokens[sent.BounceToken] = owner, owner
	for name, l := range map[string]letter{
		"as it is":                {[]string{"From: " + sent.Message.From, "To: " + mailbox, "Subject: x", "Auto-Submitted: auto-replied", "Message-ID: <" + sent.Message.MessageID + ">"}, sent.Message.Text},
		"from us, unmarked":       {[]string{"From: " + mailbox, "To: " + mailbox, "Subject: x"}, sent.Message.Text},
		"a vacation notice":       answer(*sent, "I am away.\n\n"+quoted(sent.Message.Text)).with("Auto-Submitted: auto-replied"),
		"to the bounce address":   {[]string{"Return-Path: <>", "From: MAILER-DAEMON@mx.lumiere.test", "To: " + sent.Message.EnvelopeFrom, "Subject: Undelivered Mail"}, sent.Message.Text},
		"a ticket system":         answer(*sent, "We have received your message. Ticket 123.\n\n"+quoted(sent.Message.Text)).with("X-Auto-Response-Suppress: All"),
		"a machine that says not": answer(*sent, "Your message will be read.\n\n"+sent.Message.Text),
	} {
		t.Run(name, func(t *testing.T) {
			got := b.arrive(l)
			if got.Case != nil || got.Details != nil {
				t.Errorf("judged %s %v: case %+v, details %+v", got.Verdict, got.Reasons, got.Case, got.Details)
			}
		})
	}
}

// TestOneAlertAnHour says that mails were left, once.
func TestOneAlertAnHour(t *testing.T) {
	t.Parallel()
	b := opening(t)
	var log bytes.Buffer
	now := noon
	b.sink.Log, b.sink.Cases.Now = logTo(&log), func() time.Time { return now }
	b.records.left = 7
	for range 5 {
		b.arrive(asks(pleaseDelete))
	}
	if n := strings.Count(log.String(), "count=7"); n != 1 || strings.Contains(log.String(), "lumiere") {
		t.Errorf("%d alerts:\n%s", n, log.String())
	}
	now = now.Add(time.Hour)
	b.arrive(asks(pleaseDelete))
	if n := strings.Count(log.String(), "count=7"); n != 2 {
		t.Errorf("an hour later %d alerts", n)
	}
}

// TestLateYesBeginsAnew: whoever confirms after the end of the time gets a new
// request of what they filed, and nothing follows from the late yes itself.
func TestLateYesBeginsAnew(t *testing.T) {
	t.Parallel()
	filed := dsr.Intake{
		Right: dsr.Erasure, Name: "Marie", Language: "fr", Channel: dsr.Portal, IdempotencyKey: "key", Elements: dsr.Elements{Email: "other@lumiere.test", AccountName: "lumiere"},
	}
	for name, tc := range map[string]struct {
		purpose mailout.Purpose
		text    string
		change  func(*record.TokenOwner)
		renewed bool
	}{
		"a yes after the end":      {mailout.Confirmation, yes, func(*record.TokenOwner) {}, true},
		"more than a yes":          {mailout.Confirmation, yes + ", but not the invoices", func(*record.TokenOwner) {}, false},
		"a no":                     {mailout.Confirmation, "NO", func(*record.TokenOwner) {}, false},
		"a yes to another mail":    {mailout.AddressCheck, "YES", func(*record.TokenOwner) {}, false},
		"of a request carried out": {mailout.Confirmation, yes, func(o *record.TokenOwner) { o.Expired = nil }, false},
		"of a request that is open": {mailout.Confirmation, yes, func(o *record.TokenOwner) {
			o.Expired, o.State, o.ExpiresAt = nil, dsr.AwaitingConfirmation, noon.Add(time.Hour)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := opening(t)
			m := b.send(tc.purpose, "en")
			b.change(m.Token, func(o *record.TokenOwner) {
				o.State, o.Expired, o.ExpiresAt = dsr.Expired, &filed, noon.Add(-time.Minute)
				tc.change(o)
			})
			got := b.arrive(answer(m, tc.text))
			if (got.Case != nil) != tc.renewed || got.Arrived && tc.renewed {
				t.Fatalf("judged %s %v, a new request: %v", got.Verdict, got.Reasons, got.Case != nil)
			}
			if got.Case == nil {
				return
			}
			r, want := got.Case.Request, filed
			want.Channel, want.IdempotencyKey = dsr.Mail, ""
			if diff := cmp.Diff(want, r.Intake); diff != "" || r.Facts["renews"] != "the request" || !r.ReceivedAt.Equal(noon) {
				t.Errorf("%+v (-want +got)\n%s", r, diff)
			}
			if r.Mail == nil || r.Mail.Message.Purpose != mailout.Acknowledgement || r.Mail.Message.To != filed.Elements.Email {
				t.Errorf("acknowledged by %+v", r.Mail)
			}
		})
	}
}
