package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

func TestPlan(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying)
	first := b.plan(id)
	second := b.plan(id)
	r, err := b.LoadRequest(t.Context(), id)
	if err != nil || r.PlanID != second.ID {
		t.Errorf("the present plan is %s, %v", r.PlanID, err)
	}
	read, err := b.PlanOf(t.Context(), id, first.ID)
	if err != nil || read.Digest() != first.Digest() {
		t.Errorf("%v, %v", read, err)
	}
	if _, err := b.PlanOf(t.Context(), b.file(), first.ID); !errors.Is(err, dsr.ErrNotFound) {
		t.Errorf("another request reads this plan: %v", err)
	}
	for _, name := range []string{"", "app"} {
		got, err := b.PlanTargets(t.Context(), id, first.ID, name)
		if diff := cmp.Diff(first.Targets, got); diff != "" || err != nil {
			t.Errorf("store %q: %v (-want +got)\n%s", name, err, diff)
		}
	}
	if got, err := b.PlanTargets(t.Context(), id, first.ID, "billing"); err != nil || len(got) != 0 {
		t.Errorf("a store without targets: %v, %v", got, err)
	}
	if got, err := b.PlanTargets(t.Context(), b.file(), first.ID, ""); err != nil || len(got) != 0 {
		t.Errorf("another request reads the rows of this one: %v, %v", got, err)
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if last := events[len(events)-1]; last.Type != dsr.EventPlanMade || last.Facts["plan"] != second.ID || last.Facts["digest"] != second.Digest() || last.Facts["rows"] != 3.0 {
		t.Errorf("%+v", last)
	}
}

// TestPlanDigest: what an approver signs changes with everything they saw.
func TestPlanDigest(t *testing.T) {
	t.Parallel()
	plan := func(change func(*record.Plan)) string {
		p := record.Plan{PolicyVersion: "1", Lines: []dsr.PlanLine{{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 3, RowsToErase: 3}}}
		change(&p)
		return p.Digest()
	}
	same := plan(func(*record.Plan) {})
	if same != plan(func(p *record.Plan) { p.ID = "another" }) {
		t.Error("the same plan made twice has two digests")
	}
	for what, change := range map[string]func(*record.Plan){
		"policy": func(p *record.Plan) { p.PolicyVersion = "2" }, "policy text": func(p *record.Plan) { p.PolicyDigest = "2" },
		"data map": func(p *record.Plan) { p.MapDigest = "2" }, "rows": func(p *record.Plan) { p.Lines[0].RowsToErase = 2 },
		"action": func(p *record.Plan) { p.Lines[0].Action = dsr.Leave }, "line": func(p *record.Plan) { p.Lines = append(p.Lines, p.Lines[0]) }, "none": func(p *record.Plan) { p.Lines = nil },
	} {
		if plan(change) == same {
			t.Errorf("another %s has the same digest", what)
		}
	}
}

