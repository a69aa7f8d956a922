package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

var _ mailout.Queue = (*bench)(nil)

// claim claims all mails that are due.
func (b *bench) claim() []mailout.Queued {
	b.t.Helper()
	mails, err := b.Claim(b.t.Context(), 100, time.Minute)
	must(b.t, err)
	return mails
}

// sendAll sends every mail that is due.
func (b *bench) sendAll() {
	b.t.Helper()
	for _, m := range b.claim() {
		must(b.t, b.Sent(b.t.Context(), m.ID, b.Now(), "250 ok"))
	}
}

func TestClaimAtOnce(t *testing.T) {
	b := setup(t)
	for range 30 {
		b.file()
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	allNil(t, atOnce(t, 12, func(ctx context.Context, _ int) error {
		mails, err := b.Claim(ctx, 3, time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(mails) > 3 {
			t.Errorf("asked for 3, got %d", len(mails))
		}
		for _, m := range mails {
			claimed[m.ID]++
			if m.Attempt != 1 {
				t.Errorf("attempt %d", m.Attempt)
			}
		}
		return err
	}))
	for id, n := range claimed {
		if n > 1 {
			t.Errorf("mail %s was claimed %d times", id, n)
		}
	}
	rest := b.claim()
	if len(claimed)+len(rest) != 30 {
		t.Errorf("%d and %d mails of 30", len(claimed), len(rest))
	}
}

// TestLease: a mail whose sender has died is due again when its lease is over.
func TestLease(t *testing.T) {
	b := setup(t)
	b.file()
	first := b.claim()
	b.pass(59 * time.Second)
	if again := b.claim(); len(again) != 0 {
		t.Error("a mail is claimed while its lease lasts")
	}
	b.pass(2 * time.Second)
	again := b.claim()
	if len(again) != 1 || again[0].ID != first[0].ID || again[0].Attempt != 2 || again[0].Message != first[0].Message {
		t.Errorf("%+v", again)
	}
}

func TestRetry(t *testing.T) {
	b := setup(t)
	b.file()
	m := b.claim()[0]
	must(t, b.Retry(t.Context(), m.ID, b.Now().Add(time.Hour), 451))
	b.pass(59 * time.Minute)
	if len(b.claim()) != 0 {
		t.Error("a mail is tried before its time")
	}
	b.pass(2 * time.Minute)
	if again := b.claim(); len(again) != 1 || again[0].Attempt != 2 {
		t.Errorf("%+v", again)
	}
	must(t, b.Sent(t.Context(), m.ID, b.Now(), ""))
	must(t, b.Retry(t.Context(), m.ID, b.Now().Add(-time.Hour), 451))
	if len(b.claim()) != 0 {
		t.Error("a mail that was sent is sent again")
	}
}

// TestMailsAreSettledOnce: the same outcome twice is one event and one signal, and
// the first outcome stands.
func TestMailsAreSettledOnce(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	b.signals()
	m := asking(mailout.Confirmation, "a", b.Now())
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{m}})
	mail := b.claim()[0]
	allNil(t, atOnce(t, 6, func(ctx context.Context, _ int) error {
		return b.Sent(ctx, mail.ID, b.Now(), "250 2.0.0 "+canary("answer"))
	}))
	must(t, b.Failed(t.Context(), mail.ID, b.Now(), 550, mailout.FailedRefused))
	if n := b.number(`SELECT count(*) FROM outbox WHERE id = $1 AND status = 'sent' AND sent_at = $2`, mail.ID, noon.Truncate(time.Microsecond)); n != 1 {
		t.Error("it does not count as sent")
	}
	due := b.signals()
	if len(due) != 1 || due[0].Kind != "mail" || due[0].Payload["outcome"] != "sent" || due[0].Payload["purpose"] != "confirmation" {
		t.Errorf("signals %+v", due)
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	must(t, audit.VerifyChain(id, events))
	sent := 0
	for _, e := range events {
		if e.Type == dsr.EventConfirmationSent {
			sent++
		}
	}
	if sent != 1 || b.number(`SELECT count(*) FROM signal WHERE kind = 'mail'`) != 1 {
		t.Errorf("%d events", sent)
	}
}

func TestFailedMailIsTold(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.signals()
	mail := b.claim()[0]
	for range 2 {
		must(t, b.Failed(t.Context(), mail.ID, b.Now(), 550, mailout.FailedRefused))
	}
	due := b.signals()
	if len(due) != 1 || due[0].Payload["outcome"] != "failed" || due[0].Payload["purpose"] != "acknowledgement" {
		t.Errorf("signals %+v: a failure is told even where nobody waits", due)
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if last := events[len(events)-1]; last.Type != dsr.EventMailFailed || last.Facts["smtp_code"] != 550.0 || last.Facts["reason"] != mailout.FailedRefused {
		t.Errorf("%+v", last)
	}
	if len(b.claim()) != 0 {
		t.Error("a mail that failed for good is tried again")
	}
	// A person asks to try again: it fails again, and then goes through.
	for round := range 2 {
		must(t, b.RequeueFailed(t.Context(), id))
		again := b.claim()
		if len(again) != 1 || again[0].Message != mail.Message {
			t.Fatalf("%+v", again)
		}
		if round == 0 {
			must(t, b.Failed(t.Context(), mail.ID, b.Now(), 550, mailout.FailedRefused))
		} else {
			must(t, b.Sent(t.Context(), mail.ID, b.Now(), ""))
		}
	}
}

// TestOldMailCanBeSentAgain: a person who mends an address after weeks must not
// find the mail given up before it was tried. A mail whose token has ended stays
// without sense.
func TestOldMailCanBeSentAgain(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{asking(mailout.Confirmation, "a", b.Now())}})
	for _, m := range b.claim() {
		must(t, b.Failed(t.Context(), m.ID, b.Now(), 550, mailout.FailedRefused))
	}
	b.pass(40 * 24 * time.Hour)
	must(t, b.RequeueFailed(t.Context(), id))
	again := b.claim()
	if len(again) != 2 {
		t.Fatalf("%d mails", len(again))
	}
	for _, m := range again {
		if alive := m.ExpiresAt.After(b.Now()); alive != (m.Message.Purpose == mailout.Acknowledgement) {
			t.Errorf("%s expires at %v", m.Message.Purpose, m.ExpiresAt)
		}
	}
}

