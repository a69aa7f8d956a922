package mailin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Errors on which callers decide. They are wrapped with what was being done.
var (
	// ErrLoginRefused: the server does not accept the credentials.
	ErrLoginRefused = errors.New("the mail server refused the login; check user name and password or token")
	// ErrSilent: the server did not answer within the command time-out.
	ErrSilent = errors.New("the mail server stopped answering")
	// ErrNoFolder: a folder does not exist on the server.
	ErrNoFolder = errors.New("the folder does not exist on the mail server; check its name")
)

// guardedConn closes itself when, while armed, nothing is read for its
// time-out. It does so below TLS and below the IMAP client, so closing it
// unblocks whatever waits above.
type guardedConn struct {
	net.Conn
	timeout time.Duration
	timer   *time.Timer
	armed   atomic.Bool
	expired atomic.Bool
}

func guard(conn net.Conn, timeout time.Duration) *guardedConn {
	g := &guardedConn{Conn: conn, timeout: timeout}
	g.timer = time.AfterFunc(timeout, func() {
		if g.armed.Load() {
			g.expired.Store(true)
			_ = g.Conn.Close()
		}
	})
	g.timer.Stop()
	return g
}

// Read counts as a sign of life: a large message on a slow line is no reason
// to give up, silence is.
func (g *guardedConn) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if n > 0 && g.armed.Load() {
		g.timer.Reset(g.timeout)
	}
	return n, err
}

func (g *guardedConn) arm() {
	g.armed.Store(true)
	g.timer.Reset(g.timeout)
}

func (g *guardedConn) disarm() {
	g.armed.Store(false)
	g.timer.Stop()
}

// session is one connection to the server, logged in.
type session struct {
	conn   *guardedConn
	client *imapclient.Client
	cfg    Config
	// wake holds one value when the server has reported new messages.
	wake chan struct{}
	// opened is the folder that is open.
	opened  imap.SelectData
	unwatch func() bool
}

// connect dials and logs in. The session ends with ctx.
func connect(ctx context.Context, cfg Config) (*session, error) {
	dialer := net.Dialer{
		Timeout: cfg.CommandTimeout,
		// Finds a dead line in 30 s while nothing is being sent.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		// Finds it in 30 s while something is, where keep-alive does not help.
		Control: limitUnacknowledged(30 * time.Second),
	}
	tcp, err := dialer.DialContext(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to the mail server at %s: %w", cfg.Addr, err)
	}
	s := &session{conn: guard(tcp, cfg.CommandTimeout), cfg: cfg, wake: make(chan struct{}, 1)}
	s.unwatch = context.AfterFunc(ctx, func() { _ = tcp.Close() })
	if err := s.do("greeting the mail server", s.greet); err != nil {
		s.close()
		return nil, err
	}
	if err := s.do("logging in to the mailbox", func() error { return s.login(ctx) }); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) greet() error {
	options := &imapclient.Options{TLSConfig: s.tlsConfig(), UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				s.notice()
			}
		},
	}}
	switch s.cfg.TLS {
	case TLSImplicit:
		s.client = imapclient.New(tls.Client(s.conn, s.tlsConfig()), options)
	case TLSStart:
		client, err := imapclient.NewStartTLS(s.conn, options)
		if err != nil {
			return err
		}
		s.client = client
	case TLSNone:
		s.client = imapclient.New(s.conn, options)
	default:
		return fmt.Errorf("unknown TLS mode %q; use implicit, starttls or none", s.cfg.TLS)
	}
	return s.client.WaitGreeting()
}

func (s *session) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cfg.TLSConfig != nil {
		c = s.cfg.TLSConfig.Clone()
	}
	if c.ServerName == "" {
		if host, _, err := net.SplitHostPort(s.cfg.Addr); err == nil {
			c.ServerName = host
		}
	}
	return c
}

func (s *session) login(ctx context.Context) error {
	var err error
	if s.cfg.SASL != nil {
		client, saslErr := s.cfg.SASL(ctx)
		if saslErr != nil {
			return fmt.Errorf("preparing the login: %w", saslErr)
		}
		err = s.client.Authenticate(client)
	} else {
		err = s.client.Login(s.cfg.Username, s.cfg.Password).Wait()
	}
	// "NO [UNAVAILABLE]" is the server's trouble, not ours (RFC 5530, section 3).
	var status *imap.Error
	if errors.As(err, &status) && status.Type == imap.StatusResponseTypeNo && status.Code != imap.ResponseCodeUnavailable {
		return ErrLoginRefused
	}
	return err
}

// notice remembers that there is something new. It never blocks, as it is
// called by the goroutine that reads from the server.
func (s *session) notice() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// do runs one exchange with the server under the guard and makes its error
// safe to log.
func (s *session) do(what string, exchange func() error) error {
	s.conn.arm()
	err := exchange()
	s.conn.disarm()
	if err == nil {
		return nil
	}
	if s.conn.expired.Load() {
		return fmt.Errorf("%s: %w for %v", what, ErrSilent, s.cfg.CommandTimeout)
	}
	var status *imap.Error
	if errors.As(err, &status) {
		// The text of a server may name the account or quote a message.
		return fmt.Errorf("%s: the mail server answered %s %s", what, status.Type, status.Code)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *session) close() {
	s.unwatch()
	_ = s.conn.Close()
	s.conn.disarm()
	if s.client != nil {
		_ = s.client.Close()
	}
}

// examine opens a folder for reading only.
func (s *session) examine(folder string) (*imap.SelectData, error) { return s.open(folder, true) }

// open opens a folder.
func (s *session) open(folder string, readOnly bool) (*imap.SelectData, error) {
	var data *imap.SelectData
	var absent bool
	err := s.do("opening a folder", func() (err error) {
		data, err = s.client.Select(folder, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		absent = isAbsent(err)
		return err
	})
	if absent {
		return nil, fmt.Errorf("opening a folder: %w", ErrNoFolder)
	}
	if err == nil && (data.UIDNext == 0 || data.UIDValidity == 0) {
		return nil, errors.New("opening a folder: the mail server states no UIDNEXT or UIDVALIDITY, which RFC 3501 requires")
	}
	if err == nil {
		s.opened = *data
	}
	return data, err
}

// isAbsent reports whether the server says that a folder does not exist.
func isAbsent(err error) bool {
	var status *imap.Error
	return errors.As(err, &status) && status.Type == imap.StatusResponseTypeNo &&
		(status.Code == imap.ResponseCodeNonExistent || status.Code == imap.ResponseCodeTryCreate)
}

// idle waits until something new is reported (true) or until due fires.
func (s *session) idle(ctx context.Context, due <-chan time.Time, began func()) (bool, error) {
	var cmd *imapclient.IdleCommand
	err := s.do("starting IDLE", func() (err error) {
		cmd, err = s.client.Idle()
		return err
	})
	if err != nil {
		return false, err
	}
	began()
	noticed := s.wait(ctx, due)
	err = s.do("ending IDLE", func() error {
		if err := cmd.Close(); err != nil {
			return err
		}
		return cmd.Wait()
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return noticed, err
}

// wait returns true when there is something to look at, false when all folders are
// to be looked at (due fires, or somebody pokes), ctx ends or the connection is lost.
func (s *session) wait(ctx context.Context, due <-chan time.Time) bool {
	select {
	case <-s.wake:
		return true
	case <-s.cfg.Poke:
	case <-due:
	case <-ctx.Done():
	case <-s.client.Closed():
	}
	return false
}
