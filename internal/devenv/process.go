package devenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a child of this process that never outlives it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child is gone
}

// startProcess starts cmd so that it gets the signal orphaned when this process
// dies, by whatever cause, and so that a Ctrl-C in the terminal does not reach
// it: its owner stops it in the order that the whole needs.
func startProcess(cmd *exec.Cmd, orphaned syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	signalWhenOrphaned(cmd.SysProcAttr, orphaned)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends the signal when the thread that forked the child ends,
		// not the process (prctl(2)), so this thread stays as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return p, nil
}

// ended says how the process ended, once done is closed.
func (p *process) ended() string { return p.cmd.ProcessState.String() }

// running says whether the process is still there. A nil process is not.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop sends sig and waits for the end of the process; when ctx ends first it
// kills the process and says so.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if !p.running() {
		return nil
	}
	// An error means that it has ended meanwhile, which done tells as well.
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop in time and was killed: %w", p.cmd.Path, context.Cause(ctx))
	}
}

// openLog opens the log file of a server for appending.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log file: %w", err)
	}
	return f, nil
}
