package devenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// launch starts the server process.
func (p *Postgres) launch() (*process, error) {
	data, err := os.Open(filepath.Join(p.dir, "data"))
	if err != nil {
		return nil, fmt.Errorf("opening the data directory: %w", err)
	}
	defer func() { _ = data.Close() }()
	log, err := openLog(filepath.Join(p.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(p.bin, "postgres"))
	cmd.Args = append(cmd.Args, "-D", p.path(cmd, data), "-p", p.port)
	for _, setting := range p.settings() {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	p.setEnvironment(cmd)
	cmd.Stdout, cmd.Stderr = log, log
	// SIGQUIT makes Postgres end its children and itself at once.
	proc, err := startProcess(cmd, syscall.SIGQUIT)
	if err != nil {
		return nil, fmt.Errorf("starting Postgres: %w", err)
	}
	return proc, nil
}

func (p *Postgres) settings() []string {
	safety := "off"
	if p.durable {
		safety = "on"
	}
	return []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
		"shared_buffers=32MB", "jit=off", "max_parallel_workers_per_gather=0",
		"wal_level=minimal", "max_wal_senders=0", "max_wal_size=256MB",
		"fsync=" + safety, "full_page_writes=" + safety,
		"timezone=UTC", "log_timezone=UTC",
		// No value may reach the log: no statements, no parameters, no failed
		// statements (their messages quote what could not be parsed), and no
		// details (they quote keys, and the query of a process that crashed).
		"log_statement=none", "log_min_messages=log", "log_min_error_statement=panic",
		"log_error_verbosity=terse", "log_min_duration_statement=-1", "log_checkpoints=off",
		"log_autovacuum_min_duration=-1", "log_parameter_max_length=0",
	}
}

// awaitAnswer returns when the server accepts connections.
func (p *Postgres) awaitAnswer(ctx context.Context, proc *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-proc.done:
			return fmt.Errorf("the Postgres server ended at its start (%s); its log is %s", proc.ended(), filepath.Join(p.dir, "log"))
		case <-ctx.Done():
			return fmt.Errorf("the Postgres server does not answer (%w); its log is %s", err, filepath.Join(p.dir, "log"))
		}
	}
}

// awaitPredecessor waits a little for a server that another process started on
// the same data and that is just ending because that process has died.
func (p *Postgres) awaitPredecessor(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		return nil // it ended in order
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return nil // Postgres itself will say what it thinks of that file
	}
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !gone(pid) && time.Now().Before(deadline) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for an earlier Postgres to end: %w", context.Cause(ctx))
		}
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// lastLine returns the last line that says something.
func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}
