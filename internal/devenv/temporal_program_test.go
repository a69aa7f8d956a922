package devenv_test

import (
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/devenv"
)

// The first run on a machine may take minutes here: the server is built then.
func TestPrepareTemporal(t *testing.T) {
	if testing.Short() {
		t.Skip("may build the Temporal server")
	}
	program, err := devenv.PrepareTemporal(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	out, err := osexec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil || !strings.Contains(string(out), "temporal version") {
		t.Errorf("%s --version said %q, %v", program, out, err)
	}
}
