package workflows_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/workflows"
)

// TestOffice: the office stands in for every activity of a request, in every
// detail of its signature.
func TestOffice(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"WatchMailbox", "WorkOffDuties"}
	all, office := reflect.TypeFor[*activities.Activities](), reflect.TypeFor[*office]()
	for i := range all.NumMethod() {
		m := all.Method(i)
		if m.Name == elsewhere[0] || m.Name == elsewhere[1] {
			continue
		}
		f, ok := office.MethodByName(m.Name)
		if !ok {
			t.Errorf("the office does not do %s", m.Name)
			continue
		}
		for n := 1; n < m.Type.NumIn(); n++ {
			if m.Type.In(n) != f.Type.In(n) {
				t.Errorf("%s takes %s, in the office %s", m.Name, m.Type.In(n), f.Type.In(n))
			}
		}
		if m.Type.Out(0) != f.Type.Out(0) {
			t.Errorf("%s returns %s, in the office %s", m.Name, m.Type.Out(0), f.Type.Out(0))
		}
	}
}

// standing is an environment for the workflows that always run.
func standing() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(tlog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Date(2126, 3, 2, 9, 0, 0, 0, time.UTC))
	return env
}

// TestMailbox: one watch follows the other, also after trouble, until the history
// has grown for a day; then the workflow goes on as new.
func TestMailbox(t *testing.T) {
	t.Parallel()
	env, watches := standing(), 0
	env.RegisterActivityWithOptions(func(_ context.Context, in activities.WatchInput) error {
		if watches++; in.Mailbox != "privacy" {
			t.Errorf("watching %q", in.Mailbox)
		}
		if watches == 3 {
			return failure(activities.CodeInternal)
		}
		return nil
	}, activity.RegisterOptions{Name: "WatchMailbox"})
	env.ExecuteWorkflow(workflows.Mailbox, activities.WatchInput{Mailbox: "privacy"})
	var again *workflow.ContinueAsNewError
	if err := env.GetWorkflowError(); !errors.As(err, &again) {
		t.Errorf("the watch ended: %v", err)
	}
	if watches != 25 {
		t.Errorf("%d watches, want 24 and one that failed", watches)
	}
}

// TestDuties: due duties are worked off page by page; a great many go on as new.
func TestDuties(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pages, want int
		goesOn      bool
	}{
		"nothing due": {pages: 1, want: 1}, "three pages": {pages: 3, want: 3}, "a great many": {pages: 1000, want: 50, goesOn: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, pages := standing(), 0
			env.RegisterActivityWithOptions(func(context.Context) (activities.DutiesDone, error) {
				pages++
				return activities.DutiesDone{Done: 20, More: pages < tc.pages}, nil
			}, activity.RegisterOptions{Name: "WorkOffDuties"})
			env.ExecuteWorkflow(workflows.Duties)
			var again *workflow.ContinueAsNewError
			if err := env.GetWorkflowError(); errors.As(err, &again) != tc.goesOn || !tc.goesOn && err != nil {
				t.Errorf("ended with %v", err)
			}
			if pages != tc.want {
				t.Errorf("%d pages, want %d", pages, tc.want)
			}
		})
	}
}
