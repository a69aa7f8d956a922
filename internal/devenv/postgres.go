package devenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// stopTimeout bounds an orderly stop of a child process.
const stopTimeout = 20 * time.Second

// startTimeout bounds the time between the start of a child process and its
// first answer. Recovery after a crash is part of it.
const startTimeout = 60 * time.Second

// PostgresOptions are the choices a caller has.
type PostgresOptions struct {
	// Durable makes commits survive a crash of the machine. Without it a commit
	// still survives the death of every process, which is all that tests need,
	// and is quicker.
	Durable bool
}

// Postgres is a Postgres server of our own, with a superuser "postgres".
type Postgres struct {
	external *url.URL // a database of a server that is not ours
	dir      string
	bin      string
	port     string
	password string
	runAs    *unprivileged
	durable  bool
	release  func()
	life     context.Context // the server ends with it
	detach   func() bool     // parts the server from life

	mu   sync.Mutex
	proc *process
}

// StartPostgres starts a server whose state is below dir, creating it the first
// time, and returns when it answers. ctx bounds the life of the server: it is
// closed when ctx ends; whoever removes dir calls Close before. Its log is
// dir/log; no value of a row or of a statement comes into it.
func StartPostgres(ctx context.Context, dir string, progress Progress, opts PostgresOptions) (*Postgres, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	release, err := claim(dir)
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, durable: opts.Durable, release: release, life: ctx}
	if err := p.prepare(ctx, progress); err != nil {
		release()
		return nil, fmt.Errorf("preparing Postgres: %w", err)
	}
	if err := p.Start(ctx); err != nil {
		release()
		return nil, err
	}
	p.detach = context.AfterFunc(ctx, func() { _ = p.Close(context.WithoutCancel(ctx)) })
	return p, nil
}

// URL returns the connection URL of a database for the superuser.
func (p *Postgres) URL(database string) string {
	if p.external != nil {
		u := *p.external
		u.Path = "/" + database
		return u.String()
	}
	return p.RoleURL("postgres", p.password, database)
}

// RoleURL returns the connection URL of a database for any role.
func (p *Postgres) RoleURL(role, password, database string) string {
	if p.external != nil {
		u := *p.external
		u.User, u.Path = url.UserPassword(role, password), "/"+database
		return u.String()
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password), Host: "127.0.0.1:" + p.port,
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Dir returns the state directory; the data files are below it in "data".
func (p *Postgres) Dir() string { return p.dir }

// CreateDatabase creates a database unless it exists.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) error {
	from := p.URL("postgres")
	if p.external != nil {
		from = p.external.String()
	}
	conn, err := pgx.Connect(ctx, from)
	if err != nil {
		return fmt.Errorf("creating database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	const duplicateDatabase = "42P04"
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == duplicateDatabase {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating database %s: %w", name, err)
	}
	return nil
}

// Start starts the server again, on the same port, after Stop or Kill, and
// returns when it answers. Here ctx bounds the start only. A running server
// stays as it is.
func (p *Postgres) Start(ctx context.Context) error {
	if p.external != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proc.running() {
		return nil
	}
	if err := context.Cause(p.life); err != nil {
		return fmt.Errorf("starting Postgres after its life has ended: %w", err)
	}
	proc, err := p.launch()
	if err != nil {
		return err
	}
	if err := p.awaitAnswer(ctx, proc); err != nil {
		_ = proc.cmd.Process.Kill()
		<-proc.done
		return err
	}
	p.proc = proc
	return nil
}

// Stop ends the server in order, breaking connections off. It may be started again.
// A server that is not ours goes on.
func (p *Postgres) Stop(ctx context.Context) error {
	if p.external != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	// SIGINT is Postgres's fast shutdown.
	if err := p.proc.stop(ctx, syscall.SIGINT); err != nil {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	return nil
}

// Close stops the server for good and gives its directory free.
func (p *Postgres) Close(ctx context.Context) error {
	p.detach()
	err := p.Stop(ctx)
	p.release()
	return err
}

// Kill ends the server and all its children by SIGKILL, as a crash would, and
// returns when they are gone.
func (p *Postgres) Kill() error {
	if p.external != nil {
		return ErrNotOurs
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.proc.running() {
		return nil
	}
	pid := p.proc.cmd.Process.Pid
	// Held still, it makes no more children while they are counted.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("halting Postgres: %w", err)
	}
	family, err := children(pid)
	if err != nil {
		return fmt.Errorf("killing Postgres: %w", err)
	}
	for _, member := range append(family, pid) {
		if err := syscall.Kill(member, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("killing Postgres: %w", err)
		}
	}
	<-p.proc.done
	return awaitGone(family, stopTimeout)
}

// awaitGone waits until processes that are not our children have ended; only
// looking tells.
func awaitGone(pids []int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for _, pid := range pids {
		for !gone(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d is still there after %s", pid, limit)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// prepare finds programs, port and password and creates the data directory.
func (p *Postgres) prepare(ctx context.Context, progress Progress) error {
	var err error
	if p.runAs, err = findUnprivileged(); err != nil {
		return err
	}
	if p.bin, err = findPostgres(ctx, progress); err != nil {
		return err
	}
	if err = p.awaitPredecessor(ctx); err != nil {
		return err
	}
	if p.port, err = reservePort(p.dir, "port"); err != nil {
		return err
	}
	file := filepath.Join(p.dir, "password")
	if text, err := os.ReadFile(file); err == nil {
		p.password = strings.TrimSpace(string(text))
		return nil
	}
	// The password is written last, so its absence means that initdb did not end.
	p.password = rand.Text()
	if err := p.initData(ctx); err != nil {
		return err
	}
	return writeFile(file, []byte(p.password+"\n"))
}

// initData creates the data directory by initdb.
func (p *Postgres) initData(ctx context.Context) error {
	data := filepath.Join(p.dir, "data")
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("clearing an unfinished data directory: %w", err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	secret := filepath.Join(p.dir, "initdb-password")
	if err := os.WriteFile(secret, []byte(p.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing a password for initdb: %w", err)
	}
	defer func() { _ = os.Remove(secret) }()
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"))
	var open []*os.File
	defer func() { closeAll(open) }()
	for _, arg := range []struct{ flag, path string }{{"--pgdata=", data}, {"--pwfile=", secret}} {
		f, err := p.hand(arg.path)
		if err != nil {
			return err
		}
		open = append(open, f)
		cmd.Args = append(cmd.Args, arg.flag+p.path(cmd, f))
	}
	cmd.Args = append(cmd.Args, "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8",
		"--locale=C", "--no-sync", "--no-instructions")
	p.setEnvironment(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("creating a Postgres data directory: %w: %s", err, lastLine(out))
	}
	return nil
}

// hand opens a file or folder and gives it to the user as whom Postgres runs.
func (p *Postgres) hand(path string) (*os.File, error) {
	if err := p.runAs.own(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a file for Postgres: %w", err)
	}
	return f, nil
}

func (p *Postgres) path(cmd *exec.Cmd, f *os.File) string {
	p.runAs.run(cmd)
	return p.runAs.path(cmd, f)
}

// setEnvironment keeps the machine's PG* variables away and starts the program
// in a folder that every user may enter.
func (p *Postgres) setEnvironment(cmd *exec.Cmd) {
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Dir = "/"
}
