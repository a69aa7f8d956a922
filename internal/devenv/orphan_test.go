package devenv_test

import (
	"bufio"
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/devenv"
)

// orphanDir names the state directory for the process that TestOrphans kills.
const orphanDir = "HABEAS_TEST_ORPHAN_DIR"

// A process that is killed leaves no server behind, and the next one can start
// on the same directory at once.
func TestOrphans(t *testing.T) {
	needsServers(t)
	if dir := os.Getenv(orphanDir); dir != "" {
		pg, err := devenv.StartPostgres(t.Context(), dir, nil, devenv.PostgresOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tryExec(t, pg.URL("postgres"), "CREATE TABLE kept AS SELECT 'kept'::text AS v"); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("URL " + pg.URL("postgres") + "\n")
		<-t.Context().Done() // never: it is killed here
	}
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := osexec.Command(self, "-test.run=^TestOrphans$")
	parent.Env = append(os.Environ(), orphanDir+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	url := ""
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "URL ")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	pg, err := devenv.StartPostgres(t.Context(), dir, t.Logf, devenv.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pg.URL("postgres") != url {
		t.Error("the port is still taken by the orphan")
	}
	if got := query(t, url, "SELECT v FROM kept"); got != "kept" {
		t.Errorf("got %q", got)
	}
	if err := pg.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
