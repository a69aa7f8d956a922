package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

func (b *bench) due() []record.Duty {
	b.t.Helper()
	due, err := b.DueDuties(b.t.Context(), 100)
	must(b.t, err)
	return due
}

func (b *bench) state(id string) dsr.State {
	b.t.Helper()
	d, err := b.Show(b.t.Context(), id, false)
	must(b.t, err)
	return d.State
}

// ended is a request that has ended with duties.
func (b *bench) ended(duties ...record.NewDuty) string {
	b.t.Helper()
	id := b.file()
	b.take(id, record.Step{Name: "cancelled", Event: dsr.EventCancelled, To: dsr.Cancelled, Duties: duties})
	return id
}

func TestDutiesComeInTheOrderTheyAreDue(t *testing.T) {
	b := setup(t)
	in := func(d time.Duration) time.Time { return b.Now().Add(d) }
	id := b.ended(record.NewDuty{Kind: record.Evidence, DueAt: in(3 * time.Hour)}, record.NewDuty{Kind: record.ReadBack, Store: "app", DueAt: in(time.Hour)},
		record.NewDuty{Kind: record.Residual, Store: "billing", DueAt: in(2 * time.Hour), Targets: targets("duty")["app"]})
	if len(b.due()) != 0 {
		t.Error("a duty is due before its time")
	}
	b.pass(4 * time.Hour)
	due := b.due()
	var kinds []record.DutyKind
	for _, d := range due {
		kinds = append(kinds, d.Kind)
		if d.RequestID != id {
			t.Errorf("%+v", d)
		}
	}
	if diff := cmp.Diff([]record.DutyKind{record.ReadBack, record.Residual, record.Evidence}, kinds); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(targets("duty")["app"], due[1].Targets); diff != "" {
		t.Errorf("targets (-want +got)\n%s", diff)
	}
	if first, err := b.DueDuties(t.Context(), 1); err != nil || len(first) != 1 || first[0].ID != due[0].ID {
		t.Errorf("%+v, %v", first, err)
	}
	must(t, b.DutyPutOff(t.Context(), due[0].ID, b.Now().Add(time.Hour)))
	if left := b.due(); len(left) != 2 {
		t.Errorf("%d duties", len(left))
	}
	b.pass(time.Hour)
	if again := b.due(); len(again) != 3 || again[2].ID != due[0].ID || again[2].Attempt != 1 {
		t.Errorf("%+v", again)
	}
}

