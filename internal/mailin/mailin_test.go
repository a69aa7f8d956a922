package mailin

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/soffiah/habeas/internal/devenv/mailservers"
)

func TestNewMailIsStoredAtOnceAndOldMailIsLeft(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.deliver("INBOX", mailNumber(1))
	cfg := s.config()
	cfg.IdleFor = time.Minute // only IDLE can bring the news
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	began := time.Now()
	s.deliver("INBOX", mailNumber(2))
	got := w.awaitMessages(1)
	if d := time.Since(began); d > time.Second {
		t.Errorf("it took %v from delivery to Store", d)
	} else {
		t.Logf("delivery to Store: %v", d)
	}
	if len(got) != 1 || string(got[0].Raw) != mailNumber(2) {
		t.Fatalf("got %d messages, want only the new one", len(got))
	}
	if got[0].UID != 2 || got[0].UIDValidity == 0 || got[0].Folder != "INBOX" || got[0].InternalDate.IsZero() || got[0].Size != int64(len(mailNumber(2))) || got[0].Truncated {
		t.Errorf("got %+v", got[0])
	}
}

func TestCatchesUpInBatchesAndMarksNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const n = 120
	for i := range n {
		s.deliver("INBOX", mailNumber(i))
	}
	s.deliver("Junk", mailNumber(1000))
	cfg := s.config()
	cfg.StartAtBeginning, cfg.Folders = true, []string{"INBOX", "Junk", "Nowhere"}
	w := watch(t, cfg, newMemorySink())
	w.await(FolderAbsent)
	w.await(CaughtUp)
	if got := w.sink.messages(); len(got) != n+1 {
		t.Fatalf("got %d messages, want %d", len(got), n+1)
	}
	// three batches, Junk's one, and the two first cursors
	if w.sink.stores != 6 {
		t.Errorf("%d transactions, want 6", w.sink.stores)
	}
	status, err := s.user.Status("INBOX", &imap.StatusOptions{NumUnseen: true})
	if err != nil || *status.NumUnseen != n {
		t.Errorf("%v unseen after reading (%v), want %d: nothing may be marked as read", *status.NumUnseen, err, n)
	}
}

func TestPollsWhereIdleIsNotOffered(t *testing.T) {
	t.Parallel()
	s := newServer(t, imap.CapIMAP4rev1)
	w := watch(t, s.config(), newMemorySink())
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(1))
	w.awaitMessages(1)
}

func TestPokeLooksAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, imap.CapIMAP4rev1)
	cfg := s.config()
	poke := make(chan struct{})
	cfg.PollEvery, cfg.Poke = time.Hour, poke
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(1))
	poke <- struct{}{}
	w.awaitMessages(1)
}

func TestReconnectsAfterTheConnectionIsKilled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := mailservers.NewRelay(t, s.addr)
	cfg := s.config()
	cfg.Addr, cfg.IdleFor = r.Addr(), time.Minute
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	r.Kill()
	s.deliver("INBOX", mailNumber(1))
	if e := w.await(Disconnected); e.Err == nil || e.Wait != time.Millisecond {
		t.Errorf("got %+v", e)
	}
	w.awaitMessages(1)
}

func TestSilentConnectionIsFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := mailservers.NewRelay(t, s.addr)
	cfg := s.config()
	cfg.Addr, cfg.CommandTimeout, cfg.IdleFor = r.Addr(), 100*time.Millisecond, 50*time.Millisecond
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	r.Swallow(true)
	e := w.await(Disconnected)
	if !errors.Is(e.Err, ErrSilent) {
		t.Fatalf("got %v, want ErrSilent", e.Err)
	}
	r.Swallow(false)
	s.deliver("INBOX", mailNumber(1))
	w.awaitMessages(1)
}

func TestRenumberedFolderIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.deliver("INBOX", mailNumber(0))
	cfg := s.config()
	cfg.IdleFor = 30 * time.Millisecond
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(1))
	before := w.awaitMessages(1)[0]

	if err := errors.Join(s.user.Delete("INBOX"), s.user.Create("INBOX", nil)); err != nil {
		t.Fatal(err)
	}
	s.deliver("INBOX", mailNumber(2))
	s.deliver("INBOX", mailNumber(1))
	w.await(Renumbered)
	got := w.awaitMessages(2)
	if after := got[1]; string(after.Raw) != mailNumber(2) || after.UIDValidity == before.UIDValidity {
		t.Errorf("got %+v", after)
	}
	s.deliver("INBOX", mailNumber(3))
	if got = w.awaitMessages(3); len(got) != 3 {
		t.Errorf("got %d messages, want 3: duplicates are the sink's to drop", len(got))
	}
	c, _, _ := w.sink.Cursor(t.Context(), "INBOX")
	if c.UIDValidity != got[2].UIDValidity || c.LastUID != 3 {
		t.Errorf("cursor %+v", c)
	}
}

