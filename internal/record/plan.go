package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Plan is what an erasure would do, and to which rows.
type Plan struct {
	ID            string
	Lines         []dsr.PlanLine
	PolicyVersion string
	// PolicyDigest and MapDigest tell which texts the plan rests on.
	PolicyDigest string
	MapDigest    string
	// Targets are the rows, by name of the store. They are personal data.
	Targets map[string][]store.Target
}

// Digest is what an approver signs: it changes with the policy, the data map, the
// rows counted and what would become of them.
func (p Plan) Digest() string {
	h := sha256.New()
	// Encoding these plain values can't fail.
	_ = json.NewEncoder(h).Encode([]string{p.PolicyVersion, p.PolicyDigest, p.MapDigest})
	_ = json.NewEncoder(h).Encode(p.Lines)
	return hex.EncodeToString(h.Sum(nil))
}

// Certified is what ends an erasure: the results as read back, the certificate
// over them, the answer and the duties that remain.
type Certified struct {
	Results  []dsr.StoreResult
	Document func(events []dsr.Event) ([]byte, error)
	IssuedAt time.Time
	Outcome  dsr.Outcome
	Answer   NewMail
	Duties   []NewDuty
}

// Moment returns a time as it is recorded: in UTC, nil for none.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
