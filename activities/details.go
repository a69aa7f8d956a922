package activities

import (
	"context"
	"errors"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// AskDetails waits for the elements of identification that a request by mail
// lacks. Its acknowledgement has asked for them already; where that was withheld
// until a person had looked at the request, it is sent now.
func (a *Activities) AskDetails(ctx context.Context, in StepInput) (Wanted, error) {
	wanted, err := a.askDetails(ctx, in.RequestID)
	return wanted, a.outward(ctx, in.RequestID, err)
}

func (a *Activities) askDetails(ctx context.Context, requestID string) (Wanted, error) {
	r, p, err := a.load(ctx, requestID)
	if err != nil {
		return Wanted{}, err
	}
	missing := r.Intake.Missing(p.RequiredElements())
	if len(missing) == 0 {
		return Wanted{}, nil
	}
	now := a.deps.Now()
	step := record.Step{
		Name: "details", Event: dsr.EventDetailsAsked, To: dsr.AwaitingDetails, Attention: new(dsr.Attention), Facts: map[string]any{"missing": missing},
	}
	_, err = a.deps.Records.MailOf(ctx, requestID, mailout.Details)
	if errors.Is(err, dsr.ErrNotFound) {
		until := p.ConfirmationExpiry(r.Right, now, r.DueAt)
		l := letters.Letter{Purpose: mailout.Details, To: r.Intake.Elements.Email, Language: r.Intake.Language, Facts: letters.Facts(p, r), AnswerUntil: until, At: now}
		l.Facts.Missing, l.Facts.ExpiresAt = missing, until
		var mail record.NewMail
		if mail, err = a.deps.Letters.Write(p, l); err == nil {
			step.Mails, step.ConfirmUntil = []record.NewMail{mail}, &until
		}
	}
	if err != nil {
		return Wanted{}, err
	}
	if _, err := a.deps.Records.Take(ctx, requestID, step); err != nil {
		return Wanted{}, err
	}
	until, err := a.deps.Records.ConfirmUntil(ctx, requestID)
	return Wanted{Missing: len(missing), ExpiresAt: until}, err
}

// CountMissing counts the elements of identification that a request still lacks.
func (a *Activities) CountMissing(ctx context.Context, in StepInput) (int, error) {
	r, p, err := a.load(ctx, in.RequestID)
	if err != nil {
		return 0, a.outward(ctx, in.RequestID, err)
	}
	return len(r.Intake.Missing(p.RequiredElements())), a.outward(ctx, in.RequestID, nil)
}

// Wanted is what came of asking for elements of identification.
type Wanted struct {
	// Missing is how many are not there yet.
	Missing int
	// ExpiresAt is until when an answer counts.
	ExpiresAt time.Time
}
