package audit_test

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
)

const request = "4f1c0f6e-5d2f-4b7e-9d1a-0a5f6f1e2b3c"

var noon = time.Date(2026, 3, 5, 12, 0, 0, 123456789, time.UTC)

// chain gives events their numbers and hashes.
func chain(t testing.TB, events ...dsr.Event) []dsr.Event {
	t.Helper()
	var prev []byte
	for i := range events {
		events[i].Seq = i + 1
		hash, err := audit.Link(request, prev, events[i])
		if err != nil {
			t.Fatal(err)
		}
		events[i].Hash, prev = hex.EncodeToString(hash), hash
	}
	return events
}

// someEvents makes a chain of n events with facts of every kind that events have.
func someEvents(t testing.TB, r *rand.Rand, n int) []dsr.Event {
	kinds := []dsr.EventType{dsr.EventReceived, dsr.EventIdentified, dsr.EventDecided, dsr.EventStoreErased, dsr.EventCompleted}
	events := make([]dsr.Event, n)
	for i := range events {
		events[i] = dsr.Event{At: noon.Add(time.Duration(r.IntN(1e9)) * time.Microsecond), Type: kinds[r.IntN(len(kinds))]}
		if r.IntN(2) == 0 {
			events[i].Actor = "the approver"
		}
		if r.IntN(3) > 0 {
			events[i].Facts = map[string]any{"rows": r.IntN(1e6), "store": "app", "paused": r.IntN(2) == 0, "codes": []string{"a", "b"}}
		}
	}
	return chain(t, events...)
}

// TestNoEventCanBeChanged tries every way to change a chain: each field of each
// event, an event left out, put in, doubled or moved.
func TestNoEventCanBeChanged(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*dsr.Event){
		"number": func(e *dsr.Event) { e.Seq++ },
		"time":   func(e *dsr.Event) { e.At = e.At.Add(time.Microsecond) },
		"type":   func(e *dsr.Event) { e.Type = dsr.EventCancelled },
		"actor":  func(e *dsr.Event) { e.Actor += "x" },
		"fact":   func(e *dsr.Event) { e.Facts = map[string]any{"rows": -1} },
		"hash":   func(e *dsr.Event) { e.Hash = strings.Repeat("0", 64) },
		"case":   func(e *dsr.Event) { e.Hash = strings.ToUpper(e.Hash) + "x" },
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		events := someEvents(t, r, 2+r.IntN(8))
		if err := audit.VerifyChain(request, events); err != nil {
			t.Fatalf("an untouched chain: %v", err)
		}
		if err := audit.VerifyChain("another request", events); err == nil {
			t.Fatal("the chain of one request passes for that of another")
		}
		for i := range events {
			for name, change := range changes {
				forged := slices.Clone(events)
				change(&forged[i])
				refuse(t, forged, "%s of event %d of %d changed", name, i+1, len(events))
			}
			refuse(t, slices.Insert(slices.Clone(events), i, events[i]), "event %d doubled", i+1)
			if i > 0 {
				moved := slices.Clone(events)
				moved[i-1], moved[i] = moved[i], moved[i-1]
				refuse(t, moved, "events %d and %d exchanged", i, i+1)
				moved[i-1].Seq, moved[i].Seq = i, i+1
				refuse(t, moved, "events %d and %d exchanged and renumbered", i, i+1)
			}
			if i < len(events)-1 {
				shorter := slices.Delete(slices.Clone(events), i, i+1)
				refuse(t, shorter, "event %d left out", i+1)
				for j := range shorter {
					shorter[j].Seq = j + 1
				}
				refuse(t, shorter, "event %d left out and the others renumbered", i+1)
			}
		}
	}
}

func refuse(t *testing.T, events []dsr.Event, what string, args ...any) {
	t.Helper()
	if err := audit.VerifyChain(request, events); err == nil {
		t.Errorf(what+": not noticed", args...)
	}
}

// TestChainSurvivesStorage: what databases and JSON do to an event changes no hash.
func TestChainSurvivesStorage(t *testing.T) {
	t.Parallel()
	events := someEvents(t, rand.New(rand.NewPCG(7, 7)), 6)
	for i := range events {
		events[i].At = events[i].At.Truncate(time.Microsecond).In(time.FixedZone("CET", 3600))
	}
	data, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var back []dsr.Event
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if err := audit.VerifyChain(request, back); err != nil {
		t.Error(err)
	}
}

// TestChainFormat holds the format of the hash: it is part of every certificate
// that was ever issued.
func TestChainFormat(t *testing.T) {
	t.Parallel()
	events := chain(t,
		dsr.Event{At: noon, Type: dsr.EventReceived, Facts: map[string]any{"right": dsr.Erasure, "rows": 3}},
		dsr.Event{At: noon, Type: dsr.EventDecided, Actor: "the approver"})
	want := []string{
		"f129c4b762fc9bb2ece55772f997bb96692c4971aafe99623e42c7828575cdfc",
		"830555e12c2052ad1894e4e21f5dc08575e652c95e50410482afed9d7e7c6b48",
	}
	for i, e := range events {
		if e.Hash != want[i] {
			t.Errorf("event %d has hash %s, want %s", e.Seq, e.Hash, want[i])
		}
	}
}
