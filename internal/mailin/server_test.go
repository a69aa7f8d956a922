package mailin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// patience bounds every wait in these tests; nothing waits for it to pass.
const patience = 10 * time.Second

// memorySink keeps what a watcher hands over, as Postgres does in production.
type memorySink struct {
	mu      sync.Mutex
	cursors map[string]Cursor
	seen    []Message
	stores  int
	failing error
	// ours tells which messages are to be marked; none if nil. marked are those
	// that were, and places all that were handed over.
	ours   func(Message) bool
	marked map[place]bool
	places []Message
}

func newMemorySink() *memorySink {
	return &memorySink{cursors: map[string]Cursor{}, marked: map[place]bool{}}
}

func (s *memorySink) Cursor(_ context.Context, folder string) (Cursor, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cursors[folder]
	return c, ok, nil
}

func (s *memorySink) Take(_ context.Context, messages []Message) (Store, error) {
	return func(_ context.Context, c Cursor) error { return s.store(c, messages) }, nil
}

func (s *memorySink) store(c Cursor, messages []Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing != nil {
		err := s.failing
		s.failing = nil
		return err
	}
	s.stores++
	s.places = append(s.places, messages...)
	if old := s.cursors[c.Folder]; old.UIDValidity == c.UIDValidity {
		c.LastUID = max(c.LastUID, old.LastUID)
	}
	if c.UIDValidity != 0 {
		s.cursors[c.Folder] = c
	}
	for _, m := range messages {
		known := slices.ContainsFunc(s.seen, func(o Message) bool { return bytes.Equal(o.Raw, m.Raw) && o.Trouble == m.Trouble })
		if !known {
			s.seen = append(s.seen, m)
		}
	}
	return nil
}

func (s *memorySink) Unmarked(_ context.Context, folder string, validity uint32) ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var uids []uint32
	for _, m := range s.places {
		at := place{m.Folder, m.UIDValidity, m.UID}
		if s.ours != nil && s.ours(m) && m.Folder == folder && m.UIDValidity == validity && !s.marked[at] && !slices.Contains(uids, m.UID) {
			uids = append(uids, m.UID)
		}
	}
	return uids, nil
}

func (s *memorySink) Marked(_ context.Context, folder string, validity uint32, uids []uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uid := range uids {
		s.marked[place{folder, validity, uid}] = true
	}
	return nil
}

func (s *memorySink) messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// pollingSession works around a lost wake-up of the in-memory server: mail
// that arrives just before IDLE is not announced by it.
type pollingSession struct {
	imapserver.SessionIMAP4rev2
	server *testServer
}

func (s *pollingSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if err := s.Poll(w, true); err != nil {
		return err
	}
	return s.SessionIMAP4rev2.Idle(w, stop)
}

func (s *pollingSession) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	if poison := s.server.poison; poison != nil && len(options.BodySection) > 0 {
		if err := poison(set, options); err != nil {
			return err
		}
	}
	return s.SessionIMAP4rev2.Fetch(w, set, options)
}

func (s *pollingSession) Select(name string, options *imap.SelectOptions) (*imap.SelectData, error) {
	s.server.count("SELECT " + name)
	data, err := s.SessionIMAP4rev2.Select(name, options)
	if data != nil && s.server.noKeywords {
		data.PermanentFlags = []imap.Flag{imap.FlagSeen}
	}
	return data, err
}

func (s *pollingSession) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	s.server.count("STORE")
	if err := s.server.refused(); err != nil {
		return err
	}
	return s.SessionIMAP4rev2.Store(w, set, flags, options)
}

func (s *pollingSession) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	s.server.count("MOVE")
	if err := s.server.refused(); err != nil {
		return err
	}
	return s.SessionIMAP4rev2.Move(w, set, dest)
}

