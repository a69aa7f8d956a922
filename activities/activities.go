// Package activities holds the steps of a request that touch the world. Each is
// thin and idempotent: it reads what it needs by the id of the request, acts
// through a port, and records what it did under the name of the step, so that a
// step repeated after a crash changes nothing.
package activities

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// Records is what Habeas knows, as activities need it; internal/postgres
// implements it. Errors are those of internal/dsr and internal/record.
type Records interface {
	LoadRequest(ctx context.Context, requestID string) (record.Request, error)
	Take(ctx context.Context, requestID string, s record.Step) (taken bool, err error)
	MailboxesRead(ctx context.Context, requestID string, mailboxes []string) (bool, error)
	ConfirmUntil(ctx context.Context, requestID string) (time.Time, error)
	MailOf(ctx context.Context, requestID string, purpose mailout.Purpose) (mailout.Message, error)
	RawMail(ctx context.Context, requestID, messageID string) ([]byte, error)
	CountMails(ctx context.Context, requestID string, purpose mailout.Purpose) (int, error)
	RequeueFailed(ctx context.Context, requestID string) error
	SavePlan(ctx context.Context, requestID string, p record.Plan) error
	StoreClearances(ctx context.Context) ([]dsr.Clearance, error)
	PlanOf(ctx context.Context, requestID, planID string) (record.Plan, error)
	PlanTargets(ctx context.Context, requestID, planID, storeName string) (map[string][]store.Target, error)
	SaveResults(ctx context.Context, requestID string, results []dsr.StoreResult) error
	Results(ctx context.Context, requestID string) ([]dsr.StoreResult, error)
	Events(ctx context.Context, requestID string) ([]dsr.Event, error)
	Certify(ctx context.Context, requestID string, c record.Certified) error
	Decision(ctx context.Context, decisionID string) (dsr.DecisionView, error)
	SettleDecision(ctx context.Context, decisionID string, accepted bool, paused *bool) error
	SetAttention(ctx context.Context, requestID string, from, to dsr.Attention) error
	DueDuties(ctx context.Context, n int) ([]record.Duty, error)
	DutyDone(ctx context.Context, d record.Duty, facts map[string]any, attention dsr.Attention, next *record.NewDuty) error
	DutyPutOff(ctx context.Context, dutyID string, until time.Time) error
	RecordIncident(ctx context.Context, requestID, step, code, text string) (string, error)
}

// Watcher watches a mailbox of the configuration until its context ends. It
// mends lost connections by itself.
type Watcher interface {
	Watch(ctx context.Context, mailbox string) error
}

// Deps is what activities act through.
type Deps struct {
	Records  Records
	Policies *policy.Set
	Map      *datamap.Map
	Stores   []plan.Store
	Letters  *letters.Writer
	Watcher  Watcher
	// Mailboxes are the names of those that are watched.
	Mailboxes []string
	Signing   ed25519.PrivateKey
	Now       func() time.Time
	Log       *slog.Logger
}

// Activities is all steps; the worker registers its methods.
type Activities struct {
	deps  Deps
	plans plan.Maker
}

// New returns the steps that act through deps.
func New(deps Deps) *Activities {
	return &Activities{deps, plan.Maker{Map: deps.Map, Stores: deps.Stores, Now: deps.Now}}
}

// load reads a request and the policy under which it is judged.
func (a *Activities) load(ctx context.Context, requestID string) (record.Request, *policy.Policy, error) {
	r, err := a.deps.Records.LoadRequest(ctx, requestID)
	if err != nil {
		return r, nil, err
	}
	p, err := a.deps.Policies.Version(r.PolicyVersion)
	return r, p, err
}

// heartbeat tells Temporal that a step is alive until the returned function is
// called. A step that hangs inside a call of its store still hears of its
// cancellation by its context.
func heartbeat(ctx context.Context) (stop func()) {
	if activity.GetInfo(ctx).HeartbeatTimeout == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(activity.GetInfo(ctx).HeartbeatTimeout / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return cancel
}
