package workflows

import (
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
)

// TestValidate: a decision is only ever taken if the request can become what the
// decision makes of it, and none is taken once the request has ended.
func TestValidate(t *testing.T) {
	t.Parallel()
	becomes := map[dsr.Action]dsr.State{dsr.Cancel: dsr.Cancelled, dsr.Reject: dsr.Refused, dsr.Resolve: dsr.Completed}
	attentions := []dsr.Attention{
		dsr.NoAttention, dsr.IdentityMismatch, dsr.ManualRight, dsr.UnclearReply, dsr.MailUndeliverable, dsr.PlanApproval, dsr.StoreObserved,
		dsr.StoreFailing, dsr.StoreBlocked, dsr.PolicyStricter, dsr.ResidualFound,
	}
	for _, state := range dsr.States() {
		for _, attention := range attentions {
			for _, action := range dsr.Actions() {
				r := &request{state: state, attention: attention}
				refused := r.validate(nil, Decision{ID: "d", Action: action})
				next, ends := becomes[action]
				switch {
				case refused != nil:
				case state.Ended():
					t.Errorf("%s is taken in state %s", action, state)
				case ends && !state.CanBecome(next) && !state.Irreversible():
					t.Errorf("%s is taken in state %s, which can't become %s", action, state, next)
				}
			}
		}
	}
}

// TestValidateEnding: the first end of a request counts.
func TestValidateEnding(t *testing.T) {
	t.Parallel()
	r := &request{state: dsr.CoolingOff}
	r.cancel("first", "")
	for _, action := range dsr.Actions() {
		if r.validate(nil, Decision{ID: "d", Action: action}) == nil {
			t.Errorf("%s is taken although the request is ending", action)
		}
	}
	if r.cancel("second", ""); r.ending.DecisionID != "first" {
		t.Errorf("the request ends by %s", r.ending.DecisionID)
	}
}
