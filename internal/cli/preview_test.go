package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

// previewMap is a data map with every treatment.
const previewMap = `dataset:
  - fides_key: shop
    collections:
      - name: accounts
        habeas: {erasure: delete, subject: true, restriction: {field: blocked}}
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas: {rectify: true}}
          - {name: nickname, data_categories: [user.name], fides_meta: {identity: account_name}, habeas: {rectify: {max_length: 40}}}
          - {name: password, data_categories: [user.authorization.password]}
          - {name: blocked}
          - {name: home, fides_meta: {references: [{dataset: shop, field: homes.id, direction: to}]}}
      - name: homes
        habeas: {erasure: delete}
        fields: [{name: id, fides_meta: {primary_key: true}}, {name: street, data_categories: [user.contact.address]}]
      - name: visits
        habeas: {erasure: anonymise}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account, fides_meta: {references: [{dataset: shop, field: accounts.id, direction: from}]}}
          - {name: ip, data_categories: [user.device.ip_address], habeas: {anonymise: {strategy: partial, keep: network}}}
          - {name: device, data_categories: [user.device], habeas: {anonymise: {strategy: pseudonym, basis: statistics, citation: GDPR Art. 89}}}
      - name: bills
        habeas: {erasure: retain, retention: invoices, retain_from: issued, basis: accounting}
        fields: [{name: account, fides_meta: {references: [{dataset: shop, field: accounts.id, direction: from}]}}, {name: issued}]
      - name: notices
        habeas: {erasure: leave}
        fields: [{name: account, fides_meta: {references: [{dataset: shop, field: accounts.id, direction: from}]}}, {name: text}]
      - name: letters
        habeas: {erasure: delete}
        fields: [{name: address, data_categories: [user.contact.email], fides_meta: {identity: email}}]
      - name: calls
        habeas: {erasure: delete}
        fields: [{name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone}}]
      - name: households
        habeas: {erasure: delete}
        fields: [{name: mailing, data_categories: [user.contact.address], fides_meta: {identity: mailing_address}}]
`

// Every value begins with "canary", so that one that is printed is found.
const previewRows = `
CREATE TABLE homes (id text PRIMARY KEY, street text);
CREATE TABLE accounts (id text PRIMARY KEY, email text, nickname text, password text, blocked boolean, home text REFERENCES homes);
CREATE TABLE visits (id int PRIMARY KEY, account text, ip text, device text);
CREATE TABLE bills (account text, issued date);
CREATE TABLE notices (account text, text text);
CREATE TABLE letters (address text);
CREATE TABLE calls (phone text);
CREATE TABLE households (mailing text);
INSERT INTO homes VALUES ('canary-h', 'canary-street'), ('canary-i', 'canary-lane');
INSERT INTO accounts VALUES ('canary-1', 'canary-ada@a.test', 'canary-ada', 'canary-secret', false, 'canary-h'), ('canary-2', 'canary-bob@a.test', 'canary-bob', 'canary-secret', false, 'canary-h'),
	('canary-3', 'canary-eve@a.test', E'canary-eve\u009b31m\x1b', 'canary-secret', false, 'canary-i'), ('canary-4', 'canary-eve@a.test', 'canary-eva', 'canary-secret', false, NULL);
INSERT INTO visits VALUES (1, 'canary-1', '192.0.2.1', 'canary-device'), (2, 'canary-1', '192.0.2.2', NULL), (3, 'canary-2', '192.0.2.3', 'canary-device');
INSERT INTO bills VALUES ('canary-1', '2050-05-05'), ('canary-1', '2052-05-05'), ('canary-1', '2001-05-05'), ('canary-2', '2050-05-05');
INSERT INTO notices VALUES ('canary-1', 'canary-notice');
INSERT INTO letters VALUES ('canary-ada@a.test'), ('canary-eve@a.test'), ('canary-zoe@a.test')`

// previewed is a shop whose data is opened by a role that may only read.
type previewed struct {
	config string
	in     input
	admin  *pgx.Conn
}

