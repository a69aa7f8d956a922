package dsr

import (
	"crypto/rand"
	"encoding/base32"
)

// NewReference makes a reference that can be read out on the telephone: no letter
// in it looks or sounds like a digit (Crockford's base 32), 40 random bits.
func NewReference() string {
	var b [5]byte
	// crypto/rand.Read never fails since Go 1.24: it ends the program instead.
	_, _ = rand.Read(b[:])
	s := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(b[:])
	return "H-" + s[:4] + "-" + s[4:]
}
