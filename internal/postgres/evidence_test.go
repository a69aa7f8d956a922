package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// TestConfirmationRestsOnAReply: whatever the workflow says, only a reply that is
// on record confirms: an explicit yes to the confirmation mail of this request, or
// one that a person has read and approved.
func TestConfirmationRestsOnAReply(t *testing.T) {
	b := setup(t)
	id, other := b.file(), b.file()
	b.walk(id, dsr.Identifying, dsr.AwaitingConfirmation)
	store := func(request string, uid uint32, verdict string, purpose mailout.Purpose) string {
		m := inbound(request, uid, verdict)
		m.Purpose = purpose
		b.store(record.Cursor{UIDValidity: 1, LastUID: uid}, m)
		return b.idOf(uid)
	}
	decide := func(request string, action dsr.Action, about string) string {
		d := dsr.Decision{ID: uuid.NewString(), Action: action, About: about, Actor: "the handler", Reason: "why"}
		must(t, b.RecordDecision(t.Context(), request, d))
		return d.ID
	}
	yes, unclear := store(id, 1, "confirm", mailout.Confirmation), store(id, 2, "unclear", mailout.Confirmation)
	elsewhere, address := store(other, 3, "confirm", mailout.Confirmation), store(id, 4, "confirm", mailout.AddressCheck)
	for what, c := range map[string]struct {
		by   record.Confirmation
		want error
	}{
		"nothing":                           {record.Confirmation{}, dsr.ErrConflict},
		"no such reply":                     {record.Confirmation{MessageID: uuid.NewString()}, dsr.ErrConflict},
		"an unclear reply":                  {record.Confirmation{MessageID: unclear}, dsr.ErrConflict},
		"a yes to another request":          {record.Confirmation{MessageID: elsewhere}, dsr.ErrConflict},
		"a yes to another question":         {record.Confirmation{MessageID: address}, dsr.ErrConflict},
		"a decision about another reply":    {record.Confirmation{MessageID: unclear, DecisionID: decide(id, dsr.Approve, yes)}, dsr.ErrConflict},
		"a decision that does not approve":  {record.Confirmation{MessageID: unclear, DecisionID: decide(id, dsr.Reject, unclear)}, dsr.ErrConflict},
		"a decision about another request":  {record.Confirmation{MessageID: unclear, DecisionID: decide(other, dsr.Approve, unclear)}, dsr.ErrConflict},
		"a yes":                             {record.Confirmation{MessageID: yes}, nil},
		"an unclear reply, read by someone": {record.Confirmation{MessageID: unclear, DecisionID: decide(id, dsr.Approve, unclear)}, nil},
	} {
		_, err := b.Take(t.Context(), id, record.Step{Name: what, Event: dsr.EventConfirmed, Confirmed: &c.by})
		wantError(t, what, err, c.want)
	}
}

// idOf returns the id of the mail with a UID.
func (b *bench) idOf(uid uint32) (id string) {
	b.t.Helper()
	must(b.t, b.SQL.QueryRow(b.t.Context(), `SELECT id::text FROM message WHERE uid = $1`, uid).Scan(&id))
	return id
}

// TestApprovalRestsOnASignature of that very plan.
func TestApprovalRestsOnASignature(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying)
	first, second := b.plan(id), b.plan(id)
	d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, About: first.ID, Actor: "the approver"}
	must(t, b.RecordDecision(t.Context(), id, d))
	for what, c := range map[string]struct {
		by   record.Approval
		want error
	}{
		"no signature":                {record.Approval{About: second.ID}, dsr.ErrConflict},
		"a signature of another plan": {record.Approval{About: second.ID, DecisionID: d.ID}, dsr.ErrConflict},
		"a signature of this plan":    {record.Approval{About: first.ID, DecisionID: d.ID}, nil},
	} {
		_, err := b.Take(t.Context(), id, record.Step{Name: what, Event: dsr.EventApproved, Approved: &c.by})
		wantError(t, what, err, c.want)
	}
}

// TestTwoPeopleAreTwo: where two people must sign, nobody signs twice, and a
// signature that the request did not take is none.
func TestTwoPeopleAreTwo(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying)
	plan := b.plan(id)
	sign := func(actor string) (string, error) {
		d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, About: plan.ID, Actor: actor}
		return d.ID, b.RecordDecision(t.Context(), id, d)
	}
	carryOut := func(name, decision string) error {
		_, err := b.Take(t.Context(), id, record.Step{
			Name: name, Event: dsr.EventApproved, Approved: &record.Approval{About: plan.ID, DecisionID: decision, People: 2},
		})
		return err
	}
	first, err := sign("one")
	must(t, err)
	must(t, b.SettleDecision(t.Context(), first, true, nil))
	_, err = sign("one")
	wantError(t, "a second signature of the same person", err, dsr.ErrConflict)
	wantError(t, "one signature", carryOut("one signature", first), dsr.ErrConflict)
	second, err := sign("two")
	must(t, err)
	wantError(t, "a signature that was not taken", carryOut("not taken", second), dsr.ErrConflict)
	must(t, b.SettleDecision(t.Context(), second, true, nil))
	must(t, carryOut("two signatures", second))
}

// TestWhatIsAnsweredHasArrived: a mail whose sender died between the server's 250
// and our commit is not sent again once it was answered.
func TestWhatIsAnsweredHasArrived(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{asking(mailout.Confirmation, "a", b.Now())}})
	m := inbound(id, 1, "confirm")
	m.Arrived = true
	b.store(record.Cursor{UIDValidity: 1, LastUID: 1}, m)
	lost := b.claim()
	if len(lost) != 1 {
		t.Fatal("a mail that was never tried counts as sent")
	}
	again := inbound(id, 2, "confirm")
	again.Arrived = true
	b.store(record.Cursor{UIDValidity: 1, LastUID: 2}, again)
	b.pass(time.Hour)
	if len(b.claim()) != 0 {
		t.Error("it is sent again")
	}
	must(t, b.Sent(t.Context(), lost[0].ID, b.Now(), ""))
	events, err := b.Events(t.Context(), id)
	must(t, err)
	sent := 0
	for _, e := range events {
		if e.Type == dsr.EventConfirmationSent {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("%d events", sent)
	}
}

// TestWhoeverWritesAfterTheEndIsHeard: by a person, since no workflow runs any more.
func TestWhoeverWritesAfterTheEndIsHeard(t *testing.T) {
	b := setup(t)
	written, undelivered := b.ended(), b.ended()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 1}, inbound(written, 1, "unclear"))
	for _, m := range b.claim() {
		must(t, b.Failed(t.Context(), m.ID, b.Now(), 550, mailout.FailedRefused))
	}
	for id, want := range map[string]dsr.Attention{written: dsr.UnclearReply, undelivered: dsr.MailUndeliverable} {
		if d, err := b.Show(t.Context(), id, false); err != nil || d.Attention != want {
			t.Errorf("attention %q, want %q, %v", d.Attention, want, err)
		}
	}
}
