package requests

import (
	"context"

	"github.com/soffiah/habeas/internal/dsr"
)

// DetailsWanted returns the elements of identification that the form of a token
// asks for. It fails with [dsr.ErrNotFound] for a form that is not open any more.
func (s *Service) DetailsWanted(ctx context.Context, token string) ([]string, error) {
	_, missing, err := s.form(ctx, token)
	return missing, err
}

// AnswerDetails takes the elements of identification that somebody has filled into
// the form of a token: all that are missing, at once.
func (s *Service) AnswerDetails(ctx context.Context, token string, details dsr.Elements) error {
	id, missing, err := s.form(ctx, token)
	if err != nil {
		return err
	}
	if err := details.Validate(missing); err != nil {
		return err
	}
	return s.Records.Supplement(ctx, id, details, dsr.ByForm, "")
}

func (s *Service) form(ctx context.Context, token string) (id string, missing []string, err error) {
	r, err := s.Records.FormRequest(ctx, token)
	if err != nil {
		return "", nil, err
	}
	p, err := s.Policies.Version(r.PolicyVersion)
	if err != nil {
		return "", nil, err
	}
	if missing = r.Intake.Missing(p.RequiredElements()); len(missing) == 0 {
		return "", nil, dsr.ErrNotFound
	}
	return r.ID, missing, nil
}

// Supplement adds elements of identification that the team learned otherwise to a
// request, by its id or reference, and returns it. It fails with [dsr.ErrConflict]
// once the account has been looked for.
func (s *Service) Supplement(ctx context.Context, id string, details dsr.Elements, actor string) (dsr.Details, error) {
	id, err := s.resolve(ctx, id)
	if err != nil {
		return dsr.Details{}, err
	}
	if err := details.Validate(nil); err != nil {
		return dsr.Details{}, err
	}
	if err := s.Records.Supplement(ctx, id, details, dsr.ByPerson, actor); err != nil {
		return dsr.Details{}, err
	}
	return s.Records.Show(ctx, id, true)
}
