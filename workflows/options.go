package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
)

// How activities are run, by kind of work. Attempts are never counted: a store
// or server that is down delays a request and does not fail it. What trying
// again does not mend comes back with a final code and is put before a person.

func retries(most time.Duration) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:        500 * time.Millisecond,
		BackoffCoefficient:     2,
		MaximumInterval:        most,
		NonRetryableErrorTypes: activities.FinalCodes(),
	}
}

// withRecords is for steps that write to our own database only: a local activity
// costs one event instead of six.
func withRecords(ctx workflow.Context) workflow.Context {
	policy := retries(time.Second)
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: 3 * time.Second,
		RetryPolicy:            policy,
	})
}

// withPatience is for the same steps when the database did not answer in time.
func withPatience(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         retries(30 * time.Second),
	})
}

// withStores is for reading data stores.
func withStores(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy:         retries(time.Minute),
		WaitForCancellation: true,
	})
}

// withErasure is for changing one data store: it may take as long as it takes,
// as long as it is seen to be alive.
func withErasure(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy:         retries(time.Minute),
		WaitForCancellation: true,
	})
}

// withMailbox is for watching a mailbox. When a worker dies its watch is taken
// over by another after the heartbeat time-out and the pause before another
// attempt, however many were before: within half a minute in all.
func withMailbox(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: watchFor + 10*time.Minute,
		HeartbeatTimeout:    10 * time.Second,
		RetryPolicy:         retries(5 * time.Second),
		WaitForCancellation: true,
	})
}

// codeOf returns the code with which an activity failed, or nothing.
func codeOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

// isFinal reports whether err is a failure that trying again does not mend.
func isFinal(err error) bool { return slices.Contains(activities.FinalCodes(), codeOf(err)) }
