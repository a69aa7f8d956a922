// Package worker builds the process that carries requests out: it registers
// workflows and activities with Temporal, and starts what must always be running
// (the watch on each mailbox, the schedule that works off duties).
package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/workflows"
)

const (
	// stopWithin is how long steps under way may go on when the process is asked
	// to stop. A step that is cut off is repeated elsewhere.
	stopWithin = 20 * time.Second
	// pollers is how many polls for tasks are under way, of each kind. A task queue
	// has four partitions by default; with fewer than two polls for each, a task can
	// wait two seconds in a partition that nobody happens to ask.
	pollers = 8
	// dutiesEvery is how often due duties are worked off, missed runs included
	// only if they are recent: the next run takes everything that is due anyway.
	dutiesEvery = time.Hour
	// heartbeatEvery is how often the heartbeats of steps reach Temporal.
	heartbeatEvery = 3 * time.Second
)

// New returns a worker for the task queue, with everything registered. Slots are
// fixed, so that the load on stores and servers is known.
func New(c client.Client, taskQueue string, a *activities.Activities) worker.Worker {
	w := worker.New(c, taskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize:      50,
		MaxConcurrentLocalActivityExecutionSize: 100,
		MaxConcurrentWorkflowTaskExecutionSize:  100,
		MaxConcurrentActivityTaskPollers:        pollers,
		MaxConcurrentWorkflowTaskPollers:        pollers,
		WorkerStopTimeout:                       stopWithin,
		// A step that is given up hears of it with its next heartbeat.
		MaxHeartbeatThrottleInterval: heartbeatEvery,
	})
	Register(w, a)
	return w
}

// Register registers all workflows and activities. The names stand in histories.
func Register(w worker.Registry, a *activities.Activities) {
	w.RegisterWorkflowWithOptions(workflows.Request, workflow.RegisterOptions{Name: "Request"})
	w.RegisterWorkflowWithOptions(workflows.Mailbox, workflow.RegisterOptions{Name: "Mailbox"})
	w.RegisterWorkflowWithOptions(workflows.Duties, workflow.RegisterOptions{Name: "Duties"})
	w.RegisterActivityWithOptions(a, activity.RegisterOptions{SkipInvalidStructFunctions: true})
}

// StartStanding starts what must always be running, and leaves alone what is.
func StartStanding(ctx context.Context, c client.Client, taskQueue string, mailboxes []string) error {
	for _, mailbox := range mailboxes {
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.MailboxID(mailbox), TaskQueue: taskQueue,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}, workflows.Mailbox, activities.WatchInput{Mailbox: mailbox})
		if err != nil {
			return fmt.Errorf("starting the watch on the mailbox %s: %w", mailbox, err)
		}
	}
	return scheduleDuties(ctx, c, taskQueue)
}

func scheduleDuties(ctx context.Context, c client.Client, taskQueue string) error {
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: dutiesEvery}}}
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: workflows.DutiesID, Spec: spec, CatchupWindow: dutiesEvery, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		Action: &client.ScheduleWorkflowAction{ID: workflows.DutiesID, Workflow: workflows.Duties, TaskQueue: taskQueue},
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("scheduling the duties: %w", err)
	}
	return nil
}
