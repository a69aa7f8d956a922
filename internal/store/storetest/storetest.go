// Package storetest is the specification of [store.Store] as tests: every kind
// of data store passes it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Fixture is a fresh, empty data store with one collection, whose records go by
// one field. It is closed by the test that made it.
type Fixture struct {
	Store      store.Store
	Collection *datamap.Collection
	Field      string
	// Value makes the n-th of many distinct values that the field can hold.
	Value func(n int) string
	// Awkward are values that need care in the language of the store: quotes,
	// wildcards, letters beyond ASCII.
	Awkward []string
	// Put adds a record with that value.
	Put func(t *testing.T, value string)
	// Copies is set if a record may be exported in several copies, such as versions.
	Copies int
	// Records returns all records that there are, byte for byte, in any order.
	Records func(t *testing.T) []string
}

// now is the time of every call; no record of the suite is retained.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// Run tests a kind of store. open is called once for each test, from tests that
// run at the same time.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Fixture){
		"Check":             check,
		"Find":              find,
		"FindStops":         findStops,
		"SurveyThenErase":   surveyThenErase,
		"EraseTwice":        eraseTwice,
		"VerifyBefore":      verifyBefore,
		"AwkwardValues":     awkwardValues,
		"EmptyTarget":       emptyTarget,
		"LeftAlone":         leftAlone,
		"UnboundTarget":     unboundTarget,
		"Cancelled":         cancelled,
		"ManyValues":        manyValues,
		"SameValueTwice":    sameValueTwice,
		"NumbersFromJSON":   numbersFromJSON,
		"MissingCollection": missingCollection,
		"Export":            export,
		"Secret":            secret,
		"Abilities":         abilities,
		"Forbidden":         forbidden,
		"Resumed":           resumed,
		"Exceeding":         exceeding,
		"Wishes":            wishes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// target means the records with the given values.
func (f Fixture) target(treatment dsr.Treatment, values ...string) store.Target {
	m := store.Match{Field: f.Field}
	for _, v := range values {
		m.Values = append(m.Values, v)
	}
	return store.Target{Collection: f.Collection, Address: f.Collection.Address(), Treatment: treatment, Matches: []store.Match{m}}
}

