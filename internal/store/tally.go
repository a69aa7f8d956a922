package store

import "time"

// Retain counts a row as retained if it must stay until a moment after now, and
// reports whether it did.
func (t *Tally) Retain(until, now time.Time) bool {
	if !until.After(now) {
		return false
	}
	t.Retained++
	if until.After(t.RetainedUntil) {
		t.RetainedUntil = until
	}
	if t.NextDue.IsZero() || until.Before(t.NextDue) {
		t.NextDue = until
	}
	return true
}
