// Package mailin watches the folders of one mailbox over IMAP and hands every
// new message, as raw bytes, to a [Sink].
//
// It knows IMAP and nothing of what the messages mean. Three promises:
//
//   - Nothing is marked as read: bodies are read with BODY.PEEK, so that people
//     can share the mailbox and find unread what they have not read. If asked to,
//     the watcher sets a keyword of its own on messages that the Sink calls ours
//     and moves them to a folder, after they were stored. That is a courtesy to
//     people: nothing is ever read from it, and that it fails stops nothing.
//     Without it folders are opened with EXAMINE.
//   - Nothing is lost and nothing is remembered here. The cursor (folder,
//     UIDVALIDITY, last UID) belongs to the Sink, which stores it together with
//     the messages; a crash at any point repeats messages, never skips them.
//     Two watchers of one mailbox do no harm if the Sink tells duplicates apart.
//   - Nothing hangs. Each exchange with the server is watched: the IMAP client
//     library has no time-out of its own for a reply that never comes.
//
// Errors and events carry no addresses, no account names and no server text:
// all of these can be personal data.
package mailin

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"time"

	"github.com/emersion/go-sasl"
)

// TLSMode is how the connection to the server is protected.
type TLSMode string

// The ways of protecting a connection.
const (
	TLSImplicit TLSMode = "implicit" // TLS from the first byte (port 993, RFC 8314)
	TLSStart    TLSMode = "starttls" // refused if the server does not offer STARTTLS
	TLSNone     TLSMode = "none"     // for loopback and tests
)

// Backoff bounds the pauses between attempts: the first is Min, each further
// one twice as long up to Max, each shortened at random by up to half.
type Backoff struct{ Min, Max time.Duration }

// Config says which mailbox to watch and how. Zero values mean the defaults
// given with each field.
type Config struct {
	// Addr is host:port of the IMAP server.
	Addr string
	// TLS is [TLSImplicit] if empty.
	TLS TLSMode
	// TLSConfig is optional; its ServerName defaults to the host of Addr.
	TLSConfig *tls.Config
	Username  string
	Password  string
	// SASL makes the client of an AUTHENTICATE exchange, one per connection,
	// in place of Password (a fresh OAuth token, for instance).
	SASL func(ctx context.Context) (sasl.Client, error)

	// Folders are watched in one connection, INBOX if empty. Arrivals in the
	// first one are noticed at once, in the others once per IdleFor. [AllFolders]
	// among them stands for all others; as the first it leaves INBOX to be that.
	Folders []string
	// Junk are further folders, of suspected spam, which are watched like the
	// others; so is the one that the server calls \Junk (RFC 6154, section 2).
	// Their messages are marked as such.
	Junk []string
	// Mark sets [Keyword] on messages that are ours, where the folder allows it.
	Mark bool
	// MoveTo, if not empty, is the folder to which messages that are ours are
	// moved. It is made when it does not exist. A server that has neither MOVE
	// (RFC 6851) nor UIDPLUS (RFC 4315) is not asked to: it could only expunge
	// what other people have marked as deleted as well.
	MoveTo string
	// LookEvery is how often at most the folders of the mailbox are listed, to
	// find those that are junk or new, and messages that somebody moved away
	// before they were read; 5 minutes.
	LookEvery time.Duration
	// StartAtBeginning reads a folder seen for the first time from its first
	// message. Otherwise it starts with the next message to arrive, so that
	// years of old mail are never taken for new.
	StartAtBeginning bool
	// RescanWindow is how far back a renumbered folder is read again, 35 days
	// by default: the longest life of a token and a week.
	RescanWindow time.Duration

	// IdleFor bounds one IDLE (5 minutes: routers drop silent connections long
	// before the 29 minutes of RFC 2177) and is the period after which all
	// folders are opened anew, which finds folders that were renumbered.
	IdleFor time.Duration
	// PollEvery takes the place of IdleFor with servers that lack IDLE; 1 minute.
	PollEvery time.Duration
	// CommandTimeout is how long the server may stay silent while an answer is
	// awaited before the connection is given up; 1 minute.
	CommandTimeout time.Duration
	// MaxMessage is the size in bytes up to which a message is read whole,
	// 10 MiB. Of a larger one only the first Excerpt bytes are read, 512 KiB.
	MaxMessage, Excerpt int64
	// Backoff spaces attempts to connect, 1 s to 60 s. LoginBackoff spaces
	// them after a refused login, 1 to 30 minutes, so that a wrong password
	// does not lock the account.
	Backoff, LoginBackoff Backoff

	// Poke, if not nil, makes the watcher look at all folders at once for each value
	// received.
	Poke <-chan struct{}
	// Report, if not nil, is told what happens, in order, by the goroutine that
	// watches: it must not block.
	Report func(Event)
	// Now and Jitter (a number in [0,1)) are injected by tests.
	Now    func() time.Time
	Jitter func() float64
}

