package web

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/portal"
)

// fake is the application service as this package sees it: it records what
// reaches it and answers what a test wants.
type fake struct {
	mu        sync.Mutex
	submitted []dsr.Intake
	decided   []dsr.Decision
	filters   []dsr.ListFilter
	supplied  []dsr.Elements // given by the form or by the team
	wanted    []string       // elements for which the form asks
	personal  []bool
	err       error // answered by every method
	panics    any
	details   dsr.Details
	page      dsr.SummaryPage
}

func (f *fake) note(change func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	if f.panics != nil {
		panic(f.panics)
	}
	return f.err
}

func (f *fake) Submit(_ context.Context, in dsr.Intake) (dsr.Receipt, error) {
	err := f.note(func() { f.submitted = append(f.submitted, in) })
	return dsr.Receipt{RequestID: "req-1", Reference: "K7QM-3XTB", ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)}, err
}

func (f *fake) List(_ context.Context, filter dsr.ListFilter) (dsr.SummaryPage, error) {
	err := f.note(func() { f.filters = append(f.filters, filter) })
	return f.page, err
}

// Show opens everything whatever it is asked, so that a test sees what the web
// layer itself takes out.
func (f *fake) Show(_ context.Context, _ string, personal bool) (dsr.Details, error) {
	err := f.note(func() { f.personal = append(f.personal, personal) })
	return f.details, err
}

func (f *fake) Decide(_ context.Context, _ string, d dsr.Decision) (dsr.DecisionView, error) {
	err := f.note(func() { f.decided = append(f.decided, d) })
	return dsr.DecisionView{ID: d.ID, Action: d.Action, About: d.About, Actor: d.Actor, At: noon, Accepted: true}, err
}

func (f *fake) Supplement(_ context.Context, _ string, details dsr.Elements, _ string) (dsr.Details, error) {
	err := f.note(func() { f.supplied = append(f.supplied, details) })
	return f.details, err
}

func (f *fake) DetailsWanted(_ context.Context, token string) ([]string, error) {
	if token != formToken {
		return nil, dsr.ErrNotFound
	}
	return f.wanted, f.note(func() {})
}

func (f *fake) AnswerDetails(_ context.Context, _ string, details dsr.Elements) error {
	if err := details.Validate(f.wanted); err != nil {
		return err
	}
	return f.note(func() { f.supplied = append(f.supplied, details) })
}

// formToken is the token of the one form that is open.
var formToken = strings.Repeat("a2", 13)

func (f *fake) Certificate(context.Context, string) ([]byte, error) {
	err := f.note(func() {})
	return []byte(`{"certificate":true}`), err
}

// fakeStores is the service that says which stores may be written to.
type fakeStores struct{ *fake }

func (f fakeStores) List(context.Context) ([]dsr.Clearance, error) {
	return []dsr.Clearance{{Store: "app", Dataset: "soffiah_app"}}, f.note(func() {})
}

func (f fakeStores) Enable(_ context.Context, store, plan, actor string) (dsr.Clearance, error) {
	return dsr.Clearance{Store: store, Dataset: "soffiah_app", Enabled: true, PlanID: plan, Actor: actor, At: &noon}, f.note(func() {})
}

func (f fakeStores) Observe(_ context.Context, store, actor string) (dsr.Clearance, error) {
	return dsr.Clearance{Store: store, Dataset: "soffiah_app", Actor: actor, At: &noon}, f.note(func() {})
}

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// bench is one pair of handlers with all they stand on.
type bench struct {
	t            *testing.T
	fake         *fake
	now          time.Time
	log          *strings.Builder
	deps         Deps
	public, team http.Handler
}

// secret is the token of a role.
func secret(r access.Role) string { return "token-of-" + string(r) }

