package dashboard

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/api"
)

// load returns what the session may see of the request in the path.
func (d *Dashboard) load(c *gin.Context, s access.Session) (dsr.Details, error) {
	id, err := api.ID(c)
	if err != nil {
		return dsr.Details{}, err
	}
	details, err := d.Requests.Show(c.Request.Context(), id, s.Token.Role.May(access.ReadPersonal))
	return access.View(s.Token.Role, details), err
}

// detail shows one request and the decisions that it waits for and the session
// may take.
func (d *Dashboard) detail(c *gin.Context, s access.Session) error {
	details, err := d.load(c, s)
	if err != nil {
		return err
	}
	v := d.view(rightName(details.Right)+" "+details.Reference, &s)
	d.put(v, details, s)
	switch c.Query("done") {
	case "yes":
		v.Done = "Your decision is recorded."
	case "late":
		v.Notice = "Your decision is recorded, but the request could no longer take it. See below where it stands."
	}
	return d.show(c, http.StatusOK, "detail", v)
}

func (d *Dashboard) put(v *view, details dsr.Details, s access.Session) {
	v.Details, v.Row = details, d.summary(details.Summary)
	v.Personal = s.Token.Role.May(access.ReadPersonal)
	v.About = details.About
	for _, a := range details.Awaiting {
		if s.Token.Role.May(access.Decide(a)) {
			v.Actions = append(v.Actions, a)
		} else {
			v.Barred = true
		}
	}
	for _, line := range details.Plan {
		if !slices.Contains(v.Stores, line.Store) {
			v.Stores = append(v.Stores, line.Store)
		}
	}
}

// approvePage is the step between wanting to approve and having approved: it
// shows once more what will happen.
func (d *Dashboard) approvePage(c *gin.Context, s access.Session) error {
	details, err := d.load(c, s)
	if err != nil {
		return err
	}
	v := d.view("Approve "+details.Reference, &s)
	d.put(v, details, s)
	if !slices.Contains(v.Actions, dsr.Approve) {
		return fmt.Errorf("asking for an approval: %w", dsr.ErrConflict)
	}
	return d.show(c, http.StatusOK, "approve", v)
}

func (d *Dashboard) certificate(c *gin.Context, _ access.Session) error {
	return api.Certificate(c, d.Requests.Certificate)
}
