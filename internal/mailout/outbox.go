package mailout

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// MessageSender is what an outbox sends with; [Sender] is one. An error that is
// no [*SendError] is taken for an outage.
type MessageSender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// OutboxOptions tunes an [Outbox]. The zero value is right for production.
type OutboxOptions struct {
	Concurrency int           // messages under way at once; 8 if zero
	PollEvery   time.Duration // how often to look without being woken; 2 s if zero
	// Lease is for how long a claimed message is ours; 2 min if zero. Every attempt
	// ends before its lease does. A message that was claimed when a process died is
	// sent again after it.
	Lease time.Duration
	// Grace is for how long messages under way may go on after Run's context has
	// ended; 10 s if zero.
	Grace  time.Duration
	Now    func() time.Time // time.Now if nil
	Jitter func() float64   // in [0,1); math/rand if nil
	Log    *slog.Logger     // slog.Default() if nil
}

// Outbox works off a [Queue]: every message is sent at least once, and again
// with the same bytes only where nobody knows whether the server took it.
type Outbox struct {
	queue   Queue
	sender  MessageSender
	opts    OutboxOptions
	breaker *breaker
	wake    chan struct{}
	hungry  chan struct{} // the workers have little left to do
}

// claimed is a message and the time until which it may be worked on.
type claimed struct {
	Queued
	start, end time.Time // not to be begun after start, nor to go on after end
}

// NewOutbox returns an outbox that does nothing until [Outbox.Run].
func NewOutbox(q Queue, s MessageSender, o OutboxOptions) *Outbox {
	o = o.withDefaults()
	return &Outbox{
		queue: q, sender: s, opts: o,
		breaker: newBreaker(o.Jitter),
		wake:    make(chan struct{}, 1),
		hungry:  make(chan struct{}, 1),
	}
}

func (o OutboxOptions) withDefaults() OutboxOptions {
	orElse := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	orElse(&o.PollEvery, 2*time.Second)
	orElse(&o.Lease, 2*time.Minute)
	orElse(&o.Grace, 10*time.Second)
	if o.Concurrency == 0 {
		o.Concurrency = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Wake makes the outbox look at once. It never blocks and may be called at any time.
func (o *Outbox) Wake() { signal(o.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run works off the queue until ctx ends, lets what is under way come to its end
// within the grace, and returns nil. It must not be called twice at once.
func (o *Outbox) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(o.opts.Grace, cancel) })()

	// Twice as many as are under way, so that a worker never waits for a claim and
	// none waits long for a worker.
	messages := make(chan claimed, 2*o.opts.Concurrency)
	var workers sync.WaitGroup
	for range o.opts.Concurrency {
		workers.Go(func() {
			for c := range messages {
				if len(messages) <= o.opts.Concurrency {
					signal(o.hungry)
				}
				o.attempt(work, c)
			}
		})
	}
	for ctx.Err() == nil {
		more := o.fetch(ctx, messages)
		o.pause(ctx, more)
	}
	close(messages)
	workers.Wait()
	return nil
}

// fetch claims as many messages as there is room for and reports whether there
// may be more.
func (o *Outbox) fetch(ctx context.Context, messages chan<- claimed) (more bool) {
	room := cap(messages) - len(messages)
	n := min(room, o.breaker.allows(o.opts.Now(), room))
	if n == 0 {
		return room == 0
	}
	// The lease begins in the database, but surely not before we ask for it.
	now := o.opts.Now()
	got, err := o.queue.Claim(ctx, n, o.opts.Lease)
	if err != nil {
		if ctx.Err() == nil {
			o.opts.Log.LogAttrs(ctx, slog.LevelError, "the outbox cannot be read; trying again", slog.Any("error", err))
		}
		return false
	}
	for _, q := range got {
		messages <- claimed{Queued: q, start: now.Add(o.opts.Lease / 2), end: now.Add(o.opts.Lease * 3 / 4)}
	}
	return len(got) == room
}

// pause waits until there is a reason to look again.
func (o *Outbox) pause(ctx context.Context, more bool) {
	wait, woken := o.opts.PollEvery, o.wake
	if d := o.breaker.until(o.opts.Now()); d > 0 {
		wait, woken, more = d, nil, false
	}
	var hungry chan struct{}
	if more {
		hungry = o.hungry
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	case <-hungry:
	}
}

// attempt sends one message and records what became of it.
func (o *Outbox) attempt(ctx context.Context, c claimed) {
	now := o.opts.Now()
	if now.After(c.start) || ctx.Err() != nil {
		// Too late to be certain that nobody else sends it meanwhile; whoever claims
		// it next does.
		return
	}
	if o.breaker.until(now) > 0 {
		// The breaker opened after it was claimed. It is due again after its lease.
		return
	}
	if reason := unfit(c, now); reason != "" {
		o.record(ctx, c, "failed", &SendError{Step: reason}, func(ctx context.Context) error {
			return o.queue.Failed(ctx, c.ID, now, 0, reason)
		})
		return
	}
	sending, cancel := context.WithTimeout(ctx, c.end.Sub(now))
	receipt, err := o.sender.Send(sending, c.Message)
	cancel()
	now = o.opts.Now()
	if err == nil {
		o.breaker.succeeded()
		o.record(ctx, c, "sent", nil, func(ctx context.Context) error {
			return o.queue.Sent(ctx, c.ID, now, receipt.Response)
		})
		return
	}
	failed, ok := errors.AsType[*SendError](err)
	if !ok {
		failed = outage("sending a mail", err)
	}
	if !failed.Outage {
		o.breaker.succeeded()
	} else if o.breaker.failed(now, failed.LoginRefused) {
		o.opts.Log.LogAttrs(ctx, slog.LevelError, "the mail server takes no mail; pausing", slog.Any("error", err))
	}
	o.settle(ctx, c, failed, now)
}

// unfit says why a message is not to be tried at all, "" if it is.
func unfit(c claimed, now time.Time) string {
	switch {
	case !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt):
		return FailedExpired
	case c.Refused:
		return FailedHeld
	}
	return ""
}

