package devenv

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// cacheDir returns the folder in which programs that were downloaded or built
// once are kept: $HABEAS_CACHE, or "habeas" in the user's cache folder.
func cacheDir() (string, error) {
	dir := os.Getenv("HABEAS_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache folder (set HABEAS_CACHE to name one): %w", err)
		}
		dir = filepath.Join(base, "habeas")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating the cache folder: %w", err)
	}
	return dir, nil
}

// lockFile waits until this process alone holds the lock file at path; parallel
// test binaries would otherwise all build or download the same thing. The lock
// ends with release or with the process.
func lockFile(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a lock file: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking a lock file: %w", err)
	}
	return func() { _ = f.Close() }, nil
}
