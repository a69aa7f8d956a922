package guard

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Rate is how often one address may do a thing: Burst times at once, and then
// once per Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// remembered is how many addresses a [Limiter] remembers; the one unseen for
// longest is forgotten first. An entry takes about 200 bytes.
const remembered = 20_000

// Limiter bounds what one address does. It is safe for concurrent use.
type Limiter struct {
	rate Rate
	now  func() time.Time

	mu    sync.Mutex
	byKey map[netip.Prefix]*list.Element
	order *list.List // of *visitor, the latest first
}

// visitor follows the generic cell rate algorithm: free is the time at which
// its whole burst is free again.
type visitor struct {
	key  netip.Prefix
	free time.Time
}

// NewLimiter returns a limiter for r.
func NewLimiter(r Rate, now func() time.Time) *Limiter {
	return &Limiter{rate: r, now: now, byKey: map[netip.Prefix]*list.Element{}, order: list.New()}
}

// Take reports whether the address may act now, and otherwise how long it must
// wait. IPv6 addresses count by their /64, which is what one customer gets.
func (l *Limiter) Take(address string) (wait time.Duration, ok bool) {
	key := network(address)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	v := l.visitor(key, now)
	free := v.free
	if free.Before(now) {
		free = now
	}
	next := free.Add(l.rate.Every)
	if over := next.Sub(now) - time.Duration(l.rate.Burst)*l.rate.Every; over > 0 {
		return over, false
	}
	v.free = next
	return 0, true
}

func (l *Limiter) visitor(key netip.Prefix, now time.Time) *visitor {
	if e, known := l.byKey[key]; known {
		l.order.MoveToFront(e)
		return e.Value.(*visitor)
	}
	if l.order.Len() >= remembered {
		oldest := l.order.Remove(l.order.Back()).(*visitor)
		delete(l.byKey, oldest.key)
	}
	v := &visitor{key: key, free: now}
	l.byKey[key] = l.order.PushFront(v)
	return v
}

// network is what one address counts as. Whatever is no address counts as one.
func network(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // bits always fits the family
	return p
}

// Check returns a problem when the address of this request must wait.
func (l *Limiter) Check(c *gin.Context) error {
	if wait, ok := l.Take(c.ClientIP()); !ok {
		return problem.TooMany(wait)
	}
	return nil
}
