package devenv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// signalWhenOrphaned makes the kernel send sig to the child when its parent dies.
func signalWhenOrphaned(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// children returns the processes whose parent is pid.
func children(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var found []int
	for _, stat := range stats {
		child, _, parent, ok := readStat(stat)
		if ok && parent == pid {
			found = append(found, child)
		}
	}
	return found, nil
}

// gone says whether a process has ended; one that waits to be reaped has.
func gone(pid int) bool {
	_, state, _, ok := readStat("/proc/" + strconv.Itoa(pid) + "/stat")
	return !ok || state == "Z" || state == "X"
}

// readStat reads pid, state and parent from a proc(5) stat file. The command,
// in brackets, may hold blanks and brackets itself.
func readStat(path string) (pid int, state string, parent int, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, "", 0, false // it has ended meanwhile
	}
	before, _, _ := bytes.Cut(text, []byte(" ("))
	after := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(after) < 2 {
		return 0, "", 0, false
	}
	pid, errPID := strconv.Atoi(string(before))
	parent, errParent := strconv.Atoi(string(after[1]))
	return pid, string(after[0]), parent, errPID == nil && errParent == nil
}
