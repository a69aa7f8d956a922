package mailout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/mailout"
)

// memoryQueue keeps the contract of mailout.Queue in memory.
type memoryQueue struct {
	mu    sync.Mutex
	rows  []*row
	fail  func(op string) error // called before every operation, if set
	moved chan struct{}         // one token for each recorded outcome
}

type row struct {
	mailout.Queued
	due           time.Time
	state, reason string
	code          int
	response      string
}

func newQueue(messages ...mailout.Queued) *memoryQueue {
	q := &memoryQueue{moved: make(chan struct{}, 10_000)}
	for _, m := range messages {
		q.rows = append(q.rows, &row{Queued: m, due: time.Now()})
	}
	return q
}

func (q *memoryQueue) do(op, id string, f func(*row)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		if err := q.fail(op); err != nil {
			return err
		}
	}
	for _, r := range q.rows {
		if r.ID == id {
			f(r)
			q.moved <- struct{}{}
			return nil
		}
	}
	return errors.New("no such message")
}

func (q *memoryQueue) Claim(_ context.Context, n int, lease time.Duration) ([]mailout.Queued, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		if err := q.fail("claim"); err != nil {
			return nil, err
		}
	}
	var out []mailout.Queued
	now := time.Now()
	for _, r := range q.rows {
		if len(out) < n && r.state == "" && !r.due.After(now) {
			r.Attempt++
			r.due = now.Add(lease)
			out = append(out, r.Queued)
		}
	}
	return out, nil
}

func (q *memoryQueue) Sent(_ context.Context, id string, _ time.Time, response string) error {
	return q.do("sent", id, func(r *row) { r.state, r.response = "sent", response })
}

func (q *memoryQueue) Retry(_ context.Context, id string, at time.Time, code int) error {
	return q.do("retry", id, func(r *row) { r.due, r.code = at, code })
}

func (q *memoryQueue) Failed(_ context.Context, id string, _ time.Time, code int, reason string) error {
	return q.do("failed", id, func(r *row) { r.state, r.code, r.reason = "failed", code, reason })
}

// states returns the state of every message.
func (q *memoryQueue) states() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []string
	for _, r := range q.rows {
		out = append(out, r.state+r.reason)
	}
	return out
}

// scriptedSender answers as its function says.
type scriptedSender func(ctx context.Context, m mailout.Message) error

func (f scriptedSender) Send(ctx context.Context, m mailout.Message) (mailout.Receipt, error) {
	return mailout.Receipt{Response: "2.0.0 queued"}, f(ctx, m)
}

func queued(id string, expires time.Duration) mailout.Queued {
	q := mailout.Queued{ID: id, Message: mailout.Message{MessageID: id, Purpose: mailout.Confirmation, Date: time.Now()}}
	if expires > 0 {
		q.ExpiresAt = time.Now().Add(expires)
	}
	return q
}

// run runs an outbox in the time of the bubble until stop is called.
func run(t *testing.T, q mailout.Queue, s mailout.MessageSender, change func(*mailout.OutboxOptions)) (o *mailout.Outbox, stop func()) {
	t.Helper()
	opts := mailout.OutboxOptions{
		Jitter: func() float64 { return 0.5 },
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&opts)
	}
	o = mailout.NewOutbox(q, s, opts)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	return o, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// bubble runs f in a bubble of synctest, in which waiting costs no time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

func TestEveryMessageIsSentOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var messages []mailout.Queued
		for i := range 100 {
			messages = append(messages, queued(fmt.Sprint(i), time.Hour))
		}
		q := newQueue(messages...)
		var mu sync.Mutex
		sent, now, most := map[string]int{}, 0, 0
		_, stop := run(t, q, scriptedSender(func(_ context.Context, m mailout.Message) error {
			mu.Lock()
			sent[m.MessageID]++
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		}), nil)
		time.Sleep(14 * time.Second) // 100 messages, 8 at a time, a second each
		stop()
		if most != 8 || len(sent) != 100 {
			t.Errorf("%d at once, %d sent", most, len(sent))
		}
		for id, n := range sent {
			if n != 1 {
				t.Errorf("message %s was sent %d times", id, n)
			}
		}
		for _, s := range q.states() {
			if s != "sent" {
				t.Errorf("a message is %q", s)
			}
		}
	})
}

func TestWakeIsHeardAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := newQueue()
		o, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error { return nil }), func(o *mailout.OutboxOptions) { o.PollEvery = time.Hour })
		defer stop()
		synctest.Wait()
		began := time.Now()
		q.mu.Lock()
		q.rows = append(q.rows, &row{Queued: queued("a", 0), due: began})
		q.mu.Unlock()
		o.Wake()
		<-q.moved
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

