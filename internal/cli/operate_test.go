package cli_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
	"github.com/soffiah/habeas/internal/vault"
)

func TestKeyNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master-key")
	r := run(t, input{}, "key", "new", path)
	r.ends(t, cli.ExitOK, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if master, err := vault.LoadMaster("", path); err != nil || master.Demo() {
		t.Errorf("it is no key for production: %v", err)
	}
	if strings.Contains(r.out+r.err, strings.TrimSpace(string(before))) {
		t.Error("the key was printed")
	}
	run(t, input{}, "key", "new", path).ends(t, cli.ExitFailed, path)
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("a key was overwritten: %v", err)
	}
	run(t, input{}, "key", "new", filepath.Join(path, "below", "a", "file")).ends(t, cli.ExitFailed)
	var said map[string]string
	other := filepath.Join(t.TempDir(), "other")
	if run(t, input{}, "--json", "key", "new", other).json(t, &said); said["file"] != other {
		t.Errorf("%v", said)
	}
}

func TestConfigurationThatIsWrong(t *testing.T) {
	t.Parallel()
	path := write(t, "habeas.yaml", "temporal:\n  adress: x\nlog:\n  level: loud\nlimits:\n  body_bytes: many\n")
	for _, command := range []string{"server", "worker", "migrate", "check"} {
		r := run(t, input{}, command, "-c", path)
		r.ends(t, cli.ExitUsage, path+":2", "adress", path+":4", "log.level", path+":6", "database.url", "master_key", "mail")
		if r.out != "" {
			t.Errorf("%s says something all the same: %s", command, r.out)
		}
		r = run(t, input{}, command, "-c", path, "--json")
		if text := r.complaint(t); r.code != cli.ExitUsage || !strings.Contains(text, "adress") || !strings.Contains(text, "log.level") {
			t.Errorf("%s --json: %d %s", command, r.code, text)
		}
		run(t, input{environ: []string{"HABEAS_CONFIG=" + path}}, command).ends(t, cli.ExitUsage, path+":2")
		missing := filepath.Join(t.TempDir(), "absent.yaml")
		run(t, input{}, command, "-c", missing).ends(t, cli.ExitUsage, missing, "--config")
	}
}

// configuration writes a configuration that is right, of servers that are not there.
func configuration(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name, content string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	put("master-key", key)
	put("policy.yaml", string(policy))
	put("password", "canary-password")
	put("url", "postgres://habeas:canary-password@127.0.0.1:1/habeas")
	put("map.yml", "dataset:\n  - fides_key: shop\n    collections:\n      - name: accounts\n        fields:\n"+
		"          - name: id\n            data_categories: [user.unique_id]\n            fides_meta: {primary_key: true, identity: account_name}\n"+
		"          - name: email\n            data_categories: [user.contact.email]\n            fides_meta: {identity: email}\n")
	return filepath.Join(dir, put("habeas.yaml", `
database: {url_file: url}
temporal: {address: "127.0.0.1:1"}
master_key: {file: master-key}
public: {url: "https://privacy.example"}
mail:
  from: Shop <privacy@shop.example>
  smtp: {address: "127.0.0.1:1", tls: none}
  mailboxes:
    - {name: privacy, address: privacy@shop.example, imap: {address: "127.0.0.1:1", tls: none, username: privacy, password_file: password}}
stores:
  - {name: shop, kind: postgres, dataset: shop, url_file: url}
datasets: [map.yml]
policies: [policy.yaml]
`))
}

// TestServersThatAreAway: the configuration is right, and trying again may help.
func TestServersThatAreAway(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	for _, command := range []string{"server", "worker", "migrate"} {
		r := run(t, input{}, command, "-c", path)
		r.ends(t, cli.ExitUnavailable)
		if strings.Contains(r.out+r.err, "canary") {
			t.Errorf("a password was printed: %s", r.err)
		}
	}
}

