package postgres_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
)

// TestClearances: the last decision about a store counts, all stay on record, and
// nobody enables a store for a plan that says nothing about it.
func TestClearances(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying)
	plan := b.plan(id)
	app := dsr.Clearance{Store: "app", Dataset: "shop", Enabled: true, PlanID: plan.ID, Actor: "ann"}
	must(t, b.ClearStore(t.Context(), app))
	must(t, b.ClearStore(t.Context(), dsr.Clearance{Store: "billing", Dataset: "bills", Actor: "ann"}))
	billing := app
	billing.Store = "billing"
	wantError(t, "a plan without this store", b.ClearStore(t.Context(), billing), dsr.ErrConflict)
	app.PlanID = uuid.NewString()
	wantError(t, "no such plan", b.ClearStore(t.Context(), app), dsr.ErrNotFound)

	all, err := b.StoreClearances(t.Context())
	must(t, err)
	if len(all) != 2 || !all[0].Enabled || all[0].PlanID != plan.ID || all[0].Actor != "ann" || all[0].At == nil || all[1].Enabled {
		t.Errorf("%+v", all)
	}
	must(t, b.ClearStore(t.Context(), dsr.Clearance{Store: "app", Dataset: "shop", Actor: "bob"}))
	all, err = b.StoreClearances(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].Enabled || all[0].Actor != "bob" {
		t.Errorf("%+v", all)
	}
	if n := b.number(`SELECT count(*) FROM clearance`); n != 3 {
		t.Errorf("%d decisions on record", n)
	}
	if err := b.exec(`UPDATE clearance SET actor = 'nobody'`); err == nil {
		t.Error("what was decided can be changed")
	}
}
