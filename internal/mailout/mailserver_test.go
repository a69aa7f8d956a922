package mailout_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/mailout"
)

// mailServer is an SMTP server in this process that does as a test tells it.
// The hooks may be called by several connections at once.
type mailServer struct {
	host string
	port int
	ca   *x509.CertPool

	onMail    func(c *smtp.Conn) error
	onRcpt    func(c *smtp.Conn) error
	onData    func(c *smtp.Conn, taken int) error // before the mail counts as taken
	afterData func(c *smtp.Conn) error            // once it is taken, before the 250
	auth      func(mechanism string) (sasl.Server, error)
	// hangUpAfterTaking closes a connection right after it was told 250.
	hangUpAfterTaking atomic.Bool

	mu       sync.Mutex
	taken    []delivery
	dialled  int           // connections ever made
	open     int           // connections now
	mostOpen int           // at any time
	closed   chan struct{} // one token for each connection that ended
}

// delivery is a mail for which the server took responsibility.
type delivery struct {
	from, to string
	raw      []byte
}

func startMailServer(t testing.TB, change func(*mailServer, *smtp.Server)) *mailServer {
	t.Helper()
	m := &mailServer{closed: make(chan struct{}, 1000)}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{m: m, c: c}, nil
	}))
	srv.Domain = "mx.acme.example"
	srv.AllowInsecureAuth = true
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = log.New(io.Discard, "", 0)
	implicit := false
	if change != nil {
		change(m, srv)
		implicit = srv.TLSConfig != nil && len(srv.TLSConfig.NextProtos) > 0
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr)
	m.host, m.port = "127.0.0.1", addr.Port
	ln = &countingListener{Listener: ln, m: m}
	if implicit {
		ln = tls.NewListener(ln, srv.TLSConfig)
	}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return m
}

// sender returns a sender for this server, in the clear unless changed.
func (m *mailServer) sender(t testing.TB, change func(*mailout.SMTPConfig)) *mailout.Sender {
	t.Helper()
	cfg := mailout.SMTPConfig{
		Host: m.host, Port: m.port, TLS: mailout.TLSNone, HELO: "habeas.acme.example", Instance: "i-1", Timeout: 5 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	s, err := mailout.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (m *mailServer) deliveries() []delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]delivery(nil), m.taken...)
}

func (m *mailServer) connections() (dialled, mostOpen int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dialled, m.mostOpen
}

type session struct {
	m        *mailServer
	c        *smtp.Conn
	from, to string
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	if s.m.onMail != nil {
		return s.m.onMail(s.c)
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if s.m.onRcpt != nil {
		return s.m.onRcpt(s.c)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	n := len(s.m.taken)
	s.m.mu.Unlock()
	if s.m.onData != nil {
		if err := s.m.onData(s.c, n); err != nil {
			return err
		}
	}
	s.m.mu.Lock()
	s.m.taken = append(s.m.taken, delivery{s.from, s.to, raw})
	s.m.mu.Unlock()
	if s.m.afterData != nil {
		return s.m.afterData(s.c)
	}
	return nil
}

func (s *session) AuthMechanisms() []string {
	if s.m.auth == nil {
		return nil
	}
	return []string{"PLAIN", "LOGIN", "XOAUTH2"}
}

func (s *session) Auth(mechanism string) (sasl.Server, error) { return s.m.auth(mechanism) }

type countingListener struct {
	net.Listener
	m *mailServer
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	l.m.dialled++
	l.m.open++
	l.m.mostOpen = max(l.m.mostOpen, l.m.open)
	return &countedConn{Conn: c, m: l.m}, nil
}

type countedConn struct {
	net.Conn
	m    *mailServer
	once sync.Once
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.m.hangUpAfterTaking.Load() && bytes.HasPrefix(b, []byte("250 2.0.0 OK: queued")) {
		_ = c.Close()
	}
	return n, err
}

func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.m.mu.Lock()
		c.m.open--
		c.m.mu.Unlock()
		c.m.closed <- struct{}{}
	})
	return c.Conn.Close()
}

// serverTLS makes a certificate for 127.0.0.1 and the pool that trusts it.
func serverTLS(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.acme.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// letter is a message as the engine would make it.
func letter(t testing.TB, p mailout.Purpose, lang string) mailout.Message {
	t.Helper()
	c := compose(t, p, lang, everything())
	return mailout.Message{
		From: `"Acme Studio, Datenschutz – été" <privacy@acme.example>`, To: "anna.maier@lilas.example",
		ReplyTo:      "privacy+c.abcdefghijklmnopqrstuvwxyz@acme.example",
		EnvelopeFrom: "privacy+b.abcdefghijklmnopqrstuvwxyz@acme.example",
		MessageID:    "c.abcdefghijklmnopqrstuvwxyz@acme.example", InReplyTo: "x1@lilas.example",
		Subject: c.Subject, Text: c.Text, HTML: c.HTML, Language: lang, Purpose: p,
		Date: time.Date(2026, 8, 1, 9, 0, 0, 0, time.FixedZone("CEST", 7200)),
	}
}

// tlsWith is a client's configuration that trusts the server's own authority.
func tlsWith(m *mailServer) *tls.Config {
	return &tls.Config{RootCAs: m.ca, MinVersion: tls.VersionTLS12}
}
