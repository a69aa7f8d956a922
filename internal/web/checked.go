package web

import (
	"context"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/portal"
)

// checked refuses wrong input at the door, whichever page or endpoint it came
// through, before anything is recorded or looked up.
type checked struct {
	Requests
	form portal.Form
}

// Submit checks the fields against the form before it files the request.
func (r checked) Submit(ctx context.Context, in dsr.Intake) (dsr.Receipt, error) {
	if err := in.Validate(r.form.Required, r.form.Rights); err != nil {
		return dsr.Receipt{}, err
	}
	return r.Requests.Submit(ctx, in)
}

// Decide checks the texts of the decision before it takes it.
func (r checked) Decide(ctx context.Context, id string, d dsr.Decision) (dsr.DecisionView, error) {
	if err := d.Validate(); err != nil {
		return dsr.DecisionView{}, err
	}
	return r.Requests.Decide(ctx, id, d)
}

// Supplement checks the elements before it adds them to a request.
func (r checked) Supplement(ctx context.Context, id string, details dsr.Elements, actor string) (dsr.Details, error) {
	if details.Email != "" {
		return dsr.Details{}, &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "email", Problem: "cannot be changed: answers go to the address that the request came from"}}}
	}
	if err := details.Validate(nil); err != nil {
		return dsr.Details{}, err
	}
	return r.Requests.Supplement(ctx, id, details, actor)
}
