package reply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header, body string
		want         []TokenCandidate
	}{
		"reply": {
			"Delivered-To: privacy+c." + token + "@acme.test\r\nTo: \"A, B\" <Privacy+C." + strings.ToUpper(token) + "@ACME.test>, x@y.z\r\nIn-Reply-To: <c." + token + "@acme.test>\r\nReferences: <a@b> <c." + otherToken + "@acme.test>\r\n", "",
			[]TokenCandidate{{ConfirmToken, token, FromDelivery}, {ConfirmToken, token, FromTo}, {ConfirmToken, token, FromInReplyTo}, {ConfirmToken, otherToken, FromReferences}},
		},
		"bounce": {
			"Delivered-To: privacy+b." + token + "@acme.test\r\n", "Message-ID: <c." + otherToken + "@acme.test>\r\n",
			[]TokenCandidate{{BounceToken, token, FromDelivery}, {ConfirmToken, otherToken, FromBody}},
		},
		"only the topmost delivery counts": {
			"Delivered-To: info@acme.test\r\nDelivered-To: privacy+c." + token + "@acme.test\r\n", "",
			nil,
		},
		"another domain":  {"To: privacy+c." + token + "@evil.test\r\n", "", nil},
		"a longer domain": {"To: privacy+c." + token + "@acme.test.evil.test\r\n", "", nil},
		"too short":       {"To: privacy+c." + token[1:] + "@acme.test\r\n", "", nil},
		"too long":        {"To: privacy+c.a" + token + "@acme.test\r\n", "", nil},
		"wrong letters":   {"To: privacy+c.1" + token[1:] + "@acme.test\r\n", "", nil},
		"other namespace": {"To: privacy+d." + token + "@acme.test\r\n", "", nil},
		"no plus":         {"To: c." + token + "@acme.test\r\n", "", nil},
	} {
		raw := "From: a@b.test\r\n" + tc.header + "\r\n" + tc.body
		got := Tokens([]byte(raw), "acme.test")
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
