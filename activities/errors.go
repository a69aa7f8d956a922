package activities

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// Codes of failure. They stand in Temporal's history in plain text as the type
// of an error, so that this set is closed and says nothing about anybody.
const (
	CodeCancelled        = "cancelled"
	CodeConflict         = "conflict"
	CodeNotFound         = "not_found"
	CodeStoreDenied      = "store_denied"
	CodeStoreSchema      = "store_schema"
	CodeStoreUnavailable = "store_unavailable"
	CodeConfiguration    = "configuration"
	CodeUnavailable      = "unavailable"
	CodeInternal         = "internal"
)

// FinalCodes are the codes that trying again does not mend.
func FinalCodes() []string {
	return []string{CodeCancelled, CodeConflict, CodeNotFound, CodeStoreDenied, CodeStoreSchema, CodeConfiguration}
}

// codeOf finds the code of an error.
func codeOf(err error) string {
	switch {
	case errors.Is(err, record.ErrCancelled):
		return CodeCancelled
	case errors.Is(err, store.ErrDenied):
		return CodeStoreDenied
	case errors.Is(err, store.ErrSchema):
		return CodeStoreSchema
	case errors.Is(err, store.ErrUnavailable):
		return CodeStoreUnavailable
	case errors.Is(err, trace.ErrNoStore), errors.Is(err, trace.ErrNoRule), errors.As(err, new(*trace.UnreachableError)), errors.Is(err, policy.ErrNoVersion):
		return CodeConfiguration
	case errors.Is(err, dsr.ErrUnavailable):
		return CodeUnavailable
	case errors.Is(err, dsr.ErrConflict):
		return CodeConflict
	case errors.Is(err, dsr.ErrNotFound):
		return CodeNotFound
	}
	return CodeInternal
}

// failingAfter is the attempt at which a step that fails is put before a person.
// Habeas keeps trying all the same.
const failingAfter = 5

// noteworthy says which attempts leave an incident and a line in the log, so that a
// store that is down for a week does not fill either.
func noteworthy(attempt int) bool { return attempt <= failingAfter || attempt%50 == 0 }

// outward is the only way by which an error leaves an activity: as a code and the
// id of an incident. The error itself may quote what a store or server said, so
// it rests sealed with the request.
func (a *Activities) outward(ctx context.Context, requestID string, err error) error {
	info := activity.GetInfo(ctx)
	if err == nil {
		if requestID != "" && info.Attempt >= failingAfter {
			// It was done: that the mark of its failing stays must not undo it.
			_ = a.deps.Records.SetAttention(ctx, requestID, dsr.StoreFailing, dsr.NoAttention)
		}
		return nil
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return ctx.Err()
	}
	code := codeOf(err)
	step := info.ActivityType.Name
	if requestID != "" && info.Attempt >= failingAfter {
		// That the database may fail too must not hide why the step did.
		_ = a.deps.Records.SetAttention(ctx, requestID, dsr.NoAttention, dsr.StoreFailing)
	}
	incident := ""
	if code != CodeCancelled && noteworthy(int(info.Attempt)) {
		// The database may be what failed: then there is no incident to refer to.
		if id, recordErr := a.deps.Records.RecordIncident(context.WithoutCancel(ctx), requestID, step, code, err.Error()); recordErr == nil {
			incident = id
		}
		a.deps.Log.LogAttrs(ctx, slog.LevelWarn, "step failed",
			slog.String("step", step), slog.String("code", code), slog.String("request_id", requestID),
			slog.String("incident", incident), slog.Int("attempt", int(info.Attempt)))
	}
	return temporal.NewApplicationErrorWithOptions("incident "+incident, code, temporal.ApplicationErrorOptions{})
}
