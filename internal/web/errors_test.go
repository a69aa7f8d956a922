package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
)

// Every error of the service becomes its status, on every endpoint and page,
// and none shows its cause.
func TestErrorMapping(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("cause-x: %w", &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "email", Problem: "is bad"}}}), 422, "invalid_input"},
		{fmt.Errorf("cause-x: %w", dsr.ErrNotFound), 404, "not_found"},
		{fmt.Errorf("cause-x: %w", dsr.ErrConflict), 409, "conflict"},
		{fmt.Errorf("cause-x: %w", dsr.ErrUnavailable), 503, "unavailable"},
		{fmt.Errorf("cause-x: %w", dsr.ErrTooMany), 429, "too_many_requests"},
		{errors.New("cause-x"), 500, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c := session(b, access.Approver)
			page := b.do(b.team, "GET", "/requests/req-1", "", "Cookie", c)
			form := filled(b)
			b.fake.err = tt.err
			for _, e := range endpoints() {
				got := b.do(b.team, e.method, e.path, e.body, as(access.Approver)...)
				var body struct {
					Error struct {
						Code, Message string
						Fields        []dsr.FieldError
					}
				}
				if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.StatusCode != tt.status || body.Error.Code != tt.code || body.Error.Message == "" {
					t.Errorf("%s %s: %d %s, %v", e.method, e.path, got.StatusCode, got.body, err)
				}
				checkCause(t, b, got, tt.status)
				if (tt.status == 422) != (len(body.Error.Fields) == 1) {
					t.Errorf("fields %v", body.Error.Fields)
				}
			}
			for _, a := range []answer{
				b.do(b.team, "GET", "/requests", "", "Cookie", c),
				b.do(b.team, "GET", "/requests/req-1", "", "Cookie", c),
				b.do(b.team, "GET", "/requests/req-1/certificate", "", "Cookie", c),
				b.do(b.team, "POST", "/requests/req-1/pause", "form="+token(page.body), "Cookie", c, "Content-Type", formType),
				b.do(b.public, "POST", "/requests", form.body, form.headers...),
			} {
				if a.StatusCode != tt.status || !strings.Contains(a.Header.Get("Content-Type"), "text/html") {
					t.Errorf("page: %d, want %d", a.StatusCode, tt.status)
				}
				checkCause(t, b, a, tt.status)
			}
		})
	}
}

func checkCause(t *testing.T, b *bench, a answer, status int) {
	t.Helper()
	if strings.Contains(a.body, "cause-x") {
		t.Errorf("the cause is shown: %s", a.body)
	}
	later := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
	if later != (a.Header.Get("Retry-After") != "") {
		t.Errorf("Retry-After %q with %d", a.Header.Get("Retry-After"), status)
	}
	if status == http.StatusInternalServerError && !strings.Contains(b.log.String(), "cause-x") {
		t.Error("the cause is not in the log")
	}
}

// A panic is an incident; what was panicked with is written nowhere.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fake.panics = "lea@example.org"
	a := b.do(b.team, "GET", "/api/v1/requests/req-1", "", as(access.Viewer)...)
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.StatusCode != 500 || body.Error.Code != "internal" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	fields := strings.Fields(body.Error.Message)
	if incident := strings.TrimSuffix(fields[len(fields)-1], "."); !strings.Contains(b.log.String(), "incident="+incident) {
		t.Errorf("incident %s is not in the log", incident)
	}
	if strings.Contains(b.log.String()+a.body, "lea@example.org") {
		t.Error("the value of the panic is written down")
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	auth := []string{"Authorization", "Bearer " + secret(access.Intake)}
	tests := []struct {
		name, media, body string
		status            int
		in                string
	}{
		{"no json", "application/json", "right=erasure", 400, "malformed"},
		{"empty", "application/json", "", 400, "malformed"},
		{"cut off", "application/json", `{"right":`, 400, "malformed"},
		{"unknown field", "application/json", `{"right":"erasure","elements":{"email":"a@b.org"},"admin":true}`, 400, "malformed"},
		{"unknown field within", "application/json", `{"right":"erasure","elements":{"phone":"1"}}`, 400, "malformed"},
		{"two values", "application/json", request + request, 400, "malformed"},
		{"an array", "application/json", "[]", 400, "malformed"},
		{"not utf-8", "application/json", "{\"name\":\"\xff\"}", 400, "malformed"},
		{"wrong type", "application/json", `{"right":1}`, 400, "malformed"},
		{"a form", formType, "right=erasure", 415, "unsupported_media_type"},
		{"no type", "", request, 415, "unsupported_media_type"},
		{"oversize", "application/json", `{"message":"` + strings.Repeat("a", 128<<10) + `"}`, 413, "too_large"},
		{"unknown right", "application/json", strings.Replace(request, "erasure", "deletion", 1), 422, `"field":"right"`},
		{"bad address", "application/json", strings.Replace(request, "lea@", "lea", 1), 422, `"field":"email"`},
		{"header injection", "application/json", strings.Replace(request, "Atelier", `A\r\nBcc: x`, 1), 422, `"field":"account_name"`},
		{"missing", "application/json", `{"right":"erasure","elements":{"email":"a@b.org"}}`, 422, `"field":"account_name"`},
		{"long", "application/json", strings.Replace(request, "Atelier", strings.Repeat("é", 201), 1), 422, "is too long"},
	}
	for _, tt := range tests {
		for name, h := range map[string]http.Handler{"public": b.public, "team": b.team} {
			got := b.do(h, "POST", "/api/v1/requests", tt.body, append(auth, "Content-Type", tt.media)...)
			if got.StatusCode != tt.status || !strings.Contains(got.body, tt.in) {
				t.Errorf("%s, %s: %d %s, want %d %s", name, tt.name, got.StatusCode, got.body, tt.status, tt.in)
			}
		}
	}
	if len(b.fake.submitted) != 0 {
		t.Errorf("bad input reached the service: %d", len(b.fake.submitted))
	}
	form := filled(b, "message", strings.Repeat("a", 128<<10))
	if got := b.do(b.public, "POST", "/requests", form.body, form.headers...); got.StatusCode != 413 {
		t.Errorf("oversize form: %d", got.StatusCode)
	}
}

