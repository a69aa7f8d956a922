package record

import (
	"time"

	"github.com/soffiah/habeas/internal/store"
)

// DutyKind is what must happen later for a request that was answered.
type DutyKind string

// The kinds of duty.
const (
	ReadBack DutyKind = "read_back" // read once more whether what was erased came back
	Residual DutyKind = "residual"  // erase what had to be kept until now
	Evidence DutyKind = "evidence"  // destroy the evidence of the request
)

// NewDuty is a duty about to be recorded. Targets are personal data; they rest
// under a key of the duty's own, since they may have to outlive the evidence.
type NewDuty struct {
	Kind    DutyKind
	Store   string
	DueAt   time.Time
	Targets []store.Target
}

// Duty is a duty that is due.
type Duty struct {
	ID        string
	RequestID string
	Kind      DutyKind
	Store     string
	DueAt     time.Time
	Attempt   int
	Targets   []store.Target
}
