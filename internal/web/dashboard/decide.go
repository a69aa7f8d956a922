package dashboard

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/api"
	"github.com/soffiah/habeas/internal/web/problem"
)

// decide takes a decision from a form. A form that is sent twice is one
// decision: its id is the decision's.
func (d *Dashboard) decide(c *gin.Context, s access.Session) error {
	action := dsr.Action(c.Param("action"))
	if !action.Valid() {
		return problem.NotFound()
	}
	if !s.Token.Role.May(access.Decide(action)) {
		return problem.Forbidden()
	}
	id, err := api.ID(c)
	if err != nil {
		return err
	}
	formID, err := d.form(c, s.ID)
	if err != nil {
		return err
	}
	get := func(name string) string { return strings.TrimSpace(c.Request.PostForm.Get(name)) }
	view, err := d.Requests.Decide(c.Request.Context(), id, dsr.Decision{
		ID:     "form-" + d.Key.Sum("decision", formID, id, string(action), get("about"), get("store"), get("reason")),
		Action: action, About: get("about"), Store: get("store"),
		Reason: strings.ReplaceAll(get("reason"), "\r\n", "\n"), Actor: s.Token.Name,
	})
	if err != nil {
		return err
	}
	if !view.Accepted {
		return d.redirect(c, "/requests/"+id+"?done=late")
	}
	return d.redirect(c, "/requests/"+id+"?done=yes")
}
