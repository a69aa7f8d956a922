package mailservers

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// guarded is a server and the shell that ends it when this process is gone, however
// it went: the kernel closes the pipe from which the shell reads. A signal at the
// death of the parent (prctl(2)) would be lost, as Postfix changes its user.
type guarded struct {
	shell *exec.Cmd
	hold  io.Closer
	done  chan struct{}
}

// The server is the first of its session, since it signals its whole group.
const guard = `setsid "$@" & server=$!; read -r _; kill "$server"; wait "$server"`

// run starts a server as a user. What it says is appended to the file at log.
func run(t testing.TB, as account, log string, server ...string) *guarded {
	t.Helper()
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	g := &guarded{shell: exec.Command("sh", append([]string{"-c", guard, "sh"}, server...)...), done: make(chan struct{})}
	// No variable of the machine may change what a server does. In a group of its
	// own, the shell outlives a Ctrl-C for as long as it takes to end the server.
	g.shell.Env, g.shell.Dir = []string{"PATH=" + os.Getenv("PATH")}, "/"
	g.shell.Stdout, g.shell.Stderr = output, output
	g.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != as.uid {
		g.shell.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	if g.hold, err = g.shell.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := g.shell.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = g.shell.Wait() // servers end with all sorts of codes
		close(g.done)
	}()
	return g
}

// stop ends the server and returns when it is gone.
func (g *guarded) stop(t testing.TB) {
	t.Helper()
	_ = g.hold.Close() // it may be closed already: then the server is gone
	select {
	case <-g.done:
	case <-time.After(stopWithin):
		t.Errorf("%v does not end", g.shell.Args[4:])
	}
}
