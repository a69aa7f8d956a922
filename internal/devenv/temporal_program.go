package devenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
)

// ErrNoTemporal: no Temporal server program is to be had.
var ErrNoTemporal = errors.New("no Temporal CLI found, and it could be neither downloaded nor built: install it (https://docs.temporal.io/cli) or Go, or name a running server by its address")

// temporalVersion is the release of the Temporal CLI that is downloaded or
// built. Newer ones have a replace directive in their go.mod, which go install
// refuses.
const temporalVersion = "v1.5.1"

// temporalProgram is the file name in the cache folder; the SDK's own download
// uses the same.
const temporalProgram = "temporal-cli-" + temporalVersion

// PrepareTemporal returns the path of a Temporal CLI: from PATH, else from the
// cache folder, else downloaded, else built from source, which takes two to ten
// minutes, once. Callers run it beside other work.
func PrepareTemporal(ctx context.Context, progress Progress) (string, error) {
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, temporalProgram)
	if isProgram(target) {
		return target, nil
	}
	progress.say("no Temporal server is installed; getting one")
	release, err := lockFile(target + ".lock")
	if err != nil {
		return "", err
	}
	defer release()
	if isProgram(target) { // another process was quicker
		return target, nil
	}
	downloadErr := downloadTemporal(ctx, cache)
	if downloadErr == nil {
		return target, nil
	}
	progress.say("it cannot be downloaded here; building it from source, which takes two to ten minutes, once")
	if err := buildTemporal(ctx, target, progress); err != nil {
		return "", fmt.Errorf("%w: %w: %w", ErrNoTemporal, downloadErr, err)
	}
	progress.say("the Temporal server is built and kept in %s", target)
	return target, nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// downloadTemporal has the SDK download the CLI into the cache folder. The SDK
// offers this only as a part of starting a server, which is stopped at once.
func downloadTemporal(ctx context.Context, cache string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		CachedDownload: testsuite.CachedDownload{Version: temporalVersion, DestDir: cache},
		ClientOptions:  &client.Options{Logger: silent()},
		Stdout:         io.Discard,
		Stderr:         io.Discard,
	})
	if err == nil {
		server.Client().Close()
		err = server.Stop()
	}
	if err != nil && !isProgram(filepath.Join(cache, temporalProgram)) {
		return fmt.Errorf("downloading the Temporal CLI: %w", err)
	}
	return nil
}

// buildTemporal builds the CLI by go install and puts it at target in one step.
func buildTemporal(ctx context.Context, target string, progress Progress) error {
	// Beside the target, since a rename does not cross file systems.
	dir, err := os.MkdirTemp(filepath.Dir(target), "building-")
	if err != nil {
		return fmt.Errorf("creating a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(ctx, "go", "install", "github.com/temporalio/cli/cmd/temporal@"+temporalVersion)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	result := make(chan error, 1)
	began := time.Now()
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("building the Temporal CLI: %w: %s", err, lastLine(out))
		}
		result <- err
	}()
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress.say("still building the Temporal server (%s so far)", time.Since(began).Round(time.Second))
		case err := <-result:
			if err != nil {
				return err
			}
			if err := os.Rename(filepath.Join(dir, "temporal"), target); err != nil {
				return fmt.Errorf("keeping the Temporal CLI: %w", err)
			}
			return nil
		}
	}
}

// silent is a Temporal logger that says nothing.
func silent() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

// withoutTemporalVariables returns the environment without the TEMPORAL_*
// variables, which configure the CLI and are meant for other servers than ours.
func withoutTemporalVariables(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "TEMPORAL_") {
			kept = append(kept, variable)
		}
	}
	return kept
}
