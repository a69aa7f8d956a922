package devenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// ErrNotOurs: the server was named by address; it is not ours to stop or kill.
var ErrNotOurs = errors.New("the server is not run by Habeas")

// TemporalOptions are the choices a caller has.
type TemporalOptions struct {
	// Address names a server that runs already; nothing is started then.
	Address string
	// Program is what PrepareTemporal returned; empty makes StartTemporal call it.
	Program string
	// UI starts the web pages of Temporal as well.
	UI bool
	// Settings are dynamic configuration values, "key=JSON value".
	Settings []string
}

// Temporal is a Temporal development server with the namespace "default".
type Temporal struct {
	dir      string
	opts     TemporalOptions
	external bool
	port     string
	uiPort   string
	release  func()
	life     context.Context // the server ends with it
	detach   func() bool     // parts the server from life

	mu   sync.Mutex
	proc *process
}

// StartTemporal starts a server whose state is dir/temporal.db and whose log is
// dir/log, and returns when its namespace serves. ctx bounds the life of the
// server: it is closed when ctx ends; whoever removes dir calls Close before.
func StartTemporal(ctx context.Context, dir string, progress Progress, opts TemporalOptions) (*Temporal, error) {
	t := &Temporal{opts: opts, external: opts.Address != "", life: ctx, release: func() {}, detach: func() bool { return false }}
	if t.external {
		return t, t.Start(ctx)
	}
	var err error
	if t.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	if t.opts.Program == "" {
		if t.opts.Program, err = PrepareTemporal(ctx, progress); err != nil {
			return nil, err
		}
	}
	if t.release, err = claim(t.dir); err != nil {
		return nil, err
	}
	if err := t.choosePorts(); err != nil {
		t.release()
		return nil, err
	}
	if err := t.Start(ctx); err != nil {
		t.release()
		return nil, err
	}
	t.detach = context.AfterFunc(ctx, func() { _ = t.Close(context.WithoutCancel(ctx)) })
	return t, nil
}

// Address returns host and port of the frontend.
func (t *Temporal) Address() string {
	if t.external {
		return t.opts.Address
	}
	return net.JoinHostPort("127.0.0.1", t.port)
}

// UI returns the URL of the web pages; empty if there are none.
func (t *Temporal) UI() string {
	if t.uiPort == "" {
		return ""
	}
	return "http://127.0.0.1:" + t.uiPort
}

// Dir returns the state directory; empty for a server that is not ours.
func (t *Temporal) Dir() string { return t.dir }

func (t *Temporal) choosePorts() error {
	var err error
	if t.port, err = reservePort(t.dir, "port"); err != nil {
		return err
	}
	if t.opts.UI {
		t.uiPort, err = reservePort(t.dir, "ui-port")
	}
	return err
}

// Start starts the server again, on the same port, after Stop or Kill, and
// returns when it serves. Here ctx bounds the start only. A running server
// stays as it is.
func (t *Temporal) Start(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.external {
		return t.awaitAnswer(ctx, nil)
	}
	if t.proc.running() {
		return nil
	}
	if err := context.Cause(t.life); err != nil {
		return fmt.Errorf("starting Temporal after its life has ended: %w", err)
	}
	proc, err := t.launch()
	if err != nil {
		return err
	}
	if err := t.awaitAnswer(ctx, proc); err != nil {
		_ = proc.cmd.Process.Kill()
		<-proc.done
		return err
	}
	t.proc = proc
	return nil
}

// Stop ends the server in order. It may be started again.
func (t *Temporal) Stop(ctx context.Context) error { return t.end(ctx, syscall.SIGINT) }

// Kill ends the server by SIGKILL, as a crash would.
func (t *Temporal) Kill() error {
	if t.external {
		return ErrNotOurs
	}
	return t.end(context.Background(), syscall.SIGKILL)
}

// Close stops the server for good and gives its directory free.
func (t *Temporal) Close(ctx context.Context) error {
	t.detach()
	err := t.Stop(ctx)
	t.release()
	return err
}

func (t *Temporal) end(ctx context.Context, sig syscall.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := t.proc.stop(ctx, sig); err != nil {
		return fmt.Errorf("stopping Temporal: %w", err)
	}
	return nil
}

func (t *Temporal) launch() (*process, error) {
	log, err := openLog(filepath.Join(t.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	args := []string{
		"server", "start-dev", "--db-filename", filepath.Join(t.dir, "temporal.db"),
		"--ip", "127.0.0.1", "--port", t.port, "--log-level", "warn",
		// Commits then survive the death of every process, which is what is asked
		// of a development server, and are several times as quick.
		"--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off",
		// It would tell Temporal's makers about itself.
		"--dynamic-config-value", "frontend.enableServerVersionCheck=false",
	}
	if t.opts.UI {
		args = append(args, "--ui-port", t.uiPort)
	} else {
		args = append(args, "--headless")
	}
	for _, setting := range t.opts.Settings {
		args = append(args, "--dynamic-config-value", setting)
	}
	cmd := exec.Command(t.opts.Program, args...)
	cmd.Env = withoutTemporalVariables(os.Environ())
	cmd.Dir = t.dir
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := startProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, fmt.Errorf("starting Temporal: %w", err)
	}
	return proc, nil
}

// awaitAnswer returns when the namespace "default" serves. proc is nil for a
// server that is not ours.
func (t *Temporal) awaitAnswer(ctx context.Context, proc *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ended := (<-chan struct{})(nil)
	if proc != nil {
		ended = proc.done
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := serves(ctx, t.Address())
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ended:
			return fmt.Errorf("the Temporal server ended at its start (%s); its log is %s", proc.ended(), filepath.Join(t.dir, "log"))
		case <-ctx.Done():
			return fmt.Errorf("the Temporal server at %s does not answer: %w", t.Address(), err)
		}
	}
}

// serves returns nil when the namespace "default" answers to those who ask for
// it by name and for its workflows.
func serves(ctx context.Context, address string) error {
	// A client takes a second to find out that nobody listens; a dial does not.
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return fmt.Errorf("dialling Temporal: %w", err)
	}
	_ = conn.Close()
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Logger: silent()})
	if err != nil {
		return fmt.Errorf("connecting to Temporal: %w", err)
	}
	defer c.Close()
	if _, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: client.DefaultNamespace}); err != nil {
		return fmt.Errorf("asking for the namespace: %w", err)
	}
	if _, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{}); err != nil {
		return fmt.Errorf("asking for workflows: %w", err)
	}
	return nil
}
