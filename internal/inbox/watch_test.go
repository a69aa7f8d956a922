package inbox

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// patience bounds every wait in these tests; nothing waits for it to pass.
const patience = 20 * time.Second

// server is a mail server with mailboxes.
type server struct {
	*devenv.Mail
	t testing.TB
}

func startServer(t testing.TB) server {
	t.Helper()
	m, err := devenv.StartMail(t.Context(), t.TempDir(), devenv.MailOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return server{m, t}
}

// deliver puts a mail into a folder as received at noon.
func (s server) deliver(address, folder string, raw []byte) {
	s.t.Helper()
	if _, err := s.Append(address, folder, noon, raw); err != nil {
		s.t.Fatal(err)
	}
}

func (s server) config(address string) mailin.Config {
	return mailin.Config{
		Addr: s.IMAPAddr(), TLS: mailin.TLSNone, Username: address, Password: devenv.MailPassword, StartAtBeginning: true,
		IdleFor: 50 * time.Millisecond, LookEvery: time.Millisecond, CommandTimeout: 10 * time.Second,
		LoginBackoff: mailin.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
	}
}

// flags returns the flags of the messages of a folder.
func (s server) flags(address, folder string) [][]imap.Flag {
	s.t.Helper()
	c, err := imapclient.DialInsecure(s.IMAPAddr(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Login(address, devenv.MailPassword).Wait(); err != nil {
		s.t.Fatal(err)
	}
	data, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		s.t.Fatal(err)
	}
	if data.NumMessages == 0 {
		return nil
	}
	rows, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{Flags: true}).Collect()
	if err != nil {
		s.t.Fatal(err)
	}
	var all [][]imap.Flag
	for _, row := range rows {
		all = append(all, row.Flags)
	}
	return all
}

// watch watches a mailbox of an inbox until the test ends and returns its events.
func watch(t testing.TB, in *Inbox, mailbox string) <-chan mailin.Event {
	t.Helper()
	events := make(chan mailin.Event, 10_000)
	cfg := in.Mailboxes[mailbox]
	cfg.Report = func(e mailin.Event) { events <- e }
	in.Mailboxes[mailbox] = cfg
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Watch(ctx, mailbox) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return events
}

func await(t testing.TB, events <-chan mailin.Event, kind mailin.EventKind) mailin.Event {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-events:
			if e.Kind == kind {
				return e
			}
		case <-deadline:
			t.Fatalf("no event %s", kind)
		}
	}
}

