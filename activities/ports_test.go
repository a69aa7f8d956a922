package activities

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// canary stands for whatever is known of the data subject: it is in every value
// and in every error that comes through a port.
const canary = "canary-marie@secret.test"

const (
	requestID  = "0197a000-0000-7000-8000-000000000001"
	planID     = "0197a000-0000-7000-8000-000000000002"
	decisionID = "0197a000-0000-7000-8000-000000000003"
)

func now() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// ports is all ports of the activities. The call of the number failAt fails with
// an error of a kind; all others do what they should.
type ports struct {
	failAt   int
	kind     error
	state    dsr.State
	match    bool     // the account agrees with what was given
	stores   []string // configured; all of the sample company's if nil
	observed []string // stores that are only observed
	// clearances are those that approvers gave.
	clearances []dsr.Clearance
	residual   int64 // rows that each reading back finds
	due        bool  // what had to be kept may go now
	archives   bool  // rows are archived in place of being erased
	lacking    bool  // the request came by mail and has no account name
	unasked    bool  // no mail has gone out
	lines      []dsr.PlanLine

	mu        sync.Mutex
	calls     int
	steps     []record.Step
	incident  string // what was sealed last
	results   []dsr.StoreResult
	done      []record.NewDuty
	written   []string      // stores that were written to
	attention dsr.Attention // which a duty asked for last
	putOff    int
}

// call counts a call, and fails where that is wanted.
func (p *ports) call() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.calls != p.failAt {
		return nil
	}
	return fmt.Errorf("reading the row of %s: %w", canary, p.kind)
}

func (p *ports) LoadRequest(context.Context, string) (record.Request, error) {
	r := record.Request{
		ID: requestID, Reference: "H-AAAA-BBBB", Right: dsr.Erasure, State: p.state, PolicyVersion: "2026-01-15", ReceivedAt: now(),
		DueAt: now().Add(30 * 24 * time.Hour), PlanID: planID, Outcome: dsr.Erased,
		Intake: dsr.Intake{Right: dsr.Erasure, Name: canary, Language: "en", Elements: dsr.Elements{Email: canary, AccountName: canary}},
		Account: &dsr.Account{
			Identities: map[string][]string{"email": {canary}, "account_name": {canary}}, Collection: "soffiah_app:accounts",
			Key: map[string]string{"id": canary}, Email: canary, AccountName: canary,
		},
	}
	if p.lacking {
		r.Intake.Channel, r.Intake.Elements.AccountName = dsr.Mail, ""
	}
	return r, p.call()
}

func (p *ports) Take(_ context.Context, _ string, s record.Step) (bool, error) {
	p.mu.Lock()
	p.steps = append(p.steps, s)
	p.mu.Unlock()
	return true, p.call()
}

func (p *ports) ConfirmUntil(context.Context, string) (time.Time, error) { return now(), p.call() }

func (p *ports) MailOf(context.Context, string, mailout.Purpose) (mailout.Message, error) {
	if p.unasked {
		return mailout.Message{}, errors.Join(dsr.ErrNotFound, p.call())
	}
	return mailout.Message{To: canary, Language: "en", ReplyTo: "privacy+c.token@soffiah.test", MessageID: "c.token@soffiah.test"}, p.call()
}

func (p *ports) RawMail(context.Context, string, string) ([]byte, error) {
	return []byte("From: " + canary + "\r\n\r\n" + canary), p.call()
}

func (p *ports) CountMails(context.Context, string, mailout.Purpose) (int, error) { return 1, p.call() }
func (p *ports) RequeueFailed(context.Context, string) error                      { return p.call() }
func (p *ports) SavePlan(context.Context, string, record.Plan) error              { return p.call() }
func (p *ports) StoreClearances(context.Context) ([]dsr.Clearance, error) {
	return p.clearances, p.call()
}

func (p *ports) PlanOf(context.Context, string, string) (record.Plan, error) {
	return record.Plan{Lines: p.lines}, p.call()
}

func (p *ports) PlanTargets(_ context.Context, _, _, name string) (map[string][]store.Target, error) {
	targets := map[string][]store.Target{
		"app": {{Address: datamap.Address{Dataset: "soffiah_app", Collection: "accounts"}, Treatment: dsr.Delete, Matches: []store.Match{{Field: "email", Values: []any{canary}}}}},
		"billing": {{
			Address: datamap.Address{Dataset: "soffiah_billing", Collection: "invoices"}, Treatment: dsr.Retain,
			Keep: &store.Keep{Rule: "invoices", From: "issued_at", Period: "P10Y", Basis: "accounting"},
		}},
	}
	if name != "" {
		targets = map[string][]store.Target{name: targets[name]}
	}
	if name == "warehouse" {
		targets[name] = []store.Target{{Address: datamap.Address{Dataset: "warehouse", Collection: "events"}}}
	}
	return targets, p.call()
}

func (p *ports) SaveResults(_ context.Context, _ string, results []dsr.StoreResult) error {
	p.mu.Lock()
	p.results = results
	p.mu.Unlock()
	return p.call()
}

func (p *ports) Results(context.Context, string) ([]dsr.StoreResult, error) {
	return p.results, p.call()
}

func (p *ports) Events(context.Context, string) ([]dsr.Event, error) { return nil, p.call() }

func (p *ports) Certify(_ context.Context, _ string, c record.Certified) error {
	if err := p.call(); err != nil {
		return err
	}
	p.done = c.Duties
	_, err := c.Document(nil)
	return err
}