// TestRetries: what becomes of a message that always fails in the same way.
func TestRetries(t *testing.T) {
	temporary := &mailout.SendError{Code: 451, Step: "test"}
	outage := &mailout.SendError{Outage: true, Step: "test"}
	for name, test := range map[string]struct {
		err      error
		expires  time.Duration
		state    string
		attempts int
		within   time.Duration
	}{
		"no such mailbox":             {&mailout.SendError{Permanent: true, Code: 550, Enhanced: "5.1.1"}, 0, "failed" + mailout.FailedRecipient, 1, time.Second},
		"mailbox full":                {&mailout.SendError{Permanent: true, Code: 552, Enhanced: "5.2.2"}, 0, "failed" + mailout.FailedRecipient, 1, time.Second},
		"refused without a reason":    {&mailout.SendError{Permanent: true, Code: 550}, 0, "failed" + mailout.FailedRecipient, 1, time.Second},
		"the text is refused":         {&mailout.SendError{Permanent: true, Code: 550, Enhanced: "5.7.1"}, 0, "failed" + mailout.FailedRefused, 1, time.Second},
		"the transaction failed":      {&mailout.SendError{Permanent: true, Code: 554}, 0, "failed" + mailout.FailedRefused, 1, time.Second},
		"4xx until the token expires": {temporary, 10 * time.Minute, "failed" + mailout.FailedExpired, 7, 10 * time.Minute},
		"4xx for three days":          {temporary, 0, "failed" + mailout.FailedTooOld, 80, 73 * time.Hour},
		"an outage of three days":     {outage, 0, "failed" + mailout.FailedTooOld, 80, 75 * time.Hour},
		"an unknown error":            {errors.New("x"), time.Minute, "failed" + mailout.FailedExpired, 4, time.Minute},
		"expired before it was tried": {nil, time.Nanosecond, "failed" + mailout.FailedExpired, 0, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				q := newQueue(queued("a", test.expires))
				time.Sleep(time.Nanosecond)
				attempts, began := 0, time.Now()
				_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error {
					attempts++
					return test.err
				}), nil)
				time.Sleep(test.within)
				stop()
				if got := q.states()[0]; got != test.state {
					t.Errorf("after %v the message is %q", time.Since(began), got)
				}
				if attempts < test.attempts-2 || attempts > test.attempts+2 {
					t.Errorf("it was tried %d times, about %d wanted", attempts, test.attempts)
				}
			})
		})
	}
}

func TestDelaysAreQuickAtFirst(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for attempt := range 13 {
		got = append(got, mailout.Delay(attempt+1, 0.5))
	}
	s, m := time.Second, time.Minute
	want := []time.Duration{s, 5 * s, 30 * s, m, 2 * m, 4 * m, 8 * m, 16 * m, 32 * m, 60 * m, 60 * m, 60 * m, 60 * m}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if low, high := mailout.Delay(4, 0), mailout.Delay(4, 0.999); low != 48*s || high < 71*s || high > 72*s {
		t.Errorf("jitter spreads from %v to %v", low, high)
	}
}

// TestOutcomeIsRecordedInTheEnd: a database that is away for a moment does not
// make a second copy.
func TestOutcomeIsRecordedInTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := newQueue(queued("a", time.Hour))
		began := time.Now()
		q.fail = func(op string) error {
			if op == "sent" && time.Since(began) < 30*time.Second {
				return errors.New("the database is away")
			}
			return nil
		}
		sends := 0
		_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error { sends++; return nil }), nil)
		time.Sleep(10 * time.Minute)
		stop()
		if sends != 1 || q.states()[0] != "sent" {
			t.Errorf("sent %d times, the message is %q", sends, q.states()[0])
		}
	})
}

// TestAttemptEndsBeforeItsLease: nobody else may send a message while we do.
func TestAttemptEndsBeforeItsLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := newQueue(queued("a", time.Hour))
		var ends []time.Duration
		began := time.Now()
		_, stop := run(t, q, scriptedSender(func(ctx context.Context, _ mailout.Message) error {
			<-ctx.Done()
			ends = append(ends, time.Since(began))
			return &mailout.SendError{Step: "test"}
		}), func(o *mailout.OutboxOptions) { o.Lease = time.Minute })
		time.Sleep(59 * time.Second)
		stop()
		if len(ends) == 0 || ends[0] != 45*time.Second {
			t.Errorf("attempts ended after %v", ends)
		}
	})
}

func TestEndingLetsWhatIsUnderWayFinish(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		state string
	}{
		"within the grace":      {5 * time.Second, "sent"},
		"longer than the grace": {time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				q := newQueue(queued("a", time.Hour))
				_, stop := run(t, q, scriptedSender(func(ctx context.Context, _ mailout.Message) error {
					select {
					case <-time.After(test.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}), nil)
				synctest.Wait()
				began := time.Now()
				stop()
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("ending took %v", took)
				}
				if got := q.states()[0]; got != test.state {
					t.Errorf("the message is %q", got)
				}
			})
		})
	}
}

func TestUnreadableQueueIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := newQueue(queued("a", time.Hour))
		began := time.Now()
		q.fail = func(op string) error {
			if op == "claim" && time.Since(began) < 5*time.Second {
				return errors.New("the database is away")
			}
			return nil
		}
		_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error { return nil }), nil)
		<-q.moved
		stop()
		if q.states()[0] != "sent" {
			t.Errorf("the message is %q", q.states()[0])
		}
	})
}

// TestCrashBeforeTheCommit is the one case in which a person gets two copies:
// the server took the mail, and we died before that was recorded. The copies
// must be the same, to the byte.
func TestCrashBeforeTheCommit(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	keys := dkimKeys(t)
	q := newQueue(mailout.Queued{ID: "a", ExpiresAt: time.Now().Add(time.Hour), Message: letter(t, mailout.Confirmation, "es")})
	crashed := make(chan struct{})
	q.fail = func(op string) error {
		if op == "sent" {
			close(crashed)
			select {} // the process is gone; nothing after the 250 happens
		}
		return nil
	}
	opts := mailout.OutboxOptions{Lease: 1500 * time.Millisecond, PollEvery: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	first := &memoryQueue{rows: q.rows, moved: q.moved, fail: q.fail}
	go func() {
		_ = mailout.NewOutbox(first, server.sender(t, func(c *mailout.SMTPConfig) { c.DKIM = keys }), opts).Run(t.Context())
	}()
	<-crashed

	second := &memoryQueue{rows: q.rows, moved: q.moved}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- mailout.NewOutbox(second, server.sender(t, func(c *mailout.SMTPConfig) { c.DKIM = keys }), opts).Run(ctx)
	}()
	for second.states()[0] != "sent" {
		<-q.moved
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sent := server.deliveries()
	if len(sent) != 2 || !bytes.Equal(sent[0].raw, sent[1].raw) {
		t.Errorf("%d copies, or copies that differ", len(sent))
	}
	if second.states()[0] != "sent" {
		t.Errorf("the message is %q", second.states()[0])
	}
}

// TestLogsHoldNoAddress runs every outcome with a log and looks for the person in it.
func TestLogsHoldNoAddress(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var mu sync.Mutex
	server := startMailServer(t, nil)
	bad := letter(t, mailout.Answer, "en")
	bad.To = "anna.maier@lilas.example\r\nRCPT TO:<x@evil.example>"
	q := newQueue(
		mailout.Queued{ID: "a", Message: letter(t, mailout.Confirmation, "en")},
		mailout.Queued{ID: "b", Message: bad},
		mailout.Queued{ID: "c", Message: letter(t, mailout.Reminder, "en"), ExpiresAt: time.Unix(1, 0)},
	)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- mailout.NewOutbox(q, server.sender(t, nil), mailout.OutboxOptions{
			Log: slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				return log.Write(b)
			}), nil)),
		}).Run(ctx)
	}()
	for range 3 {
		<-q.moved
	}
	cancel()
	<-done
	if diff := cmp.Diff([]string{"sent", "failed" + mailout.FailedInvalid, "failed" + mailout.FailedExpired}, q.states()); diff != "" {
		t.Error(diff)
	}
	for _, personal := range []string{"anna", "lilas", "@", "evil", "YES DELETE"} {
		if bytes.Contains(bytes.ToLower(log.Bytes()), bytes.ToLower([]byte(personal))) {
			t.Errorf("the log holds %q:\n%s", personal, log.String())
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestDeliveredButErrored: a server that hangs up after its 250 has the mail, and
// one that is cut off before it may have: then, and only then, the same bytes go
// out once more.
func TestDeliveredButErrored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server func(*mailServer)
		copies int
	}{
		"hangs up after 250": {func(m *mailServer) { m.hangUpAfterTaking.Store(true) }, 1},
		"takes the mail and is cut off before 250": {func(m *mailServer) {
			var first sync.Once
			m.afterData = func(c *smtp.Conn) (err error) {
				first.Do(func() { err = cut(c) })
				return err
			}
		}, 2},
		"is cut off before it has the mail": {func(m *mailServer) {
			var first sync.Once
			m.onData = func(c *smtp.Conn, _ int) (err error) {
				first.Do(func() { err = cut(c) })
				return err
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startMailServer(t, func(m *mailServer, _ *smtp.Server) { test.server(m) })
			keys := dkimKeys(t)
			q := newQueue(mailout.Queued{ID: "a", ExpiresAt: time.Now().Add(time.Hour), Message: letter(t, mailout.Confirmation, "fr")})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- mailout.NewOutbox(q, server.sender(t, func(c *mailout.SMTPConfig) { c.DKIM = keys }), mailout.OutboxOptions{
					PollEvery: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				}).Run(ctx)
			}()
			for q.states()[0] != "sent" {
				<-q.moved
			}
			cancel()
			<-done
			got := server.deliveries()
			if len(got) != test.copies || !bytes.Equal(got[0].raw, got[len(got)-1].raw) {
				t.Errorf("%d copies, or copies that differ", len(got))
			}
		})
	}
}
