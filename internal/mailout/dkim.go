package mailout

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// DKIMKey is a key whose public half the Domain publishes under the Selector.
type DKIMKey struct {
	Domain, Selector string
	Key              crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

// ParseDKIMKey reads a private key in PEM (PKCS #1 or PKCS #8). Keys that
// receivers refuse (RFC 8301: RSA below 1024 bits; 2048 are wanted) are errors.
func ParseDKIMKey(domain, selector string, pem []byte) (DKIMKey, error) {
	signer, err := gomail.PrivKeyFromPEM(pem)
	if err != nil {
		return DKIMKey{}, fmt.Errorf("reading the DKIM key %s of %s: %w", selector, domain, err)
	}
	key := DKIMKey{Domain: domain, Selector: selector, Key: signer}
	return key, key.check()
}

func (k DKIMKey) check() error {
	if err := checkDomain(k.Domain); err != nil {
		return fmt.Errorf("the DKIM key %s: the domain %w", k.Selector, err)
	}
	if err := checkDomain(k.Selector); err != nil {
		return fmt.Errorf("the DKIM key of %s: the selector %w", k.Domain, err)
	}
	switch key := k.Key.(type) {
	case ed25519.PrivateKey:
		return nil
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return nil
		}
		return fmt.Errorf("the DKIM key %s of %s has %d bits: make one of 2048", k.Selector, k.Domain, key.N.BitLen())
	}
	return fmt.Errorf("the DKIM key %s of %s is neither RSA nor Ed25519", k.Selector, k.Domain)
}

// signer signs with the date of the message as the time of the signature, so
// that a mail sent twice has the same signature.
//
// The list of headers has to stay below some 75 characters: go-mail v0.8.1
// breaks a longer one in the middle of a name and the signature becomes
// invalid. From and Reply-To are named once more than they occur, so that
// neither can be added on the way (RFC 6376, section 5.4.2).
func (k DKIMKey) signer(date time.Time) *gomail.DKIMSigner {
	s := gomail.NewDKIMSigner(k.Domain, k.Selector, k.Key)
	s.NowFunc = func() time.Time { return date }
	s.SignHeaders("From", "To", "Subject", "Date", "Message-ID", "Reply-To")
	s.OversignHeaders("From", "Reply-To")
	return s
}
