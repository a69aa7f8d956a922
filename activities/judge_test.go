package activities

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/identity"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

func account(key, email, name string) trace.Candidate {
	c := trace.Candidate{
		Address: datamap.Address{Dataset: "app", Collection: "accounts"}, Key: map[string]string{"id": key},
		Identities: map[string][]string{"account_name": {name}},
	}
	if email != "" {
		c.Identities["email"] = []string{email}
	}
	return c
}

func TestJudge(t *testing.T) {
	t.Parallel()
	given := map[string]string{"email": "marie@lumiere.test", "account_name": "marie-l"}
	marie := account("1", "marie@lumiere.test", "Marie-L")
	for name, tc := range map[string]struct {
		candidates []trace.Candidate
		want       Identification
		account    string // its key; empty: none
		findings   map[string]identity.Finding
	}{
		"nobody": {nil, Identification{Unmatched, 0}, "", nil},
		"one agrees fully": {
			[]trace.Candidate{marie}, Identification{Matched, 1}, "1",
			map[string]identity.Finding{"email": identity.Agrees, "account_name": identity.Agrees},
		},
		"one agrees fully, another in part": {
			[]trace.Candidate{marie, account("2", "paul@lumiere.test", "marie-l")}, Identification{Matched, 2}, "1",
			map[string]identity.Finding{"email": identity.Agrees, "account_name": identity.Agrees},
		},
		"one agrees in part": {
			[]trace.Candidate{account("1", "marie@lumiere.test", "marie")}, Identification{Mismatched, 1}, "1",
			map[string]identity.Finding{"email": identity.Agrees, "account_name": identity.Differs},
		},
		"two agree in part": {
			[]trace.Candidate{account("1", "marie@lumiere.test", "m"), account("2", "paul@lumiere.test", "marie-l")},
			Identification{Mismatched, 2}, "",
			map[string]identity.Finding{"email": identity.Differs, "account_name": identity.Agrees},
		},
		"two agree fully": {
			[]trace.Candidate{marie, account("2", "marie@lumiere.test", "MARIE-L")}, Identification{Mismatched, 2}, "",
			map[string]identity.Finding{"email": identity.Agrees, "account_name": identity.Agrees},
		},
		"one without a mail address can't be asked, nor approved": {
			[]trace.Candidate{account("1", "", "marie-l")}, Identification{Mismatched, 2}, "",
			map[string]identity.Finding{"email": identity.NotOnFile, "account_name": identity.Agrees},
		},
		"what is not on file does not differ": {
			[]trace.Candidate{{Key: map[string]string{"id": "1"}, Identities: map[string][]string{"email": {"marie@lumiere.test"}}}},
			Identification{Matched, 1}, "1",
			map[string]identity.Finding{"email": identity.Agrees, "account_name": identity.NotOnFile},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found, findings := judge(given, tc.candidates, nil)
			if got != tc.want || !maps.Equal(findings, tc.findings) {
				t.Errorf("judge = %v, %v, want %v, %v", got, findings, tc.want, tc.findings)
			}
			key := ""
			if found != nil {
				key = found.Key["id"]
			}
			if key != tc.account {
				t.Errorf("account %q, want %q", key, tc.account)
			}
			if found != nil && found.Email != "marie@lumiere.test" {
				t.Error("the confirmation would not go to the address on the account")
			}
		})
	}
}

