// Command habeas is the data-subject-rights request engine: server, worker and
// tools in one binary. See `habeas help`.
package main

import (
	"os"
	// Deadlines are counted in the controller's time zone on every machine.
	_ "time/tzdata"

	"github.com/soffiah/habeas/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
