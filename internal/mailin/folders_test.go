package mailin

import (
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// create makes folders with a special use, or none.
func (s *testServer) create(use imap.MailboxAttr, names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := s.user.Create(name, nil); err != nil {
			s.t.Fatal(err)
		}
		s.mu.Lock()
		s.uses[name] = use
		s.mu.Unlock()
	}
}

func TestJunkIsWatchedAndKnownAsSuch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.create(imap.MailboxAttrJunk, "Indésirables")
	s.create("", "Suspicious", "Filed")
	cfg := s.config()
	cfg.IdleFor, cfg.Junk = 30*time.Millisecond, []string{"Suspicious"}
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	folders := []string{"INBOX", "Indésirables", "Suspicious", "Junk"}
	for i, folder := range append(folders, "Filed") {
		s.deliver(folder, mailNumber(i))
	}
	for _, m := range w.awaitMessages(len(folders)) {
		if m.Junk != (m.Folder != "INBOX") {
			t.Errorf("in %s: junk %v", m.Folder, m.Junk)
		}
	}
	w.await(CaughtUp)
	if got := w.sink.messages(); len(got) != len(folders) {
		t.Errorf("%d messages, want %d: a folder that nobody named is watched", len(got), len(folders))
	}
}

func TestAllFolders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.create(imap.MailboxAttrSent, "Envoyés")
	s.create(imap.MailboxAttrTrash, "Corbeille")
	s.create(imap.MailboxAttrAll, "Everything")
	s.create("", "Cases", "Cases/2026", "Drafts", "INBOX/Deleted Items")
	cfg := s.config()
	cfg.IdleFor, cfg.Folders = 30*time.Millisecond, []string{AllFolders}
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	for i, folder := range []string{"Envoyés", "Corbeille", "Everything", "Drafts", "INBOX/Deleted Items", "INBOX", "Cases", "Cases/2026", "Junk"} {
		s.deliver(folder, mailNumber(i))
	}
	var got []string
	for _, m := range w.awaitMessages(4) {
		got = append(got, m.Folder)
	}
	w.await(CaughtUp)
	slices.Sort(got)
	if want := []string{"Cases", "Cases/2026", "INBOX", "Junk"}; !slices.Equal(got, want) || len(w.sink.messages()) != len(want) {
		t.Errorf("read %v of %d messages, want %v", got, len(w.sink.messages()), want)
	}
	// A folder that is made later is found too.
	s.create("", "New")
	w.await(FolderNew)
	s.deliver("New", mailNumber(20))
	w.awaitMessages(5)
}

// TestFoldersWithoutNewsAreNotOpened: the listing tells.
func TestFoldersWithoutNewsAreNotOpened(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.create("", "Cases")
	cfg := s.config()
	cfg.IdleFor, cfg.LookEvery, cfg.Folders = 10*time.Millisecond, time.Nanosecond, []string{"INBOX", "Cases"}
	w := watch(t, cfg, newMemorySink())
	for range 5 {
		w.await(CaughtUp)
	}
	if n := s.counted("SELECT Cases"); n != 1 {
		t.Errorf("Cases was opened %d times", n)
	}
	s.deliver("Cases", mailNumber(1))
	w.awaitMessages(1)
}

// TestReplyThatWasFiledBeforeItWasReadIsHeard: somebody moves a mail out of the
// way while Habeas is not looking.
func TestReplyThatWasFiledBeforeItWasReadIsHeard(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]int{"the last one": 0, "one of several": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.create("", "Cases")
			s.create(imap.MailboxAttrTrash, "Trash")
			s.deliver("INBOX", mailNumber(0))
			sink := newMemorySink()
			sink.cursors["INBOX"] = Cursor{Folder: "INBOX", UIDValidity: s.validity("INBOX"), LastUID: 1}
			s.deliver("INBOX", mailNumber(1))
			s.move("INBOX", "Cases", 2)
			for i := range later {
				s.deliver("INBOX", mailNumber(2+i))
			}
			s.deliver("Trash", mailNumber(10))
			cfg := s.config()
			cfg.IdleFor = 20 * time.Millisecond
			w := watch(t, cfg, sink)
			if e := w.await(Gap); e.Count != 1 || e.Folder != "INBOX" {
				t.Errorf("got %+v", e)
			}
			if e := w.await(Searched); e.Count != 1 {
				t.Errorf("%d messages of other folders were read, want the one that was filed", e.Count)
			}
			got := w.awaitMessages(1 + later)
			if !slices.ContainsFunc(got, func(m Message) bool { return m.Folder == "Cases" && string(m.Raw) == mailNumber(1) }) {
				t.Error("the mail that was filed was not read")
			}
			if _, known, _ := sink.Cursor(t.Context(), "Cases"); known {
				t.Error("a folder that is not watched has a cursor")
			}
			// It is reported once, however often the folder is looked at.
			for range 4 {
				w.await(CaughtUp)
			}
			for len(w.events) > 0 {
				if e := <-w.events; e.Kind == Gap || e.Kind == Searched {
					t.Errorf("again: %+v", e)
				}
			}
		})
	}
}

func (s *testServer) validity(folder string) uint32 {
	s.t.Helper()
	status, err := s.user.Status(folder, &imap.StatusOptions{UIDValidity: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return status.UIDValidity
}

// move does what a colleague does who files a mail.
func (s *testServer) move(from, to string, uid imap.UID) {
	s.t.Helper()
	session := imapmemserver.NewUserSession(s.user)
	if _, err := session.Select(from, nil); err != nil {
		s.t.Fatal(err)
	}
	if _, err := session.Copy(imap.UIDSetNum(uid), to); err != nil {
		s.t.Fatal(err)
	}
	removeUIDs(s.t, s, uid)
}

// TestSeveralMailboxes: one whose login is refused keeps no other from being read.
func TestSeveralMailboxes(t *testing.T) {
	t.Parallel()
	good, bad := newServer(t), newServer(t)
	refused := bad.config()
	refused.Password = "wrong"
	other := watch(t, refused, newMemorySink())
	w := watch(t, good.config(), newMemorySink())
	w.await(Waiting)
	other.await(LoginRejected)
	good.deliver("INBOX", mailNumber(1))
	bad.deliver("INBOX", mailNumber(2))
	if got := w.awaitMessages(1); len(got) != 1 || string(got[0].Raw) != mailNumber(1) {
		t.Errorf("got %d messages", len(got))
	}
	other.await(LoginRejected)
	if got := other.sink.messages(); len(got) != 0 {
		t.Errorf("%d messages of a mailbox that nobody may read", len(got))
	}
}
