package workflows_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/workflows"
)

var update = flag.Bool("update", false, "write testdata anew from what happens now")

// event is something that happens to a request after a time.
type event struct {
	after time.Duration
	do    func(*office)
}

func reply(id, verdict string, to mailout.Purpose) func(*office) {
	return func(o *office) { o.hears(workflows.Message{ID: id, Verdict: verdict, Purpose: string(to)}) }
}

func yes(id string) func(*office)     { return reply(id, workflows.VerdictConfirm, mailout.Confirmation) }
func no(id string) func(*office)      { return reply(id, workflows.VerdictCancel, mailout.Confirmation) }
func unclear(id string) func(*office) { return reply(id, "unclear", mailout.Confirmation) }

func suspicious(id string) func(*office) {
	return func(o *office) {
		o.hears(workflows.Message{ID: id, Verdict: "unclear", Purpose: string(mailout.Confirmation), Outcome: workflows.Suspicious})
	}
}

func mailed(p mailout.Purpose, outcome string) func(*office) {
	return func(o *office) {
		o.env.SignalWorkflow(workflows.SignalInbox, workflows.Message{Kind: workflows.KindMail, Purpose: string(p), Outcome: outcome})
	}
}

func decide(a dsr.Action) func(*office) { return func(o *office) { o.decides(a, "") } }

func approve(about string) func(*office) { return func(o *office) { o.decides(dsr.Approve, about) } }

// meanwhile is for what happens while an activity is under way.
func meanwhile(a dsr.Action) func(*office) { return func(o *office) { <-o.decides(a, "") } }

// scenario is how a request turns out and what happens meanwhile. What becomes of
// it stands in testdata/scenarios.txt under the name of the scenario.
type scenario struct {
	file   casefile
	events []event
}

// play returns everything that happened, one line each; the last is how it ended.
func (s scenario) play(t *testing.T) string {
	t.Helper()
	o := newOffice(t, s.file)
	for _, e := range s.events {
		o.at(e.after, e.do)
	}
	result, err := o.run()
	if err != nil {
		t.Errorf("the workflow failed: %v", err)
	}
	for _, broken := range o.promises(result) {
		t.Errorf("broken: %s", broken)
	}
	return strings.Join(append(o.log, fmt.Sprintf("%s: %s", result.State, result.Outcome)), "\n") + "\n"
}

func TestRequest(t *testing.T) {
	t.Parallel()
	const golden = "testdata/scenarios.txt"
	data, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want, got, lock := sections(string(data)), map[string]string{}, sync.Mutex{}
	t.Run("scenarios", func(t *testing.T) {
		for name, s := range scenarios() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				played := s.play(t)
				lock.Lock()
				got[name] = played
				lock.Unlock()
				if diff := cmp.Diff(want[name], played); diff != "" && !*update {
					t.Errorf("what happened (-want +got):\n%s", diff)
				}
			})
		}
	})
	if *update {
		var text strings.Builder
		for _, name := range slices.Sorted(maps.Keys(got)) {
			fmt.Fprintf(&text, "== %s\n%s\n", name, got[name])
		}
		if err := os.WriteFile(golden, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok && !*update {
			t.Errorf("%s tells of a scenario that is not there: %s", golden, name)
		}
	}
}

// scenarios returns all scenarios by name.
func scenarios() map[string]scenario {
	all := map[string]scenario{}
	for _, group := range []map[string]scenario{confirming(), asking(), finding(), thinking(), erasing(), answering()} {
		maps.Copy(all, group)
	}
	return all
}

// sections reads the golden file: what is expected by name of the scenario.
func sections(text string) map[string]string {
	all := map[string]string{}
	for section := range strings.SplitSeq(text, "== ") {
		if name, lines, ok := strings.Cut(section, "\n"); ok {
			all[name] = strings.TrimSpace(lines) + "\n"
		}
	}
	return all
}

