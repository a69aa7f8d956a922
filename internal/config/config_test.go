package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whole is settings with which nothing is wrong, for a folder made by house.
const whole = `
installation: {kind: production}
database:
  url: postgres://habeas@db:5432/habeas
temporal:
  address: temporal:7233
  namespace: habeas
  task_queue: habeas
master_key:
  file: master.key
public:
  listen: ":8080"
  url: https://privacy.soffiah.com
team:
  listen: 127.0.0.1:8081
  url: http://localhost:8081
trusted_proxies: [10.0.0.0/24, 10.0.1.7]
tokens:
  - name: team
    role: viewer
    sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
mail:
  from: Soffiah <info@soffiah.com>
  smtp:
    address: smtp.soffiah.com:465
    tls: implicit
    username: info
    password_file: smtp.password
  mailboxes:
    - name: privacy
      address: info@soffiah.com
      imap:
        address: imap.soffiah.com:993
        username: info
        password_file: imap.password
  authserv_ids: [mx.soffiah.com]
stores:
  - name: app
    kind: postgres
    dataset: soffiah_app
    url_file: app.url
  - name: uploads
    kind: s3
    dataset: soffiah_uploads
    mode: observe
    endpoint: https://s3.eu-west-3.amazonaws.com
    region: eu-west-3
    bucket: uploads
    access_key: AKIA
    secret_key_file: s3.key
  - name: letters
    kind: imap
    dataset: soffiah_letters
    imap:
      address: imap.soffiah.com:143
      tls: starttls
      username: info
      password_file: imap.password
    folders: [INBOX, Archive]
datasets: [app.yml]
policies: [policy.yaml]
log: {level: debug, format: text}
limits:
  body_bytes: 4096
  requests_per_hour_per_address: 7
  requests_per_hour_per_email: 3
`

