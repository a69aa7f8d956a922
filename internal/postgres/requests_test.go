package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
)

func TestCreateRequest(t *testing.T) {
	b := setup(t)
	want := newRequest(b.Now(), intake("key"))
	receipt, err := b.CreateRequest(t.Context(), want)
	must(t, err)
	if receipt != (dsr.Receipt{RequestID: want.ID, Reference: want.Reference, ReceivedAt: want.ReceivedAt, DueAt: want.DueAt}) {
		t.Errorf("receipt %+v", receipt)
	}
	got, err := b.LoadRequest(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(record.Request{
		ID: want.ID, Reference: want.Reference, Right: dsr.Erasure, State: dsr.Received, PolicyVersion: want.PolicyVersion,
		ReceivedAt: want.ReceivedAt.Truncate(time.Microsecond), DueAt: want.DueAt.Truncate(time.Microsecond), Intake: want.Intake,
	}, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("(-filed +loaded)\n%s", diff)
	}
	found, err := b.FindReference(t.Context(), want.Reference)
	if err != nil || found != want.ID {
		t.Errorf("found %s, %v", found, err)
	}
	due, err := b.ClaimSignals(t.Context(), 10, time.Minute)
	if err != nil || len(due) != 1 || due[0].Kind != "start" || due[0].RequestID != want.ID {
		t.Errorf("signals %v, %v", due, err)
	}
	mails, err := b.Claim(t.Context(), 10, time.Minute)
	if err != nil || len(mails) != 1 || mails[0].Message.Purpose != mailout.Acknowledgement || mails[0].Message.To != canary("mail") {
		t.Errorf("mails %v, %v", mails, err)
	}
}

// TestCreateRequestIsAllOrNothing: whatever part of it fails, nothing is left.
func TestCreateRequestIsAllOrNothing(t *testing.T) {
	b := setup(t)
	first := newRequest(b.Now(), intake(""))
	_, err := b.CreateRequest(t.Context(), first)
	must(t, err)
	count := `SELECT (SELECT count(*) FROM request) + (SELECT count(*) FROM event) + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM signal) + (SELECT count(*) FROM token) + (SELECT count(*) FROM data_key)`
	before := b.number(count)
	for _, table := range []string{"event", "outbox", "signal", "data_key"} {
		must(t, b.exec(`ALTER TABLE `+table+` ADD CONSTRAINT none CHECK (false) NOT VALID`))
		if _, err := b.CreateRequest(t.Context(), newRequest(b.Now(), intake("key"))); err == nil {
			t.Errorf("recorded without %s", table)
		}
		must(t, b.exec(`ALTER TABLE `+table+` DROP CONSTRAINT none`))
	}
	second := newRequest(b.Now(), intake("key"))
	second.Reference = first.Reference
	if _, err := b.CreateRequest(t.Context(), second); err == nil {
		t.Error("two requests have one reference")
	}
	if after := b.number(count); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
}

// TestIdempotencyKey: one submission is one request, however often and however
// many at once it comes; a key belongs to the channel that sent it.
func TestIdempotencyKey(t *testing.T) {
	b := setup(t)
	first, err := b.CreateRequest(t.Context(), newRequest(b.Now(), intake("key")))
	must(t, err)
	b.pass(time.Hour)
	again, err := b.CreateRequest(t.Context(), newRequest(b.Now(), intake("key")))
	must(t, err)
	if again.RequestID != first.RequestID || again.Reference != first.Reference ||
		!again.ReceivedAt.Equal(first.ReceivedAt.Truncate(time.Microsecond)) || !again.DueAt.Equal(first.DueAt.Truncate(time.Microsecond)) {
		t.Errorf("the second receipt is %+v, the first %+v", again, first)
	}
	elsewhere := intake("key")
	elsewhere.Channel = dsr.API
	other, err := b.CreateRequest(t.Context(), newRequest(b.Now(), elsewhere))
	must(t, err)
	if other.RequestID == first.RequestID {
		t.Error("the key of one channel gives a stranger the receipt of another")
	}
	for range 2 {
		_, err = b.CreateRequest(t.Context(), newRequest(b.Now(), intake("")))
		must(t, err)
	}
	if n := b.number(`SELECT count(*) FROM request`); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	if n := b.number(`SELECT count(*) FROM data_key`); n != 4 {
		t.Errorf("%d data keys for 4 requests", n)
	}
}

func TestIdempotencyKeyAtOnce(t *testing.T) {
	b := setup(t)
	receipts := make([]dsr.Receipt, 8)
	allNil(t, atOnce(t, len(receipts), func(ctx context.Context, i int) (err error) {
		receipts[i], err = b.CreateRequest(ctx, newRequest(b.Now(), intake("key")))
		return err
	}))
	for _, r := range receipts {
		if r.RequestID != receipts[0].RequestID || r.Reference != receipts[0].Reference {
			t.Errorf("%+v and %+v", r, receipts[0])
		}
	}
	for _, table := range []string{"request", "outbox", "signal", "data_key"} {
		if n := b.number(`SELECT count(*) FROM ` + table); n != 1 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}

// TestTakeIsTakenOnce: a step repeated after a crash changes nothing, whatever
// the request has become meanwhile.
func TestTakeIsTakenOnce(t *testing.T) {
	b := setup(t)
	id := b.file()
	step := record.Step{Name: "identified", Event: dsr.EventIdentified, To: dsr.Identifying, Facts: map[string]any{"candidates": 1},
		Mails: []record.NewMail{asking(mailout.Confirmation, "a", b.Now())}}
	b.take(id, step)
	b.take(id, record.Step{Name: "on", Event: dsr.EventPlanned, To: dsr.AwaitingConfirmation})
	taken, err := b.Take(t.Context(), id, step)
	if taken || err != nil {
		t.Errorf("taken again: %v, %v", taken, err)
	}
	r, err := b.LoadRequest(t.Context(), id)
	if err != nil || r.State != dsr.AwaitingConfirmation {
		t.Errorf("state %s, %v", r.State, err)
	}
	if n := b.number(`SELECT count(*) FROM event WHERE request_id = $1`, id); n != 3 {
		t.Errorf("%d events", n)
	}
	if n := b.number(`SELECT count(*) FROM outbox WHERE request_id = $1`, id); n != 2 {
		t.Errorf("%d mails", n)
	}
}

func TestTakeAtOnce(t *testing.T) {
	b := setup(t)
	id := b.file()
	var mu sync.Mutex
	taken := map[string]int{}
	allNil(t, atOnce(t, 24, func(ctx context.Context, i int) error {
		step := record.Step{Name: name("step %d", i%3), Event: dsr.EventIdentified, To: dsr.Identifying, Mails: []record.NewMail{asking(mailout.Confirmation, "a", b.Now())}}
		ok, err := b.Take(ctx, id, step)
		if ok {
			mu.Lock()
			taken[step.Name]++
			mu.Unlock()
		}
		return err
	}))
	if diff := cmp.Diff(map[string]int{"step 0": 1, "step 1": 1, "step 2": 1}, taken); diff != "" {
		t.Errorf("(-want +taken)\n%s", diff)
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if len(events) != 4 {
		t.Errorf("%d events", len(events))
	}
	must(t, audit.VerifyChain(id, events))
	if n := b.number(`SELECT count(*) FROM outbox WHERE purpose = 'confirmation'`); n != 1 {
		t.Errorf("%d confirmation mails", n)
	}
}

// TestTransitions tries every pair of states against the rules of the domain.
func TestTransitions(t *testing.T) {
	b := setup(t)
	id := b.file()
	for _, from := range dsr.States() {
		for _, to := range dsr.States() {
			must(t, b.exec(`UPDATE request SET state = $2, ended_at = CASE WHEN $3 THEN now() END WHERE id = $1`, id, from, from.Ended()))
			taken, err := b.Take(t.Context(), id, record.Step{Name: name("%s to %s", from, to), Event: dsr.EventIdentified, To: to})
			if allowed := from.CanBecome(to); taken != allowed || allowed != (err == nil) || !allowed && !errors.Is(err, dsr.ErrConflict) {
				t.Errorf("from %s to %s: taken %v, %v", from, to, taken, err)
			}
		}
	}
}

func TestTakeConditions(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.walk(id, dsr.Identifying)
	plan := uuid.NewString()
	must(t, b.SavePlan(t.Context(), id, record.Plan{ID: plan, PolicyVersion: "1"}))
	for what, c := range map[string]struct {
		step record.Step
		want error
	}{
		"what must come before has not happened":     {record.Step{After: []dsr.EventType{dsr.EventConfirmed}}, dsr.ErrConflict},
		"only one of two has happened":               {record.Step{After: []dsr.EventType{dsr.EventReceived, dsr.EventApproved}}, dsr.ErrConflict},
		"what must come before has happened":         {record.Step{After: []dsr.EventType{dsr.EventReceived, dsr.EventPlanMade}}, nil},
		"on another plan":                            {record.Step{OnPlan: uuid.NewString()}, dsr.ErrConflict},
		"on the present plan":                        {record.Step{OnPlan: plan}, nil},
		"nobody has cancelled":                       {record.Step{UnlessCancelled: true}, nil},
		"a request that does not exist":              {record.Step{Name: "nowhere"}, dsr.ErrNotFound},
		"to where it can't go, with everything else": {record.Step{To: dsr.Closed, After: []dsr.EventType{dsr.EventReceived}}, dsr.ErrConflict},
	} {
		c.step.Name, c.step.Event = what, dsr.EventIdentified
		on := id
		if errors.Is(c.want, dsr.ErrNotFound) {
			on = uuid.NewString()
		}
		taken, err := b.Take(t.Context(), on, c.step)
		if taken != (c.want == nil) || !errors.Is(err, c.want) {
			t.Errorf("%s: taken %v, %v", what, taken, err)
		}
	}
	must(t, b.StoreInbound(t.Context(), "privacy", "INBOX", record.Cursor{UIDValidity: 1, LastUID: 1}, []record.Inbound{inbound(id, 1, "cancel")}))
	_, err := b.Take(t.Context(), id, record.Step{Name: "too late", Event: dsr.EventErasing, UnlessCancelled: true})
	wantError(t, "after a cancellation", err, record.ErrCancelled)
	b.take(id, record.Step{Name: "all the same", Event: dsr.EventIdentified})
}

// TestTakeWritesWhatItSays holds every field that a step can change, and that a
// step which does not name one leaves it.
func TestTakeWritesWhatItSays(t *testing.T) {
	b := setup(t)
	id := b.file()
	if _, err := b.ConfirmUntil(t.Context(), id); !errors.Is(err, dsr.ErrConflict) {
		t.Errorf("until when, before anything was asked: %v", err)
	}
	attention, paused, until := dsr.IdentityMismatch, true, b.Now().AddDate(0, 0, 21).Truncate(time.Microsecond)
	account := &dsr.Account{Email: canary("email"), Identities: map[string][]string{"email": {canary("email")}}, Collection: "app:accounts", Key: map[string]string{"id": "7"}}
	b.take(id, record.Step{Name: "one", Event: dsr.EventIdentified, To: dsr.Identifying, Attention: &attention, Paused: &paused, ConfirmUntil: &until, Account: account, Outcome: dsr.Erased, Actor: "the handler"})
	b.take(id, record.Step{Name: "two", Event: dsr.EventIdentified})
	r, err := b.LoadRequest(t.Context(), id)
	must(t, err)
	if r.State != dsr.Identifying || r.Attention != attention || r.Outcome != dsr.Erased || !cmp.Equal(r.Account, account) {
		t.Errorf("%+v", r)
	}
	got, err := b.ConfirmUntil(t.Context(), id)
	if err != nil || !got.Equal(until) {
		t.Errorf("until %v, %v", got, err)
	}
	d, err := b.Show(t.Context(), id, false)
	must(t, err)
	if !d.Paused || d.EndedAt != nil || !slices.Contains(d.Awaiting, dsr.Resume) || d.Events[1].Actor != "the handler" {
		t.Errorf("%+v", d.Summary)
	}
	none, running := dsr.NoAttention, false
	b.take(id, record.Step{Name: "three", Event: dsr.EventResumed, Attention: &none, Paused: &running})
	b.take(id, record.Step{Name: "four", Event: dsr.EventCancelled, To: dsr.Cancelled, Outcome: dsr.CancelledOutcome})
	b.pass(time.Hour)
	b.take(id, record.Step{Name: "five", Event: dsr.EventClosed, To: dsr.Closed})
	if d, err = b.Show(t.Context(), id, false); err != nil || d.Paused || d.Attention != "" || d.Outcome != dsr.CancelledOutcome || d.EndedAt == nil || !d.EndedAt.Equal(noon.Truncate(time.Microsecond)) {
		t.Errorf("%+v, %v", d.Summary, err)
	}
}

func TestSetAttention(t *testing.T) {
	b := setup(t)
	id := b.file()
	now := func() dsr.Attention {
		r, err := b.LoadRequest(t.Context(), id)
		must(t, err)
		return r.Attention
	}
	must(t, b.SetAttention(t.Context(), id, dsr.NoAttention, dsr.StoreFailing))
	if now() != dsr.StoreFailing {
		t.Errorf("attention %q", now())
	}
	must(t, b.SetAttention(t.Context(), id, dsr.NoAttention, dsr.ResidualFound))
	if now() != dsr.StoreFailing {
		t.Error("one attention drove out another")
	}
	must(t, b.SetAttention(t.Context(), id, dsr.StoreFailing, dsr.NoAttention))
	if now() != dsr.NoAttention {
		t.Errorf("attention %q", now())
	}
}

// TestEventsAreAppendOnly: not even SQL changes what happened.
func TestEventsAreAppendOnly(t *testing.T) {
	b := setup(t)
	id := b.file()
	for _, sql := range []string{
		`UPDATE event SET actor = 'x'`, `UPDATE event SET facts = '{}' WHERE false`, `DELETE FROM event`, `TRUNCATE event`, `TRUNCATE request CASCADE`,
	} {
		if b.exec(sql) == nil {
			t.Errorf("%s is allowed", sql)
		}
	}
	events, err := b.Events(t.Context(), id)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	must(t, audit.VerifyChain(id, events))
}

// TestChainSurvivesTheDatabase: what PostgreSQL does to times and facts changes no hash.
func TestChainSurvivesTheDatabase(t *testing.T) {
	b := setup(t)
	id := b.file()
	for i, facts := range []map[string]any{
		nil, {}, {"n": 0, "big": int64(1) << 52, "negative": -7, "fraction": 0.1, "tiny": 1e-9, "huge": 1e21},
		{"text": "Ünïcode <&> \u2028 \"quoted\" \\ \n", "list": []any{1, "a", nil, true}, "map": map[string]any{"b": 1, "a": map[string]int{"z": 1}}},
		{"right": dsr.Erasure, "at": noon, "day": time.Duration(5), "strings": []string{"b", "a"}},
	} {
		b.pass(1234567 * time.Nanosecond)
		b.take(id, record.Step{Name: name("step %d", i), Event: dsr.EventIdentified, Facts: facts})
	}
	events, err := b.Events(t.Context(), id)
	must(t, err)
	if len(events) != 6 {
		t.Errorf("%d events", len(events))
	}
	must(t, audit.VerifyChain(id, events))
}

// TestListPages: every request once and newest first, whatever comes in meanwhile.
func TestListPages(t *testing.T) {
	b := setup(t)
	var want []string
	for i := range 23 {
		// Some are received at the very same time.
		if i%3 == 0 {
			b.pass(time.Second)
		}
		want = append(want, b.file())
	}
	seen := map[string]bool{}
	var got []dsr.Summary
	filter := dsr.ListFilter{Limit: 5}
	for {
		page, err := b.List(t.Context(), filter)
		must(t, err)
		for _, r := range page.Requests {
			if seen[r.ID] {
				t.Errorf("%s comes twice", r.ID)
			}
			seen[r.ID] = true
		}
		got = append(got, page.Requests...)
		if filter.Before = page.Next; page.Next == "" {
			break
		}
		b.pass(time.Second)
		b.file()
	}
	for _, id := range want {
		if !seen[id] {
			t.Errorf("%s was left out", id)
		}
	}
	if len(got) != len(want) || !slices.IsSortedFunc(got, func(a, b dsr.Summary) int { return b.ReceivedAt.Compare(a.ReceivedAt) }) {
		t.Errorf("%d requests for %d, or out of order", len(got), len(want))
	}
}

func TestListFilters(t *testing.T) {
	b := setup(t)
	attention := dsr.IdentityMismatch
	received, waiting, ended := b.file(), b.file(), b.file()
	b.take(waiting, record.Step{Name: "wait", Event: dsr.EventMismatch, To: dsr.AwaitingPerson, Attention: &attention})
	b.take(ended, record.Step{Name: "end", Event: dsr.EventCancelled, To: dsr.Cancelled})
	for what, c := range map[string]struct {
		filter dsr.ListFilter
		want   []string
	}{
		"all":       {dsr.ListFilter{}, []string{received, waiting, ended}},
		"open":      {dsr.ListFilter{Open: true}, []string{received, waiting}},
		"state":     {dsr.ListFilter{State: dsr.Cancelled}, []string{ended}},
		"attention": {dsr.ListFilter{Attention: attention}, []string{waiting}},
		"none":      {dsr.ListFilter{State: dsr.Erasing}, nil},
		"too many":  {dsr.ListFilter{Limit: 5000}, []string{received, waiting, ended}},
		"negative":  {dsr.ListFilter{Limit: -1}, []string{received, waiting, ended}},
	} {
		page, err := b.List(t.Context(), c.filter)
		must(t, err)
		var got []string
		for _, r := range page.Requests {
			got = append(got, r.ID)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) || page.Next != "" || page.Requests == nil {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
	var invalid *dsr.InvalidInput
	for _, cursor := range []string{"x", "!", "e30", "eyJhIjoieCJ9", "bnVsbA"} {
		if _, err := b.List(t.Context(), dsr.ListFilter{Before: cursor}); !errors.As(err, &invalid) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestUnknownRequests(t *testing.T) {
	b := setup(t)
	for _, id := range []string{uuid.NewString(), "not an id", ""} {
		_, err := b.LoadRequest(t.Context(), id)
		wantError(t, "LoadRequest", err, dsr.ErrNotFound)
		_, err = b.Show(t.Context(), id, true)
		wantError(t, "Show", err, dsr.ErrNotFound)
		_, err = b.Take(t.Context(), id, record.Step{Name: "s", Event: dsr.EventIdentified})
		wantError(t, "Take", err, dsr.ErrNotFound)
		_, err = b.Certificate(t.Context(), id)
		wantError(t, "Certificate", err, dsr.ErrNotFound)
		_, err = b.ConfirmUntil(t.Context(), id)
		wantError(t, "ConfirmUntil", err, dsr.ErrNotFound)
		_, err = b.PlanOf(t.Context(), id, id)
		wantError(t, "PlanOf", err, dsr.ErrNotFound)
		_, err = b.PlanTargets(t.Context(), id, id, "")
		wantError(t, "PlanTargets", err, dsr.ErrNotFound)
		_, err = b.MailOf(t.Context(), id, mailout.Confirmation)
		wantError(t, "MailOf", err, dsr.ErrNotFound)
		_, err = b.Decision(t.Context(), id)
		wantError(t, "Decision", err, dsr.ErrNotFound)
		wantError(t, "SettleDecision", b.SettleDecision(t.Context(), id, true, nil), dsr.ErrNotFound)
		wantError(t, "RecordDecision", b.RecordDecision(t.Context(), id, dsr.Decision{ID: uuid.NewString(), Action: dsr.Pause}), dsr.ErrNotFound)
	}
	for _, reference := range []string{"H-0000-0000", "", fmt.Sprintf("%0500d", 1)} {
		_, err := b.FindReference(t.Context(), reference)
		wantError(t, "FindReference", err, dsr.ErrNotFound)
	}
}

// TestFlood: requests about one address are taken up to the limit of an hour, in
// whatever case it is written; other addresses, repeated submissions and the next
// hour are not held up.
func TestFlood(t *testing.T) {
	b := setup(t)
	filed := 0
	file := func(email, key string, at time.Time) error {
		filed++
		in := intake(key)
		in.Elements.Email = email
		r := newRequest(at, in)
		r.MostPerHour = 2
		_, err := b.CreateRequest(t.Context(), r)
		return err
	}
	now := b.Now()
	must(t, file("ada@a.test", "k1", now))
	must(t, file("ADA@a.test", "k2", now))
	if err := file("ada@A.test", "k3", now); !errors.Is(err, dsr.ErrTooMany) {
		t.Errorf("the third of an hour: %v", err)
	}
	must(t, file("ADA@a.test", "k2", now))
	must(t, file("eve@a.test", "k4", now))
	must(t, file("ada@a.test", "k5", now.Add(time.Hour)))
	if n := b.number(`SELECT count(*) FROM request`); n != 4 {
		t.Errorf("%d requests after %d submissions", n, filed)
	}
}
