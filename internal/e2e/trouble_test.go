package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// An environment that was stopped goes on where it was: an open request, the same
// mails under the same numbers, the same addresses.
func TestRestartContinues(t *testing.T) {
	dir := t.TempDir()
	first := install(t, sandbox.Options{Dir: dir})
	stop := first.run()
	a := first.Company.Subject()
	others := first.fingerprint(a)
	receipt := first.file(a)
	m := first.await(a, receipt.Reference, mailout.Confirmation)
	before := first.folder(a.Email)
	stop()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := install(t, sandbox.Options{Dir: dir})
	if got := second.folder(a.Email); !cmp.Equal(before, got) {
		t.Errorf("the mailbox of the person has changed: %s", cmp.Diff(before, got))
	}
	if first.Config.Public.URL != second.Config.Public.URL || first.Temporal.Address() != second.Temporal.Address() || first.Token != second.Token {
		t.Error("addresses or token have changed")
	}
	second.run()
	if d := second.follow(receipt.RequestID, time.Minute, dsr.AwaitingConfirmation); d.Reference != receipt.Reference {
		t.Errorf("the request is %s now", d.Reference)
	}
	// The mail that was read before the restart is answered after it.
	second.confirm(a, m)
	second.checkOnce(a, second.follow(receipt.RequestID, time.Minute, dsr.Completed), others)
}

// folder is what a mail client remembers of an INBOX.
type folder struct {
	UIDValidity uint32
	UIDs        []imap.UID
}

func (i installation) folder(address string) folder {
	i.t.Helper()
	c, err := imapclient.DialInsecure(i.Mail.IMAPAddr(), nil)
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Login(address, devenv.MailPassword).Wait(); err != nil {
		i.t.Fatal(err)
	}
	selected, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		i.t.Fatal(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		i.t.Fatal(err)
	}
	return folder{selected.UIDValidity, found.AllUIDs()}
}

// A store that goes down while it is erased delays the request and nothing else:
// the other stores are erased, people are told, and when the store is back the
// request is carried out to its end.
func TestStoreDown(t *testing.T) {
	i := install(t, sandbox.Options{})
	i.run()
	a := i.Company.Subject()
	want, others := i.expected(a), i.fingerprint(a)
	receipt := i.file(a)
	m := i.await(a, receipt.Reference, mailout.Confirmation)

	// A lock holds the erasure up in the middle, until the server goes down.
	release := i.lock("SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE", a.ID)
	i.confirm(a, m)
	i.follow(receipt.RequestID, time.Minute, dsr.Erasing)
	if err := i.Stores.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	d := i.untilAttention(receipt.RequestID, dsr.StoreFailing)
	if d.State != dsr.Erasing {
		t.Errorf("the request is %s", d.State)
	}
	var done []string
	for _, r := range d.Stores {
		done = append(done, r.Store)
	}
	if slices.Sort(done); !slices.Equal(slices.Compact(done), []string{"correspondence", "uploads"}) {
		t.Errorf("erased so far: %v; the other two stores should be", done)
	}
	if n := len(i.objects(a.StoragePrefix)); n != 0 {
		t.Errorf("%d objects are left while another store is down", n)
	}

	down := time.Now()
	if err := i.Stores.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = i.follow(receipt.RequestID, 2*time.Minute, dsr.Completed)
	t.Logf("completed %v after the store was back", time.Since(down).Round(100*time.Millisecond))
	if d.Attention != dsr.NoAttention {
		t.Errorf("the attention is still %s", d.Attention)
	}
	i.checkOnce(a, d, others)
	i.checkRows(a, want)
}

// lock runs a statement in a transaction that stays open until release.
func (i installation) lock(statement string, args ...any) (release func()) {
	i.t.Helper()
	conn, err := pgx.Connect(i.t.Context(), i.appURL())
	if err != nil {
		i.t.Fatal(err)
	}
	tx, err := conn.Begin(i.t.Context())
	if err != nil {
		i.t.Fatal(err)
	}
	if _, err := tx.Exec(i.t.Context(), statement, args...); err != nil {
		i.t.Fatal(err)
	}
	// The server may be gone by then.
	return func() { _ = conn.Close(context.WithoutCancel(i.t.Context())) }
}

// untilAttention waits until a person is asked to look, for that reason.
func (i installation) untilAttention(requestID string, attention dsr.Attention) dsr.Details {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	deadline := time.Now().Add(90 * time.Second)
	for {
		d, err := c.Show(i.t.Context(), requestID)
		if err != nil {
			i.t.Fatal(err)
		}
		if d.Attention == attention {
			return d
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("no attention %s: state %s, attention %q, events %v", attention, d.State, d.Attention, types(d.Events))
		}
		time.Sleep(25 * time.Millisecond)
	}
}
