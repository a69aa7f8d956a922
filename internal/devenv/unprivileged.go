package devenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged is the user as whom a program runs that refuses to run as root.
// Nil means: as ourselves.
type unprivileged struct{ uid, gid uint32 }

// findUnprivileged returns nil when this process is not root, else the user
// postgres where there is one, else nobody.
func findUnprivileged() (*unprivileged, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &unprivileged{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run Postgres as, which refuses root: start Habeas as an ordinary user")
}

// own gives a file to the user.
func (u *unprivileged) own(path string) error {
	if u == nil {
		return nil
	}
	if err := os.Chown(path, int(u.uid), int(u.gid)); err != nil {
		return fmt.Errorf("giving a file to an unprivileged user: %w", err)
	}
	return nil
}

// run makes cmd run as the user.
func (u *unprivileged) run(cmd *exec.Cmd) {
	if u == nil {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: u.uid, Gid: u.gid}}
}

// path returns a path by which cmd, run as the user, can open f. The user may
// not be allowed to enter the folders above it (root's temporary folders have
// mode 0700), so on Linux the open file itself is handed down and named through
// /proc (proc(5)), which asks for the rights on the file only.
func (u *unprivileged) path(cmd *exec.Cmd, f *os.File) string {
	if u == nil {
		return f.Name()
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return f.Name()
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	return "/proc/self/fd/" + strconv.Itoa(2+len(cmd.ExtraFiles))
}
