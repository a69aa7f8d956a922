package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
)

// watchFor is how long one watch on a mailbox lasts.
const watchFor = time.Hour

// MailboxesRead reports whether every mailbox has been read beyond the time at
// which a confirmation of the request expires, and the request has been told of
// all that was in them.
func (a *Activities) MailboxesRead(ctx context.Context, in StepInput) (bool, error) {
	read, err := a.deps.Records.MailboxesRead(ctx, in.RequestID, a.deps.Mailboxes)
	return read, a.outward(ctx, in.RequestID, err)
}

// WatchMailbox watches a mailbox for an hour and then ends, so that the history
// of its workflow stays short. It ends early when its worker stops; another
// worker then goes on at once.
func (a *Activities) WatchMailbox(ctx context.Context, in WatchInput) error {
	watch, cancel := context.WithTimeout(ctx, watchFor)
	defer cancel()
	defer heartbeat(ctx)()
	go func() {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel()
		case <-watch.Done():
		}
	}()
	err := a.deps.Watcher.Watch(watch, in.Mailbox)
	if watch.Err() != nil && ctx.Err() == nil && (err == nil || errors.Is(err, watch.Err())) {
		return nil
	}
	return a.outward(ctx, "", err)
}