// Message is one message as the server holds it.
type Message struct {
	Folder           string
	UIDValidity, UID uint32
	// InternalDate is when the server received it, as the server says.
	InternalDate time.Time
	// Size is the size the server states, in bytes.
	Size int64
	// Raw is the message, or its beginning if Truncated.
	Raw       []byte
	Truncated bool
	// Trouble says why Raw is not what it should be; empty for nearly all.
	Trouble Trouble
	// Junk says that it stands in a folder of suspected spam.
	Junk bool
}

// AllFolders in [Config.Folders] stands for every folder that can be opened but
// those of sent, unfinished and deleted mail and those that only show messages of
// others (RFC 6154, section 2).
const AllFolders = "*"

// Keyword is set on messages that have been dealt with.
const Keyword = "$DSRDone"

// Trouble is why a message could not be read properly. A person should look.
type Trouble string

// The troubles of a message.
const (
	// Unreadable: reading it broke the connection twice. Raw is its header, or
	// nil if that could not be read either.
	Unreadable Trouble = "unreadable"
	// Removed: it was listed and gone before it could be read; Raw is nil.
	Removed Trouble = "removed"
)

// Cursor says up to where a folder has been read. UIDs have a meaning only
// together with their UIDVALIDITY (RFC 3501, section 2.3.1.1).
type Cursor struct {
	Folder      string
	UIDValidity uint32
	LastUID     uint32
}

// Store keeps the messages that were taken, and a cursor, in one transaction.
// Messages can come again, with other UIDs too after a folder has been renumbered,
// and the cursor of a slower second watcher can be behind the stored one: with an
// equal UIDVALIDITY the greater LastUID stays. A cursor without UIDVALIDITY is none:
// only the messages are kept.
type Store func(context.Context, Cursor) error

// Sink keeps what the watcher reads.
type Sink interface {
	// Cursor returns the cursor of a folder, false if the folder is new.
	Cursor(ctx context.Context, folder string) (Cursor, bool, error)
	// Take makes messages, of which there may be none, ready to be stored, and
	// returns what stores them. The next may be taken before that is called, and
	// while it runs.
	Take(ctx context.Context, messages []Message) (Store, error)
	// Unmarked returns UIDs of messages in a folder that are ours, were stored
	// recently and have not been marked: as many as go into one command, none
	// when there are no more.
	Unmarked(ctx context.Context, folder string, uidValidity uint32) ([]uint32, error)
	// Marked keeps that the courtesies have been done to these messages.
	Marked(ctx context.Context, folder string, uidValidity uint32, uids []uint32) error
}

// EventKind names what happened to a watcher.
type EventKind string

// The events of a watcher.
const (
	Connected     EventKind = "connected"      // logged in
	FolderNew     EventKind = "folder_new"     // a folder without a cursor; reading starts as configured
	FolderAbsent  EventKind = "folder_absent"  // a folder other than the first does not exist
	Renumbered    EventKind = "renumbered"     // UIDVALIDITY changed; Count messages were read again
	Gap           EventKind = "gap"            // Count messages came and were removed before they were read
	Searched      EventKind = "searched"       // after a gap, Count recent messages of other folders were read
	Marked        EventKind = "marked"         // Count messages that are ours were marked, or moved, or both
	MarkFailed    EventKind = "mark_failed"    // marking or moving failed (Err) and will be tried again
	Stored        EventKind = "stored"         // the Sink took Count messages
	CaughtUp      EventKind = "caught_up"      // all folders have been read to their end
	Waiting       EventKind = "waiting"        // IDLE has begun, or a pause between polls
	Noticed       EventKind = "noticed"        // the server reported something new
	Disconnected  EventKind = "disconnected"   // Err says why; the next attempt is in Wait
	LoginRejected EventKind = "login_rejected" // as Disconnected; somebody must mend the credentials
)

// Event is something that happened to a watcher.
type Event struct {
	Kind   EventKind
	At     time.Time
	Folder string
	Count  int
	Err    error
	Wait   time.Duration
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (c Config) withDefaults() Config {
	c.TLS = orDefault(c.TLS, TLSImplicit)
	if len(c.Folders) == 0 || c.Folders[0] == AllFolders {
		c.Folders = append([]string{"INBOX"}, c.Folders...)
	}
	c.RescanWindow = orDefault(c.RescanWindow, 35*24*time.Hour)
	c.IdleFor = orDefault(c.IdleFor, 5*time.Minute)
	c.PollEvery = orDefault(c.PollEvery, time.Minute)
	c.LookEvery = orDefault(c.LookEvery, 5*time.Minute)
	c.CommandTimeout = orDefault(c.CommandTimeout, time.Minute)
	c.MaxMessage = orDefault(c.MaxMessage, 10<<20)
	c.Excerpt = orDefault(c.Excerpt, 512<<10)
	c.Backoff = orDefault(c.Backoff, Backoff{time.Second, time.Minute})
	c.LoginBackoff = orDefault(c.LoginBackoff, Backoff{time.Minute, 30 * time.Minute})
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	return c
}
