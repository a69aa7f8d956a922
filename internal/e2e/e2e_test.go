package e2e

import (
	"bytes"
	"context"
	"errors"
	"net/mail"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// accounts is the size of the sample company here: the heavy user and some others.
const accounts = 30

// installation is a running environment with its test.
type installation struct {
	*sandbox.Sandbox
	t *testing.T
}

// install starts everything but the program itself, for one test.
func install(t *testing.T, o sandbox.Options) installation {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres and Temporal")
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Accounts == 0 {
		o.Accounts = accounts
	}
	o.Progress = t.Logf
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return installation{s, t}
}

// run runs server and worker in this process until stop is called, and returns
// once they are ready.
func (i installation) run() (stop func()) {
	i.t.Helper()
	ctx, cancel := context.WithCancel(i.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	stop = func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			i.t.Errorf("the program ended with %v", err)
		}
	}
	i.t.Cleanup(stop)
	i.ready()
	return stop
}

func (i installation) ready() {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), time.Minute)
	defer cancel()
	if err := i.Ready(ctx); err != nil {
		i.t.Fatal(err)
	}
}

// within bounds a wait of a test.
func (i installation) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(i.t.Context(), d)
	i.t.Cleanup(cancel)
	return ctx
}

// file files the request of an account by the team's API.
func (i installation) file(a soffiah.Account) dsr.Receipt {
	i.t.Helper()
	receipt, err := i.File(i.t.Context(), a)
	if err != nil {
		i.t.Fatal(err)
	}
	return receipt
}

// await waits for the mail of a purpose in the mailbox of an account.
func (i installation) await(a soffiah.Account, reference string, purpose mailout.Purpose) person.Mail {
	i.t.Helper()
	m, err := a.Person(i.Mail).Await(i.within(90*time.Second), sandbox.About(reference, purpose))
	if err != nil {
		i.t.Fatalf("%s: %v", purpose, err)
	}
	return m
}

// confirm answers a mail with the phrase that it asks for.
func (i installation) confirm(a soffiah.Account, m person.Mail) time.Time {
	i.t.Helper()
	at, err := a.Person(i.Mail).Reply(i.t.Context(), m, mailout.WordsIn(a.Language).Confirm)
	if err != nil {
		i.t.Fatal(err)
	}
	return at
}

// follow waits until a request is in one of the states.
func (i installation) follow(requestID string, d time.Duration, states ...dsr.State) dsr.Details {
	i.t.Helper()
	details, err := i.Follow(i.within(d), requestID, nil, states...)
	if err != nil {
		i.t.Fatalf("%v, state %s, attention %q, events %v", err, details.State, details.Attention, types(details.Events))
	}
	return details
}

func types(events []dsr.Event) []dsr.EventType {
	all := make([]dsr.EventType, len(events))
	for i, e := range events {
		all[i] = e.Type
	}
	return all
}

// event returns the first event of a type.
func event(events []dsr.Event, kind dsr.EventType) (dsr.Event, bool) {
	i := slices.IndexFunc(events, func(e dsr.Event) bool { return e.Type == kind })
	if i < 0 {
		return dsr.Event{}, false
	}
	return events[i], true
}

// query returns the only value that a statement yields.
func query[T any](t *testing.T, url, statement string, args ...any) T {
	t.Helper()
	rows := queryAll[T](t, url, statement, args...)
	if len(rows) != 1 {
		t.Fatalf("%d rows in place of one: %s", len(rows), statement)
	}
	return rows[0]
}

// queryAll returns the first column of all rows.
func queryAll[T any](t *testing.T, url, statement string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return all
}

func (i installation) appURL() string     { return i.Stores.URL("soffiah_app") }
func (i installation) billingURL() string { return i.Stores.URL("soffiah_billing") }
func (i installation) ownURL() string     { return i.Own.URL("habeas") }

// fingerprint is a digest of everything that is not of one account.
func (i installation) fingerprint(a soffiah.Account) string {
	i.t.Helper()
	digest, err := i.Company.Fingerprint(i.t.Context(), a.ID)
	if err != nil {
		i.t.Fatal(err)
	}
	return digest
}

// received returns the mails of a purpose in the mailbox of an account, as they
// were sent: without what the last server put on top.
func (i installation) received(a soffiah.Account, purpose mailout.Purpose) [][]byte {
	i.t.Helper()
	files, err := i.Mail.Messages(a.Email, "INBOX")
	if err != nil {
		i.t.Fatal(err)
	}
	var found [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			i.t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			i.t.Fatal(err)
		}
		if m.Header.Get("X-Habeas-Purpose") != string(purpose) {
			continue
		}
		for _, trace := range []string{"Return-Path:", "Delivered-To:", "Received:"} {
			if bytes.HasPrefix(raw, []byte(trace)) {
				raw = afterField(raw)
			}
		}
		found = append(found, raw)
	}
	return found
}

// afterField returns what follows the first header field and its folded lines.
func afterField(raw []byte) []byte {
	for {
		_, raw, _ = bytes.Cut(raw, []byte("\r\n"))
		if len(raw) == 0 || raw[0] != ' ' && raw[0] != '\t' {
			return raw
		}
	}
}
