package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/reply"
	"github.com/soffiah/habeas/internal/sandbox"
)

// postedLater is a posted installation whose clock skips time. The servers keep the
// time of the machine: what they receive, they receive at the beginning.
type postedLater struct {
	skipped
	posted posted
}

func installPostedLater(t *testing.T) postedLater {
	clock := &skipping{}
	clock.at.Store(new(time.Now().UTC().Truncate(time.Second)))
	p := installPosted(t, sandbox.Options{Now: clock.now, Policy: func(policy map[string]any) {
		policy["cooling_off"] = map[string]any{"erasure": "PT72H"}
	}})
	i := postedLater{skipped{installation: p.installation, clock: clock}, p}
	i.runParts()
	return i
}

// messages counts the mails from a person in the database, by verdict.
func (i postedLater) messages(requestID string) map[string]int {
	i.t.Helper()
	counts := map[string]int{}
	for _, verdict := range queryAll[string](i.t, i.ownURL(), "SELECT verdict FROM message WHERE request_id = $1", requestID) {
		counts[verdict]++
	}
	return counts
}

func (i postedLater) untilMessages(requestID, verdict string, n int) {
	i.t.Helper()
	i.until("mails judged "+verdict, func() bool { return i.messages(requestID)[verdict] >= n })
}

// A confirmation is delivered twice, the mailbox is renumbered so that all of it
// comes again, and the erasure is cancelled in the last minute.
func TestRealMailTwiceAndCancelled(t *testing.T) {
	i := installPostedLater(t)
	a := i.Company.Account(3)
	before, env := i.expected(a), i.environment()
	receipt, words := i.file(a), mailout.WordsIn(a.Language)
	i.at(env, time.Second, func() {})
	i.at(env, time.Hour, func() {
		m := i.posted.await(a, receipt, mailout.Confirmation)
		yes := letter(a, m, words.Confirm)
		for range 2 {
			i.posted.post(a.Email, i.posted.replyTo(m), yes)
		}
		i.untilMessages(receipt.RequestID, "duplicate", 1)
	})
	i.at(env, 2*time.Hour, func() {
		i.posted.servers.Renumber(t, sandbox.Mailbox)
		i.posted.servers.Kick(t, sandbox.Mailbox) // before it idles for five minutes
		i.untilMessages(receipt.RequestID, "duplicate", 3)
	})
	i.at(env, 73*time.Hour-time.Minute, func() {
		i.posted.reply(a, i.posted.await(a, receipt, mailout.CoolingOff), words.Cancel)
		i.untilMessages(receipt.RequestID, string(reply.Cancel), 1)
	})
	if result := i.live(env, receipt.RequestID); result.State != dsr.Cancelled {
		t.Errorf("the request ended as %s", result.State)
	}
	i.posted.await(a, receipt, mailout.CancelledNotice)
	if got := i.messages(receipt.RequestID); got[string(reply.Confirm)] != 1 || got[string(reply.Cancel)] != 1 || got["duplicate"] != 3 || len(got) != 3 {
		t.Errorf("mails by verdict: %v", got)
	}
	d := i.show(receipt.RequestID)
	if n := len(slices.DeleteFunc(types(d.Events), func(e dsr.EventType) bool { return e != dsr.EventConfirmed })); n != 1 {
		t.Errorf("confirmed %d times", n)
	}
	i.sameRows(a, before)
}

// The mailbox cannot be reached for three weeks. What was received in time counts
// when it is read at last, and nobody is told meanwhile that their time is over.
func TestRealMailboxIsDownForWeeks(t *testing.T) {
	const day = 24 * time.Hour
	i := installPostedLater(t)
	a := i.Company.Account(1)
	env, begun := i.environment(), i.clock.now()
	receipt := i.file(a)
	i.at(env, time.Second, func() {})
	i.at(env, time.Hour, func() {
		i.posted.imap.Down(true)
		i.posted.reply(a, i.posted.await(a, receipt, mailout.Confirmation), mailout.WordsIn(a.Language).Confirm)
		i.posted.inMailbox(a)
	})
	for _, after := range []time.Duration{21*day + time.Hour, 24 * day} {
		i.at(env, after, func() {
			if d := i.show(receipt.RequestID); d.State != dsr.AwaitingConfirmation || len(d.Replies) > 0 {
				t.Errorf("after %v the request is %s with %d replies", after, d.State, len(d.Replies))
			}
			if i.mailboxesRead(receipt.RequestID) {
				t.Errorf("after %v the mailboxes pass for read", after)
			}
		})
	}
	i.at(env, 24*day+time.Hour, func() {
		if d := i.show(receipt.RequestID); d.Attention != dsr.MailboxBehind {
			t.Errorf("nobody is told that the mailbox is not read: attention %q", d.Attention)
		}
		i.posted.imap.Down(false)
		i.untilMessages(receipt.RequestID, string(reply.Confirm), 1)
		// From here on silence would count, but for what is still on its way.
		i.until("the mailboxes to be read", func() bool {
			return query[int](t, i.ownURL(), "SELECT count(*) FROM mailbox_read WHERE read_at > (SELECT confirm_until FROM request)") == 2
		})
		if i.mailboxesRead(receipt.RequestID) {
			t.Error("what waits in our own mail server after an outage is not waited for")
		}
	})
	i.at(env, 24*day+time.Hour+time.Second, func() {}) // the notice goes out; the cooling-off begins with it
	i.at(env, 27*day+2*time.Hour, i.mailboxesAreRead)  // silence counts, and the cooling-off ends
	i.at(env, 28*day, func() {})
	if result := i.live(env, receipt.RequestID); result.State != dsr.Completed {
		t.Errorf("the request ended as %s", result.State)
	}
	d := i.show(receipt.RequestID)
	if e, ok := event(d.Events, dsr.EventConfirmed); !ok || e.At.Sub(begun) < 24*day {
		t.Errorf("confirmed %v after %v", ok, e.At.Sub(begun))
	}
	if received := d.Replies[0].ReceivedAt; received.Sub(begun) > day {
		t.Errorf("the reply counts as received after %v", received.Sub(begun))
	}
}

// mailboxesRead says whether silence is taken for an answer.
func (i postedLater) mailboxesRead(requestID string) bool {
	i.t.Helper()
	read, err := i.db.MailboxesRead(i.t.Context(), requestID, []string{i.Config.Mail.Mailboxes[0].Name, i.Config.Mail.Mailboxes[1].Name})
	if err != nil {
		i.t.Error(err)
	}
	return read
}