// settle puts a message off, or gives it up.
func (o *Outbox) settle(ctx context.Context, c claimed, failed *SendError, now time.Time) {
	next := now.Add(delay(c.Attempt, o.opts.Jitter()))
	reason := ""
	switch {
	case failed.Permanent && errors.Is(failed, ErrInvalidMessage):
		reason = FailedInvalid
	case failed.Permanent && failed.aboutRecipient():
		reason = FailedRecipient
	case failed.Permanent:
		reason = FailedRefused
	case !c.ExpiresAt.IsZero() && !next.Before(c.ExpiresAt):
		reason = FailedExpired
	case c.Attempt >= minAttempts && next.After(c.Message.Date.Add(giveUpAfter)):
		reason = FailedTooOld
	}
	if reason == "" {
		o.record(ctx, c, "retry", failed, func(ctx context.Context) error {
			return o.queue.Retry(ctx, c.ID, next, failed.codeOfMessage())
		})
		return
	}
	o.record(ctx, c, "failed", failed, func(ctx context.Context) error {
		return o.queue.Failed(ctx, c.ID, now, failed.Code, reason)
	})
}

// record writes an outcome to the queue, again and again while the lease lasts:
// an outcome that is not recorded means a second copy.
func (o *Outbox) record(ctx context.Context, c claimed, outcome string, failed *SendError, write func(context.Context) error) {
	attrs := []slog.Attr{
		slog.String("outbox_id", c.ID), slog.String("purpose", string(c.Message.Purpose)),
		slog.Int("attempt", c.Attempt), slog.String("outcome", outcome),
	}
	level := slog.LevelInfo
	if failed != nil {
		attrs = append(attrs, slog.String("error", failed.Error()))
		level = slog.LevelWarn
	}
	o.opts.Log.LogAttrs(ctx, level, "mail", attrs...)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := write(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil || o.opts.Now().Add(wait).After(c.end) {
			o.opts.Log.LogAttrs(ctx, slog.LevelError, "what became of a mail could not be recorded; it will be sent again",
				slog.String("outbox_id", c.ID), slog.String("outcome", outcome), slog.Any("error", err))
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}
