package clearance

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/dsr"
)

const plan = "0197a000-0000-7000-8000-000000000001"

// decided is the database: what was decided, the last one first.
type decided []dsr.Clearance

func (d *decided) StoreClearances(context.Context) ([]dsr.Clearance, error) { return *d, nil }

func (d *decided) ClearStore(_ context.Context, c dsr.Clearance) error {
	*d = append(decided{c}, *d...)
	return nil
}

func service(d *decided) *Service {
	return &Service{Records: d, Stores: []Store{{Name: "app", Dataset: "shop"}, {Name: "demo", Dataset: "toys", Enabled: true}}}
}

// TestStoresAreObservedUntilEnabled, by somebody who names the plan they have read,
// and again as soon as somebody takes that back.
func TestStoresAreObservedUntilEnabled(t *testing.T) {
	t.Parallel()
	var d decided
	s := service(&d)
	show := func(want ...dsr.Clearance) {
		t.Helper()
		all, err := s.List(t.Context())
		if diff := cmp.Diff(want, all); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	demo := dsr.Clearance{Store: "demo", Dataset: "toys", Enabled: true}
	show(dsr.Clearance{Store: "app", Dataset: "shop"}, demo)
	enabled := dsr.Clearance{Store: "app", Dataset: "shop", Enabled: true, PlanID: plan, Actor: "ann"}
	if got, err := s.Enable(t.Context(), "app", plan, "ann"); err != nil || got != enabled {
		t.Errorf("%+v, %v", got, err)
	}
	show(enabled, demo)
	if got, err := s.Observe(t.Context(), "app", "bob"); err != nil || got.Enabled {
		t.Errorf("%+v, %v", got, err)
	}
	show(dsr.Clearance{Store: "app", Dataset: "shop", Actor: "bob"}, demo)
}

// TestAnotherDatasetIsAnotherStore: what was enabled for one is not for the next.
func TestAnotherDatasetIsAnotherStore(t *testing.T) {
	t.Parallel()
	d := decided{{Store: "app", Dataset: "old", Enabled: true}}
	all, err := service(&d).List(t.Context())
	if err != nil || all[0].Enabled {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWhatCannotBeDecided(t *testing.T) {
	t.Parallel()
	var d decided
	s := service(&d)
	var invalid *dsr.InvalidInput
	if _, err := s.Enable(t.Context(), "app", "some plan", "ann"); !errors.As(err, &invalid) {
		t.Errorf("no plan: %v", err)
	}
	if _, err := s.Enable(t.Context(), "other", plan, "ann"); !errors.Is(err, dsr.ErrNotFound) {
		t.Errorf("no such store: %v", err)
	}
	if _, err := s.Observe(t.Context(), "demo", "ann"); !errors.Is(err, dsr.ErrConflict) {
		t.Errorf("enabled by the configuration: %v", err)
	}
	if len(d) != 0 {
		t.Errorf("recorded %+v", d)
	}
}
