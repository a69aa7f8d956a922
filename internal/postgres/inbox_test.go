package postgres_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// inbound is a mail for a request that came in under a UID.
func inbound(request string, uid uint32, verdict string) record.Inbound {
	sum := sha256.Sum256([]byte(request + verdict + name("%d", uid)))
	return record.Inbound{
		Folder: "INBOX", UIDValidity: 1, UID: uid, Fingerprint: sum[:], ReceivedAt: noon.Add(-time.Minute), RequestID: request,
		Purpose: mailout.Confirmation, Verdict: verdict, Reasons: []string{"plain_yes"}, Raw: []byte(canary("raw")), FreshText: canary("fresh"), Tell: true,
	}
}

func (b *bench) store(c record.Cursor, mails ...record.Inbound) {
	b.t.Helper()
	must(b.t, b.StoreInbound(b.t.Context(), "privacy", "INBOX", c, mails))
}

// replySignals counts what a request is told of replies.
func (b *bench) replySignals() int {
	return b.number(`SELECT count(*) FROM signal WHERE kind = 'reply'`)
}

func TestStoreInbound(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := inbound(id, 4, "confirm")
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	d, err := b.Show(t.Context(), id, true)
	must(t, err)
	if len(d.Replies) != 1 {
		t.Fatalf("%d replies", len(d.Replies))
	}
	want := dsr.Reply{ID: d.Replies[0].ID, ReceivedAt: m.ReceivedAt.Truncate(time.Microsecond), SeenAt: noon.Truncate(time.Microsecond), Verdict: "confirm", Reasons: m.Reasons, Text: canary("fresh")}
	if diff := cmp.Diff(want, d.Replies[0], cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d, err = b.Show(t.Context(), id, false); err != nil || d.Replies[0].Text != "" || d.Intake != nil {
		t.Errorf("personal data for somebody who may not see it: %v", err)
	}
	signals := b.signals()
	if len(signals) != 1 || signals[0].Payload["message"] != want.ID || signals[0].Payload["verdict"] != "confirm" || signals[0].Payload["purpose"] != "confirmation" {
		t.Errorf("signals %+v", signals)
	}
	if last := d.Events[len(d.Events)-1]; last.Type != dsr.EventReplySeen || last.Facts["verdict"] != "confirm" {
		t.Errorf("event %+v", last)
	}
}

// signals delivers the start of all requests and returns what is due after it.
func (b *bench) signals() []record.Signal {
	b.t.Helper()
	for {
		due, err := b.ClaimSignals(b.t.Context(), 50, time.Minute)
		must(b.t, err)
		if len(due) == 0 || due[0].Kind != "start" {
			return due
		}
		for _, s := range due {
			must(b.t, b.SignalDelivered(b.t.Context(), s.ID))
		}
	}
}

// TestMailIsTakenInOnce: however often it is read, delivered or renumbered, a
// request hears of a mail once.
func TestMailIsTakenInOnce(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := inbound(id, 4, "confirm")
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m, m)
	again := m
	again.UID = 5
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, again)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, again)
	renumbered := m
	renumbered.UIDValidity, renumbered.UID = 2, 1
	b.store(record.Cursor{UIDValidity: 2, LastUID: 1}, renumbered)
	moved := m
	moved.Folder, moved.UID = "Junk", 1
	must(t, b.StoreInbound(t.Context(), "privacy", "Junk", record.Cursor{UIDValidity: 1, LastUID: 1}, []record.Inbound{moved}))
	if n := b.replySignals(); n != 1 {
		t.Errorf("told %d times", n)
	}
	if n := b.number(`SELECT count(*) FROM event WHERE type = 'reply_seen'`); n != 1 {
		t.Errorf("%d events", n)
	}
	if n := b.number(`SELECT count(*) FROM message WHERE verdict <> 'duplicate'`); n != 1 {
		t.Errorf("%d mails", n)
	}
	if n := b.number(`SELECT count(*) FROM message WHERE verdict = 'duplicate' AND (raw IS NOT NULL OR fresh_text IS NOT NULL)`); n != 0 {
		t.Errorf("%d duplicates keep their content", n)
	}
	// Another mail under the same UID of another UIDVALIDITY is another mail.
	other := inbound(id, 4, "unclear")
	other.UIDValidity = 2
	b.store(record.Cursor{UIDValidity: 2, LastUID: 4}, other)
	if n := b.replySignals(); n != 2 {
		t.Errorf("told %d times of two mails", n)
	}
}