// TestResultsOnlyGrow: an attempt that a crash cut short has erased rows that the
// next one does not find any more.
func TestResultsOnlyGrow(t *testing.T) {
	b := setup(t)
	id := b.file()
	at := b.Now().Truncate(time.Microsecond)
	line := dsr.StoreResult{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 5, RowsErased: 3, RowsAnonymised: 1, RowsRetained: 1, ResidualRows: 2}
	must(t, b.SaveResults(t.Context(), id, []dsr.StoreResult{line}))
	must(t, b.SaveResults(t.Context(), id, []dsr.StoreResult{{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 2, RowsErased: 2, VerifiedAt: &at, Basis: "none"}}))
	got, err := b.Results(t.Context(), id)
	must(t, err)
	line.RowsRetained, line.ResidualRows, line.VerifiedAt, line.Basis = 0, 0, &at, "none"
	if diff := cmp.Diff([]dsr.StoreResult{line}, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// verifying is a request whose erasure is about to be certified.
func (b *bench) verifying() string {
	b.t.Helper()
	id := b.file()
	b.walk(id, dsr.Identifying, dsr.Planning)
	b.plan(id)
	b.walk(id, dsr.Erasing, dsr.Verifying)
	return id
}

func TestCertifyOnce(t *testing.T) {
	b := setup(t)
	id := b.verifying()
	allNil(t, atOnce(t, 5, func(ctx context.Context, _ int) error { return b.Certify(ctx, id, b.certified(id)) }))
	document, err := b.Certificate(t.Context(), id)
	must(t, err)
	b.pass(time.Hour)
	must(t, b.Certify(t.Context(), id, b.certified(id)))
	if again, err := b.Certificate(t.Context(), id); err != nil || string(again) != string(document) {
		t.Errorf("the certificate was issued anew: %v", err)
	}
	c, err := audit.Verify(document, nil)
	must(t, err)
	events, err := b.Events(t.Context(), id)
	must(t, err)
	last := events[len(events)-1]
	if len(c.Events) != len(events)-1 || last.Type != dsr.EventCertified || c.Events[len(c.Events)-1].Type != dsr.EventVerified {
		t.Errorf("%d events in the certificate, %d in all, the last %s", len(c.Events), len(events), last.Type)
	}
	must(t, audit.VerifyChain(id, events))
	d, err := b.Show(t.Context(), id, false)
	if err != nil || d.State != dsr.Answering || d.Outcome != dsr.ErasedWithRetained || !cmp.Equal(d.Stores, results(noon), cmp.Comparer(time.Time.Equal)) {
		t.Errorf("%+v, %v", d, err)
	}
	if n := b.number(`SELECT count(*) FROM duty`); n != 2 {
		t.Errorf("%d duties", n)
	}
	if n := b.number(`SELECT count(*) FROM outbox WHERE purpose = 'answer'`); n != 1 {
		t.Errorf("%d answers", n)
	}
}

// TestCertifyIsAllOrNothing: without a certificate there is no answer.
func TestCertifyIsAllOrNothing(t *testing.T) {
	b := setup(t)
	id := b.verifying()
	refused := errors.New("refused")
	c := b.certified(id)
	c.Document = func([]dsr.Event) ([]byte, error) { return nil, refused }
	wantError(t, "a certificate that cannot be signed", b.Certify(t.Context(), id, c), refused)
	if b.state(id) != dsr.Verifying || b.number(`SELECT (SELECT count(*) FROM duty) + (SELECT count(*) FROM outbox WHERE purpose = $1)`, mailout.Answer) != 0 {
		t.Error("a part of it was recorded")
	}
	early := b.file()
	wantError(t, "before anything was erased", b.Certify(t.Context(), early, b.certified(early)), dsr.ErrConflict)
	_, err := b.Certificate(t.Context(), early)
	wantError(t, "its certificate", err, dsr.ErrNotFound)
}

func TestDecisions(t *testing.T) {
	b := setup(t)
	id, other := b.file(), b.file()
	d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, About: "a plan", Store: "app", Reason: canary("reason"), Actor: "the approver"}
	allNil(t, atOnce(t, 5, func(ctx context.Context, _ int) error { return b.RecordDecision(ctx, id, d) }))
	if n := b.number(`SELECT count(*) FROM decision`); n != 1 {
		t.Errorf("%d decisions", n)
	}
	for what, change := range map[string]func(*dsr.Decision){
		"action": func(d *dsr.Decision) { d.Action = dsr.Reject }, "subject": func(d *dsr.Decision) { d.About = "another plan" },
		"store": func(d *dsr.Decision) { d.Store = "billing" }, "actor": func(d *dsr.Decision) { d.Actor = "somebody else" }, "reason": func(d *dsr.Decision) { d.Reason = canary("other") },
		"missing reason": func(d *dsr.Decision) { d.Reason = "" },
	} {
		changed := d
		change(&changed)
		wantError(t, "the same id with another "+what, b.RecordDecision(t.Context(), id, changed), dsr.ErrConflict)
	}
	wantError(t, "the same id for another request", b.RecordDecision(t.Context(), other, d), dsr.ErrConflict)
	changed := d
	changed.ID = "canary-id"
	var invalid *dsr.InvalidInput
	if err := b.RecordDecision(t.Context(), id, changed); !errors.As(err, &invalid) {
		t.Errorf("an id that is no UUID: %v", err)
	}
	v, err := b.Decision(t.Context(), d.ID)
	want := dsr.DecisionView{ID: d.ID, Action: d.Action, About: d.About, Store: d.Store, Actor: d.Actor, Reason: d.Reason, At: noon.Truncate(time.Microsecond)}
	if diff := cmp.Diff(want, v, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestSettleEnded: a person has seen what was wrong after the end, and what failed
// is tried again.
func TestSettleEnded(t *testing.T) {
	b := setup(t)
	attention := dsr.MailUndeliverable
	id := b.file()
	b.take(id, record.Step{Name: "cancelled", Event: dsr.EventCancelled, To: dsr.Cancelled, Attention: &attention})
	must(t, b.Failed(t.Context(), b.claim()[0].ID, b.Now(), 550, mailout.FailedRefused))
	b.pass(30 * 24 * time.Hour)
	d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Retry, Actor: "the handler"}
	must(t, b.RecordDecision(t.Context(), id, d))
	allNil(t, atOnce(t, 3, func(ctx context.Context, _ int) error { return b.SettleEnded(ctx, id, d) }))
	show, err := b.Show(t.Context(), id, true)
	if err != nil || show.Attention != "" || show.State != dsr.Cancelled || !show.Decisions[0].Accepted {
		t.Errorf("%+v, %v", show, err)
	}
	if last := show.Events[len(show.Events)-1]; last.Type != dsr.EventDecided || last.Actor != "the handler" || len(show.Events) != 4 {
		t.Errorf("%+v", show.Events)
	}
	if again := b.claim(); len(again) != 1 || !again[0].ExpiresAt.After(b.Now()) {
		t.Errorf("%+v", again)
	}
}

// TestDecisionsAreSettledOnce: what was accepted stays accepted, and is one event.
func TestDecisionsAreSettledOnce(t *testing.T) {
	b := setup(t)
	id := b.file()
	paused, running := true, false
	for _, c := range []struct {
		action dsr.Action
		paused *bool
		event  dsr.EventType
	}{{dsr.Pause, &paused, dsr.EventPaused}, {dsr.Resume, &running, dsr.EventResumed}, {dsr.Retry, nil, dsr.EventDecided}} {
		d := dsr.Decision{ID: uuid.NewString(), Action: c.action, Actor: "the handler", Reason: canary("reason")}
		must(t, b.RecordDecision(t.Context(), id, d))
		allNil(t, atOnce(t, 3, func(ctx context.Context, _ int) error { return b.SettleDecision(ctx, d.ID, true, c.paused) }))
		must(t, b.SettleDecision(t.Context(), d.ID, false, nil))
		v, err := b.Decision(t.Context(), d.ID)
		if err != nil || !v.Accepted {
			t.Errorf("%s: accepted %v, %v", c.action, v.Accepted, err)
		}
		events, err := b.Events(t.Context(), id)
		must(t, err)
		if last := events[len(events)-1]; last.Type != c.event || last.Actor != "the handler" || last.Facts["decision"] != d.ID || last.Facts["reason"] != nil {
			t.Errorf("%+v", last)
		}
		if show, err := b.Show(t.Context(), id, false); err != nil || show.Paused != (c.action == dsr.Pause) {
			t.Errorf("after %s: paused %v, %v", c.action, show.Paused, err)
		}
	}
	refused := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, Actor: "the approver"}
	must(t, b.RecordDecision(t.Context(), id, refused))
	for range 2 {
		must(t, b.SettleDecision(t.Context(), refused.ID, false, nil))
	}
	if v, err := b.Decision(t.Context(), refused.ID); err != nil || v.Accepted {
		t.Errorf("%+v, %v", v, err)
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if len(events) != 4 {
		t.Errorf("%d events: one that was refused is none", len(events))
	}
}
