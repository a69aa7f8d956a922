package reply

import (
	"strings"
	"testing"
)

// TestQuoteWordsByLine: looking at the lines that need it gives what looking at the
// whole text gives.
func TestQuoteWordsByLine(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"Dear Kim,\n", "[H-7K3M-9QXT] Please confirm\n", "see <https://acme.test/a?b=c> or\n", "https://acme.test\n", "[image: a logo]\n", "[image: a\nlogo of two lines] and\n",
		"[cid:1", "] closed late\n", "] then [cid:2\n", "Kim <kim@example.org> wrote\n", "mailto:privacy@acme.test now\n", "\r\n", "> quoted\n", "no end of line",
	}
	for _, a := range pieces {
		for _, b := range pieces {
			for _, c := range pieces {
				s := a + b + c
				if got, want := quoteWords(s), plainWords(notWords.ReplaceAllString(s, " ")); linked(s) && got != want {
					t.Fatalf("of %q: %q, want %q", s, got, want)
				}
			}
		}
	}
	if strings.Contains(quoteWords("see https://acme.test/x"), "acme") {
		t.Error("the address of a link counts as words")
	}
}
