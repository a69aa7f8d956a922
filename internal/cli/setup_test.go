package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// result is what one run of the program left.
type result struct {
	code     int
	out, err string
}

// input is what a run takes from its surroundings.
type input struct {
	environ []string
	stdin   string
}

func run(t testing.TB, in input, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(args, in.environ, strings.NewReader(in.stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// ends compares the exit code and looks for texts in what a person reads.
func (r result) ends(t testing.TB, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	said := r.out
	if code != cli.ExitOK {
		said = r.out + r.err
		if r.err == "" {
			t.Error("it fails without a word")
		}
	}
	for _, s := range says {
		if !strings.Contains(said, s) {
			t.Errorf("it does not say %q:\nstdout: %s\nstderr: %s", s, r.out, r.err)
		}
	}
}

// json decodes standard output, which must be one JSON document and nothing else.
func (r result) json(t testing.TB, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(v); err != nil || d.More() {
		t.Fatalf("not one JSON document (%v):\n%s", err, r.out)
	}
}

// complaint is an error as --json tells it.
func (r result) complaint(t testing.TB) string {
	t.Helper()
	var c struct {
		Error string `json:"error"`
		Code  int    `json:"exit_code"`
	}
	lines := strings.Split(strings.TrimSpace(r.err), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &c); err != nil || c.Error == "" || c.Code != r.code {
		t.Errorf("exit code %d, and on stderr (%v):\n%s", r.code, err, r.err)
	}
	return c.Error
}

// write writes a file and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
