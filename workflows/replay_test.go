package workflows_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/activity"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"github.com/soffiah/habeas/activities"
	habeasworker "github.com/soffiah/habeas/worker"
)

// replayed is what the replayer has in common with a worker, so that names are
// registered as the program does.
type replayed struct {
	worker.WorkflowReplayer
	worker.ActivityRegistry
	worker.NexusServiceRegistry
}

// RegisterActivityWithOptions does nothing: a replay runs no activities.
func (replayed) RegisterActivityWithOptions(any, activity.RegisterOptions) {}

// replay takes a history through the workflows as they are now.
func replay(history *historypb.History) error {
	replayer := worker.NewWorkflowReplayer()
	habeasworker.Register(replayed{WorkflowReplayer: replayer}, activities.New(activities.Deps{}))
	return replayer.ReplayWorkflowHistory(tlog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), history)
}

func recorded(t *testing.T) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories: record them with `go test ./workflows -run TestHistories -update` (%v)", err)
	}
	all := map[string]*historypb.History{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = &historypb.History{}
		if err := (temporalproto.CustomJSONUnmarshalOptions{Metadata: legible(), DiscardUnknown: true}).Unmarshal(data, all[name]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// TestReplay holds the workflows against every history that was ever recorded:
// requests that are under way when a new version is installed must go on as if
// nothing had happened. Where it fails, guard the change with
// workflow.GetVersion; never record anew what a release has recorded.
func TestReplay(t *testing.T) {
	t.Parallel()
	for name, history := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := replay(history); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplayNotices makes sure that a replay notices what a change of the
// workflows would change.
func TestReplayNotices(t *testing.T) {
	t.Parallel()
	history := recorded(t)["completed"]
	for name, change := range map[string]func(*historypb.History){
		"another activity": func(h *historypb.History) {
			first(h, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED).GetActivityTaskScheduledEventAttributes().ActivityType.Name = "MakePlan"
		},
		"a timer in place of a record": func(h *historypb.History) {
			marker := first(h, enumspb.EVENT_TYPE_MARKER_RECORDED)
			marker.EventType = enumspb.EVENT_TYPE_TIMER_STARTED
			marker.Attributes = &historypb.HistoryEvent_TimerStartedEventAttributes{TimerStartedEventAttributes: &historypb.TimerStartedEventAttributes{TimerId: "1"}}
		},
		"no timer": func(h *historypb.History) {
			timer := first(h, enumspb.EVENT_TYPE_TIMER_STARTED)
			timer.EventType = enumspb.EVENT_TYPE_MARKER_RECORDED
			timer.Attributes = &historypb.HistoryEvent_MarkerRecordedEventAttributes{MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: "Version"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed, ok := proto.Clone(history).(*historypb.History)
			if !ok {
				t.Fatal("a clone of another type")
			}
			change(changed)
			if err := replay(changed); err == nil {
				t.Error("a history that does not fit was replayed without an error")
			}
		})
	}
}

// TestHistoryIsSmall: at most 60 events with three stores, and six for each other.
func TestHistoryIsSmall(t *testing.T) {
	t.Parallel()
	history := recorded(t)["completed"]
	stores, scheduled := 0, map[string]int{}
	for _, e := range history.Events {
		if e.EventType == enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
			scheduled[e.GetActivityTaskScheduledEventAttributes().ActivityType.Name]++
		}
	}
	if stores = scheduled["EraseStore"]; stores < 3 {
		t.Fatalf("the recorded history erases %d stores", stores)
	}
	if most := 60 + 6*(stores-3); len(history.Events) > most {
		t.Errorf("%d events with %d stores, at most %d are wanted: %v", len(history.Events), stores, most, scheduled)
	}
	t.Logf("%d events with %d stores", len(history.Events), stores)
}

func first(h *historypb.History, kind enumspb.EventType) *historypb.HistoryEvent {
	for _, e := range h.Events {
		if e.EventType == kind {
			return e
		}
	}
	return nil
}
