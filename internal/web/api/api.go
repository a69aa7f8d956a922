// Package api is the JSON API under /api/v1. Its contract is openapi.yaml, which
// a test holds against the routes and the types.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/guard"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Requests is the application service as the API uses it. Its errors are
// [*dsr.InvalidInput], or wrap [dsr.ErrNotFound], [dsr.ErrConflict] or
// [dsr.ErrUnavailable]; any other is an incident.
type Requests interface {
	// Submit records a request. When it returns, the request survives any crash.
	Submit(ctx context.Context, in dsr.Intake) (dsr.Receipt, error)
	List(ctx context.Context, f dsr.ListFilter) (dsr.SummaryPage, error)
	// Show opens what is personal about the request only if personal is set.
	Show(ctx context.Context, id string, personal bool) (dsr.Details, error)
	Decide(ctx context.Context, id string, d dsr.Decision) (dsr.DecisionView, error)
	// Supplement adds elements of identification that the team learned otherwise.
	Supplement(ctx context.Context, id string, details dsr.Elements, actor string) (dsr.Details, error)
	// Certificate returns the certificate of an ended request as JSON.
	Certificate(ctx context.Context, id string) ([]byte, error)
}

// Stores says which data stores may be written to. Its errors are those of
// [Requests].
type Stores interface {
	List(ctx context.Context) ([]dsr.Clearance, error)
	// Enable lets Habeas write to a store, on the strength of a plan that the actor
	// has read; Observe takes that back.
	Enable(ctx context.Context, store, planID, actor string) (dsr.Clearance, error)
	Observe(ctx context.Context, store, actor string) (dsr.Clearance, error)
}

// API answers under /api/v1.
type API struct {
	Requests Requests
	Stores   Stores
	Tokens   access.Tokens
	// Base is the address in front of /api/v1, from the configuration.
	Base string
	// Failures bounds how often one address may come with a wrong token.
	Failures *guard.Limiter
	// Document is the OpenAPI document as JSON: see [Document].
	Document []byte
}

// Public adds the endpoint that the controller's own application calls.
func (a API) Public(r gin.IRoutes) {
	r.POST("/api/v1/requests", guard.Handle(func(c *gin.Context) error { return a.submit(c, true) }))
}

// Team adds the full API.
func (a API) Team(r gin.IRoutes) {
	r.POST("/api/v1/requests", guard.Handle(func(c *gin.Context) error { return a.submit(c, false) }))
	r.GET("/api/v1/requests", guard.Handle(a.list))
	r.GET("/api/v1/requests/:id", guard.Handle(a.show))
	r.GET("/api/v1/requests/:id/certificate", guard.Handle(a.certificate))
	r.POST("/api/v1/requests/:id/details", guard.Handle(a.supplement))
	r.POST("/api/v1/requests/:id/:action", guard.Handle(a.decide))
	r.GET("/api/v1/stores", guard.Handle(a.stores))
	r.POST("/api/v1/stores/:store/enable", guard.Handle(a.enable))
	r.POST("/api/v1/stores/:store/observe", guard.Handle(a.observe))
	r.GET("/api/v1/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json; charset=utf-8", a.Document) })
}

// Render answers p in the one shape that errors have.
func Render(c *gin.Context, p problem.Problem) { c.JSON(p.Status, p.JSON()) }

// token returns the token of the request if its role has the permission.
func (a API) token(c *gin.Context, p access.Permission) (access.Token, error) {
	t, ok := a.Tokens.Find(access.Bearer(c.GetHeader("Authorization")))
	if !ok {
		if err := a.Failures.Check(c); err != nil {
			return access.Token{}, err
		}
		return access.Token{}, problem.Unauthorised()
	}
	if !t.Role.May(p) {
		return access.Token{}, problem.Forbidden()
	}
	return t, nil
}

// ids are random and made by Habeas; nothing else needs to be looked up.
var ids = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ID returns the request id in the path, or not found if it cannot be one.
func ID(c *gin.Context) (string, error) {
	id := c.Param("id")
	if !ids.MatchString(id) {
		return "", dsr.ErrNotFound
	}
	return id, nil
}

// decode reads the body into v: one JSON value in UTF-8 with no field that v
// does not have. An empty body leaves v as it is if empty is allowed.
func decode(c *gin.Context, v any, empty bool) error {
	body, err := guard.Body(c)
	if err != nil {
		return err
	}
	if len(body) == 0 && empty {
		return nil
	}
	if media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err != nil || media != "application/json" {
		return problem.UnsupportedMedia("application/json")
	}
	if !utf8.Valid(body) {
		return problem.Malformed("The body is not valid UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return problem.Malformed("The body is not the JSON object that is expected here, or has a field that does not exist. See /api/v1/openapi.json.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.Malformed("The body has more than one JSON value.")
	}
	return nil
}
