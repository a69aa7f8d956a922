// Package imap is the kind of data store that is a mailbox. A record is a
// message; the collection "messages" is those of all folders, any other the
// folder of that name. The fields are
//
//	address     matches messages with exactly that address in From, To, Cc or
//	            Reply-To, whatever the case of its letters
//	message_id  the Message-ID, without angle brackets
//	folder      the folder that holds the message
//	uid         its number in the folder
//	date        when it arrived (INTERNALDATE)
//
// Messages are found by address only and cannot be anonymised. They are erased
// for good by UID EXPUNGE (RFC 4315), never by EXPUNGE, which would take along
// what other people have flagged; a server without it is refused.
package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// The fields of a message.
const (
	fieldAddress   = "address"
	fieldMessageID = "message_id"
	fieldFolder    = "folder"
	fieldUID       = "uid"
	fieldDate      = "date"
)

// Security is how a connection is protected.
type Security string

// The ways to protect a connection.
const (
	TLS      Security = "implicit" // from the first byte (RFC 8314)
	StartTLS Security = "starttls" // after a greeting in clear
	Insecure Security = "none"     // not at all: for a server on the same machine
)

// Options say where the mailbox is.
type Options struct {
	// Address is host:port.
	Address  string
	Username string
	Password string
	// SASL makes the client of an AUTHENTICATE exchange for each connection, in place
	// of Password.
	SASL     func(ctx context.Context) (sasl.Client, error)
	Security Security
	// TLSConfig replaces the default, which trusts the roots of the system.
	TLSConfig *tls.Config
	// Folders restricts "messages" to these folders. Empty: all that can be selected.
	Folders []string
	// Timeout bounds each command, a minute if zero. The library that speaks the
	// protocol waits for answers without end.
	Timeout time.Duration
}

// Store is a mailbox.
type Store struct {
	name string
	opts Options
}

var _ store.Store = (*Store)(nil)

// Open prepares a store; it connects for each call and keeps no connection.
func Open(name string, opts Options) (*Store, error) {
	if !slices.Contains([]Security{TLS, StartTLS, Insecure}, opts.Security) {
		return nil, fmt.Errorf("opening the data store %s: the security %q is not known: write implicit, starttls or none", name, opts.Security)
	}
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	return &Store{name, opts}, nil
}

// Name is the name of the store in the configuration.
func (s *Store) Name() string { return s.name }

// Close releases nothing.
func (s *Store) Close() error { return nil }

// Abilities says that messages are found, given out and destroyed. Their bytes go
// when the server clears its files.
func (s *Store) Abilities() store.Abilities {
	return store.Abilities{Treatments: []dsr.Treatment{dsr.Delete, dsr.Retain, dsr.Leave}, Level: store.Logical}
}

