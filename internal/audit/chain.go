// Package audit makes what Habeas did provable: it chains the events of a
// request by hash, so that none can be changed or left out unseen, and builds,
// signs and verifies the certificate of what was done. It is pure.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// chained is the form of an event over which its hash is made. The order of the
// fields is part of the format.
type chained struct {
	RequestID string         `json:"request_id"`
	Seq       int            `json:"seq"`
	At        string         `json:"at"`
	Type      dsr.EventType  `json:"type"`
	Actor     string         `json:"actor"`
	Facts     map[string]any `json:"facts"`
}

// Link returns the hash of e, which covers the hash of the event before it. The
// first event of a request has an empty prev. Times count to the microsecond,
// which is what PostgreSQL keeps.
func Link(requestID string, prev []byte, e dsr.Event) ([]byte, error) {
	facts, err := canonical(e.Facts)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(chained{requestID, e.Seq, e.At.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), e.Type, e.Actor, facts})
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	h := sha256.New()
	h.Write(prev)
	h.Write(body)
	return h.Sum(nil), nil
}

// canonical gives facts the types they have after a round trip through JSON.
func canonical(facts map[string]any) (map[string]any, error) {
	out := map[string]any{}
	data, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("encoding the facts of an event: %w", err)
	}
	if string(data) == "null" {
		return out, nil
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("encoding the facts of an event: %w", err)
	}
	return out, nil
}

// VerifyChain reports the first event whose hash does not follow from what is
// before it, or nil if all do.
func VerifyChain(requestID string, events []dsr.Event) error {
	var prev []byte
	for i, e := range events {
		if e.Seq != i+1 {
			return fmt.Errorf("event %d is missing", i+1)
		}
		hash, err := Link(requestID, prev, e)
		if err != nil {
			return err
		}
		if hex.EncodeToString(hash) != e.Hash {
			return fmt.Errorf("event %d was changed, or one before it", e.Seq)
		}
		prev = hash
	}
	return nil
}
