package postgres_test

import (
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// TestSentAgainAfterABounce: the second sending is recorded like the first, and the
// answer to it too.
func TestSentAgainAfterABounce(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{asking(mailout.Confirmation, "a", b.Now())}})
	b.sendAll()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, b.bounced(id, 4, mailout.Confirmation, 0))
	must(t, b.RequeueFailed(t.Context(), id))
	again := b.claim()
	if len(again) != 1 {
		t.Fatalf("%d mails are sent again", len(again))
	}
	yes := inbound(id, 5, "confirm")
	yes.Purpose, yes.Arrived = mailout.Confirmation, true
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, yes)
	must(t, b.Sent(t.Context(), again[0].ID, b.Now(), ""))
}

// TestAskedAgainAndBounced: the copy that asks again comes back, and the request
// hears of it although the first copy was sent.
func TestAskedAgainAndBounced(t *testing.T) {
	b := setup(t)
	id := b.file()
	first, second := asking(mailout.Confirmation, "a", b.Now()), asking(mailout.Confirmation, "b", b.Now())
	second.Recipient = 1
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{first}})
	b.sendAll()
	b.take(id, record.Step{Name: "again", Event: dsr.EventAskedAgain, Mails: []record.NewMail{second}})
	b.sendAll()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, b.bounced(id, 4, mailout.Confirmation, 1))
	if n := b.number(`SELECT count(*) FROM signal WHERE payload->>'outcome' = 'bounced'`); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestLateYesAnswersNoOtherRequest: one that joins an open request is read with it,
// and stands as an answer to none of its mails; the same one elsewhere is told to nobody.
func TestLateYesAnswersNoOtherRequest(t *testing.T) {
	b := setup(t)
	old := b.file()
	open := b.arrives(letter(4, "marie@lumiere.test"))
	late := letter(5, "marie@lumiere.test")
	late.RequestID, late.Purpose, late.Verdict, late.Tell = old, mailout.Confirmation, "unclear", true
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, late)
	if n := b.number(`SELECT count(*) FROM message WHERE request_id = $1 AND purpose <> ''`, open); n != 0 {
		t.Error("a yes to an expired mail stands as an answer to another request")
	}
	if n := b.number(`SELECT count(*) FROM signal WHERE request_id = $1 AND kind = 'reply' AND payload->>'purpose' = ''`, open); n != 1 {
		t.Errorf("told %d times", n)
	}
	must(t, b.StoreInbound(t.Context(), "info", "INBOX", record.Cursor{UIDValidity: 1, LastUID: 5}, []record.Inbound{late}))
	if n := b.number(`SELECT count(*) FROM signal WHERE request_id = $1 AND kind = 'reply'`, old); n != 0 {
		t.Errorf("the old request was told of a duplicate %d times", n)
	}
}

// TestUnheardMailHoldsTheErasure: one that asks to wait and that the request has
// not heard of yet stops the point of no return.
func TestUnheardMailHoldsTheErasure(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying, dsr.Planning)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, inbound(id, 4, "pause"))
	begin := record.Step{Name: "erasing", Event: dsr.EventErasing, To: dsr.Erasing, UnlessCancelled: true}
	_, err := b.Take(t.Context(), id, begin)
	wantError(t, "an unheard mail", err, dsr.ErrConflict)
	for _, s := range b.signals() {
		must(t, b.SignalDelivered(t.Context(), s.ID))
	}
	b.take(id, begin)
}

// TestNoticeSentAgainAfterItsTime: a notice of the cooling-off that a person sends
// again is tried, however late.
func TestNoticeSentAgainAfterItsTime(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	notice := asking(mailout.CoolingOff, "a", b.Now())
	notice.ExpiresAt = b.Now().AddDate(0, 0, 3)
	b.take(id, record.Step{Name: "confirmed", Event: dsr.EventConfirmed, To: dsr.Identifying, Mails: []record.NewMail{notice}})
	must(t, b.Failed(t.Context(), b.claim()[0].ID, b.Now(), 550, mailout.FailedRefused))
	b.pass(4 * 24 * time.Hour)
	must(t, b.RequeueFailed(t.Context(), id))
	if m := b.claim(); len(m) != 1 || !m[0].ExpiresAt.After(b.Now()) {
		t.Error("it has expired before it is tried")
	}
}
