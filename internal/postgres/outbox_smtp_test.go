package postgres_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/mailout"
)

// mailServer is an SMTP server that refuses one mailbox for good and puts a whole
// domain off for a while, as greylisting does.
type mailServer struct {
	now func() time.Time

	mu     sync.Mutex
	asked  map[string]int // RCPT commands by domain
	taken  map[string]int
	opened time.Time // when the greylisted domain was first asked for
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{m: m}, nil }

type mailSession struct {
	m  *mailServer
	to string
}

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	_, s.to, _ = strings.Cut(to, "@")
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.asked[s.to]++
	switch s.to {
	case "gone.example":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	case "grey.example":
		if s.m.opened.IsZero() {
			s.m.opened = s.m.now()
		}
		if s.m.now().Before(s.m.opened.Add(5 * time.Minute)) {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come back later"}
		}
	}
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.taken[s.to]++
	return err
}

// startOutbox runs the outbox of b against the server until the test ends.
func (m *mailServer) startOutbox(b *bench) {
	b.t.Helper()
	server := smtp.NewServer(m)
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b.t, err)
	go func() { _ = server.Serve(listener) }()
	sender, err := mailout.NewSender(mailout.SMTPConfig{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, TLS: mailout.TLSNone, HELO: "habeas.test", Instance: b.Installation(),
	})
	must(b.t, err)
	outbox := mailout.NewOutbox(b, sender, mailout.OutboxOptions{
		Concurrency: 1, PollEvery: time.Millisecond, Lease: time.Hour, Now: b.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- outbox.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		<-done
		_ = sender.Close()
		_ = server.Close()
	})
}

// until waits for something to happen.
func (m *mailServer) until(t *testing.T, happened func() bool, meanwhile func()) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		done, asked, taken := happened(), fmt.Sprint(m.asked), fmt.Sprint(m.taken)
		m.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not done: asked %s, taken %s", asked, taken)
		}
		meanwhile()
	}
}

// TestNoStormToWhoeverRefuses: a mailbox that is gone is asked for a few times,
// however many mails wait for it, and a domain that greylists stops no others.
func TestNoStormToWhoeverRefuses(t *testing.T) {
	b := setup(t)
	m := &mailServer{now: b.Now, asked: map[string]int{}, taken: map[string]int{}}
	b.addressed("anna@gone.example", 40)
	b.addressed("anna@grey.example", 10)
	for i := range 10 {
		b.addressed(fmt.Sprintf("p%d@fine.example", i), 1)
	}
	b.pass(2 * time.Minute) // the leases of setting up
	m.startOutbox(b)
	// No time passes until the others have theirs.
	m.until(t, func() bool { return m.taken["fine.example"] == 10 }, func() {})
	m.until(t, func() bool { return b.number(`SELECT count(*) FROM outbox WHERE status = 'queued'`) == 0 }, func() { b.pass(10 * time.Second) })
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked["gone.example"] > 3 || m.taken["fine.example"] != 10 || m.taken["grey.example"] != 10 {
		t.Errorf("asked %v, taken %v", m.asked, m.taken)
	}
	if tries := m.asked["grey.example"] - 10; tries > 12 {
		t.Errorf("%d attempts in vain at the domain that greylists", tries)
	}
	if n := b.number(`SELECT count(*) FROM outbox WHERE status = 'failed'`); n != 40 {
		t.Errorf("%d mails were put before a person", n)
	}
}
