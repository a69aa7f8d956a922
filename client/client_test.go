package client_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/portal"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// service is the application service behind the API: it answers what a test wants
// and keeps what reaches it.
type service struct {
	web.Requests // what the team's API does not call
	err          error
	intake       dsr.Intake
	filter       dsr.ListFilter
	id           string
	decision     dsr.Decision
}

func (s *service) Submit(_ context.Context, in dsr.Intake) (dsr.Receipt, error) {
	s.intake = in
	return dsr.Receipt{RequestID: "req-1", Reference: "H-7K3M-9QXT", ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)}, s.err
}

func (s *service) List(_ context.Context, f dsr.ListFilter) (dsr.SummaryPage, error) {
	s.filter = f
	return dsr.SummaryPage{Requests: []dsr.Summary{summary()}, Next: "cursor"}, s.err
}

func (s *service) Show(_ context.Context, id string, _ bool) (dsr.Details, error) {
	s.id = id
	return details(), s.err
}

func (s *service) Decide(_ context.Context, id string, d dsr.Decision) (dsr.DecisionView, error) {
	s.id, s.decision = id, d
	return dsr.DecisionView{ID: d.ID, Action: d.Action, Actor: d.Actor, At: noon, Accepted: true}, s.err
}

func (s *service) Supplement(_ context.Context, id string, d dsr.Elements, _ string) (dsr.Details, error) {
	s.id, s.intake.Elements = id, d
	return details(), s.err
}

func (s *service) Certificate(_ context.Context, id string) ([]byte, error) {
	s.id = id
	return []byte("{\n  \"signed\": \"a \\u0026 b\" }\n"), s.err
}

// stores is the service that says which stores may be written to.
type stores struct{ *service }

func (s stores) List(context.Context) ([]dsr.Clearance, error) {
	return []dsr.Clearance{{Store: "app", Dataset: "shop"}}, s.err
}

func (s stores) Enable(_ context.Context, store, plan, actor string) (dsr.Clearance, error) {
	return dsr.Clearance{Store: store, Enabled: true, PlanID: plan, Actor: actor}, s.err
}

func (s stores) Observe(_ context.Context, store, actor string) (dsr.Clearance, error) {
	return dsr.Clearance{Store: store, Actor: actor}, s.err
}

func summary() dsr.Summary {
	return dsr.Summary{ID: "req-1", Reference: "H-7K3M-9QXT", Right: dsr.Erasure, State: dsr.AwaitingApproval, Channel: dsr.Portal, ReceivedAt: noon, DueAt: noon.AddDate(0, 1, 0)}
}

func details() dsr.Details {
	return dsr.Details{
		Summary: summary(), Intake: &dsr.Intake{Right: dsr.Erasure, Name: "Marie", Channel: dsr.Portal},
		Events:  []dsr.Event{{Seq: 1, At: noon, Type: dsr.EventReceived, Facts: map[string]any{"rows": 3.0}, Hash: "a"}},
		Stores:  []dsr.StoreResult{{Store: "app", Collection: "posts", Action: dsr.Delete, RowsErased: 3, VerifiedAt: &noon}},
		Replies: []dsr.Reply{}, Decisions: []dsr.DecisionView{}, PlanID: "plan", Awaiting: []dsr.Action{dsr.Approve},
	}
}

const token = "a token of the approver"

