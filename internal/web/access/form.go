package access

import (
	"strconv"
	"strings"
	"time"
)

// FormLife is how long a form may lie open before it is sent.
const FormLife = 12 * time.Hour

// Form returns the hidden value of a form: a random id and the time, signed and
// bound to what the browser holds in a cookie, so that no other site can have
// it sent (a signed double submit). The id makes a form that was sent twice
// recognisable.
func (k Key) Form(binding string, now time.Time) string {
	return k.Sign("form", binding, Random()+" "+strconv.FormatInt(now.Unix(), 10))
}

// OpenForm returns the id of a form value made for the same binding within
// [FormLife].
func (k Key) OpenForm(binding, value string, now time.Time) (id string, ok bool) {
	payload, ok := k.Open("form", binding, value)
	if !ok || binding == "" {
		return "", false
	}
	id, at, _ := strings.Cut(payload, " ")
	made, err := strconv.ParseInt(at, 10, 64)
	age := now.Sub(time.Unix(made, 0))
	return id, err == nil && age < FormLife && age > -time.Minute
}
