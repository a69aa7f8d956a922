package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/dsr"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// api is a server that speaks as the API does.
type api struct {
	environ []string
	status  int // answered in place of the right one
	method  string
	path    string
	query   string
	header  http.Header
	body    string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{}
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	a.environ = []string{"HABEAS_URL=" + server.URL, "HABEAS_TOKEN=the token", "TEMPORAL_ADDRESS=ignored"}
	return a
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.method, a.path, a.query, a.header, a.body = r.Method, r.URL.Path, r.URL.RawQuery, r.Header, string(body)
	w.Header().Set("Content-Type", "application/json")
	if a.status != 0 {
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, `{"error": {"code": "code", "message": "What is wrong.", "fields": [{"field": "email", "problem": "is required"}]}}`)
		return
	}
	var answer any = details()
	switch {
	case strings.HasSuffix(r.URL.Path, "/stores"):
		answer = map[string][]dsr.Clearance{"stores": {{Store: "app", Dataset: "shop", Enabled: true, PlanID: "the plan", Actor: "ann", At: &noon}, {Store: "bills", Dataset: "bills"}}}
	case strings.Contains(r.URL.Path, "/stores/"):
		answer = dsr.Clearance{Store: "app", Dataset: "shop", Actor: "ann", At: &noon}
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/requests"):
		answer = dsr.Receipt{RequestID: "id", Reference: "H-7K3M-9QXT", ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)}
	case r.Method == http.MethodPost:
		answer = dsr.DecisionView{ID: "d", Action: dsr.Action(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]), Actor: "the approver", At: noon, Accepted: true}
	case strings.HasSuffix(r.URL.Path, "/requests"):
		answer = dsr.SummaryPage{Requests: []dsr.Summary{details().Summary}, Next: "cursor"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func details() dsr.Details {
	return dsr.Details{
		Summary: dsr.Summary{ID: "id", Reference: "H-7K3M-9QXT", Right: dsr.Erasure, State: dsr.AwaitingApproval, Attention: dsr.PlanApproval, ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)},
		Events:  []dsr.Event{{Seq: 1, At: noon, Type: dsr.EventReceived}, {Seq: 2, At: noon, Type: dsr.EventDecided, Actor: "the handler"}},
		PlanID:  "the plan", Plan: []dsr.PlanLine{{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 12, RowsToErase: 11, RowsToRetain: 1, RowsShared: 2, Basis: "accounting", Reached: []string{"posts.author ← the account"}}},
		Awaiting: []dsr.Action{dsr.Approve, dsr.Reject},
	}
}

func TestRequestSubmit(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	args := []string{"request", "submit", "--email", "marie@lumiere.test", "--account-name", "lumiere", "--name", "Marie", "--language", "fr",
		"--business-id", "FR1", "--mailing-address", "Paris", "--message", "please", "--idempotency-key", "key"}
	run(t, input{environ: a.environ}, args...).ends(t, cli.ExitOK, "H-7K3M-9QXT", "2026-04-05")
	if a.method != "POST" || a.path != "/api/v1/requests" || a.header.Get("Authorization") != "Bearer the token" || a.header.Get("Idempotency-Key") != "key" {
		t.Errorf("%s %s %v", a.method, a.path, a.header)
	}
	var got dsr.Intake
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	want := dsr.Intake{
		Right: dsr.Erasure, Name: "Marie", Language: "fr", Message: "please", IdempotencyKey: "key",
		Elements: dsr.Elements{Email: "marie@lumiere.test", AccountName: "lumiere", BusinessID: "FR1", MailingAddress: "Paris"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +sent)\n%s", diff)
	}
	var receipt dsr.Receipt
	r := run(t, input{environ: a.environ}, "request", "submit", "--right", "access", "--json")
	if r.json(t, &receipt); receipt.Reference != "H-7K3M-9QXT" {
		t.Errorf("%+v", receipt)
	}
	// A key of its own makes the retries of the HTTP client harmless.
	if _, err := uuid.Parse(a.header.Get("Idempotency-Key")); err != nil {
		t.Errorf("key %q", a.header.Get("Idempotency-Key"))
	}
}

