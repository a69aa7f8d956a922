package portal

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// No language leaves anything out, and every pattern takes what English takes.
func TestMessagesAreComplete(t *testing.T) {
	t.Parallel()
	for _, m := range languages() {
		v := reflect.ValueOf(m)
		for n := range v.NumField() {
			f, name := v.Field(n), v.Type().Field(n).Name
			switch f.Kind() {
			case reflect.String:
				if strings.TrimSpace(f.String()) == "" {
					t.Errorf("%s: %s is empty", m.Lang, name)
				}
				if want := strings.Count(reflect.ValueOf(english()).Field(n).String(), "%"); strings.Count(f.String(), "%") != want {
					t.Errorf("%s: %s does not take what it is given", m.Lang, name)
				}
			case reflect.Array:
				for k := range f.Len() {
					if f.Index(k).String() == "" {
						t.Errorf("%s: %s %d is empty", m.Lang, name, k)
					}
				}
			}
		}
		for _, r := range dsr.Rights() {
			if m.Rights[r].Name == "" || m.Rights[r].Explain == "" {
				t.Errorf("%s: the right %s is not explained", m.Lang, r)
			}
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	want := []string{"1 April 2026", "1er avril 2026", "1. April 2026", "1 de abril de 2026"}
	for n, m := range languages() {
		if got := m.date(day); got != want[n] {
			t.Errorf("%s: %q, want %q", m.Lang, got, want[n])
		}
	}
}

// Every problem that the domain finds is told in words of its own.
func TestFieldProblems(t *testing.T) {
	t.Parallel()
	for _, m := range languages() {
		seen := map[string]bool{}
		for _, p := range []string{
			dsr.ProblemRequired, dsr.ProblemTooLong + ": at most 254 characters", dsr.ProblemText, dsr.ProblemAddress,
			dsr.ProblemRight, dsr.ProblemNoElement, "is something new",
		} {
			got := m.fieldProblem(dsr.FieldError{Field: "email", Problem: p})
			if got == "" || seen[got] || strings.Contains(got, "%!") {
				t.Errorf("%s: %q is told as %q", m.Lang, p, got)
			}
			seen[got] = true
		}
	}
}
