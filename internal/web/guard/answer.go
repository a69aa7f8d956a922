// Package guard holds what stands before every page and endpoint: an answer to
// every error and panic, the headers that keep a browser safe, limits of size
// and rate, the request log and the metrics. None of it writes down who asked
// or what they sent.
package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/problem"
)

// Handler is a gin handler that may fail. See [Handle].
type Handler func(*gin.Context) error

// Handle makes h a gin handler whose error is answered by [Answer].
func Handle(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			_ = c.Error(err)
			c.Abort()
		}
	}
}

// Answer renders the error that a handler returned, and panics, as problems.
// An error that is not known outside becomes an incident: its id is shown, its
// cause goes to the log.
func Answer(log *slog.Logger, render func(*gin.Context, problem.Problem)) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v) // the server's own way of dropping a connection
				}
				// The value of a panic may hold anything; its type and the stack, which
				// has addresses but no values, say enough.
				p := Incident(c, log, fmt.Errorf("panic of type %T", v), slog.String("stack", string(debug.Stack())))
				answer(c, p, render)
			}
		}()
		c.Next()
		if last := c.Errors.Last(); last != nil {
			p, known := problem.Of(last.Err)
			if !known {
				p = Incident(c, log, last.Err)
			}
			answer(c, p, render)
		}
	}
}

// Incident logs err under a new id and returns what is told about it.
func Incident(c *gin.Context, log *slog.Logger, err error, more ...slog.Attr) problem.Problem {
	id := strings.ToLower(access.Random()[:10])
	attrs := append([]slog.Attr{
		slog.String("incident", id), slog.String("method", method(c)), slog.String("route", route(c)),
		slog.String("error", err.Error()),
	}, more...)
	log.LogAttrs(c.Request.Context(), slog.LevelError, "request failed", attrs...)
	return problem.Internal(id)
}

func answer(c *gin.Context, p problem.Problem, render func(*gin.Context, problem.Problem)) {
	c.Abort()
	if c.Writer.Written() {
		return
	}
	p.Headers(c.Writer.Header())
	render(c, p)
}

// NoRoute and NoMethod answer what gin's own plain texts would.
func NoRoute(*gin.Context) error { return problem.NotFound() }

// NoMethod answers a method that a path does not know; see [NoRoute].
func NoMethod(*gin.Context) error { return problem.MethodNotAllowed() }

// Body returns the whole body, or the error of a body that is too large or
// was cut off.
func Body(c *gin.Context) ([]byte, error) {
	b, err := c.GetRawData()
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, problem.Malformed("The body was cut off or cannot be read.")
	}
	return b, err
}
