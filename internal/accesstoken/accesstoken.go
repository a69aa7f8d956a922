// Package accesstoken gets the access tokens (RFC 6749) with which Habeas logs in
// to mailboxes at providers that take no passwords: from a file that another
// program keeps fresh ([File]), or from the provider itself ([Grant]).
//
// No error of this package holds a token, a secret or an answer of the provider,
// but for the error codes of RFC 6749.
package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Source returns an access token that is valid now. It is safe for concurrent use.
type Source func(ctx context.Context) (string, error)

// File returns the token that stands in a file, read anew at every call so that
// another program can renew it.
func File(path string) Source {
	return func(context.Context) (string, error) { return read("the access token", path) }
}

// Grant is leave to ask a provider for tokens: as a program (RFC 6749, section
// 4.4), or for an account that its owner has granted (section 6) if there is a
// refresh token. The files are read anew whenever a token is asked for.
type Grant struct {
	TokenURL         string // https, but for this machine
	ClientID         string
	ClientSecretFile string // empty for a public client
	RefreshTokenFile string // empty: client credentials
	Scope            string // several are parted by spaces
	// Client asks; one that gives up after 20 seconds and follows no redirects if nil.
	Client *http.Client
	Now    func() time.Time // time.Now if nil
}

// renewBefore is how long before its end a token is given up, so that it outlives
// the login for which it is asked; of short-lived ones a quarter of their life.
const renewBefore = 2 * time.Minute

// unstatedLife is for how long a token is kept of which the provider does not say
// how long it lives (RFC 6749, section 5.1, only recommends that).
const unstatedLife = 5 * time.Minute

// granted is a grant and the tokens that came of it.
type granted struct {
	Grant
	turn    chan struct{} // one asks at a time
	token   string
	renewAt time.Time
	// refresh is the newest refresh token: providers replace them. file is the one
	// that stood in the file then; when that changes, it wins.
	refresh, file string
}

// Source returns the tokens of the grant. A token is kept until shortly before its
// end; while one is being asked for, everybody waits for that one.
func (g Grant) Source() Source {
	if g.Client == nil {
		// A redirect would carry the secrets somewhere else.
		g.Client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	s := &granted{Grant: g, turn: make(chan struct{}, 1)}
	return s.current
}

func (s *granted) current(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	now := s.Now()
	if s.token != "" && now.Before(s.renewAt) {
		return s.token, nil
	}
	token, err := s.ask(context.WithValue(ctx, oauth2.HTTPClient, s.Client))
	if err != nil {
		return "", fmt.Errorf("asking for an access token: %w", explained(err))
	}
	life := unstatedLife
	if !token.Expiry.IsZero() {
		life = time.Until(token.Expiry)
	}
	s.token, s.renewAt = token.AccessToken, now.Add(life-min(renewBefore, life/4))
	return s.token, nil
}

func (s *granted) ask(ctx context.Context) (*oauth2.Token, error) {
	secret := ""
	if s.ClientSecretFile != "" {
		var err error
		if secret, err = read("the client secret", s.ClientSecretFile); err != nil {
			return nil, err
		}
	}
	if s.RefreshTokenFile == "" {
		c := clientcredentials.Config{ClientID: s.ClientID, ClientSecret: secret, TokenURL: s.TokenURL, Scopes: strings.Fields(s.Scope), AuthStyle: oauth2.AuthStyleInParams}
		return c.Token(ctx)
	}
	file, err := read("the refresh token", s.RefreshTokenFile)
	if err != nil {
		return nil, err
	}
	if file != s.file {
		s.file, s.refresh = file, file
	}
	c := oauth2.Config{ClientID: s.ClientID, ClientSecret: secret, Endpoint: oauth2.Endpoint{TokenURL: s.TokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	token, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: s.refresh}).Token()
	if err != nil {
		// The next attempt begins with the file again.
		s.file = ""
		return nil, err
	}
	if token.RefreshToken != "" {
		s.refresh = token.RefreshToken
	}
	return token, nil
}

// hints say what to do about the error codes of RFC 6749, section 5.2.
var hints = map[string]string{
	"invalid_request":        "check token_url, client_id and scope",
	"invalid_client":         "check client_id and the client secret; secrets expire",
	"invalid_grant":          "the refresh token has expired or was revoked: have the account grant access anew",
	"unauthorized_client":    "let the provider's console allow this kind of grant to the client",
	"unsupported_grant_type": "this provider wants a refresh token: name one in refresh_token_file",
	"invalid_scope":          "check scope",
}

// explained makes an error safe to log, and says what to do.
func explained(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		status := 0
		if refused.Response != nil {
			status = refused.Response.StatusCode
		}
		if hint, known := hints[refused.ErrorCode]; known {
			return fmt.Errorf("the provider answered %d %s: %s", status, refused.ErrorCode, hint)
		}
		return fmt.Errorf("the provider answered %d: check token_url", status)
	}
	var unread fileError
	var network *net.OpError
	var failed *url.Error
	switch {
	case errors.As(err, &unread), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &network):
		return fmt.Errorf("the provider cannot be reached: %w", network)
	case errors.As(err, &failed):
		return fmt.Errorf("the provider cannot be reached: %w", failed.Err)
	}
	// The library's own words may repeat what the provider sent.
	return errors.New("the provider's answer holds no access token: check token_url")
}

// fileError says that a file could not be read.
type fileError struct{ error }

// mostBytes bounds a file; tokens have some thousand bytes.
const mostBytes = 64 << 10

func read(what, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fileError{fmt.Errorf("reading %s: %w", what, err)}
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, mostBytes))
	if err != nil {
		return "", fileError{fmt.Errorf("reading %s: %w", what, err)}
	}
	text := strings.TrimSpace(string(raw))
	if text == "" || slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fileError{fmt.Errorf("reading %s: the file must hold it and nothing else", what)}
	}
	return text, nil
}
