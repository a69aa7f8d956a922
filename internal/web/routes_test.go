package web

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/api"
	"golang.org/x/net/html"
)

func engines(t *testing.T, b *bench) map[string]*gin.Engine {
	t.Helper()
	p, ok1 := b.public.(*gin.Engine)
	q, ok2 := b.team.(*gin.Engine)
	if !ok1 || !ok2 {
		t.Fatal("the handlers are no engines")
	}
	return map[string]*gin.Engine{"public": p, "team": q}
}

var parameter = regexp.MustCompile(`:([a-z]+)`)

// The document describes the routes of each listener, all of them and no others.
func TestOpenAPIAgainstRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document(t)
	described := map[string][]string{}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			for _, l := range op.Listeners {
				described[l] = append(described[l], strings.ToUpper(method)+" "+path)
			}
		}
	}
	for listener, e := range engines(t, b) {
		var routes []string
		for _, r := range e.Routes() {
			if strings.HasPrefix(r.Path, "/api/") || slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, r.Path) {
				routes = append(routes, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
			}
		}
		slices.Sort(routes)
		slices.Sort(described[listener])
		if diff := cmp.Diff(described[listener], routes); diff != "" {
			t.Errorf("%s (-document +routes):\n%s", listener, diff)
		}
	}
}

// The public listener answers nothing but what is listed here.
func TestPublicRoutes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range engines(t, setup(t))["public"].Routes() {
		got = append(got, r.Method+" "+r.Path)
	}
	slices.Sort(got)
	want := []string{
		"GET /", "GET /assets/habeas.css", "GET /assets/icon.svg", "GET /details/:token", "GET /details/received", "GET /healthz",
		"GET /requests/received", "POST /api/v1/requests", "POST /details/:token", "POST /requests",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The schemas have the fields of the types, all of them and no others, and the
// enumerations have the words of the domain.
func TestOpenAPIAgainstTypes(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for name, v := range map[string]any{
		"Elements": dsr.Elements{}, "Intake": dsr.Intake{}, "Receipt": dsr.Receipt{}, "Summary": dsr.Summary{},
		"SummaryPage": dsr.SummaryPage{}, "Details": dsr.Details{}, "Event": dsr.Event{}, "PlanLine": dsr.PlanLine{}, "PlanField": dsr.PlanField{},
		"StoreResult": dsr.StoreResult{}, "Reply": dsr.Reply{}, "Recognised": dsr.Recognised{}, "Decision": dsr.Decision{}, "DecisionView": dsr.DecisionView{},
		"FieldError": dsr.FieldError{},
	} {
		fields := jsonFields(reflect.TypeOf(v))
		schema := doc.Components.Schemas[name]
		if diff := cmp.Diff(slices.Sorted(maps.Keys(schema.Properties)), slices.Sorted(maps.Keys(fields))); diff != "" {
			t.Errorf("%s (-document +type):\n%s", name, diff)
		}
		if name == "Intake" || name == "Decision" || name == "Elements" {
			continue // what a client may leave out is not what we leave out
		}
		var always []string
		for field, omitted := range fields {
			if !omitted {
				always = append(always, field)
			}
		}
		slices.Sort(always)
		slices.Sort(schema.Required)
		if diff := cmp.Diff(schema.Required, always); diff != "" {
			t.Errorf("%s, required (-document +type):\n%s", name, diff)
		}
	}
	for name, want := range map[string]any{
		"Right": dsr.Rights(), "State": dsr.States(), "Action": dsr.Actions(),
		"Channel": []dsr.Channel{dsr.Portal, dsr.API, dsr.Staff, dsr.Mail}, "Treatment": []dsr.Treatment{dsr.Delete, dsr.Anonymise, dsr.Archive, dsr.Retain, dsr.Leave, dsr.Export, dsr.Rectify, dsr.Mark},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(doc.Components.Schemas[name].Enum)
		if err != nil || string(got) != string(text) {
			t.Errorf("%s: %s, want %s", name, got, text)
		}
	}
	for _, name := range []string{"Elements", "Intake", "Decision"} {
		for field, p := range doc.Components.Schemas[name].Properties {
			if p.MaxLength != dsr.MaxLength(field) {
				t.Errorf("%s.%s: at most %d, want %d", name, field, p.MaxLength, dsr.MaxLength(field))
			}
		}
	}
}

type openAPI struct {
	Paths map[string]map[string]struct {
		Listeners []string `json:"x-listeners"`
	}
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Enum       []string
			Properties map[string]struct{ MaxLength int }
		}
	}
}

