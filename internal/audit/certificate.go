package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// Certificate says what was done for a request and what reading back found. It
// holds nothing about the data subject but the reference. It does name the people
// who decided, as their API tokens are named.
type Certificate struct {
	Kind          string            `json:"kind"`
	RequestID     string            `json:"request_id"`
	Reference     string            `json:"reference"`
	Controller    string            `json:"controller"`
	Right         dsr.Right         `json:"right"`
	Regime        string            `json:"regime"`
	PolicyVersion string            `json:"policy_version"`
	ReceivedAt    time.Time         `json:"received_at"`
	DueAt         time.Time         `json:"due_at"`
	ConfirmedAt   time.Time         `json:"confirmed_at"`
	VerifiedAt    time.Time         `json:"verified_at"`
	Outcome       dsr.Outcome       `json:"outcome"`
	PlanDigest    string            `json:"plan_digest"`
	Stores        []dsr.StoreResult `json:"stores"`
	Events        []dsr.Event       `json:"events"`
}

// CertificateKind is what every certificate says it is, with its version.
const CertificateKind = "habeas-erasure-certificate/1"

// algorithm is the one by which certificates are signed (RFC 8032).
const algorithm = "Ed25519"

// signed is a certificate with its signature. The certificate stands in it as
// text, so that no re-encoding can change what was signed.
type signed struct {
	Certificate json.RawMessage `json:"certificate"`
	Algorithm   string          `json:"algorithm"`
	PublicKey   string          `json:"public_key"`
	Signature   string          `json:"signature"`
}

// ErrSignature: a certificate was not signed by the key it names, or was changed.
var ErrSignature = errors.New("the signature does not fit the certificate")

// Sign returns the document of a certificate: its text and an Ed25519 signature
// (RFC 8032) over the compact form of that text.
func Sign(c Certificate, key ed25519.PrivateKey) ([]byte, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding the certificate: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the signing key is not an Ed25519 key")
	}
	document, err := json.MarshalIndent(envelope(body, public, ed25519.Sign(key, body)), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the certificate: %w", err)
	}
	return append(document, '\n'), nil
}

func envelope(body []byte, public ed25519.PublicKey, signature []byte) signed {
	return signed{
		Certificate: body,
		Algorithm:   algorithm,
		PublicKey:   base64.StdEncoding.EncodeToString(public),
		Signature:   base64.StdEncoding.EncodeToString(signature),
	}
}

// isExactly reports whether document is s and nothing else, white space aside. A
// key that stands in it twice, in capitals, or that is unknown could make other
// programs read something that was never signed.
func (s signed) isExactly(document []byte) bool {
	var compact bytes.Buffer
	want, err := json.Marshal(s)
	return err == nil && json.Compact(&compact, document) == nil && bytes.Equal(want, compact.Bytes())
}

// Verify reads the document of a certificate and checks its signature and the
// chain of its events. With a trusted key it also checks that this key signed;
// without one, only that the document is what its own key signed.
func Verify(document []byte, trusted ed25519.PublicKey) (Certificate, error) {
	var s signed
	if err := json.Unmarshal(document, &s); err != nil {
		return Certificate{}, fmt.Errorf("reading the certificate: %w", ErrSignature)
	}
	public, err := base64.StdEncoding.DecodeString(s.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize || s.Algorithm != algorithm {
		return Certificate{}, fmt.Errorf("its public key is damaged: %w", ErrSignature)
	}
	if trusted != nil && !bytes.Equal(trusted, public) {
		return Certificate{}, fmt.Errorf("it was signed by another installation: %w", ErrSignature)
	}
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	var body bytes.Buffer
	if err != nil || json.Compact(&body, s.Certificate) != nil || !ed25519.Verify(public, body.Bytes(), signature) {
		return Certificate{}, ErrSignature
	}
	if !envelope(body.Bytes(), public, signature).isExactly(document) {
		return Certificate{}, fmt.Errorf("it holds more than was signed: %w", ErrSignature)
	}
	var c Certificate
	if err := json.Unmarshal(body.Bytes(), &c); err != nil {
		return Certificate{}, fmt.Errorf("reading the certificate: %w", err)
	}
	if err := VerifyChain(c.RequestID, c.Events); err != nil {
		return c, fmt.Errorf("the events of the certificate: %w", err)
	}
	return c, nil
}
