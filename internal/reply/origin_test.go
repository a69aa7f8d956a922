package reply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOriginOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		want   Origin
	}{
		"a person":            {"From: =?utf-8?q?Ren=C3=A9e?= <renee@lumiere.test>", Origin{Address: "renee@lumiere.test", Name: "Renée"}},
		"no From":             {"Subject: x", Origin{}},
		"two addresses":       {"From: a@lumiere.test, b@lumiere.test", Origin{}},
		"two fields":          {"From: a@lumiere.test\r\nFrom: b@lumiere.test", Origin{}},
		"no address":          {"From: nobody", Origin{}},
		"flagged":             {"From: a@lumiere.test\r\nX-Spam-Flag: YES", Origin{Address: "a@lumiere.test", Spam: true}},
		"flagged with reason": {"From: a@lumiere.test\r\nX-Spam-Status: Yes, score=9.1", Origin{Address: "a@lumiere.test", Spam: true}},
		"looked at":           {"From: a@lumiere.test\r\nX-Spam-Status: No, score=0.1\r\nX-MS-Exchange-Organization-SCL: 1", Origin{Address: "a@lumiere.test"}},
		"level of Exchange":   {"From: a@lumiere.test\r\nX-MS-Exchange-Organization-SCL: 9", Origin{Address: "a@lumiere.test", Spam: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, OriginOf([]byte(c.header+"\r\n\r\ntext\r\n"))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, want string }{
		"quoted":   {"From: a@b.test\r\n\r\nHello\r\n> Account name: lumiere\r\n>> deeper\r\n", "Hello\nAccount name: lumiere\ndeeper"},
		"html":     {"From: a@b.test\r\nContent-Type: text/html\r\n\r\n<p>Hello</p><blockquote type=cite>Account name: <b>lumiere</b></blockquote>", "Hello\nAccount name: lumiere"},
		"nothing":  {"From: a@b.test\r\n\r\n", ""},
		"no blank": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(strings.FieldsFunc(Text([]byte(c.raw)), func(r rune) bool { return r == '\n' }), "\n")
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