func document(t *testing.T) openAPI {
	t.Helper()
	text, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// jsonFields returns the JSON fields of a struct, and whether each may be left out.
func jsonFields(t reflect.Type) map[string]bool {
	out := map[string]bool{}
	for n := range t.NumField() {
		f := t.Field(n)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(out, jsonFields(f.Type))
		case name != "-":
			out[name] = strings.Contains(options, "omitempty")
		}
	}
	return out
}

// Every route of both listeners, and what is no route, bears the headers that
// keep a browser safe, whatever it answers.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := session(b, access.Approver)
	for listener, e := range engines(t, b) {
		paths := []string{"GET /nothing", "DELETE /", "GET /api/v1/nothing"}
		for _, r := range e.Routes() {
			paths = append(paths, r.Method+" "+strings.NewReplacer(":id", "req-1", ":action", "pause").Replace(r.Path))
		}
		for _, p := range paths {
			method, path, _ := strings.Cut(p, " ")
			for _, cookie := range []string{"", c} {
				h := b.do(e, method, path, "", "Cookie", cookie).Header
				csp := h.Get("Content-Security-Policy")
				if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") ||
					h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
					t.Errorf("%s %s: %v", listener, p, h)
				}
				if want := !strings.HasPrefix(path, "/assets/"); (h.Get("Cache-Control") == "no-store") != want {
					t.Errorf("%s %s: Cache-Control %q", listener, p, h.Get("Cache-Control"))
				}
				if (h.Get("Strict-Transport-Security") != "") != (listener == "public") {
					t.Errorf("%s %s: HSTS %q", listener, p, h.Get("Strict-Transport-Security"))
				}
			}
		}
	}
}

// Nothing that a request says of its own address comes back.
func TestHostIsNotReflected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := session(b, access.Approver)
	lies := []string{
		"Host", "evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix", "/evil.example", "Forwarded", "host=evil.example",
		"X-Original-URL", "/evil.example", "Referer", "http://evil.example", "Origin", "http://evil.example", "Cookie", c,
	}
	for listener, e := range engines(t, b) {
		for _, r := range e.Routes() {
			path := strings.NewReplacer(":id", "req-1", ":action", "pause").Replace(r.Path)
			for _, p := range []string{path, path + "/"} {
				got := b.do(e, r.Method, p, "", lies...)
				text := got.body
				for name, values := range got.Header {
					text += name + strings.Join(values, " ")
				}
				if strings.Contains(text, "evil.example") {
					t.Errorf("%s %s %s: %s", listener, r.Method, p, text)
				}
			}
		}
	}
}

// Pages load nothing from elsewhere and run nothing.
func TestPagesStandAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := session(b, access.Approver)
	pages := []answer{b.do(b.public, "GET", "/", ""), b.do(b.public, "GET", "/nothing", "")}
	for _, p := range []string{"/login", "/requests", "/requests/req-1", "/requests/req-1/approve", "/nothing"} {
		pages = append(pages, b.do(b.team, "GET", p, "", "Cookie", c))
	}
	for _, p := range pages {
		standsAlone(t, p.body)
		if !strings.Contains(p.body, "/assets/habeas.css?v=") || !strings.Contains(p.body, `<html lang="`) || !strings.Contains(p.body, `<main id="main">`) {
			t.Error("the frame of a page is missing")
		}
	}
}

func standsAlone(t *testing.T, page string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		tag := z.Token()
		if tag.Type != html.StartTagToken && tag.Type != html.SelfClosingTagToken {
			continue
		}
		if slices.Contains([]string{"script", "iframe", "object", "embed", "img", "style", "base"}, tag.Data) {
			t.Errorf("<%s> on a page", tag.Data)
		}
		for _, a := range tag.Attr {
			loads := a.Key == "src" || a.Key == "href" && tag.Data == "link" || a.Key == "action"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || loads && (!strings.HasPrefix(a.Val, "/") || strings.HasPrefix(a.Val, "//")) {
				t.Errorf("<%s %s=%q> on a page", tag.Data, a.Key, a.Val)
			}
		}
	}
}

