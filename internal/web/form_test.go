package web

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/soffiah/habeas/internal/web/access"
)

// sent is a form as a browser sends it.
type sent struct {
	body    string
	headers []string
}

var hidden = regexp.MustCompile(`name="form" value="([^"]+)"`)

// token returns the hidden value of the last form on a page.
func token(page string) string {
	all := hidden.FindAllStringSubmatch(page, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

func cookies(a answer) string {
	var all []string
	for _, c := range a.Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

const formType = "application/x-www-form-urlencoded"

// filled loads the portal's form and fills it in; pairs of fields override.
func filled(b *bench, fields ...string) sent {
	page := b.do(b.public, "GET", "/", "")
	values := url.Values{
		"form": {token(page.body)}, "right": {"erasure"}, "email": {"lea@example.org"}, "account_name": {"Atelier"}, "lang": {"en"},
	}
	for n := 0; n+1 < len(fields); n += 2 {
		values.Set(fields[n], fields[n+1])
	}
	return sent{values.Encode(), []string{"Content-Type", formType, "Cookie", cookies(page)}}
}

// login returns the answer to a login with a token.
func login(b *bench, secret string) answer {
	page := b.do(b.team, "GET", "/login", "")
	values := url.Values{"form": {token(page.body)}, "token": {secret}}
	return b.do(b.team, "POST", "/login", values.Encode(), "Content-Type", formType, "Cookie", cookies(page))
}

// session logs a role in and returns its cookie as a browser sends it.
func session(b *bench, r access.Role) string {
	b.t.Helper()
	for _, c := range login(b, secret(r)).Cookies() {
		if c.Name == "habeas_session" {
			return c.Name + "=" + c.Value
		}
	}
	b.t.Fatalf("no session for %s", r)
	return ""
}