func TestBadPathsQueriesAndDecisions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v1/requests?state=lost", "", 422},
		{"GET", "/api/v1/requests?limit=0", "", 422},
		{"GET", "/api/v1/requests?limit=201", "", 422},
		{"GET", "/api/v1/requests?open=perhaps", "", 422},
		{"GET", "/api/v1/requests?attention=A%20B", "", 422},
		{"GET", "/api/v1/requests?state=received&state=erasing", "", 422},
		{"GET", "/api/v1/requests?stat=received", "", 400},
		{"GET", "/api/v1/requests/" + strings.Repeat("a", 65), "", 404},
		{"GET", "/api/v1/requests/..%2F..%2Fetc", "", 404},
		{"GET", "/api/v1/requests/a%0d%0ab", "", 404},
		{"GET", "/api/v1/requests/", "", 404},
		{"GET", "/api/v2/requests", "", 404},
		{"PUT", "/api/v1/requests", "", 405},
		{"POST", "/api/v1/requests/req-1/destroy", "", 404},
		{"POST", "/api/v1/requests/req-1/reject", "", 422},
		{"POST", "/api/v1/requests/req-1/resolve", `{"reason":" "}`, 422},
		{"POST", "/api/v1/requests/req-1/approve", `{"action":"cancel"}`, 422},
		{"POST", "/api/v1/requests/req-1/approve", `{"actor":"somebody"}`, 400},
		{"POST", "/api/v1/requests/req-1/retry", `{"store":"a\nb"}`, 422},
	}
	for _, tt := range tests {
		got := b.do(b.team, tt.method, tt.path, tt.body, as(access.Approver)...)
		if got.StatusCode != tt.status || !strings.HasPrefix(got.body, `{"error":`) {
			t.Errorf("%s %s %s: %d %s, want %d", tt.method, tt.path, tt.body, got.StatusCode, got.body, tt.status)
		}
	}
	if len(b.fake.decided)+len(b.fake.filters) > 0 {
		t.Error("bad input reached the service")
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(b.team, "GET", "/api/v1/requests?state=erasing&attention=store_failing&open=true&before=abc&limit=7", "", as(access.Viewer)...)
	want := dsr.ListFilter{State: dsr.Erasing, Attention: dsr.StoreFailing, Open: true, Before: "abc", Limit: 7}
	if len(b.fake.filters) != 1 || b.fake.filters[0] != want {
		t.Errorf("%+v", b.fake.filters)
	}
	c := session(b, access.Viewer)
	page := b.do(b.team, "GET", "/requests?state=erasing&attention=&open=true", "", "Cookie", c)
	if !strings.Contains(page.body, `/requests?before=cursor-2&amp;open=true&amp;state=erasing`) {
		t.Errorf("the next page loses the filter:\n%s", page.body)
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	few := guard.Rate{Burst: 2, Every: time.Minute}
	b := setup(t, func(d *Deps) { d.Submissions, d.Attempts = few, few })
	file := func(from string) answer {
		form := filled(b)
		return b.do(b.public, "POST", "/requests", form.body, append(form.headers, "from", from)...)
	}
	for n, want := range []int{303, 303, 429} {
		if got := file("192.0.2.1"); got.StatusCode != want {
			t.Errorf("submission %d: %d, want %d", n, got.StatusCode, want)
		} else if want == 429 && (got.Header.Get("Retry-After") != "60" || !strings.Contains(got.body, "lea@example.org")) {
			t.Errorf("429 with Retry-After %q, or without what was written", got.Header.Get("Retry-After"))
		}
	}
	if got := file("192.0.2.2"); got.StatusCode != 303 {
		t.Errorf("another address: %d", got.StatusCode)
	}
	b.now = b.now.Add(time.Minute)
	if got := file("192.0.2.1"); got.StatusCode != 303 {
		t.Errorf("a minute later: %d", got.StatusCode)
	}
	for n, want := range []int{401, 401, 429} {
		if got := b.do(b.public, "POST", "/api/v1/requests", request, "Authorization", "Bearer x"); got.StatusCode != want {
			t.Errorf("wrong token %d: %d, want %d", n, got.StatusCode, want)
		}
		if got := login(b, "x"); got.StatusCode != want {
			t.Errorf("wrong login %d: %d, want %d", n, got.StatusCode, want)
		}
	}
	if got := b.do(b.public, "POST", "/api/v1/requests", request, as(access.Intake)...); got.StatusCode != 202 {
		t.Errorf("a good token after wrong ones: %d", got.StatusCode)
	}
}

// Forwarded headers change nothing unless the proxy is trusted.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	few := guard.Rate{Burst: 1, Every: time.Minute}
	for _, tt := range []struct {
		trusted []string
		want    int
	}{{nil, 429}, {[]string{"198.51.100.0/24"}, 429}, {[]string{"192.0.2.0/24"}, 303}} {
		b := setup(t, func(d *Deps) { d.Submissions, d.TrustedProxies = few, tt.trusted })
		var got answer
		for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
			form := filled(b)
			got = b.do(b.public, "POST", "/requests", form.body, append(form.headers, "from", "192.0.2.9", "X-Forwarded-For", client)...)
		}
		if got.StatusCode != tt.want {
			t.Errorf("trusting %v: %d, want %d", tt.trusted, got.StatusCode, tt.want)
		}
	}
}