func TestMailIsTakenInOnceByTwoWatchers(t *testing.T) {
	b := setup(t)
	id := b.file()
	allNil(t, atOnce(t, 8, func(ctx context.Context, i int) error {
		m := inbound(id, 4, "confirm")
		m.UID += uint32(i % 2)
		return b.StoreInbound(ctx, "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: m.UID}, []record.Inbound{m})
	}))
	if n := b.replySignals(); n != 1 {
		t.Errorf("told %d times", n)
	}
	c, _, err := b.MailboxCursor(t.Context(), "privacy", "INBOX")
	if err != nil || c.LastUID != 5 {
		t.Errorf("cursor %+v, %v", c, err)
	}
}

func TestCursorNeverGoesBack(t *testing.T) {
	b := setup(t)
	cursor := func() record.Cursor {
		c, known, err := b.MailboxCursor(t.Context(), "privacy", "INBOX")
		must(t, err)
		if !known {
			t.Fatal("the cursor is not known")
		}
		return c
	}
	if _, known, err := b.MailboxCursor(t.Context(), "privacy", "INBOX"); known || err != nil {
		t.Fatalf("known %v, %v", known, err)
	}
	for _, c := range []struct{ put, want record.Cursor }{
		{record.Cursor{UIDValidity: 7, LastUID: 10}, record.Cursor{UIDValidity: 7, LastUID: 10}},
		{record.Cursor{UIDValidity: 7, LastUID: 5}, record.Cursor{UIDValidity: 7, LastUID: 10}},
		{record.Cursor{UIDValidity: 7, LastUID: 11}, record.Cursor{UIDValidity: 7, LastUID: 11}},
		{record.Cursor{UIDValidity: 8, LastUID: 2}, record.Cursor{UIDValidity: 8, LastUID: 2}},
		{record.Cursor{UIDValidity: 8, LastUID: 1}, record.Cursor{UIDValidity: 8, LastUID: 2}},
		{record.Cursor{UIDValidity: 1<<32 - 1, LastUID: 1<<32 - 1}, record.Cursor{UIDValidity: 1<<32 - 1, LastUID: 1<<32 - 1}},
	} {
		b.store(c.put)
		if got := cursor(); got != c.want {
			t.Errorf("after %+v it is %+v, want %+v", c.put, got, c.want)
		}
	}
	if _, known, err := b.MailboxCursor(t.Context(), "other", "INBOX"); known || err != nil {
		t.Errorf("another mailbox: known %v, %v", known, err)
	}
}

// TestStoreInboundIsAllOrNothing: a cursor must not pass over a mail that was not recorded.
func TestStoreInboundIsAllOrNothing(t *testing.T) {
	b := setup(t)
	id := b.file()
	bad := inbound(id, 5, "confirm")
	bad.Fingerprint = nil
	if err := b.StoreInbound(t.Context(), "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: 5}, []record.Inbound{inbound(id, 4, "cancel"), bad}); err == nil {
		t.Fatal("a mail without a fingerprint is accepted")
	}
	if _, known, err := b.MailboxCursor(t.Context(), "privacy", "INBOX"); known || err != nil {
		t.Errorf("the cursor has moved: %v", err)
	}
	if n := b.number(`SELECT count(*) FROM message`) + b.replySignals(); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestMailOfNobody keeps what is needed to know it again, and none of its words.
func TestMailOfNobody(t *testing.T) {
	b := setup(t)
	m := inbound("", 4, "not_for_us")
	m.Tell, m.Reasons = false, nil
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	if n := b.number(`SELECT count(*) FROM message WHERE request_id IS NULL AND raw IS NULL AND fresh_text IS NULL AND data_key_id IS NULL`); n != 1 {
		t.Errorf("%d mails", n)
	}
	silent := inbound(b.file(), 5, "automatic")
	silent.Tell = false
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, silent)
	if n := b.replySignals(); n != 0 {
		t.Errorf("told %d times of what is not to be told", n)
	}
}

func TestFindToken(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := asking(mailout.Confirmation, "a", b.Now())
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{m}})
	for _, token := range []string{m.Token, m.BounceToken} {
		o, known, err := b.FindToken(t.Context(), token)
		must(t, err)
		if o.MailID != b.mailID(id, mailout.Confirmation, 0) {
			t.Errorf("of mail %q", o.MailID)
		}
		want := record.TokenOwner{RequestID: id, MailID: o.MailID, State: dsr.Identifying, PolicyVersion: "2026-01-15", Purpose: mailout.Confirmation, ExpiresAt: m.TokenUntil.Truncate(time.Microsecond), Mail: m.Message}
		if diff := cmp.Diff(want, o, cmp.Comparer(time.Time.Equal)); diff != "" || !known {
			t.Errorf("known %v (-want +got)\n%s", known, diff)
		}
	}
	for _, token := range []string{"", m.Token[2:], token("b", "another"), token("c", "another")} {
		if _, known, err := b.FindToken(t.Context(), token); known || err != nil {
			t.Errorf("token %q: known %v, %v", token, known, err)
		}
	}
	reminder := mail(mailout.Reminder, b.Now())
	reminder.Message.Text, reminder.BounceToken = canary("reminder"), token("b", "reminder")
	b.take(id, record.Step{Name: "remind", Event: dsr.EventReminded, Mails: []record.NewMail{reminder}})
	o, known, err := b.FindToken(t.Context(), m.Token)
	if err != nil || !known || o.Reminder == nil || o.Reminder.Text != canary("reminder") || o.Mail.Text != canary("text") {
		t.Errorf("a reply to the reminder: %+v, %v", o, err)
	}
	if o, _, err = b.FindToken(t.Context(), reminder.BounceToken); err != nil || o.Purpose != mailout.Reminder || o.Mail.Text != canary("reminder") {
		t.Errorf("a bounce of the reminder: %+v, %v", o, err)
	}
	b.sendAll()
	if o, _, err = b.FindToken(t.Context(), m.Token); err != nil || o.SentAt == nil || !o.SentAt.Equal(noon.Truncate(time.Microsecond)) {
		t.Errorf("sent at %v, %v", o.SentAt, err)
	}
}