func TestOldMailOfARenumberedFolderIsLeft(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old := time.Now().AddDate(0, -6, 0)
	if _, err := s.user.Append("INBOX", literal{strings.NewReader(mailNumber(1))}, &imap.AppendOptions{Time: old}); err != nil {
		t.Fatal(err)
	}
	s.deliver("INBOX", mailNumber(2))
	if _, err := s.user.Append("INBOX", literal{strings.NewReader(mailNumber(3))}, &imap.AppendOptions{Time: old}); err != nil {
		t.Fatal(err)
	}
	sink := newMemorySink()
	sink.cursors["INBOX"] = Cursor{Folder: "INBOX", UIDValidity: 99, LastUID: 7}
	w := watch(t, s.config(), sink)
	w.await(Renumbered)
	if got := sink.messages(); len(got) != 1 || string(got[0].Raw) != mailNumber(2) {
		t.Errorf("got %d messages, want the recent one only", len(got))
	}
}

func TestTwoWatchersDoNoHarm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	sink := newMemorySink()
	cfg := s.config()
	cfg.StartAtBeginning = true
	a, b := watch(t, cfg, sink), watch(t, cfg, sink)
	a.await(Waiting)
	b.await(Waiting)
	const n = 60
	for i := range n {
		s.deliver("INBOX", mailNumber(i))
	}
	for {
		if got := sink.messages(); len(got) == n {
			break
		}
		select {
		case <-a.events:
		case <-b.events:
		case <-time.After(patience):
			t.Fatalf("only %d of %d messages", len(sink.messages()), n)
		}
	}
}

func TestSinkFailureRepeatsTheBatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := watch(t, s.config(), newMemorySink())
	w.await(Waiting)
	w.sink.mu.Lock()
	w.sink.failing = errors.New("the database is away")
	w.sink.mu.Unlock()
	s.deliver("INBOX", mailNumber(1))
	w.await(Disconnected)
	w.awaitMessages(1)
}

func TestPoisonousMessageIsSetAside(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.poison = func(set imap.NumSet, options *imap.FetchOptions) error {
		uids, ok := set.(imap.UIDSet)
		if ok && uids.Contains(2) && options.BodySection[0].Specifier == imap.PartSpecifierNone {
			return errors.New("the server breaks over this one")
		}
		return nil
	}
	for i := range 4 {
		s.deliver("INBOX", mailNumber(i+1))
	}
	cfg := s.config()
	cfg.StartAtBeginning = true
	w := watch(t, cfg, newMemorySink())
	w.await(CaughtUp)
	got := w.sink.messages()
	if len(got) != 4 {
		t.Fatalf("got %d messages, want 4", len(got))
	}
	for i, m := range got {
		if want := i == 1; (m.Trouble == Unreadable) != want {
			t.Errorf("message %d has trouble %q", i, m.Trouble)
		}
	}
	if bad := string(got[1].Raw); !strings.Contains(bad, "Subject: mail 2") || strings.Contains(bad, "body") {
		t.Errorf("of the bad message, not the header was kept: %q", bad)
	}
}

func TestLargeMessageIsCutOff(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.deliver("INBOX", mailNumber(1)+strings.Repeat("x", 5000))
	s.deliver("INBOX", mailNumber(2))
	cfg := s.config()
	cfg.StartAtBeginning, cfg.MaxMessage, cfg.Excerpt = true, 2000, 500
	w := watch(t, cfg, newMemorySink())
	got := w.awaitMessages(2)
	if !got[0].Truncated || len(got[0].Raw) != 500 || got[0].Size < 5000 {
		t.Errorf("truncated %v, %d of %d bytes", got[0].Truncated, len(got[0].Raw), got[0].Size)
	}
	if got[1].Truncated {
		t.Error("the small message is marked as cut off")
	}
}

