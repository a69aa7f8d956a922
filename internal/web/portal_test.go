package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
)

func TestPortalFilesARequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b, "name", " Léa ", "message", "one\r\ntwo", "business_id", "FR 1", "mailing_address", "1 rue X, Paris", "lang", "fr")
	got := b.do(b.public, "POST", "/requests", form.body, form.headers...)
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/requests/received?lang=fr&r=") {
		t.Fatalf("%d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	want := dsr.Intake{
		Right:    dsr.Erasure,
		Elements: dsr.Elements{Email: "lea@example.org", AccountName: "Atelier", BusinessID: "FR 1", MailingAddress: "1 rue X, Paris"},
		Name:     "Léa", Message: "one\ntwo", Language: "fr", Channel: dsr.Portal, IdempotencyKey: b.fake.submitted[0].IdempotencyKey,
	}
	if diff := cmp.Diff([]dsr.Intake{want}, b.fake.submitted); diff != "" || want.IdempotencyKey == "" {
		t.Error(diff)
	}
	page := b.do(b.public, "GET", got.Header.Get("Location"), "")
	for _, text := range []string{"K7QM-3XTB", "5 mars 2026", "5 avril 2026", `lang="fr"`} {
		if !strings.Contains(page.body, text) {
			t.Errorf("%q is not on the page after", text)
		}
	}
	if strings.Contains(page.body, "req-1") {
		t.Error("the page shows the request's id")
	}
}

// A form sent twice is one request; the same form with other content is another.
func TestPortalSendsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b)
	for _, body := range []string{form.body, form.body, strings.Replace(form.body, "erasure", "access", 1)} {
		b.do(b.public, "POST", "/requests", body, form.headers...)
	}
	s := b.fake.submitted
	if len(s) != 3 || s[0].IdempotencyKey != s[1].IdempotencyKey || s[0].IdempotencyKey == s[2].IdempotencyKey {
		t.Errorf("%d submissions: %+v", len(s), s)
	}
}

// Whatever was written about whom, the page after a request is the same, byte
// for byte (enumeration, attack A13).
func TestPortalSaysTheSameToEveryone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var pages []string
	for _, email := range []string{"lea@example.org", "nobody@elsewhere.example"} {
		form := filled(b, "email", email)
		got := b.do(b.public, "POST", "/requests", form.body, form.headers...)
		pages = append(pages, got.Header.Get("Location"), b.do(b.public, "GET", got.Header.Get("Location"), "").body)
	}
	for n := range 2 {
		// What differs is the fresh value against forged forms, which this page has not.
		if pages[n] != pages[n+2] {
			t.Errorf("differs:\n%s\n%s", pages[n], pages[n+2])
		}
	}
}

// Nobody can put words on the page after a request.
func TestReceivedShowsOnlyOurReceipts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b)
	good := b.do(b.public, "POST", "/requests", form.body, form.headers...).Header.Get("Location")
	u, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	r := u.Query().Get("r")
	for _, bad := range []string{"", "x", "Q2FsbCAxMjM.x", r[:len(r)-2], "A" + r, token(b.do(b.public, "GET", "/", "").body)} {
		got := b.do(b.public, "GET", "/requests/received?r="+bad, "")
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/?lang=en" {
			t.Errorf("r=%q: %d to %q", bad, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

func TestPortalRefusesForgedForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		name  string
		form  func() sent
		later time.Duration
		want  int
	}{
		{"good", func() sent { return filled(b) }, 0, 303},
		{"no token", func() sent { return filled(b, "form", "") }, 0, 403},
		{"wrong token", func() sent { return filled(b, "form", "YQ.YQ") }, 0, 403},
		{"no cookie", func() sent { f := filled(b); f.headers = f.headers[:2]; return f }, 0, 403},
		{"another's cookie", func() sent { f := filled(b); f.headers = filled(b).headers; return f }, 0, 403},
		{"a receipt as token", func() sent {
			f := filled(b)
			loc := b.do(b.public, "POST", "/requests", f.body, f.headers...).Header.Get("Location")
			return filled(b, "form", loc[strings.Index(loc, "r=")+2:])
		}, 0, 403},
		{"old", func() sent { return filled(b) }, access.FormLife, 403},
		{"json", func() sent {
			return sent{request, []string{"Content-Type", "application/json"}}
		}, 0, 415},
	}
	for _, tt := range tests {
		form := tt.form()
		b.now = b.now.Add(tt.later)
		got := b.do(b.public, "POST", "/requests", form.body, form.headers...)
		if got.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got.StatusCode, tt.want)
		}
		if tt.want == 403 && !strings.Contains(got.body, "lea@example.org") {
			t.Errorf("%s: what was written is lost", tt.name)
		}
	}
	if n := len(b.fake.submitted); n != 2 {
		t.Errorf("%d requests filed, want 2", n)
	}
}

