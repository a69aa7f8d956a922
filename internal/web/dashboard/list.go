package dashboard

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/api"
)

// list shows requests, newest first.
func (d *Dashboard) list(c *gin.Context, s access.Session) error {
	filter, err := api.Filter(c)
	var invalid *dsr.InvalidInput
	if errors.As(err, &invalid) {
		return d.redirect(c, "/requests") // an old bookmark; there is nothing to correct
	}
	if err != nil {
		return err
	}
	page, err := d.Requests.List(c.Request.Context(), filter)
	if err != nil {
		return err
	}
	v := d.view("Requests", &s)
	v.Filter, v.Alarms = filter, d.Alarms(c.Request.Context())
	for _, r := range page.Requests {
		v.Rows = append(v.Rows, d.summary(r))
	}
	if page.Next != "" {
		q := query(filter)
		q.Set("before", page.Next)
		v.Older = "/requests?" + q.Encode()
	}
	if filter.Before != "" {
		v.Newest = "/requests?" + query(filter).Encode()
	}
	return d.show(c, http.StatusOK, "list", v)
}

// query returns the parameters of f, but not where its page begins.
func query(f dsr.ListFilter) url.Values {
	q := url.Values{}
	if f.State != "" {
		q.Set("state", string(f.State))
	}
	if f.Attention != "" {
		q.Set("attention", string(f.Attention))
	}
	if f.Open {
		q.Set("open", "true")
	}
	return q
}
