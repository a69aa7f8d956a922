package mailin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A batch is read with one command and stored in one transaction.
const (
	batchMessages = 50
	batchBytes    = 16 << 20
)

// Watch reads the mailbox until ctx ends and returns ctx's error. It connects,
// catches up, waits for more and starts again after every failure, of the
// server as of the sink; each is reported.
func Watch(ctx context.Context, cfg Config, sink Sink) error {
	w := &watcher{cfg: cfg.withDefaults(), sink: sink, failures: map[place]int{}, gaps: map[place]uint32{}}
	lost, refused := 0, 0
	for ctx.Err() == nil {
		w.caughtUp = false
		err := w.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		if w.caughtUp {
			lost, refused = 0, 0
		}
		event, backoff, attempt := Event{Kind: Disconnected, Err: err}, w.cfg.Backoff, &lost
		if errors.Is(err, ErrLoginRefused) {
			event.Kind, backoff, attempt = LoginRejected, w.cfg.LoginBackoff, &refused
		}
		event.Wait = backoff.pause(*attempt, w.cfg.Jitter())
		*attempt++
		w.report(event)
		pause(ctx, event.Wait)
	}
	return ctx.Err()
}

// pause returns the length of a pause after so many failed attempts before.
func (b Backoff) pause(attempt int, jitter float64) time.Duration {
	d := b.Min
	for range attempt {
		if d *= 2; d >= b.Max {
			d = b.Max
			break
		}
	}
	return d - time.Duration(jitter*float64(d)/2)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// place is where a message stands on the server.
type place struct {
	folder        string
	validity, uid uint32
}

type watcher struct {
	cfg      Config
	sink     Sink
	caughtUp bool
	// failures counts how often reading a message failed. Messages in it are
	// read one by one, so that one bad message cannot hold up the others.
	failures map[place]int
	folders  folders
	// missing says that messages were removed before they were read, and have
	// not been looked for in other folders. gaps holds up to which UID of a
	// folder that was reported.
	missing bool
	gaps    map[place]uint32
	// completed is when all folders had last been read to their end.
	completed time.Time
}

func (w *watcher) report(e Event) {
	if e.At.IsZero() {
		e.At = w.cfg.Now()
	}
	w.cfg.Report(e)
}

// connection is the life of one connection; it ends with an error.
func (w *watcher) connection(ctx context.Context) error {
	s, err := connect(ctx, w.cfg)
	if err != nil {
		return err
	}
	defer s.close()
	w.report(Event{Kind: Connected})
	w.folders = folders{read: map[string]imap.SelectData{}}
	for {
		began := w.cfg.Now()
		cursor, err := w.round(ctx, s)
		if err != nil {
			return err
		}
		w.caughtUp, w.completed = true, began
		// What arrived in a folder that was read first is not read yet.
		w.report(Event{Kind: CaughtUp, At: began})
		if err := w.attend(ctx, s, cursor); err != nil {
			return err
		}
	}
}

// attend waits on the open folder and reads what arrives, for one period.
func (w *watcher) attend(ctx context.Context, s *session, cursor Cursor) error {
	idles := s.client.Caps().Has(imap.CapIdle)
	period := w.cfg.PollEvery
	if idles {
		period = w.cfg.IdleFor
	}
	due := time.NewTimer(period)
	defer due.Stop()
	began := func() { w.report(Event{Kind: Waiting, Folder: cursor.Folder}) }
	for {
		var noticed bool
		var err error
		if idles {
			noticed, err = s.idle(ctx, due.C, began)
		} else {
			// Some servers look for new mail only when a folder is opened, so
			// that even a poke leads to the next full round.
			began()
			s.wait(ctx, due.C)
		}
		if err != nil || !noticed {
			return err
		}
		w.report(Event{Kind: Noticed, Folder: cursor.Folder})
		if cursor, err = w.catchUp(ctx, s, cursor); err != nil {
			return err
		}
		w.courtesy(ctx, s, cursor)
	}
}

// folder opens a folder, reads it to its end, does the courtesies and returns its
// cursor.
func (w *watcher) folder(ctx context.Context, s *session, name string) (Cursor, error) {
	data, err := s.open(name, !w.cfg.courteous())
	if err != nil {
		return Cursor{}, err
	}
	cursor, known, err := w.sink.Cursor(ctx, name)
	if err != nil {
		return Cursor{}, fmt.Errorf("reading the cursor of a folder: %w", err)
	}
	fresh := Cursor{Folder: name, UIDValidity: data.UIDValidity, LastUID: uint32(data.UIDNext) - 1}
	switch {
	case !known:
		cursor, err = w.begin(ctx, s, fresh)
	// A UIDNEXT below what has been read: the folder was restored from a
	// backup by a server that kept UIDVALIDITY in spite of RFC 3501.
	case cursor.UIDValidity != fresh.UIDValidity, cursor.LastUID > fresh.LastUID:
		cursor, err = w.rescan(ctx, s, cursor, fresh)
	default:
		cursor, err = w.catchUp(ctx, s, cursor)
	}
	if err != nil {
		return cursor, err
	}
	w.gap(cursor, fresh.LastUID, 0)
	w.folders.read[name] = *data
	w.courtesy(ctx, s, cursor)
	return cursor, nil
}

// begin begins with a folder that was never read.
func (w *watcher) begin(ctx context.Context, s *session, fresh Cursor) (Cursor, error) {
	if w.cfg.StartAtBeginning {
		fresh.LastUID = 0
	}
	if err := w.put(ctx, fresh); err != nil {
		return Cursor{}, err
	}
	w.report(Event{Kind: FolderNew, Folder: fresh.Folder})
	return w.catchUp(ctx, s, fresh)
}

// gap reports the messages up to a UID that were numbered after the cursor, and of
// which only so many are there.
func (w *watcher) gap(cursor Cursor, upTo uint32, present int) {
	at := place{cursor.Folder, cursor.UIDValidity, 0}
	known := max(cursor.LastUID, w.gaps[at])
	if cursor.LastUID == 0 || upTo <= known || int(upTo-known) <= present {
		return
	}
	w.gaps[at], w.missing = upTo, true
	w.report(Event{Kind: Gap, Folder: cursor.Folder, Count: int(upTo-known) - present})
}

// catchUp reads everything after the cursor.
func (w *watcher) catchUp(ctx context.Context, s *session, cursor Cursor) (Cursor, error) {
	// What is reported from here on is news; before, it is in the listing.
	select {
	case <-s.wake:
	default:
	}
	entries, err := s.list(cursor.LastUID + 1)
	if err != nil || len(entries) == 0 {
		return cursor, err
	}
	last := entries[len(entries)-1].uid
	w.gap(cursor, last, len(entries))
	err = w.takeIn(ctx, s, cursor, entries, func(last uint32) Cursor {
		return Cursor{cursor.Folder, cursor.UIDValidity, last}
	})
	cursor.LastUID = last
	return cursor, err
}

// rescan reads the recent past of a renumbered folder. The old cursor stays
// until the end, so that an interrupted rescan starts over; then fresh, the
// cursor of the folder as it was opened, takes its place.
func (w *watcher) rescan(ctx context.Context, s *session, old, fresh Cursor) (Cursor, error) {
	entries, err := s.past(fresh, w.cfg.Now().Add(-w.cfg.RescanWindow))
	if err == nil {
		err = w.takeIn(ctx, s, fresh, entries, func(uint32) Cursor { return old })
	}
	if err != nil {
		return old, err
	}
	if err := w.put(ctx, fresh); err != nil {
		return old, err
	}
	w.report(Event{Kind: Renumbered, Folder: fresh.Folder, Count: len(entries)})
	return w.catchUp(ctx, s, fresh)
}

// past lists the messages of the open folder that were received since a time, up to
// the cursor; what arrived after the folder was opened is left to the catching up.
func (s *session) past(upTo Cursor, since time.Time) ([]entry, error) {
	first, err := s.since(since)
	if err != nil || first == 0 {
		return nil, err
	}
	listed, err := s.list(first)
	// IMAP searches by the day, and UIDs need not follow the dates.
	return slices.DeleteFunc(listed, func(e entry) bool {
		return e.date.Before(since.AddDate(0, 0, -1)) || e.uid > upTo.LastUID
	}), err
}

// takeIn reads messages of the open folder and stores them batch by batch, each with
// the cursor that goes with its last UID. While one batch is being stored the next
// is read and made ready, so that neither the mail server nor the sink waits for the
// other.
func (w *watcher) takeIn(ctx context.Context, s *session, folder Cursor, entries []entry, cursor func(last uint32) Cursor) error {
	stored := func() error { return nil } // waits for the batch before
	for len(entries) > 0 {
		batch := w.batch(folder, entries)
		entries = entries[len(batch):]
		messages, err := w.read(s, folder, batch)
		var keep Store
		if err == nil {
			keep, err = w.sink.Take(ctx, messages)
		}
		if before := stored(); before != nil || err != nil {
			return errors.Join(before, err)
		}
		stored = w.storing(ctx, keep, cursor(batch[len(batch)-1].uid), messages)
	}
	return stored()
}

// storing begins to store messages and returns what waits for its end.
func (w *watcher) storing(ctx context.Context, keep Store, cursor Cursor, messages []Message) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- keep(ctx, cursor) }()
	return func() error {
		if err := <-ended; err != nil {
			return fmt.Errorf("storing %d messages: %w", len(messages), err)
		}
		for _, m := range messages {
			delete(w.failures, place{m.Folder, m.UIDValidity, m.UID})
		}
		if len(messages) > 0 {
			w.report(Event{Kind: Stored, Folder: cursor.Folder, Count: len(messages)})
		}
		return nil
	}
}

// put stores a cursor alone.
func (w *watcher) put(ctx context.Context, cursor Cursor) error {
	keep, err := w.sink.Take(ctx, nil)
	if err != nil {
		return err
	}
	return w.storing(ctx, keep, cursor, nil)()
}
