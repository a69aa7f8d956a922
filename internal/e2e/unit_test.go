package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/sandbox"
)

// spawn builds the program and runs server and worker as processes of their own.
func spawn(t *testing.T) spawned {
	t.Helper()
	i := install(t, sandbox.Options{})
	binary := filepath.Join(t.TempDir(), "habeas")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/soffiah/habeas/cmd/habeas").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := spawned{installation: i, server: &unit{}, worker: &unit{}}
	s.server.keep(i, binary, "server")
	s.worker.keep(i, binary, "worker")
	t.Cleanup(s.stop)
	i.ready()
	return s
}

// stop ends both processes for good.
func (i spawned) stop() {
	i.server.stop()
	i.worker.stop()
}

// unit is a process that is started again whenever it ends, as a service of the
// system is.
type unit struct {
	mu      sync.Mutex
	child   *devenv.Child
	down    time.Duration // before the next start
	stopped bool
	ended   sync.WaitGroup
}

// restartAfter is the pause before a process that could not live is started again.
const restartAfter = 200 * time.Millisecond

// keep starts the process and keeps it running until stop.
func (u *unit) keep(i installation, binary, subcommand string) {
	start := func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.stopped {
			return false
		}
		var err error
		if u.child, err = i.Spawn(binary, subcommand); err != nil {
			i.t.Error(err)
			return false
		}
		u.down = restartAfter
		return true
	}
	u.ended.Go(func() {
		for start() {
			<-u.child.Done()
			u.mu.Lock()
			down := u.down
			u.mu.Unlock()
			time.Sleep(down)
		}
	})
}

func (u *unit) running() *devenv.Child {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.child
}

// freeze holds the process still.
func (u *unit) freeze() error { return u.running().Freeze() }

// kill ends the process by SIGKILL and lets it stay down for a while.
func (u *unit) kill(down time.Duration) error {
	u.mu.Lock()
	child := u.child
	u.down = down
	u.mu.Unlock()
	return child.Kill()
}

// stop ends the process in order and for good.
func (u *unit) stop() {
	u.mu.Lock()
	u.stopped = true
	child := u.child
	u.mu.Unlock()
	if child != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = child.Stop(ctx)
	}
	u.ended.Wait()
}
