package dashboard

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/problem"
)

func (d *Dashboard) loginPage(c *gin.Context) error {
	return d.showLogin(c, http.StatusOK, c.Query("next"), "")
}

func (d *Dashboard) showLogin(c *gin.Context, status int, next, notice string) error {
	binding := access.Random()
	d.setCookie(c, "login", binding, access.FormLife)
	v := d.view("Log in", nil)
	v.Token, v.Notice = d.Key.Form(binding, d.Now()), notice
	if inside.MatchString(next) {
		v.Next = next
	}
	return d.show(c, status, "login", v)
}

// login opens a session for the token that was given. A wrong token and a wrong
// role are told on the page itself.
func (d *Dashboard) login(c *gin.Context) error {
	_, err := d.form(c, d.cookie(c, "login"))
	next := c.Request.PostForm.Get("next")
	if p, known := problem.Of(err); err != nil {
		if known && p.Status == http.StatusForbidden {
			return d.showLogin(c, p.Status, next, p.Message)
		}
		return err
	}
	if err := d.Logins.Check(c); err != nil {
		return err
	}
	token, ok := d.Tokens.Find(strings.TrimSpace(c.Request.PostForm.Get("token")))
	switch {
	case !ok:
		return d.showLogin(c, http.StatusUnauthorized, next, "That is not a token that is known here.")
	case !token.Role.May(access.Read):
		return d.showLogin(c, http.StatusForbidden, next, "The role of this token does not open these pages.")
	}
	sealed, err := d.Key.Seal(access.NewSession(token, d.Now()))
	if err != nil {
		return err
	}
	d.setCookie(c, "session", sealed, access.SessionLife)
	d.setCookie(c, "login", "", -time.Second)
	if inside.MatchString(next) {
		return d.redirect(c, next)
	}
	return d.redirect(c, "/requests")
}

// logout takes the session out of this browser.
func (d *Dashboard) logout(c *gin.Context) error {
	s, ok := d.session(c)
	if ok {
		if _, err := d.form(c, s.ID); err != nil {
			return err
		}
	}
	d.setCookie(c, "session", "", -time.Second)
	return d.redirect(c, "/login")
}

// Render shows p as a page.
func (d *Dashboard) Render(c *gin.Context, p problem.Problem) {
	var session *access.Session
	if s, ok := d.session(c); ok {
		session = &s
	}
	v := d.view("That did not work", session)
	if session != nil {
		v.Logout = d.Key.Form(session.ID, d.Now())
	}
	v.Notice = p.Message
	for _, f := range p.Fields {
		v.Wrong = append(v.Wrong, f.Field+" "+f.Problem)
	}
	if err := d.show(c, p.Status, "problem", v); err != nil {
		guard.Incident(c, d.Log, err)
		c.String(p.Status, "%s", p.Message)
	}
}
