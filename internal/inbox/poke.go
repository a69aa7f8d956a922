package inbox

import "sync"

// pokes are the watches that look at their mailboxes at once when somebody wants
// to know whether anything has come. The zero value is ready for use.
type pokes struct {
	mu      sync.Mutex
	watches map[chan struct{}]bool
}

// join returns what a watch listens to until it leaves.
func (p *pokes) join() (poke chan struct{}, leave func()) {
	poke = make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watches == nil {
		p.watches = map[chan struct{}]bool{}
	}
	p.watches[poke] = true
	return poke, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watches, poke)
	}
}

// Poke has every mailbox that is watched here looked at now.
func (i *Inbox) Poke() {
	i.pokes.mu.Lock()
	defer i.pokes.mu.Unlock()
	for poke := range i.pokes.watches {
		select {
		case poke <- struct{}{}:
		default: // it is about to look
		}
	}
}
