package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/client"
	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
	"github.com/soffiah/habeas/internal/vault"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

const dataMap = `dataset:
  - fides_key: shop
    collections:
      - name: accounts
        fields:
          - name: id
            data_categories: [user.unique_id]
            fides_meta: {primary_key: true, identity: account_name}
          - name: email
            data_categories: [user.contact.email]
            fides_meta: {identity: email}
`

const settings = `
database: {url_file: url}
temporal: {address: "127.0.0.1:1"}
master_key: {file: master-key}
public: {url: "https://privacy.example/rights"}
tokens:
  - {name: shop, role: intake, sha256: SHA256}
  - {name: team, role: approver, sha256_file: digest}
mail:
  from: Shop <somebody@shop.example>
  smtp: {address: "127.0.0.1:1", tls: none}
  mailboxes:
    - {name: privacy, address: privacy@shop.example, imap: {address: "127.0.0.1:1", tls: none, username: privacy, password_file: digest}}
stores:
  - {name: shop, kind: postgres, dataset: shop, url_file: url}
datasets: [map.yml]
policies: [policy.yaml]
`

// files is a folder with an installation of a shop.
type files struct {
	t   testing.TB
	dir string
}

func install(t *testing.T) files {
	t.Helper()
	t.Parallel()
	f := files{t, t.TempDir()}
	key, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("the token"))
	f.write("master-key", key)
	f.write("policy.yaml", string(p))
	f.write("map.yml", dataMap)
	f.write("url", "postgres://habeas@127.0.0.1:1/habeas")
	f.write("digest", hex.EncodeToString(sum[:]))
	return f
}

