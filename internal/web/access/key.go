package access

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Key signs what Habeas hands to a browser and wants back unchanged. Every
// server behind one address needs the same key.
type Key struct{ secret []byte }

// ErrKeyTooShort: a key of fewer than 32 bytes was given.
var ErrKeyTooShort = errors.New("the signing key of the web pages has fewer than 32 bytes: give 32 random ones")

// NewKey derives the signing key of one listener from a secret of at least 32
// bytes, so that nothing signed for one listener is good on another.
func NewKey(secret []byte, listener string) (Key, error) {
	if len(secret) < 32 {
		return Key{}, ErrKeyTooShort
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "habeas web "+listener, sha256.Size)
	if err != nil {
		return Key{}, fmt.Errorf("deriving the signing key of the %s pages: %w", listener, err)
	}
	return Key{secret: derived}, nil
}

// Sum returns a keyed hash of parts for one purpose. Parts cannot run into each
// other: each is hashed with its length.
func (k Key) Sum(purpose string, parts ...string) string {
	mac := hmac.New(sha256.New, k.secret)
	for _, part := range append([]string{purpose}, parts...) {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Sign returns payload with a signature that is good for one purpose and one
// binding only. The payload is not hidden.
func (k Key) Sign(purpose, binding, payload string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + k.Sum(purpose, binding, payload)
}

// Open returns the payload of a value that [Key.Sign] made with the same
// purpose and binding.
func (k Key) Open(purpose, binding, signed string) (string, bool) {
	encoded, sum, _ := strings.Cut(signed, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(sum), []byte(k.Sum(purpose, binding, string(payload)))) {
		return "", false
	}
	return string(payload), true
}

// Random returns 128 random bits as text.
func Random() string { return rand.Text() }
