package inbox

import (
	"slices"
	"testing"
	"time"
)

func TestLateOnes(t *testing.T) {
	t.Parallel()
	reads := map[string]time.Time{"privacy": noon, "support": noon.Add(-10 * time.Minute), "gone": noon.AddDate(-1, 0, 0)}
	names := []string{"support", "privacy", "new"}
	for after, want := range map[time.Duration][]Late{
		0:                               {{Mailbox: "new"}},
		5 * time.Minute:                 {{Mailbox: "new"}},
		5*time.Minute + time.Nanosecond: {{Mailbox: "new"}, {"support", 15*time.Minute + time.Nanosecond}},
		2 * time.Hour:                   {{Mailbox: "new"}, {"privacy", 2 * time.Hour}, {"support", 2*time.Hour + 10*time.Minute}},
	} {
		if got := LateOnes(names, reads, noon.Add(after)); !slices.Equal(got, want) {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
	for want, late := range map[string]Late{
		"the mailbox new has never been read to its end":            {Mailbox: "new"},
		"the mailbox privacy has not been read to its end for 2h0m": {"privacy", 2*time.Hour + time.Second},
	} {
		if got := late.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
