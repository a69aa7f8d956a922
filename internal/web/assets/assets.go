// Package assets serves the style sheet and the icon of all pages. Nothing on a
// page comes from anywhere else.
package assets

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"

	"github.com/gin-gonic/gin"
)

//go:embed habeas.css
var css []byte

//go:embed icon.svg
var icon []byte

// Version changes whenever an asset does. Pages put it into the address of what
// they load, so that browsers may keep it for a year.
func Version() string {
	sum := sha256.Sum256(append(append([]byte{}, css...), icon...))
	return hex.EncodeToString(sum[:6])
}

// Routes adds the assets.
func Routes(r gin.IRoutes) {
	r.GET("/assets/habeas.css", serve("text/css; charset=utf-8", css))
	r.GET("/assets/icon.svg", serve("image/svg+xml", icon))
}

func serve(media string, content []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
		c.Data(http.StatusOK, media, content)
	}
}
