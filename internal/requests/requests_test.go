package requests_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/requests"
	"github.com/soffiah/habeas/workflows"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// fakeRecords is the database as the service sees it.
type fakeRecords struct {
	created   []record.NewRequest
	decided   []dsr.Decision
	settled   map[string]bool
	reference map[string]string
	ended     []dsr.Decision
	summary   dsr.Summary
	awaiting  []dsr.Action
	untaken   bool // no decision was taken yet
	form      record.Request
	supplied  []dsr.Elements
	ways      []dsr.Way
	err       error
}

func (f *fakeRecords) CreateRequest(_ context.Context, r record.NewRequest) (dsr.Receipt, error) {
	f.created = append(f.created, r)
	return dsr.Receipt{RequestID: r.ID, Reference: r.Reference, ReceivedAt: r.ReceivedAt, DueAt: r.DueAt}, f.err
}

func (f *fakeRecords) List(context.Context, dsr.ListFilter) (dsr.SummaryPage, error) {
	return dsr.SummaryPage{Next: "next"}, f.err
}

func (f *fakeRecords) Show(_ context.Context, id string, personal bool) (dsr.Details, error) {
	d := dsr.Details{Summary: f.summary, Awaiting: f.awaiting}
	d.ID = id
	for _, decision := range f.decided {
		d.Decisions = append(d.Decisions, dsr.DecisionView{ID: decision.ID, Action: decision.Action, Accepted: !f.untaken})
	}
	return d, f.err
}

func (f *fakeRecords) FindReference(_ context.Context, reference string) (string, error) {
	if id, ok := f.reference[reference]; ok {
		return id, nil
	}
	return "", dsr.ErrNotFound
}

func (f *fakeRecords) FormRequest(_ context.Context, token string) (record.Request, error) {
	if token != "open" {
		return record.Request{}, dsr.ErrNotFound
	}
	return f.form, f.err
}

func (f *fakeRecords) Supplement(_ context.Context, _ string, details dsr.Elements, way dsr.Way, _ string) error {
	f.supplied, f.ways = append(f.supplied, details), append(f.ways, way)
	return f.err
}

func (f *fakeRecords) RecordDecision(_ context.Context, _ string, d dsr.Decision) error {
	f.decided = append(f.decided, d)
	return f.err
}

func (f *fakeRecords) SettleDecision(_ context.Context, id string, accepted bool, _ *bool) error {
	f.settled[id] = accepted
	return nil
}

func (f *fakeRecords) SettleEnded(_ context.Context, _ string, d dsr.Decision) error {
	f.ended = append(f.ended, d)
	return nil
}

func (f *fakeRecords) Certificate(_ context.Context, id string) ([]byte, error) {
	return []byte(id), f.err
}

// fakeTemporal is the Temporal client as this package uses it; whatever else is
// called panics.
type fakeTemporal struct {
	client.Client
	mu      sync.Mutex
	err     error // answered by every call
	result  error // answered by the handle of an update
	updates []client.UpdateWorkflowOptions
	unready int // updates that find the workflow not ready
	started []client.StartWorkflowOptions
	inputs  []any
	signals []signal
}

type signal struct {
	Workflow string
	Name     string
	Message  any
}

func (f *fakeTemporal) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.updates = append(f.updates, o)
	if len(f.updates) <= f.unready {
		return nil, serviceerror.NewWorkflowNotReady("the workflow task failed")
	}
	return handle{result: f.result}, f.err
}

func (f *fakeTemporal) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started, f.inputs = append(f.started, o), append(f.inputs, args...)
	return nil, f.err
}

func (f *fakeTemporal) SignalWorkflow(_ context.Context, id, _, name string, arg any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signals = append(f.signals, signal{id, name, arg})
	return f.err
}

type handle struct {
	client.WorkflowUpdateHandle
	result error
}

func (h handle) Get(context.Context, any) error { return h.result }

// bench is a service over fakes.
type bench struct {
	*requests.Service
	records  *fakeRecords
	temporal *fakeTemporal
}

