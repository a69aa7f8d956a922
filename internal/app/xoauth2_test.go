package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/mailin"
)

const (
	account   = "privacy@soffiah.test"
	goodToken = "t0ken-good"
	badToken  = "t0ken-stale"
)

// xoauth2Exchange is the server's side of an XOAUTH2 login: a refusal comes with a
// challenge that the client must answer with nothing.
type xoauth2Exchange struct {
	refused error
	accept  func() error
	asked   bool
}

func (x *xoauth2Exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case x.asked:
		return nil, true, x.refused
	case response == nil:
		return nil, false, nil
	case string(response) == "user="+account+"\x01auth=Bearer "+goodToken+"\x01\x01":
		return nil, true, x.accept()
	}
	x.asked = true
	return []byte(`{"status":"401","schemes":"bearer"}`), false, nil
}

// smtpAccount is an SMTP server with one account that has no password.
type smtpAccount struct{}

func (smtpAccount) NewSession(*smtp.Conn) (smtp.Session, error) { return smtpAccount{}, nil }
func (smtpAccount) Reset()                                      {}
func (smtpAccount) Logout() error                               { return nil }
func (smtpAccount) Mail(string, *smtp.MailOptions) error        { return nil }
func (smtpAccount) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (smtpAccount) Data(io.Reader) error                        { return nil }
func (smtpAccount) AuthMechanisms() []string                    { return []string{"XOAUTH2"} }

func (smtpAccount) Auth(string) (sasl.Server, error) {
	return &xoauth2Exchange{refused: smtp.ErrAuthFailed, accept: func() error { return nil }}, nil
}

// imapAccount is a session of such an account with an IMAP server.
type imapAccount struct{ imapserver.Session }

func (imapAccount) AuthenticateMechanisms() []string { return []string{"XOAUTH2"} }

func (a imapAccount) Authenticate(string) (sasl.Server, error) {
	refused := &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeAuthenticationFailed, Text: account + " is refused"}
	return &xoauth2Exchange{refused: refused, accept: func() error { return a.Login(account, "x") }}, nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func startAccount(t *testing.T) (smtpAddress, imapAddress string) {
	t.Helper()
	out := smtp.NewServer(smtpAccount{})
	out.AllowInsecureAuth, out.ErrorLog = true, log.New(io.Discard, "", 0)
	outbound, inbound := listen(t), listen(t)
	go func() { _ = out.Serve(outbound) }()
	user := imapmemserver.NewUser(account, "x")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	in := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return imapAccount{memory.NewSession()}, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	go func() { _ = in.Serve(inbound) }()
	t.Cleanup(func() {
		_ = out.Close()
		_ = in.Close()
	})
	return outbound.Addr().String(), inbound.Addr().String()
}

// TestLoginsWithTokens: SMTP and IMAP, with tokens of a file that is renewed and of
// a provider; a login that is refused says what to do, and no token.
func TestLoginsWithTokens(t *testing.T) {
	t.Parallel()
	smtpAddress, imapAddress := startAccount(t)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := goodToken
		if r.FormValue("client_id") != "habeas" {
			token = badToken
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, token)
	}))
	t.Cleanup(provider.Close)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		oauth2 config.OAuth2
		fails  string
	}{
		"a file":                   {config.OAuth2{TokenFile: file("good", goodToken)}, ""},
		"client credentials":       {config.OAuth2{TokenURL: provider.URL, ClientID: "habeas", ClientSecretFile: file("secret", "s3cr3t-value")}, ""},
		"a refresh token":          {config.OAuth2{TokenURL: provider.URL, ClientID: "habeas", RefreshTokenFile: file("refresh", "r3fresh-value")}, ""},
		"a stale token":            {config.OAuth2{TokenFile: file("stale", badToken)}, "token"},
		"a token of another":       {config.OAuth2{TokenURL: provider.URL, ClientID: "other", ClientSecretFile: file("secret", "s3cr3t-value")}, "token"},
		"a file that is not there": {config.OAuth2{TokenFile: filepath.Join(dir, "absent")}, "reading the access token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &config.Config{Mail: config.Mail{
				SMTP: config.SMTP{Address: smtpAddress, TLS: config.TLSNone, Auth: config.AuthXOAuth2, Username: account, OAuth2: test.oauth2},
				Mailboxes: []config.Mailbox{{Name: "privacy", Address: account, Folders: []string{"INBOX"}, IMAP: config.IMAP{
					Address: imapAddress, TLS: config.TLSNone, Auth: config.AuthXOAuth2, Username: account, OAuth2: test.oauth2,
				}}},
			}}
			c := &checking{cfg: cfg, now: time.Now()}
			c.mail(t.Context())
			if len(c.findings) != 2 {
				t.Fatalf("%+v", c.findings)
			}
			for _, f := range c.findings {
				if f.OK != (test.fails == "") || !f.OK && (!strings.Contains(f.Says, test.fails) || !strings.Contains(f.Hint, "https://outlook.office365.com/.default")) {
					t.Errorf("%+v", f)
				}
				for _, hidden := range []string{goodToken, badToken, "s3cr3t", "r3fresh", account} {
					if strings.Contains(f.Says+f.Hint, hidden) {
						t.Errorf("%s is told: %+v", hidden, f)
					}
				}
			}
		})
	}
}

// TestTokenFileIsReadAtEveryLogin: a token that another program renews counts at
// the next connection.
func TestTokenFileIsReadAtEveryLogin(t *testing.T) {
	t.Parallel()
	_, imapAddress := startAccount(t)
	path := filepath.Join(t.TempDir(), "token")
	box := config.Mailbox{Folders: []string{"INBOX"}, IMAP: config.IMAP{
		Address: imapAddress, TLS: config.TLSNone, Auth: config.AuthXOAuth2, Username: account, OAuth2: config.OAuth2{TokenFile: path},
	}}
	cfg := mailinConfig(box)
	for _, token := range []string{badToken, goodToken, badToken} {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := mailin.Check(ctx, cfg)
		cancel()
		if (token == goodToken) != (err == nil) || err != nil && !errors.Is(err, mailin.ErrLoginRefused) {
			t.Errorf("with %s: %v", token, err)
		}
	}
}