// Under a path, every link and form of ours stays under it.
func TestBasePath(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.PublicURL, d.TeamURL = "https://example.org/privacy/", "https://example.org/team" })
	outside := regexp.MustCompile(`(?:href|action)="/(?:[^pt]|p[^r]|t[^e])[^"]*"`)
	c := "habeas_session=" + strings.TrimPrefix(cookies(login(b, secret(access.Viewer))), "habeas_session=")
	for _, a := range []answer{b.do(b.public, "GET", "/", ""), b.do(b.team, "GET", "/login", ""), b.do(b.team, "GET", "/requests", "", "Cookie", c)} {
		if found := outside.FindString(a.body); a.StatusCode != 200 || found != "" {
			t.Errorf("%d, %s leads outside", a.StatusCode, found)
		}
	}
	if got := b.do(b.team, "GET", "/", ""); got.Header.Get("Location") != "/team/requests" {
		t.Errorf("to %q", got.Header.Get("Location"))
	}
}

func TestHealthReadyMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := b.do(b.public, "GET", "/healthz", ""); got.StatusCode != 200 || got.body != `{"status":"ok"}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := b.do(b.team, "GET", "/readyz", ""); got.StatusCode != 200 || got.body != `{"parts":{"postgres":"ok","temporal":"ok"},"status":"ok"}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	got := b.do(b.team, "GET", "/metrics", "")
	if !strings.Contains(got.body, `habeas_http_request_seconds_count{listener="public",method="GET",route="/healthz",status="200"} 1`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	down := setup(t, func(d *Deps) {
		d.Ready = func(context.Context) map[string]error {
			return map[string]error{"postgres": errors.New("cause-x"), "temporal": nil}
		}
	})
	if got := down.do(down.team, "GET", "/readyz", ""); got.StatusCode != 503 || strings.Contains(got.body, "cause-x") || !strings.Contains(down.log.String(), "cause-x") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// The request log and the metrics hold nothing that a person sent.
func TestNothingPersonalIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := filled(b, "email", "canary@example.org", "message", "canary")
	b.do(b.public, "POST", "/requests?canary=1", form.body, append(form.headers, "User-Agent", "canary", "from", "203.0.113.77")...)
	b.do(b.public, "GET", "/canary", "", "Referer", "canary")
	b.do(b.public, "CANARY", "/", "")
	b.do(b.team, "GET", "/requests/canary?canary=1", "", "Authorization", "Bearer canary")
	metrics := b.do(b.team, "GET", "/metrics", "").body
	for _, canary := range []string{"canary", "CANARY", "203.0.113.77", "req-1"} {
		if strings.Contains(b.log.String(), canary) || strings.Contains(metrics, canary) {
			t.Errorf("%s is written down:\n%s", canary, b.log)
		}
	}
	if !strings.Contains(b.log.String(), "route=/requests ") {
		t.Errorf("the log says nothing:\n%s", b.log)
	}
}

func TestRefusesWrongSettings(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Deps){
		"short secret":    func(d *Deps) { d.Secret = d.Secret[:31] },
		"no address":      func(d *Deps) { d.PublicURL, d.TeamURL = "", "" },
		"odd address":     func(d *Deps) { d.PublicURL, d.TeamURL = "ftp://x", "//x" },
		"no service":      func(d *Deps) { d.Requests = nil },
		"proxies":         func(d *Deps) { d.TrustedProxies = []string{"everyone"} },
		"token's role":    func(d *Deps) { d.Tokens[0].Role = "root" },
		"token's hash":    func(d *Deps) { d.Tokens[0].SHA256 = []byte("x") },
		"names of tokens": func(d *Deps) { d.Tokens[0].Name = d.Tokens[1].Name },
	} {
		d := setup(t).deps
		d.Tokens = slices.Clone(d.Tokens)
		change(&d)
		if _, err := Public(d); err == nil {
			t.Errorf("%s: the public pages start", name)
		}
		if _, err := Team(d); err == nil {
			t.Errorf("%s: the team's pages start", name)
		}
	}
	for name, change := range map[string]func(*Deps){
		"no right":       func(d *Deps) { d.Form.Rights = nil },
		"unknown right":  func(d *Deps) { d.Form.Rights = []dsr.Right{"x"} },
		"unknown field":  func(d *Deps) { d.Form.Required = []string{"shoe_size"} },
		"unasked fields": func(d *Deps) { d.Form.Required = []string{"language"} },
	} {
		d := setup(t).deps
		change(&d)
		if _, err := Public(d); err == nil {
			t.Errorf("%s: the public pages start", name)
		}
	}
}
