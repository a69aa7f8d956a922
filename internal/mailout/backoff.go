package mailout

import (
	"sync"
	"time"
)

// When a message is given up that the server neither takes nor refuses: three
// days after it was written, but not before it was tried ten times, so that an
// outage on our side costs nobody a mail.
const (
	giveUpAfter = 3 * 24 * time.Hour
	minAttempts = 10
)

// delay returns how long to wait after the given failed attempt (1 is the
// first): quick at first, because most failures are short, then doubling up to
// an hour. Jitter in [0,1) spreads it by a fifth to either side.
func delay(attempt int, jitter float64) time.Duration {
	d := time.Hour
	switch {
	case attempt <= 1:
		d = time.Second
	case attempt == 2:
		d = 5 * time.Second
	case attempt < 10:
		d = 30 * time.Second << (attempt - 3)
	}
	return time.Duration(float64(d) * (0.8 + 0.4*jitter))
}

// FailuresAllowed is how often in a row a recipient may fail for a time before its
// other messages are held back: greylisting fails once or twice.
const FailuresAllowed = 3

// HoldFor returns for how long after so many failures in a row no other message is
// tried to a recipient. Below [FailuresAllowed] nothing is held back.
func HoldFor(failures int) time.Duration { return delay(failures, 0.5) }

// breaker stops claiming after outages in a row, so that an outage of the mail
// server does not use up the early attempts of every message. While it is open,
// one message at a time is tried after every pause.
type breaker struct {
	jitter func() float64

	mu       sync.Mutex
	outages  int // in a row
	openTill time.Time
}

const (
	outagesAllowed = 5
	longestPause   = time.Minute
	// After a refused login, which opens the breaker at once: a wrong password must
	// not lock the account.
	longestLoginPause = 30 * time.Minute
)

func newBreaker(jitter func() float64) *breaker { return &breaker{jitter: jitter} }

// allows returns how many messages may be claimed, of the number wanted.
func (b *breaker) allows(now time.Time, wanted int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.outages < outagesAllowed:
		return wanted
	case now.Before(b.openTill):
		return 0
	}
	return min(wanted, 1)
}

// until returns how long the breaker stays open.
func (b *breaker) until(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openTill.Sub(now)
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outages, b.openTill = 0, time.Time{}
}

// failed reports whether this failure opened the breaker, or opened it again.
func (b *breaker) failed(now time.Time, loginRefused bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outages++
	pause, longest := time.Second, longestPause
	if loginRefused {
		b.outages = max(b.outages, outagesAllowed)
		pause, longest = time.Minute, longestLoginPause
	}
	if b.outages < outagesAllowed || now.Before(b.openTill) {
		return false
	}
	pause = min(pause<<min(b.outages-outagesAllowed, 10), longest)
	b.openTill = now.Add(time.Duration(float64(pause) * (0.8 + 0.4*b.jitter())))
	return true
}
