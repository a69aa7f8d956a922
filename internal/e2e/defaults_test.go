package e2e

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/sandbox"
	"github.com/soffiah/habeas/worker"
	"github.com/soffiah/habeas/workflows"
)

// The policy as it is by itself, over its real periods. Database, stores, mail
// server, HTTP and every activity are the real ones and run on the clock of the
// workflow, which the SDK's test environment moves on; only Temporal's server is
// not there, since it can't skip time.
func TestDefaults(t *testing.T) {
	clock := &skipping{}
	clock.at.Store(new(time.Now().UTC().Truncate(time.Second)))
	i := skipped{installation: install(t, sandbox.Options{Cautious: true, Now: clock.now}), clock: clock}
	i.runParts()
	t.Run("cooling-off and approval", func(t *testing.T) { i.on(t).carefully() })
	t.Run("cancelled in the last minute", func(t *testing.T) { i.on(t).hesitantly() })
	t.Run("silence", func(t *testing.T) { i.on(t).silently() })
}

// carefully confirms too quickly and then in earnest, waits for the end of the
// cooling-off, and has the plan approved.
func (i skipped) carefully() {
	a := i.Company.Subject()
	want, others, begun := i.expected(a), i.fingerprint(a), i.clock.now()
	// The reply that came too quickly will be one more.
	want["correspondence.messages"] = tally{Matched: want["correspondence.messages"].Matched + 1, Erased: want["correspondence.messages"].Erased + 1}
	receipt, env := i.file(a), i.environment()
	yes := mailout.WordsIn(a.Language).Confirm
	i.at(env, 2*time.Second, func() { i.reply(a, receipt, mailout.Confirmation, yes) })
	i.at(env, 30*time.Minute, func() { i.untouched(a, receipt.RequestID, dsr.AwaitingConfirmation) })
	i.at(env, time.Hour, func() { i.reply(a, receipt, mailout.Confirmation, yes) })
	i.at(env, time.Hour+time.Second, func() {}) // the notice goes out; the cooling-off begins with it
	i.at(env, 73*time.Hour-time.Minute, func() { i.untouched(a, receipt.RequestID, dsr.CoolingOff) })
	i.at(env, 73*time.Hour+2*time.Second, i.mailboxesAreRead)
	i.at(env, 73*time.Hour+time.Minute, func() { i.untouched(a, receipt.RequestID, dsr.AwaitingPerson) })
	i.at(env, 74*time.Hour, func() { i.enableStores(env, receipt.RequestID) })
	i.at(env, 75*time.Hour, func() { i.untouched(a, receipt.RequestID, dsr.AwaitingApproval) })
	i.at(env, 80*time.Hour, func() { i.approve(env, receipt.RequestID) })
	i.at(env, 81*time.Hour, func() {})
	result := i.live(env, receipt.RequestID)
	if result.State != dsr.Completed || result.Outcome != dsr.ErasedWithRetained {
		i.t.Fatalf("the request ended as %s, %s", result.State, result.Outcome)
	}

	d := i.show(receipt.RequestID)
	for kind, after := range map[dsr.EventType]time.Duration{
		dsr.EventConfirmed: time.Hour, dsr.EventPlanMade: 73 * time.Hour, dsr.EventErasing: 80 * time.Hour,
	} {
		if e, ok := event(d.Events, kind); !ok || e.At.Sub(begun).Round(time.Minute) != after {
			i.t.Errorf("%s after %v in place of %v", kind, e.At.Sub(begun), after)
		}
	}
	if len(i.received(a, mailout.CoolingOff)) != 1 || len(i.received(a, mailout.Answer)) != 1 {
		i.t.Error("the notice of the cooling-off or the answer has not arrived")
	}
	if diff := cmp.Diff(want, actual(d.Stores)); diff != "" {
		i.t.Errorf("what was done differs from what was counted before (-want +got):\n%s", diff)
	}
	i.checkRows(a, want)
	i.checkCertificate(d)
	if i.fingerprint(a) != others {
		i.t.Error("data of other people has changed")
	}
}

// mailboxesAreRead has all mailboxes read to their end now, and without a break
// before: watchers go by the clock on the wall, on which no time has passed.
func (i skipped) mailboxesAreRead() {
	i.t.Helper()
	query[int](i.t, i.ownURL(), "WITH read AS (UPDATE mailbox_read SET read_at = $1, since = '-infinity' RETURNING 1) SELECT count(*) FROM read", i.clock.now())
}

// untouched checks where a request stands, and that no row was touched so far.
func (i skipped) untouched(a soffiah.Account, requestID string, state dsr.State) {
	i.t.Helper()
	rows := query[int](i.t, i.appURL(), "SELECT (SELECT count(*) FROM accounts WHERE id = $1) + (SELECT count(*) FROM brands WHERE account_id = $1)", a.ID)
	if d := i.show(requestID); d.State != state || rows < 2 {
		i.t.Errorf("the request is %s in place of %s, attention %q, %d rows are left", d.State, state, d.Attention, rows)
	}
}

