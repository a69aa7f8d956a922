package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
)

var update = flag.Bool("update", false, "write the golden files anew")

// signer is a key that is the same at every run.
func signer(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func certificate(t testing.TB) audit.Certificate {
	t.Helper()
	at := noon.Truncate(time.Microsecond)
	until := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)
	return audit.Certificate{
		Kind: audit.CertificateKind, RequestID: request, Reference: "H-7K3M-9QXT", Controller: "Soffiah <info> & Co", Right: dsr.Erasure,
		Regime: "eu_gdpr", PolicyVersion: "2026-01-15", ReceivedAt: at, DueAt: at.AddDate(0, 1, 0), ConfirmedAt: at.Add(time.Hour), VerifiedAt: at.Add(2 * time.Hour),
		Outcome: dsr.ErasedWithRetained, PlanDigest: strings.Repeat("ab", 32),
		Stores: []dsr.StoreResult{
			{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 12, RowsErased: 12, VerifiedAt: &at},
			{Store: "billing", Collection: "invoices", Action: dsr.Retain, RowsMatched: 3, RowsRetained: 3, RetainedUntil: &until, Basis: "Code de commerce L123-22", VerifiedAt: &at},
		},
		Events: chain(t,
			dsr.Event{At: at, Type: dsr.EventReceived, Facts: map[string]any{"right": "erasure"}},
			dsr.Event{At: at.Add(time.Hour), Type: dsr.EventConfirmed},
			dsr.Event{At: at.Add(2 * time.Hour), Type: dsr.EventVerified, Actor: "habeas", Facts: map[string]any{"residual_rows": 0.0}}),
	}
}

func sign(t testing.TB, c audit.Certificate, key ed25519.PrivateKey) []byte {
	t.Helper()
	document, err := audit.Sign(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestCertificateSaysWhatWasSigned(t *testing.T) {
	t.Parallel()
	want := certificate(t)
	document := sign(t, want, signer(1))
	for name, trusted := range map[string]ed25519.PublicKey{"its own key": nil, "the key that is trusted": public(signer(1))} {
		got, err := audit.Verify(document, trusted)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-signed +read)\n%s", name, diff)
		}
	}
	if _, err := audit.Verify(document, public(signer(2))); !errors.Is(err, audit.ErrSignature) {
		t.Errorf("a certificate of another installation: %v", err)
	}
}

// TestNoByteOfACertificateCanBeChanged: only white space between tokens may
// change, as it does when a program writes the document anew.
func TestNoByteOfACertificateCanBeChanged(t *testing.T) {
	t.Parallel()
	document := sign(t, certificate(t), signer(1))
	for i := range document {
		for _, flip := range []byte{1, 2, 0x10, 0x20} {
			forged := bytes.Clone(document)
			forged[i] ^= flip
			if _, err := audit.Verify(forged, public(signer(1))); err == nil && compact(t, forged) != compact(t, document) {
				t.Fatalf("byte %d (%q to %q) was changed unnoticed", i, document[i], forged[i])
			}
		}
		if _, err := audit.Verify(document[:i], nil); err == nil && i < len(document)-1 {
			t.Fatalf("cut after %d bytes, unnoticed", i)
		}
	}
}

func compact(t testing.TB, document []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForgedCertificates(t *testing.T) {
	t.Parallel()
	key := signer(1)
	genuine := string(sign(t, certificate(t), key))
	broken := certificate(t)
	broken.Events[1].Type = dsr.EventCancelled
	for name, document := range map[string]string{
		"nothing":                "",
		"no JSON":                "certificate",
		"a list":                 "[]",
		"empty":                  "{}",
		"something behind it":    genuine + "{}",
		"a second certificate":   strings.Replace(genuine, `"algorithm"`, `"certificate": {}, "algorithm"`, 1),
		"one before the genuine": strings.Replace(genuine, `"certificate"`, `"certificate": {"outcome": "erased"}, "certificate"`, 1),
		"a remark":               strings.Replace(genuine, `"algorithm"`, `"remark": "all is well", "algorithm"`, 1),
		"another algorithm":      strings.Replace(genuine, `"Ed25519"`, `"none"`, 1),
		"no signature":           strings.Replace(genuine, `"signature"`, `"sig"`, 1),
		"a broken chain":         string(sign(t, broken, key)),
	} {
		if _, err := audit.Verify([]byte(document), nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCertificateCanBeReindented(t *testing.T) {
	t.Parallel()
	document := sign(t, certificate(t), signer(1))
	if _, err := audit.Verify([]byte(compact(t, document)), public(signer(1))); err != nil {
		t.Error(err)
	}
}

// TestCertificateFormat holds the document itself: certificates of years ago must
// verify for ever, so this file never changes; a new format is a new kind.
func TestCertificateFormat(t *testing.T) {
	t.Parallel()
	const golden = "testdata/certificate.json"
	document := sign(t, certificate(t), signer(1))
	if *update {
		if err := os.WriteFile(golden, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(document)); diff != "" {
		t.Errorf("(-golden +signed)\n%s", diff)
	}
	if _, err := audit.Verify(want, public(signer(1))); err != nil {
		t.Error(err)
	}
}