func TestPortalTrap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b, "website", "http://spam.example")
	got := b.do(b.public, "POST", "/requests", form.body, form.headers...)
	if got.StatusCode != 422 || len(b.fake.submitted) != 0 {
		t.Errorf("%d, %d filed", got.StatusCode, len(b.fake.submitted))
	}
	if strings.Contains(got.body, `class="trap"`) || !strings.Contains(got.body, "lea@example.org") {
		t.Error("a person whose browser filled the trap cannot empty it")
	}
}

func TestPortalNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b, "email", "lea@", "right", "", "name", hostile)
	got := b.do(b.public, "POST", "/requests", form.body, form.headers...)
	if got.StatusCode != 422 || len(b.fake.submitted) != 0 {
		t.Fatalf("%d, %d filed", got.StatusCode, len(b.fake.submitted))
	}
	for _, text := range []string{`id="email-error"`, `id="right-error"`, `href="#email"`, `aria-invalid="true"`, "name@example.org", `role="alert"`} {
		if !strings.Contains(got.body, text) {
			t.Errorf("%s is missing", text)
		}
	}
	if strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") {
		t.Error("hostile input is not escaped")
	}
	if n := strings.Count(got.body, `class="required"`); n != 2 {
		t.Errorf("%d text fields are marked required, the form asks for 2", n)
	}
}

func TestPortalLanguages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct{ query, accept, want string }{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.5", "de"}, {"", "pt,es;q=0.5", "es"}, {"", "ja", "en"}, {"", "fr-CA", "fr"},
		{"?lang=fr", "de", "fr"}, {"?lang=xx", "de", "de"}, {"?lang=" + url.QueryEscape(hostile), "", "en"},
		{"", ";;;q=x", "en"}, {"", strings.Repeat("de,", 1000), "en"},
	}
	for _, tt := range tests {
		got := b.do(b.public, "GET", "/"+tt.query, "", "Accept-Language", tt.accept)
		if !strings.Contains(got.body, `<html lang="`+tt.want+`">`) || got.Header.Get("Content-Language") != tt.want ||
			!strings.Contains(got.Header.Get("Vary"), "Accept-Language") {
			t.Errorf("%q, %.20q: %s", tt.query, tt.accept, got.Header.Get("Content-Language"))
		}
	}
	// Each language leads to a page that exists, also after an error.
	form := filled(b, "email", "")
	page := b.do(b.public, "POST", "/requests", form.body, form.headers...)
	for _, link := range regexp.MustCompile(`href="(/\?lang=..)"`).FindAllStringSubmatch(page.body, -1) {
		if got := b.do(b.public, "GET", link[1], ""); got.StatusCode != 200 {
			t.Errorf("%s: %d", link[1], got.StatusCode)
		}
	}
}

func TestHostileTextOnTeamPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := session(b, access.Approver)
	for _, path := range []string{"/requests/req-1", "/requests/req-1/approve"} {
		got := b.do(b.team, "GET", path, "", "Cookie", c)
		if got.StatusCode != 200 || strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") {
			t.Errorf("%s: %d, or not escaped", path, got.StatusCode)
		}
	}
}

func TestIntakeAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.do(b.public, "POST", "/api/v1/requests", request, append(as(access.Intake), "Idempotency-Key", "order-7", "Host", "evil.example")...)
	want := `{"request_id":"req-1","reference":"K7QM-3XTB","received_at":"2026-03-05T12:00:00Z","due_at":"2026-04-05T12:00:00Z"}`
	if got.StatusCode != 202 || got.body != want || got.Header.Get("Location") != "https://privacy.example/api/v1/requests/req-1" {
		t.Errorf("%d %s, Location %q", got.StatusCode, got.body, got.Header.Get("Location"))
	}
	b.do(b.team, "POST", "/api/v1/requests", strings.Replace(request, "{", `{"channel":"mail",`, 1), as(access.Handler)...)
	s := b.fake.submitted
	if len(s) != 2 || s[0].IdempotencyKey != "order-7" || s[0].Channel != dsr.API || s[1].Channel != dsr.Staff {
		t.Errorf("%+v", s)
	}
}
