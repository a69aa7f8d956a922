package mailout_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/mailout"
)

func TestTLSPolicies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		offered, implicit, trusted bool
		policy                     mailout.TLSPolicy
		fails                      string
	}{
		"mandatory and offered":             {offered: true, trusted: true, policy: mailout.TLSMandatory},
		"mandatory and not offered":         {trusted: true, policy: mailout.TLSMandatory, fails: "does not offer STARTTLS"},
		"mandatory, authority unknown":      {offered: true, policy: mailout.TLSMandatory, fails: "unknown authority"},
		"opportunistic and offered":         {offered: true, trusted: true, policy: mailout.TLSOpportunistic},
		"opportunistic and not offered":     {policy: mailout.TLSOpportunistic},
		"implicit":                          {implicit: true, trusted: true, policy: mailout.TLSImplicit},
		"implicit, authority unknown":       {implicit: true, policy: mailout.TLSImplicit, fails: "unknown authority"},
		"none, though STARTTLS is on offer": {offered: true, policy: mailout.TLSNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startMailServer(t, func(m *mailServer, srv *smtp.Server) {
				tlsConfig, pool := serverTLS(t)
				if test.trusted {
					m.ca = pool
				}
				if test.implicit {
					tlsConfig.NextProtos = []string{"smtp"} // marks the listener, see startMailServer
				}
				if test.offered || test.implicit {
					srv.TLSConfig = tlsConfig
				}
			})
			s := server.sender(t, func(c *mailout.SMTPConfig) {
				c.TLS = test.policy
				if server.ca != nil {
					c.TLSConfig = tlsWith(server)
				}
			})
			_, err := s.Send(t.Context(), letter(t, mailout.Confirmation, "en"))
			e, failed := errors.AsType[*mailout.SendError](err)
			if failed != (test.fails != "") || failed && (!strings.Contains(err.Error(), test.fails) || e.Permanent || !e.Outage) {
				t.Errorf("got %v, want %q", err, test.fails)
			}
			if (s.Check(t.Context()) != nil) != failed {
				t.Error("Check says otherwise")
			}
		})
	}
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	checked := func(username, password string) error {
		if username == "habeas" && password == "s3cret" {
			return nil
		}
		return smtp.ErrAuthFailed
	}
	server := startMailServer(t, func(m *mailServer, _ *smtp.Server) {
		m.auth = func(mechanism string) (sasl.Server, error) {
			switch mechanism {
			case "PLAIN":
				return sasl.NewPlainServer(func(_, u, p string) error { return checked(u, p) }), nil
			case "XOAUTH2":
				return xoauth2Server(func(s string) error {
					if s == "user=habeas\x01auth=Bearer token-1\x01\x01" {
						return nil
					}
					return smtp.ErrAuthFailed
				}), nil
			}
			return nil, smtp.ErrAuthUnknownMechanism
		}
	})
	for name, test := range map[string]struct {
		change func(*mailout.SMTPConfig)
		ok     bool
	}{
		"plain":            {func(c *mailout.SMTPConfig) { c.Auth, c.Password = mailout.AuthPlain, "s3cret" }, true},
		"the best offered": {func(c *mailout.SMTPConfig) { c.Auth, c.Password = mailout.AuthAuto, "s3cret" }, true},
		"wrong password":   {func(c *mailout.SMTPConfig) { c.Auth, c.Password = mailout.AuthPlain, "guess" }, false},
		"a token":          {func(c *mailout.SMTPConfig) { c.Auth, c.Token = mailout.AuthXOAuth2, token("token-1", nil) }, true},
		"an expired token": {func(c *mailout.SMTPConfig) { c.Auth, c.Token = mailout.AuthXOAuth2, token("token-0", nil) }, false},
		"no token to be had": {func(c *mailout.SMTPConfig) {
			c.Auth, c.Token = mailout.AuthXOAuth2, token("", errors.New("no network"))
		}, false},
		"a mechanism not offered": {func(c *mailout.SMTPConfig) { c.Auth, c.Password = mailout.AuthLogin, "s3cret" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server.sender(t, func(c *mailout.SMTPConfig) {
				c.Username = "habeas"
				test.change(c)
			})
			err := s.Check(t.Context())
			if (err == nil) != test.ok {
				t.Fatalf("got %v", err)
			}
			if e, ok := errors.AsType[*mailout.SendError](err); !test.ok && (!ok || e.Permanent || !e.Outage || e.LoginRefused != (e.Code >= 500) || !strings.Contains(err.Error(), "username and password") && !strings.Contains(err.Error(), "access token")) {
				t.Errorf("a refused login must neither lose the mail nor leave the reader alone: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "guess") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func token(value string, err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return value, err }
}

// xoauth2Server checks the one message of XOAUTH2.
type xoauth2Server func(response string) error

func (f xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return nil, false, nil
	}
	return nil, true, f(string(response))
}

func TestAddressesBeyondASCII(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		to, path string
		offered  bool
		ok       bool
	}{
		"a domain becomes ASCII":           {"anna@müller.example", "anna@xn--mller-kva.example", false, true},
		"a local part, SMTPUTF8":           {"用户@例子.example", "用户@xn--fsqu00a.example", true, true},
		"a local part, no SMTPUTF8 at all": {"用户@例子.example", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startMailServer(t, func(_ *mailServer, srv *smtp.Server) { srv.EnableSMTPUTF8 = test.offered })
			m := letter(t, mailout.Confirmation, "en")
			m.To = test.to
			_, err := server.sender(t, nil).Send(t.Context(), m)
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*mailout.SendError](err); ok && (!e.Permanent || e.Enhanced != "5.6.7") {
				t.Errorf("got %+v", e)
			}
			if test.ok && server.deliveries()[0].to != test.path {
				t.Errorf("sent to %q", server.deliveries()[0].to)
			}
		})
	}
}
