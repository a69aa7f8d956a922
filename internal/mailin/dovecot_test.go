package mailin

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/mailservers"
)

// What the tests of this file run against is the Dovecot of the system; the times
// are those of production where nothing else is said.

const (
	privacy = "privacy@acme.test"
	sender  = "a@example.org"
)

func dovecotConfig(addr string) Config {
	return Config{Addr: addr, TLS: TLSNone, Username: privacy, Password: devenv.MailPassword}
}

// soon bounds how long a mail may go unread once the connection is known to be lost:
// a pause of a second, a new connection, and the half second in which Dovecot
// gathers news.
const soon = 8 * time.Second

// delivered delivers a mail of that number and waits until the watcher has stored so
// many.
func (w *watching) delivered(d *mailservers.Dovecot, number, total int) []Message {
	w.t.Helper()
	began := time.Now()
	d.Deliver(w.t, sender, privacy, mailNumber(number))
	got := w.awaitMessages(total)
	if took := time.Since(began); took > soon {
		w.t.Errorf("mail %d was read after %v", number, took)
	}
	return got
}

func TestDovecotDeliversDuringIdle(t *testing.T) {
	t.Parallel()
	d := mailservers.StartDovecot(t)
	d.Deliver(t, sender, privacy, mailNumber(1))
	w := watch(t, dovecotConfig(d.IMAPAddr()), newMemorySink())
	w.await(Waiting)
	got := w.delivered(d, 2, 1)
	if len(got) != 1 || got[0].UID != 2 || !contains(got[0], 2) {
		t.Errorf("got %d messages, want the new one only", len(got))
	}
}

func contains(m Message, number int) bool {
	return len(m.Raw) > 0 && string(m.Raw[len(m.Raw)-len(mailNumber(number)):]) == mailNumber(number)
}

// TestDovecotEndsTheConnection: each way in which a server gets rid of a client.
func TestDovecotEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *mailservers.Dovecot){
		"kicked by an administrator": func(t *testing.T, d *mailservers.Dovecot) { d.Kick(t, privacy) },
		"its process killed":         func(t *testing.T, d *mailservers.Dovecot) { d.Crash(t, privacy) },
		"settings read anew":         func(t *testing.T, d *mailservers.Dovecot) { d.Hangup(t) },
		"restarted":                  func(t *testing.T, d *mailservers.Dovecot) { d.Stop(t); d.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mailservers.StartDovecot(t)
			w := watch(t, dovecotConfig(d.IMAPAddr()), newMemorySink())
			w.await(Waiting)
			end(t, d)
			// Dovecot takes its time to let idle clients go.
			if e, ok := w.within(Disconnected, 30*time.Second); !ok || e.Err == nil {
				t.Fatalf("the end of the connection was not noticed: %+v", e)
			}
			w.delivered(d, 1, 1)
		})
	}
}

// TestDovecotRenumbers: nobody tells a client that idles, and new mail is not
// announced to it either. It is found at the end of an IDLE, five minutes at most.
func TestDovecotRenumbers(t *testing.T) {
	t.Parallel()
	d := mailservers.StartDovecot(t)
	cfg := dovecotConfig(d.IMAPAddr())
	cfg.IdleFor = time.Second
	w := watch(t, cfg, newMemorySink())
	w.await(Waiting)
	w.delivered(d, 1, 1)
	before := w.delivered(d, 2, 2)[0]
	d.Renumber(t, privacy)
	got := w.delivered(d, 3, 3)
	for i, m := range got {
		if !contains(m, i+1) {
			t.Errorf("message %d is %q", i+1, m.Raw)
		}
	}
	if got[2].UIDValidity == before.UIDValidity {
		t.Error("the folder has kept its UIDVALIDITY, so that nothing was shown here")
	}
	got = w.delivered(d, 4, 4)
	c, _, _ := w.sink.Cursor(t.Context(), "INBOX")
	if len(got) != 4 || c.UIDValidity != got[3].UIDValidity || c.LastUID != got[3].UID {
		t.Errorf("%d messages, cursor %+v, last %d/%d", len(got), c, got[3].UIDValidity, got[3].UID)
	}
}

