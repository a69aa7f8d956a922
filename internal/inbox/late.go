package inbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ReadWithin is how long ago a mailbox may have been read to its end. A watcher does
// so every few minutes; above it nobody reads the replies.
const ReadWithin = 15 * time.Minute

// Late is a mailbox that has not been read to its end for too long.
type Late struct {
	// Mailbox is its name in the configuration.
	Mailbox string
	// For is since when; zero if it was never read.
	For time.Duration
}

// LateOnes returns which of the mailboxes have not been read to their end within
// [ReadWithin], given when each was last.
func LateOnes(mailboxes []string, reads map[string]time.Time, now time.Time) []Late {
	var late []Late
	for _, name := range slices.Sorted(slices.Values(mailboxes)) {
		at, known := reads[name]
		switch age := now.Sub(at); {
		case !known:
			late = append(late, Late{Mailbox: name})
		case age > ReadWithin:
			late = append(late, Late{Mailbox: name, For: age})
		}
	}
	return late
}

// String says it to people. It holds no address.
func (l Late) String() string {
	if l.For == 0 {
		return "the mailbox " + l.Mailbox + " has never been read to its end"
	}
	return fmt.Sprintf("the mailbox %s has not been read to its end for %s", l.Mailbox, strings.TrimSuffix(l.For.Round(time.Minute).String(), "0s"))
}
