package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/soffiah/habeas/internal/store"
)

// session is one connection, logged in.
type session struct {
	client  *imapclient.Client
	conn    net.Conn
	opts    Options
	timeout time.Duration
}

// connect opens a session.
func (s *Store) connect(ctx context.Context) (*session, error) {
	dialer := net.Dialer{Timeout: s.opts.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", s.opts.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("connecting to the data store %s: %w: check its address and that it runs", s.name, store.ErrUnavailable)
	}
	ss := &session{conn: conn, opts: s.opts, timeout: s.opts.Timeout}
	err = ss.await(ctx, "logging in", func() error { return ss.login(ctx) })
	if err != nil {
		ss.close()
		return nil, fmt.Errorf("connecting to the data store %s: %w", s.name, err)
	}
	return ss, nil
}

// login protects the connection and logs in.
func (s *session) login(ctx context.Context) error {
	switch s.opts.Security {
	case TLS:
		s.client = imapclient.New(tls.Client(s.conn, s.tlsConfig()), nil)
	case StartTLS:
		client, err := imapclient.NewStartTLS(s.conn, &imapclient.Options{TLSConfig: s.tlsConfig()})
		if err != nil {
			return err
		}
		s.client = client
	case Insecure:
		s.client = imapclient.New(s.conn, nil)
	}
	if err := s.client.WaitGreeting(); err != nil {
		return err
	}
	err := s.authenticate(ctx)
	var answer *imap.Error
	if errors.As(err, &answer) && answer.Type == imap.StatusResponseTypeNo && answer.Code != imap.ResponseCodeUnavailable {
		return fmt.Errorf("%w: the server refused the login: check username and password or token", store.ErrDenied)
	}
	return err
}

func (s *session) authenticate(ctx context.Context) error {
	if s.opts.SASL == nil {
		return s.client.Login(s.opts.Username, s.opts.Password).Wait()
	}
	client, err := s.opts.SASL(ctx)
	if err != nil {
		return fmt.Errorf("preparing the login: %w", err)
	}
	return s.client.Authenticate(client)
}

// tlsConfig names the server that must answer.
func (s *session) tlsConfig() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.opts.TLSConfig != nil {
		cfg = s.opts.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(s.opts.Address) // a bad address did not connect
	}
	return cfg
}

// await runs commands, and closes the connection if they take too long or the
// context ends: nothing else makes the library return.
func (s *session) await(ctx context.Context, what string, f func() error) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	stop := context.AfterFunc(limited, func() { _ = s.conn.Close() })
	err := f()
	stop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case limited.Err() != nil:
		return fmt.Errorf("%s: %w: no answer within %s", what, store.ErrUnavailable, s.timeout)
	}
	return fmt.Errorf("%s: %w", what, failure(err))
}

// failure turns an error of the library into one of the contract's kinds. Of
// what the server says only the response code is kept.
func failure(err error) error {
	if errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrSchema) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	var answer *imap.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: the connection broke", store.ErrUnavailable)
	}
	switch answer.Code {
	case imap.ResponseCodeNoPerm, imap.ResponseCodeAuthorizationFailed, imap.ResponseCodeAuthenticationFailed, imap.ResponseCodeCannot:
		return fmt.Errorf("%w: the server answered %s", store.ErrDenied, answer.Code)
	case imap.ResponseCodeNonExistent:
		return fmt.Errorf("%w: the server answered %s: check the folders in the configuration", store.ErrSchema, answer.Code)
	}
	return fmt.Errorf("%w: the server answered %s %s", store.ErrUnavailable, answer.Type, answer.Code)
}

// close ends the session without ceremony: there is nothing that a LOGOUT would save.
func (s *session) close() {
	if s.client != nil {
		_ = s.client.Close()
	}
	_ = s.conn.Close()
}

// canExpunge reports whether single messages can be expunged.
func (s *session) canExpunge() bool {
	caps := s.client.Caps()
	return caps.Has(imap.CapUIDPlus) || caps.Has(imap.CapIMAP4rev2)
}

// folders lists the folders that can be selected.
func (s *session) folders(ctx context.Context) ([]string, error) {
	var names []string
	err := s.await(ctx, "listing folders", func() error {
		all, err := s.client.List("", "*", nil).Collect()
		for _, f := range all {
			if slices.Contains(f.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(f.Attrs, imap.MailboxAttrNonExistent) {
				continue
			}
			names = append(names, f.Mailbox)
		}
		return err
	})
	return names, err
}

// expungeChunk is how many messages one command flags and expunges: few enough
// for the line length of any server even if no two numbers adjoin.
const expungeChunk = 500

// expunge destroys messages of the selected folder for good, at most
// [expungeChunk] of them.
func (s *session) expunge(ctx context.Context, messages []message) error {
	if len(messages) > 0 && !s.canExpunge() {
		return fmt.Errorf("%w: the server has no UIDPLUS and cannot erase single messages for good", store.ErrSchema)
	}
	var uids imap.UIDSet
	for _, m := range messages {
		uids.AddNum(m.uid)
	}
	return s.await(ctx, "erasing messages", func() error {
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := s.client.Store(uids, flags, nil).Close(); err != nil {
			return err
		}
		return s.client.UIDExpunge(uids).Close()
	})
}
