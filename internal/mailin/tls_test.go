package mailin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
)

// selfSigned returns a certificate for 127.0.0.1 and a pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := selfSigned(t)
	serverTLS := &tls.Config{Certificates: []tls.Certificate{cert}}
	user := imapmemserver.NewUser("privacy", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, TLSConfig: serverTLS, Logger: log.New(io.Discard, "", 0),
	})
	t.Cleanup(func() { _ = server.Close() })
	addrs := map[TLSMode]string{}
	for _, mode := range []TLSMode{TLSImplicit, TLSStart} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[mode] = ln.Addr().String()
		if mode == TLSImplicit {
			ln = tls.NewListener(ln, serverTLS)
		}
		go func() { _ = server.Serve(ln) }()
	}
	for mode, addr := range addrs {
		cfg := Config{Addr: addr, TLS: mode, Username: "privacy", Password: "secret", CommandTimeout: 5 * time.Second, TLSConfig: &tls.Config{RootCAs: pool}}
		if err := Check(t.Context(), cfg); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		cfg.Password, cfg.SASL = "", func(context.Context) (sasl.Client, error) { return sasl.NewPlainClient("", "privacy", "secret"), nil }
		if err := Check(t.Context(), cfg); err != nil {
			t.Errorf("%s with SASL: %v", mode, err)
		}
		cfg.TLSConfig = nil
		if err := Check(t.Context(), cfg); err == nil {
			t.Errorf("%s: an unknown certificate was accepted", mode)
		}
	}
}
