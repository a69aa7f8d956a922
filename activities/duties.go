package activities

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

const (
	// dutiesAtOnce is the size of a page of due duties.
	dutiesAtOnce = 20
	// dutyAgainAfter is how long a duty that failed is put off.
	dutyAgainAfter = time.Hour
)

// errLeft: rows that were kept and may go now are still there after erasing.
var errLeft = errors.New("reading back found rows that were just erased")

// WorkOffDuties works off a page of due duties. One that fails is put off and
// holds up none of the others.
func (a *Activities) WorkOffDuties(ctx context.Context) (DutiesDone, error) {
	defer heartbeat(ctx)()
	due, err := a.deps.Records.DueDuties(ctx, dutiesAtOnce)
	if err != nil {
		return DutiesDone{}, a.outward(ctx, "", err)
	}
	done := DutiesDone{More: len(due) == dutiesAtOnce}
	for _, d := range due {
		activity.RecordHeartbeat(ctx, done.Done)
		err := a.workOff(ctx, d)
		if err == nil {
			done.Done++
			continue
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		done.PutOff++
		_ = a.outward(ctx, d.RequestID, err)
		a.deps.Log.LogAttrs(ctx, slog.LevelWarn, "duty put off", slog.String("request_id", d.RequestID), slog.String("duty", string(d.Kind)))
		if d.Attempt+1 >= failingAfter {
			// Whoever trusts the schedule must learn that it does not do its work.
			_ = a.deps.Records.SetAttention(ctx, d.RequestID, dsr.NoAttention, dsr.StoreFailing)
		}
		if err := a.deps.Records.DutyPutOff(ctx, d.ID, a.deps.Now().Add(dutyAgainAfter)); err != nil {
			return done, a.outward(ctx, d.RequestID, err)
		}
	}
	return done, nil
}

func (a *Activities) workOff(ctx context.Context, d record.Duty) error {
	switch d.Kind {
	case record.ReadBack:
		return a.readBackAgain(ctx, d)
	case record.Residual:
		return a.eraseResidual(ctx, d)
	}
	return a.deps.Records.DutyDone(ctx, d, map[string]any{}, dsr.NoAttention, nil)
}

// readBackAgain looks whether what was erased has come back, from a backup say.
// It erases nothing: a person must find out where it came from.
func (a *Activities) readBackAgain(ctx context.Context, d record.Duty) error {
	r, err := a.deps.Records.LoadRequest(ctx, d.RequestID)
	if errors.Is(err, dsr.ErrNotFound) {
		// The evidence is gone, and with it all knowledge of what to look for.
		return a.deps.Records.DutyDone(ctx, d, map[string]any{"evidence": "gone"}, dsr.NoAttention, nil)
	}
	if err != nil {
		return err
	}
	targets, err := a.deps.Records.PlanTargets(ctx, d.RequestID, r.PlanID, d.Store)
	if err != nil {
		return err
	}
	residual := int64(0)
	err = a.plans.EachStore(ctx, targets, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		found, err := s.Verify(ctx, targets, a.deps.Now())
		return func() {
			for _, t := range found {
				residual += t.Residual
			}
		}, err
	})
	if err != nil {
		return err
	}
	attention := dsr.NoAttention
	if residual > 0 {
		attention = dsr.ResidualFound
	}
	return a.deps.Records.DutyDone(ctx, d, map[string]any{"residual_rows": residual}, attention, nil)
}

// eraseResidual erases what had to be kept until now, and plans the next time if
// a part must stay longer.
func (a *Activities) eraseResidual(ctx context.Context, d record.Duty) error {
	var erased int64
	var next *record.NewDuty
	err := a.plans.EachStore(ctx, map[string][]store.Target{d.Store: d.Targets}, func(ctx context.Context, s store.Store, targets []store.Target) (func(), error) {
		now := a.deps.Now()
		done, err := a.eraseUnlessObserved(ctx, s, targets, now)
		if err != nil {
			return nil, err
		}
		left, err := s.Verify(ctx, targets, now)
		if err == nil && slices.ContainsFunc(left, func(t store.Tally) bool { return t.Residual > 0 }) {
			err = errLeft
		}
		return func() {
			for i := range done {
				erased += done[i].Erased
			}
			next = residualDuty(s.Name(), targets, left, now)
		}, err
	})
	if err != nil {
		return err
	}
	return a.deps.Records.DutyDone(ctx, d, map[string]any{"rows_erased": erased}, dsr.NoAttention, next)
}
