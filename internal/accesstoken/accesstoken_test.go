package accesstoken_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/accesstoken"
)

const secret = "s3cr3t-value"

// provider is a token endpoint.
type provider struct {
	*httptest.Server

	mu     sync.Mutex
	asked  []string // the grants asked for, as grant type, refresh token and scope
	answer func(w http.ResponseWriter, n int)
}

func startProvider(t *testing.T, answer func(w http.ResponseWriter, n int)) *provider {
	t.Helper()
	p := &provider{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := r.ParseForm(); err != nil || r.PostForm.Get("client_id") != "habeas" || r.PostForm.Get("client_secret") != secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.asked = append(p.asked, strings.TrimSpace(r.PostForm.Get("grant_type")+" "+r.PostForm.Get("refresh_token")+" "+r.PostForm.Get("scope")))
		w.Header().Set("Content-Type", "application/json")
		p.answer(w, len(p.asked))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) grants() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokens answers with numbered tokens of an hour.
func tokens(w http.ResponseWriter, n int) {
	fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 3600}`, n)
}

func want(t *testing.T, s accesstoken.Source, token string) {
	t.Helper()
	if got, err := s(t.Context()); err != nil || got != token {
		t.Errorf("got %q, %v; want %q", got, err, token)
	}
}

// TestFileIsReadAnew: another program renews it.
func TestFileIsReadAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := accesstoken.File(write(t, dir, "token", "one\n"))
	want(t, s, "one")
	write(t, dir, "token", " two ")
	want(t, s, "two")
	for _, bad := range []string{"", "a b\nc\x00", "é"} {
		write(t, dir, "token", bad)
		if _, err := s(t.Context()); err == nil || strings.Contains(err.Error(), "é") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTokenIsKeptUntilShortlyBeforeItsEnd, and then asked for anew.
func TestTokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	p := startProvider(t, tokens)
	now := time.Now()
	s := accesstoken.Grant{
		TokenURL: p.URL, ClientID: "habeas", ClientSecretFile: write(t, t.TempDir(), "secret", secret), Scope: "mail offline", Now: func() time.Time { return now },
	}.Source()
	want(t, s, "token-1")
	now = now.Add(57 * time.Minute)
	want(t, s, "token-1")
	now = now.Add(90 * time.Second)
	want(t, s, "token-2")
	if got := fmt.Sprint(p.grants()); got != "[client_credentials  mail offline client_credentials  mail offline]" {
		t.Errorf("asked for %s", got)
	}
}

// TestOneAsksForAll: logins at once share one token.
func TestOneAsksForAll(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}, 100), make(chan struct{})
	p := startProvider(t, func(w http.ResponseWriter, n int) {
		begun <- struct{}{}
		<-release
		tokens(w, n)
	})
	s := accesstoken.Grant{TokenURL: p.URL, ClientID: "habeas", ClientSecretFile: write(t, t.TempDir(), "secret", secret)}.Source()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { want(t, s, "token-1") })
	}
	<-begun
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s(impatient); err == nil {
		t.Error("whoever gives up waits on")
	}
	close(release)
	all.Wait()
	if n := len(p.grants()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestRefreshTokens: the newest is used, until another program writes one.
func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	p := startProvider(t, func(w http.ResponseWriter, n int) {
		if n == 4 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error": "invalid_grant", "error_description": "token `+secret+` is revoked"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 1, "refresh_token": "refresh-%d"}`, n, n)
	})
	dir := t.TempDir()
	now := time.Now()
	s := accesstoken.Grant{
		TokenURL: p.URL, ClientID: "habeas", ClientSecretFile: write(t, dir, "secret", secret), RefreshTokenFile: write(t, dir, "refresh", "first"),
		Now: func() time.Time { now = now.Add(time.Minute); return now },
	}.Source()
	want(t, s, "token-1")
	want(t, s, "token-2")
	write(t, dir, "refresh", "second")
	want(t, s, "token-3")
	if _, err := s(t.Context()); err == nil || !strings.Contains(err.Error(), "400 invalid_grant: the refresh token has expired") || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	want(t, s, "token-5")
	asked := strings.ReplaceAll(strings.Join(p.grants(), ", "), "refresh_token ", "")
	if asked != "first, refresh-1, second, refresh-3, second" {
		t.Errorf("asked with %s", asked)
	}
}

// TestErrorsSayWhatToDo, and hold nothing that the provider or a file said.
func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	respond := func(status int, body string) func(http.ResponseWriter, int) {
		return func(w http.ResponseWriter, _ int) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, int)
		says   string
	}{
		"a wrong secret":  {respond(401, `{"error": "invalid_client", "error_description": "`+secret+`"}`), "check client_id and the client secret"},
		"a wrong scope":   {respond(400, `{"error": "invalid_scope"}`), "check scope"},
		"an unknown code": {respond(400, `{"error": "`+secret+`"}`), "the provider answered 400: check token_url"},
		"a page":          {respond(404, "<html>"+secret), "the provider answered 404: check token_url"},
		"no token in it":  {respond(200, `{"token_type": "`+secret+`"}`), "check token_url"},
		"no JSON":         {respond(200, secret), "check token_url"},
		"a redirect": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", "http://"+secret+".example/")
			w.WriteHeader(307)
		}, "the provider answered 307: check token_url"},
		"out of order":        {respond(503, secret), "the provider answered 503"},
		"the end of the line": {nil, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProvider(t, test.answer)
			if test.answer == nil {
				p.Close()
			}
			s := accesstoken.Grant{TokenURL: p.URL, ClientID: "habeas", ClientSecretFile: write(t, t.TempDir(), "secret", secret)}.Source()
			token, err := s(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %q, %v; want %s", token, err, test.says)
			}
		})
	}
	gone := accesstoken.Grant{TokenURL: "https://login.example.org/", ClientID: "habeas", ClientSecretFile: "absent"}.Source()
	if _, err := gone(t.Context()); err == nil || !strings.Contains(err.Error(), "reading the client secret") {
		t.Errorf("got %v", err)
	}
}
