package devenv_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/soffiah/habeas/internal/devenv"
)

func startWorkflow(t *testing.T, address, id string) {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "q"}, "Nobody"); err != nil {
		t.Fatal(err)
	}
}

func TestTemporalComesBack(t *testing.T) {
	needsServers(t)
	t.Parallel()
	dir := t.TempDir()
	program, err := devenv.PrepareTemporal(t.Context(), t.Logf) // minutes, where it has to be built
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("program: %s", program)
	began := time.Now()
	server, err := devenv.StartTemporal(t.Context(), dir, t.Logf, devenv.TemporalOptions{Program: program, UI: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first start: %s", time.Since(began))
	address := server.Address()
	startWorkflow(t, address, "before")

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("after a kill: %s", time.Since(began))
	c, err := client.DialContext(t.Context(), client.Options{HostPort: address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.DescribeWorkflowExecution(t.Context(), "before", ""); err != nil {
		t.Errorf("the workflow was lost: %v", err)
	}
	startWorkflow(t, address, "after")
	if server.UI() == "" {
		t.Error("no web pages")
	}

	began = time.Now()
	if err := server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("stop: %s", time.Since(began))
	again, err := devenv.StartTemporal(t.Context(), dir, nil, devenv.TemporalOptions{Program: program})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if again.Address() != address {
		t.Errorf("the address changed from %s to %s", address, again.Address())
	}
	named, err := devenv.StartTemporal(t.Context(), "", nil, devenv.TemporalOptions{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	if err := named.Kill(); err == nil {
		t.Error("killed a server that is not ours")
	}
}