// others puts records of other people, and returns them.
func (f Fixture) others(t *testing.T) []string {
	t.Helper()
	for n := 1000; n < 1005; n++ {
		f.Put(t, f.Value(n))
	}
	return sorted(f.Records(t))
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// erase erases, and requires that only the others are left.
func (f Fixture) erase(t *testing.T, target store.Target, others []string) store.Tally {
	t.Helper()
	got, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(others, sorted(f.Records(t))); diff != "" {
		t.Errorf("records of others: %s", diff)
	}
	return got[0]
}

// requireTally requires the counts of a tally.
func requireTally(t *testing.T, what string, got store.Tally, matched, erased, residual int64) {
	t.Helper()
	want := store.Tally{Address: got.Address, Matched: matched, Erased: erased, Residual: residual}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func check(t *testing.T, f Fixture) {
	faults, err := f.Store.Check(t.Context(), []*datamap.Collection{f.Collection})
	if err != nil || len(faults) != 0 {
		t.Errorf("got %v and %v, want a store without faults", faults, err)
	}
	if f.Store.Name() == "" {
		t.Error("the store has no name")
	}
}

func find(t *testing.T, f Fixture) {
	f.others(t)
	f.Put(t, f.Value(1))
	f.Put(t, f.Value(2))
	var got []string
	err := f.Store.Find(t.Context(), f.target(dsr.Delete, f.Value(1), f.Value(2), f.Value(3)), []string{f.Field}, func(r store.Row) error {
		if len(r) != 1 {
			t.Errorf("got %d fields, want the one asked for", len(r))
		}
		switch v := r[f.Field].(type) {
		case []string:
			got = append(got, v...)
		default:
			got = append(got, fmt.Sprint(v))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{f.Value(1), f.Value(2)} {
		if !slices.Contains(got, want) {
			t.Errorf("a record was not found")
		}
	}
	if slices.Contains(got, f.Value(1001)) {
		t.Error("another's record was found")
	}
}

func findStops(t *testing.T, f Fixture) {
	f.Put(t, f.Value(1))
	f.Put(t, f.Value(2))
	stop, calls := errors.New("enough"), 0
	err := f.Store.Find(t.Context(), f.target(dsr.Delete, f.Value(1), f.Value(2)), []string{f.Field}, func(store.Row) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d rows, want the caller's error after one", err, calls)
	}
}

func surveyThenErase(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	f.Put(t, f.Value(2))
	before := sorted(f.Records(t))
	target := f.target(dsr.Delete, f.Value(1), f.Value(2))
	survey, err := f.Store.Survey(t.Context(), []store.Target{target}, now)
	if err != nil {
		t.Fatal(err)
	}
	requireTally(t, "survey", survey[0], 2, 2, 0)
	if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
		t.Fatalf("a survey changed records: %s", diff)
	}
	requireTally(t, "erase", f.erase(t, target, others), 2, 2, 0)
	verify, err := f.Store.Verify(t.Context(), []store.Target{target}, now)
	if err != nil {
		t.Fatal(err)
	}
	requireTally(t, "verify", verify[0], 0, 0, 0)
}

func eraseTwice(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	target := f.target(dsr.Delete, f.Value(1))
	requireTally(t, "first", f.erase(t, target, others), 1, 1, 0)
	requireTally(t, "second", f.erase(t, target, others), 0, 0, 0)
}

func verifyBefore(t *testing.T, f Fixture) {
	f.others(t)
	f.Put(t, f.Value(1))
	got, err := f.Store.Verify(t.Context(), []store.Target{f.target(dsr.Delete, f.Value(1))}, now)
	if err != nil {
		t.Fatal(err)
	}
	requireTally(t, "verify", got[0], 1, 0, 1)
}

func awkwardValues(t *testing.T, f Fixture) {
	others := f.others(t)
	for _, v := range f.Awkward {
		// Looking for it where it is not, nothing is found.
		requireTally(t, "nothing", f.erase(t, f.target(dsr.Delete, v), others), 0, 0, 0)
		f.Put(t, v)
		requireTally(t, fmt.Sprintf("%q", v), f.erase(t, f.target(dsr.Delete, v), others), 1, 1, 0)
	}
}

func emptyTarget(t *testing.T, f Fixture) {
	others := f.others(t)
	none := f.target(dsr.Delete)
	none.Matches = nil
	for name, target := range map[string]store.Target{
		"no matches": none, "no values": f.target(dsr.Delete), "the empty value": f.target(dsr.Delete, ""),
	} {
		requireTally(t, name, f.erase(t, target, others), 0, 0, 0)
		got, err := f.Store.Verify(t.Context(), []store.Target{target}, now)
		if err != nil {
			t.Fatal(err)
		}
		requireTally(t, name, got[0], 0, 0, 0)
		err = f.Store.Find(t.Context(), target, []string{f.Field}, func(store.Row) error {
			t.Errorf("%s: a record was found", name)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if got, err := f.Store.Erase(t.Context(), nil, now, store.Watch{}); err != nil || len(got) != 0 {
		t.Errorf("no targets: got %v and %v", got, err)
	}
}

func leftAlone(t *testing.T, f Fixture) {
	f.Put(t, f.Value(1))
	all := sorted(f.Records(t))
	target := f.target(dsr.Leave, f.Value(1))
	requireTally(t, "erase", f.erase(t, target, all), 1, 0, 0)
	got, err := f.Store.Verify(t.Context(), []store.Target{target}, now)
	if err != nil {
		t.Fatal(err)
	}
	requireTally(t, "verify", got[0], 1, 0, 0)
}

func unboundTarget(t *testing.T, f Fixture) {
	f.Put(t, f.Value(1))
	before := sorted(f.Records(t))
	unbound := f.target(dsr.Delete, f.Value(1))
	unbound.Collection = nil
	unknown := f.target(dsr.Delete, f.Value(1))
	unknown.Matches = append(unknown.Matches, store.Match{Field: "no such field", Values: []any{"x"}})
	for name, target := range map[string]store.Target{"unbound": unbound, "unknown field": unknown} {
		_, survey := f.Store.Survey(t.Context(), []store.Target{target}, now)
		_, erase := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
		_, verify := f.Store.Verify(t.Context(), []store.Target{target}, now)
		find := f.Store.Find(t.Context(), target, []string{f.Field}, func(store.Row) error { return nil })
		for _, err := range []error{survey, erase, verify, find} {
			if !errors.Is(err, store.ErrSchema) {
				t.Errorf("%s: got %v, want ErrSchema", name, err)
			}
		}
	}
	if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

func cancelled(t *testing.T, f Fixture) {
	f.Put(t, f.Value(1))
	before := sorted(f.Records(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := f.target(dsr.Delete, f.Value(1))
	_, survey := f.Store.Survey(ctx, []store.Target{target}, now)
	_, erase := f.Store.Erase(ctx, []store.Target{target}, now, store.Watch{})
	_, verify := f.Store.Verify(ctx, []store.Target{target}, now)
	_, check := f.Store.Check(ctx, []*datamap.Collection{f.Collection})
	find := f.Store.Find(ctx, target, []string{f.Field}, func(store.Row) error { return nil })
	for name, err := range map[string]error{"survey": survey, "erase": erase, "verify": verify, "check": check, "find": find} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
	if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

func manyValues(t *testing.T, f Fixture) {
	others := f.others(t)
	values := make([]string, 0, 10_000)
	for n := 10_000; n < 20_000; n++ {
		values = append(values, f.Value(n))
	}
	for n := 10_000; n < 20_000; n += 500 {
		f.Put(t, f.Value(n))
	}
	target := f.target(dsr.Delete, values...)
	var last int64
	got, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{Save: func(_ context.Context, p store.Progress) error {
		if rows := p.Rows(); rows < last {
			t.Errorf("progress went from %d back to %d", last, rows)
		}
		last = p.Rows()
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	requireTally(t, "erase", got[0], 20, 20, 0)
	if last != 20 {
		t.Errorf("progress ended at %d, want 20", last)
	}
	if diff := cmp.Diff(others, sorted(f.Records(t))); diff != "" {
		t.Errorf("records of others: %s", diff)
	}
}

func sameValueTwice(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	target := f.target(dsr.Delete, f.Value(1), f.Value(1))
	target.Matches = append(target.Matches, target.Matches[0])
	requireTally(t, "erase", f.erase(t, target, others), 1, 1, 0)
}

// numbersFromJSON: a target that rested as JSON may hold numbers as float64.
func numbersFromJSON(t *testing.T, f Fixture) {
	if _, err := strconv.Atoi(f.Value(7)); err != nil {
		return // the values of this kind are no numbers
	}
	others := f.others(t)
	f.Put(t, f.Value(7))
	n, _ := strconv.ParseFloat(f.Value(7), 64)
	target := f.target(dsr.Delete)
	target.Matches[0].Values = []any{n}
	requireTally(t, "erase", f.erase(t, target, others), 1, 1, 0)
}

func missingCollection(t *testing.T, f Fixture) {
	missing := *f.Collection
	missing.Name = "habeas-no-such-collection"
	faults, err := f.Store.Check(t.Context(), []*datamap.Collection{&missing})
	if err != nil || len(faults) == 0 || faults[0].Hint == "" {
		t.Errorf("check: got %v and %v, want a fault with a hint", faults, err)
	}
	target := f.target(dsr.Delete, f.Value(1))
	target.Collection, target.Address = &missing, missing.Address()
	if _, err := f.Store.Survey(t.Context(), []store.Target{target}, now); !errors.Is(err, store.ErrSchema) {
		t.Errorf("survey: got %v, want ErrSchema", err)
	}
}
