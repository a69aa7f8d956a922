package devenv

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestMailboxAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Info@Soffiah.Test": "info@soffiah.test", "info+c.x+y@s.test": "info@s.test", "o'neil@s.test": "o'neil@s.test",
		"+x@s.test": "", "a b@s.test": "", "a@b@c": "", "a": "", "": "", "a/../b@s.test": "", "..@s.test": "", "é@s.test": "",
	} {
		if got, err := mailboxAddress(given); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", given, got, err)
		}
	}
}

// Whatever the address, its mailbox is one folder, directly below the others.
func FuzzMailboxAddress(f *testing.F) {
	f.Add("info+x@soffiah.test")
	f.Add("../x@y")
	f.Fuzz(func(t *testing.T, address string) {
		name, err := mailboxAddress(address)
		if err != nil {
			return
		}
		if filepath.Dir(filepath.Join("/m", name)) != "/m" || strings.ContainsAny(name, "/\\\x00\r\n") {
			t.Errorf("%q leads to %q", address, name)
		}
		if again, err := mailboxAddress(name); err != nil || again != name {
			t.Errorf("%q is not its own mailbox: %q, %v", name, again, err)
		}
	})
}
