package postgres_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// limits are wide enough for tests that are about something else.
var limits = record.CaseLimits{AcknowledgedPerHour: 1000, AcknowledgedPerHourPerDomain: 1000, UnacknowledgedPerHour: 1000, PerSenderPerHour: 1000}

// letter is a mail that makes a request: from an address, about a right.
func letter(uid uint32, from string, change ...func(*record.Case)) record.Inbound {
	id, until := uuid.NewString(), noon.AddDate(0, 0, 21)
	sum := sha256.Sum256([]byte(name("%d", uid)))
	m := asking(mailout.Details, id, noon)
	m.Message.To, m.FormToken = from, token("f", id)
	c := record.Case{
		Limits: limits, Recognised: []dsr.Recognised{{Right: dsr.Erasure, Confidence: 0.95, Words: []string{canary("words")}}},
		Request: record.NewRequest{
			ID: id, Reference: dsr.NewReference(), PolicyVersion: "2026-01-15", ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0), Mail: &m, ConfirmUntil: &until,
			Intake: dsr.Intake{Right: dsr.Erasure, Channel: dsr.Mail, Message: canary("message"), Elements: dsr.Elements{Email: from}},
			Facts:  map[string]any{"rights": []string{"erasure"}, "confidence": 0.95},
		},
	}
	for _, f := range change {
		f(&c)
	}
	return record.Inbound{
		Folder: "INBOX", UIDValidity: 1, UID: uid, Fingerprint: sum[:], ReceivedAt: noon, Verdict: "new_request", Reasons: []string{"recognised_request"},
		Raw: []byte(canary("raw")), FreshText: canary("fresh"), Case: &c,
	}
}

// arrives stores a mail and returns its request, empty if it belongs to none.
func (b *bench) arrives(m record.Inbound) (request string) {
	b.t.Helper()
	b.store(record.Cursor{UIDValidity: 1, LastUID: m.UID}, m)
	must(b.t, b.SQL.QueryRow(b.t.Context(), `SELECT coalesce(request_id::text, '') FROM message WHERE uid = $1`, m.UID).Scan(&request))
	return request
}

func limited(l record.CaseLimits) func(*record.Case) { return func(c *record.Case) { c.Limits = l } }

func withheld(why record.Withheld) func(*record.Case) {
	return func(c *record.Case) { c.Withhold(why) }
}

func (b *bench) details(id string) dsr.Details {
	b.t.Helper()
	d, err := b.Show(b.t.Context(), id, true)
	must(b.t, err)
	return d
}

func TestMailOpensARequest(t *testing.T) {
	b := setup(t)
	m := letter(4, "marie@lumiere.test")
	id := b.arrives(m)
	d := b.details(id)
	if id != m.Case.Request.ID || d.Channel != dsr.Mail || d.State != dsr.Received || d.Attention != "" || d.Intake.Elements.Email != "marie@lumiere.test" {
		t.Errorf("%+v", d)
	}
	want := map[string]any{
		"right": "erasure", "channel": "mail", "policy_version": "2026-01-15", "due_at": d.DueAt.UTC().Format(time.RFC3339),
		"rights": []any{"erasure"}, "confidence": 0.95,
	}
	if diff := cmp.Diff(want, d.Events[0].Facts); diff != "" || d.Events[0].Type != dsr.EventReceived {
		t.Errorf("event (-want +got)\n%s", diff)
	}
	if len(d.Replies) != 1 || d.Replies[0].Text != canary("fresh") || !cmp.Equal(d.Replies[0].Recognised, m.Case.Recognised) {
		t.Errorf("the mail: %+v", d.Replies)
	}
	if n := b.number(`SELECT count(*) FROM outbox WHERE purpose = 'details'`); n != 1 {
		t.Errorf("%d acknowledgements", n)
	}
	if n := b.number(`SELECT count(*) FROM signal WHERE kind = 'start'`); n != 1 || b.replySignals() != 0 {
		t.Errorf("started %d times, told %d times", n, b.replySignals())
	}
	b.findNowhere("canary-", "lumiere.test")
	if seen, err := b.Show(t.Context(), id, false); err != nil || seen.Replies[0].Recognised != nil {
		t.Errorf("words for somebody who may not see them: %v, %v", seen.Replies, err)
	}
}

