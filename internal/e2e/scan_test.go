package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/proto"

	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// After a whole run, with a stranger asking beside it, no personal value of the
// data subject can be found in any encoding: not in what Temporal stores, not in
// what Habeas stores, not in a log, and not in what strangers are told.
func TestScan(t *testing.T) {
	i := install(t, sandbox.Options{})
	stop := i.run()
	a := i.Company.Subject()
	receipt := i.file(a)
	i.mismatch(a)
	i.confirm(a, i.await(a, receipt.Reference, mailout.Confirmation))
	i.follow(receipt.RequestID, time.Minute, dsr.Completed)
	told := i.strangers(a)
	stop()
	for name, answer := range told {
		report(t, "an answer to a stranger: "+name, answer, needles(a))
	}
	scan(t, i, a)
	i.plant(a)
}

// plant puts the values where the scan must find them, and looks whether it does.
func (i installation) plant(a soffiah.Account) {
	i.t.Helper()
	wanted := needles(a)
	if err := errors.Join(i.Own.Start(i.t.Context()), i.Temporal.Start(i.t.Context())); err != nil {
		i.t.Fatal(err)
	}
	// Long enough to be compressed, so that the file does not show it.
	conn, err := pgx.Connect(i.t.Context(), i.ownURL())
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(i.t.Context())) }()
	if _, err := conn.Exec(i.t.Context(), "CREATE TABLE planted AS SELECT repeat($1::text, 1000) AS value", a.Email); err != nil {
		i.t.Fatal(err)
	}
	c, err := client.Dial(client.Options{HostPort: i.Temporal.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecuteWorkflow(i.t.Context(), client.StartWorkflowOptions{ID: "planted", TaskQueue: "nobody"}, "planted", a.Phone); err != nil {
		i.t.Fatal(err)
	}
	for where, found := range map[string][]string{
		"a table": wanted.in(i.dumpDatabase()["planted"]), "a history": wanted.in(i.dumpTemporal()["the history of planted"]),
	} {
		if len(found) == 0 {
			i.t.Errorf("what was planted in %s was not found", where)
		}
	}
	i.halt()
	found := 0
	for _, file := range []string{"temporal.db", "temporal.db-wal"} {
		content, err := os.ReadFile(filepath.Join(i.Dir, "temporal", file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			i.t.Fatal(err)
		}
		found += len(wanted.in(content))
	}
	if found == 0 {
		i.t.Error("what was planted in Temporal's file was not found")
	}
}

// mismatch files a request that gives an element wrongly, so that what goes wrong
// is looked at too.
func (i installation) mismatch(a soffiah.Account) {
	i.t.Helper()
	in := sandbox.Intake(a)
	in.IdempotencyKey, in.Elements.BusinessID = "", "999999999"
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	receipt, err := c.Submit(i.t.Context(), in)
	if err != nil {
		i.t.Fatal(err)
	}
	i.follow(receipt.RequestID, time.Minute, dsr.AwaitingPerson)
}

// strangers asks for what a person without any right can ask for.
func (i installation) strangers(a soffiah.Account) map[string][]byte {
	i.t.Helper()
	told := map[string][]byte{}
	id := query[string](i.t, i.ownURL(), "SELECT id::text FROM request WHERE state = 'completed'")
	for _, base := range []string{i.Config.Public.URL, i.Config.Team.URL} {
		for _, path := range []string{
			"/", "/requests", "/requests/" + id, "/requests/received?r=" + id, "/api/v1/requests", "/api/v1/requests/" + id,
			"/api/v1/requests/" + id + "/certificate", "/healthz", "/readyz", "/metrics", "/login", "/nowhere",
		} {
			res, err := http.Get(base + path)
			if err != nil {
				i.t.Fatal(err)
			}
			told["GET "+base+path] = dump(i.t, res)
		}
		body, err := json.Marshal(sandbox.Intake(a))
		if err != nil {
			i.t.Fatal(err)
		}
		for name, token := range map[string]string{"without token": "", "with a wrong token": "Bearer wrong"} {
			req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, base+"/api/v1/requests", bytes.NewReader(body))
			if err != nil {
				i.t.Fatal(err)
			}
			req.Header.Set("Authorization", token)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				i.t.Fatal(err)
			}
			told["POST "+base+" "+name] = dump(i.t, res)
		}
	}
	return told
}

func dump(t *testing.T, res *http.Response) []byte {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	if err := res.Header.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&b, res.Body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scan searches everything of Habeas and Temporal for the values of accounts: the
// contents as queries give them, in which nothing is compressed or torn over
// pages, and then every file byte by byte. It stops the servers.
func scan(t *testing.T, i installation, subjects ...soffiah.Account) {
	t.Helper()
	begun := time.Now()
	wanted := needles(subjects...)
	for name, text := range i.dumpDatabase() {
		report(t, "table "+name, text, wanted)
	}
	for name, history := range i.dumpTemporal() {
		report(t, name, history, wanted)
	}
	i.halt()
	files, size := 0, 0
	for _, dir := range []string{"temporal", "postgres", "logs", "config", "exports"} {
		err := filepath.WalkDir(filepath.Join(i.Dir, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			report(t, path, content, wanted)
			files, size = files+1, size+len(content)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("searched %d files, %d MB, for %d values in %v", files, size>>20, len(values(subjects...)), time.Since(begun).Round(time.Millisecond))
	if files < 100 {
		t.Errorf("only %d files were searched", files)
	}
}

// halt stops the servers that Habeas uses, so that all they know is in their files.
func (i installation) halt() {
	i.t.Helper()
	if err := errors.Join(i.Own.Stop(i.t.Context()), i.Temporal.Stop(i.t.Context())); err != nil {
		i.t.Error(err)
	}
}

// dumpDatabase returns every table of Habeas as text, bytes in hex.
func (i installation) dumpDatabase() map[string][]byte {
	i.t.Helper()
	all := map[string][]byte{}
	for _, table := range tables(i.t, i.ownURL()) {
		rows := queryAll[string](i.t, i.ownURL(), "SELECT t::text FROM "+pgx.Identifier{table}.Sanitize()+" t")
		all[table] = []byte(strings.Join(rows, "\n"))
	}
	if len(all["request"]) == 0 || len(all["outbox"]) == 0 {
		i.t.Error("the tables of Habeas are empty")
	}
	return all
}

// dumpTemporal returns all that Temporal answers about its workflows.
func (i installation) dumpTemporal() map[string][]byte {
	i.t.Helper()
	c, err := client.Dial(client.Options{HostPort: i.Temporal.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		i.t.Fatal(err)
	}
	defer c.Close()
	all := map[string][]byte{}
	keep := func(name string, m proto.Message) {
		raw, err := proto.Marshal(m)
		if err != nil {
			i.t.Fatal(err)
		}
		all[name] = append(all[name], raw...)
	}
	list, err := c.ListWorkflow(i.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
	if err != nil {
		i.t.Fatal(err)
	}
	keep("the list of workflows", list)
	for _, w := range list.GetExecutions() {
		id := w.GetExecution().GetWorkflowId()
		events := c.GetWorkflowHistory(i.t.Context(), id, w.GetExecution().GetRunId(), false, 0)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				i.t.Fatal(err)
			}
			keep("the history of "+id, e)
		}
	}
	if len(all) < 2 {
		i.t.Error("Temporal has no histories")
	}
	return all
}

// report says which values stand in data.
func report(t *testing.T, where string, data []byte, wanted *index) {
	t.Helper()
	for _, found := range wanted.in(data) {
		t.Errorf("%s holds %s", where, found)
	}
}
