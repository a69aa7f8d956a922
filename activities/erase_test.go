package activities

import (
	"errors"
	"slices"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// codeFrom returns the code with which an activity failed.
func codeFrom(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

// TestEraseStoreRefuses: a store that is only observed, or that is not there any
// more, is neither written to nor passed over.
func TestEraseStoreRefuses(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	cleared := func(store, dataset string, enabled bool) []dsr.Clearance {
		return []dsr.Clearance{{Store: store, Dataset: dataset, Enabled: enabled}}
	}
	for name, tc := range map[string]struct {
		observed []string
		store    string
		want     string
		cleared  []dsr.Clearance
		archives bool
	}{
		"observed until an approver enabled it": {[]string{"app"}, "app", "", cleared("app", "soffiah_app", true), false},
		"enabled once and taken back":           {[]string{"app"}, "app", CodeStoreDenied, cleared("app", "soffiah_app", false), false},
		"enabled for another dataset":           {[]string{"app"}, "app", CodeStoreDenied, cleared("app", "soffiah_old", true), false},
		"another one was enabled":               {[]string{"app"}, "app", CodeStoreDenied, cleared("billing", "soffiah_billing", true), false},
		"enabled":                               {nil, "app", "", nil, false},
		"observed, with something to erase":     {[]string{"app"}, "app", CodeStoreDenied, nil, false},
		"observed, with something to archive":   {[]string{"app"}, "app", CodeStoreDenied, nil, true},
		"observed, with nothing to erase":       {[]string{"billing"}, "billing", "", nil, false},
		"another one is observed":               {[]string{"billing"}, "app", "", nil, false},
		"not in the configuration any more":     {nil, "warehouse", CodeStoreSchema, nil, false},
		"observed, and not the one to erase":    {[]string{"uploads", "correspondence"}, "billing", "", nil, false},
		"everything is observed, for nothing":   {[]string{"app", "billing"}, "billing", "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &ports{state: dsr.Erasing, observed: tc.observed, clearances: tc.cleared, archives: tc.archives}
			_, err := newBench(s, p).env.ExecuteActivity("EraseStore", StoreInput{RequestID: requestID, PlanID: planID, Store: tc.store})
			if got := codeFrom(err); got != tc.want {
				t.Errorf("fails with %q (%v), want %q", got, err, tc.want)
			}
			if slices.Contains(tc.observed, tc.store) && tc.want != "" && slices.Contains(p.written, tc.store) {
				t.Error("an observed store was written to")
			}
			erased := slices.ContainsFunc(p.steps, func(s record.Step) bool { return s.Event == dsr.EventStoreErased })
			if erased != (tc.want == "") {
				t.Errorf("recorded as erased: %v", erased)
			}
		})
	}
}

// TestEraseStoreAgain: what an earlier attempt erased that could not say so any
// more is counted, if the store was begun before.
func TestEraseStoreAgain(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	for _, again := range []bool{false, true} {
		p := &ports{state: dsr.Erasing, lines: []dsr.PlanLine{{Store: "app", Collection: "accounts", RowsMatched: 7, RowsToErase: 7}}}
		if _, err := newBench(s, p).env.ExecuteActivity("EraseStore", StoreInput{RequestID: requestID, PlanID: planID, Store: "app", Again: again}); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int64{false: 1, true: 7}[again]; p.results[0].RowsErased != want {
			t.Errorf("again %v: %d rows erased, want %d", again, p.results[0].RowsErased, want)
		}
	}
}

// TestCertify: nothing is certified while a row is left; once none is, what had
// to stay is a duty, and so are the later readings and the end of the evidence.
func TestCertify(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	for name, tc := range map[string]struct {
		ports *ports
		code  string
		left  []string
		duty  []record.DutyKind // kinds, each once
	}{
		"everything is gone": {&ports{state: dsr.Erasing}, "", nil, []record.DutyKind{record.Evidence, record.ReadBack, record.Residual}},
		"rows are left":      {&ports{state: dsr.Erasing, residual: 2}, "", []string{"app", "billing"}, nil},
		"certified before":   {&ports{state: dsr.Answering, residual: 2}, "", nil, nil},
		"a store is gone":    {&ports{state: dsr.Erasing, stores: []string{"app"}}, CodeStoreSchema, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, err := newBench(s, tc.ports).env.ExecuteActivity("Certify", PlanInput{RequestID: requestID, PlanID: planID})
			if codeFrom(err) != tc.code {
				t.Fatalf("fails with %v, want %q", err, tc.code)
			}
			var readback Readback
			if err == nil {
				err = value.Get(&readback)
			}
			if tc.code == "" && err != nil {
				t.Fatal(err)
			}
			var kinds []record.DutyKind
			for _, d := range tc.ports.done {
				kinds = append(kinds, d.Kind)
			}
			slices.Sort(kinds)
			if kinds = slices.Compact(kinds); !slices.Equal(kinds, tc.duty) || !slices.Equal(readback.Residual, tc.left) {
				t.Errorf("left in %v, duties %v", readback.Residual, kinds)
			}
		})
	}
}

// TestDuties: a duty that fails is put off and holds up none of the others.
func TestDuties(t *testing.T) {
	t.Parallel()
	s := loadSample(t)
	for name, tc := range map[string]struct {
		ports     *ports
		want      DutiesDone
		attention dsr.Attention
	}{
		"all done":                 {&ports{}, DutiesDone{Done: 3}, dsr.NoAttention},
		"something has come back":  {&ports{residual: 1}, DutiesDone{Done: 2, PutOff: 1}, dsr.ResidualFound},
		"a store is only observed": {&ports{observed: []string{"billing"}, due: true}, DutiesDone{Done: 2, PutOff: 1}, dsr.NoAttention},
		"a store is gone":          {&ports{stores: []string{"app"}}, DutiesDone{Done: 2, PutOff: 1}, dsr.NoAttention},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, err := newBench(s, tc.ports).env.ExecuteActivity("WorkOffDuties")
			if err != nil {
				t.Fatal(err)
			}
			var got DutiesDone
			if err := value.Get(&got); err != nil {
				t.Fatal(err)
			}
			if got != tc.want || tc.ports.attention != tc.attention || tc.ports.putOff != tc.want.PutOff {
				t.Errorf("%+v with attention %q, %d put off, want %+v with %q", got, tc.ports.attention, tc.ports.putOff, tc.want, tc.attention)
			}
		})
	}
}
