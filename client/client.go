// Package client speaks to the API of Habeas. The controller's own application
// uses it to file requests (with a token of role intake, at the public address);
// tools of the privacy team use it for everything else (at the team's address).
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// The words of the API are those of the domain.
type (
	Intake       = dsr.Intake
	Elements     = dsr.Elements
	Receipt      = dsr.Receipt
	Summary      = dsr.Summary
	Details      = dsr.Details
	ListFilter   = dsr.ListFilter
	Page         = dsr.SummaryPage
	Decision     = dsr.Decision
	DecisionView = dsr.DecisionView
	Action       = dsr.Action
	Clearance    = dsr.Clearance
)

// Client is a client of one installation. It is safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns a client of the installation at address (https://host/path) that
// presents token.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of Habeas is not of the form https://host/path")
	}
	return &Client{strings.TrimSuffix(address, "/"), token, &http.Client{Timeout: 30 * time.Second}}, nil
}

// Error is what the API answers when it does not do what it was asked.
type Error struct {
	Status  int              `json:"-"`
	Code    string           `json:"code"`
	Message string           `json:"message"`
	Fields  []dsr.FieldError `json:"fields,omitempty"`
}

// Error tells the message and each wrong field.
func (e *Error) Error() string {
	text := e.Message
	for _, f := range e.Fields {
		text += "; " + f.Field + " " + f.Problem
	}
	return text
}

// Submit files a request.
func (c *Client) Submit(ctx context.Context, in Intake) (Receipt, error) {
	return ask[Receipt](ctx, c, http.MethodPost, "/requests", in.IdempotencyKey, in)
}

// List returns a page of requests, newest first.
func (c *Client) List(ctx context.Context, f ListFilter) (Page, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": string(f.State), "attention": string(f.Attention), "before": f.Before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Open {
		q.Set("open", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return ask[Page](ctx, c, http.MethodGet, "/requests?"+q.Encode(), "", nil)
}

// Show returns one request by its id or reference.
func (c *Client) Show(ctx context.Context, id string) (Details, error) {
	return ask[Details](ctx, c, http.MethodGet, "/requests/"+url.PathEscape(id), "", nil)
}

// Decide takes a decision about a request.
func (c *Client) Decide(ctx context.Context, id string, d Decision) (DecisionView, error) {
	body := map[string]string{}
	for name, value := range map[string]string{"id": d.ID, "about": d.About, "store": d.Store, "reason": d.Reason} {
		if value != "" {
			body[name] = value
		}
	}
	return ask[DecisionView](ctx, c, http.MethodPost, "/requests/"+url.PathEscape(id)+"/"+url.PathEscape(string(d.Action)), "", body)
}

// Supplement adds elements of identification to a request that waits for them, and
// returns it.
func (c *Client) Supplement(ctx context.Context, id string, details Elements) (Details, error) {
	var d Details
	return d, c.do(ctx, http.MethodPost, "/requests/"+url.PathEscape(id)+"/details", "", details, &d)
}

// Certificate returns the certificate of a request, as it was signed.
func (c *Client) Certificate(ctx context.Context, id string) ([]byte, error) {
	var document json.RawMessage
	err := c.do(ctx, http.MethodGet, "/requests/"+url.PathEscape(id)+"/certificate", "", nil, &document)
	return document, err
}

// Stores returns which data stores may be written to, in the order of the configuration.
func (c *Client) Stores(ctx context.Context) ([]Clearance, error) {
	var answer struct {
		Stores []Clearance `json:"stores"`
	}
	err := c.do(ctx, http.MethodGet, "/stores", "", nil, &answer)
	return answer.Stores, err
}

// EnableStore lets Habeas write to a data store, on the strength of a plan that the
// holder of the token has read.
func (c *Client) EnableStore(ctx context.Context, store, planID string) (Clearance, error) {
	return ask[Clearance](ctx, c, http.MethodPost, "/stores/"+url.PathEscape(store)+"/enable", "", map[string]string{"plan_id": planID})
}

// ObserveStore takes back that Habeas may write to a data store.
func (c *Client) ObserveStore(ctx context.Context, store string) (Clearance, error) {
	return ask[Clearance](ctx, c, http.MethodPost, "/stores/"+url.PathEscape(store)+"/observe", "", nil)
}

// ask sends a request and decodes its answer.
func ask[T any](ctx context.Context, c *Client, method, path, idempotencyKey string, body any) (T, error) {
	var answer T
	err := c.do(ctx, method, path, idempotencyKey, body, &answer)
	return answer, err
}

func (c *Client) do(ctx context.Context, method, path, idempotencyKey string, body, result any) error {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, reader)
	if err != nil {
		return fmt.Errorf("preparing the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("reaching Habeas at %s: %w", c.base, err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if res.StatusCode >= 300 {
		answer := struct {
			Error *Error `json:"error"`
		}{Error: &Error{Status: res.StatusCode, Message: res.Status}}
		if json.Unmarshal(data, &answer) != nil || answer.Error == nil {
			answer.Error = &Error{Message: res.Status}
		}
		answer.Error.Status = res.StatusCode
		return answer.Error
	}
	if raw, ok := result.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	if err := json.Unmarshal(data, result); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}