// bounced is the report that the first mail of a purpose will never be delivered.
func (b *bench) bounced(id string, uid uint32, purpose mailout.Purpose, recipient int) record.Inbound {
	b.t.Helper()
	m := inbound(id, uid, "bounce")
	m.Purpose, m.Tell, m.Bounce = purpose, false, &record.Bounce{Status: "5.1.1", MailID: b.mailID(id, purpose, recipient)}
	return m
}

// mailID names a mail in the outbox.
func (b *bench) mailID(request string, purpose mailout.Purpose, recipient int) string {
	b.t.Helper()
	var id string
	must(b.t, b.SQL.QueryRow(b.t.Context(), `SELECT id::text FROM outbox WHERE request_id = $1 AND purpose = $2 AND recipient = $3`, request, purpose, recipient).Scan(&id))
	return id
}

// TestBouncedMail: a mail that was sent and comes back counts as failed, once, with
// its reason on record; the request hears of it, and of one that has ended a person.
func TestBouncedMail(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	m := b.bounced(id, 4, mailout.Acknowledgement, 0)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	if n := b.number(`SELECT count(*) FROM outbox WHERE status = 'failed'`); n != 1 {
		t.Errorf("%d mails have failed", n)
	}
	d, err := b.Show(t.Context(), id, false)
	must(t, err)
	failed := slices.IndexFunc(d.Events, func(e dsr.Event) bool { return e.Type == dsr.EventMailFailed })
	if failed < 0 || d.Events[failed].Facts["enhanced_status"] != "5.1.1" || d.Events[failed].Facts["reason"] != "bounced" {
		t.Errorf("events %+v", d.Events)
	}
	signals := b.signals()
	if len(signals) != 1 || signals[0].Kind != "mail" || signals[0].Payload["outcome"] != "bounced" || signals[0].Payload["purpose"] != "acknowledgement" {
		t.Errorf("signals %+v", signals)
	}
	// A second report about the same attempt says nothing new.
	again := b.bounced(id, 5, mailout.Acknowledgement, 0)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, again)
	if n := b.number(`SELECT count(*) FROM signal WHERE kind = 'mail'`); n != 1 {
		t.Errorf("%d signals", n)
	}
	must(t, b.RequeueFailed(t.Context(), id))
	late := b.bounced(id, 6, mailout.Acknowledgement, 0)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 6}, late)
	if n := b.number(`SELECT count(*) FROM outbox WHERE status = 'queued'`); n != 1 {
		t.Error("a late report about the first attempt has stopped the second")
	}
}

// TestBouncedCopy: that one of several addresses can't be reached is on record, and
// does not stop a request whose person was told at another.
func TestBouncedCopy(t *testing.T) {
	b := setup(t)
	id := b.file()
	first, second := mail(mailout.CoolingOff, b.Now()), mail(mailout.CoolingOff, b.Now())
	second.Recipient = 1
	b.take(id, record.Step{Name: "confirmed", Event: dsr.EventConfirmed, To: dsr.Identifying, Mails: []record.NewMail{first, second}})
	b.sendAll()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, b.bounced(id, 4, mailout.CoolingOff, 0))
	if n := b.number(`SELECT count(*) FROM signal WHERE payload->>'outcome' = 'bounced'`); n != 0 {
		t.Errorf("%d signals although a copy was sent elsewhere", n)
	}
	b.store(record.Cursor{UIDValidity: 1, LastUID: 5}, b.bounced(id, 5, mailout.CoolingOff, 1))
	if n := b.number(`SELECT count(*) FROM signal WHERE payload->>'outcome' = 'bounced'`); n != 1 {
		t.Errorf("%d signals when no copy has arrived", n)
	}
}