// house makes a folder with the files that whole names.
func house(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"master.key": "not read here", "smtp.password": "smtp-secret\n", "imap.password": " imap-secret ",
		"app.url": "postgres://app:app-secret@db:5432/app\n", "s3.key": "s3-secret", "app.yml": "x", "policy.yaml": "x",
		"empty": "\n", "digest": strings.Repeat("b", 64) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func parse(t testing.TB, text string, environ ...string) (*Config, error) {
	t.Helper()
	return Parse("habeas.yaml", []byte(text), house(t), environ)
}

func mustParse(t testing.TB, text string, environ ...string) *Config {
	t.Helper()
	c, err := parse(t, text, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	t.Parallel()
	dir := house(t)
	got, err := Parse("habeas.yaml", []byte(whole), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	imap := IMAP{Address: "imap.soffiah.com:993", TLS: TLSImplicit, Auth: AuthPassword, Username: "info", Password: "imap-secret", PasswordFile: "imap.password"}
	letters := imap
	letters.Address, letters.TLS = "imap.soffiah.com:143", TLSStart
	want := &Config{
		Installation:   Installation{Production},
		Database:       Database{URL: "postgres://habeas@db:5432/habeas"},
		Temporal:       Temporal{Address: "temporal:7233", Namespace: "habeas", TaskQueue: "habeas"},
		MasterKey:      MasterKey{File: in("master.key")},
		Public:         Listener{":8080", "https://privacy.soffiah.com"},
		Team:           Listener{"127.0.0.1:8081", "http://localhost:8081"},
		TrustedProxies: []string{"10.0.0.0/24", "10.0.1.7"},
		Tokens:         []Token{{Name: "team", Role: Viewer, SHA256: strings.Repeat("a", 64)}},
		Mail: Mail{
			From:        "Soffiah <info@soffiah.com>",
			SMTP:        SMTP{Address: "smtp.soffiah.com:465", TLS: TLSImplicit, Auth: AuthPassword, Username: "info", Password: "smtp-secret", PasswordFile: "smtp.password"},
			Mailboxes:   []Mailbox{{Name: "privacy", Address: "info@soffiah.com", IMAP: imap, Folders: []string{"INBOX"}, Mark: MarkKeyword}},
			AuthservIDs: []string{"mx.soffiah.com"}, BorderLayout: BorderStandard,
		},
		Stores: []Store{
			{Name: "app", Kind: Postgres, Dataset: "soffiah_app", Mode: Observe, URL: "postgres://app:app-secret@db:5432/app", URLFile: "app.url"},
			{Name: "uploads", Kind: S3, Dataset: "soffiah_uploads", Mode: Observe, Endpoint: "https://s3.eu-west-3.amazonaws.com",
				Region: "eu-west-3", Bucket: "uploads", AccessKey: "AKIA", SecretKey: "s3-secret", SecretKeyFile: "s3.key"},
			{Name: "letters", Kind: IMAPMail, Dataset: "soffiah_letters", Mode: Observe, IMAP: letters, Folders: []string{"INBOX", "Archive"}},
		},
		Datasets: []string{in("app.yml")},
		Policies: []string{in("policy.yaml")},
		Log:      Log{"debug", "text"},
		Limits:   Limits{4096, 7, 3, 100, 20, 50},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	text := without(t, whole, "installation: ", "team:\n  listen: 127.0.0.1:8081\n  url: http://localhost:8081\n", "temporal:\n  address: temporal:7233\n  namespace: habeas\n  task_queue: habeas\n", "log: ", "    tls: implicit\n")
	text = text[:strings.Index(text, "limits:")]
	got, want := mustParse(t, text), defaults()
	if got.Installation != want.Installation || got.Team != want.Team || got.Temporal != want.Temporal || got.Log != want.Log || got.Limits != want.Limits || got.Mail.SMTP.TLS != TLSStart {
		t.Errorf("got %+v", got)
	}
	if got.Team.Listen != "127.0.0.1:8081" || len(mustParse(t, without(t, text, "trusted_proxies: ")).TrustedProxies) != 0 {
		t.Error("the team's pages are open, or a proxy is trusted")
	}
}

// without removes pieces of text; one that ends without a line break stands for
// its whole line.
func without(t testing.TB, text string, pieces ...string) string {
	t.Helper()
	for _, piece := range pieces {
		from := strings.Index(text, piece)
		if from < 0 {
			t.Fatalf("the settings do not hold %q", piece)
		}
		to := from + len(piece)
		if !strings.HasSuffix(piece, "\n") {
			to = from + strings.Index(text[from:], "\n") + 1
		}
		text = text[:from] + text[to:]
	}
	return text
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := house(t)
	path := filepath.Join(dir, "habeas.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, nil)
	if err != nil || c.Policies[0] != filepath.Join(dir, "policy.yaml") {
		t.Errorf("got %v", err)
	}
	_, err = Load(filepath.Join(dir, "absent.yaml"), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "reading the settings (name them with --config or HABEAS_CONFIG): open ") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentWins(t *testing.T) {
	t.Parallel()
	c := mustParse(t, whole,
		"HABEAS_INSTALLATION=demo", "HABEAS_DATABASE_URL=postgres://a:b@c/d", "HABEAS_TEMPORAL_ADDRESS=other:7233",
		"HABEAS_MASTER_KEY=habeas-demo-key:v1:x", "HABEAS_PUBLIC_URL=https://other.example.org", "HABEAS_TEAM_LISTEN=:9000",
		"HABEAS_TRUSTED_PROXIES=10.9.0.0/16, 10.8.0.1", "HABEAS_SMTP_PASSWORD=p1", "HABEAS_MAILBOX_PRIVACY_PASSWORD=p2",
		"HABEAS_STORE_APP_URL=postgres://e:f@g/h", "HABEAS_STORE_UPLOADS_SECRET_KEY=p3", "HABEAS_STORE_LETTERS_PASSWORD=p4",
		"HABEAS_LOG_LEVEL=error", "HABEAS_LOG_FORMAT=", "PATH=/bin", "TEMPORAL_ADDRESS=elsewhere:1")
	got := []string{
		string(c.Installation.Kind), c.Database.URL.Reveal(), c.Temporal.Address, c.MasterKey.Text.Reveal(), c.Public.URL, c.Team.Listen,
		strings.Join(c.TrustedProxies, " "), c.Mail.SMTP.Password.Reveal(), c.Mail.Mailboxes[0].IMAP.Password.Reveal(),
		c.Stores[0].URL.Reveal(), c.Stores[1].SecretKey.Reveal(), c.Stores[2].IMAP.Password.Reveal(), c.Log.Level, c.Log.Format,
	}
	want := []string{
		"demo", "postgres://a:b@c/d", "other:7233", "habeas-demo-key:v1:x", "https://other.example.org", ":9000",
		"10.9.0.0/16 10.8.0.1", "p1", "p2", "postgres://e:f@g/h", "p3", "p4", "error", "text",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Of a secret's own variable, a variable that names a file, and the settings, the
// first wins.
func TestSecretPrecedence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ []string
		want    string
	}{
		{nil, "smtp-secret"},
		{[]string{"HABEAS_SMTP_PASSWORD_FILE=imap.password"}, "imap-secret"},
		{[]string{"HABEAS_SMTP_PASSWORD_FILE=imap.password", "HABEAS_SMTP_PASSWORD=direct"}, "direct"},
	} {
		if got := mustParse(t, whole, test.environ...).Mail.SMTP.Password.Reveal(); got != test.want {
			t.Errorf("%v: got %s, want %s", test.environ, got, test.want)
		}
	}
	// The variable also spares the file.
	if c := mustParse(t, strings.Replace(whole, "master.key", "absent.key", 1), "HABEAS_MASTER_KEY=k"); c.MasterKey.Text != "k" {
		t.Error("the master key of the environment does not count")
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	t.Parallel()
	for _, v := range Variables() {
		for _, name := range []string{"PRIVACY", "APP"} {
			variable := strings.Replace(v.Name, "_NAME_", "_"+name+"_", 1)
			_, err := parse(t, whole, variable+"=x")
			if err != nil && strings.Contains(err.Error(), "is not a variable that Habeas reads") && (name == "APP") == strings.Contains(v.Name, "_STORE_") {
				t.Errorf("%s is listed but not read", variable)
			}
		}
	}
}

func TestVariablesOfOthers(t *testing.T) {
	t.Parallel()
	mustParse(t, whole, "HABEAS_CONFIG=/etc/habeas.yaml", "HABEAS_CACHE=/tmp", "HABEAS_SERVICE_HOST=10.0.0.1", "HABEAS_PORT=tcp://10.0.0.1:80",
		"HABEAS_SERVICE_PORT_HTTP=80", "HABEAS_WEB_PORT_8080_TCP_ADDR=10.0.0.1", "HABEAS_WEB_SERVICE_PORT=80")
	_, err := parse(t, whole, "HABEAS_DATABASE_ULR=x", "HABEAS_STORE_ABSENT_URL=postgres://secret")
	want := `environment variable HABEAS_DATABASE_ULR: is not a variable that Habeas reads (remove it, or correct its name; names of data stores and mailboxes stand in it in capitals)
environment variable HABEAS_STORE_ABSENT_URL: is not a variable that Habeas reads (remove it, or correct its name; names of data stores and mailboxes stand in it in capitals)`
	if err == nil {
		t.Fatal("accepted")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenDigestFromFile(t *testing.T) {
	t.Parallel()
	text := strings.Replace(whole, "sha256: "+strings.Repeat("a", 64), "sha256_file: digest", 1)
	if got := mustParse(t, text).Tokens[0].SHA256; got != strings.Repeat("b", 64) {
		t.Errorf("got %s", got)
	}
}

// TestXOAuth2: tokens come from a file or under a grant, and nothing is given twice.
func TestXOAuth2(t *testing.T) {
	t.Parallel()
	login := func(oauth2 string) string {
		return strings.Replace(whole, "    username: info\n    password_file: smtp.password\n", "    auth: xoauth2\n    username: info\n"+oauth2, 1)
	}
	dir := house(t)
	c, err := Parse("habeas.yaml", []byte(login("    oauth2: {token_file: s3.key}\n")), dir, nil)
	if err != nil || c.Mail.SMTP.Auth != AuthXOAuth2 || c.Mail.SMTP.OAuth2 != (OAuth2{TokenFile: filepath.Join(dir, "s3.key")}) {
		t.Errorf("%v, %+v", err, c)
	}
	grant := "    oauth2: {token_url: 'https://login.example.org/token', client_id: habeas, client_secret_file: s3.key, refresh_token_file: empty, scope: mail}\n"
	c, err = Parse("habeas.yaml", []byte(login(grant)), dir, nil)
	if err != nil || c.Mail.SMTP.OAuth2.RefreshTokenFile != filepath.Join(dir, "empty") {
		t.Errorf("%v, %+v", err, c)
	}
	for oauth2, want := range map[string]string{
		"":                                   "mail.smtp.oauth2.token_file: is missing (name a file that another program keeps fresh, or give token_url, client_id and client_secret_file or refresh_token_file)",
		"    oauth2: {token_file: absent}\n": "mail.smtp.oauth2.token_file: names a file that does not exist (paths start at the folder of this file)",
		"    oauth2: {token_file: s3.key, client_id: x}\n":                                                 "mail.smtp.oauth2.token_file: is given beside a grant (keep token_file, or token_url and what belongs to it)",
		"    oauth2: {token_url: 'http://login.example.org/', client_id: x, client_secret_file: s3.key}\n": "mail.smtp.oauth2.token_url: is not an https address (such as https://login.microsoftonline.com/TENANT/oauth2/v2.0/token or https://oauth2.googleapis.com/token)",
		"    oauth2: {token_url: 'https://login.example.org/', client_secret_file: s3.key}\n":              "mail.smtp.oauth2.client_id: is missing",
		"    oauth2: {token_url: 'https://login.example.org/', client_id: x}\n":                            "mail.smtp.oauth2.client_secret_file: is missing (name it, or refresh_token_file)",
		"    password_file: smtp.password\n    oauth2: {token_file: s3.key}\n":                             "mail.smtp.password_file: is given, yet auth is xoauth2 (remove it, or unset HABEAS_SMTP_PASSWORD)",
	} {
		if _, err := Parse("habeas.yaml", []byte(login(oauth2)), dir, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", oauth2, err, want)
		}
	}
	for change, want := range map[[2]string]string{
		{"      tls: starttls", "      tls: starttls\n      oauth2: {token_file: s3.key}"}: "stores[2].imap.oauth2: has settings, yet auth is not xoauth2 (write auth: xoauth2, or remove them)",
		{"        username: info", "        auth: kerberos\n        username: info"}:       "mail.mailboxes[0].imap.auth: must be one of password, xoauth2",
	} {
		if _, err := parse(t, strings.Replace(whole, change[0], change[1], 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRedacted(t *testing.T) {
	t.Parallel()
	c := mustParse(t, whole, "HABEAS_DATABASE_URL=postgres://user:db-secret@db:5432/habeas?sslpassword=db-secret", "HABEAS_MASTER_KEY=key-secret")
	text, err := c.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	for name, dump := range map[string]string{"yaml": text, "%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", *c)} {
		if strings.Contains(dump, "secret@") || strings.Contains(dump, "-secret") {
			t.Errorf("%s shows a secret:\n%s", name, dump)
		}
	}
	if !strings.Contains(text, "url: postgres://db:5432/habeas\n") || !strings.Contains(text, "password_file: smtp.password") {
		t.Errorf("the dump does not say where things are:\n%s", text)
	}
}

func TestSecretURLHidesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[SecretURL]string{"": "", "host=db password=x": redacted, "postgres://u:p@h/d?x#y": "postgres://h/d", "%zz": redacted} {
		if text.String() != want {
			t.Errorf("%d bytes print as %s, want %s", len(text), text, want)
		}
	}
	if Secret("").String() != "" || Secret("x").String() != redacted {
		t.Error("a secret shows, or its absence does not")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole), "HABEAS_TRUSTED_PROXIES=10.0.0.1")
	f.Add([]byte("stores: [{kind: s3, url: 'postgres://a:b@c/d'}]\nmaster_key: habeas-master-key:v1:x"), "HABEAS_TEAM_LISTEN=x")
	f.Add([]byte("tokens: [{sha256_file: /dev/zero}]\ndatasets: [.., '']"), "HABEAS_STORE__URL=%zz")
	dir := house(f)
	f.Fuzz(func(t *testing.T, data []byte, variable string) {
		c, err := Parse("f", data, dir, []string{variable, "HABEAS_SMTP_PASSWORD=canary-secret"})
		switch {
		case err != nil && (c != nil || err.Error() == "" || strings.Contains(err.Error(), "canary-secret")):
			t.Fatalf("a bad error: %v", err)
		case err == nil:
			if text, err := c.Redacted(); err != nil || strings.Contains(text, "canary-secret") {
				t.Fatalf("a bad dump: %v", err)
			}
		}
	})
}
