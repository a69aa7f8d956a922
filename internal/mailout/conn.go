package mailout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// conn is one SMTP connection, greeted, protected and signed in.
//
// It drives the protocol client of go-mail itself rather than through
// mail.Client, because that one leaves connections open when a dial fails half
// way, tells codes only as text together with addresses, and reports a mail as
// failed which the server took before it hung up.
type conn struct {
	raw     net.Conn
	client  *smtp.Client
	timeout time.Duration
	reused  bool // it has carried a mail before
	broken  bool // it cannot carry another
	written bool // the whole of the present mail was written: it may have been taken
	expiry  *time.Timer
}

// dial opens a connection. Every failure is an outage: it is not about a message.
func (cfg SMTPConfig) dial(ctx context.Context) (*conn, error) {
	const step = "connecting to the mail server (are host and port right, and is it reachable from here?)"
	dialCtx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(dialCtx, "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, outage(step, err)
	}
	c := &conn{raw: raw, timeout: cfg.Timeout}
	defer c.interruptedBy(ctx)()
	if err := c.open(ctx, cfg); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

func (c *conn) open(ctx context.Context, cfg SMTPConfig) error {
	wire := c.raw
	if cfg.TLS == TLSImplicit {
		wire = tls.Client(c.raw, cfg.TLSConfig)
	}
	if err := c.allow(ctx, c.timeout); err != nil {
		return outage("greeting the mail server", err)
	}
	var err error
	if c.client, err = smtp.NewClient(wire, cfg.Host); err != nil {
		return outage("greeting the mail server", err)
	}
	if err := c.client.Hello(cfg.HELO); err != nil {
		return outage("greeting the mail server", err)
	}
	if err := c.protect(ctx, cfg); err != nil {
		return outage("starting TLS (does the certificate name the host, and is its authority known?)", err)
	}
	if err := c.signIn(ctx, cfg); err != nil {
		hint := "are username and password right?"
		if cfg.Auth == AuthXOAuth2 {
			hint = "is the access token for this account and for sending, and may the account use SMTP?"
		}
		e := outage("signing in at the mail server ("+hint+")", err)
		e.LoginRefused = e.Code >= 500
		return e
	}
	return nil
}

func (c *conn) protect(ctx context.Context, cfg SMTPConfig) error {
	if cfg.TLS != TLSMandatory && cfg.TLS != TLSOpportunistic {
		return nil
	}
	if offered, _ := c.client.Extension("STARTTLS"); !offered {
		if cfg.TLS == TLSOpportunistic {
			return nil
		}
		return errors.New("the mail server does not offer STARTTLS")
	}
	if err := c.allow(ctx, c.timeout); err != nil {
		return err
	}
	return c.client.StartTLS(cfg.TLSConfig)
}

func (c *conn) signIn(ctx context.Context, cfg SMTPConfig) error {
	if cfg.Auth == AuthNone {
		return nil
	}
	auth, err := c.mechanism(ctx, cfg)
	if err != nil {
		return err
	}
	if err := c.allow(ctx, c.timeout); err != nil {
		return err
	}
	return c.client.Auth(auth)
}

func (c *conn) mechanism(ctx context.Context, cfg SMTPConfig) (smtp.Auth, error) {
	plain := smtp.PlainAuth("", cfg.Username, cfg.Password, cfg.Host, loopback(cfg.Host))
	login := smtp.LoginAuth(cfg.Username, cfg.Password, cfg.Host, loopback(cfg.Host))
	switch cfg.Auth {
	case AuthPlain:
		return plain, nil
	case AuthLogin:
		return login, nil
	case AuthXOAuth2:
		token, err := cfg.Token(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking for an access token: %w", err)
		}
		return smtp.XOAuth2Auth(cfg.Username, token), nil
	}
	_, offered := c.client.Extension("AUTH")
	for mechanism := range strings.FieldsSeq("SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN") {
		if !strings.Contains(" "+strings.ToUpper(offered)+" ", " "+mechanism+" ") {
			continue
		}
		switch mechanism {
		case "SCRAM-SHA-256":
			return smtp.ScramSHA256Auth(cfg.Username, cfg.Password), nil
		case "SCRAM-SHA-1":
			return smtp.ScramSHA1Auth(cfg.Username, cfg.Password), nil
		case "PLAIN":
			return plain, nil
		}
		return login, nil
	}
	return nil, errors.New("the mail server offers no password mechanism that Habeas knows: set auth to the one it wants")
}

// transmit runs one mail transaction (RFC 5321, section 3.3) and returns the
// reply by which the server took responsibility.
func (c *conn) transmit(ctx context.Context, from, to string, raw []byte) (string, error) {
	stop := c.interruptedBy(ctx)
	defer func() {
		// An interruption that is under way could still hit the next mail.
		c.broken = c.broken || !stop()
	}()
	c.written = false
	if err := c.envelope(ctx, envelope(from), envelope(to)); err != nil {
		return "", err
	}
	const step = "handing over a mail"
	if err := c.allow(ctx, c.timeout); err != nil {
		return "", c.failed(failure(step, err))
	}
	w, err := c.client.Data()
	if err != nil {
		return "", c.failed(failure(step, err))
	}
	if _, err := w.Write(raw); err != nil {
		return "", c.lost(failure(step, err))
	}
	// RFC 5321, section 4.5.3.2.6: the server may need its time, and giving up
	// early means sending a second copy.
	if err := c.allow(ctx, 4*c.timeout); err != nil {
		return "", c.lost(failure(step, err))
	}
	c.written = true
	if err := w.Close(); err != nil {
		e := failure("waiting for the mail server to take a mail", err)
		if e.Code == 0 {
			return "", c.lost(e)
		}
		return "", c.failed(e)
	}
	c.reused = true
	response := ""
	if closer, ok := w.(*smtp.DataCloser); ok {
		response = closer.ServerResponse()
	}
	return response, nil
}

// envelope names sender and recipient. A refused sender is an outage: it is the
// same for every mail, and a person has to put it right.
func (c *conn) envelope(ctx context.Context, from, to string) error {
	if offered, _ := c.client.Extension("SMTPUTF8"); !offered && !isASCII(from+to) {
		// RFC 6531, section 3.5: X.6.7.
		return &SendError{Permanent: true, Enhanced: "5.6.7", Step: "naming the recipient",
			cause: errors.New("the mail server takes no addresses with letters beyond ASCII")}
	}
	c.client.SkipSMTPUTF8(isASCII(from + to))
	if err := c.allow(ctx, c.timeout); err != nil {
		return c.failed(outage("naming the sender", err))
	}
	if err := c.client.Mail(from); err != nil {
		return c.failed(outage("naming the sender", err))
	}
	if err := c.allow(ctx, c.timeout); err != nil {
		return c.failed(failure("naming the recipient", err))
	}
	if err := c.client.Rcpt(to); err != nil {
		return c.failed(failure("naming the recipient", err))
	}
	return nil
}

// failed puts the connection back to its beginning, for the next mail.
func (c *conn) failed(e *SendError) error {
	if e.Code == 0 || e.Code == 421 {
		return c.lost(e)
	}
	if err := c.raw.SetDeadline(time.Now().Add(c.timeout)); err != nil || c.client.Reset() != nil {
		c.broken = true
	}
	c.reused = true
	return e
}

func (c *conn) lost(e *SendError) error {
	c.broken = true
	return e
}

// stale reports whether err means only that a kept connection had ended.
func (c *conn) stale(err error) bool {
	e, ok := errors.AsType[*SendError](err)
	return ok && c.reused && c.broken && !c.written && (e.Code == 0 || e.Code == 421)
}

// allow gives the next step its time, or less where ctx ends earlier.
func (c *conn) allow(ctx context.Context, d time.Duration) error {
	deadline := time.Now().Add(d)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	if err := c.raw.SetDeadline(deadline); err != nil {
		return err
	}
	// Asked after the deadline was set: an interruption before would be undone by it.
	return ctx.Err()
}

// interruptedBy makes every wait on the connection end when ctx is cancelled.
func (c *conn) interruptedBy(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
}

// quit ends the connection politely, without waiting long for an answer.
func (c *conn) quit() {
	_ = c.raw.SetDeadline(time.Now().Add(2 * time.Second))
	_ = c.client.Quit()
	_ = c.raw.Close()
}
