package requests

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/workflows"
)

// Signals is the list of what Temporal has to be told, as it rests in the database.
type Signals interface {
	ClaimSignals(ctx context.Context, n int, lease time.Duration) ([]record.Signal, error)
	SignalDelivered(ctx context.Context, id int64) error
	SignalFailed(ctx context.Context, id int64, until time.Time) error
}

// Dispatcher tells Temporal what was recorded for it: the start of a request,
// replies, and the fate of mails. It delivers at least once and in order for each
// request; what it delivers twice does no harm.
type Dispatcher struct {
	signals   Signals
	temporal  client.Client
	taskQueue string
	now       func() time.Time
	log       *slog.Logger
	wake      chan struct{}
}

// NewDispatcher returns a dispatcher that starts workflows on taskQueue.
func NewDispatcher(signals Signals, temporal client.Client, taskQueue string, now func() time.Time, log *slog.Logger) *Dispatcher {
	return &Dispatcher{signals, temporal, taskQueue, now, log, make(chan struct{}, 1)}
}

const (
	// signalsAtOnce is how many signals are claimed together, signalLease for how
	// long; lookEvery is how often the dispatcher looks without being woken.
	signalsAtOnce = 50
	signalLease   = 30 * time.Second
	lookEvery     = 2 * time.Second
	mostBackoff   = time.Minute
)

// Wake makes the dispatcher look at once.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers signals until the context ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		n, err := d.deliverDue(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelWarn, "signals not delivered", slog.String("error", err.Error()))
		}
		if n == signalsAtOnce {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.wake:
		case <-tick.C:
		}
	}
}

func (d *Dispatcher) deliverDue(ctx context.Context) (int, error) {
	due, err := d.signals.ClaimSignals(ctx, signalsAtOnce, signalLease)
	if err != nil {
		return 0, err
	}
	var group errgroup.Group
	group.SetLimit(8)
	for _, s := range due {
		group.Go(func() error { return d.deliver(ctx, s) })
	}
	return len(due), group.Wait()
}

func (d *Dispatcher) deliver(ctx context.Context, s record.Signal) error {
	err := d.tell(ctx, s)
	var gone *serviceerror.NotFound
	over := s.Kind != "start" && errors.As(err, &gone)
	if err != nil && !over {
		wait := min(time.Second<<min(s.Attempt, 6), mostBackoff)
		return errors.Join(fmt.Errorf("telling Temporal of a %s: %w", s.Kind, err), d.signals.SignalFailed(ctx, s.ID, d.now().Add(wait)))
	}
	// A request that has ended has nothing more to hear.
	return d.signals.SignalDelivered(ctx, s.ID)
}

func (d *Dispatcher) tell(ctx context.Context, s record.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	id := workflows.RequestID(s.RequestID)
	if s.Kind == "start" {
		_, err := d.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: id, TaskQueue: d.taskQueue,
			// A request starts once; telling Temporal again finds the same run.
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}, workflows.Request, workflows.RequestInput{RequestID: s.RequestID})
		var started *serviceerror.WorkflowExecutionAlreadyStarted
		if errors.As(err, &started) {
			return nil
		}
		return err
	}
	return d.temporal.SignalWorkflow(ctx, id, "", workflows.SignalInbox, workflows.Message{
		Kind: s.Kind, ID: s.Payload["message"], Verdict: s.Payload["verdict"], Purpose: s.Payload["purpose"], Outcome: s.Payload["outcome"],
	})
}
