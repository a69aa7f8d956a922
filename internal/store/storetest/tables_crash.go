package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
)

// crashInEveryBatch: whichever batch a call dies in, the retry ends in the same.
func crashInEveryBatch(t *testing.T, f tables) {
	died := errors.New("died")
	calls := 0
	var since store.Progress
	for {
		inBatch, batches := calls, 0
		_, err := f.Store.Erase(t.Context(), f.subject(t), now, store.Watch{
			Since: since,
			Permit: func(context.Context) error {
				if batches++; batches > inBatch%3 {
					return died
				}
				return nil
			},
			Save: func(_ context.Context, p store.Progress) error { since = p; return nil },
		})
		if err == nil {
			break
		}
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
		if calls++; calls > 100 {
			t.Fatal("it never ends")
		}
	}
	if calls < 4 {
		t.Errorf("died %d times only", calls)
	}
	f.sameAs(t, since)
}

// retryAfterEveryBatch: whichever batch a call dies after, the retry ends in the same.
func retryAfterEveryBatch(t *testing.T, f tables) {
	died := errors.New("died")
	var since store.Progress
	for calls := 0; ; calls++ {
		_, err := f.Store.Erase(t.Context(), f.subject(t), now, store.Watch{
			Since: since,
			Save:  func(_ context.Context, p store.Progress) error { since = p; return died },
		})
		if err == nil {
			break
		}
		if !errors.Is(err, died) || calls > 100 {
			t.Fatal(err)
		}
	}
	f.sameAs(t, since)
}

// sameAs requires the end that an erasure without interruption has.
func (f tables) sameAs(t *testing.T, p store.Progress) {
	t.Helper()
	counts := map[string]int64{}
	for _, d := range p {
		counts[d.Address.Collection] = d.Rows()
	}
	if diff := cmp.Diff(map[string]int64{"people": 1, "posts": 5, "invoices": 5, "visits": 5}, counts); diff != "" {
		t.Errorf("progress: %s", diff)
	}
	f.verified(t, f.subject(t))
	left := f.dump(t)
	for name, want := range map[string]int{"people": 1, "posts": 5, "invoices": 5, "old_invoices": 3, "visits": 11} {
		if len(left[name]) != want {
			t.Errorf("%d rows of %s are left, want %d", len(left[name]), name, want)
		}
	}
}
