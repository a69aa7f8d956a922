// Package web is the face of Habeas over HTTP: two handlers for two listeners.
//
// [Public] is for the world: the portal on which a person files a request, and
// the endpoint through which the controller's own application files one. It
// reads nothing. [Team] is for the privacy team and for operations: pages, the
// full API, metrics. It belongs on loopback or behind the company's own door.
//
// The rooms: access says who may do what; guard stands before every handler;
// problem is how errors are told; api, portal and dashboard answer; assets is
// how they look. Only these packages know gin.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/api"
	"github.com/soffiah/habeas/internal/web/assets"
	"github.com/soffiah/habeas/internal/web/dashboard"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/portal"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Requests is the application service as the pages and the API use it.
type Requests interface {
	api.Requests
	portal.Requests
}

// Deps is what the pages and the API need.
type Deps struct {
	Requests Requests
	Stores   api.Stores
	Tokens   []access.Token
	// Form is what the company and its policy say about the form of the portal.
	Form portal.Form
	// PublicURL and TeamURL are where browsers reach the two listeners. Links and
	// the Secure mark of cookies come from them, never from what a request says.
	PublicURL, TeamURL string
	// Secret signs forms, receipts and sessions: at least 32 random bytes, the
	// same on every server.
	Secret []byte
	// TrustedProxies are the networks whose X-Forwarded-For is believed. None if nil.
	TrustedProxies []string
	// Ready tells for each part that must answer whether it does: nil, or why not.
	Ready func(ctx context.Context) map[string]error
	// Alarms tells the team what keeps requests from going on, beside what stands
	// with a single request. None if nil.
	Alarms func(ctx context.Context) []string
	// Metrics answers /metrics; Registerer takes the metrics of these handlers.
	Metrics    http.Handler
	Registerer prometheus.Registerer
	Log        *slog.Logger
	Now        func() time.Time
	// Zone is where the controller is; dates are told in it. UTC if nil.
	Zone *time.Location
	// Submissions bounds how often one address may file in the portal, Attempts
	// how often it may come with a wrong token. Zero values stand for ten at once
	// and then one in thirty seconds.
	Submissions, Attempts guard.Rate
	// MaxBody is the largest body in bytes; zero stands for 128 KiB, which is
	// enough for every field at its limit, percent-encoded.
	MaxBody int64
}

// Public returns the handler of the public listener.
func Public(d Deps) (http.Handler, error) {
	e, err := public(d)
	if err != nil {
		return nil, fmt.Errorf("setting up the public pages: %w", err)
	}
	return e, nil
}

func public(d Deps) (*gin.Engine, error) {
	s, err := prepare(&d, d.PublicURL, "public")
	if err != nil {
		return nil, err
	}
	if err := checkForm(d.Form); err != nil {
		return nil, err
	}
	p, err := portal.New(portal.Portal{
		Requests: s.requests, Form: d.Form, Key: s.key, Base: s.base, Secure: s.secure,
		Submissions: guard.NewLimiter(d.Submissions, d.Now), Log: d.Log, Now: d.Now, Zone: d.Zone,
	})
	if err != nil {
		return nil, err
	}
	e, err := s.engine(d, p.Render)
	if err != nil {
		return nil, err
	}
	p.Routes(e)
	s.api.Public(e)
	return e, nil
}

// Team returns the handler of the team's listener.
func Team(d Deps) (http.Handler, error) {
	e, err := team(d)
	if err != nil {
		return nil, fmt.Errorf("setting up the pages of the team: %w", err)
	}
	return e, nil
}

func team(d Deps) (*gin.Engine, error) {
	s, err := prepare(&d, d.TeamURL, "team")
	if err != nil {
		return nil, err
	}
	pages, err := dashboard.New(dashboard.Dashboard{
		Requests: s.requests, Tokens: s.api.Tokens, Key: s.key, Base: s.base, Secure: s.secure,
		Logins: guard.NewLimiter(d.Attempts, d.Now), Log: d.Log, Now: d.Now, Zone: d.Zone, Alarms: d.Alarms,
	})
	if err != nil {
		return nil, err
	}
	e, err := s.engine(d, pages.Render)
	if err != nil {
		return nil, err
	}
	pages.Routes(e)
	s.api.Team(e)
	e.GET("/readyz", ready(d))
	e.GET("/metrics", gin.WrapH(d.Metrics))
	return e, nil
}

