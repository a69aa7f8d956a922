// Package problem turns an error into what a stranger may know of it: a status,
// a stable code, a sentence, and the fields that are wrong. What went wrong
// inside is never part of it.
package problem

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// Problem is what is told about an error. It is itself an error, so that a
// handler can return the ones that arise in the web layer.
type Problem struct {
	Status  int
	Code    string
	Message string
	Fields  []dsr.FieldError
	// RetryAfter is when to try again; zero says nothing.
	RetryAfter time.Duration
	// Incident names the line of the log that knows the cause of an internal error.
	Incident string
}

// Error returns the code and the message.
func (p Problem) Error() string { return p.Code + ": " + p.Message }

// Unauthorised says that no valid token was given.
func Unauthorised() Problem {
	return Problem{Status: http.StatusUnauthorized, Code: "unauthorised",
		Message: "Give a valid API token in the header Authorization: Bearer TOKEN."}
}

// Forbidden says that the role of the token does not allow this.
func Forbidden() Problem {
	return Problem{Status: http.StatusForbidden, Code: "forbidden",
		Message: "The role of this token does not allow that. Ask somebody whose role does."}
}

// StaleForm says that a form does not come from a page of ours, or lay open for
// too long.
func StaleForm() Problem {
	return Problem{Status: http.StatusForbidden, Code: "stale_form",
		Message: "This form has expired, or cookies are switched off. Load the page again and send it once more."}
}

// NotFound says that there is nothing here.
func NotFound() Problem {
	return Problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is nothing at this address."}
}

// MethodNotAllowed says that the address exists, but not for this method.
func MethodNotAllowed() Problem {
	return Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Message: "This address does not take that method. The header Allow lists those it takes."}
}

// Malformed says that a body or a parameter cannot be read, and why.
func Malformed(why string) Problem {
	return Problem{Status: http.StatusBadRequest, Code: "malformed", Message: why}
}

// UnsupportedMedia says which content type is expected.
func UnsupportedMedia(want string) Problem {
	return Problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
		Message: "Send the body as " + want + "."}
}

// TooMany says that this address has asked too often.
func TooMany(wait time.Duration) Problem {
	return Problem{Status: http.StatusTooManyRequests, Code: "too_many_requests",
		Message: "Too many requests came from your address. Wait a little and try again.", RetryAfter: wait}
}

// Internal says that the fault is ours.
func Internal(incident string) Problem {
	return Problem{Status: http.StatusInternalServerError, Code: "internal", Incident: incident,
		Message: "Something went wrong on our side. If it happens again, report incident " + incident + "."}
}

// Of returns what may be told about err. Errors that are not known here are
// internal: ok is false, and the caller gives them an incident.
func Of(err error) (p Problem, ok bool) {
	var invalid *dsr.InvalidInput
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &invalid):
		return Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_input",
			Message: "Some fields are wrong. The list of fields says what is wrong with each.", Fields: invalid.Fields}, true
	case errors.As(err, &tooLarge):
		return Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			Message: "The body is too large. The limit is " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes."}, true
	case errors.Is(err, dsr.ErrNotFound):
		return Problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is no such request or document."}, true
	case errors.Is(err, dsr.ErrConflict):
		return Problem{Status: http.StatusConflict, Code: "conflict",
			Message: "The request does not allow this now, or was decided otherwise meanwhile. Look at it again."}, true
	case errors.Is(err, dsr.ErrTooMany):
		return TooMany(time.Hour), true
	case errors.Is(err, dsr.ErrUnavailable):
		return Problem{Status: http.StatusServiceUnavailable, Code: "unavailable",
			Message: "Habeas cannot do this at the moment. Try again shortly.", RetryAfter: 5 * time.Second}, true
	}
	return Problem{}, false
}

// body is the one shape of an error in JSON.
type body struct {
	Error struct {
		Code    string           `json:"code"`
		Message string           `json:"message"`
		Fields  []dsr.FieldError `json:"fields,omitempty"`
	} `json:"error"`
}

// JSON returns p as the API answers it.
func (p Problem) JSON() any {
	var b body
	b.Error.Code, b.Error.Message, b.Error.Fields = p.Code, p.Message, p.Fields
	return b
}

// Headers sets the headers that belong to p.
func (p Problem) Headers(h http.Header) {
	if p.RetryAfter > 0 {
		seconds := int((p.RetryAfter + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="habeas"`)
	}
}