func (p *ports) Decision(context.Context, string) (dsr.DecisionView, error) {
	return dsr.DecisionView{ID: decisionID, Action: dsr.Reject, Actor: "officer", Reason: canary}, p.call()
}

func (p *ports) SettleDecision(context.Context, string, bool, *bool) error { return p.call() }

func (p *ports) SetAttention(context.Context, string, dsr.Attention, dsr.Attention) error {
	return p.call()
}

func (p *ports) DueDuties(ctx context.Context, _ int) ([]record.Duty, error) {
	targets, err := p.PlanTargets(ctx, requestID, planID, "billing")
	return []record.Duty{
		{ID: "1", RequestID: requestID, Kind: record.ReadBack, Store: "app"},
		{ID: "2", RequestID: requestID, Kind: record.Residual, Store: "billing", Targets: targets["billing"]},
		{ID: "3", RequestID: requestID, Kind: record.Evidence},
	}, err
}

func (p *ports) DutyDone(_ context.Context, _ record.Duty, _ map[string]any, attention dsr.Attention, _ *record.NewDuty) error {
	if attention != dsr.NoAttention {
		p.attention = attention
	}
	return p.call()
}

func (p *ports) DutyPutOff(context.Context, string, time.Time) error {
	p.putOff++
	return p.call()
}

func (p *ports) RecordIncident(_ context.Context, _, _, _, text string) (string, error) {
	p.mu.Lock()
	p.incident = text
	p.mu.Unlock()
	return "incident-1", p.call()
}

// Watch implements [Watcher].
func (p *ports) Watch(ctx context.Context, _ string) error {
	if err := p.call(); err != nil {
		return err
	}
	return fmt.Errorf("login of %s refused: %w", canary, p.kind)
}

// shelf is a data store that holds one row of everything.
type shelf struct {
	*ports
	name string
}

func (s shelf) Name() string { return s.name }
func (s shelf) Close() error { return nil }

func (s shelf) Check(context.Context, []*datamap.Collection) ([]store.Fault, error) {
	return nil, s.call()
}

func (s shelf) Find(_ context.Context, _ store.Target, fields []string, yield func(store.Row) error) error {
	row := store.Row{}
	for _, f := range fields {
		row[f] = canary
	}
	if !s.match {
		row["account_name"] = "somebody else"
	}
	if err := yield(row); err != nil {
		return err
	}
	return s.call()
}

func (s shelf) tally(targets []store.Target) []store.Tally {
	tallies := make([]store.Tally, len(targets))
	for i, t := range targets {
		tallies[i] = store.Tally{Address: t.Address, Matched: 1, Erased: 1}
		if s.archives {
			tallies[i] = store.Tally{Address: t.Address, Matched: 1, Archived: 1}
		}
		if t.Keep != nil && !s.due {
			tallies[i] = store.Tally{Address: t.Address, Matched: 1, Retained: 1, RetainedUntil: now().AddDate(1, 0, 0), NextDue: now().AddDate(1, 0, 0)}
		}
	}
	return tallies
}

func (s shelf) Survey(_ context.Context, targets []store.Target, _ time.Time) ([]store.Tally, error) {
	return s.tally(targets), s.call()
}

func (s shelf) Abilities() store.Abilities { return store.Abilities{} }

func (s shelf) Export(context.Context, store.Target, []string, store.Sink) error { return s.call() }

func (s shelf) Erase(ctx context.Context, targets []store.Target, _ time.Time, watch store.Watch) ([]store.Tally, error) {
	if err := watch.Save(ctx, store.Progress{{Address: targets[0].Address, Erased: 1}}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.written = append(s.written, s.name)
	s.mu.Unlock()
	return s.tally(targets), s.call()
}

func (s shelf) Verify(_ context.Context, targets []store.Target, _ time.Time) ([]store.Tally, error) {
	tallies := s.tally(targets)
	for i := range tallies {
		tallies[i].Residual = s.residual
	}
	return tallies, s.call()
}

// sample is the sample company's policy and data map.
type sample struct {
	policies *policy.Set
	data     *datamap.Map
}

func loadSample(t testing.TB) sample {
	t.Helper()
	set, err := policy.LoadSet([]string{"../examples/soffiah/policy.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("../examples/soffiah/datasets/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	m, err := datamap.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return sample{set, m}
}

// bench is an environment in which activities run over ports.
type bench struct {
	env   *testsuite.TestActivityEnvironment
	log   *bytes.Buffer
	beats []any
}

func newBench(s sample, p *ports) *bench {
	b := &bench{log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(tlog.NewStructuredLogger(log))
	b.env = suite.NewTestActivityEnvironment()
	var stores []plan.Store
	if p.stores == nil {
		p.stores = []string{"app", "billing", "uploads", "correspondence"}
	}
	for _, name := range p.stores {
		stores = append(stores, plan.Store{Store: shelf{p, name}, Dataset: "soffiah_" + name, Enabled: !slices.Contains(p.observed, name)})
	}
	b.env.RegisterActivityWithOptions(New(Deps{
		Records: p, Policies: s.policies, Map: s.data, Stores: stores, Watcher: p, Now: now, Log: log,
		Letters: &letters.Writer{From: mail.Address{Address: "privacy@soffiah.test"}}, Signing: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
	}), activity.RegisterOptions{SkipInvalidStructFunctions: true})
	return b
}

func (p *ports) MailboxesRead(context.Context, string, []string) (bool, error) { return true, p.call() }
