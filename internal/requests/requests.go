// Package requests is the application's service for requests: filing, showing
// and deciding. Beside the worker it is the only user of the Temporal client.
package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/workflows"
)

// Records is what the service needs of the database.
type Records interface {
	CreateRequest(ctx context.Context, r record.NewRequest) (dsr.Receipt, error)
	List(ctx context.Context, f dsr.ListFilter) (dsr.SummaryPage, error)
	Show(ctx context.Context, requestID string, personal bool) (dsr.Details, error)
	FindReference(ctx context.Context, reference string) (string, error)
	RecordDecision(ctx context.Context, requestID string, d dsr.Decision) error
	SettleDecision(ctx context.Context, decisionID string, accepted bool, paused *bool) error
	SettleEnded(ctx context.Context, requestID string, d dsr.Decision) error
	Certificate(ctx context.Context, requestID string) ([]byte, error)
	FormRequest(ctx context.Context, token string) (record.Request, error)
	Supplement(ctx context.Context, requestID string, details dsr.Elements, way dsr.Way, actor string) error
}

// Service is the service. All fields but the last are required.
type Service struct {
	Records  Records
	Temporal client.Client
	Policies *policy.Set
	Letters  *letters.Writer
	Now      func() time.Time
	// MostPerHour is how many requests about one mail address are taken in an hour; 0:
	// any number. What the team enters itself is not counted.
	MostPerHour int
}

// Submit records a request. When it returns without error the request can't be
// lost any more, whatever crashes: it, its acknowledgement and the order to start
// its workflow are recorded together. Errors are *[dsr.InvalidInput] and
// [dsr.ErrUnavailable].
func (s *Service) Submit(ctx context.Context, in dsr.Intake) (dsr.Receipt, error) {
	now := s.Now()
	p, err := s.Policies.At(now)
	if err != nil {
		return dsr.Receipt{}, err
	}
	if err := in.Validate(p.RequiredElements(), p.Rights()); err != nil {
		return dsr.Receipt{}, err
	}
	r := record.Request{
		ID: uuid.NewString(), Reference: dsr.NewReference(), Right: in.Right, PolicyVersion: p.Version(),
		ReceivedAt: now, DueAt: p.LegalDue(now, false, 0), Intake: in,
	}
	mail, err := s.Letters.Write(p, letters.Letter{
		Purpose: mailout.Acknowledgement, To: in.Elements.Email, Language: in.Language, Facts: letters.Facts(p, r), At: now,
	})
	if err != nil {
		return dsr.Receipt{}, err
	}
	return s.Records.CreateRequest(ctx, record.NewRequest{
		ID: r.ID, Reference: r.Reference, PolicyVersion: r.PolicyVersion, ReceivedAt: r.ReceivedAt, DueAt: r.DueAt, Intake: in, Mail: &mail, MostPerHour: s.most(in.Channel),
	})
}

// most is how many requests about one address a channel may file in an hour.
func (s *Service) most(channel dsr.Channel) int {
	if channel == dsr.Staff {
		return 0
	}
	return s.MostPerHour
}

// List returns a page of requests.
func (s *Service) List(ctx context.Context, f dsr.ListFilter) (dsr.SummaryPage, error) {
	return s.Records.List(ctx, f)
}

// Show returns one request by its id or reference.
func (s *Service) Show(ctx context.Context, id string, personal bool) (dsr.Details, error) {
	id, err := s.resolve(ctx, id)
	if err != nil {
		return dsr.Details{}, err
	}
	return s.Records.Show(ctx, id, personal)
}

// Certificate returns the certificate of a request by its id or reference.
func (s *Service) Certificate(ctx context.Context, id string) ([]byte, error) {
	id, err := s.resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Records.Certificate(ctx, id)
}

func (s *Service) resolve(ctx context.Context, id string) (string, error) {
	if _, err := uuid.Parse(id); err == nil {
		return id, nil
	}
	return s.Records.FindReference(ctx, id)
}

