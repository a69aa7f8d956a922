package requests_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/requests"
	"github.com/soffiah/habeas/workflows"
)

// fakeSignals is a list of signals, each claimed once.
type fakeSignals struct {
	mu        sync.Mutex
	due       []record.Signal
	err       error
	delivered []int64
	failed    map[int64]time.Time
	claims    int
	change    chan struct{} // told of every outcome and every claim
}

func newSignals(due ...record.Signal) *fakeSignals {
	return &fakeSignals{due: due, failed: map[int64]time.Time{}, change: make(chan struct{}, 1000)}
}

func (f *fakeSignals) ClaimSignals(context.Context, int, time.Duration) ([]record.Signal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := f.due
	f.due = nil
	f.claims++
	f.change <- struct{}{}
	return due, f.err
}

func (f *fakeSignals) SignalDelivered(_ context.Context, id int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered = append(f.delivered, id)
	f.change <- struct{}{}
	return nil
}

func (f *fakeSignals) SignalFailed(_ context.Context, id int64, until time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed[id] = until
	f.change <- struct{}{}
	return nil
}

// until waits until a condition on the signals holds.
func (f *fakeSignals) until(t *testing.T, holds func() bool) {
	t.Helper()
	for {
		f.mu.Lock()
		ok := holds()
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-f.change:
		case <-time.After(10 * time.Second):
			t.Fatal("the dispatcher does nothing")
		}
	}
}

// dispatch runs a dispatcher until a condition holds.
func dispatch(t *testing.T, signals *fakeSignals, temporal *fakeTemporal, holds func() bool) {
	t.Helper()
	d := requests.NewDispatcher(signals, temporal, "queue", func() time.Time { return noon }, discard())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	signals.until(t, holds)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestDispatcherTellsTemporal(t *testing.T) {
	t.Parallel()
	temporal := &fakeTemporal{}
	signals := newSignals(record.Signal{ID: 1, RequestID: "one", Kind: "start", Attempt: 1},
		record.Signal{ID: 2, RequestID: "two", Kind: "reply", Payload: map[string]string{"message": "m", "verdict": "confirm", "purpose": "confirmation"}, Attempt: 1},
		record.Signal{ID: 3, RequestID: "three", Kind: "mail", Payload: map[string]string{"purpose": "answer", "outcome": "sent"}, Attempt: 1})
	dispatch(t, signals, temporal, func() bool { return len(signals.delivered) == 3 })
	if len(signals.failed) != 0 || len(temporal.started) != 1 || len(temporal.signals) != 2 {
		t.Fatalf("failed %v, started %v, signals %v", signals.failed, temporal.started, temporal.signals)
	}
	o := temporal.started[0]
	if o.ID != "dsr/one" || o.TaskQueue != "queue" || o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
		t.Errorf("%+v", o)
	}
	if diff := cmp.Diff([]any{workflows.RequestInput{RequestID: "one"}}, temporal.inputs); diff != "" {
		t.Errorf("input (-want +got)\n%s", diff)
	}
	got := map[string]signal{}
	for _, s := range temporal.signals {
		got[s.Workflow] = s
	}
	want := map[string]signal{
		"dsr/two":   {"dsr/two", "inbox", workflows.Message{Kind: "reply", ID: "m", Verdict: "confirm", Purpose: "confirmation"}},
		"dsr/three": {"dsr/three", "inbox", workflows.Message{Kind: "mail", Purpose: "answer", Outcome: "sent"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got)\n%s", diff)
	}
}

// TestDispatcherAndTheAnswersOfTemporal: what cannot be told any more is done;
// whatever else fails is tried again, and a start is never given up.
func TestDispatcherAndTheAnswersOfTemporal(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		kind string
		err  error
		done bool
	}{
		"a request that was started before":  {"start", serviceerror.NewWorkflowExecutionAlreadyStarted("", "", ""), true},
		"a reply to a request that is over":  {"reply", serviceerror.NewNotFound("workflow execution already completed"), true},
		"a start that finds nothing":         {"start", serviceerror.NewNotFound("not found"), false},
		"a start without a namespace":        {"start", serviceerror.NewNamespaceNotFound("habeas"), false},
		"a reply without a namespace":        {"reply", serviceerror.NewNamespaceNotFound("habeas"), false},
		"a start while Temporal is away":     {"start", serviceerror.NewUnavailable("away"), false},
		"a reply while Temporal is too busy": {"reply", serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "busy"), false},
		"a call that takes too long":         {"mail", context.DeadlineExceeded, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			signals := newSignals(record.Signal{ID: 7, RequestID: "one", Kind: c.kind, Attempt: 1})
			dispatch(t, signals, &fakeTemporal{err: c.err}, func() bool { return len(signals.delivered)+len(signals.failed) > 0 })
			if done := len(signals.delivered) == 1; done != c.done {
				t.Errorf("delivered %v, failed %v", signals.delivered, signals.failed)
			}
		})
	}
}

// TestDispatcherWaitsLongerAndLonger: from seconds to a minute, and no longer.
func TestDispatcherWaitsLongerAndLonger(t *testing.T) {
	t.Parallel()
	var due []record.Signal
	for attempt := 1; attempt <= 40; attempt++ {
		due = append(due, record.Signal{ID: int64(attempt), RequestID: "one", Kind: "reply", Attempt: attempt})
	}
	signals := newSignals(due...)
	dispatch(t, signals, &fakeTemporal{err: serviceerror.NewUnavailable("away")}, func() bool { return len(signals.failed) == 40 })
	last := time.Duration(0)
	for attempt := int64(1); attempt <= 40; attempt++ {
		wait := signals.failed[attempt].Sub(noon)
		if wait < last || wait < time.Second || wait > time.Minute {
			t.Errorf("after attempt %d it waits %s, before %s", attempt, wait, last)
		}
		last = wait
	}
	if last != time.Minute || signals.failed[1].Sub(noon) > 5*time.Second {
		t.Errorf("it waits from %s to %s", signals.failed[1].Sub(noon), last)
	}
}

// TestDispatcherOutlivesItsDatabase: it goes on when the database is back, and
// looks at once when it is woken.
func TestDispatcherOutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	signals := newSignals()
	signals.err = dsr.ErrUnavailable
	d := requests.NewDispatcher(signals, &fakeTemporal{}, "queue", func() time.Time { return noon }, discard())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = d.Run(ctx) }()
	signals.until(t, func() bool { return signals.claims == 1 })
	signals.mu.Lock()
	signals.err, signals.due = nil, []record.Signal{{ID: 1, RequestID: "one", Kind: "start", Attempt: 1}}
	signals.mu.Unlock()
	for range 5 {
		d.Wake()
	}
	signals.until(t, func() bool { return len(signals.delivered) == 1 })
}
