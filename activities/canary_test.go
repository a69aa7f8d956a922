package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// codes is the closed set of codes with which an activity may fail.
func codes() []string {
	return []string{CodeCancelled, CodeConflict, CodeNotFound, CodeStoreDenied, CodeStoreSchema, CodeStoreUnavailable, CodeConfiguration, CodeUnavailable, CodeInternal}
}

// inputs is what each activity is tried with. That none is forgotten is checked.
func inputs() map[string][]any {
	step := []any{StepInput{RequestID: requestID, MessageID: "m1"}}
	plan := []any{PlanInput{RequestID: requestID, PlanID: planID, DecisionID: decisionID}}
	return map[string][]any{
		"Begin": step, "Identify": step, "AskAddress": step, "AskConfirmation": step, "Remind": step, "AskAgain": step, "Warn": step, "Confirmed": step, "MakePlan": step,
		"Complete": step, "ResendMails": step, "MailboxesRead": step, "AskDetails": step, "CountMissing": step, "BeginErasing": plan, "Certify": plan,
		"EraseStore":    {StoreInput{RequestID: requestID, PlanID: planID, Store: "app"}},
		"Attend":        {AttentionInput{RequestID: requestID, Attention: dsr.UnclearReply, Step: "attention/1", About: "m1"}},
		"Decided":       {DecisionInput{DecisionID: decisionID}},
		"End":           {EndInput{RequestID: requestID, State: dsr.Refused, Outcome: dsr.RefusedOutcome, DecisionID: decisionID}},
		"WatchMailbox":  {WatchInput{Mailbox: "privacy"}},
		"WorkOffDuties": nil,
	}
}

// TestNothingGetsOut runs every activity over ports whose every value and error
// quotes the data subject, with each call failing once in every way. Nothing of
// it may reach Temporal or the log: not by result, heartbeat, error message, type
// or details.
func TestNothingGetsOut(t *testing.T) {
	t.Parallel()
	given, s := inputs(), loadSample(t)
	all := reflect.TypeFor[*Activities]()
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		in, ok := given[name]
		if !ok {
			t.Errorf("%s is not tried", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for _, kind := range kinds() {
				for at := 0; ; at++ {
					p := &ports{failAt: at, kind: kind, state: dsr.Planning, match: at%2 == 0, lacking: name == "AskDetails"}
					p.state = map[bool]dsr.State{true: dsr.Received, false: dsr.Planning}[p.lacking]
					failures := tryOut(t, s, p, name, in)
					if failed += failures; at == 0 && failures > 0 && name != "WatchMailbox" {
						t.Errorf("fails although nothing is wrong: %s", p.incident)
					}
					if at > p.calls {
						break
					}
				}
			}
			// Duties that fail are put off, so that their activity fails less often.
			if failed < len(kinds()) {
				t.Errorf("only %d failures were tried", failed)
			}
		})
	}
}

// kinds is how a port can fail.
func kinds() []error {
	return []error{
		errors.New(canary), store.ErrDenied, store.ErrSchema, store.ErrUnavailable, dsr.ErrUnavailable, dsr.ErrConflict, dsr.ErrNotFound,
		record.ErrCancelled, context.DeadlineExceeded, context.Canceled, &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: canary, Problem: canary}}},
	}
}

// tryOut runs an activity and returns 1 if it failed.
func tryOut(t *testing.T, s sample, p *ports, name string, in []any) int {
	t.Helper()
	b := newBench(s, p)
	b.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var beat any
		if details.HasValues() && details.Get(&beat) == nil {
			b.beats = append(b.beats, beat)
		}
	})
	result, err := b.env.ExecuteActivity(name, in...)
	out := map[string]string{"log": b.log.String(), "heartbeats": fmt.Sprint(b.beats...)}
	if err == nil && result.HasValue() {
		var raw any
		if err := result.Get(&raw); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		out["result"] = string(text)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		out[fmt.Sprintf("%T", e)] = e.Error()
		var app *temporal.ApplicationError
		if !errors.As(e, &app) {
			continue
		}
		var details any
		if app.HasDetails() && app.Details(&details) == nil {
			out["details"] = fmt.Sprint(details)
		}
		if out["type"] = app.Type(); !slices.Contains(codes(), app.Type()) {
			t.Errorf("call %d fails with %q: the activity fails with code %q, which is not in the set", p.failAt, p.kind, app.Type())
		}
	}
	for where, text := range out {
		if strings.Contains(text, "canary") || strings.Contains(text, "secret.test") {
			t.Errorf("call %d fails with %q: the %s tells of the data subject: %s", p.failAt, p.kind, where, text)
		}
	}
	if err != nil {
		return 1
	}
	return 0
}

// TestIncident: what went wrong is not lost, but sealed with the request.
func TestIncident(t *testing.T) {
	t.Parallel()
	s, p := loadSample(t), &ports{failAt: 1, kind: errors.New("the reason")}
	_, err := newBench(s, p).env.ExecuteActivity("Begin", inputs()["Begin"]...)
	if err == nil || !strings.Contains(err.Error(), "incident-1") || !strings.Contains(p.incident, "the reason") {
		t.Errorf("failed with %v, sealed %q", err, p.incident)
	}
}

// TestFinalCodes: the codes that trying again does not mend are of the set, and
// none of them is a code of something that passes.
func TestFinalCodes(t *testing.T) {
	t.Parallel()
	for _, code := range FinalCodes() {
		if !slices.Contains(codes(), code) || code == CodeInternal || code == CodeUnavailable || code == CodeStoreUnavailable {
			t.Errorf("%s is final", code)
		}
	}
}

// TestEndNotices: everyone gets an answer (Art. 12(4) GDPR), but for whom a person
// has answered.
func TestEndNotices(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	for name, tc := range map[string]struct {
		in    EndInput
		mails []mailout.Purpose
	}{
		"cancelled":    {EndInput{RequestID: requestID, State: dsr.Cancelled, Outcome: dsr.CancelledOutcome, Reason: mailout.ReasonWithdrawn}, []mailout.Purpose{mailout.CancelledNotice}},
		"expired":      {EndInput{RequestID: requestID, State: dsr.Expired, Outcome: dsr.ExpiredOutcome, Reason: mailout.ReasonNotConfirmed}, []mailout.Purpose{mailout.ExpiredNotice}},
		"nothing held": {EndInput{RequestID: requestID, State: dsr.Completed, Outcome: dsr.NothingHeld}, []mailout.Purpose{mailout.NothingHeld}},
		"resolved":     {EndInput{RequestID: requestID, State: dsr.Completed, Outcome: dsr.ResolvedByPerson, DecisionID: decisionID}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &ports{state: dsr.AwaitingConfirmation}
			if _, err := newBench(s, p).env.ExecuteActivity("End", tc.in); err != nil {
				t.Fatal(err)
			}
			var got []mailout.Purpose
			for _, m := range p.steps[0].Mails {
				got = append(got, m.Message.Purpose)
			}
			if !slices.Equal(got, tc.mails) || p.steps[0].To != tc.in.State || !p.steps[0].EndTokens {
				t.Errorf("mails %v in step %+v", got, p.steps[0])
			}
		})
	}
}
