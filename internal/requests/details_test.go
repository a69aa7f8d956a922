package requests_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// form opens a form for a request that gave these elements.
func (b *bench) form(given dsr.Elements) {
	b.records.form = record.Request{ID: uuid.NewString(), PolicyVersion: "2026-01-15", Intake: dsr.Intake{Right: dsr.Erasure, Channel: dsr.Mail, Elements: given}}
}

func TestFormAsksForWhatIsMissing(t *testing.T) {
	b := setup(t)
	b.form(dsr.Elements{Email: "marie@lumiere.test"})
	missing, err := b.DetailsWanted(t.Context(), "open")
	if err != nil || !slices.Equal(missing, []string{"account_name"}) {
		t.Errorf("%v, %v", missing, err)
	}
	if err := b.AnswerDetails(t.Context(), "open", dsr.Elements{BusinessID: "FR 1"}); !errors.As(err, new(*dsr.InvalidInput)) || len(b.records.supplied) != 0 {
		t.Errorf("an answer without what was asked for: %v", err)
	}
	if err := b.AnswerDetails(t.Context(), "open", dsr.Elements{AccountName: "lumiere"}); err != nil || b.records.supplied[0].AccountName != "lumiere" || b.records.ways[0] != dsr.ByForm {
		t.Errorf("%+v, %v", b.records.supplied, err)
	}
}

// TestFormThatIsNotOpen: one that never was, and one whose questions are answered.
func TestFormThatIsNotOpen(t *testing.T) {
	b := setup(t)
	b.form(dsr.Elements{Email: "marie@lumiere.test", AccountName: "lumiere"})
	for _, token := range []string{"open", "closed"} {
		if _, err := b.DetailsWanted(t.Context(), token); !errors.Is(err, dsr.ErrNotFound) {
			t.Errorf("%s: %v", token, err)
		}
		if err := b.AnswerDetails(t.Context(), token, dsr.Elements{AccountName: "x"}); !errors.Is(err, dsr.ErrNotFound) || len(b.records.supplied) != 0 {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestTeamSupplements(t *testing.T) {
	b := setup(t)
	d, err := b.Supplement(t.Context(), "H-7K3M-9QXT", dsr.Elements{AccountName: "lumiere"}, "officer")
	if err != nil || d.ID != b.records.reference["H-7K3M-9QXT"] || b.records.ways[0] != dsr.ByPerson {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := b.Supplement(t.Context(), "H-7K3M-9QXT", dsr.Elements{}, "officer"); !errors.As(err, new(*dsr.InvalidInput)) {
		t.Errorf("nothing at all: %v", err)
	}
	b.records.err = dsr.ErrConflict
	if _, err := b.Supplement(t.Context(), "H-7K3M-9QXT", dsr.Elements{AccountName: "x"}, "officer"); !errors.Is(err, dsr.ErrConflict) {
		t.Errorf("too late: %v", err)
	}
}

// TestDecisionMeetsASignal: a request that hears of something else in the moment in
// which it takes a decision takes it right after.
func TestDecisionMeetsASignal(t *testing.T) {
	b := setup(t)
	b.temporal.unready = 2
	if _, err := b.Decide(t.Context(), uuid.NewString(), dsr.Decision{Action: dsr.Cancel}); err != nil || len(b.temporal.updates) != 3 {
		t.Errorf("%v after %d updates", err, len(b.temporal.updates))
	}
	b.temporal.unready = 100
	if _, err := b.Decide(t.Context(), uuid.NewString(), dsr.Decision{Action: dsr.Cancel}); !errors.Is(err, dsr.ErrUnavailable) {
		t.Errorf("never ready: %v", err)
	}
}
