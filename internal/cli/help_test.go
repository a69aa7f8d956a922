package cli_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestHelp holds what every command says of itself, found as a person finds it:
// by asking each command for those below it.
func TestHelp(t *testing.T) {
	t.Parallel()
	const golden = "testdata/help.golden"
	got := help(t)
	if cache, err := os.UserCacheDir(); err == nil {
		got = strings.ReplaceAll(got, filepath.Clean(cache), "CACHE")
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-golden +said; -update writes it anew)\n%s", diff)
	}
	for _, command := range []string{
		"server", "worker", "migrate", "check", "key new", "request submit", "request list", "request show", "request approve", "request reject", "request cancel",
		"request pause", "request resume", "request retry", "request resolve", "certificate verify", "mail backfill", "dev", "dev reply",
		"datamap check", "datamap draft", "datamap graph", "preview", "demo", "version",
	} {
		if !strings.Contains(got, "$ habeas "+command+" --help\n") {
			t.Errorf("there is no command %q", command)
		}
	}
}

func help(t *testing.T, command ...string) string {
	r := run(t, input{}, append(command, "--help")...)
	r.ends(t, cli.ExitOK, "Usage:")
	text := "$ " + strings.Join(append([]string{"habeas"}, append(command, "--help")...), " ") + "\n" + r.out + "\n"
	_, list, _ := strings.Cut(r.out, "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		// These two are not ours.
		if name := strings.Fields(line)[0]; name != "completion" && name != "help" {
			text += help(t, append(command[:len(command):len(command)], name)...)
		}
	}
	return text
}

// TestCommandLinesThatMakeNoSense: a script must not take them for success.
func TestCommandLinesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"frobnicate", "--frobnicate", "version --frobnicate", "version now", "server here", "worker here", "migrate here", "check here", "demo here", "dev here",
		"key frobnicate", "key new", "key new a b", "request frobnicate", "request aprove H-7K3M-9QXT", "request show", "request show a b", "request list all",
		"request list --limit many", "request approve", "request submit now", "certificate frobnicate", "certificate verify", "certificate verify a b", "dev reply", "dev frobnicate", "datamap frobnicate", "datamap draft x", "datamap draft --store", "datamap check --live=perhaps", "datamap graph --format png",
		"preview", "preview here", "preview --right erasure", "preview --identity email=a@b.c", "preview --right portability --identity email=a@b.c", "preview --right access --identity email",
		"preview --right access --identity =x", "preview --right access --identity email=a --identity email=b", "preview --right access --identity email=a --limit 3", "preview --right access --identity email=a --rows --limit -1",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			run(t, input{environ: []string{"HABEAS_TOKEN=t", "HABEAS_URL=http://127.0.0.1:1"}}, strings.Fields(line)...).ends(t, cli.ExitUsage, "habeas: ")
			r := run(t, input{}, append([]string{"--json"}, strings.Fields(line)...)...)
			if r.complaint(t); r.code != cli.ExitUsage || r.out != "" {
				t.Errorf("with --json: exit code %d\n%s", r.code, r.out)
			}
		})
	}
}

func TestNothingSaid(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "key", "request", "certificate"} {
		run(t, input{}, strings.Fields(command)...).ends(t, cli.ExitOK, "Usage:", "Available Commands:")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	run(t, input{}, "version").ends(t, cli.ExitOK, "habeas ", " go1.")
	var v map[string]string
	r := run(t, input{}, "version", "--json")
	r.ends(t, cli.ExitOK)
	if r.json(t, &v); v["version"] == "" || v["go"] == "" {
		t.Errorf("%v", v)
	}
}
