package activities

import (
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

// TestOwnAddress: a new mail that asks goes to an address of the account and to no
// other, whatever a reply says of its sender.
func TestOwnAddress(t *testing.T) {
	t.Parallel()
	r := record.Request{Account: &dsr.Account{
		Email: "marie@lumiere.test", Identities: map[string][]string{"email": {"marie@lumiere.test", "m.dubois@lumiere.test"}},
	}}
	for sender, want := range map[string]string{
		"M.Dubois@lumiere.test": "m.dubois@lumiere.test", "marie@lumiere.test": "marie@lumiere.test", "eve@evil.test": "", "": "",
	} {
		if got := ownAddress(r, sender); got != want {
			t.Errorf("a reply of %q: asked at %q, want %q", sender, got, want)
		}
	}
	if got := ownAddress(record.Request{}, "marie@lumiere.test"); got != "" {
		t.Errorf("asked at %q without an account", got)
	}
}