// TestCheck tells every part that is wrong, and which are right.
func TestCheck(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	r := run(t, input{}, "check", "-c", path, "--json")
	var findings []struct {
		Part, Says, Hint string
		OK               bool
	}
	r.json(t, &findings)
	if r.complaint(t); r.code != cli.ExitFailed {
		t.Errorf("exit code %d", r.code)
	}
	got := map[string]bool{}
	for _, f := range findings {
		got[f.Part] = f.OK
		if strings.Contains(f.Says+f.Hint, "canary") {
			t.Errorf("a password was printed: %+v", f)
		}
	}
	for part, ok := range map[string]bool{
		"master key": true, "database": false, "temporal": false, "smtp": false, "mailbox privacy": false, "policy": true, "data map": true, "store shop": false,
	} {
		if found, known := got[part]; !known || found != ok {
			t.Errorf("%s: ok %v, known %v; want %v", part, found, known, ok)
		}
	}
}

func TestCertificateVerify(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	document, err := audit.Sign(audit.Certificate{
		Kind: audit.CertificateKind, RequestID: "r", Reference: "H-7K3M-9QXT", Outcome: "erased", VerifiedAt: time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC),
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	good, bad := write(t, "good.json", string(document)), write(t, "bad.json", strings.Replace(string(document), "erased", "eroded", 1))
	run(t, input{}, "certificate", "verify", good).ends(t, cli.ExitOK, "H-7K3M-9QXT")
	run(t, input{stdin: string(document)}, "certificate", "verify", "-").ends(t, cli.ExitOK, "H-7K3M-9QXT")
	run(t, input{}, "certificate", "verify", bad).ends(t, cli.ExitFailed, "signature")
	run(t, input{}, "certificate", "verify", filepath.Join(t.TempDir(), "absent")).ends(t, cli.ExitUsage, "absent")
	var said struct {
		Valid              bool
		Reference, Outcome string
	}
	r := run(t, input{}, "certificate", "verify", good, "--json")
	r.ends(t, cli.ExitOK)
	if r.json(t, &said); !said.Valid || said.Reference != "H-7K3M-9QXT" || said.Outcome != "erased" {
		t.Errorf("%+v", said)
	}
	if r := run(t, input{}, "certificate", "verify", bad, "--json"); r.out != "" || r.complaint(t) == "" {
		t.Errorf("%+v", r)
	}
}

// TestMigrate: server and worker never migrate by themselves, and take no database
// that belongs to another key.
func TestMigrate(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	url := postgrestest.URL(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "url"), []byte(url), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"server", "worker"} {
		run(t, input{}, command, "-c", path).ends(t, cli.ExitFailed, "habeas migrate")
	}
	run(t, input{}, "migrate", "-c", path).ends(t, cli.ExitOK, "Applied ", "up to date")
	run(t, input{}, "migrate", "-c", path).ends(t, cli.ExitOK, "The database is up to date.")
	var said map[string]int
	r := run(t, input{}, "migrate", "-c", path, "--json")
	if r.json(t, &said); said["applied"] != 0 || r.code != cli.ExitOK {
		t.Errorf("%v", said)
	}
	var findings []struct {
		Part string
		OK   bool
	}
	run(t, input{}, "check", "-c", path, "--json").json(t, &findings)
	for _, f := range findings {
		if f.Part == "database" && !f.OK {
			t.Error("check does not find the database that was migrated")
		}
	}
	key, err := vault.GenerateMaster(false)
	if err != nil {
		t.Fatal(err)
	}
	other := input{environ: []string{"HABEAS_MASTER_KEY=" + key}}
	for _, command := range []string{"server", "worker", "migrate", "check"} {
		r := run(t, other, command, "-c", path)
		r.ends(t, cli.ExitFailed, "master key")
		if strings.Contains(r.out+r.err, key) || strings.Contains(r.out+r.err, url) {
			t.Errorf("%s: a secret was printed: %s", command, r.err)
		}
	}
}
