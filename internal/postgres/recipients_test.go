package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// addressed lays mails to an address into the outbox, each of a request of its
// own, and returns the last request.
func (b *bench) addressed(to string, mails int) (request string) {
	b.t.Helper()
	var requests []string
	for range mails {
		requests = append(requests, b.file())
	}
	for _, m := range b.claim() {
		if m.Message.Purpose == mailout.Acknowledgement {
			must(b.t, b.Sent(b.t.Context(), m.ID, b.Now(), ""))
		}
	}
	for _, id := range requests {
		m := mail(mailout.Answer, b.Now())
		m.Message.To = to
		b.take(id, record.Step{Name: "answer", Event: dsr.EventCertified, To: dsr.Identifying, Mails: []record.NewMail{m}})
		request = id
	}
	return request
}

// TestRecipientThatKeepsFailing: after some failures in a row one mail at a time
// is tried, ever more slowly; others are not held back by it; a mail that is taken
// ends all this.
func TestRecipientThatKeepsFailing(t *testing.T) {
	b := setup(t)
	b.addressed("Dead@lilas.example", 20)
	first := b.claim()
	if len(first) != 20 {
		t.Fatalf("%d mails before any failure", len(first))
	}
	for _, m := range first[:mailout.FailuresAllowed] {
		must(t, b.Retry(t.Context(), m.ID, b.Now().Add(time.Second), 451))
	}
	for _, m := range first[mailout.FailuresAllowed:] { // outages say nothing about it
		must(t, b.Retry(t.Context(), m.ID, b.Now().Add(time.Second), 0))
	}
	b.pass(2 * time.Second)
	if held := b.claim(); len(held) != 0 {
		t.Errorf("%d mails within the hold", len(held))
	}
	b.addressed("anna@lilas.example", 1) // of the same domain
	if other := b.claim(); len(other) != 1 || other[0].Message.To != "anna@lilas.example" {
		t.Fatalf("%d mails to somebody else", len(other))
	}
	tries := 0
	began := b.Now()
	for b.Now().Before(began.Add(24 * time.Hour)) {
		b.pass(30 * time.Second)
		dead := 0
		for _, m := range b.claim() {
			if m.Message.To == "anna@lilas.example" {
				must(t, b.Sent(t.Context(), m.ID, b.Now(), ""))
				continue
			}
			dead++
			must(t, b.Retry(t.Context(), m.ID, b.Now().Add(time.Second), 451))
		}
		if dead > 1 {
			t.Fatalf("%d mails at once", dead)
		}
		tries += dead
	}
	if tries < 20 || tries > 40 {
		t.Errorf("%d attempts in a day for 20 mails: wanted about one an hour", tries)
	}
	b.pass(2 * time.Hour)
	m := b.claim()
	if len(m) != 1 {
		t.Fatalf("%d mails", len(m))
	}
	if again := b.claim(); len(again) != 0 {
		t.Error("another is tried while one is under way")
	}
	must(t, b.Sent(t.Context(), m[0].ID, b.Now(), ""))
	if all := b.claim(); len(all) != 19 {
		t.Errorf("%d of 19 mails after one was taken", len(all))
	}
}

// TestRecipientThatRefuses: further mails are put before a person unsent, until
// the person has them tried again, or a month has passed.
func TestRecipientThatRefuses(t *testing.T) {
	b := setup(t)
	first := b.addressed("gone@lilas.example", 1)
	must(t, b.Failed(t.Context(), b.claim()[0].ID, b.Now(), 550, mailout.FailedRecipient))
	second := b.addressed("GONE@lilas.example", 1)
	held := b.claim()
	if len(held) != 1 || !held[0].Refused {
		t.Fatalf("%+v", held)
	}
	b.signals()
	must(t, b.Failed(t.Context(), held[0].ID, b.Now(), 0, mailout.FailedHeld))
	if due := b.signals(); len(due) != 1 || due[0].Payload["outcome"] != "failed" {
		t.Errorf("nobody hears of it: %+v", due)
	}
	must(t, b.RequeueFailed(t.Context(), second))
	again := b.claim()
	if len(again) != 1 || again[0].Refused {
		t.Fatalf("a person wants it tried: %+v", again)
	}
	must(t, b.Sent(t.Context(), again[0].ID, b.Now(), ""))
	must(t, b.RequeueFailed(t.Context(), first))
	if m := b.claim(); len(m) != 1 || m[0].Refused {
		t.Errorf("%+v", m)
	} else {
		must(t, b.Failed(t.Context(), m[0].ID, b.Now(), 550, mailout.FailedRecipient))
	}
	b.pass(31 * 24 * time.Hour)
	b.addressed("gone@lilas.example", 1)
	if m := b.claim(); len(m) != 1 || m[0].Refused {
		t.Errorf("after a month: %+v", m)
	}
}

// TestRecipientsAreForgotten: what is kept of them ends, and holds no address.
func TestRecipientsAreForgotten(t *testing.T) {
	b := setup(t)
	for i := range 3 {
		b.addressed(fmt.Sprintf("gone%d@lilas.example", i), 1)
		must(t, b.Failed(t.Context(), b.claim()[0].ID, b.Now(), 550, mailout.FailedRecipient))
		b.pass(20 * 24 * time.Hour)
	}
	if n := b.number(`SELECT count(*) FROM recipient`); n != 2 {
		t.Errorf("%d recipients after two months", n)
	}
	b.findNowhere("gone0@lilas", "gone2@lilas")
	if b.Installation() == "" || b.number(`SELECT count(*) FROM installation WHERE id = $1`, b.Installation()) != 1 {
		t.Error("the installation has no id")
	}
}

// TestMailsThatComeBack: a mail that was taken and bounced counts as a refusal, if
// it says that the mailbox is to blame.
func TestMailsThatComeBack(t *testing.T) {
	b := setup(t)
	uid := uint32(0)
	for status, refused := range map[string]bool{"5.1.1": true, "5.2.1": true, "5.7.1": false, "": false} {
		uid++
		to := "back" + status + "@lilas.example"
		id := b.addressed(to, 1)
		mail := b.claim()[0]
		must(t, b.Sent(t.Context(), mail.ID, b.Now(), ""))
		must(t, b.StoreInbound(t.Context(), "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: 1}, []record.Inbound{{
			Folder: "INBOX", UIDValidity: 1, UID: uid, Fingerprint: []byte(to), ReceivedAt: b.Now(), RequestID: id, Purpose: mailout.Answer,
			Verdict: "bounce", Bounce: &record.Bounce{MailID: mail.ID, Status: status},
		}}))
		b.addressed(to, 1)
		if m := b.claim(); len(m) != 1 || m[0].Refused != refused {
			t.Errorf("%q: %+v", status, m)
		} else {
			must(t, b.Sent(t.Context(), m[0].ID, b.Now(), ""))
		}
	}
}