// List is like the in-memory server's own, which knows no special uses.
func (s *pollingSession) List(w *imapserver.ListWriter, _ string, _ []string, options *imap.ListOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.server.uses)) {
		data := &imap.ListData{Mailbox: name, Delim: '/'}
		if use := s.server.uses[name]; use != "" && options.ReturnSpecialUse {
			data.Attrs = []imap.MailboxAttr{use}
		}
		if options.ReturnStatus != nil {
			var err error
			if data.Status, err = s.server.user.Status(name, options.ReturnStatus); err != nil {
				return err
			}
		}
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

func (s *pollingSession) Create(name string, options *imap.CreateOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.uses[name] = ""
	return s.SessionIMAP4rev2.Create(name, options)
}

type testServer struct {
	t      *testing.T
	user   *imapmemserver.User
	addr   string
	poison func(imap.NumSet, *imap.FetchOptions) error
	// noKeywords makes all folders keep none; it is set before the first connection.
	noKeywords bool

	mu       sync.Mutex
	uses     map[string]imap.MailboxAttr // of all folders
	commands map[string]int
	refuses  bool
}

// count counts a command that a client sent.
func (s *testServer) count(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands[command]++
}

// counted returns how often a command was sent.
func (s *testServer) counted(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commands[command]
}

// refuse makes the server refuse all changes, or none.
func (s *testServer) refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = on
}

func (s *testServer) refused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeNoPerm, Text: "Not yours"}
	}
	return nil
}

func newServer(t *testing.T, caps ...imap.Cap) *testServer {
	t.Helper()
	if caps == nil {
		caps = []imap.Cap{imap.CapIMAP4rev1, imap.CapIMAP4rev2, imap.CapSpecialUse}
	}
	set := imap.CapSet{}
	for _, c := range caps {
		set[c] = struct{}{}
	}
	s := &testServer{t: t, user: imapmemserver.NewUser("privacy", "secret"), commands: map[string]int{}, uses: map[string]imap.MailboxAttr{}}
	s.create("", "INBOX", "Junk")
	memory := imapmemserver.New()
	memory.AddUser(s.user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			inner := memory.NewSession().(imapserver.SessionIMAP4rev2)
			return &pollingSession{inner, s}, nil, nil
		},
		Caps: set, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func mailNumber(n int) string {
	return fmt.Sprintf("From: a@example.org\r\nTo: privacy@acme.test\r\nSubject: mail %d\r\n\r\nbody %d\r\n", n, n)
}

func (s *testServer) deliver(folder, raw string) {
	s.t.Helper()
	if _, err := s.user.Append(folder, literal{strings.NewReader(raw)}, &imap.AppendOptions{Time: time.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// watching is a watcher under test with its events.
type watching struct {
	t      *testing.T
	sink   *memorySink
	events chan Event
	cancel context.CancelFunc
	done   chan error
}

func (s *testServer) config() Config {
	return Config{
		Addr: s.addr, TLS: TLSNone, Username: "privacy", Password: "secret",
		CommandTimeout: 5 * time.Second, IdleFor: 200 * time.Millisecond, PollEvery: 20 * time.Millisecond, LookEvery: 10 * time.Millisecond,
		Backoff: Backoff{time.Millisecond, 5 * time.Millisecond}, LoginBackoff: Backoff{2 * time.Millisecond, 5 * time.Millisecond},
		Jitter: func() float64 { return 0 },
	}
}

func watch(t *testing.T, cfg Config, sink *memorySink) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{t: t, sink: sink, events: make(chan Event, 100_000), cancel: cancel, done: make(chan error, 1)}
	cfg.Report = func(e Event) { w.events <- e }
	go func() { w.done <- Watch(ctx, cfg, sink) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-w.done:
		case <-time.After(patience):
			t.Error("the watcher did not stop with its context")
		}
	})
	return w
}

// await returns the first event of a kind.
func (w *watching) await(kind EventKind) Event {
	w.t.Helper()
	e, ok := w.within(kind, patience)
	if !ok {
		w.t.Fatalf("no event %s", kind)
	}
	return e
}

// within is await for so long, and says whether it came.
func (w *watching) within(kind EventKind, d time.Duration) (Event, bool) {
	deadline := time.After(d)
	for {
		select {
		case e := <-w.events:
			if e.Kind == kind {
				return e, true
			}
		case <-deadline:
			return Event{}, false
		}
	}
}

// awaitMessages waits until the sink holds n messages.
func (w *watching) awaitMessages(n int) []Message {
	w.t.Helper()
	for {
		if got := w.sink.messages(); len(got) >= n {
			return got
		}
		w.await(Stored)
	}
}
