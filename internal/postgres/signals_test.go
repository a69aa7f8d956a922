package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/record"
)

// TestSignalsComeInOrder: of each request only the oldest is due.
func TestSignalsComeInOrder(t *testing.T) {
	b := setup(t)
	one := b.file()
	b.file()
	for uid := range uint32(3) {
		b.store(record.Cursor{UIDValidity: 1, LastUID: uid + 1}, inbound(one, uid+1, "unclear"))
	}
	claim := func() []record.Signal {
		due, err := b.ClaimSignals(t.Context(), 10, time.Minute)
		must(t, err)
		return due
	}
	due := claim()
	if len(due) != 2 || due[0].Kind != "start" || due[1].Kind != "start" || due[0].Attempt != 1 {
		t.Fatalf("%+v", due)
	}
	if again := claim(); len(again) != 0 {
		t.Errorf("claimed twice: %+v", again)
	}
	last := int64(0)
	for range 3 {
		for _, s := range due {
			must(t, b.SignalDelivered(t.Context(), s.ID))
			must(t, b.SignalDelivered(t.Context(), s.ID))
		}
		if due = claim(); len(due) != 1 || due[0].RequestID != one || due[0].Kind != "reply" || due[0].ID <= last {
			t.Fatalf("%+v", due)
		}
		last = due[0].ID
	}
	must(t, b.SignalFailed(t.Context(), last, b.Now().Add(time.Hour)))
	b.pass(59 * time.Minute)
	if got := claim(); len(got) != 0 {
		t.Errorf("tried before its time: %+v", got)
	}
	b.pass(2 * time.Minute)
	if got := claim(); len(got) != 1 || got[0].ID != last || got[0].Attempt != 2 {
		t.Errorf("%+v", got)
	}
	b.pass(2 * time.Minute)
	if got := claim(); len(got) != 1 || got[0].Attempt != 3 {
		t.Errorf("the lease of a dispatcher that died does not end: %+v", got)
	}
	must(t, b.SignalDelivered(t.Context(), last))
	must(t, b.SignalFailed(t.Context(), last, b.Now()))
	if got := claim(); len(got) != 0 {
		t.Errorf("delivered, and due again: %+v", got)
	}
}

func TestClaimSignalsAtOnce(t *testing.T) {
	b := setup(t)
	for range 20 {
		b.file()
	}
	var mu sync.Mutex
	claimed := map[int64]int{}
	allNil(t, atOnce(t, 10, func(ctx context.Context, _ int) error {
		due, err := b.ClaimSignals(ctx, 4, time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for _, s := range due {
			claimed[s.ID]++
		}
		return err
	}))
	for id, n := range claimed {
		if n > 1 {
			t.Errorf("signal %d was claimed %d times", id, n)
		}
	}
	rest, err := b.ClaimSignals(t.Context(), 100, time.Minute)
	if err != nil || len(claimed)+len(rest) != 20 {
		t.Errorf("%d and %d of 20, %v", len(claimed), len(rest), err)
	}
}

// TestListen: whoever waits for work hears of it at once.
func TestListen(t *testing.T) {
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := make(chan string, 100), make(chan error, 1)
	go func() { ended <- b.Listen(ctx, func(channel string) { heard <- channel }) }()
	await := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-heard:
				if got == want {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("nobody told of %s", want)
			}
		}
	}
	for b.number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'`) == 0 {
	}
	id := b.file()
	await("habeas_signal")
	due, err := b.ClaimSignals(t.Context(), 1, time.Minute)
	must(t, err)
	b.store(record.Cursor{UIDValidity: 1, LastUID: 1}, inbound(id, 1, "confirm"))
	await("habeas_signal")
	must(t, b.SignalDelivered(t.Context(), due[0].ID))
	await("habeas_signal")
	mail := b.claim()[0]
	must(t, b.Failed(t.Context(), mail.ID, b.Now(), 550, "refused_by_server"))
	must(t, b.RequeueFailed(t.Context(), id))
	await("habeas_outbox")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
