package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
)

// pagesAtOnce bounds the history of one run of [Duties].
const pagesAtOnce = 50

// Duties works off what has become due for requests that were answered: data
// that had to be kept until now, stores to be read once more, evidence whose time
// is over. A schedule starts it.
func Duties(ctx workflow.Context) error {
	for range pagesAtOnce {
		var done activities.DutiesDone
		if err := workflow.ExecuteActivity(withErasure(ctx), do.WorkOffDuties).Get(ctx, &done); err != nil {
			return err
		}
		if !done.More {
			return nil
		}
	}
	return workflow.NewContinueAsNewError(ctx, Duties)
}