func TestRequestList(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := run(t, input{environ: a.environ}, "request", "list", "--open", "--state", "erasing", "--attention", "store_failing", "--limit", "7", "--before", "c")
	r.ends(t, cli.ExitOK)
	want := "REFERENCE    RIGHT    STATE              ATTENTION      RECEIVED    DUE\n" +
		"H-7K3M-9QXT  erasure  awaiting_approval  plan_approval  2026-03-05  2026-04-05\nMore: --before cursor\n"
	if diff := cmp.Diff(want, r.out); diff != "" {
		t.Errorf("(-want +said)\n%s", diff)
	}
	if a.query != "attention=store_failing&before=c&limit=7&open=true&state=erasing" {
		t.Errorf("asked for %s", a.query)
	}
	var page dsr.SummaryPage
	if run(t, input{environ: a.environ}, "request", "list", "--json").json(t, &page); len(page.Requests) != 1 || page.Next != "cursor" {
		t.Errorf("%+v", page)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	list := run(t, input{environ: a.environ}, "store", "list")
	list.ends(t, cli.ExitOK)
	want := "STORE  DATASET  MODE     BY   SINCE       PLAN\napp    shop     enabled  ann  2026-03-05  the plan\nbills  bills    observe                   \n"
	if diff := cmp.Diff(want, list.out); diff != "" {
		t.Errorf("(-want +said)\n%s", diff)
	}
	run(t, input{environ: a.environ}, "store", "enable", "app").ends(t, cli.ExitUsage)
	run(t, input{environ: a.environ}, "store", "enable", "app", "--plan", "p").ends(t, cli.ExitOK, "may write to app")
	if a.path != "/api/v1/stores/app/enable" || a.body != `{"plan_id":"p"}` {
		t.Errorf("%s %s", a.path, a.body)
	}
	run(t, input{environ: a.environ}, "store", "observe", "app").ends(t, cli.ExitOK, "only observed")
	if a.method != "POST" || a.path != "/api/v1/stores/app/observe" {
		t.Errorf("%s %s", a.method, a.path)
	}
	var c dsr.Clearance
	if run(t, input{environ: a.environ}, "store", "observe", "app", "--json").json(t, &c); c.Actor != "ann" {
		t.Errorf("%+v", c)
	}
}

func TestRequestShow(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := run(t, input{environ: a.environ}, "request", "show", "H-7K3M-9QXT")
	r.ends(t, cli.ExitOK, "H-7K3M-9QXT  erasure  awaiting_approval", "needs attention: plan_approval", "you can: [approve reject]", "plan: the plan",
		"12 matched, 11 to erase, 1 to keep", "found by posts.author ← the account", "2 more are others' too", "kept on the basis: accounting", noon.Local().Format(time.DateTime), "decided", "the handler")
	if a.path != "/api/v1/requests/H-7K3M-9QXT" {
		t.Errorf("asked for %s", a.path)
	}
	var d dsr.Details
	if run(t, input{environ: a.environ}, "request", "show", "id", "--json").json(t, &d); d.PlanID != "the plan" || len(d.Events) != 2 {
		t.Errorf("%+v", d)
	}
}

func TestRequestDecisions(t *testing.T) {
	t.Parallel()
	for action, flags := range map[dsr.Action][]string{
		dsr.Approve: {"--about", "the plan"}, dsr.Reject: {"--reason", "why"}, dsr.Cancel: nil, dsr.Pause: nil, dsr.Resume: nil, dsr.Retry: {"--store", "app"}, dsr.Ask: nil, dsr.Resolve: {"--reason", "done by hand"},
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			args := append([]string{"request", string(action), "H-7K3M-9QXT"}, flags...)
			run(t, input{environ: a.environ}, args...).ends(t, cli.ExitOK, string(action), "the approver")
			if a.method != "POST" || a.path != "/api/v1/requests/H-7K3M-9QXT/"+string(action) {
				t.Errorf("%s %s", a.method, a.path)
			}
			var sent map[string]string
			if err := json.Unmarshal([]byte(a.body), &sent); err != nil {
				t.Fatal(err)
			}
			if _, err := uuid.Parse(sent["id"]); err != nil {
				t.Errorf("a decision without an id is another at every retry: %v", sent)
			}
			delete(sent, "id")
			want := map[string]string{}
			for i := 0; i < len(flags); i += 2 {
				want[strings.TrimPrefix(flags[i], "--")] = flags[i+1]
			}
			if diff := cmp.Diff(want, sent); diff != "" {
				t.Errorf("(-want +sent)\n%s", diff)
			}
			const id = "4f1c0f6e-5d2f-4b7e-9d1a-0a5f6f1e2b3c"
			var view dsr.DecisionView
			run(t, input{environ: a.environ}, append(args, "--json", "--id", id)...).json(t, &view)
			if view.Action != action || !strings.Contains(a.body, id) {
				t.Errorf("%+v from %s", view, a.body)
			}
		})
	}
	if len(dsr.Actions()) != 8 {
		t.Error("an action has no command")
	}
}