// TestDovecotIsMarkedAndMoved: what is ours is, and nothing else.
func TestDovecotIsMarkedAndMoved(t *testing.T) {
	t.Parallel()
	d := mailservers.StartDovecot(t)
	cfg := dovecotConfig(d.IMAPAddr())
	cfg.Mark, cfg.MoveTo = true, "Habeas"
	sink := newMemorySink()
	sink.ours = odd
	w := watch(t, cfg, sink)
	for n := range 4 {
		w.await(Waiting)
		w.delivered(d, n, n+1)
	}
	w.await(Waiting)
	wantFlags(t, cfg, "INBOX", map[string][]imap.Flag{"mail 0": {}, "mail 2": {}})
	wantFlags(t, cfg, "Habeas", map[string][]imap.Flag{"mail 1": {Keyword}, "mail 3": {Keyword}})
}

// TestNetworkFallsSilent: lost packets are found by the kernel's probes while
// nothing is sent, by its limit on what is not acknowledged when something is, and
// a peer that acknowledges and says nothing by our own watch.
func TestNetworkFallsSilent(t *testing.T) {
	t.Parallel()
	d := mailservers.StartDovecot(t)
	type silence struct {
		change func(*Config)
		begin  func(*mailservers.Relay)
		end    func(*mailservers.Relay)
		within time.Duration
		want   error
	}
	drop := func(r *mailservers.Relay) { r.Drop(t) }
	none := func(*mailservers.Relay) {}
	var all sync.WaitGroup
	for name, s := range map[string]silence{
		// 15 s and three probes of 5 s
		"packets lost while idle": {func(*Config) {}, drop, none, 40 * time.Second, nil},
		// 30 s from the end of an IDLE
		"packets lost while sending": {func(c *Config) { c.IdleFor = time.Second }, drop, none, 40 * time.Second, nil},
		"packets swallowed": {func(c *Config) { c.IdleFor, c.CommandTimeout = time.Second, 5*time.Second },
			func(r *mailservers.Relay) { r.Swallow(true) }, func(r *mailservers.Relay) { r.Swallow(false) }, 15 * time.Second, ErrSilent},
	} {
		address := strings.ReplaceAll(name, " ", "-") + "@acme.test"
		relay := mailservers.NewRelay(t, d.IMAPAddr())
		cfg := dovecotConfig(relay.Addr())
		cfg.Username = address
		s.change(&cfg)
		w := watch(t, cfg, newMemorySink())
		w.await(Waiting)
		all.Go(func() {
			began := time.Now()
			s.begin(relay)
			d.Deliver(t, sender, address, mailNumber(1))
			e, ok := w.within(Disconnected, s.within)
			if !ok {
				t.Errorf("%s: not noticed within %v", name, s.within)
				return
			}
			t.Logf("%s: noticed after %v: %v", name, time.Since(began).Round(100*time.Millisecond), e.Err)
			if s.want != nil && !errors.Is(e.Err, s.want) {
				t.Errorf("%s: %v, want %v", name, e.Err, s.want)
			}
			s.end(relay)
			if _, ok := w.within(Stored, soon); !ok {
				t.Errorf("%s: the mail was not read", name)
			}
		})
	}
	all.Wait()
}

// TestSeveralMailboxesAndJunk: what a filter has put aside is read too.
func TestSeveralMailboxesAndJunk(t *testing.T) {
	t.Parallel()
	d := mailservers.StartDovecot(t)
	var watchers []*watching
	addresses := []string{privacy, "dpo@acme.test", "office@acme.test"}
	for _, address := range addresses {
		d.Sieve(t, address, "require \"fileinto\";\nif header :contains \"Subject\" \"mail 7\" { fileinto \"Junk\"; }\n")
		cfg := dovecotConfig(d.IMAPAddr())
		cfg.Username, cfg.IdleFor = address, time.Second
		w := watch(t, cfg, newMemorySink())
		w.await(Waiting)
		watchers = append(watchers, w)
	}
	for _, number := range []int{1, 7, 2} {
		for _, address := range addresses {
			d.Deliver(t, sender, address, mailNumber(number))
		}
	}
	for i, w := range watchers {
		folders := map[string]int{}
		for _, m := range w.awaitMessages(3) {
			folders[m.Folder]++
			// Nobody has named the folder but Dovecot itself.
			if junk := contains(m, 7); junk != (m.Folder == "Junk") || junk != m.Junk {
				t.Errorf("%s: a mail from %s is %q", addresses[i], m.Folder, m.Raw)
			}
		}
		if folders["INBOX"] != 2 || folders["Junk"] != 1 {
			t.Errorf("%s: got %v", addresses[i], folders)
		}
	}
}