// decideWithin is how long a person waits for a request to take their decision.
const decideWithin = 20 * time.Second

// Decide brings a person's decision to a request and waits until the request has
// taken it. The decision is recorded first; one that the request refuses stays
// recorded as not accepted, and the error is [dsr.ErrConflict].
func (s *Service) Decide(ctx context.Context, id string, d dsr.Decision) (dsr.DecisionView, error) {
	view := dsr.DecisionView{}
	id, err := s.resolve(ctx, id)
	if err != nil {
		return view, err
	}
	d.ID = decisionID(id, d.ID)
	if err := d.Validate(); err != nil {
		return view, err
	}
	if err := s.Records.RecordDecision(ctx, id, d); err != nil {
		return view, err
	}
	if err := s.bring(ctx, id, d); err != nil {
		var refused *temporal.ApplicationError
		if errors.As(err, &refused) {
			if settleErr := s.Records.SettleDecision(ctx, d.ID, false, nil); settleErr != nil {
				return view, settleErr
			}
			return view, fmt.Errorf("%s: %w", refused.Message(), dsr.ErrConflict)
		}
		return view, err
	}
	details, err := s.Records.Show(ctx, id, true)
	if err != nil {
		return view, err
	}
	for _, decided := range details.Decisions {
		if decided.ID == d.ID {
			return decided, nil
		}
	}
	return view, fmt.Errorf("the decision: %w", dsr.ErrNotFound)
}

// decisionID makes the id of a decision of whatever makes a repeated one the same
// for its sender: the id of a form, or an Idempotency-Key.
func decisionID(requestID, given string) string {
	if given == "" {
		return uuid.NewString()
	}
	if id, err := uuid.Parse(given); err == nil {
		return id.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("habeas:decision:"+requestID+":"+given)).String()
}

// bring brings a recorded decision to its request: to the workflow while it runs,
// and afterwards to what is on record.
func (s *Service) bring(ctx context.Context, id string, d dsr.Decision) error {
	details, err := s.Records.Show(ctx, id, false)
	if err != nil {
		return err
	}
	if !details.State.Ended() {
		return s.update(ctx, id, d)
	}
	if !slices.Contains(details.Awaiting, d.Action) && !settled(details, d.ID) {
		return temporal.NewApplicationError("the request has ended", "conflict")
	}
	return s.Records.SettleEnded(ctx, id, d)
}

// settled reports whether a decision was taken before.
func settled(details dsr.Details, id string) bool {
	return slices.ContainsFunc(details.Decisions, func(d dsr.DecisionView) bool { return d.ID == id && d.Accepted })
}

// mostUpdates is how often a decision is sent again to a request that was not ready.
const mostUpdates = 5

func (s *Service) updateOnce(ctx context.Context, requestID string, d dsr.Decision) error {
	handle, err := s.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.RequestID(requestID), UpdateID: d.ID, UpdateName: workflows.UpdateDecide,
		Args:         []any{workflows.Decision{ID: d.ID, Action: d.Action, About: d.About, Store: d.Store}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	var result workflows.DecisionResult
	return handle.Get(ctx, &result)
}

// update sends a decision to the workflow of its request.
func (s *Service) update(ctx context.Context, requestID string, d dsr.Decision) error {
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	err := s.updateOnce(ctx, requestID, d)
	// A request that is about to end and hears of something else in that moment takes
	// neither; the same decision is taken right after.
	for tries := 0; errors.As(err, new(*serviceerror.WorkflowNotReady)) && tries < mostUpdates && ctx.Err() == nil; tries++ {
		err = s.updateOnce(ctx, requestID, d)
	}
	var gone *serviceerror.NotFound
	var refused *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return err
	case errors.As(err, &gone):
		return temporal.NewApplicationError("the request has ended or has not begun yet", "conflict")
	}
	return fmt.Errorf("the request did not take the decision in time; it stays recorded, try again: %w", dsr.ErrUnavailable)
}
