package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/workflows"
)

// TestAnyOrder lets mails, decisions, failures and time befall requests in any
// order. Whatever happens: nothing is erased without a yes to the confirmation
// mail (an explicit one, or an unclear one that a person has approved by name),
// no account is looked for before the details are there or a person goes on without,
// nothing after a cancellation that was accepted, during a pause or without the
// approval that the policy wants; every decision that was accepted is recorded;
// database and workflow agree; and every request comes to an end. The office
// watches over all of this.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	runs := 800
	if testing.Short() {
		runs = 250
	}
	ends := map[string]int{}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		o := newOffice(t, chanceFile(r))
		for range 3 + r.IntN(10) {
			o.at(time.Minute+time.Duration(r.IntN(500))*time.Hour, chance(r))
		}
		takeCare(o)
		result, err := o.run()
		broken := o.promises(result)
		if err != nil {
			broken = append(broken, "the workflow failed: "+err.Error())
		}
		if len(broken) > 0 {
			t.Fatalf("seed %d: %s\nwhat happened:\n%s", seed, strings.Join(broken, "; "), strings.Join(o.log, "\n"))
		}
		ends[string(result.Outcome)]++
	}
	for _, outcome := range []dsr.Outcome{dsr.Erased, dsr.CancelledOutcome, dsr.RefusedOutcome, dsr.ExpiredOutcome, dsr.NothingHeld} {
		if ends[string(outcome)] < runs/200 {
			t.Errorf("too few requests end as %s for this test to say anything: %v", outcome, ends)
		}
	}
}

func chanceFile(r *rand.Rand) casefile {
	c := casefile{
		match: activities.Matched, candidates: 1, approval: r.IntN(2) == 0, stricter: r.IntN(4) == 0, large: r.IntN(6) == 0,
		stores: []string{"app", "billing", "uploads"}[:1+r.IntN(3)], observed: r.IntN(6) / 5, residual: max(r.IntN(8)-3, 0),
		fail: map[string][]string{}, takes: map[string]time.Duration{}, during: map[string]func(*office){}, noAnswer: r.IntN(4) == 0,
	}
	switch r.IntN(6) {
	case 0:
		c.match = activities.Unmatched
	case 1:
		c.match, c.candidates = activities.Mismatched, 1+r.IntN(2)
	}
	if r.IntN(3) == 0 {
		c.missing = 1 + r.IntN(2)
	}
	if r.IntN(6) == 0 {
		c.triage = []dsr.Attention{dsr.DoubtfulMail, dsr.Unacknowledged}[r.IntN(2)]
	}
	if r.IntN(2) == 0 {
		c.cooling = 72 * time.Hour
	}
	if r.IntN(4) == 0 {
		c.expiry = 3 * day
	}
	stores, records := []string{"Identify", "MakePlan", "EraseStore", "Certify"}, []string{"Begin", "AskDetails", "CountMissing", "AskConfirmation", "Confirmed", "Attend", "BeginErasing", "Decided", "End", "Complete"}
	for _, name := range stores {
		if r.IntN(6) == 0 {
			c.fail[name] = codes(r, activities.CodeStoreUnavailable, activities.CodeStoreDenied, activities.CodeStoreSchema)
		}
		if r.IntN(8) == 0 {
			c.takes[name] = time.Duration(r.IntN(100)) * time.Hour
		}
	}
	for _, name := range records {
		if r.IntN(8) == 0 {
			c.fail[name] = codes(r, activities.CodeUnavailable)
		}
	}
	for _, name := range append(stores, records...) {
		if r.IntN(4) == 0 {
			c.during[fmt.Sprintf("%s/%d", name, 1+r.IntN(3))] = chance(r)
		}
	}
	return c
}

// codes returns the codes with which the first calls of an activity fail.
func codes(r *rand.Rand, from ...string) []string {
	all := make([]string, 1+r.IntN(6))
	for i := range all {
		all[i] = from[r.IntN(len(from))]
	}
	return all
}

// chance is a mail or a decision that comes at any time.
func chance(r *rand.Rand) func(*office) {
	about := []string{"", "m1", "m2", "m3", "plan1", "plan2"}[r.IntN(6)]
	actions := dsr.Actions()
	switch n := r.IntN(22); n {
	case 0, 1, 2, 3, 4:
		return answer(mailout.Confirmation, yes(""))
	case 5:
		return no("")
	case 6:
		return answer(mailout.Confirmation, unclear(""))
	case 7:
		return answer(mailout.AddressCheck, reply("", workflows.VerdictConfirm, mailout.AddressCheck))
	case 8:
		return answer(mailout.AddressCheck, reply("", "unclear", mailout.AddressCheck))
	case 14:
		return reply("", "unclear", mailout.Acknowledgement)
	case 15:
		return again
	case 9:
		return mailed(mailout.Confirmation, []string{workflows.MailFailed, workflows.MailBounced}[r.IntN(2)])
	case 10:
		return mailed(mailout.Answer, []string{workflows.MailSent, workflows.MailFailed}[r.IntN(2)])
	case 11, 12, 13:
		return approve(about)
	case 18, 19:
		return supplies
	case 20:
		return reply("", "unclear", mailout.Details)
	case 21:
		return mailed(mailout.Details, []string{workflows.MailFailed, workflows.MailBounced}[r.IntN(2)])
	}
	action := actions[r.IntN(len(actions))]
	return func(o *office) { o.decides(action, about) }
}

// answer is for a mail that can only come once ours is out.
func answer(to mailout.Purpose, do func(*office)) func(*office) {
	return func(o *office) {
		o.mu.Lock()
		asked := o.taken[map[mailout.Purpose]string{mailout.Confirmation: "confirmation", mailout.AddressCheck: "address"}[to]]
		o.mu.Unlock()
		if asked {
			do(o)
		}
	}
}

// again has the request hear of the first mail once more.
func again(o *office) {
	o.mu.Lock()
	m, ok := o.messages["m1"]
	o.mu.Unlock()
	if ok {
		o.hears(m)
	}
}

// takeCare is the people who look after every request in the end: they approve
// what waits, have stores tried again, send the answer, and at last reject.
func takeCare(o *office) {
	for days := 25; days < 300; days += 5 {
		o.at(time.Duration(days)*day, func(o *office) {
			o.mu.Lock()
			about := o.about
			o.mu.Unlock()
			for _, action := range []dsr.Action{dsr.Resume, dsr.Retry, dsr.Approve} {
				o.decides(action, about)
			}
			if days > 100 {
				mailed(mailout.Answer, workflows.MailSent)(o)
			}
			if days > 200 {
				o.decides(dsr.Reject, "")
			}
		})
	}
}
