package mailservers

import (
	"net"
	"sync"
	"testing"
)

// Relay stands between a client and a server and does to their connections what
// networks do.
type Relay struct {
	to string
	ln net.Listener

	mu     sync.Mutex
	conns  []net.Conn
	lost   map[net.Conn]bool // whose packets are dropped
	silent bool
	down   bool
}

// NewRelay starts a relay to the server at an address, for a test.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{to: to, ln: ln, lost: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = ln.Close(); r.Kill() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			r.accept(in)
		}
	}()
	return r
}

// Addr returns host and port where it listens.
func (r *Relay) Addr() string { return r.ln.Addr().String() }

func (r *Relay) accept(in net.Conn) {
	out, err := net.Dial("tcp", r.to)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || r.down {
		_ = in.Close()
		if err == nil {
			_ = out.Close()
		}
		return
	}
	r.conns = append(r.conns, in, out)
	go r.pipe(out, in)
	go r.pipe(in, out)
}

func (r *Relay) pipe(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			_ = to.Close()
			return
		}
		r.pass(to, buf[:n])
	}
}

func (r *Relay) pass(to net.Conn, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.silent && !r.lost[to] {
		_, _ = to.Write(data)
	}
}

// Kill ends all connections.
func (r *Relay) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// Down ends all connections and refuses new ones until it is called with false.
func (r *Relay) Down(down bool) {
	r.mu.Lock()
	r.down = down
	r.mu.Unlock()
	if down {
		r.Kill()
	}
}

// Swallow takes what is sent and passes nothing on, either way, until it is called
// with false: the peer's kernel answers, and nobody else.
func (r *Relay) Swallow(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = on
}

// Drop loses every packet of the connections there are, from now on and without a
// word, as a router does that forgot them: the peer gets no acknowledgement, no
// answer to a probe, and no end. Connections made afterwards work.
func (r *Relay) Drop(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if r.lost[c] {
			continue
		}
		r.lost[c] = true
		if err := dropPackets(c.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
	}
}
