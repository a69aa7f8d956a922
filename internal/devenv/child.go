package devenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Child is a program that runs as a process of its own and never outlives this one.
type Child struct{ proc *process }

// StartChild starts program with args and with no variable of the machine but
// PATH. What it writes is appended to the file at log. It returns as soon as the
// process runs.
func StartChild(log, program string, args ...string) (*Child, error) {
	file, err := openLog(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = file, file
	proc, err := startProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	return &Child{proc}, nil
}

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.proc.done }

// Freeze holds the process still (SIGSTOP), so that a test can strike it at a
// chosen moment.
func (c *Child) Freeze() error {
	if err := c.proc.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("holding a process still: %w", err)
	}
	return nil
}

// Kill ends the process by SIGKILL, as a crash would, and returns when it is gone.
func (c *Child) Kill() error { return c.proc.stop(context.Background(), syscall.SIGKILL) }

// Stop asks the process to end and waits for it; when ctx ends first it is killed.
func (c *Child) Stop(ctx context.Context) error { return c.proc.stop(ctx, syscall.SIGTERM) }