// TestBounceAfterTheEnd: an answer that comes back is put before a person.
func TestBounceAfterTheEnd(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.sendAll()
	b.take(id, record.Step{Name: "end", Event: dsr.EventCancelled, To: dsr.Identifying})
	b.take(id, record.Step{Name: "ended", Event: dsr.EventCancelled, To: dsr.Cancelled})
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, b.bounced(id, 4, mailout.Acknowledgement, 0))
	d, err := b.Show(t.Context(), id, false)
	must(t, err)
	if d.Attention != dsr.MailUndeliverable || !slices.Contains(d.Awaiting, dsr.Retry) {
		t.Errorf("attention %q, awaiting %v", d.Attention, d.Awaiting)
	}
}

// TestTokenGuesses: only the last hour counts, and no domain is kept in clear.
func TestTokenGuesses(t *testing.T) {
	b := setup(t)
	uid := uint32(3)
	guess := func(domain string) {
		uid++
		m := inbound("", uid, "unclear")
		m.Guess = &domain
		b.store(record.Cursor{UIDValidity: 1, LastUID: uid}, m)
	}
	guess("old.test")
	b.pass(time.Hour)
	for range 3 {
		guess("evil.test")
	}
	guess("other.test")
	if all, one, err := b.TokenGuesses(t.Context()); err != nil || all != 4 || one != 3 {
		t.Errorf("%d in all, %d from one: %v", all, one, err)
	}
	if n := b.number(`SELECT count(*) FROM message WHERE position('evil'::bytea IN guess) > 0`); n != 0 {
		t.Error("the sender's domain is readable")
	}
}

// TestReusedMessageID: two mails of other content under one Message-ID both count,
// and the second says so; the same mail again is a duplicate and nothing else.
func TestReusedMessageID(t *testing.T) {
	b := setup(t)
	id := b.file()
	first, second := inbound(id, 4, "confirm"), inbound(id, 5, "cancel")
	first.MessageID, second.MessageID = "<one@lumiere.test>", "<one@lumiere.test>"
	again := first
	again.UID = 6
	b.store(record.Cursor{UIDValidity: 1, LastUID: 6}, first, second, again)
	d, err := b.Show(t.Context(), id, false)
	must(t, err)
	reused := map[string]bool{}
	for _, r := range d.Replies {
		reused[r.Verdict] = slices.Contains(r.Reasons, "message_id_reused")
	}
	if want := map[string]bool{"confirm": false, "cancel": true, "duplicate": false}; !cmp.Equal(want, reused) {
		t.Errorf("flagged %v", reused)
	}
	if n := b.replySignals(); n != 2 {
		t.Errorf("told %d times", n)
	}
}

// TestSuspiciousReply: it is on record as what it is, and its request hears that.
func TestSuspiciousReply(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := inbound(id, 4, "unclear")
	m.Suspicious, m.Reasons = true, []string{"auth_failed"}
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if last := events[len(events)-1]; last.Type != dsr.EventSuspiciousReply || !cmp.Equal(last.Facts["reasons"], []any{"auth_failed"}) {
		t.Errorf("event %+v", last)
	}
	if s := b.signals(); len(s) != 1 || s[0].Payload["outcome"] != "suspicious" {
		t.Errorf("signals %+v", s)
	}
}

func TestRawMail(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := inbound(id, 4, "unclear")
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	d, err := b.Show(t.Context(), id, true)
	must(t, err)
	raw, err := b.RawMail(t.Context(), id, d.Replies[0].ID)
	if err != nil || string(raw) != string(m.Raw) {
		t.Errorf("%q, %v", raw, err)
	}
	_, err = b.RawMail(t.Context(), b.file(), d.Replies[0].ID)
	wantError(t, "another request's", err, dsr.ErrNotFound)
}

// TestNumberGivenOutAgain: a server restored from a backup can give another mail the
// number of one that is on record; both count.
func TestNumberGivenOutAgain(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, inbound("", 4, "not_for_us"))
	m := inbound(id, 4, "confirm")
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 4}, m)
	if n, all := b.number(`SELECT count(*) FROM message WHERE request_id = $1`, id), b.number(`SELECT count(*) FROM message`); n != 1 || all != 2 || b.replySignals() != 1 {
		t.Errorf("%d mails of the request, %d in all, told %d times", n, all, b.replySignals())
	}
}
