package reply

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestWorstCases: mails built to be slow are judged within the time for one
// mail, and none of them confirms.
func TestWorstCases(t *testing.T) {
	t.Parallel()
	const head = "From: kim.sample@example.org\r\nTo: privacy+c." + token + "@acme.test\r\n"
	fill := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	text := func(body string) string { return head + "\r\nYes\r\n" + body }
	markup := func(body string) string { return head + "Content-Type: text/html\r\n\r\nYes" + body }
	for name, raw := range map[string]string{
		"quotation marks":       text(fill("> ", maxText)),
		"quoted lines":          text(fill("> a b c:\r\n", maxText)),
		"attributions":          text(fill("On 3 Nov 2026, at 10:11, x wrote :\r\n\r\n", maxText)),
		"half attributions":     text(fill("On 3 Nov 2026 x\r\n", maxText)),
		"header labels":         text(fill("From: x\r\n", maxText)),
		"at signs":              text(fill("@", maxText)),
		"tokens":                text(fill("+c."+token+"@acme.test ", maxText)),
		"one line":              text(fill("yes no ", maxText)),
		"closings":              text(fill("regards\r\n", maxText)),
		"our own words":         text(fill(strings.ReplaceAll(locales[0].sent, "\n", "\r\n"), maxText)),
		"our own words, marked": text(fill("> "+strings.ReplaceAll(locales[0].sent, "\n", "\r\n> "), maxText)),
		"links":                 text(fill("<https://a.test/[image: x]> ", maxText)),
		"letters with accents":  text(fill("é\u0301", maxText)),
		"nested parts":          head + "Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + nested(10_000),
		"many parts":            head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + fill("--b\r\n\r\nYes\r\n", 8<<20),
		"large header":          fill("X-A: b\r\n", 2<<20) + text(""),
		"one large field":       "X-A: " + fill("b ", 2<<20) + "\r\n" + text(""),
		"large body":            text(fill("Yes\r\n", maxRaw+1)),
		"nested elements":       markup(fill("<div>", maxText)),
		"open tables":           markup(fill("<table>", maxText)),
		"formatting elements":   markup(fill("<b><i><a>", maxText)),
		"attributes":            markup("<div " + fill("a=b ", maxText) + ">"),
		"quoted-printable":      head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + fill("=41=\r\n", 8<<20),
		"signatures":            fill("DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s1; h=From; bh=x; b=y\r\n", 100_000) + text(""),
	} {
		j := NewJudge(Config{Domains: []string{"acme.test"}, LookupTXT: signingDNS})
		began := time.Now()
		got := j.Judge(context.Background(), Input{Raw: []byte(raw), Expect: locales[0].expectation(), Assume: true})
		if d := time.Since(began); d > maxWork {
			t.Errorf("%s: took %v", name, d)
		} else if d > maxWork/10 {
			t.Logf("%s: took %v", name, d)
		}
		if got.Verdict == Confirm {
			t.Errorf("%s: confirmed, fresh %.40q", name, got.FreshText)
		}
		if len(got.FreshText) > 2*maxText {
			t.Errorf("%s: %d bytes of fresh text", name, len(got.FreshText))
		}
	}
}
