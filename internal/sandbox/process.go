package sandbox

import (
	"path/filepath"

	"github.com/soffiah/habeas/internal/devenv"
)

// Spawn runs a subcommand of the binary (server, worker) on this environment as a
// process of its own, as an installation does, in place of [Sandbox.Run]. Its log
// is logs/<subcommand>.log.
func (s *Sandbox) Spawn(binary, subcommand string) (*devenv.Child, error) {
	return devenv.StartChild(filepath.Join(s.Dir, "logs", subcommand+".log"), binary, subcommand, "--config", s.ConfigFile)
}