// hesitantly confirms and takes it back in the last minute of the cooling-off, by
// an answer to the notice.
func (i skipped) hesitantly() {
	a := i.Company.Account(3)
	want, receipt, env := i.expected(a), i.file(a), i.environment()
	words := mailout.WordsIn(a.Language)
	i.at(env, time.Second, func() {}) // the confirmation mail goes out
	i.at(env, time.Hour, func() { i.reply(a, receipt, mailout.Confirmation, words.Confirm) })
	i.at(env, time.Hour+time.Second, func() {})
	i.at(env, 73*time.Hour-time.Minute, func() { i.reply(a, receipt, mailout.CoolingOff, words.Cancel) })
	if result := i.live(env, receipt.RequestID); result.State != dsr.Cancelled {
		i.t.Errorf("the request ended as %s", result.State)
	}
	if len(i.received(a, mailout.CancelledNotice)) != 1 {
		i.t.Error("nobody was told of the end")
	}
	i.sameRows(a, want)
}

// sameRows checks that what an erasure would do is what it would have done before,
// but for the mails that came meanwhile.
func (i skipped) sameRows(a soffiah.Account, before map[string]tally) {
	i.t.Helper()
	after := i.expected(a)
	delete(before, "correspondence.messages")
	delete(after, "correspondence.messages")
	if diff := cmp.Diff(before, after); diff != "" {
		i.t.Errorf("data has changed without a confirmation (-before +after):\n%s", diff)
	}
}

// enableStores lets every store be written to, on the strength of the plan that
// waits for it, and has the request go on.
func (i skipped) enableStores(env *testsuite.TestWorkflowEnvironment, requestID string) {
	d := i.show(requestID)
	if d.Attention != dsr.StoreObserved {
		i.t.Errorf("attention %q", d.Attention)
	}
	for _, s := range i.Config.Stores {
		c := dsr.Clearance{Store: s.Name, Dataset: s.Dataset, Enabled: true, PlanID: d.PlanID, Actor: "somebody"}
		if err := i.db.ClearStore(i.t.Context(), c); err != nil {
			i.t.Errorf("enabling %s: %v", s.Name, err)
		}
	}
	retry := dsr.Decision{ID: uuid.NewString(), Action: dsr.Retry, Actor: "somebody"}
	if err := i.db.RecordDecision(i.t.Context(), requestID, retry); err != nil {
		i.t.Error(err)
	}
	refused := func(err error) { i.t.Errorf("the retry was refused: %v", err) }
	env.UpdateWorkflow(workflows.UpdateDecide, retry.ID, &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: refused, OnComplete: func(_ any, err error) {
			if err != nil {
				refused(err)
			}
		},
	}, workflows.Decision{ID: retry.ID, Action: retry.Action})
}

// approve approves first what nobody waits for, which must be refused, and then
// the plan.
func (i skipped) approve(env *testsuite.TestWorkflowEnvironment, requestID string) {
	answered := map[string]bool{}
	for _, about := range []string{uuid.NewString(), i.show(requestID).PlanID} {
		d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, About: about, Actor: "somebody"}
		if err := i.db.RecordDecision(i.t.Context(), requestID, d); err != nil {
			i.t.Error(err)
		}
		env.UpdateWorkflow(workflows.UpdateDecide, d.ID, &testsuite.TestUpdateCallback{
			OnAccept: func() { answered[about] = true }, OnReject: func(error) { answered[about] = false },
			OnComplete: func(_ any, err error) {
				if err != nil {
					i.t.Error(err)
				}
				if plan := i.show(requestID).PlanID; answered[about] != (about == plan) {
					i.t.Errorf("an approval of %s was accepted: %v", about, answered[about])
				}
			},
		}, workflows.Decision{ID: d.ID, Action: d.Action, About: d.About})
	}
}

// silently lets nobody answer: a reminder after five days, the end after 21, and
// nothing is touched.
func (i skipped) silently() {
	a := i.Company.Account(1)
	want, receipt, env, begun := i.expected(a), i.file(a), i.environment(), i.clock.now()
	const day = 24 * time.Hour
	for after, reminders := range map[time.Duration]int{time.Hour: 0, 5*day - time.Hour: 0, 5*day + time.Hour: 1, 21*day - time.Hour: 1} {
		i.at(env, after, func() {
			if n := len(i.received(a, mailout.Reminder)); n != reminders {
				i.t.Errorf("after %v there are %d reminders in place of %d", after, n, reminders)
			}
		})
	}
	i.at(env, 21*day+time.Second, func() {
		// The watcher looks again after five minutes of the machine's time.
		i.mailboxesAreRead()
	})
	result := i.live(env, receipt.RequestID)
	if after := i.clock.now().Sub(begun).Round(time.Hour); result.State != dsr.Expired || after != 21*day {
		i.t.Errorf("the request ended as %s after %v", result.State, after)
	}
	if len(i.received(a, mailout.ExpiredNotice)) != 1 {
		i.t.Error("nobody was told of the end")
	}
	i.sameRows(a, want)
}

