package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

// TestEverythingAtOnce lets everybody who writes about two requests do so at the
// same time: none waits for another for ever, and no event is lost or torn.
func TestEverythingAtOnce(t *testing.T) {
	b := setup(t)
	ids := []string{b.file(), b.file()}
	for _, id := range ids {
		b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, Duties: []record.NewDuty{{Kind: record.ReadBack, DueAt: b.Now()}},
			Mails: []record.NewMail{asking(mailout.Confirmation, id, b.Now()), asking(mailout.Reminder, id, b.Now())}})
	}
	send := func(ctx context.Context, i int) error {
		mails, err := b.Claim(ctx, 2, time.Minute)
		for _, m := range mails {
			if i%2 == 0 {
				err = errors.Join(err, b.Sent(ctx, m.ID, b.Now(), ""))
			} else {
				err = errors.Join(err, b.Failed(ctx, m.ID, b.Now(), 550, mailout.FailedRefused))
			}
		}
		return err
	}
	read := func(ctx context.Context, i int) error {
		m := inbound(ids[i%2], uint32(i), "unclear")
		return b.StoreInbound(ctx, "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: uint32(i)}, []record.Inbound{m})
	}
	decide := func(ctx context.Context, i int) error {
		d := dsr.Decision{ID: uuid.NewString(), Action: dsr.Retry, Actor: "the handler", Reason: "why"}
		return errors.Join(b.RecordDecision(ctx, ids[i%2], d), b.SettleDecision(ctx, d.ID, true, nil))
	}
	step := func(ctx context.Context, i int) error {
		_, err := b.Take(ctx, ids[i%2], record.Step{Name: name("step %d", i), Event: dsr.EventReminded, EndTokens: i%3 == 0, Mails: []record.NewMail{mail(mailout.CoolingOff, b.Now())}})
		return err
	}
	tell := func(ctx context.Context, _ int) error {
		due, err := b.ClaimSignals(ctx, 3, time.Minute)
		for _, s := range due {
			err = errors.Join(err, b.SignalDelivered(ctx, s.ID))
		}
		return err
	}
	again := func(ctx context.Context, i int) error { return b.RequeueFailed(ctx, ids[i%2]) }
	look := func(ctx context.Context, i int) error {
		_, err := b.Show(ctx, ids[i%2], true)
		return err
	}
	all := []func(context.Context, int) error{send, read, decide, step, tell, again, look}
	allNil(t, atOnce(t, 8*len(all), func(ctx context.Context, i int) error { return all[i%len(all)](ctx, i/len(all)) }))
	for _, id := range ids {
		events, err := b.Events(t.Context(), id)
		must(t, err)
		must(t, audit.VerifyChain(id, events))
		count := map[dsr.EventType]int{}
		for _, e := range events {
			count[e.Type]++
		}
		if count[dsr.EventReplySeen] != 4 || count[dsr.EventDecided] != 4 || count[dsr.EventReminded] != 4 {
			t.Errorf("%v", count)
		}
	}
}
