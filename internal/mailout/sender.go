package mailout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"time"
)

// TLSPolicy says how a connection to the mail server is protected.
type TLSPolicy string

// The TLS policies.
const (
	TLSMandatory     TLSPolicy = "mandatory"     // STARTTLS or nothing; the default
	TLSImplicit      TLSPolicy = "implicit"      // TLS from the first byte (RFC 8314, port 465)
	TLSOpportunistic TLSPolicy = "opportunistic" // STARTTLS where the server offers it
	TLSNone          TLSPolicy = "none"          // in the clear, for a server on this machine
)

// AuthMechanism is how Habeas shows the mail server who it is.
type AuthMechanism string

// The authentication mechanisms.
const (
	AuthNone    AuthMechanism = ""        // not at all
	AuthAuto    AuthMechanism = "auto"    // the strongest password mechanism that the server offers
	AuthPlain   AuthMechanism = "plain"   // RFC 4616
	AuthLogin   AuthMechanism = "login"   // for servers that know nothing else
	AuthXOAuth2 AuthMechanism = "xoauth2" // a bearer token, as Google and Microsoft want it
)

// SMTPConfig is where and how mail is handed over.
type SMTPConfig struct {
	Host string
	Port int       // 587, or 465 with TLSImplicit, if zero
	TLS  TLSPolicy // TLSMandatory if empty
	// TLSConfig overrides how the server's certificate is verified. Nil: by the
	// authorities of the system, for Host.
	TLSConfig *tls.Config

	Auth     AuthMechanism
	Username string
	Password string
	// Token returns an access token for AuthXOAuth2. It is asked at every new
	// connection and should keep a token while it is valid.
	Token func(context.Context) (string, error)

	HELO        string        // the name by which Habeas greets; the machine's if empty
	Connections int           // most connections at once; 8 if zero
	Timeout     time.Duration // for one step of the dialogue; 15 s if zero
	// Instance marks the mails of this installation in X-Habeas-Instance, so that
	// one that comes back in a loop is recognised. Random, not secret.
	Instance string
	// DKIM signs every mail with each key (RFC 6376, RFC 8463). Empty: the relay signs.
	DKIM []DKIMKey
}

// Receipt is what the mail server said when it took responsibility for a mail.
// What could be the recipient's address is left out.
type Receipt struct{ Response string }

// SendError says why a message was not taken. Its text contains no address and
// nothing that the server said but codes.
type SendError struct {
	// Permanent: trying this message again will not help.
	Permanent bool
	// Outage: it is not about this message. The server cannot be reached, or does
	// not accept Habeas as a sender.
	Outage bool
	// LoginRefused: the outage is that the server refuses to let Habeas in. Trying
	// again quickly could lock the account.
	LoginRefused bool
	Code         int    // SMTP reply code; 0 if the server did not answer
	Enhanced     string // enhanced status code (RFC 3463), if there was one
	Step         string // what was being done
	cause        error
}