func setup(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	data, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("policy.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{records: &fakeRecords{settled: map[string]bool{}, reference: map[string]string{"H-7K3M-9QXT": uuid.NewString()}}, temporal: &fakeTemporal{}}
	b.Service = &requests.Service{
		Records: b.records, Temporal: b.temporal, Policies: set, Now: func() time.Time { return noon },
		Letters: &letters.Writer{From: mail.Address{Address: "info@soffiah.test"}},
	}
	return b
}

func intake() dsr.Intake {
	return dsr.Intake{
		Right: dsr.Erasure, Channel: dsr.Portal, Name: "Marie", Language: "fr", IdempotencyKey: "key", Message: "canary",
		Elements: dsr.Elements{AccountName: "lumiere", Email: "marie@lumiere.test"},
	}
}

func TestSubmit(t *testing.T) {
	b := setup(t)
	receipt, err := b.Submit(t.Context(), intake())
	if err != nil {
		t.Fatal(err)
	}
	if len(b.records.created) != 1 {
		t.Fatalf("%d requests recorded", len(b.records.created))
	}
	r := b.records.created[0]
	if _, err := uuid.Parse(r.ID); err != nil || receipt.RequestID != r.ID || receipt.Reference != r.Reference {
		t.Errorf("%+v, %v", receipt, err)
	}
	// No letter of a reference looks like a digit.
	if !regexp.MustCompile(`^H-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(r.Reference) {
		t.Errorf("reference %q", r.Reference)
	}
	if r.PolicyVersion != "2026-01-15" || !r.ReceivedAt.Equal(noon) || r.DueAt.Before(noon.AddDate(0, 1, 0)) || r.DueAt.After(noon.AddDate(0, 1, 5)) {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(intake(), r.Intake); diff != "" {
		t.Errorf("(-filed +recorded)\n%s", diff)
	}
	m := r.Mail
	if m.Message.Purpose != mailout.Acknowledgement || m.Message.To != "marie@lumiere.test" || m.Message.Language != "fr" || m.Token == "" || m.Message.Validate() != nil {
		t.Errorf("acknowledgement %+v", m.Message)
	}
	// What a stranger wrote into the form is not passed on to whoever's address they gave.
	if strings.Contains(m.Message.Text+m.Message.HTML+m.Message.Subject, "canary") || strings.Contains(m.Message.Text, "Marie") {
		t.Error("the acknowledgement repeats the words of the form")
	}
	// It does not wait for Temporal, which may be down.
	if len(b.temporal.started)+len(b.temporal.signals) != 0 {
		t.Error("filing a request speaks to Temporal")
	}
	second, err := b.Submit(t.Context(), intake())
	if err != nil || second.Reference == receipt.Reference {
		t.Errorf("%+v, %v", second, err)
	}
}

func TestSubmitRefuses(t *testing.T) {
	b := setup(t)
	for what, change := range map[string]func(*dsr.Intake){
		"no address":                   func(i *dsr.Intake) { i.Elements.Email = "" },
		"no account name":              func(i *dsr.Intake) { i.Elements.AccountName = " " },
		"a right that is not offered":  func(i *dsr.Intake) { i.Right = dsr.AutomatedDecisions },
		"a right that does not exist":  func(i *dsr.Intake) { i.Right = "forgetting" },
		"no channel":                   func(i *dsr.Intake) { i.Channel = "" },
		"a line break in a name":       func(i *dsr.Intake) { i.Name = "Marie\r\nBcc: all@lumiere.test" },
		"an address that is none":      func(i *dsr.Intake) { i.Elements.Email = "marie" },
		"an address with a line break": func(i *dsr.Intake) { i.Elements.Email = "marie@lumiere.test\nx" },
		"a message that is too long":   func(i *dsr.Intake) { i.Message = strings.Repeat("x", 5001) },
	} {
		in := intake()
		change(&in)
		var invalid *dsr.InvalidInput
		if _, err := b.Submit(t.Context(), in); !errors.As(err, &invalid) || len(invalid.Fields) != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(b.records.created) != 0 {
		t.Errorf("%d were recorded", len(b.records.created))
	}
}

func TestSubmitWhatCannotBeRecorded(t *testing.T) {
	b := setup(t)
	b.records.err = dsr.ErrUnavailable
	if _, err := b.Submit(t.Context(), intake()); !errors.Is(err, dsr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	b.Now = func() time.Time { return noon.AddDate(-10, 0, 0) }
	if _, err := b.Submit(t.Context(), intake()); !errors.Is(err, policy.ErrNotInForce) {
		t.Errorf("before any policy: %v", err)
	}
}

// TestByIDOrReference: people know references, programs ids.
func TestByIDOrReference(t *testing.T) {
	b := setup(t)
	id := b.records.reference["H-7K3M-9QXT"]
	for _, name := range []string{id, "H-7K3M-9QXT"} {
		if d, err := b.Show(t.Context(), name, true); err != nil || d.ID != id {
			t.Errorf("%s: %+v, %v", name, d.Summary, err)
		}
		if document, err := b.Certificate(t.Context(), name); err != nil || string(document) != id {
			t.Errorf("%s: %s, %v", name, document, err)
		}
	}
	for _, name := range []string{"", "H-0000-0000", "../etc"} {
		if _, err := b.Show(t.Context(), name, false); !errors.Is(err, dsr.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := b.Certificate(t.Context(), name); !errors.Is(err, dsr.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := b.Decide(t.Context(), name, dsr.Decision{Action: dsr.Pause}); !errors.Is(err, dsr.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if page, err := b.List(t.Context(), dsr.ListFilter{}); err != nil || page.Next != "next" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestDecide(t *testing.T) {
	b := setup(t)
	id := uuid.NewString()
	d := dsr.Decision{Action: dsr.Reject, About: "plan", Store: "app", Reason: "canary", Actor: "the approver"}
	view, err := b.Decide(t.Context(), id, d)
	if err != nil || !view.Accepted || view.Action != dsr.Reject {
		t.Fatalf("%+v, %v", view, err)
	}
	if _, err := uuid.Parse(view.ID); err != nil {
		t.Errorf("the decision has the id %q", view.ID)
	}
	recorded := b.records.decided[0]
	if recorded.Reason != "canary" || recorded.Actor != "the approver" {
		t.Errorf("recorded %+v", recorded)
	}
	// Temporal hears ids and codes, and of each decision once.
	got := b.temporal.updates[0]
	if got.WorkflowID != "dsr/"+id || got.UpdateID != view.ID || got.UpdateName != "decide" || got.WaitForStage != client.WorkflowUpdateStageCompleted {
		t.Errorf("%+v", got)
	}
	want := []any{workflows.Decision{ID: view.ID, Action: dsr.Reject, About: "plan", Store: "app"}}
	if diff := cmp.Diff(want, got.Args); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestDecideAboutWhatHasEnded: there is no workflow any more, so that the records
// take the decision, if it still makes sense.
func TestDecideAboutWhatHasEnded(t *testing.T) {
	b := setup(t)
	b.records.summary.State, b.records.awaiting = dsr.Completed, []dsr.Action{dsr.Retry}
	id := uuid.NewString()
	if view, err := b.Decide(t.Context(), id, dsr.Decision{Action: dsr.Retry, Actor: "the handler"}); err != nil || !view.Accepted {
		t.Errorf("%+v, %v", view, err)
	}
	if len(b.records.ended) != 1 || b.records.ended[0].Actor != "the handler" {
		t.Errorf("%+v", b.records.ended)
	}
	b.records.untaken = true
	if _, err := b.Decide(t.Context(), id, dsr.Decision{Action: dsr.Pause}); !errors.Is(err, dsr.ErrConflict) {
		t.Errorf("what makes no sense any more: %v", err)
	}
	if accepted, settled := b.records.settled[b.records.decided[1].ID]; accepted || !settled || len(b.records.ended) != 1 {
		t.Error("it does not stay recorded as refused")
	}
	if len(b.temporal.updates) != 0 {
		t.Error("Temporal was asked")
	}
}

// TestDecisionsAreTheSameForTheirSender: whatever a sender repeats a decision by,
// of the same request it is the same decision, and of another it is not.
func TestDecisionsAreTheSameForTheirSender(t *testing.T) {
	b := setup(t)
	one, two, given := uuid.NewString(), uuid.NewString(), strings.ToUpper(uuid.NewString())
	ids := map[string]int{}
	for _, c := range []struct{ request, key string }{{one, "key"}, {one, "key"}, {two, "key"}, {one, given}, {one, given}, {one, ""}, {one, ""}} {
		view, err := b.Decide(t.Context(), c.request, dsr.Decision{ID: c.key, Action: dsr.Pause})
		if _, parseErr := uuid.Parse(view.ID); err != nil || parseErr != nil {
			t.Fatalf("%+v: %q, %v", c, view.ID, err)
		}
		ids[view.ID]++
	}
	if len(ids) != 5 || ids[strings.ToLower(given)] != 2 {
		t.Errorf("%v", ids)
	}
}

// TestDecisionsThatAreNotTaken: one that the request refuses stays recorded as not
// accepted; of one that nobody answered nothing is known.
func TestDecisionsThatAreNotTaken(t *testing.T) {
	refusal := temporal.NewApplicationError("the plan has changed", "conflict")
	for what, c := range map[string]struct {
		err, result error
		want        error
		settled     bool
		says        string
	}{
		"refused at once":           {refusal, nil, dsr.ErrConflict, true, "the plan has changed"},
		"refused later":             {nil, refusal, dsr.ErrConflict, true, "the plan has changed"},
		"the request has ended":     {serviceerror.NewNotFound("workflow execution already completed"), nil, dsr.ErrConflict, true, "ended"},
		"ended while it was taken":  {nil, serviceerror.NewNotFound("workflow execution already completed"), dsr.ErrConflict, true, "ended"},
		"Temporal is away":          {serviceerror.NewUnavailable("connection refused"), nil, dsr.ErrUnavailable, false, "try again"},
		"nobody answers":            {nil, context.DeadlineExceeded, dsr.ErrUnavailable, false, "try again"},
		"the namespace is not here": {serviceerror.NewNamespaceNotFound("habeas"), nil, dsr.ErrUnavailable, false, "try again"},
	} {
		t.Run(what, func(t *testing.T) {
			b := setup(t)
			b.temporal.err, b.temporal.result = c.err, c.result
			_, err := b.Decide(t.Context(), uuid.NewString(), dsr.Decision{Action: dsr.Approve})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if len(b.records.decided) != 1 {
				t.Error("it was not recorded")
			}
			accepted, settled := b.records.settled[b.records.decided[0].ID]
			if accepted || settled != c.settled {
				t.Errorf("settled %v, accepted %v", settled, accepted)
			}
		})
	}
}

func TestDecideRefusesNonsense(t *testing.T) {
	b := setup(t)
	for what, d := range map[string]dsr.Decision{
		"no action": {}, "an unknown action": {Action: "forget"}, "a refusal without a reason": {Action: dsr.Reject}, "a resolution without one": {Action: dsr.Resolve, Reason: " "},
	} {
		var invalid *dsr.InvalidInput
		if _, err := b.Decide(t.Context(), uuid.NewString(), d); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b.records.err = dsr.ErrConflict
	if _, err := b.Decide(t.Context(), uuid.NewString(), dsr.Decision{Action: dsr.Pause}); !errors.Is(err, dsr.ErrConflict) {
		t.Errorf("another decision under the same id: %v", err)
	}
	if len(b.temporal.updates) != 0 {
		t.Error("Temporal heard of it")
	}
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
