package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
)

func text(s string) *string { return &s }

func rectify(t *testing.T, f tables) {
	r := f.Store.Abilities().Rectify
	others := f.Rows(t, "people")[1:]
	changes := []store.Change{
		{Field: "name", Old: text("Ada King"), New: text("Ada Lovelace")},
		{Field: "email", Old: text("somebody@example.org"), New: text("ada.lovelace@example.org")},
	}
	got, err := r.Rectify(t.Context(), f.target(t, "people", "id", "1"), changes, store.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Rectified{{Change: changes[0], Changed: 1}, {Change: changes[1], Other: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if f.Get(t, "people", 1, "name") != "Ada Lovelace" || f.Get(t, "people", 1, "email") != "ada1@example.org" {
		t.Errorf("got %v", f.Rows(t, "people"))
	}
	if got, err = r.Rectify(t.Context(), f.target(t, "people", "id", "1"), changes[:1], store.Watch{}); err != nil || got[0].Before != 1 || got[0].Changed != 0 {
		t.Errorf("again: got %+v and %v, want the row to hold it already", got, err)
	}
	if diff := cmp.Diff(others, f.Rows(t, "people")[1:]); diff != "" {
		t.Errorf("others: %s", diff)
	}
	held := errors.New("held")
	forbid := store.Watch{Permit: func(context.Context) error { return held }}
	back := []store.Change{{Field: "name", Old: text("Ada Lovelace"), New: nil}}
	if _, err := r.Rectify(t.Context(), f.target(t, "people", "id", "1"), back, forbid); !errors.Is(err, held) || f.Get(t, "people", 1, "name") != "Ada Lovelace" {
		t.Errorf("got %v, want nothing changed", err)
	}
}

// rectifyUnderWriters: a thousand changes by the controller's own programs, each
// of which compares too; none of them is lost, nor is ours.
func rectifyUnderWriters(t *testing.T, f tables) {
	const writers, each = 8, 125
	var wg sync.WaitGroup
	var lock sync.Mutex
	swapped := map[string]int{}
	failed := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				from, to := fmt.Sprintf("v%d", i%3), fmt.Sprintf("v%d", (i+1+w%2)%3)
				if from == to {
					continue
				}
				ok, err := f.Swap(t.Context(), "people", 1, "name", from, to)
				if err != nil {
					failed <- err
					return
				}
				if ok {
					lock.Lock()
					swapped[from]--
					swapped[to]++
					lock.Unlock()
				}
			}
		})
	}
	r := f.Store.Abilities().Rectify
	moved := 0
	move := func(from, to string) {
		got, err := r.Rectify(t.Context(), f.target(t, "people", "id", "1"), []store.Change{{Field: "name", Old: &from, New: &to}}, store.Watch{})
		if err != nil {
			if !errors.Is(err, store.ErrUnavailable) { // the row was never free
				t.Error(err)
			}
			return
		}
		if got[0].Changed == 1 {
			moved++
			lock.Lock()
			swapped[from]--
			swapped[to]++
			lock.Unlock()
		}
	}
	move("Ada King", "v0")
	for i := range 20 {
		move(fmt.Sprintf("v%d", i%3), fmt.Sprintf("v%d", (i+1)%3))
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	// Every swap took one value away and brought another: what is there now is the
	// only one that was brought once more than taken.
	final := f.Get(t, "people", 1, "name")
	for value, n := range swapped {
		want := map[bool]int{true: 1}[value == final]
		if value == "Ada King" {
			want = -1
		}
		if n != want {
			t.Errorf("%q was brought %d times more than taken, want %d: an update was lost", value, n, want)
		}
	}
	if moved == 0 {
		t.Error("nothing was corrected")
	}
}

func rectifyRefused(t *testing.T, f tables) {
	before := f.dump(t)
	r := f.Store.Abilities().Rectify
	for name, c := range map[string]store.Change{
		"not rectifiable": {Field: "password", Old: text("$2y$"), New: text("x")},
		"no such field":   {Field: "x", Old: nil, New: text("x")},
		"not of the type": {Field: "email", Old: text("ada1@example.org"), New: text("no address")},
		"too long":        {Field: "name", Old: text("Ada King"), New: text(strings.Repeat("x", 41))},
	} {
		good := store.Change{Field: "name", Old: text("Ada King"), New: text("A")}
		if _, err := r.Rectify(t.Context(), f.target(t, "people", "id", "1"), []store.Change{good, c}, store.Watch{}); !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: got %v, want ErrSchema", name, err)
		}
	}
	if diff := cmp.Diff(before, f.dump(t)); diff != "" {
		t.Error(diff)
	}
}

func restrict(t *testing.T, f tables) {
	r := f.Store.Abilities().Restrict
	before := f.dump(t)
	people := []store.Target{f.target(t, "people", "id", "1")}
	for range 2 {
		got, err := r.Restrict(t.Context(), people, true, store.Watch{})
		if err != nil || got[0].Matched != 1 || got[0].Residual != 0 {
			t.Fatalf("got %+v and %v", got, err)
		}
	}
	if f.Get(t, "people", 1, "locked") != "true" || f.Get(t, "people", 2, "locked") != "false" {
		t.Errorf("got %v", f.Rows(t, "people"))
	}
	if _, err := r.Restrict(t.Context(), people, false, store.Watch{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.dump(t)); diff != "" {
		t.Errorf("released: %s", diff)
	}
	if _, err := r.Restrict(t.Context(), f.subject(t), true, store.Watch{}); !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema: no mark is declared", err)
	}
	if diff := cmp.Diff(before, f.dump(t)); diff != "" {
		t.Errorf("refused: %s", diff)
	}
}