// server is what both listeners make of Deps.
type server struct {
	listener string
	requests checked
	key      access.Key
	base     string // path of every link
	secure   bool
	api      api.API
}

// prepare checks d, fills what was left out, and derives what a listener needs.
func prepare(d *Deps, address, listener string) (server, error) {
	s := server{listener: listener, requests: checked{d.Requests, d.Form}}
	if d.Requests == nil || d.Stores == nil || d.Log == nil || d.Now == nil || d.Ready == nil || d.Metrics == nil || d.Registerer == nil {
		return s, errors.New("one of Requests, Stores, Log, Now, Ready, Metrics and Registerer is missing")
	}
	if d.Zone == nil {
		d.Zone = time.UTC
	}
	if d.Alarms == nil {
		d.Alarms = func(context.Context) []string { return nil }
	}
	for _, r := range []*guard.Rate{&d.Submissions, &d.Attempts} {
		if r.Burst <= 0 || r.Every <= 0 {
			*r = guard.Rate{Burst: 10, Every: 30 * time.Second}
		}
	}
	if d.MaxBody <= 0 {
		d.MaxBody = 128 << 10
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return s, fmt.Errorf("the address of the %s pages is not of the form https://host/path", listener)
	}
	s.base, s.secure = strings.TrimSuffix(u.EscapedPath(), "/"), u.Scheme == "https"
	if s.key, err = access.NewKey(d.Secret, listener); err != nil {
		return s, err
	}
	tokens, err := access.NewTokens(d.Tokens)
	if err != nil {
		return s, err
	}
	document, err := api.Document()
	s.api = api.API{
		Requests: s.requests, Stores: d.Stores, Tokens: tokens, Base: u.Scheme + "://" + u.Host + s.base,
		Failures: guard.NewLimiter(d.Attempts, d.Now), Document: document,
	}
	return s, err
}

// engine returns a router with all that stands before the handlers, and what
// both listeners answer. page renders problems outside of the API.
func (s server) engine(d Deps, page func(*gin.Context, problem.Problem)) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	// Redirects to "the right" path would follow X-Forwarded-Prefix.
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = true
	if err := e.SetTrustedProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("reading the trusted proxies: %w", err)
	}
	measure, err := guard.Measure(d.Registerer, s.listener, d.Now)
	if err != nil {
		return nil, err
	}
	render := func(c *gin.Context, p problem.Problem) {
		if strings.HasPrefix(c.Request.URL.Path, "/api/") {
			api.Render(c, p)
			return
		}
		page(c, p)
	}
	e.Use(guard.Log(d.Log, s.listener, d.Now), measure, guard.Headers(s.secure), guard.Answer(d.Log, render), guard.Limit(d.MaxBody))
	e.NoRoute(guard.Handle(guard.NoRoute))
	e.NoMethod(guard.Handle(guard.NoMethod))
	assets.Routes(e)
	e.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	return e, nil
}

// ready answers whether the parts on which everything depends answer. Why one
// does not goes to the log.
func ready(d Deps) gin.HandlerFunc {
	return func(c *gin.Context) {
		status, word, parts := http.StatusOK, "ok", map[string]string{}
		for part, err := range d.Ready(c.Request.Context()) {
			parts[part] = "ok"
			if err != nil {
				status, word, parts[part] = http.StatusServiceUnavailable, "failing", "failing"
				d.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "not ready", slog.String("part", part), slog.String("error", err.Error()))
			}
		}
		c.JSON(status, gin.H{"status": word, "parts": parts})
	}
}

// checkForm refuses a form that nobody could fill in.
func checkForm(f portal.Form) error {
	var errs []error
	if len(f.Rights) == 0 {
		errs = append(errs, errors.New("the form offers no right: let the policy offer one"))
	}
	for _, r := range f.Rights {
		if !r.Valid() {
			errs = append(errs, fmt.Errorf("the form offers the right %q, which does not exist: use one of %v", r, dsr.Rights()))
		}
	}
	for _, name := range f.Required {
		if !slices.Contains(dsr.RequirableFields(), name) {
			errs = append(errs, fmt.Errorf("the form requires the field %q, which does not exist: use some of %v", name, dsr.RequirableFields()))
		}
	}
	return errors.Join(errs...)
}