// start serves the team's real API over the service.
func start(t *testing.T) (*service, *client.Client) {
	t.Helper()
	t.Parallel()
	s := &service{}
	sum := sha256.Sum256([]byte(token))
	handler, err := web.Team(web.Deps{
		Requests: s, Stores: stores{s}, Tokens: []access.Token{{Name: "approver", Role: access.Approver, SHA256: sum[:]}},
		Form:      portal.Form{Rights: dsr.Rights(), Required: []string{"email"}},
		PublicURL: "https://privacy.example", TeamURL: "http://127.0.0.1:8081", Secret: []byte(strings.Repeat("k", 32)),
		Ready: func(context.Context) map[string]error { return nil }, Metrics: http.NotFoundHandler(), Registerer: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return s, dial(t, server.URL+"/", token)
}

func dial(t *testing.T, address, token string) *client.Client {
	t.Helper()
	c, err := client.New(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSubmit(t *testing.T) {
	s, c := start(t)
	in := client.Intake{Right: dsr.Erasure, Name: "Marie", Language: "fr", IdempotencyKey: "key", Elements: client.Elements{Email: "marie@lumiere.test", AccountName: "lumiere"}}
	receipt, err := c.Submit(t.Context(), in)
	if err != nil || receipt.Reference != "H-7K3M-9QXT" || !receipt.DueAt.Equal(noon.AddDate(0, 1, 0)) {
		t.Errorf("%+v, %v", receipt, err)
	}
	// The channel is what the token says, not what the caller says.
	in.Channel = dsr.Staff
	if diff := cmp.Diff(in, s.intake); diff != "" {
		t.Errorf("(-sent +received)\n%s", diff)
	}
}

func TestList(t *testing.T) {
	s, c := start(t)
	for _, f := range []client.ListFilter{
		{}, {State: dsr.Erasing, Attention: dsr.UnclearReply, Open: true, Before: "a+b/c=&d", Limit: 7},
	} {
		page, err := c.List(t.Context(), f)
		if err != nil || page.Next != "cursor" || len(page.Requests) != 1 || !cmp.Equal(page.Requests[0], summary()) {
			t.Errorf("%+v, %v", page, err)
		}
		if diff := cmp.Diff(f, s.filter); diff != "" {
			t.Errorf("(-asked +received)\n%s", diff)
		}
	}
}

func TestStores(t *testing.T) {
	_, c := start(t)
	all, err := c.Stores(t.Context())
	if err != nil || len(all) != 1 || all[0].Store != "app" || all[0].Enabled {
		t.Errorf("%+v, %v", all, err)
	}
	enabled, err := c.EnableStore(t.Context(), "app", "the plan")
	if want := (client.Clearance{Store: "app", Enabled: true, PlanID: "the plan", Actor: "approver"}); err != nil || enabled != want {
		t.Errorf("%+v, %v", enabled, err)
	}
	observed, err := c.ObserveStore(t.Context(), "app")
	if want := (client.Clearance{Store: "app", Actor: "approver"}); err != nil || observed != want {
		t.Errorf("%+v, %v", observed, err)
	}
}

func TestSupplement(t *testing.T) {
	s, c := start(t)
	want := client.Elements{AccountName: "lumiere", MailingAddress: "1 rue X"}
	d, err := c.Supplement(t.Context(), "H-7K3M-9QXT", want)
	if err != nil || d.Reference != "H-7K3M-9QXT" || s.id != "H-7K3M-9QXT" || s.intake.Elements != want {
		t.Errorf("%+v, %v; the service got %+v", d.Summary, err, s.intake.Elements)
	}
}

func TestShow(t *testing.T) {
	s, c := start(t)
	got, err := c.Show(t.Context(), "H-7K3M-9QXT")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(details(), got); diff != "" || s.id != "H-7K3M-9QXT" {
		t.Errorf("%s (-want +got)\n%s", s.id, diff)
	}
}

func TestDecide(t *testing.T) {
	s, c := start(t)
	for _, action := range dsr.Actions() {
		d := client.Decision{ID: "4f1c0f6e-5d2f-4b7e-9d1a-0a5f6f1e2b3c", Action: action, About: "plan", Store: "app", Reason: "why"}
		view, err := c.Decide(t.Context(), "req-1", d)
		if err != nil || view.Action != action || !view.Accepted {
			t.Errorf("%s: %+v, %v", action, view, err)
		}
		d.Actor = "approver"
		if diff := cmp.Diff(d, s.decision); diff != "" || s.id != "req-1" {
			t.Errorf("%s (-sent +received)\n%s", action, diff)
		}
	}
	if _, err := c.Decide(t.Context(), "req-1", client.Decision{Action: dsr.Pause}); err != nil || s.decision.ID != "" {
		t.Errorf("%+v, %v", s.decision, err)
	}
}

// TestCertificateIsAsItWasSigned: to the byte.
func TestCertificateIsAsItWasSigned(t *testing.T) {
	_, c := start(t)
	got, err := c.Certificate(t.Context(), "req-1")
	if err != nil || string(got) != "{\n  \"signed\": \"a \\u0026 b\" }\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestErrorsOfTheAPI(t *testing.T) {
	s, c := start(t)
	for status, err := range map[int]error{
		http.StatusNotFound: dsr.ErrNotFound, http.StatusConflict: fmt.Errorf("x: %w", dsr.ErrConflict), http.StatusServiceUnavailable: dsr.ErrUnavailable,
		http.StatusUnprocessableEntity: &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "email", Problem: "is required"}}}, http.StatusInternalServerError: errors.New("canary"),
	} {
		s.err = err
		_, got := c.Show(t.Context(), "req-1")
		var api *client.Error
		if !errors.As(got, &api) || api.Status != status || api.Code == "" || api.Message == "" || strings.Contains(got.Error(), "canary") {
			t.Errorf("%d: %v", status, got)
		}
		if status == http.StatusUnprocessableEntity && !strings.HasSuffix(got.Error(), "; email is required") {
			t.Errorf("%v does not name the field", got)
		}
	}
	s.err = nil
	var api *client.Error
	if _, err := c.Show(t.Context(), "../../metrics"); !errors.As(err, &api) || api.Status != http.StatusNotFound {
		t.Errorf("an id that is a path: %v", err)
	}
	if _, err := c.Decide(t.Context(), "req-1", client.Decision{Action: "forget"}); !errors.As(err, &api) || api.Status != http.StatusNotFound {
		t.Errorf("an unknown action: %v", err)
	}
	if _, err := c.Submit(t.Context(), client.Intake{Right: dsr.Erasure}); !errors.As(err, &api) || len(api.Fields) == 0 {
		t.Errorf("an empty request: %v", err)
	}
}

func TestWrongToken(t *testing.T) {
	_, c := start(t)
	_ = c
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "<html>not what is spoken here</html>")
	}))
	t.Cleanup(server.Close)
	var api *client.Error
	if _, err := dial(t, server.URL, "another").Show(t.Context(), "req-1"); !errors.As(err, &api) || api.Status != http.StatusUnauthorized || api.Message == "" {
		t.Errorf("got %v", err)
	}
	// Something else listens there.
	if _, err := dial(t, server.URL, token).Show(t.Context(), "req-1"); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	_, err := dial(t, "http://127.0.0.1:1", token).Show(t.Context(), "req-1")
	if err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1") || strings.Contains(err.Error(), token) {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "privacy.example", "ftp://privacy.example", "http://", "http://[::1", "/path"} {
		if _, err := client.New(address, token); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
}
