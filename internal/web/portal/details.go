package portal

import (
	"errors"
	"net/http"
	"regexp"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/problem"
)

// This file answers the form to which an acknowledgement leads: it asks for the
// elements of identification that a request by mail lacks, and for nothing else.
// The token in its address is all that it knows; it says nothing of the request
// or of anybody's account. Loading it changes nothing, since programs that look
// for harmful links load it too.

// formToken is 128 random bits in lower-case base32.
var formToken = regexp.MustCompile(`^[a-z2-7]{26}$`)

// ask shows the form.
func (p *Portal) ask(c *gin.Context) error {
	missing, err := p.missing(c)
	if errors.Is(err, dsr.ErrNotFound) {
		return p.gone(c)
	}
	if err != nil {
		return err
	}
	v := p.view(c)
	v.details(c.Param("token"), missing, dsr.Elements{}, nil)
	return p.show(c, http.StatusOK, "details", v)
}

func (p *Portal) missing(c *gin.Context) ([]string, error) {
	if !formToken.MatchString(c.Param("token")) {
		return nil, dsr.ErrNotFound
	}
	return p.Requests.DetailsWanted(c.Request.Context(), c.Param("token"))
}

// gone shows that a form is not open any more, or never was.
func (p *Portal) gone(c *gin.Context) error {
	v := p.view(c)
	v.Here = "/details/received?gone=1&"
	return p.show(c, http.StatusNotFound, "gone", v)
}

// given takes the form. Whatever goes wrong, the person gets back what they wrote.
func (p *Portal) given(c *gin.Context) error {
	if err := guard.Form(c); err != nil {
		return err
	}
	missing, err := p.missing(c)
	if errors.Is(err, dsr.ErrNotFound) {
		return p.gone(c)
	}
	if err != nil {
		return err
	}
	v := p.view(c)
	elements := intake(c, v.Lang).Elements
	err = p.supply(c, elements)
	if err == nil {
		c.Redirect(http.StatusSeeOther, p.Base+"/details/received?lang="+v.Lang)
		return nil
	}
	if errors.Is(err, dsr.ErrNotFound) || errors.Is(err, dsr.ErrConflict) {
		return p.gone(c)
	}
	pr, known := problem.Of(err)
	if !known {
		pr = guard.Incident(c, p.Log, err)
	}
	v.Notice, v.Incident = v.T.problem(pr.Status), pr.Incident
	pr.Headers(c.Writer.Header())
	v.details(c.Param("token"), missing, elements, pr.Fields)
	return p.show(c, pr.Status, "details", v)
}

func (p *Portal) supply(c *gin.Context, elements dsr.Elements) error {
	if _, ok := p.Key.OpenForm(cookie(c, p.cookieName()), c.Request.PostForm.Get("form"), p.Now()); !ok {
		return problem.StaleForm()
	}
	if err := p.Submissions.Check(c); err != nil {
		return err
	}
	return p.Requests.AnswerDetails(c.Request.Context(), c.Param("token"), elements)
}

// thanked shows that the details have arrived. It says the same to everyone.
func (p *Portal) thanked(c *gin.Context) error {
	if c.Query("gone") != "" {
		return p.gone(c)
	}
	v := p.view(c)
	v.Here = "/details/received?"
	return p.show(c, http.StatusOK, "given", v)
}

// details puts the questions for the missing elements into v.
func (v *view) details(token string, missing []string, given dsr.Elements, wrong []dsr.FieldError) {
	v.Here, v.Action = "/details/"+token+"?", "/details/"+token
	v.fill(Form{Required: missing}, dsr.Intake{Elements: given}, wrong)
	v.Fields = slices.DeleteFunc(v.Fields, func(f field) bool { return !slices.Contains(missing, f.Name) })
}
