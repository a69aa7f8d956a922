// Package portal is the public page on which a person files a request. It works
// without scripts, sets one cookie against forged forms, and says the same to
// everyone: whether the controller knows the person is nothing it could tell.
package portal

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Requests is the application service as the portal uses it. Its errors are those
// of api.Requests.
type Requests interface {
	Submit(ctx context.Context, in dsr.Intake) (dsr.Receipt, error)
	// DetailsWanted returns the elements of identification for which the form of a
	// token asks, or [dsr.ErrNotFound].
	DetailsWanted(ctx context.Context, token string) ([]string, error)
	// AnswerDetails takes them.
	AnswerDetails(ctx context.Context, token string, details dsr.Elements) error
}

// Form is what the controller and its policy say about the form.
type Form struct {
	// Controller is the name of the company, as the page shows it.
	Controller string
	// PrivacyPolicy is the address of the company's privacy policy. Optional.
	PrivacyPolicy string
	// Contact is the mail address of the privacy team. Optional.
	Contact string
	// Rights are those that a request can invoke here.
	Rights []dsr.Right
	// Required are the fields that must be filled: see [dsr.RequirableFields].
	Required []string
}

// Portal answers the public pages.
type Portal struct {
	Requests Requests
	Form     Form
	Key      access.Key
	// Base is the path in front of every link, from the public address; usually empty.
	Base string
	// Secure keeps cookies to TLS.
	Secure bool
	// Submissions bounds how often one address may file.
	Submissions *guard.Limiter
	Log         *slog.Logger
	Now         func() time.Time
	// Zone is where the controller is; dates are told in it.
	Zone *time.Location

	pages pages
}

// New reads the templates.
func New(p Portal) (*Portal, error) {
	var err error
	p.pages, err = readPages()
	return &p, err
}

// Routes adds the pages.
func (p *Portal) Routes(r gin.IRoutes) {
	r.GET("/", guard.Handle(p.form))
	r.POST("/requests", guard.Handle(p.file))
	r.GET("/requests/received", guard.Handle(p.received))
	r.GET("/details/received", guard.Handle(p.thanked))
	r.GET("/details/:token", guard.Handle(p.ask))
	r.POST("/details/:token", guard.Handle(p.given))
}

// Render shows p as a page in the reader's language.
func (p *Portal) Render(c *gin.Context, pr problem.Problem) {
	v := p.view(c)
	v.Problem, v.Incident = v.T.problem(pr.Status), pr.Incident
	if err := p.show(c, pr.Status, "problem", v); err != nil {
		c.String(pr.Status, "%s", pr.Message)
	}
}

func (p *Portal) form(c *gin.Context) error {
	v := p.view(c)
	v.fill(p.Form, dsr.Intake{}, nil)
	return p.show(c, http.StatusOK, "form", v)
}

// file takes a form. Whatever goes wrong, the person gets back what they wrote,
// with what to do about it.
func (p *Portal) file(c *gin.Context) error {
	if err := guard.Form(c); err != nil {
		return err
	}
	v := p.view(c)
	in := intake(c, v.Lang)
	receipt, trapped, err := p.submit(c, in)
	if err == nil && !trapped {
		c.Redirect(http.StatusSeeOther, p.Base+"/requests/received?lang="+v.Lang+"&r="+p.sealReceipt(receipt))
		return nil
	}
	pr, known := problem.Of(err)
	switch {
	case trapped:
		pr = problem.Problem{Status: http.StatusUnprocessableEntity}
		v.Trapped, v.Notice = true, v.T.NoticeTrap
	case !known:
		pr = guard.Incident(c, p.Log, err)
	}
	if v.Notice == "" {
		v.Notice, v.Incident = v.T.problem(pr.Status), pr.Incident
	}
	pr.Headers(c.Writer.Header())
	v.fill(p.Form, in, pr.Fields)
	return p.show(c, pr.Status, "form", v)
}

// submit files the request of a form. A filled trap is told to the sender: a
// person whose software filled it must be able to empty it.
func (p *Portal) submit(c *gin.Context, in dsr.Intake) (r dsr.Receipt, trapped bool, err error) {
	form := c.Request.PostForm
	id, ok := p.Key.OpenForm(cookie(c, p.cookieName()), form.Get("form"), p.Now())
	if !ok {
		return r, false, problem.StaleForm()
	}
	if err := p.Submissions.Check(c); err != nil {
		return r, false, err
	}
	if form.Get("website") != "" {
		return r, true, nil
	}
	in.IdempotencyKey = "form-" + p.Key.Sum("idempotency", id, string(in.Right), in.Elements.AccountName, in.Elements.Email,
		in.Elements.BusinessID, in.Elements.MailingAddress, in.Name, in.Message, in.Language)
	r, err = p.Requests.Submit(c.Request.Context(), in)
	return r, false, err
}

// intake reads the form. Browsers send line ends as CR LF, and people paste
// blanks around what they were asked for.
func intake(c *gin.Context, language string) dsr.Intake {
	get := func(name string) string { return strings.TrimSpace(c.Request.PostForm.Get(name)) }
	return dsr.Intake{
		Right: dsr.Right(get("right")),
		Elements: dsr.Elements{
			AccountName: get("account_name"), Email: get("email"),
			BusinessID: get("business_id"), MailingAddress: get("mailing_address"),
		},
		Name: get("name"), Message: strings.ReplaceAll(get("message"), "\r\n", "\n"),
		Language: language, Channel: dsr.Portal,
	}
}

// received shows the receipt that its address carries. Only addresses that we
// made show anything, so that nobody can put words on this page.
func (p *Portal) received(c *gin.Context) error {
	v := p.view(c)
	r, ok := p.openReceipt(c.Query("r"))
	if !ok {
		c.Redirect(http.StatusSeeOther, p.Base+"/?lang="+v.Lang)
		return nil
	}
	v.Reference = r.Reference
	v.ReceivedOn, v.DueOn = v.T.date(r.ReceivedAt.In(p.Zone)), v.T.date(r.DueAt.In(p.Zone))
	v.Here = "/requests/received?r=" + c.Query("r") + "&"
	return p.show(c, http.StatusOK, "received", v)
}

func cookie(c *gin.Context, name string) string {
	v, err := c.Request.Cookie(name)
	if err != nil {
		return ""
	}
	return v.Value
}