// Check logs in, looks for the folders and for what erasing needs.
func (s *Store) Check(ctx context.Context, collections []*datamap.Collection) ([]store.Fault, error) {
	var faults []store.Fault
	for _, c := range collections {
		faults = append(faults, mapFaults(c)...)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if errors.Is(err, store.ErrDenied) {
		return append(faults, store.Fault{Problem: "the server refused the login", Hint: "check username and password"}), nil
	}
	if err != nil {
		return faults, err
	}
	defer conn.close()
	if !conn.canExpunge() {
		faults = append(faults, store.Fault{Problem: "the server has no UIDPLUS", Hint: "it cannot erase single messages for good; use a server that can"})
	}
	folders, err := conn.folders(ctx)
	if err != nil {
		return faults, err
	}
	return append(faults, s.folderFaults(folders, collections)...), nil
}

// folderFaults reports folders of the configuration and of the map that are not
// there.
func (s *Store) folderFaults(folders []string, collections []*datamap.Collection) []store.Fault {
	var faults []store.Fault
	for _, f := range s.opts.Folders {
		if !slices.Contains(folders, f) {
			faults = append(faults, store.Fault{Problem: fmt.Sprintf("there is no folder %q", f), Hint: "mend the folders in the configuration"})
		}
	}
	for _, c := range collections {
		if c.Name != allFolders && !slices.Contains(folders, c.Name) {
			faults = append(faults, store.Fault{Collection: c.Name, Problem: "there is no such folder", Hint: "name a folder, or " + allFolders + " for all of them"})
		}
	}
	return faults
}

// within returns the folders that make up a collection.
func (s *Store) within(c *datamap.Collection, folders []string) ([]string, error) {
	if c.Name != allFolders {
		folders = slices.DeleteFunc(slices.Clone(folders), func(f string) bool { return f != c.Name })
	} else if len(s.opts.Folders) > 0 {
		folders = slices.DeleteFunc(slices.Clone(folders), func(f string) bool { return !slices.Contains(s.opts.Folders, f) })
	}
	if len(folders) == 0 || (c.Name == allFolders && len(folders) < len(s.opts.Folders)) {
		return nil, fmt.Errorf("%s: %w: a folder is missing: run habeas check", c.Address(), store.ErrSchema)
	}
	return folders, nil
}

// mapFaults says what the map asks for and messages cannot do.
func mapFaults(c *datamap.Collection) []store.Fault {
	var faults []store.Fault
	report := func(field, problem, hint string) {
		faults = append(faults, store.Fault{Collection: c.Name, Field: field, Problem: problem, Hint: hint})
	}
	for _, f := range c.Fields {
		if !slices.Contains([]string{fieldAddress, fieldMessageID, fieldFolder, fieldUID, fieldDate}, f.Name) {
			report(f.Name, "a message has no such field", "the fields are address, message_id, folder, uid and date")
		}
	}
	faults = append(faults, (*Store)(nil).Abilities().Faults(c, c.Treatment)...)
	if c.Treatment == dsr.Retain && c.RetainFrom != fieldDate {
		report(c.RetainFrom, "holds no date", "write retain_from: date")
	}
	return faults
}

// allFolders is the collection of the messages of all folders.
const allFolders = "messages"

// supported refuses what messages cannot do.
func supported(target store.Target) error {
	if err := target.Validate(); err != nil {
		return err
	}
	c := *target.Collection
	c.Treatment, c.Fields, c.Restriction = target.Treatment, nil, nil
	if target.Keep != nil {
		c.RetainFrom = target.Keep.From
	}
	for _, f := range mapFaults(&c) {
		return fmt.Errorf("%s: %w: %s: %s", target.Address, store.ErrSchema, f.Problem, f.Hint)
	}
	for _, m := range target.Matches {
		if m.Field != fieldAddress {
			return fmt.Errorf("%s: %w: messages are found by address, not by %s", target.Address, store.ErrSchema, m.Field)
		}
	}
	return nil
}

// Find yields the fields asked for of each message; address is a list.
func (s *Store) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	return s.walk(ctx, []store.Target{target}, false, func(_ *session, _ int, found []message) error {
		for _, m := range found {
			row := make(store.Row, len(fields))
			for _, name := range fields {
				row[name] = m.field(name)
			}
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Survey counts what Erase would do.
func (s *Store) Survey(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	return s.tally(ctx, targets, now, nil)
}

// Verify searches again and counts what should be gone.
func (s *Store) Verify(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	tallies, err := s.tally(ctx, targets, now, nil)
	for i := range tallies {
		tallies[i].Residual, tallies[i].Erased = tallies[i].Erased, 0
	}
	return tallies, err
}

// Erase expunges messages in chunks. What is expunged stays so if the call ends
// half-way; the next call goes on with the rest.
func (s *Store) Erase(ctx context.Context, targets []store.Target, now time.Time, watch store.Watch) ([]store.Tally, error) {
	journal := store.NewJournal(watch)
	tallies, err := s.tally(ctx, targets, now, func(conn *session, a datamap.Address, due []message) error {
		for chunk := range slices.Chunk(due, expungeChunk) {
			done := store.Done{Address: a, Erased: int64(len(chunk))}
			if err := errors.Join(journal.Allows(done), watch.Permitted(ctx)); err != nil {
				return err
			}
			if err := conn.expunge(ctx, chunk); err != nil {
				return err
			}
			if err := journal.Add(ctx, done); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range tallies {
		tallies[i].Erased = journal.Of(tallies[i].Address).Erased
	}
	return tallies, err
}

// tally walks over the messages, counts them and gives those that are due to
// erase, if there is one.
func (s *Store) tally(ctx context.Context, targets []store.Target, now time.Time, erase func(conn *session, a datamap.Address, due []message) error) ([]store.Tally, error) {
	tallies := make([]store.Tally, len(targets))
	for i, target := range targets {
		tallies[i].Address = target.Address
	}
	err := s.walk(ctx, targets, erase != nil, func(conn *session, i int, found []message) error {
		due, err := sortOut(&tallies[i], targets[i], found, now)
		if err != nil || erase == nil {
			return err
		}
		return erase(conn, targets[i].Address, due)
	})
	if err != nil {
		return nil, err
	}
	return tallies, nil
}

// sortOut counts messages and returns those that are to go.
func sortOut(tally *store.Tally, target store.Target, found []message, now time.Time) ([]message, error) {
	var due []message
	for _, m := range found {
		tally.Matched++
		if target.Treatment == dsr.Leave {
			continue
		}
		if target.Treatment == dsr.Retain {
			until, err := target.Keep.Until(m.date)
			if err != nil {
				return nil, err
			}
			if tally.Retain(until, now) {
				continue
			}
		}
		tally.Erased++
		due = append(due, m)
	}
	return due, nil
}