// file makes a request whose confirmation mail is m and returns its id.
func file(t testing.TB, db *postgrestest.Database, m record.NewMail) string {
	t.Helper()
	id := uuid.NewString()
	_, err := db.CreateRequest(t.Context(), record.NewRequest{
		ID: id, Reference: "H-" + strings.ToUpper(id[:8]), PolicyVersion: "2026-01-15", ReceivedAt: noon.Add(-2 * time.Hour), DueAt: noon.AddDate(0, 1, 0),
		Intake: dsr.Intake{Right: dsr.Erasure, Name: "Marie Dubois", Channel: dsr.Portal, Language: "en"}, Mail: &m,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestWatchOnRealServers: a reply is recorded and told, marked and moved; what is not
// for us is left as it was. The folder to which it went is watched as well, and
// another mailbox whose password is wrong keeps none of it from happening.
func TestWatchOnRealServers(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, time.Now)
	s := startServer(t)
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	id := file(t, db, m)
	in := b.sink.Inbox
	in.Records = db.DB
	in.Mailboxes = map[string]mailin.Config{"privacy": s.config(mailbox), "locked": s.config("locked@soffiah.test")}
	cfg := in.Mailboxes["privacy"]
	cfg.Mark, cfg.MoveTo, cfg.Folders = true, "Habeas", []string{"INBOX", mailin.AllFolders}
	in.Mailboxes["privacy"] = cfg
	locked := in.Mailboxes["locked"]
	locked.Password = "wrong"
	in.Mailboxes["locked"] = locked

	newsletter := letter{[]string{"From: news@shop.test", "To: " + mailbox, "Subject: Offers", "Message-ID: <1@shop.test>"}, "Everything must go."}
	s.deliver(mailbox, "INBOX", newsletter.raw())
	await(t, watch(t, in, "locked"), mailin.LoginRejected)
	events := watch(t, in, "privacy")
	await(t, events, mailin.Waiting)
	s.deliver(mailbox, "INBOX", answer(m, yes).raw())
	// Once where it came in, and once where it was moved to.
	for _, folder := range []string{"INBOX", "Habeas"} {
		if e := await(t, events, mailin.Marked); e.Folder != folder || e.Count != 1 {
			t.Errorf("marked %+v, want one in %s", e, folder)
		}
	}
	if got := s.flags(mailbox, "INBOX"); len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("in the INBOX there are mails with flags %v, want the newsletter without any", got)
	}
	if got := s.flags(mailbox, "Habeas"); len(got) != 1 || len(got[0]) != 1 || !strings.EqualFold(string(got[0][0]), mailin.Keyword) {
		t.Errorf("moved are mails with flags %v", got)
	}
	details, err := db.Show(t.Context(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := []string{}
	for _, r := range details.Replies {
		verdicts = append(verdicts, r.Verdict)
	}
	if slices.Sort(verdicts); !slices.Equal(verdicts, []string{string(reply.Confirm), "duplicate"}) {
		t.Errorf("recorded are %v", verdicts)
	}
	var signals int
	if err := db.SQL.QueryRow(t.Context(), `SELECT count(*) FROM signal WHERE kind = 'reply'`).Scan(&signals); err != nil || signals != 1 {
		t.Errorf("told %d times, %v", signals, err)
	}
}

// TestBackfill: an answer among old mail counts by the time of its receipt, a trial
// records nothing, and neither changes anything in the mailbox.
func TestBackfill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	in := b.sink.Inbox
	cfg := s.config(mailbox)
	cfg.Mark, cfg.MoveTo, cfg.Folders = true, "Habeas", []string{mailin.AllFolders}
	in.Mailboxes = map[string]mailin.Config{"privacy": cfg}
	asks := letter{[]string{"From: a@shop.test", "To: " + mailbox, "Subject: My data", "Message-ID: <1@shop.test>"}, "Please delete my account and all my personal data."}
	s.deliver(mailbox, "INBOX", asks.raw())
	s.deliver(mailbox, "Filed", answer(m, yes).raw())
	for _, dry := range []bool{true, false, false} {
		known := len(b.records.stored)
		told := 0
		got, err := in.Backfill(t.Context(), "privacy", noon.AddDate(0, 0, -1), dry, func(read int) { told = read })
		if err != nil {
			t.Fatal(err)
		}
		if got.Read != 2 || told != 2 || got.Known != known {
			t.Errorf("dry %v: %+v, told %d, want %d known", dry, got, told, known)
		}
		if known == 0 && (got.Tied != 1 || got.Verdicts["confirm"] != 1 || len(got.Requests) != 1 || got.Requests[0] != FoundRequest{"INBOX", 1, got.Requests[0].ReceivedAt}) {
			t.Errorf("dry %v: %+v", dry, got)
		}
		if (len(b.records.stored) == 0) != dry {
			t.Errorf("dry %v: %d mails recorded", dry, len(b.records.stored))
		}
	}
	if b.records.cursor != (record.Cursor{}) {
		t.Errorf("the cursor is %+v", b.records.cursor)
	}
	for _, mail := range b.records.stored {
		if !mail.Backfilled || mail.RequestID != "" && (!mail.ReceivedAt.Equal(noon) || !mail.Tell) {
			t.Errorf("recorded as %+v", mail)
		}
	}
	for _, folder := range []string{"INBOX", "Filed"} {
		if got := s.flags(mailbox, folder); len(got) != 1 || len(got[0]) != 0 {
			t.Errorf("%s holds mails with flags %v", folder, got)
		}
	}
}

// TestYesInJunk: the folder is told to the judge.
func TestYesInJunk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.send(mailout.Confirmation, "en")
	got := b.message(mailin.Message{Raw: answer(m, yes).raw(), Junk: true})
	want(t, got, reply.Unclear, "the request", true)
	if !slices.Contains(got.Reasons, string(reply.InJunk)) || got.Arrived {
		t.Errorf("reasons %v, arrived %v", got.Reasons, got.Arrived)
	}
}