// at does something so long after the beginning of a workflow, once all mail that
// is due was sent. Afterwards the workflow hears what has come of it.
func (i skipped) at(env *testsuite.TestWorkflowEnvironment, after time.Duration, do func()) {
	env.RegisterDelayedCallback(func() {
		i.deliver(env)
		do()
		i.deliver(env)
	}, after)
}

// reply answers the mail of a purpose and waits until the answer was stored.
func (i skipped) reply(a soffiah.Account, receipt dsr.Receipt, purpose mailout.Purpose, text string) {
	i.t.Helper()
	p := a.Person(i.Mail)
	p.Now = i.clock.now
	m, err := p.Await(i.within(time.Minute), sandbox.About(receipt.Reference, purpose))
	replies := len(i.show(receipt.RequestID).Replies)
	if err == nil {
		_, err = p.Reply(i.t.Context(), m, text)
	}
	if err != nil {
		i.t.Error(err)
		return
	}
	i.until("the reply to be stored", func() bool { return len(i.show(receipt.RequestID).Replies) > replies })
}

// skipping is the clock of everything: that of the workflow while one runs.
type skipping struct {
	at  atomic.Pointer[time.Time]
	env atomic.Pointer[testsuite.TestWorkflowEnvironment]
}

func (c *skipping) now() time.Time {
	if env := c.env.Load(); env != nil {
		return env.Now()
	}
	return *c.at.Load()
}

// skipped is an installation whose workflows run in the test environment.
type skipped struct {
	installation
	clock *skipping
	db    *postgres.DB
	parts app.Parts
}

func (i skipped) on(t *testing.T) skipped {
	i.installation = inTest(i.installation, t)
	return i
}

// runParts runs what server and worker consist of, without Temporal.
func (i *skipped) runParts() {
	i.t.Helper()
	ctx, cancel := context.WithCancel(i.t.Context())
	master, err := app.LoadMaster(i.Config)
	if err == nil {
		i.db, err = postgres.Open(ctx, i.ownURL(), master, i.clock.now)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	program, err := i.Open(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	parts, release, err := program.Parts(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	i.parts = parts
	var group errgroup.Group
	group.Go(func() error { return program.Serve(ctx) })
	for _, m := range i.Config.Mail.Mailboxes {
		group.Go(func() error { return parts.Inbox.Watch(ctx, m.Name) })
	}
	group.Go(func() error { return parts.Outbox.Run(ctx) })
	i.t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			i.t.Error(err)
		}
		release()
		program.Close()
		i.db.Close()
	})
	i.ready()
}

// environment is a new test environment that begins now.
func (i skipped) environment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(i.clock.now())
	env.SetTestTimeout(2 * time.Minute)
	worker.Register(env, i.parts.Activities)
	return env
}

// live runs the workflow of a request to its end. Afterwards the clock stands still.
func (i skipped) live(env *testsuite.TestWorkflowEnvironment, requestID string) workflows.RequestResult {
	i.t.Helper()
	i.clock.env.Store(env)
	env.ExecuteWorkflow(workflows.Request, workflows.RequestInput{RequestID: requestID})
	i.clock.at.Store(new(env.Now()))
	i.clock.env.Store(nil)
	i.deliver(nil)
	var result workflows.RequestResult
	if err := errors.Join(env.GetWorkflowError(), env.GetWorkflowResult(&result)); err != nil {
		i.t.Fatal(err)
	}
	return result
}

// deliver waits until the outbox is empty and tells the workflow, if one runs, what
// the database has for it, as the dispatcher does.
func (i skipped) deliver(env *testsuite.TestWorkflowEnvironment) {
	i.t.Helper()
	i.until("the outbox to be empty", func() bool {
		i.parts.Outbox.Wake()
		return query[int](i.t, i.ownURL(), "SELECT count(*) FROM outbox WHERE status = 'queued'") == 0
	})
	for {
		signals, err := i.db.ClaimSignals(i.t.Context(), 10, time.Minute)
		if err != nil {
			i.t.Error(err)
		}
		if len(signals) == 0 {
			return
		}
		for _, s := range signals {
			if s.Kind != "start" && env != nil {
				env.SignalWorkflow(workflows.SignalInbox, workflows.Message{
					Kind: s.Kind, ID: s.Payload["message"], Verdict: s.Payload["verdict"], Purpose: s.Payload["purpose"], Outcome: s.Payload["outcome"],
				})
			}
			if err := i.db.SignalDelivered(i.t.Context(), s.ID); err != nil {
				i.t.Error(err)
			}
		}
	}
}

// until looks again and again, in real time.
func (i installation) until(what string, done func() bool) {
	i.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.t.Errorf("waiting for %s took too long", what)
			return
		}
	}
}

func (i skipped) show(requestID string) dsr.Details {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	d, err := c.Show(i.t.Context(), requestID)
	if err != nil {
		i.t.Error(err)
	}
	return d
}
