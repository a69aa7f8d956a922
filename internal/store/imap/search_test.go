package imap

import (
	"slices"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"Ada@Example.ORG":         "ada@example.org",
		" ada@example.org ":       "ada@example.org",
		`"ada"@example.org`:       "ada@example.org",
		`"a b"@example.org`:       "a b@example.org",
		"j@bücher.example":        "j@xn--bcher-kva.example",
		"j@XN--BCHER-KVA.example": "j@xn--bcher-kva.example",
		"no address":              "no address",
		"@example.org":            "@example.org",
	} {
		if got := canonical(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

// FuzzRead: whatever stands in a header, an address that is well-formed and
// alone in its field is found, and nothing that has no @.
func FuzzRead(f *testing.F) {
	f.Add("Ada <ada@example.org>")
	f.Add("a@b, \"x\" <y@z>; =?utf-8?q?=C3?= <")
	f.Add("Team: a@b;")
	f.Fuzz(func(t *testing.T, value string) {
		var m message
		m.read([]byte("From: " + value + "\r\nTo: ada@example.org\r\n\r\n"))
		if slices.ContainsFunc(m.addresses, func(a string) bool { return !strings.Contains(a, "@") }) {
			t.Errorf("got %q", m.addresses)
		}
		if !strings.ContainsAny(value, "\r\n") && !slices.Contains(m.addresses, "ada@example.org") {
			t.Errorf("the address of the next field was lost in %q", m.addresses)
		}
	})
}
