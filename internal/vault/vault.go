// Package vault keeps personal data at rest unreadable without a key. Each
// request has a data key of its own; data keys rest wrapped by the master key
// of the installation. Destroying one wrapped key makes everything sealed under
// it unreadable, wherever copies of it may be.
//
// The package is pure: it neither stores nor fetches keys. Sealing is
// AES-256-GCM with a random nonce (NIST SP 800-38D); the purpose of a sealed
// value is authenticated with it, so that a value can't be passed off as another.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrWrongKey: a value was not sealed under this key, for this purpose, or was changed.
var ErrWrongKey = errors.New("the key does not open this value")

const (
	keySize = 32
	// format is the first byte of every sealed value, so that a later format can be told apart.
	format byte = 1
)

// Key is a data key. It never leaves memory unwrapped.
type Key struct{ aead cipher.AEAD }

// Seal encrypts plaintext for purpose.
func (k Key) Seal(purpose string, plaintext []byte) []byte {
	return seal(k.aead, purpose, plaintext)
}

// Open decrypts what [Key.Seal] made for the same purpose, or returns [ErrWrongKey].
func (k Key) Open(purpose string, sealed []byte) ([]byte, error) {
	return open(k.aead, purpose, sealed)
}

// Master is the master key of an installation.
type Master struct {
	secret []byte
	aead   cipher.AEAD
	demo   bool
}

// ID names the master key without giving it away.
func (m *Master) ID() string { return hex.EncodeToString(m.derive("id", 8)) }

// Demo reports whether this is a key for demonstrations, which opens only an
// installation marked as demo.
func (m *Master) Demo() bool { return m.demo }

// NewDataKey makes a data key and returns it with its wrapped form, bound to id.
func (m *Master) NewDataKey(id string) (Key, []byte, error) {
	secret := make([]byte, keySize)
	if _, err := rand.Read(secret); err != nil {
		return Key{}, nil, fmt.Errorf("making a data key: %w", err)
	}
	key, err := newKey(secret)
	if err != nil {
		return Key{}, nil, err
	}
	return key, seal(m.aead, "data key "+id, secret), nil
}

// Unwrap opens the wrapped form of the data key id, or returns [ErrWrongKey].
func (m *Master) Unwrap(id string, wrapped []byte) (Key, error) {
	secret, err := open(m.aead, "data key "+id, wrapped)
	if err != nil {
		return Key{}, err
	}
	return newKey(secret)
}

// KeyCheck returns a value that [Master.Matches] recognises: it lets a database
// say whether it belongs to this master key.
func (m *Master) KeyCheck() []byte { return seal(m.aead, "key check", []byte("habeas")) }

// Matches reports whether check was made by this master key.
func (m *Master) Matches(check []byte) bool {
	_, err := open(m.aead, "key check", check)
	return err == nil
}

// Digest is a keyed hash (HMAC-SHA-256) of value for purpose: equal values have
// equal digests, and without the master key nobody can try values out.
func (m *Master) Digest(purpose, value string) []byte {
	mac := hmac.New(sha256.New, m.derive("digest "+purpose, keySize))
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// Derive returns n secret bytes for purpose, the same at every call.
func (m *Master) Derive(purpose string, n int) []byte { return m.derive("derived "+purpose, n) }

// SigningKey is the key under which the installation signs certificates.
func (m *Master) SigningKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(m.derive("certificate signing", ed25519.SeedSize))
}

func (m *Master) derive(purpose string, n int) []byte {
	out, err := hkdf.Key(sha256.New, m.secret, nil, "habeas "+purpose, n)
	if err != nil {
		// Only a length beyond 255 hashes fails (RFC 5869 section 2.3); all callers ask for less.
		return make([]byte, 0)
	}
	return out
}

func newMaster(secret []byte, demo bool) (*Master, error) {
	m := &Master{secret: secret, demo: demo}
	key, err := newKey(m.derive("wrapping", keySize))
	if err != nil {
		return nil, err
	}
	m.aead = key.aead
	return m, nil
}

func newKey(secret []byte) (Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, fmt.Errorf("preparing a key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Key{}, fmt.Errorf("preparing a key: %w", err)
	}
	return Key{aead}, nil
}

func seal(aead cipher.AEAD, purpose string, plaintext []byte) []byte {
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plaintext)+aead.Overhead())
	out[0] = format
	// crypto/rand.Read never fails since Go 1.24: it ends the program instead.
	_, _ = rand.Read(out[1:])
	return aead.Seal(out, out[1:], plaintext, []byte(purpose))
}

func open(aead cipher.AEAD, purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+aead.NonceSize() || sealed[0] != format {
		return nil, ErrWrongKey
	}
	nonce, body := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	plaintext, err := aead.Open(nil, nonce, body, []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey
	}
	return plaintext, nil
}