func (f files) write(name, content string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// replace changes a text in a file.
func (f files) replace(name, from, to string) {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil || !strings.Contains(string(data), from) {
		f.t.Fatalf("%s has no %q: %v", name, from, err)
	}
	f.write(name, strings.Replace(string(data), from, to, 1))
}

func (f files) config(change ...func(*config.Config)) *config.Config {
	f.t.Helper()
	sum := sha256.Sum256([]byte("the token of the shop"))
	cfg, err := config.Parse("habeas.yaml", []byte(strings.Replace(settings, "SHA256", hex.EncodeToString(sum[:]), 1)), f.dir, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range change {
		c(cfg)
	}
	return cfg
}

func quiet() Options {
	return Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now}
}

// TestOpenRefuses: an installation that does not fit together does not start, and
// says why before it asks the database anything.
func TestOpenRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		change   func(files)
		settings func(*config.Config)
		says     string
	}{
		"a policy for demonstrations": {func(f files) { f.replace("policy.yaml", "policy: soffiah", "policy: soffiah\ndemo: true") }, nil, "demo: true"},
		"a demo key": {func(f files) {
			key, err := vault.GenerateMaster(true)
			if err != nil {
				f.t.Fatal(err)
			}
			f.write("master-key", key)
		}, nil, "demo key"},
		"a key of production in a demo": {nil, func(c *config.Config) { c.Installation.Kind = config.Demo }, "demo key"},
		"a key that others can read": {func(f files) {
			if err := os.Chmod(filepath.Join(f.dir, "master-key"), 0o644); err != nil {
				f.t.Fatal(err)
			}
		}, nil, "chmod 600"},
		"no key": {nil, func(c *config.Config) { c.MasterKey.File = "" }, "habeas key new"},
		"a rule that the policy does not have": {func(f files) {
			f.replace("map.yml", "- name: accounts\n", "- name: accounts\n        habeas: {erasure: retain, retention: never, retain_from: id}\n")
		}, nil, "never"},
		"a data map that is none": {func(f files) { f.write("map.yml", "dataset: 5") }, nil, "data map"},
		"a data map that is away": {nil, func(c *config.Config) { c.Datasets = []string{filepath.Join(t.TempDir(), "absent.yml")} }, "absent.yml"},
		"no policy":               {nil, func(c *config.Config) { c.Policies = nil }, "policies"},
		"no mailbox":              {nil, func(c *config.Config) { c.Mail.Mailboxes = nil }, "mail.mailboxes"},
		"a sender that is none":   {nil, func(c *config.Config) { c.Mail.From = "canary" }, "mail.from"},
	} {
		t.Run(what, func(t *testing.T) {
			f := install(t)
			if c.change != nil {
				c.change(f)
			}
			cfg := f.config()
			if c.settings != nil {
				c.settings(cfg)
			}
			_, err := Open(t.Context(), cfg, quiet())
			if err == nil || errors.Is(err, dsr.ErrUnavailable) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("nothing is wrong", func(t *testing.T) {
		f := install(t)
		if _, err := Open(t.Context(), f.config(), quiet()); !errors.Is(err, dsr.ErrUnavailable) {
			t.Errorf("all but the database is right, yet: %v", err)
		}
	})
}

// TestRetentionFits: what the data map keeps, every version of the policy must
// know as something that law keeps from erasure.
func TestRetentionFits(t *testing.T) {
	for rule, says := range map[string]string{"invoices": "", "account_data": "lets people have erased", "forever": "no retention rule"} {
		t.Run(rule, func(t *testing.T) {
			f := install(t)
			policies, err := policy.LoadSet(f.config().Policies)
			if err != nil {
				t.Fatal(err)
			}
			m, err := loadMap(f.config().Datasets)
			if err != nil {
				t.Fatal(err)
			}
			m.Collections()[0].RetentionRule = rule
			if err = fits(m, policies); (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "shop:accounts")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWriter: mails come from the mailbox that is watched, under the name that was chosen.
func TestWriter(t *testing.T) {
	w, err := writer(install(t).config())
	if err != nil || w.From.Name != "Shop" || w.From.Address != "privacy@shop.example" {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestAccessTokens(t *testing.T) {
	cfg := install(t).config()
	tokens, err := accessTokens(cfg.Tokens)
	if err != nil || len(tokens) != 2 || tokens[0].Role != "intake" || tokens[1].Name != "team" || len(tokens[1].SHA256) != sha256.Size {
		t.Errorf("%+v, %v", tokens, err)
	}
	if _, err := accessTokens([]config.Token{{Name: "team", SHA256: "canary"}}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

// certificate writes a certificate and its key.
func (f files) certificate() (cert, key string) {
	f.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		f.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		f.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

func TestTemporalOptions(t *testing.T) {
	f := install(t)
	cfg := f.config()
	o, err := temporalOptions(cfg, quiet().Log, "worker")
	if err != nil || o.TLS != nil || o.Address != "127.0.0.1:1" || o.Namespace != "habeas" || o.Role != "worker" {
		t.Errorf("%+v, %v", o, err)
	}
	cert, key := f.certificate()
	cfg.Temporal.TLS = config.TemporalTLS{Enabled: true, ServerName: "temporal.example", CAFile: cert, CertFile: cert, KeyFile: key}
	o, err = temporalOptions(cfg, quiet().Log, "worker")
	if err != nil || o.TLS.ServerName != "temporal.example" || o.TLS.RootCAs == nil || len(o.TLS.Certificates) != 1 || o.TLS.InsecureSkipVerify {
		t.Errorf("%+v, %v", o.TLS, err)
	}
	for what, change := range map[string]func(*config.TemporalTLS){
		"ca_file":   func(c *config.TemporalTLS) { c.CAFile = key },
		"cert_file": func(c *config.TemporalTLS) { c.CertFile = key },
	} {
		c := *cfg
		change(&c.Temporal.TLS)
		if _, err := temporalOptions(&c, quiet().Log, "worker"); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestUnknownStore(t *testing.T) {
	t.Parallel()
	_, err := openStores(t.Context(), nil, []config.Store{{Name: "shop", Kind: "telepathy"}})
	if err == nil || !strings.Contains(err.Error(), "shop") || !strings.Contains(err.Error(), "telepathy") {
		t.Errorf("got %v", err)
	}
}

// TestServe: requests are taken in while Temporal is down, and whoever asks
// whether all is well hears that it is not.
func TestServe(t *testing.T) {
	f := install(t)
	f.write("url", postgrestest.URL(t))
	addresses := make([]string, 2)
	for i, name := range []string{"public", "team"} {
		var err error
		if addresses[i], err = devenv.ReserveAddress(f.dir, name); err != nil {
			t.Fatal(err)
		}
	}
	cfg := f.config(func(c *config.Config) { c.Public.Listen, c.Team.Listen = addresses[0], addresses[1] })
	if _, err := Open(t.Context(), cfg, quiet()); !errors.Is(err, postgres.ErrSchema) {
		t.Fatalf("a database that was never migrated: %v", err)
	}
	if n, err := Migrate(t.Context(), cfg, time.Now()); err != nil || n == 0 {
		t.Fatalf("%d migrations, %v", n, err)
	}
	p, err := Open(t.Context(), cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	for _, a := range addresses {
		awaitAnswer(t, "http://"+a+"/healthz", ended)
	}
	if status := get(t, "http://"+addresses[1]+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("without Temporal it is ready: %d", status)
	}
	c, err := client.New("http://"+addresses[0], "the token of the shop")
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.Submit(t.Context(), client.Intake{Right: dsr.Erasure, Elements: client.Elements{Email: "marie@lumiere.test", AccountName: "lumiere"}})
	if err != nil {
		t.Fatal(err)
	}
	due, err := p.db.ClaimSignals(t.Context(), 10, time.Minute)
	if err != nil || len(due) != 1 || due[0].RequestID != receipt.RequestID {
		t.Errorf("the order to start its workflow: %+v, %v", due, err)
	}
	team, err := client.New("http://"+addresses[1], "the token")
	if err != nil {
		t.Fatal(err)
	}
	d, err := team.Show(t.Context(), receipt.Reference)
	if err != nil || d.Channel != dsr.API || d.State != dsr.Received || d.Intake == nil {
		t.Errorf("%+v, %v", d, err)
	}
	var refused *client.Error
	if _, err := c.Show(t.Context(), receipt.Reference); !errors.As(err, &refused) {
		t.Errorf("the public listener shows requests: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("asked to stop, it ended with %v", err)
	}
}

func get(t testing.TB, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// awaitAnswer waits until a page answers.
func awaitAnswer(t testing.TB, url string, ended <-chan error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for get(t, url) != http.StatusOK {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-tick.C:
		}
	}
}