// confirming is what can become of the confirmation mail.
func confirming() map[string]scenario {
	return map[string]scenario{
		"confirmed and erased": {
			file:   casefile{stores: []string{"app", "billing", "uploads"}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"reminded after five days, expired after twenty-one": {},
		"a mailbox that was not read for days expires nothing": {
			file: casefile{unread: 40}, events: []event{{22 * day, yes("m1")}},
		},
		"a mailbox that was not read for an hour": {file: casefile{unread: 6}},
		"a step is refused, and what was wrong is mended": {
			file:   casefile{fail: map[string][]string{"AskConfirmation": {activities.CodeConfiguration}}},
			events: []event{{day, decide(dsr.Retry)}, {2 * day, yes("m1")}},
		},
		"due soon: expires before any reminder": {file: casefile{expiry: 3 * day}},
		"an explicit no": {
			events: []event{{time.Hour, no("m1")}},
		},
		"confirmed twice, and heard of twice": {
			events: []event{{time.Hour, yes("m1")}, {time.Hour, yes("m1")}, {time.Hour, yes("m2")}},
		},
		"an unclear reply, approved by name": {
			events: []event{
				{time.Hour, unclear("m1")}, {2 * time.Hour, approve("")}, {2 * time.Hour, approve("m2")}, {3 * time.Hour, approve("m1")},
			},
		},
		"an unclear reply heard of twice is put before a person once": {
			file: casefile{cooling: 72 * time.Hour},
			events: []event{
				{time.Hour, unclear("m1")}, {time.Hour, unclear("m1")}, {3 * time.Hour, approve("m1")},
			},
		},
		"an unclear reply, then an explicit yes": {
			events: []event{{time.Hour, unclear("m1")}, {2 * time.Hour, yes("m2")}},
		},
		"a second unclear reply: the first can't be approved any more": {
			events: []event{
				{time.Hour, unclear("m1")}, {2 * time.Hour, unclear("m2")}, {3 * time.Hour, approve("m1")}, {4 * time.Hour, approve("m2")},
			},
		},
		"an unclear reply never expires": {
			events: []event{{20 * day, unclear("m1")}, {40 * day, approve("m1")}},
		},
		"after an unclear reply a person asks again, and gets a yes": {
			events: []event{{20 * day, unclear("m1")}, {21 * day, decide(dsr.Ask)}, {30 * day, yes("m2")}},
		},
		"after an unclear reply a person asks again, beyond the first time": {
			events: []event{{20 * day, unclear("m1")}, {40 * day, decide(dsr.Ask)}, {50 * day, yes("m2")}},
		},
		"after an unclear reply a person asks again, and nobody answers": {
			events: []event{{day, unclear("m1")}, {2 * day, decide(dsr.Ask)}},
		},
		"two people at once: both ask again": {
			events: []event{
				{day, unclear("m1")}, {2 * day, func(o *office) { o.decides(dsr.Ask, ""); o.decides(dsr.Ask, "") }}, {3 * day, yes("m2")},
			},
		},
		"two people at once: asking again and approving the same reply": {
			events: []event{
				{day, reply("m1", "unclear", mailout.Acknowledgement)},
				{2 * day, func(o *office) { o.decides(dsr.Approve, "m1"); o.decides(dsr.Ask, "") }}, {3 * day, decide(dsr.Cancel)},
			},
		},
		"an unclear reply, and then the mail comes back": {
			events: []event{{time.Hour, mailed(mailout.Confirmation, workflows.MailBounced)}, {day, unclear("m1")}, {30 * day, approve("m1")}},
		},
		"an unclear reply stays before a person when the reminder comes back": {
			events: []event{{day, unclear("m1")}, {6 * day, mailed(mailout.Reminder, workflows.MailBounced)}, {30 * day, approve("m1")}},
		},
		"nothing expires during a pause, whatever the mailboxes do": {
			file: casefile{unread: 40}, events: []event{{21*day + time.Hour, decide(dsr.Pause)}, {40 * day, decide(dsr.Cancel)}},
		},
		"cancelled while a step is refused": {
			file:   casefile{fail: map[string][]string{"AskConfirmation": {activities.CodeConfiguration, activities.CodeConfiguration}}},
			events: []event{{day, no("m1")}},
		},
		"nobody is asked again without a reply": {
			events: []event{{day, decide(dsr.Ask)}, {2 * day, yes("m1")}},
		},
		"a reply that only bears the person's name: they are told, once": {
			events: []event{{time.Hour, suspicious("m1")}, {2 * time.Hour, suspicious("m2")}, {3 * time.Hour, no("m3")}},
		},
		"an unclear reply to another mail can be read, and confirms nothing": {
			events: []event{{time.Hour, reply("m1", "unclear", mailout.Acknowledgement)}, {2 * time.Hour, approve("m1")}},
		},
		"a mail about another mail read after the end of the time": {
			events: []event{{20 * day, reply("m1", "unclear", mailout.Acknowledgement)}, {22 * day, approve("m1")}},
		},
		"the confirmation mail comes back and is sent again": {
			events: []event{
				{time.Hour, mailed(mailout.Confirmation, workflows.MailBounced)}, {day, decide(dsr.Retry)}, {2 * day, yes("m1")},
			},
		},
		"the reminder comes back: the address can't be reached": {
			events: []event{{6 * day, mailed(mailout.Reminder, workflows.MailBounced)}, {7 * day, decide(dsr.Reject)}},
		},
		"a reply comes although the mail came back": {
			events: []event{{time.Hour, mailed(mailout.Confirmation, workflows.MailBounced)}, {day, yes("m1")}},
		},
		"the confirmation mail can't be delivered, and is sent again": {
			events: []event{
				{time.Hour, mailed(mailout.Confirmation, workflows.MailFailed)}, {day, decide(dsr.Retry)}, {2 * day, yes("m1")},
			},
		},
		"the confirmation mail can't be delivered twice": {
			events: []event{
				{time.Hour, mailed(mailout.Confirmation, workflows.MailFailed)}, {day, decide(dsr.Retry)},
				{2 * day, mailed(mailout.Confirmation, workflows.MailFailed)}, {3 * day, decide(dsr.Reject)},
			},
		},
		"an approval while a second unclear reply is being recorded is refused, not lost": {
			file:   casefile{during: map[string]func(*office){"Attend/2": func(o *office) { <-o.decides(dsr.Approve, "m1") }}},
			events: []event{{time.Hour, unclear("m1")}, {3 * time.Hour, unclear("m2")}, {4 * time.Hour, approve("m2")}},
		},
		"the database is down for a while": {
			file: casefile{fail: map[string][]string{
				"Begin":     {activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable},
				"Confirmed": {activities.CodeUnavailable},
			}},
			events: []event{{time.Hour, yes("m1")}},
		},
	}
}

// finding is what can come of looking for the account.
func finding() map[string]scenario {
	unmatched := casefile{match: activities.Unmatched}
	mismatched := casefile{match: activities.Mismatched, candidates: 1}
	addressYes := reply("a1", workflows.VerdictConfirm, mailout.AddressCheck)
	return map[string]scenario{
		"nobody known: answered, and told that nothing is held": {file: unmatched, events: []event{{time.Hour, addressYes}}},
		"nobody known: no answer":                               {file: unmatched},
		"nobody known: cancelled":                               {file: unmatched, events: []event{{time.Hour, no("m1")}}},
		"nobody known: an unclear answer, approved": {
			file:   unmatched,
			events: []event{{time.Hour, reply("a1", "unclear", mailout.AddressCheck)}, {2 * time.Hour, approve("a1")}},
		},
		"mismatch: never expires, and a person rejects": {
			file: mismatched, events: []event{{30 * day, decide(dsr.Reject)}},
		},
		"mismatch: approved, then confirmed": {
			file: mismatched, events: []event{{time.Hour, approve("")}, {2 * time.Hour, yes("m1")}},
		},
		"mismatch: the answer to the address check confirms nothing": {
			file: mismatched, events: []event{{time.Hour, addressYes}, {2 * time.Hour, approve("")}},
		},
		"mismatch: an unclear answer to the address check confirms nothing": {
			file: mismatched,
			events: []event{
				{time.Hour, reply("a1", "unclear", mailout.AddressCheck)}, {2 * time.Hour, approve("")}, {3 * time.Hour, approve("a1")},
			},
		},
		"mismatch: a person helps in another way": {file: mismatched, events: []event{{time.Hour, decide(dsr.Resolve)}}},
		"mismatch: approved, and too late to help in another way": {
			file: casefile{
				match: activities.Mismatched, candidates: 1,
				during: map[string]func(*office){"AskConfirmation/1": meanwhile(dsr.Resolve)},
			},
			events: []event{{time.Hour, approve("")}},
		},
		"mismatch: several accounts can't be approved": {
			file:   casefile{match: activities.Mismatched, candidates: 2},
			events: []event{{time.Hour, approve("")}, {2 * time.Hour, decide(dsr.Cancel)}},
		},
		"the store in which accounts stand is down": {
			file: casefile{fail: map[string][]string{
				"Identify": {activities.CodeStoreUnavailable, activities.CodeStoreUnavailable, activities.CodeStoreUnavailable},
			}},
			events: []event{{time.Hour, no("m1")}},
		},
		"the store in which accounts stand refuses, and is mended": {
			file: casefile{fail: map[string][]string{"Identify": {activities.CodeStoreDenied}}},
			events: []event{
				{time.Hour, decide(dsr.Approve)}, {2 * time.Hour, decide(dsr.Retry)}, {3 * time.Hour, no("m1")},
			},
		},
		"looking for the account takes days: cancelled meanwhile": {
			file:   casefile{takes: map[string]time.Duration{"Identify": 5 * day}},
			events: []event{{2 * day, no("m1")}},
		},
		"looking for the account takes days: rejected meanwhile": {
			file:   casefile{takes: map[string]time.Duration{"Identify": 5 * day}},
			events: []event{{time.Hour, decide(dsr.Reject)}, {2 * day, no("m1")}},
		},
		"a right that a person handles: resolved": {
			file:   casefile{right: dsr.Access},
			events: []event{{day, decide(dsr.Approve)}, {2 * day, decide(dsr.Resolve)}},
		},
		"a right that a person handles: rejected": {
			file: casefile{right: dsr.Objection}, events: []event{{day, decide(dsr.Reject)}},
		},
	}
}