func TestCreditEarlierAttempts(t *testing.T) {
	t.Parallel()
	lines := []dsr.PlanLine{
		{Store: "app", Collection: "posts", RowsMatched: 5, RowsToErase: 4, RowsToAnonymise: 1},
		{Store: "billing", Collection: "posts", RowsMatched: 90, RowsToErase: 90},
	}
	for name, tc := range map[string]struct{ result, want dsr.StoreResult }{
		"an attempt before did everything": {
			dsr.StoreResult{Store: "app", Collection: "posts"},
			dsr.StoreResult{Store: "app", Collection: "posts", RowsMatched: 5, RowsErased: 4, RowsAnonymised: 1},
		},
		"more was found than planned": {
			dsr.StoreResult{Store: "app", Collection: "posts", RowsMatched: 7, RowsErased: 7},
			dsr.StoreResult{Store: "app", Collection: "posts", RowsMatched: 7, RowsErased: 7, RowsAnonymised: 1},
		},
		"nothing is credited while something is left": {
			dsr.StoreResult{Store: "app", Collection: "posts", RowsErased: 1, ResidualRows: 3},
			dsr.StoreResult{Store: "app", Collection: "posts", RowsErased: 1, ResidualRows: 3},
		},
		"another collection": {
			dsr.StoreResult{Store: "app", Collection: "comments"}, dsr.StoreResult{Store: "app", Collection: "comments"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results := []dsr.StoreResult{tc.result}
			creditEarlierAttempts(results, lines)
			if diff := cmp.Diff(tc.want, results[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResidualDuty(t *testing.T) {
	t.Parallel()
	keep := &store.Keep{Rule: "invoices"}
	target := func(collection string, k *store.Keep) store.Target {
		return store.Target{Address: datamap.Address{Dataset: "billing", Collection: collection}, Keep: k}
	}
	soon, late := now().AddDate(1, 0, 0), now().AddDate(5, 0, 0)
	for name, tc := range map[string]struct {
		targets []store.Target
		found   []store.Tally
		due     time.Time
		want    []string // collections; none: no duty
	}{
		"nothing retained": {[]store.Target{target("invoices", keep)}, []store.Tally{{}}, time.Time{}, nil},
		"left for good":    {[]store.Target{target("ledger", nil)}, []store.Tally{{Retained: 4}}, time.Time{}, nil},
		"due when the first may go": {
			[]store.Target{target("invoices", keep), target("accounts", keep), target("ledger", nil)},
			[]store.Tally{{Retained: 2, NextDue: late}, {Retained: 1, NextDue: soon}, {Retained: 1, NextDue: now()}},
			soon, []string{"invoices", "accounts"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			duty := residualDuty("billing", tc.targets, tc.found, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
			if duty == nil {
				duty = &record.NewDuty{Store: "billing", Kind: record.Residual}
			}
			var got []string
			for _, t := range duty.Targets {
				got = append(got, t.Address.Collection)
			}
			if !slices.Equal(got, tc.want) || !duty.DueAt.Equal(tc.due) || duty.Store != "billing" || duty.Kind != record.Residual {
				t.Errorf("duty %+v, want %v due %s", duty, tc.want, tc.due)
			}
		})
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	for in, want := range map[EndInput]mailout.Purpose{
		{State: dsr.Cancelled}: mailout.CancelledNotice, {State: dsr.Refused}: mailout.RefusedNotice, {State: dsr.Expired}: mailout.ExpiredNotice,
		{State: dsr.Completed, Outcome: dsr.NothingHeld}: mailout.NothingHeld, {State: dsr.Completed, Outcome: dsr.ResolvedByPerson}: "",
	} {
		if got := notice(in); got != want {
			t.Errorf("notice(%s, %s) = %q, want %q", in.State, in.Outcome, got, want)
		}
		if endEvents()[in.State] == "" {
			t.Errorf("no event says that a request ended as %s", in.State)
		}
	}
}

func TestConcerned(t *testing.T) {
	t.Parallel()
	holder := &dsr.Account{Email: "marie@lumiere.test"}
	for name, tc := range map[string]struct {
		writer  string
		account *dsr.Account
		asked   bool
		want    []string
	}{
		"nobody found":     {"paul@lumiere.test", nil, false, []string{"paul@lumiere.test"}},
		"the holder wrote": {"marie@lumiere.test", holder, true, []string{"marie@lumiere.test"}},
		"somebody else wrote, the holder was asked":  {"paul@lumiere.test", holder, true, []string{"paul@lumiere.test", "marie@lumiere.test"}},
		"somebody else wrote, the holder never knew": {"paul@lumiere.test", holder, false, []string{"paul@lumiere.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record.Request{Intake: dsr.Intake{Elements: dsr.Elements{Email: tc.writer}}, Account: tc.account}
			if got := concerned(r, tc.asked); !slices.Equal(got, tc.want) {
				t.Errorf("concerned = %v, want %v", got, tc.want)
			}
		})
	}
}

// TestKnown: the notice of cooling-off goes to every known address once, the one
// on the account first.
func TestKnown(t *testing.T) {
	t.Parallel()
	r := record.Request{Account: &dsr.Account{Email: "z@x.test", Identities: map[string][]string{"email": {"z@x.test", "b@x.test", "a@x.test", "b@x.test"}}}}
	if got, want := known(r), []string{"z@x.test", "a@x.test", "b@x.test"}; !slices.Equal(got, want) {
		t.Errorf("known = %v, want %v", got, want)
	}
	if got := known(record.Request{}); got != nil {
		t.Errorf("nobody has the addresses %v", got)
	}
}

// TestCategories: the plan in categories says of every category of data whether
// it goes or stays, each line once and in a fixed order; what stays names its basis.
func TestCategories(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	p, err := s.policies.At(now())
	if err != nil {
		t.Fatal(err)
	}
	a := New(Deps{Map: s.data})
	erased, kept := a.categories(p)
	if len(erased) == 0 || len(kept) == 0 {
		t.Fatalf("%d categories go, %d stay", len(erased), len(kept))
	}
	said := map[mailout.Line]bool{}
	for _, line := range slices.Concat(erased, kept) {
		if said[line] {
			t.Errorf("%s is said twice", line.What)
		}
		said[line] = true
	}
	for _, line := range kept {
		if line.Basis == "" {
			t.Errorf("%s stays without a reason", line.What)
		}
	}
	for range 5 {
		again, keptAgain := a.categories(p)
		if diff := cmp.Diff([][]mailout.Line{erased, kept}, [][]mailout.Line{again, keptAgain}); diff != "" {
			t.Fatalf("the order changes:\n%s", diff)
		}
	}
}

// TestAskingMailsSayTheSame: the first mail, its reminder and the notice of the
// cooling-off say all that a person must know. The reminder once said that deletion
// begins at once.
func TestAskingMailsSayTheSame(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	for activity, in := range map[string]StepInput{
		"AskConfirmation": {RequestID: requestID}, "Remind": {RequestID: requestID}, "Confirmed": {RequestID: requestID, MessageID: "m"},
	} {
		p := &ports{match: true}
		if _, err := newBench(s, p).env.ExecuteActivity(activity, in); err != nil {
			t.Fatalf("%s: %v", activity, err)
		}
		text := strings.Join(strings.Fields(p.steps[0].Mails[0].Message.Text), " ")
		want := []string{
			"What will be deleted * Account data", "* Your subscription to Soffiah", "What must stay, and why * Billing data, official identifiers, postal address, payment data, for 5 years from the last billing: establishment",
		}
		if activity != "Confirmed" {
			want = append(want, "you have 72 hours to change your mind")
		}
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("%s does not say %q:\n%s", activity, words, text)
			}
		}
	}
}
