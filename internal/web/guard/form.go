package guard

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Form parses the body of a form. Its values are then in c.Request.PostForm.
func Form(c *gin.Context) error {
	if c.ContentType() != "application/x-www-form-urlencoded" {
		return problem.UnsupportedMedia("application/x-www-form-urlencoded")
	}
	err := c.Request.ParseForm()
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return problem.Malformed("The form cannot be read.")
	}
	return err
}
