package web

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/web/access"
)

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url, name string
		secure    bool
		path      string
	}{
		{"http://127.0.0.1:8081", "habeas_session", false, "/"},
		{"https://team.example", "__Host-habeas_session", true, "/"},
		{"https://example.org/habeas/", "habeas_session", true, "/habeas/"},
	} {
		b := setup(t, func(d *Deps) { d.TeamURL = tt.url })
		all := login(b, secret(access.Viewer)).Cookies()
		n := slices.IndexFunc(all, func(c *http.Cookie) bool { return c.Name == tt.name })
		if n < 0 {
			t.Errorf("%s: no cookie %s", tt.url, tt.name)
			continue
		}
		c := all[n]
		if !c.HttpOnly || c.Secure != tt.secure || c.SameSite != http.SameSiteStrictMode || c.Path != tt.path || c.MaxAge != 8*3600 {
			t.Errorf("%s: %+v", tt.url, c)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	rotated := sha256.Sum256([]byte("another"))
	tests := []struct {
		name   string
		change func(b *bench, cookie string) string
		in     bool
	}{
		{"as it is", func(_ *bench, c string) string { return c }, true},
		{"just before its end", func(b *bench, c string) string { b.now = b.now.Add(access.SessionLife - time.Second); return c }, true},
		{"at its end", func(b *bench, c string) string { b.now = b.now.Add(access.SessionLife); return c }, false},
		{"payload changed", func(_ *bench, c string) string { return strings.Replace(c, "=ey", "=eX", 1) }, false},
		{"signature changed", func(_ *bench, c string) string { return c[:len(c)-2] + "xx" }, false},
		{"signature cut off", func(_ *bench, c string) string { return strings.SplitN(c, ".", 2)[0] }, false},
		{"empty", func(*bench, string) string { return "habeas_session=" }, false},
		{"signed for a form", func(b *bench, _ string) string {
			return "habeas_session=" + token(b.do(b.team, "GET", "/login", "").body)
		}, false},
		{"another secret", func(b *bench, c string) string {
			b.deps.Secret = []byte(strings.Repeat("o", 32))
			return c
		}, false},
		{"token taken out", func(b *bench, c string) string { b.deps.Tokens = b.deps.Tokens[:1]; return c }, false},
		{"token rotated", func(b *bench, c string) string {
			b.deps.Tokens = slices.Clone(b.deps.Tokens)
			for n := range b.deps.Tokens {
				b.deps.Tokens[n].SHA256 = rotated[:]
			}
			return c
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cookie := tt.change(b, session(b, access.Viewer))
			var err error
			if b.team, err = Team(b.deps); err != nil { // a server that was started again
				t.Fatal(err)
			}
			got := b.do(b.team, "GET", "/requests/req-1", "", "Cookie", cookie)
			if tt.in && got.StatusCode != http.StatusOK {
				t.Errorf("shut out: %d", got.StatusCode)
			}
			if !tt.in && (got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/login?next=/requests/req-1") {
				t.Errorf("%d to %q", got.StatusCode, got.Header.Get("Location"))
			}
		})
	}
}

// A role that was lowered in the configuration counts at once.
func TestSessionFollowsItsToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cookie := session(b, access.Handler)
	b.deps.Tokens = slices.Clone(b.deps.Tokens)
	for n := range b.deps.Tokens {
		b.deps.Tokens[n].Role = access.Intake
	}
	var err error
	if b.team, err = Team(b.deps); err != nil {
		t.Fatal(err)
	}
	if got := b.do(b.team, "GET", "/requests", "", "Cookie", cookie); got.StatusCode != http.StatusForbidden {
		t.Errorf("%d", got.StatusCode)
	}
}

func TestFormsOfTheTeam(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, other := session(b, access.Handler), session(b, access.Handler)
	form := token(b.do(b.team, "GET", "/requests/req-1", "", "Cookie", mine).body)
	foreign := token(b.do(b.team, "GET", "/requests/req-1", "", "Cookie", other).body)
	tests := []struct {
		name, body, cookie, media string
		want                      int
	}{
		{"good", "form=" + form, mine, formType, 303},
		{"missing", "", mine, formType, 403},
		{"wrong", "form=abc", mine, formType, 403},
		{"of another session", "form=" + foreign, mine, formType, 403},
		{"in the query only", "", mine, formType, 403},
		{"as json", `{"form":"` + form + `"}`, mine, "application/json", 415},
		{"no session", "form=" + form, "", formType, 303},
	}
	for _, tt := range tests {
		before := len(b.fake.decided)
		path := "/requests/req-1/pause"
		if tt.name == "in the query only" {
			path += "?form=" + form
		}
		got := b.do(b.team, "POST", path, tt.body, "Cookie", tt.cookie, "Content-Type", tt.media)
		if got.StatusCode != tt.want || (len(b.fake.decided) > before) != (tt.name == "good") {
			t.Errorf("%s: %d, want %d; %d decisions", tt.name, got.StatusCode, tt.want, len(b.fake.decided))
		}
	}
	if got := b.do(b.team, "POST", "/logout", "", "Cookie", mine, "Content-Type", formType); got.StatusCode != 403 {
		t.Errorf("logout without a form: %d", got.StatusCode)
	}
	got := b.do(b.team, "POST", "/logout", "form="+form, "Cookie", mine, "Content-Type", formType)
	if got.StatusCode != 303 || !strings.Contains(cookies(got), "habeas_session=") || got.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %d %v", got.StatusCode, got.Cookies())
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := b.do(b.team, "POST", "/login", "token="+secret(access.Approver), "Content-Type", formType); got.StatusCode != 403 || strings.Contains(cookies(got), "session=") {
		t.Errorf("a login that no page of ours sent: %d", got.StatusCode)
	}
	for next, want := range map[string]string{
		"/requests/req-1": "/requests/req-1", "/requests/req-1/approve": "/requests/req-1/approve",
		"//evil.example": "/requests", "https://evil.example": "/requests", `/\evil.example`: "/requests", "/requests/../x": "/requests",
	} {
		page := b.do(b.team, "GET", "/login?next="+next, "")
		body := "token=" + secret(access.Viewer) + "&form=" + token(page.body) + "&next=" + next
		got := b.do(b.team, "POST", "/login", body, "Content-Type", formType, "Cookie", cookies(page))
		if got.StatusCode != 303 || got.Header.Get("Location") != want {
			t.Errorf("next %q: %d to %q", next, got.StatusCode, got.Header.Get("Location"))
		}
		if want == "/requests" && strings.Contains(page.body, "evil") {
			t.Errorf("next %q is on the page", next)
		}
	}
}
