package reply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAuthField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value string
		want  map[string]string // "method" → result, "method:prop" → value
		id    string
		bad   bool
	}{
		"RFC 8601, B.2":                    {value: "example.org 1; none", id: "example.org"},
		"RFC 8601, B.3":                    {value: "example.com; spf=pass smtp.mailfrom=example.net", id: "example.com", want: map[string]string{"spf": "pass", "spf:smtp.mailfrom": "example.net"}},
		"RFC 8601, B.5, comments":          {value: "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462", id: "foo.example.net", want: map[string]string{"dkim": "fail", "dkim:policy.expired": "1362471462"}},
		"Gmail":                            {value: `mx.google.com; dkim=pass header.i=@example.org header.s=s1 header.b="ab/c=+"; spf=pass (google.com: domain of kim@example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=kim@example.org; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.org`, id: "mx.google.com", want: map[string]string{"dkim": "pass", "dkim:header.i": "@example.org", "dkim:header.s": "s1", "dkim:header.b": "ab/c=+", "spf": "pass", "spf:smtp.mailfrom": "kim@example.org", "dmarc": "pass", "dmarc:header.from": "example.org"}},
		"Exchange, without an id":          {value: "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed) header.d=none;dmarc=pass action=none header.from=example.org;compauth=pass reason=100", want: map[string]string{"spf": "pass", "spf:smtp.mailfrom": "example.org", "dkim": "none", "dkim:header.d": "none", "dmarc": "pass", "dmarc:action": "none", "dmarc:header.from": "example.org", "compauth": "pass", "compauth:reason": "100"}},
		"result inside a quoted local":     {value: `mx.acme.test; spf=pass smtp.mailfrom="x; dmarc=pass header.from=victim.example; y"@evil.test; dmarc=fail header.from=victim.example`, id: "mx.acme.test", want: map[string]string{"spf": "pass", "spf:smtp.mailfrom": "x; dmarc=pass header.from=victim.example; y@evil.test", "dmarc": "fail", "dmarc:header.from": "victim.example"}},
		"result inside a comment":          {value: "mx.acme.test; dkim=fail (…; dmarc=pass header.from=victim.example)", id: "mx.acme.test", want: map[string]string{"dkim": "fail"}},
		"comment within a comment, quoted": {value: `mx.acme.test; dkim=fail (a (b\) dmarc=pass) ; spf=pass)`, id: "mx.acme.test", want: map[string]string{"dkim": "fail"}},
		"method with version":              {value: "mx.acme.test; dmarc/1 = pass header.from=a.test", id: "mx.acme.test", want: map[string]string{"dmarc": "pass", "dmarc:header.from": "a.test"}},
		"repeated property":                {value: "mx.acme.test; dmarc=pass header.from=a.test header.from=b.test", id: "mx.acme.test", want: map[string]string{"dmarc": "pass", "dmarc:header.from": "a.test"}},
		"open quote":                       {value: `mx.acme.test; spf=pass smtp.mailfrom="x; dmarc=pass`, bad: true},
		"open comment":                     {value: "mx.acme.test; spf=pass (dmarc=pass", bad: true},
		"empty":                            {value: "  ", bad: true},
		"no result":                        {value: "mx.acme.test; spf", bad: true},
		"too long":                         {value: "a; " + strings.Repeat("spf=pass;", 5000), bad: true},
	} {
		field, err := parseAuthField(tc.value)
		if (err != nil) != tc.bad {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if tc.bad {
			continue
		}
		got := map[string]string{}
		for _, r := range field.results {
			got[r.method] = r.result
			for k, v := range r.props {
				got[r.method+":"+k] = v
			}
		}
		if tc.want == nil {
			tc.want = map[string]string{}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || field.id != tc.id {
			t.Errorf("%s: id %q\n%s", name, field.id, diff)
		}
	}
}

func TestReceivedBy(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"from a.test (a.test [192.0.2.1]) by MX.acme.test (Postfix) with ESMTPS id 1; Tue, 3 Nov 2026 12:00:00 +0000": "mx.acme.test",
		"by mx.google.com with SMTP id x":                               "mx.google.com",
		"from evil.test (by mx.acme.test) by relay.test with SMTP":      "relay.test",
		`from "x by mx.acme.test" (by mx.acme.test) by relay.test; now`: "relay.test",
		"(qmail 21084 invoked from network); 12 Jun 2013":               "",
	} {
		if got := receivedBy(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
