package imap_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	imapstore "github.com/soffiah/habeas/internal/store/imap"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// mailbox is an account on a server of its own.
type mailbox struct {
	addr  string
	user  *imapmemserver.User
	store *imapstore.Store
	c     *datamap.Collection
}

func newMailbox(t *testing.T, caps imap.CapSet, folders ...string) *mailbox {
	t.Helper()
	mem := imapmemserver.New()
	user := imapmemserver.NewUser("privacy", "secret")
	for _, f := range append([]string{"INBOX"}, folders...) {
		if err := user.Create(f, nil); err != nil {
			t.Fatal(err)
		}
	}
	mem.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps: caps, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	m := &mailbox{addr: l.Addr().String(), user: user}
	m.store = m.open(t, imapstore.Options{})
	m.c = &datamap.Collection{Dataset: &datamap.Dataset{Key: "mail"}, Name: "messages", Treatment: dsr.Delete,
		Fields: []*datamap.Field{{Name: "address"}, {Name: "message_id"}, {Name: "date"}}}
	return m
}

// rev1 is what most servers can do.
func rev1() imap.CapSet { return imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}} }

func (m *mailbox) open(t *testing.T, opts imapstore.Options) *imapstore.Store {
	t.Helper()
	opts.Address, opts.Security = m.addr, imapstore.Insecure
	if opts.Username == "" {
		opts.Username, opts.Password = "privacy", "secret"
	}
	s, err := imapstore.Open("mailbox", opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// literal is a message for APPEND.
type literal struct{ *strings.Reader }

// Size is the length in bytes.
func (l literal) Size() int64 { return l.Reader.Size() }

// put appends a message of header lines.
func (m *mailbox) put(t *testing.T, folder string, opts *imap.AppendOptions, header ...string) {
	t.Helper()
	if opts == nil {
		opts = &imap.AppendOptions{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	}
	text := strings.Join(header, "\r\n") + "\r\n\r\nHello.\r\n"
	if _, err := m.user.Append(folder, literal{strings.NewReader(text)}, opts); err != nil {
		t.Fatal(err)
	}
}

// records lists all messages with folder, flags and content.
func (m *mailbox) records(t *testing.T, folders ...string) []string {
	t.Helper()
	c, err := imapclient.DialInsecure(m.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Login("privacy", "secret").Wait(); err != nil {
		t.Fatal(err)
	}
	records := []string{}
	for _, f := range append([]string{"INBOX"}, folders...) {
		box, err := c.Select(f, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if box.NumMessages == 0 {
			continue
		}
		var all imap.SeqSet
		all.AddRange(1, box.NumMessages)
		section := &imap.FetchItemBodySection{Peek: true}
		buffers, err := c.Fetch(all, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range buffers {
			records = append(records, fmt.Sprintf("%s %d %v %q", f, b.UID, b.Flags, b.FindBodySection(section)))
		}
	}
	return records
}

func (m *mailbox) target(values ...any) store.Target {
	return store.Target{Collection: m.c, Address: m.c.Address(), Treatment: m.c.Treatment, Matches: []store.Match{{Field: "address", Values: values}}}
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, caps := range map[string]imap.CapSet{"IMAP4rev1": rev1(), "IMAP4rev2": {imap.CapIMAP4rev2: {}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				m := newMailbox(t, caps)
				return storetest.Fixture{
					Store: m.store, Collection: m.c, Field: "address",
					Value: func(n int) string { return fmt.Sprintf("person%d@example.org", n) },
					Awkward: []string{`o'hara@example.org`, `"a b"@example.org`, `"a\"b"@example.org`, `{x}*%@example.org`,
						"jörg@example.org", "j@bücher.example", "a+b=c@example.org"},
					Put:     func(t *testing.T, v string) { m.put(t, "INBOX", nil, "From: <"+v+">", "To: privacy@example.com") },
					Records: func(t *testing.T) []string { return m.records(t) },
				}
			})
		})
	}
}

func TestAddressesAreComparedExactly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		header []string
		means  bool
	}{
		"from":            {[]string{"From: Ada <ada@example.org>"}, true},
		"to":              {[]string{"To: Privacy <p@x.org>, ada@example.org"}, true},
		"cc":              {[]string{"Cc: ada@example.org"}, true},
		"reply-to":        {[]string{"From: x@y.org", "Reply-To: ada@example.org"}, true},
		"upper case":      {[]string{"From: ADA@Example.ORG"}, true},
		"folded":          {[]string{"To: p@x.org,", " Ada <ada@example.org>"}, true},
		"group":           {[]string{"To: Team: bob@example.org, ada@example.org;"}, true},
		"encoded name":    {[]string{"From: =?iso-8859-1?Q?=C4da?= <ada@example.org>"}, true},
		"unknown charset": {[]string{"From: =?x-none?Q?Ada?= <ada@example.org>"}, true},
		"second field":    {[]string{"To: p@x.org", "To: ada@example.org"}, true},
		"broken grammar":  {[]string{"From: Ada, of Lovelace <ada@example.org"}, true},
		"longer":          {[]string{"From: nada@example.org"}, false},
		"longer domain":   {[]string{"From: ada@example.org.uk"}, false},
		"plus":            {[]string{"From: ada+news@example.org"}, false},
		"name only":       {[]string{`From: "ada@example.org" <bob@example.org>`}, false},
		"subject only":    {[]string{"From: bob@example.org", "Subject: ada@example.org"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t, rev1())
			m.put(t, "INBOX", nil, test.header...)
			got, err := m.store.Survey(t.Context(), []store.Target{m.target("ada@example.org")}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if (got[0].Matched == 1) != test.means {
				t.Errorf("got %d messages, want it meant: %v", got[0].Matched, test.means)
			}
		})
	}
}

func TestAllFoldersAndNobodyElsesDeletions(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, rev1(), "Sent", "Archive/2025")
	m.put(t, "INBOX", nil, "From: ada@example.org")
	m.put(t, "Sent", nil, "To: ada@example.org")
	m.put(t, "Archive/2025", nil, "From: ada@example.org")
	// A colleague has flagged a message of someone else for deletion.
	m.put(t, "INBOX", &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDeleted}}, "From: bob@example.org")
	got, err := m.store.Erase(t.Context(), []store.Target{m.target("ada@example.org")}, time.Now(), store.Watch{})
	if err != nil || got[0].Erased != 3 {
		t.Fatalf("got %+v and %v, want three messages erased", got, err)
	}
	left := m.records(t, "Sent", "Archive/2025")
	if len(left) != 1 || !strings.Contains(left[0], "bob@") {
		t.Errorf("got %q, want the message of the other only", left)
	}
}

