package reply

import (
	"slices"
	"testing"
)

// TestYesAmongSuspectedSpam: only a pass of our own border brings it back. A no
// counts as anywhere.
func TestYesAmongSuspectedSpam(t *testing.T) {
	t.Parallel()
	accept := func(c *Config) { c.AcceptUnauthenticated = true }
	for name, tc := range map[string]struct {
		change func(*genuine)
		want   Verdict
	}{
		"dmarc=pass by the border":           {func(*genuine) {}, Confirm},
		"nobody vouches, and policy says ok": {func(g *genuine) { g.authres, g.config = "", accept }, Unclear},
		"our own check of the signature only": {func(g *genuine) {
			g.authres, g.config, g.sign = "", withDNS, []string{"From", "To", "In-Reply-To", "Subject", "Date", "Message-ID"}
		}, Unclear},
		"a pass that came with the mail": {func(g *genuine) { g.more, g.authres, g.config = g.authres, "", accept }, Unclear},
		"dmarc=fail": {func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=fail header.from=example.org\r\n"
		}, Unclear},
		"a no": {func(g *genuine) { g.authres, g.config, g.body = "", accept, "No\r\n" }, Cancel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := genuineMail()
			tc.change(&g)
			g.junk = true
			got := g.judge(t)
			suspect := slices.ContainsFunc(got.Reasons, func(r Reason) bool { return r.Code == InJunk })
			if got.Verdict != tc.want || suspect == (got.Auth.DMARC == "pass") {
				t.Errorf("judged %s: %v", got.Verdict, got.Reasons)
			}
			if g.junk = false; tc.want == Unclear && got.Auth.DMARC != "fail" && g.judge(t).Verdict != Confirm {
				t.Error("it does not confirm elsewhere, so that this test says nothing")
			}
		})
	}
}
