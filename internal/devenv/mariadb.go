package devenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNoMariaDB: no MariaDB server program is installed.
var ErrNoMariaDB = errors.New("no MariaDB server found: install one (apt install mariadb-server)")

// MariaDB is a MariaDB server for tests, with a user "root" who has no password
// and comes from this machine. What it holds goes with it.
type MariaDB struct {
	dir  string
	port string
	proc *process
}

// StartMariaDB starts a server whose state is below dir, an empty folder that an
// unprivileged user can reach, and returns when it listens. settings are added to those of its command line,
// such as "log-bin". [MariaDB.Close] ends it.
func StartMariaDB(ctx context.Context, dir string, settings ...string) (*MariaDB, error) {
	install, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		return nil, ErrNoMariaDB
	}
	server, err := exec.LookPath("mariadbd")
	if err != nil {
		return nil, ErrNoMariaDB
	}
	runAs, err := findUnprivileged()
	if err != nil {
		return nil, err
	}
	// The server enters its folder by its path, as the user that it runs as.
	if err := runAs.own(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M")
	runAs.run(cmd)
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("preparing MariaDB: %w: %s", err, lastLine(out))
	}
	m := &MariaDB{dir: dir}
	if m.port, err = reservePort(dir, "port"); err != nil {
		return nil, err
	}
	if err := m.launch(server, runAs, data, settings); err != nil {
		return nil, err
	}
	return m, m.awaitListening(ctx)
}

// launch starts the server process.
func (m *MariaDB) launch(server string, runAs *unprivileged, data string, settings []string) error {
	init := filepath.Join(m.dir, "init.sql")
	if err := os.WriteFile(init, []byte("CREATE USER IF NOT EXISTS root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"), 0o600); err != nil {
		return fmt.Errorf("writing the first statements: %w", err)
	}
	if err := runAs.own(init); err != nil {
		return err
	}
	log, err := openLog(filepath.Join(m.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(server, "--no-defaults", "--datadir="+data, "--bind-address=127.0.0.1", "--port="+m.port,
		"--socket="+filepath.Join(m.dir, "socket"), "--pid-file="+filepath.Join(m.dir, "pid"), "--init-file="+init,
		"--skip-name-resolve", "--character-set-server=utf8mb4", "--max-connections=300", "--performance-schema=off",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
	for _, s := range settings {
		cmd.Args = append(cmd.Args, "--"+s)
	}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	runAs.run(cmd)
	m.proc, err = startProcess(cmd, syscall.SIGKILL)
	return err
}

// awaitListening returns when the server takes connections.
func (m *MariaDB) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m.greets(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-m.proc.done:
			text, _ := os.ReadFile(filepath.Join(m.dir, "log"))
			return fmt.Errorf("the MariaDB server ended at its start (%s): %s", m.proc.ended(), lastLine(text))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the MariaDB server does not answer: %w", context.Cause(ctx)), m.Close())
		}
	}
}

// greets reports whether the server sends the greeting with which a connection
// begins, which names its version.
func (m *MariaDB) greets(ctx context.Context) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.Address())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	greeting := make([]byte, 128)
	n, _ := conn.Read(greeting)
	return bytes.Contains(greeting[:n], []byte("MariaDB"))
}

// Address returns the host and port of the server.
func (m *MariaDB) Address() string { return "127.0.0.1:" + m.port }

// Data returns the folder of the server's files.
func (m *MariaDB) Data() string { return filepath.Join(m.dir, "data") }

// Close ends the server at once.
func (m *MariaDB) Close() error {
	return m.proc.stop(context.Background(), syscall.SIGKILL)
}
