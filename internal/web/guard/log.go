package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// route is the pattern of the route, never the path itself: a path can hold an
// id, and what strangers type.
func route(c *gin.Context) string {
	if p := c.FullPath(); p != "" {
		return p
	}
	return "none"
}

// method is the method if it is one that a route can have, so that strangers
// cannot invent values for logs and labels.
func method(c *gin.Context) string {
	switch m := c.Request.Method; m {
	case "GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}

// Log writes one line for each request: what was asked for and how it went, not
// by whom nor with what.
func Log(log *slog.Logger, listener string, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := now()
		c.Next()
		log.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
			slog.String("listener", listener), slog.String("method", method(c)), slog.String("route", route(c)),
			slog.Int("status", c.Writer.Status()), slog.Int("bytes", max(0, c.Writer.Size())),
			slog.Float64("milliseconds", float64(now().Sub(start).Microseconds())/1000))
	}
}

// Measure counts requests and their seconds by listener, method, route and
// status. The listeners of one process share the metric.
func Measure(reg prometheus.Registerer, listener string, now func() time.Time) (gin.HandlerFunc, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "habeas_http_request_seconds",
		Help:    "Duration of HTTP requests.",
		Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
	}, []string{"listener", "method", "route", "status"})
	if err := reg.Register(seconds); err != nil {
		var before prometheus.AlreadyRegisteredError
		var same bool
		if errors.As(err, &before) {
			seconds, same = before.ExistingCollector.(*prometheus.HistogramVec)
		}
		if !same {
			return nil, fmt.Errorf("registering the metrics of the web pages: %w", err)
		}
	}
	return func(c *gin.Context) {
		start := now()
		c.Next()
		seconds.WithLabelValues(listener, method(c), route(c), strconv.Itoa(c.Writer.Status())).
			Observe(now().Sub(start).Seconds())
	}, nil
}