// Error says what was being done, and the codes or the cause.
func (e *SendError) Error() string {
	s := e.Step
	if e.Code != 0 {
		s += strings.TrimRight(fmt.Sprintf(": the mail server answered %d %s", e.Code, e.Enhanced), " ")
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// codeOfMessage returns the code of a reply about this message or its recipient, 0
// where it is about the mail system, the network or the protocol (RFC 3463, section
// 3: subjects 3 to 5).
func (e *SendError) codeOfMessage() int {
	_, subject, _ := strings.Cut(e.Enhanced, ".")
	if e.Outage || subject != "" && strings.ContainsRune("345", rune(subject[0])) {
		return 0
	}
	return e.Code
}

// aboutRecipient reports whether a final reply is about the mailbox rather than
// about the text: by the enhanced code, else by the code (RFC 5321, section 4.2.3).
func (e *SendError) aboutRecipient() bool {
	if e.Enhanced != "" {
		return AboutMailbox(e.Enhanced)
	}
	return e.Code >= 550 && e.Code <= 553
}

// AboutMailbox reports whether an enhanced status code says that something is
// wrong with the address or the mailbox, and not with the text or the way to it
// (RFC 3463, section 3: subjects 1 and 2).
func AboutMailbox(enhanced string) bool {
	_, subject, _ := strings.Cut(enhanced, ".")
	return strings.HasPrefix(subject, "1.") || strings.HasPrefix(subject, "2.")
}

// Unwrap returns the cause, if it is not an answer of the server.
func (e *SendError) Unwrap() error { return e.cause }

// Sender sends messages over pooled SMTP connections. It is safe for use by
// several goroutines.
type Sender struct {
	cfg  SMTPConfig
	pool *pool
}

// idleFor is how long an unused connection is kept; servers give up later.
const idleFor = 30 * time.Second

// NewSender checks the configuration, with all errors at once. It does not connect.
func NewSender(cfg SMTPConfig) (*Sender, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("the configuration of the mail server: %w", err)
	}
	return &Sender{cfg: cfg, pool: newPool(cfg.Connections, idleFor, cfg.dial)}, nil
}

func (cfg SMTPConfig) withDefaults() SMTPConfig {
	if cfg.TLS == "" {
		cfg.TLS = TLSMandatory
	}
	if cfg.Port == 0 {
		cfg.Port = 587
		if cfg.TLS == TLSImplicit {
			cfg.Port = 465
		}
	}
	if cfg.TLSConfig == nil {
		cfg.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.TLSConfig.ServerName == "" {
		cfg.TLSConfig = cfg.TLSConfig.Clone()
		cfg.TLSConfig.ServerName = cfg.Host
	}
	if cfg.Connections == 0 {
		cfg.Connections = 8
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Second
	}
	if cfg.HELO == "" {
		cfg.HELO = "localhost"
		if name, err := os.Hostname(); err == nil && checkDomain(name) == nil {
			cfg.HELO = name
		}
	}
	return cfg
}

func (cfg SMTPConfig) check() error {
	var problems []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	say(cfg.Host == "" || !plainLine(cfg.Host), "host is missing or malformed")
	say(cfg.Port < 1 || cfg.Port > 65535, "port %d is not between 1 and 65535", cfg.Port)
	say(checkDomain(cfg.HELO) != nil, "helo is not a host name")
	say(cfg.Connections < 1 || cfg.Connections > 100, "connections %d is not between 1 and 100", cfg.Connections)
	say(cfg.Timeout < 0, "timeout is negative")
	say(cfg.Instance != "" && !instance.MatchString(cfg.Instance), "instance may have letters, digits, dots, hyphens and underscores only, 64 at most")
	switch cfg.TLS {
	case TLSMandatory, TLSImplicit:
	case TLSOpportunistic, TLSNone:
		say(cfg.Auth != AuthNone && !loopback(cfg.Host), "tls %q would send the password in the clear: use mandatory or implicit", cfg.TLS)
	default:
		say(true, "tls %q is not one of mandatory, implicit, opportunistic, none", cfg.TLS)
	}
	switch cfg.Auth {
	case AuthNone:
	case AuthAuto, AuthPlain, AuthLogin:
		say(cfg.Username == "" || cfg.Password == "", "auth %q needs username and password", cfg.Auth)
	case AuthXOAuth2:
		say(cfg.Username == "" || cfg.Token == nil, "auth xoauth2 needs a username and a source of tokens")
	default:
		say(true, "auth %q is not one of auto, plain, login, xoauth2", cfg.Auth)
	}
	for _, key := range cfg.DKIM {
		problems = append(problems, key.check())
	}
	return errors.Join(problems...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send hands the message over and returns once the server has taken
// responsibility for it. An error is a [*SendError]. When ctx ends after the
// whole mail was written and before the server answered, nobody knows whether
// it was taken: the error then says that it can be tried again.
func (s *Sender) Send(ctx context.Context, m Message) (Receipt, error) {
	raw, err := m.bytes(s.cfg.Instance, s.cfg.DKIM)
	if err != nil {
		return Receipt{}, &SendError{Permanent: true, Step: "making a mail", cause: err}
	}
	for fresh := false; ; fresh = true {
		c, err := s.pool.get(ctx, fresh)
		if err != nil {
			return Receipt{}, err
		}
		response, err := c.transmit(ctx, m.EnvelopeFrom, m.To, raw)
		stale := c.stale(err)
		s.pool.release(c)
		if err == nil {
			return Receipt{Response: withoutAddress(response, m.To)}, nil
		}
		// A kept connection that the server has closed meanwhile says nothing about
		// the server. As the mail was not written to its end, it cannot have been taken.
		if !stale || ctx.Err() != nil {
			return Receipt{}, err
		}
	}
}

// Check connects, signs in and ends the connection again. Its errors say what to mend.
func (s *Sender) Check(ctx context.Context) error {
	c, err := s.cfg.dial(ctx)
	if err != nil {
		return fmt.Errorf("checking the mail server %s:%d: %w", s.cfg.Host, s.cfg.Port, err)
	}
	c.quit()
	return nil
}

// Close ends the idle connections, and the others as soon as they are done.
func (s *Sender) Close() error {
	s.pool.close()
	return nil
}

var enhancedCode = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`)

// failure makes a SendError of what a step returned.
func failure(step string, err error) *SendError {
	e := &SendError{Step: step}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		// The text of a reply often repeats an address, so it goes no further.
		e.Code, e.Enhanced = reply.Code, enhancedCode.FindString(reply.Msg)
	} else {
		e.cause = err
	}
	e.Outage = e.Code == 0 || e.Code == 421 // RFC 5321, section 3.8: 421 closes the connection
	e.Permanent = e.Code >= 500
	return e
}

// outage is a failure that says nothing about the message, whatever its code.
func outage(step string, err error) *SendError {
	e := failure(step, err)
	e.Outage, e.Permanent = true, false
	return e
}

// withoutAddress takes from a reply every word that is or may hold the address,
// and bounds what is left.
func withoutAddress(reply, address string) string {
	local, _, _ := strings.Cut(address, "@")
	var kept []string
	for word := range strings.FieldsSeq(clean(reply)) {
		if !strings.Contains(word, "@") && !strings.EqualFold(strings.Trim(word, `<>()"',;:`), local) {
			kept = append(kept, word)
		}
	}
	return cut(strings.Join(kept, " "), 200)
}