// TestExitCodes: a script can tell what to do next.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]int{
		http.StatusNotFound: cli.ExitNotFound, http.StatusConflict: cli.ExitConflict, http.StatusServiceUnavailable: cli.ExitUnavailable,
		http.StatusTooManyRequests: cli.ExitUnavailable, http.StatusBadGateway: cli.ExitUnavailable, http.StatusGatewayTimeout: cli.ExitUnavailable,
		http.StatusUnprocessableEntity: cli.ExitUsage, http.StatusBadRequest: cli.ExitUsage, http.StatusInternalServerError: cli.ExitFailed,
		http.StatusUnauthorized: cli.ExitFailed, http.StatusForbidden: cli.ExitFailed,
	} {
		a := newAPI(t)
		a.status = status
		for _, args := range [][]string{{"submit"}, {"list"}, {"show", "id"}, {"approve", "id"}, {"cancel", "id"}} {
			args = append([]string{"request"}, args...)
			run(t, input{environ: a.environ}, args...).ends(t, code, "What is wrong.; email is required")
			r := run(t, input{environ: a.environ}, append(args, "--json")...)
			if text := r.complaint(t); r.code != code || r.out != "" || text != "What is wrong.; email is required" {
				t.Errorf("%d %v: %+v", status, args, r)
			}
		}
	}
}

func TestServerOfRequestsIsAway(t *testing.T) {
	t.Parallel()
	r := run(t, input{environ: []string{"HABEAS_URL=http://127.0.0.1:1", "HABEAS_TOKEN=canary"}}, "request", "list")
	r.ends(t, cli.ExitUnavailable, "http://127.0.0.1:1")
	if strings.Contains(r.out+r.err, "canary") {
		t.Errorf("the token was printed: %s", r.err)
	}
}

func TestWhereAndWho(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	run(t, input{}, "request", "list").ends(t, cli.ExitUsage, "HABEAS_TOKEN")
	run(t, input{environ: []string{"HABEAS_TOKEN=t", "HABEAS_URL=nowhere"}}, "request", "list").ends(t, cli.ExitUsage, "https://host/path")
	url := strings.TrimPrefix(a.environ[0], "HABEAS_URL=")
	run(t, input{environ: []string{"HABEAS_TOKEN=another", "HABEAS_URL=http://127.0.0.1:1"}}, "request", "list", "--url", url, "--token", "mine").ends(t, cli.ExitOK)
	if a.header.Get("Authorization") != "Bearer mine" {
		t.Errorf("the flag does not win: %s", a.header.Get("Authorization"))
	}
}