func newPreviewed(t *testing.T) previewed {
	t.Helper()
	p := previewed{config: configuration(t)}
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.config), "map.yml"), []byte(previewMap), 0o600); err != nil {
		t.Fatal(err)
	}
	url := shop(t, previewRows)
	var err error
	if p.admin, err = pgx.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	c := p.admin.Config()
	role := "reader_" + c.Database
	t.Cleanup(func() { _ = p.admin.Close(t.Context()) })
	// A test before may have had the same database.
	if _, err := p.admin.Exec(t.Context(), fmt.Sprintf(`DROP ROLE IF EXISTS %[1]s; CREATE ROLE %[1]s LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA public TO %[1]s;
		GRANT SELECT ON ALL TABLES IN SCHEMA public TO %[1]s`, role)); err != nil {
		t.Fatal(err)
	}
	p.in.environ = []string{fmt.Sprintf("HABEAS_STORE_SHOP_URL=postgres://%s:p@%s:%d/%s", role, c.Host, c.Port, c.Database)}
	return p
}

func (p previewed) run(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, p.in, append([]string{"preview", "-c", p.config}, args...)...)
}

// content is all that the shop holds.
func (p previewed) content(t *testing.T) string {
	t.Helper()
	var all string
	err := p.admin.QueryRow(t.Context(), `SELECT string_agg(t, E'\n' ORDER BY t) FROM (SELECT a::text AS t FROM accounts a UNION ALL SELECT h::text FROM homes h UNION ALL
		SELECT v::text FROM visits v UNION ALL SELECT b::text FROM bills b UNION ALL SELECT n::text FROM notices n UNION ALL SELECT l::text FROM letters l) AS all_rows`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var hexDigest = regexp.MustCompile(`[0-9a-f]{64}`)

// TestPreview: what each right would do, word for word and as JSON; nothing of it is
// a value of a row, and nothing changes.
func TestPreview(t *testing.T) {
	t.Parallel()
	p := newPreviewed(t)
	before := p.content(t)
	var golden strings.Builder
	ask := func(args ...string) result {
		t.Helper()
		r := p.run(t, args...)
		fmt.Fprintf(&golden, "$ habeas preview %s\n%s[exit code %d]\n\n", strings.ReplaceAll(strings.Join(args, " "), "canary-", ""), r.out, r.code)
		if strings.Contains(r.out+r.err, "canary") {
			t.Errorf("%v: a value was printed:\n%s", args, r.out+r.err)
		}
		return r
	}
	for _, right := range []string{"erasure", "access", "rectification", "restriction"} {
		ask("--right", right, "--identity", "email=canary-ada@a.test").ends(t, cli.ExitOK)
	}
	ask("--right", "erasure", "--identity", "account_name=canary-eva").ends(t, cli.ExitOK)
	ask("--right", "access", "--identity", "email=canary-eve@a.test").ends(t, cli.ExitOK)
	ask("--right", "access", "--identity", "email=canary-eve@a.test", "--identity", "account_name=canary-eva").ends(t, cli.ExitOK)
	ask("--right", "access", "--identity", "email=canary-zoe@a.test").ends(t, cli.ExitOK)
	ask("--right", "access", "--identity", "email=canary-nobody@a.test").ends(t, cli.ExitNotFound)
	ask("--right", "access", "--identity", "email=canary-ada@a.test", "--identity", "account_name=canary-bob").ends(t, cli.ExitNotFound)
	ask("--right", "access", "--identity", "email=canary-zoe@a.test", "--identity", "phone=canary").ends(t, cli.ExitNotFound)
	first := ask("--right", "erasure", "--identity", "email=canary-ada@a.test", "--json")
	if again := p.run(t, "--right", "erasure", "--identity", "email=canary-ada@a.test", "--json"); again.out != first.out {
		t.Errorf("another document the second time: %s", cmp.Diff(first.out, again.out))
	}
	p.run(t, "--right", "access", "--identity", "shoe_size=42").ends(t, cli.ExitUsage, "shoe_size", "account_name, email, mailing_address, phone")
	p.run(t, "--right", "access", "--identity", "mailing_address=x").ends(t, cli.ExitUsage, "share")
	if p.content(t) != before {
		t.Error("something changed")
	}
	const file = "testdata/preview.golden"
	got := hexDigest.ReplaceAllString(golden.String(), "DIGEST")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-golden +said; -update writes it anew)\n%s", diff)
	}
}

