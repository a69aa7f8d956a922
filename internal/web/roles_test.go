package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
)

// endpoint is a route with the permission that it asks for.
type endpoint struct {
	method, path string
	need         access.Permission
	body         string
	done         int
}

const request = `{"right":"erasure","elements":{"email":"lea@example.org","account_name":"Atelier"}}`

func endpoints() []endpoint {
	all := []endpoint{
		{"POST", "/api/v1/requests", access.Submit, request, http.StatusAccepted},
		{"GET", "/api/v1/requests", access.Read, "", http.StatusOK},
		{"GET", "/api/v1/requests/req-1", access.Read, "", http.StatusOK},
		{"GET", "/api/v1/requests/req-1/certificate", access.Read, "", http.StatusOK},
	}
	all = append(all,
		endpoint{"GET", "/api/v1/stores", access.Read, "", http.StatusOK},
		endpoint{"POST", "/api/v1/stores/app/enable", access.EnableStore, `{"plan_id":"0197a000-0000-7000-8000-000000000001"}`, http.StatusOK},
		endpoint{"POST", "/api/v1/stores/app/observe", access.ObserveStore, "", http.StatusOK},
	)
	all = append(all, endpoint{"POST", "/api/v1/requests/req-1/details", access.Supplement, `{"account_name":"Atelier"}`, http.StatusOK})
	for _, a := range dsr.Actions() {
		all = append(all, endpoint{"POST", "/api/v1/requests/req-1/" + string(a), access.Decide(a), `{"reason":"because"}`, http.StatusOK})
	}
	return all
}

// The matrix of roles and routes follows the role table and nothing else.
func TestRolesOnTeamAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, e := range endpoints() {
		for _, r := range access.Roles() {
			want := http.StatusForbidden
			if r.May(e.need) {
				want = e.done
			}
			if got := b.do(b.team, e.method, e.path, e.body, as(r)...); got.StatusCode != want {
				t.Errorf("%s %s as %s: %d, want %d\n%s", e.method, e.path, r, got.StatusCode, want, got.body)
			}
		}
		for name, header := range map[string]string{
			"nobody": "", "a wrong token": "Bearer nonsense", "an empty token": "Bearer ", "a hash": "Bearer " + string(b.deps.Tokens[0].SHA256),
			"another scheme": "Basic " + secret(access.Approver),
		} {
			got := b.do(b.team, e.method, e.path, e.body, "Authorization", header, "Content-Type", "application/json")
			if got.StatusCode != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s as %s: %d", e.method, e.path, name, got.StatusCode)
			}
		}
	}
}

// On the public listener a token of the role intake files requests, and a token
// of any other role does nothing.
func TestRolesOnPublicAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, e := range endpoints() {
		for _, r := range access.Roles() {
			want := http.StatusForbidden
			switch {
			case e.need != access.Submit && e.path == "/api/v1/requests":
				want = http.StatusMethodNotAllowed
			case e.need != access.Submit:
				want = http.StatusNotFound
			case r == access.Intake:
				want = e.done
			}
			if got := b.do(b.public, e.method, e.path, e.body, as(r)...); got.StatusCode != want {
				t.Errorf("%s %s as %s: %d, want %d", e.method, e.path, r, got.StatusCode, want)
			}
		}
	}
}

func TestRolesOnPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := login(b, secret(access.Intake)); got.StatusCode != http.StatusForbidden || strings.Contains(cookies(got), "habeas_session=") {
		t.Errorf("login as intake: %d %s", got.StatusCode, cookies(got))
	}
	for _, r := range []access.Role{access.Viewer, access.Handler, access.Approver} {
		c := session(b, r)
		page := b.do(b.team, "GET", "/requests/req-1", "", "Cookie", c)
		for _, a := range dsr.Actions() {
			want := http.StatusForbidden
			if r.May(access.Decide(a)) {
				want = http.StatusSeeOther
			}
			body := "reason=because&form=" + token(page.body)
			if got := b.do(b.team, "POST", "/requests/req-1/"+string(a), body, "Cookie", c, "Content-Type", formType); got.StatusCode != want {
				t.Errorf("%s as %s: %d, want %d", a, r, got.StatusCode, want)
			}
		}
	}
}

// What a viewer is shown holds nothing personal, even if the service gave it.
func TestPersonalDataOnlyForThoseWhoMay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, r := range []access.Role{access.Viewer, access.Handler, access.Approver} {
		c := session(b, r)
		b.fake.personal = nil
		answers := map[string]answer{
			"api":     b.do(b.team, "GET", "/api/v1/requests/req-1", "", as(r)...),
			"page":    b.do(b.team, "GET", "/requests/req-1", "", "Cookie", c),
			"list":    b.do(b.team, "GET", "/requests", "", "Cookie", c),
			"apilist": b.do(b.team, "GET", "/api/v1/requests", "", as(r)...),
		}
		may := r.May(access.ReadPersonal)
		for name, a := range answers {
			shown := strings.Contains(a.body, "personal-") || strings.Contains(a.body, "lea@example.org")
			if want := may && !strings.Contains(name, "list"); shown != want || a.StatusCode != http.StatusOK {
				t.Errorf("%s as %s: shown %v, want %v (%d)", name, r, shown, want, a.StatusCode)
			}
		}
		for _, asked := range b.fake.personal {
			if asked != may {
				t.Errorf("as %s the service was asked for personal data: %v", r, asked)
			}
		}
	}
}

func TestDecisionBearsTheTokensName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(b.team, "POST", "/api/v1/requests/req-1/approve", `{"about":"plan-7","id":"d-1"}`, as(access.Approver)...)
	c := session(b, access.Approver)
	page := b.do(b.team, "GET", "/requests/req-1/approve", "", "Cookie", c)
	for _, says := range []string{
		`name="about" value="plan-7"`, "L123-22", "found by posts.author ← accounts.id", "device → pseudonym, which stays: statistics",
		"not followed: visits.b ← b.id", "would take phone or fax", "3 more are others’ too", "left: another account bears the same value",
	} {
		if !strings.Contains(page.body, says) {
			t.Errorf("the confirmation step does not say %q:\n%s", says, page.body)
		}
	}
	body := "about=plan-7&form=" + token(page.body)
	for range 2 {
		b.do(b.team, "POST", "/requests/req-1/approve", body, "Cookie", c, "Content-Type", formType)
	}
	if len(b.fake.decided) != 3 {
		t.Fatalf("%d decisions, want 3", len(b.fake.decided))
	}
	for _, d := range b.fake.decided {
		if d.Actor != "the approver" || d.About != "plan-7" || d.Action != dsr.Approve {
			t.Errorf("%+v", d)
		}
	}
	if d := b.fake.decided; d[0].ID != "d-1" || d[1].ID == "" || d[1].ID != d[2].ID {
		t.Errorf("ids %q %q %q: a form sent twice must be one decision", d[0].ID, d[1].ID, d[2].ID)
	}
}
