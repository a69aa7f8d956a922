package mailin

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// odd are the mails that are ours in these tests.
func odd(m Message) bool {
	var n int
	_, after, _ := bytes.Cut(m.Raw, []byte("Subject: mail "))
	_, err := fmt.Sscan(string(after), &n)
	return err == nil && n%2 == 1
}

// flags returns the flags of the messages of a folder by subject, as another
// program sees them.
func flags(t *testing.T, cfg Config, folder string) map[string][]imap.Flag {
	t.Helper()
	c, err := imapclient.DialInsecure(cfg.Addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	section := &imap.FetchItemBodySection{Peek: true}
	if err := c.Login(cfg.Username, cfg.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	data, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil || data.NumMessages == 0 {
		return nil
	}
	rows, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{Flags: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]imap.Flag{}
	for _, row := range rows {
		_, subject, _ := strings.Cut(string(row.FindBodySection(section)), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		all[subject] = row.Flags
	}
	return all
}

// want compares the flags of all messages of a folder.
func (s *testServer) want(folder string, want map[string][]imap.Flag) {
	s.t.Helper()
	wantFlags(s.t, s.config(), folder, want)
}

// wantFlags compares the flags of all messages of a folder but \Recent, which says
// nothing. Keywords come back in any case.
func wantFlags(t *testing.T, cfg Config, folder string, want map[string][]imap.Flag) {
	t.Helper()
	got := flags(t, cfg, folder)
	same := maps.EqualFunc(got, want, func(a, b []imap.Flag) bool {
		a = slices.DeleteFunc(a, func(f imap.Flag) bool { return f == "\\Recent" })
		return slices.EqualFunc(a, b, func(x, y imap.Flag) bool { return strings.EqualFold(string(x), string(y)) })
	})
	if !same {
		t.Errorf("%s holds %v, want %v", folder, got, want)
	}
}

func TestOursAreMarkedAndMovedInOneGo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.config()
	cfg.StartAtBeginning, cfg.Mark, cfg.MoveTo = true, true, "Habeas"
	for i := range 5 {
		s.deliver("INBOX", mailNumber(i))
	}
	sink := newMemorySink()
	sink.ours = odd
	w := watch(t, cfg, sink)
	w.await(CaughtUp)
	s.want("INBOX", map[string][]imap.Flag{"mail 0": {}, "mail 2": {}, "mail 4": {}})
	s.want("Habeas", map[string][]imap.Flag{"mail 1": {Keyword}, "mail 3": {Keyword}})
	// The folder did not exist: it was asked for, made, and asked for again.
	if n := s.counted("MOVE"); n != 2 {
		t.Errorf("%d MOVE commands, want one for the batch and one before it", n)
	}
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(7))
	w.await(Marked)
	s.want("INBOX", map[string][]imap.Flag{"mail 0": {}, "mail 2": {}, "mail 4": {}})
	if n := s.counted("MOVE"); n != 3 {
		t.Errorf("%d MOVE commands", n)
	}
}

func TestNothingIsChangedUnlessAskedTo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.deliver("INBOX", mailNumber(1))
	cfg := s.config()
	cfg.StartAtBeginning = true
	sink := newMemorySink()
	sink.ours = odd
	watch(t, cfg, sink).await(Waiting)
	s.want("INBOX", map[string][]imap.Flag{"mail 1": {}})
	if n := s.counted("STORE") + s.counted("MOVE"); n != 0 {
		t.Errorf("%d commands that change something", n)
	}
}

// TestWhatACrashLeftIsMarkedLater: stored, and not marked when the watcher ended.
func TestWhatACrashLeftIsMarkedLater(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.deliver("INBOX", mailNumber(1))
	cfg := s.config()
	cfg.StartAtBeginning = true
	sink := newMemorySink()
	sink.ours = odd
	w := watch(t, cfg, sink)
	w.await(CaughtUp)
	w.cancel()
	<-w.done
	close(w.done)
	cfg.Mark = true
	watch(t, cfg, sink).await(Marked)
	s.want("INBOX", map[string][]imap.Flag{"mail 1": {Keyword}})
	if len(sink.places) != 1 {
		t.Errorf("it was read %d times", len(sink.places))
	}
}

func TestFailureToMarkStopsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.refuse(true)
	cfg := s.config()
	cfg.Mark, cfg.MoveTo, cfg.IdleFor = true, "Junk", 30*time.Millisecond
	sink := newMemorySink()
	sink.ours = odd
	w := watch(t, cfg, sink)
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(1))
	if e := w.await(MarkFailed); e.Err == nil || strings.Contains(e.Err.Error(), "Not yours") {
		t.Errorf("got %+v", e)
	}
	s.deliver("INBOX", mailNumber(3))
	w.awaitMessages(2)
	s.refuse(false)
	w.await(Marked)
	s.want("Junk", map[string][]imap.Flag{"mail 1": {Keyword}, "mail 3": {Keyword}})
}

func TestFolderThatKeepsNoKeywords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.noKeywords = true
	s.deliver("INBOX", mailNumber(1))
	cfg := s.config()
	cfg.StartAtBeginning, cfg.Mark, cfg.MoveTo = true, true, "Junk"
	sink := newMemorySink()
	sink.ours = odd
	watch(t, cfg, sink).await(Marked)
	s.want("Junk", map[string][]imap.Flag{"mail 1": {}})
	if n := s.counted("STORE"); n != 0 {
		t.Errorf("%d STORE commands", n)
	}
}

// TestMovedMailThatIsReadAgain: the folder it went to is watched as well.
func TestMovedMailThatIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.create("", "Done")
	cfg := s.config()
	cfg.Folders, cfg.Mark, cfg.MoveTo, cfg.IdleFor = []string{"INBOX", "Done"}, true, "Done", 30*time.Millisecond
	sink := newMemorySink()
	sink.ours = odd
	w := watch(t, cfg, sink)
	w.await(Waiting)
	s.deliver("INBOX", mailNumber(1))
	for w.await(Stored).Folder != "Done" {
	}
	if e := w.await(Marked); e.Folder != "Done" {
		t.Errorf("marked in %s", e.Folder)
	}
	if got := sink.messages(); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
	s.want("Done", map[string][]imap.Flag{"mail 1": {Keyword}})
	if n := s.counted("MOVE"); n != 1 {
		t.Errorf("%d MOVE commands", n)
	}
}

// TestServerThatCannotMove: without MOVE and UIDPLUS an EXPUNGE would remove what
// somebody else has marked as deleted.
func TestServerThatCannotMove(t *testing.T) {
	t.Parallel()
	s := newServer(t, imap.CapIMAP4rev1)
	s.deliver("INBOX", mailNumber(1))
	cfg := s.config()
	cfg.StartAtBeginning, cfg.MoveTo = true, "Junk"
	if err := Check(t.Context(), cfg); !errors.Is(err, errCannotMove) {
		t.Errorf("Check says %v", err)
	}
	sink := newMemorySink()
	sink.ours = odd
	if e := watch(t, cfg, sink).await(MarkFailed); !errors.Is(e.Err, errCannotMove) {
		t.Errorf("got %v", e.Err)
	}
	s.want("INBOX", map[string][]imap.Flag{"mail 1": {}})
}
