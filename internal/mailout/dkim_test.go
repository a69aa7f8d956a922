package mailout_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/soffiah/habeas/internal/mailout"
)

// keyPair makes the RSA key once: it is the slowest thing in this package.
var keyPair = sync.OnceValues(func() (*rsa.PrivateKey, ed25519.PrivateKey) {
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, e, _ := ed25519.GenerateKey(rand.Reader)
	return r, e
})

func dkimKeys(t testing.TB) []mailout.DKIMKey {
	t.Helper()
	r, e := keyPair()
	var keys []mailout.DKIMKey
	for selector, key := range map[string]any{"rsa": r, "ed": e} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		k, err := mailout.ParseDKIMKey("acme.example", selector, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if keys[0].Selector != "ed" {
		keys[0], keys[1] = keys[1], keys[0]
	}
	return keys
}

// valid returns how many valid signatures of acme.example raw bears.
func valid(t *testing.T, raw []byte) int {
	t.Helper()
	r, e := keyPair()
	checks, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		switch name {
		case "rsa._domainkey.acme.example":
			return []string{"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&r.PublicKey))}, nil
		case "ed._domainkey.acme.example":
			return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(e.Public().(ed25519.PublicKey))}, nil
		}
		return nil, errors.New("no such record")
	}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range checks {
		if c.Err == nil && c.Domain == "acme.example" {
			n++
		}
	}
	return n
}

func TestEveryTemplateIsSignedValidly(t *testing.T) {
	t.Parallel()
	keys := dkimKeys(t)
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		m := letter(t, p, lang)
		for _, change := range []func(*mailout.Message){
			func(*mailout.Message) {},
			func(m *mailout.Message) { m.ReplyTo, m.InReplyTo, m.HTML = "", "", "" },
		} {
			change(&m)
			raw, err := m.Bytes("i-1", keys)
			if err != nil {
				t.Fatal(err)
			}
			if n := valid(t, raw); n != 2 {
				t.Errorf("%d of two signatures are valid", n)
			}
		}
	})
}

func TestSignatureCoversWhatMatters(t *testing.T) {
	t.Parallel()
	raw, err := letter(t, mailout.Confirmation, "en").Bytes("i-1", dkimKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another sender":         {"\r\nFrom: ", "\r\nFrom: x <x@evil.example>\r\nFrom: "},
		"another reply address":  {"\r\nReply-To: ", "\r\nReply-To: <x@evil.example>\r\nReply-To: "},
		"another recipient":      {"anna.maier@lilas.example>\r\n", "anna.maier@evil.example>\r\n"},
		"another subject":        {"\r\nSubject: ", "\r\nSubject: x "},
		"another message id":     {"\r\nMessage-ID: <c.", "\r\nMessage-ID: <d."},
		"another word to type":   {"YES DELETE", "NO DELETE"},
		"an addition at the end": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1)
			if change[0] == "" {
				changed = append(bytes.Clone(raw), "more\r\n"...)
			}
			if bytes.Equal(changed, raw) {
				t.Fatal("nothing was changed")
			}
			if n := valid(t, changed); n != 0 {
				t.Errorf("%d signatures are still valid", n)
			}
		})
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"no PEM":    []byte("secret"),
		"no key":    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2, 3}}),
		"a cert":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1, 2, 3}}),
		"1024 bits": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(short)}),
	} {
		if _, err := mailout.ParseDKIMKey("acme.example", "s1", raw); err == nil {
			t.Errorf("%s was taken for a key", name)
		}
	}
}