func TestGapIsReported(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	sink := newMemorySink()
	for i := range 4 {
		s.deliver("INBOX", mailNumber(i))
	}
	status, err := s.user.Status("INBOX", &imap.StatusOptions{UIDValidity: true})
	if err != nil {
		t.Fatal(err)
	}
	sink.cursors["INBOX"] = Cursor{Folder: "INBOX", UIDValidity: status.UIDValidity, LastUID: 1}
	removeUIDs(t, s, 2, 3)
	w := watch(t, s.config(), sink)
	if e := w.await(Gap); e.Count != 2 {
		t.Errorf("gap of %d, want 2", e.Count)
	}
}

// removeUIDs does what a colleague does who files mails elsewhere.
func removeUIDs(t *testing.T, s *testServer, uids ...imap.UID) {
	t.Helper()
	session := imapmemserver.NewUserSession(s.user)
	if _, err := session.Select("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	set := imap.UIDSetNum(uids...)
	if err := session.Store(nil, set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := session.Expunge(nil, &set); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedLoginBacksOffOnItsOwn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.config()
	cfg.Password = "wrong"
	w := watch(t, cfg, newMemorySink())
	for _, want := range []time.Duration{2, 4, 5, 5} {
		e := w.await(LoginRejected)
		if e.Wait != want*time.Millisecond || !errors.Is(e.Err, ErrLoginRefused) {
			t.Errorf("waits %v (%v), want %dms", e.Wait, e.Err, want)
		}
		if strings.Contains(e.Err.Error(), "privacy") || strings.Contains(e.Err.Error(), "wrong") {
			t.Errorf("the error tells the account: %v", e.Err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, tc := range map[string]struct {
		change func(*Config)
		want   error
		text   string
	}{
		"good":        {func(*Config) {}, nil, ""},
		"password":    {func(c *Config) { c.Password = "x" }, ErrLoginRefused, "check user name and password"},
		"folder":      {func(c *Config) { c.Folders = []string{"INBOX", "Gone"} }, ErrNoFolder, `folder "Gone"`},
		"nobody home": {func(c *Config) { c.Addr = closed.Addr().String() }, nil, "connecting to the mail server at 127.0.0.1"},
		"no TLS":      {func(c *Config) { c.TLS = TLSStart }, nil, "greeting the mail server"},
		"odd TLS":     {func(c *Config) { c.TLS = "ssl3" }, nil, "use implicit, starttls or none"},
	} {
		cfg := s.config()
		tc.change(&cfg)
		err := Check(t.Context(), cfg)
		switch {
		case name == "good" && err != nil, tc.want != nil && !errors.Is(err, tc.want):
			t.Errorf("%s: got %v", name, err)
		case name != "good" && (err == nil || !strings.Contains(err.Error(), tc.text)):
			t.Errorf("%s: got %v, want it to say %q", name, err, tc.text)
		}
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	b := Backoff{time.Second, time.Minute}
	for attempt, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := b.pause(attempt, 0); got != want*time.Second {
			t.Errorf("attempt %d: %v, want %v", attempt, got, want*time.Second)
		}
		if got := b.pause(attempt, 0.999); got < want*time.Second/2 || got > want*time.Second {
			t.Errorf("attempt %d with jitter: %v", attempt, got)
		}
	}
}

func TestBackfillReadsOldMailOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, age := range []int{-400, -20, -10} {
		if _, err := s.user.Append("INBOX", literal{strings.NewReader(mailNumber(i))}, &imap.AppendOptions{Time: time.Now().AddDate(0, 0, age)}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := Backfill(t.Context(), s.config(), time.Now().AddDate(0, 0, -30), func(_ context.Context, messages []Message) error {
		for _, m := range messages {
			got = append(got, string(m.Raw))
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{mailNumber(1), mailNumber(2)}) {
		t.Errorf("got %q, %v", got, err)
	}
	stop := errors.New("enough")
	if err := Backfill(t.Context(), s.config(), time.Time{}, func(context.Context, []Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the visitor's error", err)
	}
}

func TestXOAuth2(t *testing.T) {
	t.Parallel()
	x := XOAuth2("privacy@acme.test", "abc")
	mechanism, response, err := x.Start()
	if mechanism != "XOAUTH2" || string(response) != "user=privacy@acme.test\x01auth=Bearer abc\x01\x01" || err != nil {
		t.Errorf("got %s %q %v", mechanism, response, err)
	}
	if answer, err := x.Next([]byte(`{"status":"400"}`)); err != nil || len(answer) != 0 {
		t.Errorf("got %q %v", answer, err)
	}
	if _, err := x.Next(nil); err == nil {
		t.Error("an empty challenge was answered")
	}
}
