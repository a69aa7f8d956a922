package activities

import (
	"slices"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// TestAskDetails: the acknowledgement has asked already; where it was withheld, the
// mail goes out now, once, and names what is missing.
func TestAskDetails(t *testing.T) {
	t.Parallel()
	for name, unasked := range map[string]bool{"asked by the acknowledgement": false, "the acknowledgement was withheld": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &ports{lacking: true, unasked: unasked, state: dsr.Received}
			b := newBench(loadSample(t), p)
			result, err := b.env.ExecuteActivity("AskDetails", StepInput{RequestID: requestID})
			if err != nil {
				t.Fatal(err)
			}
			var wanted Wanted
			if err := result.Get(&wanted); err != nil || wanted.Missing != 1 {
				t.Errorf("%+v, %v", wanted, err)
			}
			step := p.steps[0]
			if step.To != dsr.AwaitingDetails || step.Event != dsr.EventDetailsAsked || len(step.Mails) > 0 != unasked || (step.ConfirmUntil != nil) != unasked {
				t.Fatalf("%+v", step)
			}
			if missing, ok := step.Facts["missing"].([]string); !ok || !slices.Equal(missing, []string{"account_name"}) {
				t.Errorf("%v", step.Facts)
			}
			if unasked && (step.Mails[0].Message.Purpose != mailout.Details || step.Mails[0].Token == "" || step.Mails[0].TokenUntil != *step.ConfirmUntil) {
				t.Errorf("%+v", step.Mails[0])
			}
		})
	}
}

// TestNothingMissing: no step is taken where a person has added everything.
func TestNothingMissing(t *testing.T) {
	t.Parallel()
	p := &ports{state: dsr.Received}
	b := newBench(loadSample(t), p)
	result, err := b.env.ExecuteActivity("AskDetails", StepInput{RequestID: requestID})
	if err != nil {
		t.Fatal(err)
	}
	var wanted Wanted
	if err := result.Get(&wanted); err != nil || wanted.Missing != 0 || len(p.steps) != 0 {
		t.Errorf("%+v, %v, steps %v", wanted, err, p.steps)
	}
}
