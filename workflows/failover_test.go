package workflows

import (
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// TestWatchIsTakenOverInTime: a worker that dies is noticed by its missing
// heartbeats, and the next attempt waits for the longest pause at most. A third of
// the half minute is left for the way through Temporal.
func TestWatchIsTakenOverInTime(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(func(ctx workflow.Context) (time.Duration, error) {
		o := workflow.GetActivityOptions(withMailbox(ctx))
		return o.HeartbeatTimeout + o.RetryPolicy.MaximumInterval, nil
	})
	var most time.Duration
	if err := env.GetWorkflowResult(&most); err != nil || most == 0 || most > 20*time.Second {
		t.Errorf("a watch is taken over after %v, %v", most, err)
	}
}
