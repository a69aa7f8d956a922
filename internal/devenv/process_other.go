//go:build !linux

package devenv

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

// signalWhenOrphaned does nothing: only Linux tells a child of its parent's death.
func signalWhenOrphaned(*syscall.SysProcAttr, syscall.Signal) {}

// children returns the processes whose parent is pid.
func children(pid int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var found []int
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if _, err := fmt.Sscan(line, &child, &parent); err == nil && parent == pid {
			found = append(found, child)
		}
	}
	return found, nil
}

// gone says whether a process has ended.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
