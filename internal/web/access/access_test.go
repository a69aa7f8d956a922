package access

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

func key(t *testing.T, secret, listener string) Key {
	t.Helper()
	k, err := NewKey([]byte(strings.Repeat(secret, 32)), listener)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The role table, written out.
func TestRoles(t *testing.T) {
	t.Parallel()
	want := map[Permission]string{
		Submit: "intake handler approver", Read: "viewer handler approver", ReadPersonal: "handler approver",
		EnableStore: "approver", ObserveStore: "handler approver",
		Supplement:          "handler approver",
		Decide(dsr.Approve): "approver", Decide(dsr.Reject): "handler approver", Decide(dsr.Cancel): "handler approver",
		Decide(dsr.Pause): "handler approver", Decide(dsr.Resume): "handler approver", Decide(dsr.Retry): "handler approver",
		Decide(dsr.Ask): "handler approver", Decide(dsr.Resolve): "handler approver", "anything else": "",
	}
	for _, p := range append(Permissions(), "anything else") {
		var may []string
		for _, r := range append(Roles(), "", "root") {
			if r.May(p) {
				may = append(may, string(r))
			}
		}
		if got := strings.Join(may, " "); got != want[p] {
			t.Errorf("%s: %q, want %q", p, got, want[p])
		}
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	k := key(t, "a", "team")
	signed := k.Sign("form", "x", "payload")
	if got, ok := k.Open("form", "x", signed); !ok || got != "payload" {
		t.Errorf("%q, %v", got, ok)
	}
	for name, got := range map[string]func() (string, bool){
		"purpose":  func() (string, bool) { return k.Open("session", "x", signed) },
		"binding":  func() (string, bool) { return k.Open("form", "y", signed) },
		"listener": func() (string, bool) { return key(t, "a", "public").Open("form", "x", signed) },
		"secret":   func() (string, bool) { return key(t, "b", "team").Open("form", "x", signed) },
		"no sum":   func() (string, bool) { return k.Open("form", "x", strings.Split(signed, ".")[0]) },
		"empty":    func() (string, bool) { return k.Open("form", "x", "") },
	} {
		if _, ok := got(); ok {
			t.Errorf("another %s opens it", name)
		}
	}
	if k.Sum("p", "ab", "c") == k.Sum("p", "a", "bc") {
		t.Error("parts run into each other")
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	k, now := key(t, "a", "team"), time.Unix(1_700_000_000, 0)
	form := k.Form("cookie", now)
	for name, tt := range map[string]struct {
		binding string
		at      time.Time
		ok      bool
	}{
		"at once": {"cookie", now, true}, "late": {"cookie", now.Add(FormLife - time.Second), true},
		"too late": {"cookie", now.Add(FormLife), false}, "from the future": {"cookie", now.Add(-time.Hour), false},
		"another cookie": {"other", now, false}, "no cookie": {"", now, false},
	} {
		if id, ok := k.OpenForm(tt.binding, form, tt.at); ok != tt.ok || ok && len(id) < 26 {
			t.Errorf("%s: %v %q", name, ok, id)
		}
	}
	if _, ok := k.OpenForm("", k.Form("", now), now); ok {
		t.Error("a form bound to nothing opens")
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	tokens, err := NewTokens([]Token{{"a", Viewer, sum("one")}, {"b", Handler, sum("two")}})
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{"one": "a", "two": "b", "three": "", "": "", "one ": ""} {
		if got, ok := tokens.Find(secret); got.Name != want || ok != (want != "") {
			t.Errorf("%q finds %q", secret, got.Name)
		}
	}
	for header, want := range map[string]string{
		"Bearer one": "one", "bearer one": "one", "Bearer  one": "one", "one": "", "Basic one": "", "": "", "Bearer": "",
	} {
		if got := Bearer(header); got != want {
			t.Errorf("Bearer(%q) = %q", header, got)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	k, err := NewKey([]byte(strings.Repeat("k", 32)), "team")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	sum := sha256.Sum256([]byte("one"))
	tokens, err := NewTokens([]Token{{"a", Viewer, sum[:]}})
	if err != nil {
		f.Fatal(err)
	}
	good, err := k.Seal(Session{Token: tokens.all[0], ID: "fixed", Expires: now.Add(SessionLife)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30.")
	f.Fuzz(func(t *testing.T, value string) {
		// Base64 without padding can write the same payload in several ways.
		if s, ok := k.Unseal(value, tokens, now); ok && (s.Token.Name != "a" || !strings.HasSuffix(good, value[strings.Index(value, "."):])) {
			t.Errorf("%q opens a session", value)
		}
	})
}
