// Package dashboard holds the pages of the privacy team: login, the list of
// requests, one request with the decisions that it waits for. It works without
// scripts; what may be done by whom is in package access.
package dashboard

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Requests is the application service as the pages use it; see api.Requests.
type Requests interface {
	List(ctx context.Context, f dsr.ListFilter) (dsr.SummaryPage, error)
	Show(ctx context.Context, id string, personal bool) (dsr.Details, error)
	Decide(ctx context.Context, id string, d dsr.Decision) (dsr.DecisionView, error)
	Certificate(ctx context.Context, id string) ([]byte, error)
}

// Dashboard answers the pages of the team.
type Dashboard struct {
	Requests Requests
	Tokens   access.Tokens
	Key      access.Key
	// Base is the path in front of every link; usually empty.
	Base string
	// Secure keeps cookies to TLS.
	Secure bool
	// Logins bounds how often one address may try to log in.
	Logins *guard.Limiter
	Log    *slog.Logger
	Now    func() time.Time
	// Zone is where the team is; dates are told in it.
	Zone *time.Location
	// Alarms tells what keeps requests from going on.
	Alarms func(ctx context.Context) []string

	templates map[string]*template.Template
	version   string
}

// New reads the templates.
func New(d Dashboard) (*Dashboard, error) {
	var err error
	d.templates, d.version, err = readPages()
	return &d, err
}

// Routes adds the pages.
func (d *Dashboard) Routes(r gin.IRoutes) {
	r.GET("/", guard.Handle(func(c *gin.Context) error { return d.redirect(c, "/requests") }))
	r.GET("/login", guard.Handle(d.loginPage))
	r.POST("/login", guard.Handle(d.login))
	r.POST("/logout", guard.Handle(d.logout))
	r.GET("/requests", d.page(d.list))
	r.GET("/requests/:id", d.page(d.detail))
	r.GET("/requests/:id/certificate", d.page(d.certificate))
	r.GET("/requests/:id/approve", d.page(d.approvePage))
	r.POST("/requests/:id/:action", d.page(d.decide))
}

// pageHandler answers a page within a session whose role may read.
type pageHandler func(c *gin.Context, s access.Session) error

// page asks for a login before h. A reader is brought back to where they were
// going; what they sent is not sent again.
func (d *Dashboard) page(h pageHandler) gin.HandlerFunc {
	return guard.Handle(func(c *gin.Context) error {
		s, ok := d.session(c)
		if !ok {
			if c.Request.Method == http.MethodGet && inside.MatchString(c.Request.URL.Path) {
				return d.redirect(c, "/login?next="+c.Request.URL.Path)
			}
			return d.redirect(c, "/login")
		}
		if !s.Token.Role.May(access.Read) {
			return problem.Forbidden()
		}
		return h(c, s)
	})
}

// inside matches the pages to which a login may lead: ours, and no other site's.
var inside = regexp.MustCompile(`^/requests(/[A-Za-z0-9_-]{1,64}(/approve)?)?$`)

func (d *Dashboard) redirect(c *gin.Context, to string) error {
	c.Redirect(http.StatusSeeOther, d.Base+to)
	return nil
}

// form parses the body of a form and checks that it comes from a page of ours:
// binding is the id of the session, or the cookie of the login page.
func (d *Dashboard) form(c *gin.Context, binding string) (id string, err error) {
	if err := guard.Form(c); err != nil {
		return "", err
	}
	id, ok := d.Key.OpenForm(binding, c.Request.PostForm.Get("form"), d.Now())
	if !ok {
		return "", problem.StaleForm()
	}
	return id, nil
}

// cookieName has the prefix with which browsers refuse the cookie to any other
// host (RFC 6265bis, section 4.1.3.2) where that is possible.
func (d *Dashboard) cookieName(name string) string {
	if d.Secure && d.Base == "" {
		return "__Host-habeas_" + name
	}
	return "habeas_" + name
}

// setCookie keeps value for life in the browser; a negative life removes it.
func (d *Dashboard) setCookie(c *gin.Context, name, value string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: d.cookieName(name), Value: value, Path: d.Base + "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: d.Secure, SameSite: http.SameSiteStrictMode,
	})
}

func (d *Dashboard) cookie(c *gin.Context, name string) string {
	v, err := c.Request.Cookie(d.cookieName(name))
	if err != nil {
		return ""
	}
	return v.Value
}

func (d *Dashboard) session(c *gin.Context) (access.Session, bool) {
	return d.Key.Unseal(d.cookie(c, "session"), d.Tokens, d.Now())
}
