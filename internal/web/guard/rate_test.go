package guard

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	l := NewLimiter(Rate{Burst: 3, Every: time.Minute}, func() time.Time { return now })
	take := func(address string, want bool, wait time.Duration) {
		t.Helper()
		if got, ok := l.Take(address); ok != want || got != wait {
			t.Errorf("%s: %v after %v, want %v after %v", address, ok, got, want, wait)
		}
	}
	for range 3 {
		take("192.0.2.1", true, 0)
	}
	take("192.0.2.1", false, time.Minute)
	take("::ffff:192.0.2.1", false, time.Minute) // the same address, mapped
	take("192.0.2.2", true, 0)
	now = now.Add(45 * time.Second)
	take("192.0.2.1", false, 15*time.Second)
	now = now.Add(15 * time.Second)
	take("192.0.2.1", true, 0)
	take("192.0.2.1", false, time.Minute)
	now = now.Add(time.Hour)
	for range 3 { // no more than a burst, however long the rest
		take("192.0.2.1", true, 0)
	}
	take("192.0.2.1", false, time.Minute)
	for n := range 3 { // one customer's network counts as one
		take(fmt.Sprintf("2001:db8::%d", n+1), true, 0)
	}
	take("2001:db8::ffff", false, time.Minute)
	take("2001:db8:0:1::1", true, 0)
	for range 3 {
		take("no address", true, 0)
	}
	take("", false, time.Minute)
}

func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	l := NewLimiter(Rate{Burst: 1, Every: time.Hour}, func() time.Time { return now })
	address := func(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255) }
	for n := range remembered * 2 {
		l.Take(address(n))
		l.Take("192.0.2.1") // who comes again and again is not forgotten
	}
	if len(l.byKey) != remembered || l.order.Len() != remembered {
		t.Errorf("%d addresses remembered, want %d", len(l.byKey), remembered)
	}
	if _, ok := l.Take("192.0.2.1"); ok {
		t.Error("a flood of addresses freed one that was limited")
	}
}