func TestOneFolder(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, rev1(), "Sent")
	m.put(t, "INBOX", nil, "From: ada@example.org")
	m.put(t, "Sent", nil, "To: ada@example.org")
	c := *m.c
	c.Name = "Sent"
	target := m.target("ada@example.org")
	target.Collection, target.Address = &c, c.Address()
	for name, s := range map[string]*imapstore.Store{"collection": m.store, "options": m.open(t, imapstore.Options{Folders: []string{"Sent"}})} {
		use := target
		if name == "options" {
			use = m.target("ada@example.org")
		}
		got, err := s.Survey(t.Context(), []store.Target{use}, time.Now())
		if err != nil || got[0].Matched != 1 {
			t.Errorf("%s: got %+v and %v, want one message", name, got, err)
		}
	}
	missing := m.open(t, imapstore.Options{Folders: []string{"Sent", "Gone"}})
	if _, err := missing.Survey(t.Context(), []store.Target{m.target("ada@example.org")}, time.Now()); !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema for a missing folder", err)
	}
	if faults, err := missing.Check(t.Context(), nil); err != nil || len(faults) != 1 {
		t.Errorf("got %v and %v, want one fault", faults, err)
	}
}

func TestFindAndRetention(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, rev1())
	m.put(t, "INBOX", nil, "From: ada@example.org", "Message-ID: <1@example.org>")
	target := m.target("ada@example.org")
	var got []store.Row
	err := m.store.Find(t.Context(), target, []string{"address", "message_id", "folder", "uid", "date"}, func(r store.Row) error {
		got = append(got, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	arrived := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []store.Row{{"address": []string{"ada@example.org"}, "message_id": "1@example.org", "folder": "INBOX", "uid": int64(1), "date": arrived}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	target.Treatment, target.Keep = dsr.Retain, &store.Keep{From: "date", Period: "P1Y"}
	tally, err := m.store.Erase(t.Context(), []store.Target{target}, arrived.AddDate(0, 6, 0), store.Watch{})
	if err != nil || tally[0].Retained != 1 || !tally[0].RetainedUntil.Equal(arrived.AddDate(1, 0, 0)) {
		t.Errorf("got %+v and %v, want it retained for a year", tally, err)
	}
	tally, err = m.store.Erase(t.Context(), []store.Target{target}, arrived.AddDate(1, 0, 0), store.Watch{})
	if err != nil || tally[0].Erased != 1 {
		t.Errorf("got %+v and %v, want it erased after a year", tally, err)
	}
}

func TestManyMessages(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, rev1())
	for n := range 1300 {
		m.put(t, "INBOX", nil, fmt.Sprintf("From: person%d@example.org", n%2))
	}
	got, err := m.store.Erase(t.Context(), []store.Target{m.target("person1@example.org")}, time.Now(), store.Watch{})
	if err != nil || got[0].Erased != 650 {
		t.Fatalf("got %+v and %v, want 650 messages erased", got, err)
	}
	if left := m.records(t); len(left) != 650 || slices.ContainsFunc(left, func(r string) bool { return strings.Contains(r, "person1@") }) {
		t.Errorf("got %d messages, want the 650 of the other", len(left))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, imap.CapSet{imap.CapIMAP4rev1: {}})
	m.put(t, "INBOX", nil, "From: ada@example.org")
	target := []store.Target{m.target("ada@example.org")}
	if _, err := m.store.Erase(t.Context(), target, time.Now(), store.Watch{}); !errors.Is(err, store.ErrSchema) {
		t.Errorf("without UIDPLUS: got %v, want ErrSchema", err)
	}
	if len(m.records(t)) != 1 {
		t.Error("without UIDPLUS a message is gone")
	}
	if faults, err := m.store.Check(t.Context(), nil); err != nil || len(faults) != 1 {
		t.Errorf("without UIDPLUS: got %v and %v, want a fault", faults, err)
	}
	stranger := m.open(t, imapstore.Options{Username: "privacy", Password: "wrong"})
	if _, err := stranger.Survey(t.Context(), target, time.Now()); !errors.Is(err, store.ErrDenied) {
		t.Errorf("wrong password: got %v, want ErrDenied", err)
	}
	if faults, err := stranger.Check(t.Context(), nil); err != nil || len(faults) != 1 {
		t.Errorf("wrong password: got %v and %v, want a fault", faults, err)
	}
}

// TestSilentServer: a server that accepts and never answers does not hold us.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, security := range []imapstore.Security{imapstore.TLS, imapstore.StartTLS, imapstore.Insecure} {
		s, err := imapstore.Open("silent", imapstore.Options{Address: l.Addr().String(), Security: security, Timeout: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Check(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", security, err)
		}
	}
}
