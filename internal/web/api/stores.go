package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
)

func (a API) stores(c *gin.Context) error {
	if _, err := a.token(c, access.Read); err != nil {
		return err
	}
	all, err := a.Stores.List(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, map[string][]dsr.Clearance{"stores": all})
	return nil
}

// enable lets Habeas write to the store in the path.
func (a API) enable(c *gin.Context) error {
	t, err := a.token(c, access.EnableStore)
	if err != nil {
		return err
	}
	var read struct {
		PlanID string `json:"plan_id"`
	}
	if err := decode(c, &read, false); err != nil {
		return err
	}
	name, err := storeName(c)
	if err != nil {
		return err
	}
	cleared, err := a.Stores.Enable(c.Request.Context(), name, read.PlanID, t.Name)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, cleared)
	return nil
}

// observe takes the clearance of the store in the path back.
func (a API) observe(c *gin.Context) error {
	t, err := a.token(c, access.ObserveStore)
	if err != nil {
		return err
	}
	name, err := storeName(c)
	if err != nil {
		return err
	}
	cleared, err := a.Stores.Observe(c.Request.Context(), name, t.Name)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, cleared)
	return nil
}

func storeName(c *gin.Context) (string, error) {
	name := c.Param("store")
	if !ids.MatchString(name) {
		return "", dsr.ErrNotFound
	}
	return name, nil
}
