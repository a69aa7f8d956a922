package mailout

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps connections between mails: never more than a number of them in
// use, and none longer than a while without use.
type pool struct {
	dial    func(context.Context) (*conn, error)
	idleFor time.Duration
	slots   chan struct{} // one token for each connection in use

	mu     sync.Mutex
	idle   []*conn // the last one was used last
	closed bool
}

func newPool(size int, idleFor time.Duration, dial func(context.Context) (*conn, error)) *pool {
	return &pool{dial: dial, idleFor: idleFor, slots: make(chan struct{}, size)}
}

// get returns the connection used last, or a new one; always a new one if fresh.
// It must be given back by release.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, outage("waiting for a connection to the mail server", ctx.Err())
	}
	c := p.takeIdle()
	if c != nil && !fresh {
		return c, nil
	}
	if c != nil {
		// The new one takes the place of an old one, so that the number holds.
		_ = c.raw.Close()
	}
	c, err := p.dial(ctx)
	if err != nil {
		<-p.slots
		return nil, err
	}
	return c, nil
}

func (p *pool) takeIdle() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	c.expiry.Stop()
	return c
}

// release gives c back: to be kept, unless it is broken.
func (p *pool) release(c *conn) {
	defer func() { <-p.slots }()
	if c.broken {
		_ = c.raw.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go c.quit()
		return
	}
	p.idle = append(p.idle, c)
	c.expiry = time.AfterFunc(p.idleFor, func() { p.expire(c) })
}

// expire ends c, unless it was taken again meanwhile.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.quit()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.expiry.Stop()
		c.quit()
	}
}