// TestPreviewRows: rows are printed when they are asked for, with a notice; secret
// fields never, and neither rows that may be others'.
func TestPreviewRows(t *testing.T) {
	t.Parallel()
	p := newPreviewed(t)
	before := p.content(t)
	r := p.run(t, "--right", "erasure", "--identity", "email=canary-ada@a.test", "--rows", "--limit", "2")
	r.ends(t, cli.ExitOK, "Personal data follows", `nickname: "canary-ada"`, `ip: "192.0.2.1"`, "more than 2: see --limit", `address: "canary-ada@a.test"`)
	for _, never := range []string{"canary-secret", "canary-bob", "canary-street", "canary-notice", "192.0.2.3"} {
		if strings.Contains(r.out, never) {
			t.Errorf("%s was printed:\n%s", never, r.out)
		}
	}
	r = p.run(t, "--right", "access", "--identity", "email=canary-eve@a.test", "--rows")
	r.ends(t, cli.ExitOK, "Account 2 of 2", "canary-eva", `canary-eve\u009b31m\x1b`)
	if strings.ContainsAny(r.out, "\u009b\x1b") || strings.Count(r.out, "address:") != 0 {
		t.Errorf("a terminal would obey it, or somebody else's letter was printed:\n%s", r.out)
	}
	var document struct {
		Notice string
		Plans  []struct {
			Account, Digest string
			Lines           []dsr.PlanLine
		}
		Rows []struct {
			Plan              int
			Store, Collection string
			Rows              []map[string]any
			More              bool
		}
	}
	r = p.run(t, "--right", "access", "--identity", "email=canary-ada@a.test", "--rows", "--limit", "1", "--json")
	r.json(t, &document)
	var got []string
	for _, c := range document.Rows {
		got = append(got, fmt.Sprintf("%s %d %v", c.Collection, len(c.Rows), c.More))
	}
	if diff := cmp.Diff([]string{"accounts 1 false", "letters 1 false", "visits 1 true", "bills 1 true"}, got); diff != "" || document.Notice == "" || len(document.Plans) != 1 {
		t.Errorf("%s\n%s", diff, r.out)
	}
	if strings.Contains(r.out, "canary-secret") || document.Rows[0].Rows[0]["blocked"] != false {
		t.Error(r.out)
	}
	if r = p.run(t, "--right", "access", "--identity", "email=canary-nobody@a.test", "--rows", "--json"); r.code != cli.ExitNotFound || !json.Valid([]byte(r.out)) {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
	if p.content(t) != before {
		t.Error("something changed")
	}
}

// TestPreviewSaysWhatIsObserved: and does without the database of Habeas, but not
// without the stores.
func TestPreviewSaysWhatIsObserved(t *testing.T) {
	t.Parallel()
	p := newPreviewed(t)
	args := []string{"--right", "erasure", "--identity", "email=canary-ada@a.test"}
	p.run(t, args...).ends(t, cli.ExitOK, "shop: whether it may be written to is not known")
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.config), "url"), []byte(postgrestest.URL(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, p.in, "migrate", "-c", p.config).ends(t, cli.ExitOK)
	p.run(t, args...).ends(t, cli.ExitOK, "shop: observed, never written to until an approver enables it")
	p.in = input{environ: []string{"HABEAS_STORE_SHOP_URL=postgres://canary:canary@127.0.0.1:1/canary"}}
	if r := p.run(t, args...); r.code != cli.ExitUnavailable || strings.Contains(r.out+r.err, "canary") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}
