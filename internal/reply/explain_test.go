package reply

import (
	"context"
	"slices"
	"testing"
)

// TestExplainAssumesWhatIsNotGiven: without anything to judge authenticity by,
// a token in In-Reply-To counts as protected; with it, it does not.
func TestExplainAssumesWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	raw := []byte("From: Kim <" + sentTo + ">\r\nTo: privacy@acme.test\r\nSubject: Re: x\r\nIn-Reply-To: <c." + token + "@acme.test>\r\n\r\nYes\r\n")
	expect := &Expectation{Token: token, SentTo: sentTo, Language: "en"}
	assumed := "assumed: the sender's signature covers the field in which the token stands"
	for _, tc := range []struct {
		name    string
		ids     []string
		verdict Verdict
		assumed bool
	}{{"authentication not given", nil, Confirm, true}, {"authentication given", []string{"mx.acme.test"}, Unclear, false}} {
		got := NewJudge(Config{Domains: []string{"acme.test"}, AuthservIDs: tc.ids}).Explain(context.Background(), "x.eml", Input{Raw: raw, Expect: expect})
		if got.Verdict != tc.verdict || slices.Contains(got.Reasons, assumed) != tc.assumed {
			t.Errorf("%s: %s %v", tc.name, got.Verdict, got.Reasons)
		}
	}
}
