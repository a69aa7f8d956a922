package vault_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/soffiah/habeas/internal/vault"
)

// master returns a fresh master key.
func master(t testing.TB) *vault.Master {
	t.Helper()
	text, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := vault.ParseMaster(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func dataKey(t testing.TB, m *vault.Master, id string) (vault.Key, []byte) {
	t.Helper()
	key, wrapped, err := m.NewDataKey(id)
	if err != nil {
		t.Fatal(err)
	}
	return key, wrapped
}

func TestSealedValuesOpen(t *testing.T) {
	t.Parallel()
	m := master(t)
	key, wrapped := dataKey(t, m, "one")
	again, err := m.Unwrap("one", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range [][]byte{nil, {}, []byte("x"), []byte("Marie Dubois"), bytes.Repeat([]byte("long"), 1<<14)} {
		box := key.Seal("intake", plain)
		got, err := again.Open("intake", box)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d bytes, %v", len(plain), len(got), err)
		}
		if len(plain) > 8 && bytes.Contains(box, plain[:8]) {
			t.Error("the sealed value contains the plain one")
		}
		if bytes.Equal(box, key.Seal("intake", plain)) {
			t.Error("the same value sealed twice looks the same")
		}
	}
}

func TestOnlyTheRightKeyOpens(t *testing.T) {
	t.Parallel()
	m, other := master(t), master(t)
	key, wrapped := dataKey(t, m, "one")
	neighbour, _ := dataKey(t, m, "two")
	box := key.Seal("intake", []byte("secret"))
	if _, err := neighbour.Open("intake", box); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another data key: %v", err)
	}
	if _, err := key.Open("account", box); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another purpose: %v", err)
	}
	if _, err := other.Unwrap("one", wrapped); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another master key: %v", err)
	}
	if _, err := m.Unwrap("two", wrapped); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("the wrapped key of another id: %v", err)
	}
	if _, err := key.Open("key check", m.KeyCheck()); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("a value sealed under the master key: %v", err)
	}
}

// TestNoByteCanBeChanged holds for sealed values and for wrapped keys alike.
func TestNoByteCanBeChanged(t *testing.T) {
	t.Parallel()
	m := master(t)
	key, wrapped := dataKey(t, m, "one")
	open := map[string]func([]byte) error{
		"sealed":  func(b []byte) error { _, err := key.Open("intake", b); return err },
		"wrapped": func(b []byte) error { _, err := m.Unwrap("one", b); return err },
	}
	for name, whole := range map[string][]byte{"sealed": key.Seal("intake", []byte("Marie Dubois")), "wrapped": wrapped} {
		if err := open[name](whole); err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			for bit := range 8 {
				changed := bytes.Clone(whole)
				changed[i] ^= 1 << bit
				if err := open[name](changed); !errors.Is(err, vault.ErrWrongKey) {
					t.Fatalf("%s: byte %d, bit %d: %v", name, i, bit, err)
				}
			}
			if err := open[name](whole[:i]); !errors.Is(err, vault.ErrWrongKey) {
				t.Fatalf("%s cut after %d bytes: %v", name, i, err)
			}
		}
		if err := open[name](append(bytes.Clone(whole), 0)); !errors.Is(err, vault.ErrWrongKey) {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}
}

func TestMasterKeysAreTold(t *testing.T) {
	t.Parallel()
	m, other := master(t), master(t)
	if !m.Matches(m.KeyCheck()) || m.Matches(other.KeyCheck()) || m.Matches(nil) {
		t.Error("the key check does not tell master keys apart")
	}
	if first, again := m.ID(), m.ID(); first == other.ID() || first != again || len(first) != 16 {
		t.Error("the id does not name the master key")
	}
	if !bytes.Equal(m.Digest("idempotency", "v"), m.Digest("idempotency", "v")) {
		t.Error("equal values have different digests")
	}
	for name, same := range map[string]bool{
		"of another value":   bytes.Equal(m.Digest("idempotency", "v"), m.Digest("idempotency", "w")),
		"for another use":    bytes.Equal(m.Digest("idempotency", "v"), m.Digest("other", "v")),
		"under another key":  bytes.Equal(m.Digest("idempotency", "v"), other.Digest("idempotency", "v")),
		"derived otherwise":  bytes.Equal(m.Derive("web", 32), m.Derive("temporal payloads", 32)),
		"derived from other": bytes.Equal(m.Derive("web", 32), other.Derive("web", 32)),
	} {
		if same {
			t.Errorf("a digest %s is the same", name)
		}
	}
	if got := m.Derive("web", 32); len(got) != 32 || !bytes.Equal(got, m.Derive("web", 32)) {
		t.Error("derived bytes change")
	}
	public, ok := m.SigningKey().Public().(ed25519.PublicKey)
	if !ok || !ed25519.Verify(public, []byte("text"), ed25519.Sign(m.SigningKey(), []byte("text"))) {
		t.Error("the signing key changes")
	}
}

// FuzzOpen looks for input that makes opening do anything but refuse.
func FuzzOpen(f *testing.F) {
	m := master(f)
	key, wrapped := dataKey(f, m, "one")
	box := key.Seal("intake", []byte("Marie Dubois"))
	for _, seed := range [][]byte{nil, {1}, box, wrapped, box[:13], m.KeyCheck()} {
		f.Add("intake", seed)
	}
	f.Fuzz(func(t *testing.T, purpose string, sealed []byte) {
		plain, err := key.Open(purpose, sealed)
		genuine := purpose == "intake" && bytes.Equal(sealed, box)
		if genuine != (err == nil) || err != nil && (plain != nil || !errors.Is(err, vault.ErrWrongKey)) {
			t.Fatalf("genuine %v: %d bytes, %v", genuine, len(plain), err)
		}
	})
}