// TestMailOpensOneRequest: however often it is read, by however many watchers, and
// whichever of our mailboxes it was delivered to.
func TestMailOpensOneRequest(t *testing.T) {
	b := setup(t)
	allNil(t, atOnce(t, 12, func(ctx context.Context, i int) error {
		m := letter(4, "marie@lumiere.test")
		m.UID += uint32(i % 2) // delivered twice
		return b.StoreInbound(ctx, []string{"privacy", "info"}[i/2%2], "INBOX", record.Cursor{UIDValidity: 1, LastUID: m.UID}, []record.Inbound{m})
	}))
	if n := b.number(`SELECT count(*) FROM request`); n != 1 {
		t.Errorf("%d requests", n)
	}
	if n := b.number(`SELECT count(*) FROM outbox`); n != 1 || b.replySignals() != 0 {
		t.Errorf("%d acknowledgements, told %d times", n, b.replySignals())
	}
	// Renumbered and read once more.
	again := letter(4, "marie@lumiere.test")
	again.UIDValidity, again.UID = 2, 77
	b.store(record.Cursor{UIDValidity: 2, LastUID: 77}, again)
	if n := b.number(`SELECT count(*) FROM request`); n != 1 {
		t.Errorf("after a rescan %d requests", n)
	}
}

// TestSecondMailJoins: of the same sender, for the same right, while the first is
// open; and never one that may not be theirs.
func TestSecondMailJoins(t *testing.T) {
	b := setup(t)
	id := b.arrives(letter(1, "marie@lumiere.test"))
	if got := b.arrives(letter(2, "Marie@Lumiere.test")); got != id || b.replySignals() != 1 {
		t.Errorf("it belongs to %q, told %d times", got, b.replySignals())
	}
	if got := b.arrives(letter(3, "marie@lumiere.test", withheld(record.WithheldDoubtful))); got == id || got == "" {
		t.Errorf("a doubtful mail belongs to %q", got)
	}
	access := letter(4, "marie@lumiere.test", func(c *record.Case) { c.Request.Intake.Right = dsr.Access })
	if got := b.arrives(access); got == id || b.details(got).Attention != dsr.Unacknowledged || b.details(got).Events[0].Facts["withheld"] != string(record.WithheldSender) {
		t.Errorf("another right belongs to %q", got)
	}
	if got := b.arrives(letter(5, "paul@lumiere.test")); got == id {
		t.Error("another sender joins")
	}
	if n := b.number(`SELECT count(*) FROM outbox`); n != 2 {
		t.Errorf("%d acknowledgements for two senders", n)
	}
	b.walk(id, dsr.AwaitingDetails, dsr.Expired)
	if got := b.arrives(letter(6, "marie@lumiere.test")); got == id || got == "" {
		t.Errorf("after the end of the first it belongs to %q", got)
	}
	for uid := uint32(10); uid < 30; uid++ {
		b.arrives(letter(uid, "paul@lumiere.test"))
	}
	if n := b.number(`SELECT count(*) FROM message WHERE request_id IS NULL AND raw IS NULL AND reasons ? 'left_in_mailbox'`); n != 11 {
		t.Errorf("of 21 mails of one sender %d were left in the mailbox", n)
	}
}

// TestVictimGetsOneMailADay: whatever is written in somebody's name.
func TestVictimGetsOneMailADay(t *testing.T) {
	b := setup(t)
	uid := uint32(0)
	flood := func() {
		for _, right := range dsr.Rights() {
			for range 3 {
				uid++
				b.arrives(letter(uid, "victim@lumiere.test", func(c *record.Case) {
					c.Request.Intake.Right = right
					c.Limits.PerSenderPerHour = 5
				}))
			}
		}
	}
	flood()
	if n := b.number(`SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("the victim gets %d mails", n)
	}
	if n := b.number(`SELECT count(*) FROM request`); n != 5 {
		t.Errorf("%d requests in the victim's name", n)
	}
	b.pass(23 * time.Hour)
	flood()
	if n := b.number(`SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("within the day the victim gets %d mails", n)
	}
	b.pass(2 * time.Hour)
	flood()
	if n := b.number(`SELECT count(*) FROM outbox`); n > 2 {
		t.Errorf("on two days the victim gets %d mails", n)
	}
}