// TestLastDutyClosesTheRequest: and none before it; each is done once.
func TestLastDutyClosesTheRequest(t *testing.T) {
	b := setup(t)
	id := b.ended(record.NewDuty{Kind: record.ReadBack, Store: "app", DueAt: b.Now()}, record.NewDuty{Kind: record.Residual, Store: "app", DueAt: b.Now(), Targets: targets("duty")["app"]})
	due := b.due()
	keys := b.number(`SELECT count(*) FROM data_key`)
	for i, d := range due {
		if b.state(id) != dsr.Cancelled {
			t.Errorf("%s before its duties are done", b.state(id))
		}
		allNil(t, atOnce(t, 4, func(ctx context.Context, _ int) error {
			return b.DutyDone(ctx, d, map[string]any{"residual_rows": i}, dsr.NoAttention, nil)
		}))
	}
	if b.state(id) != dsr.Closed || len(b.due()) != 0 {
		t.Errorf("state %s, %d due", b.state(id), len(b.due()))
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	must(t, audit.VerifyChain(id, events))
	if len(events) != 5 || events[2].Type != dsr.EventDutyDone || events[4].Type != dsr.EventClosed {
		t.Errorf("%+v", events)
	}
	if n := b.number(`SELECT count(*) FROM data_key`); n != keys-1 {
		t.Errorf("%d keys of %d are left: that of the residual duty must go", n, keys)
	}
	if n := b.number(`SELECT count(*) FROM duty WHERE targets IS NOT NULL OR data_key_id IS NOT NULL`); n != 0 {
		t.Errorf("%d duties keep their targets", n)
	}
}

// TestDutyThatLeadsToAnother: the request stays open for it, and a person hears of
// what was found.
func TestDutyThatLeadsToAnother(t *testing.T) {
	b := setup(t)
	id := b.ended(record.NewDuty{Kind: record.Residual, Store: "app", DueAt: b.Now(), Targets: targets("duty")["app"]})
	next := &record.NewDuty{Kind: record.Residual, Store: "app", DueAt: b.Now().AddDate(1, 0, 0), Targets: targets("duty")["app"]}
	must(t, b.DutyDone(t.Context(), b.due()[0], map[string]any{"rows_erased": 1}, dsr.ResidualFound, next))
	d, err := b.Show(t.Context(), id, false)
	if err != nil || d.State != dsr.Cancelled || d.Attention != dsr.ResidualFound {
		t.Errorf("%+v, %v", d.Summary, err)
	}
	b.pass(366 * 24 * time.Hour)
	due := b.due()
	if len(due) != 1 || !cmp.Equal(due[0].Targets, next.Targets) {
		t.Fatalf("%+v", due)
	}
	must(t, b.DutyDone(t.Context(), due[0], nil, dsr.NoAttention, nil))
	if d, err = b.Show(t.Context(), id, false); err != nil || d.State != dsr.Closed || d.Attention != dsr.ResidualFound {
		t.Errorf("%+v, %v", d.Summary, err)
	}
}

// TestEvidenceIsDestroyed: with its evidence duty, everything personal about a
// request is gone; what names nobody stays, and duties that need more live on.
func TestEvidenceIsDestroyed(t *testing.T) {
	b := setup(t)
	id, other := b.live(), b.file()
	b.pass(366 * 24 * time.Hour)
	for _, d := range b.due() {
		if d.RequestID == id && d.Kind == record.Evidence {
			must(t, b.DutyDone(t.Context(), d, map[string]any{}, dsr.NoAttention, nil))
		}
	}
	d, err := b.Show(t.Context(), id, true)
	must(t, err)
	if d.Intake != nil || d.Replies[0].Text != "" || d.Decisions[0].Reason != "" || d.State != dsr.Completed {
		t.Errorf("%+v", d)
	}
	if len(d.Events) == 0 || len(d.Stores) != 2 || len(d.Plan) != 1 || d.Decisions[0].Actor == "" {
		t.Errorf("what names nobody is gone too: %+v", d)
	}
	document, err := b.Certificate(t.Context(), id)
	must(t, err)
	if _, err := audit.Verify(document, nil); err != nil {
		t.Error(err)
	}
	_, err = b.LoadRequest(t.Context(), id)
	wantError(t, "LoadRequest", err, dsr.ErrNotFound)
	_, err = b.MailOf(t.Context(), id, mailout.Confirmation)
	wantError(t, "MailOf", err, dsr.ErrNotFound)
	_, err = b.PlanTargets(t.Context(), id, d.PlanID, "")
	wantError(t, "PlanTargets", err, dsr.ErrNotFound)
	if _, known, err := b.FindToken(t.Context(), token("c", string(mailout.Confirmation)+id)); known || err != nil {
		t.Errorf("its token is known: %v", err)
	}
	for table, left := range map[string]string{
		"request WHERE id = $1": "intake IS NOT NULL OR account IS NOT NULL OR idempotency IS NOT NULL OR data_key_id IS NOT NULL", "outbox WHERE request_id = $1": "message IS NOT NULL",
		"message WHERE request_id = $1": "raw IS NOT NULL OR fresh_text IS NOT NULL OR recognised IS NOT NULL OR data_key_id IS NOT NULL", "decision WHERE request_id = $1": "reason IS NOT NULL", "incident WHERE request_id = $1": "error IS NOT NULL OR data_key_id IS NOT NULL",
	} {
		if n := b.number(`SELECT count(*) FROM `+table+` AND (`+left+`)`, id); n != 0 {
			t.Errorf("%d rows of %s keep what was sealed", n, table)
		}
	}
	if n := b.number(`SELECT count(*) FROM plan_target JOIN plan ON plan.id = plan_id WHERE request_id = $1 AND targets IS NOT NULL`, id); n != 0 {
		t.Errorf("%d plans keep their targets", n)
	}
	// Others keep theirs.
	r, err := b.LoadRequest(t.Context(), other)
	if err != nil || r.Intake.Name != canary("name") {
		t.Errorf("the evidence of another request: %v", err)
	}
	b.lastDutyOf(id)
}

// lastDutyOf does what is left for a request a year after its evidence went.
func (b *bench) lastDutyOf(id string) {
	b.t.Helper()
	b.pass(366 * 24 * time.Hour)
	for _, d := range b.due() {
		if d.RequestID == id {
			if !cmp.Equal(d.Targets, targets("duty")["app"]) {
				b.t.Errorf("the duty does not know its rows any more: %+v", d)
			}
			must(b.t, b.DutyDone(b.t.Context(), d, map[string]any{"rows_erased": 2}, dsr.NoAttention, nil))
		}
	}
	if b.state(id) != dsr.Closed {
		b.t.Errorf("state %s", b.state(id))
	}
	b.findNowhere(personal()...)
}

// TestMailOfDestroyedEvidence: a mail that never left must not hold up all others.
func TestMailOfDestroyedEvidence(t *testing.T) {
	b := setup(t)
	b.ended(record.NewDuty{Kind: record.Evidence, DueAt: b.Now()})
	must(t, b.DutyDone(t.Context(), b.due()[0], map[string]any{}, dsr.NoAttention, nil))
	other := b.file()
	mails := b.claim()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	must(t, b.Sent(t.Context(), mails[0].ID, b.Now(), ""))
	if n := b.number(`SELECT count(*) FROM outbox WHERE request_id = $1 AND status = 'sent'`, other); n != 1 {
		t.Error("the mail of another request was not sent")
	}
}

// TestIncidentOfDestroyedEvidence: where no key would be destroyed in time, only
// the code of an error is kept.
func TestIncidentOfDestroyedEvidence(t *testing.T) {
	b := setup(t)
	id := b.ended(record.NewDuty{Kind: record.Evidence, DueAt: b.Now()})
	must(t, b.DutyDone(t.Context(), b.due()[0], map[string]any{}, dsr.NoAttention, nil))
	for _, request := range []string{id, "", "not an id"} {
		incident, err := b.RecordIncident(t.Context(), request, "erase", "unavailable", canary("incident"))
		if err != nil || incident == "" {
			t.Errorf("%q: %v", request, err)
		}
	}
	if n := b.number(`SELECT count(*) FROM incident WHERE error IS NULL AND data_key_id IS NULL AND code = 'unavailable'`); n != 3 {
		t.Errorf("%d incidents", n)
	}
	if _, err := b.RecordIncident(t.Context(), b.file(), "erase", "unavailable", canary("incident")); err != nil || b.number(`SELECT count(*) FROM incident WHERE error IS NOT NULL`) != 1 {
		t.Errorf("the error of a request that has its evidence is not kept: %v", err)
	}
	b.findNowhere("canary-")
}

func TestDutyOfARequestThatHasNotEnded(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.take(id, record.Step{Name: "early", Event: dsr.EventIdentified, To: dsr.Identifying, Duties: []record.NewDuty{{Kind: record.ReadBack, DueAt: b.Now()}}})
	err := b.DutyDone(t.Context(), b.due()[0], map[string]any{}, dsr.NoAttention, nil)
	if !errors.Is(err, dsr.ErrConflict) || len(b.due()) != 1 || b.state(id) != dsr.Identifying {
		t.Errorf("%v; %d due, state %s", err, len(b.due()), b.state(id))
	}
}