// TestEndTokens: tokens end at once, and mails that still ask are not sent any more.
func TestEndTokens(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	ask, tell := asking(mailout.Confirmation, "a", b.Now()), mail(mailout.Answer, b.Now())
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{ask, tell, asking(mailout.CoolingOff, "b", b.Now())}})
	b.pass(time.Minute)
	b.take(id, record.Step{Name: "end", Event: dsr.EventCancelled, To: dsr.Cancelled, EndTokens: true})
	o, known, err := b.FindToken(t.Context(), ask.Token)
	if err != nil || !known || o.ExpiresAt.After(b.Now()) || o.State != dsr.Cancelled {
		t.Errorf("known %v until %v, %v", known, o.ExpiresAt, err)
	}
	if left := b.claim(); len(left) != 1 || left[0].Message.Purpose != mailout.Answer {
		t.Errorf("%+v", left)
	}
	if n := b.number(`SELECT count(*) FROM outbox WHERE status = 'withdrawn'`); n != 2 {
		t.Errorf("%d mails withdrawn", n)
	}
}

// TestOneMailPerPurposeAndRecipient: a step that a new attempt words anew sends no second mail.
func TestOneMailPerPurposeAndRecipient(t *testing.T) {
	b := setup(t)
	id := b.file()
	first, second, other := asking(mailout.CoolingOff, "a", b.Now()), asking(mailout.CoolingOff, "b", b.Now()), asking(mailout.CoolingOff, "c", b.Now())
	other.Recipient = 1
	b.take(id, record.Step{Name: "one", Event: dsr.EventCoolingOff, Mails: []record.NewMail{first}})
	b.take(id, record.Step{Name: "two", Event: dsr.EventCoolingOff, Mails: []record.NewMail{second, other}})
	if n := b.number(`SELECT count(*) FROM outbox WHERE purpose = 'cooling_off'`); n != 2 {
		t.Errorf("%d mails", n)
	}
	if _, known, err := b.FindToken(t.Context(), second.Token); known || err != nil {
		t.Errorf("the token of a mail that was never written counts: %v", err)
	}
	got, err := b.MailOf(t.Context(), id, mailout.CoolingOff)
	if err != nil || got != first.Message {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTokensAreKeptAsHashes: not even sealed, and not in the clear.
func TestTokensAreKeptAsHashes(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := asking(mailout.Confirmation, "a", b.Now())
	m.Message.ReplyTo = "info+" + m.Token + "@soffiah.test"
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{m}})
	b.sendAll()
	b.findNowhere(m.Token[2:], m.BounceToken[2:])
}
