package dsr

import "errors"

// Errors on which callers decide. They are wrapped with what was being done.
var (
	// ErrNotFound: there is no such request, reply or certificate.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the request is in a state that does not allow this, or was
	// decided otherwise meanwhile.
	ErrConflict = errors.New("not possible in the present state")
	// ErrTooMany: so many requests about one mail address have come that another one
	// is not taken now; the same call may succeed within the hour.
	ErrTooMany = errors.New("too many requests about one mail address")
	// ErrUnavailable: Postgres or Temporal did not answer; the same call may
	// succeed later.
	ErrUnavailable = errors.New("temporarily unavailable")
)

// InvalidInput says which fields of an input are wrong and why. Its messages
// never repeat the values, so that it may be logged.
type InvalidInput struct {
	Fields []FieldError
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Error lists the fields and their problems.
func (e *InvalidInput) Error() string {
	s := "invalid input"
	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		s += sep + f.Field + " " + f.Problem
	}
	return s
}