func setup(t *testing.T, change ...func(*Deps)) *bench {
	t.Helper()
	b := &bench{t: t, fake: &fake{details: sample()}, now: noon, log: &strings.Builder{}}
	b.fake.page = dsr.SummaryPage{Requests: []dsr.Summary{b.fake.details.Summary}, Next: "cursor-2"}
	reg := prometheus.NewRegistry()
	b.deps = Deps{
		Requests: b.fake, Stores: fakeStores{b.fake},
		Form: portal.Form{
			Controller: "Soffiah", PrivacyPolicy: "https://soffiah.example/privacy", Contact: "privacy@soffiah.example",
			Rights: dsr.Rights(), Required: []string{"email", "account_name"},
		},
		PublicURL: "https://privacy.example", TeamURL: "http://127.0.0.1:8081",
		Secret:  []byte(strings.Repeat("k", 32)),
		Ready:   func(context.Context) map[string]error { return map[string]error{"postgres": nil, "temporal": nil} },
		Metrics: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), Registerer: reg,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Now: func() time.Time { return b.now },
		// The tests of limits set their own.
		Submissions: guard.Rate{Burst: 1000, Every: time.Second}, Attempts: guard.Rate{Burst: 1000, Every: time.Second},
	}
	for _, r := range access.Roles() {
		sum := sha256.Sum256([]byte(secret(r)))
		b.deps.Tokens = append(b.deps.Tokens, access.Token{Name: "the " + string(r), Role: r, SHA256: sum[:]})
	}
	for _, c := range change {
		c(&b.deps)
	}
	var err error
	if b.public, err = Public(b.deps); err != nil {
		t.Fatal(err)
	}
	if b.team, err = Team(b.deps); err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a request. Headers come in pairs; the address of the caller is the
// value of "from".
func (b *bench) do(h http.Handler, method, target, body string, headers ...string) answer {
	b.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for n := 0; n+1 < len(headers); n += 2 {
		switch name := headers[n]; name {
		case "from":
			req.RemoteAddr = headers[n+1] + ":4000"
		case "Host":
			req.Host = headers[n+1]
		default:
			req.Header.Add(name, headers[n+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	res := w.Result()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{Response: res, body: string(text)}
}

// as returns the headers of an API call by a role.
func as(r access.Role) []string {
	return []string{"Authorization", "Bearer " + secret(r), "Content-Type", "application/json"}
}

// hostile is text that would do harm anywhere it is not escaped.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'`

func sample() dsr.Details {
	until := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)
	seen := noon.Add(-time.Hour)
	return dsr.Details{
		Summary: dsr.Summary{
			ID: "req-1", Reference: "K7QM-3XTB", Right: dsr.Erasure, State: dsr.AwaitingApproval, Attention: dsr.PlanApproval,
			Channel: dsr.Portal, PolicyVersion: "2026-01", ReceivedAt: noon.AddDate(0, 0, -20), DueAt: noon.AddDate(0, 0, 9),
		},
		Intake: &dsr.Intake{
			Right: dsr.Erasure, Elements: dsr.Elements{Email: "lea@example.org", AccountName: "personal-account" + hostile},
			Name: "personal-name", Message: "personal-message\nsecond line", Language: "fr", Channel: dsr.Portal,
		},
		Events: []dsr.Event{
			{Seq: 1, At: noon.AddDate(0, 0, -20), Type: dsr.EventReceived, Hash: "a"},
			{Seq: 2, At: seen, Type: dsr.EventPlanMade, Facts: map[string]any{"rows_matched": 1204, "stores": 3}, Hash: "b"},
		},
		Replies: []dsr.Reply{{ID: "reply-1", ReceivedAt: seen, SeenAt: seen, Verdict: "yes", Text: "personal-reply" + hostile}},
		Decisions: []dsr.DecisionView{
			{ID: "d1", Action: dsr.Pause, Actor: "the handler", At: seen, Accepted: true, Reason: "personal-reason"},
		},
		PlanID: "plan-7", About: "plan-7",
		Plan: []dsr.PlanLine{
			{Store: "application", Collection: "posts", Action: dsr.Delete, RowsMatched: 1204, RowsToErase: 1204, Reached: []string{"posts.author ← accounts.id; accounts.id ← the account"}},
			{Store: "application", Collection: "visits", Action: dsr.Anonymise, RowsMatched: 2, RowsToAnonymise: 2, Fields: []dsr.PlanField{{Field: "device", Becomes: "pseudonym", Basis: "statistics"}}, Cut: []string{"visits.b ← b.id: it would close a cycle"}},
			{Store: "application", Collection: "letters", Action: dsr.Leave, RowsMatched: 1, LeftBecause: dsr.SharedIdentity, RowsShared: 3, Needs: []string{"phone", "fax"}},
			{Store: "billing", Collection: "invoices", Action: dsr.Retain, RowsMatched: 14, RowsToRetain: 14, RetainedFirst: &seen, RetainedUntil: &until, Basis: "Code de commerce, art. L123-22"},
		},
		Stores: []dsr.StoreResult{
			{Store: "application", Collection: "posts", Action: dsr.Delete, RowsMatched: 1204, RowsErased: 1204, VerifiedAt: &seen},
		},
		Awaiting: []dsr.Action{dsr.Approve, dsr.Retry, dsr.Pause, dsr.Cancel, dsr.Reject},
	}
}
