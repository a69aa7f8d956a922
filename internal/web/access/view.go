package access

import "github.com/soffiah/habeas/internal/dsr"

// View returns what a role may see of a request: without [ReadPersonal], what
// the person wrote, what their replies say and the reasons of decisions are
// taken out, whatever was put in. Lists that are empty become empty lists, so
// that no reader meets a null.
func View(r Role, d dsr.Details) dsr.Details {
	personal := r.May(ReadPersonal)
	if !personal {
		d.Intake = nil
	}
	d.Decisions = each(d.Decisions, func(v *dsr.DecisionView) {
		if !personal {
			v.Reason = ""
		}
	})
	d.Replies = each(d.Replies, func(v *dsr.Reply) {
		if !personal {
			v.Text, v.Recognised = "", nil
		}
	})
	d.Events = each(d.Events, func(*dsr.Event) {})
	d.Stores = each(d.Stores, func(*dsr.StoreResult) {})
	d.Awaiting = each(d.Awaiting, func(*dsr.Action) {})
	return d
}

// each returns a copy of list, never nil, with change made to each element.
func each[T any](list []T, change func(*T)) []T {
	out := append(make([]T, 0, len(list)), list...)
	for n := range out {
		change(&out[n])
	}
	return out
}
