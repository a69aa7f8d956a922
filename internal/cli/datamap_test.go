package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

// mapReport is what `datamap check --json` prints.
type mapReport struct {
	OK          bool
	Datasets    int
	Collections int
	Live        bool
	Findings    []catalogue.Finding
}

func (r mapReport) codes() []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Code+" "+f.Collection+"."+f.Field)
	}
	return all
}

func TestDatamapCheck(t *testing.T) {
	t.Parallel()
	run(t, input{}, "datamap", "check", "../../examples/soffiah/datasets").ends(t, cli.ExitOK, "is right", "4 dataset(s)", "17 collection(s)")
	run(t, input{}, "datamap", "check", "-c", configuration(t)).ends(t, cli.ExitOK, "1 dataset(s)")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yml":     "dataset:\n  - fides_key: a\n    collections:\n      - name: c\n        habeas: {erasuer: delete}\n        fields: [{name: f}, {name: f}]\n",
		"b.yaml":    "dataset:\n\t- x\n",
		"notes.txt": "no map at all",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, input{}, "datamap", "check", dir).ends(t, cli.ExitFailed, filepath.Join(dir, "a.yml")+":5: error: ", `"erasuer"`, filepath.Join(dir, "a.yml")+":6: error: ", "→ known are", filepath.Join(dir, "b.yaml")+":2: error: ", "3 thing(s) wrong")
	r := run(t, input{}, "--json", "datamap", "check", dir)
	var report mapReport
	r.json(t, &report)
	if r.complaint(t); r.code != cli.ExitFailed || report.OK || len(report.Findings) != 3 || report.Findings[0].Line != 5 || report.Findings[0].Hint == "" || report.Findings[0].Level != catalogue.Error {
		t.Errorf("exit code %d, %+v", r.code, report)
	}
	run(t, input{}, "datamap", "check", filepath.Join(dir, "absent")).ends(t, cli.ExitUsage, "absent")
	run(t, input{}, "datamap", "check", t.TempDir()).ends(t, cli.ExitUsage, "no file")
}

// shop makes a database with what the map of configuration says, and more.
func shop(t *testing.T, schema string) (url string) {
	t.Helper()
	url = postgrestest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return url
}

// TestDatamapCheckLive: a new column with personal data fails the build of who runs
// this in CI, by its name or by its values, which are never printed.
func TestDatamapCheckLive(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	url := shop(t, "CREATE TABLE accounts (id text PRIMARY KEY, email text)")
	in := input{environ: []string{"HABEAS_STORE_SHOP_URL=" + url}}
	run(t, in, "datamap", "check", "--live", "-c", path).ends(t, cli.ExitOK, "as the stores say too")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `ALTER TABLE accounts ADD birthday date, ADD x text;
		INSERT INTO accounts VALUES ('1', 'ada@example.org', NULL, 'FR14 2004 1010 0505 0001 3M02 606'), ('2', 'bob@example.org', NULL, 'DE89370400440532013000')`); err != nil {
		t.Fatal(err)
	}
	r := run(t, in, "datamap", "check", "--live", "-c", path)
	r.ends(t, cli.ExitFailed, "shop.accounts.birthday: ", "date of birth", "2 of 2 sampled values look like: bank account (IBAN)", "user.financial.bank_account")
	if strings.Contains(r.out+r.err, "FR14") || strings.Contains(r.out+r.err, "ada@") {
		t.Errorf("a value was printed:\n%s", r.out)
	}
	var report mapReport
	run(t, in, "datamap", "check", "--live", "-c", path, "--json").json(t, &report)
	if got := report.codes(); report.OK || !report.Live || !slices.Equal(got, []string{"personal_column accounts.birthday", "personal_column accounts.x"}) {
		t.Errorf("%+v", report)
	}
	run(t, input{}, "datamap", "check", "--live", "-c", path).ends(t, cli.ExitUnavailable, "shop")
	run(t, in, "datamap", "check", "--live", "-c", path, "../../examples/soffiah/datasets").ends(t, cli.ExitFailed, "no store of the configuration holds this dataset")
}

// TestDatamapDraft: a draft of a store is a map that has nothing wrong with it.
func TestDatamapDraft(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	in := input{environ: []string{"HABEAS_STORE_SHOP_URL=" + shop(t, `
CREATE TABLE accounts (id text PRIMARY KEY, email text, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, account text REFERENCES accounts, "order" text);
INSERT INTO accounts VALUES ('1', 'ada@example.org', 'Ada'), ('2', 'bob@example.org', 'Bob')`)}}
	drafted := filepath.Join(t.TempDir(), "draft.yml")
	run(t, in, "datamap", "draft", "--store", "shop", "-c", path, "-o", drafted).ends(t, cli.ExitOK)
	run(t, in, "datamap", "check", "--live", "-c", path, drafted).ends(t, cli.ExitOK, "2 collection(s)")
	text, err := os.ReadFile(drafted)
	if err != nil || !strings.Contains(string(text), "guessed: 2 of 2 sampled values") || strings.Contains(string(text), "ada@") {
		t.Errorf("%v\n%s", err, text)
	}
	if r := run(t, in, "datamap", "draft", "--store", "shop", "-c", path); r.out != string(text) {
		t.Errorf("another draft the second time:\n%s", r.out)
	}
	run(t, in, "datamap", "draft", "--store", "shop", "-c", path, "-o", drafted).ends(t, cli.ExitFailed, drafted)
	run(t, in, "datamap", "draft", "--store", "shop", "--schema", "nowhere", "-c", path).ends(t, cli.ExitOK, "no table here")
}

func TestDatamapDraftOfNothing(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	for _, line := range []string{"datamap draft", "datamap draft --store cellar", "datamap draft --store shop --dataset a/b"} {
		run(t, input{}, append(strings.Fields(line), "-c", path)...).ends(t, cli.ExitUsage)
	}
	run(t, input{}, "datamap", "draft", "--store", "shop", "-c", path).ends(t, cli.ExitUnavailable)
}

func TestDatamapGraph(t *testing.T) {
	t.Parallel()
	run(t, input{}, "datamap", "graph", "../../examples/soffiah/datasets").ends(t, cli.ExitOK, "flowchart LR", "Soffiah billing")
	run(t, input{}, "datamap", "graph", "../../examples/soffiah/datasets", "--format", "svg").ends(t, cli.ExitOK, "<svg ", "Soffiah billing")
	run(t, input{}, "datamap", "graph", "--format", "png", "../../examples/soffiah/datasets").ends(t, cli.ExitUsage, "png")
	run(t, input{}, "datamap", "graph", write(t, "bad.yml", "dataset: 3\n")).ends(t, cli.ExitFailed, "bad.yml:1")
}