// TestStormHitsTheLimits: a thousand senders at once, read by several watchers.
func TestStormHitsTheLimits(t *testing.T) {
	b := setup(t)
	l := record.CaseLimits{AcknowledgedPerHour: 30, AcknowledgedPerHourPerDomain: 5, UnacknowledgedPerHour: 20, PerSenderPerHour: 5}
	storm := func(from int) {
		allNil(t, atOnce(t, 4, func(ctx context.Context, watcher int) error {
			for batch := range 5 {
				var mails []record.Inbound
				for i := range 50 {
					n := from + watcher*250 + batch*50 + i
					mails = append(mails, letter(uint32(n+1), name("sender%d@domain%d.test", n, n%20), limited(l)))
				}
				if err := b.StoreInbound(ctx, "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: uint32(from + 1000)}, mails); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	counts := func() []int {
		return []int{
			b.number(`SELECT count(*) FROM outbox`), b.number(`SELECT count(*) FROM request WHERE attention = 'unacknowledged'`),
			b.number(`SELECT count(*) FROM message WHERE request_id IS NULL AND raw IS NULL`), b.number(`SELECT count(*) FROM message`),
		}
	}
	storm(0)
	if got := counts(); !slices.Equal(got, []int{30, 20, 950, 1000}) {
		t.Errorf("acknowledged, before people, left in the mailbox, recorded: %v", got)
	}
	left, err := b.CasesLeft(t.Context(), b.Now().Add(-time.Hour))
	if err != nil || left != 950 {
		t.Errorf("%d are said to be left, %v", left, err)
	}
	b.pass(61 * time.Minute)
	storm(1000)
	if got := counts(); !slices.Equal(got, []int{60, 40, 1900, 2000}) {
		t.Errorf("an hour later: %v", got)
	}
	// What is found late is a person's own doing.
	if id := b.arrives(letter(5000, "late@domain1.test", limited(l), withheld(record.WithheldLate))); id == "" || b.details(id).Attention != dsr.Unacknowledged {
		t.Error("a mail that was found late is left in the mailbox")
	}
	b.pass(25 * time.Hour)
	b.arrives(letter(5001, "new@domain1.test", limited(l)))
	if n := b.number(`SELECT count(*) FROM mail_case`); n != 1 {
		t.Errorf("after a day %d senders are still counted", n)
	}
}

// TestDomainHasItsShare: one domain can't use up what others need.
func TestDomainHasItsShare(t *testing.T) {
	b := setup(t)
	l := limits
	l.AcknowledgedPerHourPerDomain = 2
	for uid := uint32(1); uid <= 4; uid++ {
		b.arrives(letter(uid, name("u%d@one.test", uid), limited(l)))
	}
	id := b.arrives(letter(5, "u@two.test", limited(l)))
	if d := b.details(id); d.Attention != "" {
		t.Errorf("another domain: %q", d.Attention)
	}
	if n := b.number(`SELECT count(*) FROM request WHERE attention = 'unacknowledged'`); n != 2 {
		t.Errorf("%d of four are unacknowledged", n)
	}
}

// TestWithheldBeginsBeforeAPerson: with the reason, and without a mail.
func TestWithheldBeginsBeforeAPerson(t *testing.T) {
	b := setup(t)
	for i, c := range []struct {
		change func(*record.Case)
		want   dsr.Attention
	}{
		{withheld(record.WithheldDoubtful), dsr.DoubtfulMail},
		{withheld(record.WithheldLate), dsr.Unacknowledged},
		{func(c *record.Case) { c.Request.Attention = dsr.SeveralRights; c.Withhold(record.WithheldLate) }, dsr.SeveralRights},
	} {
		id := b.arrives(letter(uint32(i+1), name("u%d@lumiere.test", i), c.change))
		d := b.details(id)
		if d.Attention != c.want || d.Events[0].Facts["attention"] != string(c.want) || !slices.Contains(d.Awaiting, dsr.Approve) {
			t.Errorf("%q: %+v", d.Attention, d.Events[0].Facts)
		}
	}
	old := letter(9, "old@lumiere.test")
	old.Backfilled = true
	if d := b.details(b.arrives(old)); d.Attention != dsr.Unacknowledged || d.Events[0].Facts["withheld"] != string(record.WithheldLate) {
		t.Errorf("old mail: %q %v", d.Attention, d.Events[0].Facts)
	}
	if n := b.number(`SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// answers is a reply that brings details.
func answers(request string, uid uint32, e dsr.Elements) record.Inbound {
	m := inbound(request, uid, "unclear")
	m.Purpose, m.Details, m.ReceivedAt = mailout.Details, &e, noon.Add(time.Duration(uid)*time.Second)
	return m
}

func TestDetailsByReply(t *testing.T) {
	b := setup(t)
	id := b.arrives(letter(1, "marie@lumiere.test"))
	b.walk(id, dsr.AwaitingDetails)
	b.arrives(answers(id, 2, dsr.Elements{AccountName: canary("account")}))
	d := b.details(id)
	if d.Intake.Elements != (dsr.Elements{Email: "marie@lumiere.test", AccountName: canary("account")}) || d.Replies[1].Verdict != "details" {
		t.Errorf("%+v %+v", d.Intake.Elements, d.Replies)
	}
	i := slices.IndexFunc(d.Events, func(e dsr.Event) bool { return e.Type == dsr.EventDetailsReceived })
	if i < 0 || !cmp.Equal(d.Events[i].Facts, map[string]any{"elements": []any{"account_name"}, "by": "reply"}) {
		t.Errorf("%+v", d.Events)
	}
	if n := b.number(`SELECT count(*) FROM signal WHERE kind = 'details'`); n != 1 || b.replySignals() != 0 {
		t.Errorf("told %d times, and %d times of a reply", n, b.replySignals())
	}
	b.findNowhere("canary-")
	// The same again changes nothing, something else is for a person.
	b.arrives(answers(id, 3, dsr.Elements{AccountName: canary("account")}))
	if n := b.number(`SELECT count(*) FROM signal WHERE kind = 'details'`); n != 1 || b.replySignals() != 0 {
		t.Errorf("the same again: told %d times, and %d times of a reply", n, b.replySignals())
	}
	b.arrives(answers(id, 4, dsr.Elements{AccountName: "another"}))
	if d := b.details(id); b.replySignals() != 1 || d.Intake.Elements.AccountName != canary("account") || d.Replies[3].Verdict != "unclear" {
		t.Errorf("something else: told %d times, %+v", b.replySignals(), d.Intake.Elements)
	}
}

// TestDetailsTooLate: once the account has been looked for, an answer is read by a
// person.
func TestDetailsTooLate(t *testing.T) {
	b := setup(t)
	id := b.arrives(letter(1, "marie@lumiere.test"))
	b.walk(id, dsr.Identifying)
	b.arrives(answers(id, 2, dsr.Elements{AccountName: "lumiere"}))
	if d := b.details(id); d.Replies[1].Verdict != "unclear" || d.Intake.Elements.AccountName != "" || b.replySignals() != 1 {
		t.Errorf("%+v, told %d times", d.Replies[1], b.replySignals())
	}
	wantError(t, "by a person", b.Supplement(t.Context(), id, dsr.Elements{AccountName: "x"}, dsr.ByPerson, "officer"), dsr.ErrConflict)
	wantError(t, "of no request", b.Supplement(t.Context(), uuid.NewString(), dsr.Elements{AccountName: "x"}, dsr.ByPerson, "officer"), dsr.ErrNotFound)
}

// TestDetailsInASecondMail: a second mail may say what the first did not.
func TestDetailsInASecondMail(t *testing.T) {
	b := setup(t)
	id := b.arrives(letter(1, "marie@lumiere.test"))
	second := letter(2, "marie@lumiere.test", func(c *record.Case) { c.Request.Intake.Elements.AccountName = "lumiere" })
	if got := b.arrives(second); got != id || b.details(id).Intake.Elements.AccountName != "lumiere" || b.replySignals() != 0 {
		t.Errorf("it belongs to %q, told %d times", got, b.replySignals())
	}
}

func TestTeamSupplementsAndCorrects(t *testing.T) {
	b := setup(t)
	id := b.arrives(letter(1, "marie@lumiere.test"))
	for _, value := range []string{"lumiere", "lumière"} {
		must(t, b.Supplement(t.Context(), id, dsr.Elements{AccountName: value, Email: "other@lumiere.test"}, dsr.ByPerson, "officer"))
		if got := b.details(id).Intake.Elements; got != (dsr.Elements{Email: "marie@lumiere.test", AccountName: value}) {
			t.Errorf("%+v", got)
		}
	}
	if last := b.details(id).Events; last[len(last)-1].Actor != "officer" {
		t.Errorf("%+v", last)
	}
}

func TestFormRequest(t *testing.T) {
	b := setup(t)
	m := letter(1, "marie@lumiere.test")
	form := m.Case.Request.Mail.FormToken[len("f."):]
	id := b.arrives(m)
	if r, err := b.FormRequest(t.Context(), form); err != nil || r.ID != id || r.Intake.Elements.Email != "marie@lumiere.test" {
		t.Errorf("%+v, %v", r, err)
	}
	for what, token := range map[string]string{"another": "x", "nothing": "", "that of the reply": m.Case.Request.Mail.Token[2:]} {
		_, err := b.FormRequest(t.Context(), token)
		wantError(t, what, err, dsr.ErrNotFound)
	}
	if _, known, err := b.FindToken(t.Context(), "c."+form); known || err != nil {
		t.Errorf("a mail can answer with the token of the form: %v", err)
	}
	b.walk(id, dsr.Identifying)
	_, err := b.FormRequest(t.Context(), form)
	wantError(t, "after the account was looked for", err, dsr.ErrNotFound)
	expired := letter(2, "paul@lumiere.test")
	b.arrives(expired)
	b.pass(22 * 24 * time.Hour)
	_, err = b.FormRequest(t.Context(), expired.Case.Request.Mail.FormToken[len("f."):])
	wantError(t, "expired", err, dsr.ErrNotFound)
}

// TestLateYesBelongsToTheNewRequest: the request that it renews hears nothing, and
// is read with what was filed; the new one begins as any other.
func TestLateYesBelongsToTheNewRequest(t *testing.T) {
	b := setup(t)
	id := b.file()
	m := asking(mailout.Confirmation, "a", b.Now())
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Mails: []record.NewMail{m}})
	b.walk(id, dsr.AwaitingPerson)
	if o, _, err := b.FindToken(t.Context(), m.Token); err != nil || o.Expired != nil {
		t.Errorf("an open request counts as expired: %v", err)
	}
	b.take(id, record.Step{Name: "end", Event: dsr.EventExpired, To: dsr.Expired, Outcome: dsr.ExpiredOutcome, EndTokens: true})
	o, known, err := b.FindToken(t.Context(), m.Token)
	if err != nil || !known || o.Expired == nil || o.Expired.Elements != intake("").Elements {
		t.Fatalf("the owner of the token: %+v, %v", o.Expired, err)
	}
	late := letter(9, "marie@lumiere.test")
	late.RequestID, late.Purpose, late.Tell = id, mailout.Confirmation, true
	if got := b.arrives(late); got == id || got != late.Case.Request.ID {
		t.Errorf("it belongs to %q", got)
	}
	if d := b.details(id); d.Attention != dsr.NoAttention || b.replySignals() != 0 {
		t.Errorf("the old request: attention %q, %d signals", d.Attention, b.replySignals())
	}
	// Beyond the limits a person reads it, with the request that has ended.
	beyond := letter(10, "paul@lumiere.test", limited(record.CaseLimits{}))
	beyond.RequestID, beyond.Tell = id, true
	if got := b.arrives(beyond); got != id || b.details(id).Attention != dsr.UnclearReply {
		t.Errorf("it belongs to %q, attention %q", got, b.details(id).Attention)
	}
}
