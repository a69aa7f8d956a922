package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
)

// watchFor is how long one watch lasts before the workflow continues as new, so
// that its history stays short.
const watchFor = time.Hour

// Mailbox watches one mailbox for ever. One workflow per mailbox means one
// watcher, however many workers there are; that two watchers would do no harm is
// the database's doing.
func Mailbox(ctx workflow.Context, in activities.WatchInput) error {
	watches := 24
	for range watches {
		if err := workflow.ExecuteActivity(withMailbox(ctx), do.WatchMailbox, in).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Mailbox, in)
}
