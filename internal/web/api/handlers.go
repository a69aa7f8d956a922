package api

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/problem"
)

// submit files a request. On the public listener only tokens of the role intake
// are good, so that a token that can do more gains nothing there.
func (a API) submit(c *gin.Context, public bool) error {
	t, err := a.token(c, access.Submit)
	if err != nil {
		return err
	}
	if public && t.Role != access.Intake {
		return problem.Forbidden()
	}
	var in dsr.Intake
	if err := decode(c, &in, false); err != nil {
		return err
	}
	in.Channel = dsr.API
	if t.Role != access.Intake {
		in.Channel = dsr.Staff
	}
	if key := c.GetHeader("Idempotency-Key"); key != "" {
		in.IdempotencyKey = key
	}
	receipt, err := a.Requests.Submit(c.Request.Context(), in)
	if err != nil {
		return err
	}
	c.Header("Location", a.Base+"/api/v1/requests/"+receipt.RequestID)
	c.JSON(http.StatusAccepted, receipt)
	return nil
}

func (a API) list(c *gin.Context) error {
	if _, err := a.token(c, access.Read); err != nil {
		return err
	}
	filter, err := Filter(c)
	if err != nil {
		return err
	}
	page, err := a.Requests.List(c.Request.Context(), filter)
	if err != nil {
		return err
	}
	if page.Requests == nil {
		page.Requests = []dsr.Summary{}
	}
	c.JSON(http.StatusOK, page)
	return nil
}

var word = regexp.MustCompile(`^[a-z_]{1,64}$`)

// Filter reads the parameters of a list. Empty ones do not restrict; wrong and
// unknown ones are invalid input.
func Filter(c *gin.Context) (dsr.ListFilter, error) {
	var f dsr.ListFilter
	var wrong []dsr.FieldError
	for name, values := range c.Request.URL.Query() {
		value, ok := values[0], true
		if value == "" {
			continue
		}
		var err error
		switch name {
		case "state":
			f.State = dsr.State(value)
			ok = f.State.Valid()
		case "attention":
			f.Attention = dsr.Attention(value)
			ok = word.MatchString(value)
		case "open":
			f.Open, err = strconv.ParseBool(value)
		case "before":
			f.Before = value
			ok = len(value) <= 256
		case "limit":
			f.Limit, err = strconv.Atoi(value)
			ok = f.Limit >= 1 && f.Limit <= 200
		default:
			return f, problem.Malformed("The query has a parameter that does not exist. See /api/v1/openapi.json.")
		}
		if !ok || err != nil || len(values) > 1 {
			wrong = append(wrong, dsr.FieldError{Field: name, Problem: "is not a value of this parameter"})
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b dsr.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return f, &dsr.InvalidInput{Fields: wrong}
	}
	return f, nil
}

func (a API) show(c *gin.Context) error {
	t, err := a.token(c, access.Read)
	if err != nil {
		return err
	}
	id, err := ID(c)
	if err != nil {
		return err
	}
	details, err := a.Requests.Show(c.Request.Context(), id, t.Role.May(access.ReadPersonal))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, access.View(t.Role, details))
	return nil
}

func (a API) certificate(c *gin.Context) error {
	if _, err := a.token(c, access.Read); err != nil {
		return err
	}
	return Certificate(c, a.Requests.Certificate)
}

// Certificate answers the certificate of the request in the path, as read gives
// it, as a file.
func Certificate(c *gin.Context, read func(ctx context.Context, id string) ([]byte, error)) error {
	id, err := ID(c)
	if err != nil {
		return err
	}
	certificate, err := read(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", `attachment; filename="certificate-`+id+`.json"`)
	c.Data(http.StatusOK, "application/json; charset=utf-8", certificate)
	return nil
}

// supplement adds elements of identification to a request that waits for them.
func (a API) supplement(c *gin.Context) error {
	t, err := a.token(c, access.Supplement)
	if err != nil {
		return err
	}
	id, err := ID(c)
	if err != nil {
		return err
	}
	var details dsr.Elements
	if err := decode(c, &details, false); err != nil {
		return err
	}
	d, err := a.Requests.Supplement(c.Request.Context(), id, details, t.Name)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, access.View(t.Role, d))
	return nil
}

// decide takes the decision named in the path. Whether the role may take it is
// asked before whether the request exists.
func (a API) decide(c *gin.Context) error {
	action := dsr.Action(c.Param("action"))
	if !action.Valid() {
		return problem.NotFound()
	}
	t, err := a.token(c, access.Decide(action))
	if err != nil {
		return err
	}
	id, err := ID(c)
	if err != nil {
		return err
	}
	var d dsr.Decision
	if err := decode(c, &d, true); err != nil {
		return err
	}
	if d.Action != "" && d.Action != action {
		return &dsr.InvalidInput{Fields: []dsr.FieldError{{Field: "action", Problem: "is not the action in the path: leave it out"}}}
	}
	d.Action, d.Actor = action, t.Name
	if key := c.GetHeader("Idempotency-Key"); key != "" {
		d.ID = key
	}
	view, err := a.Requests.Decide(c.Request.Context(), id, d)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, view)
	return nil
}
