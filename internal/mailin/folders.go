package mailin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// listed is a folder as the server lists it.
type listed struct {
	name string
	junk bool
	// apart says that its messages are not incoming mail, or not its own.
	apart bool
	// status is nil with servers that do not state it in a listing.
	status *imap.StatusData
}

// folders is what is known of the folders of a mailbox.
type folders struct {
	listedAt time.Time
	all      []listed
	junk     map[string]bool
	// read is the UIDNEXT up to which a folder was read to its end on this
	// connection: one whose listing says the same has no news.
	read map[string]imap.SelectData
}

// folders returns all folders that can be opened.
func (s *session) folders() ([]listed, error) {
	caps := s.client.Caps()
	options := &imap.ListOptions{}
	if caps.Has(imap.CapListExtended) {
		options.ReturnSpecialUse = caps.Has(imap.CapSpecialUse)
		if caps.Has(imap.CapListStatus) {
			options.ReturnStatus = &imap.StatusOptions{UIDNext: true, UIDValidity: true}
		}
	}
	var rows []*imap.ListData
	err := s.do("listing folders", func() (err error) {
		rows, err = s.client.List("", "*", options).Collect()
		return err
	})
	var all []listed
	for _, row := range rows {
		if slices.Contains(row.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(row.Attrs, imap.MailboxAttrNonExistent) {
			continue
		}
		all = append(all, roleOf(row))
	}
	return all, err
}

// roleOf reads the role of a folder from its attributes (RFC 6154, section 2;
// RFC 8457) or, where it has none that says more, from the name that common
// programs give it.
func roleOf(row *imap.ListData) listed {
	l := listed{name: row.Mailbox, status: row.Status}
	for _, attr := range row.Attrs {
		switch attr {
		case imap.MailboxAttrJunk:
			l.junk = true
		case imap.MailboxAttrSent, imap.MailboxAttrDrafts, imap.MailboxAttrTrash, imap.MailboxAttrAll, imap.MailboxAttrFlagged, imap.MailboxAttrImportant:
			l.apart = true
		}
	}
	name := row.Mailbox
	if row.Delim != 0 {
		name = name[strings.LastIndex(name, string(row.Delim))+1:]
	}
	switch strings.ToLower(name) {
	case "junk", "spam", "junk e-mail", "junk email", "bulk mail":
		l.junk = l.junk || !l.apart
	case "sent", "sent items", "sent messages", "sent mail", "drafts", "draft", "outbox", "trash", "deleted items", "deleted messages":
		l.apart = l.apart || !l.junk
	}
	return l
}

// survey lists the folders if that is due, and reports whether it was.
func (w *watcher) survey(s *session) (bool, error) {
	if !w.folders.listedAt.IsZero() && w.cfg.Now().Sub(w.folders.listedAt) < w.cfg.LookEvery {
		return false, nil
	}
	all, err := s.folders()
	if err != nil {
		return false, err
	}
	f := &w.folders
	f.listedAt, f.all, f.junk = w.cfg.Now(), all, map[string]bool{}
	for _, name := range w.cfg.Junk {
		f.junk[name] = true
	}
	for _, l := range all {
		if l.junk {
			f.junk[l.name] = true
		}
	}
	return true, nil
}

// watched returns the folders that are watched, the first one first.
func (w *watcher) watched() []string {
	names := slices.DeleteFunc(slices.Concat(w.cfg.Folders, w.cfg.Junk), func(name string) bool { return name == AllFolders })
	every := slices.Contains(w.cfg.Folders, AllFolders)
	for _, l := range w.folders.all {
		if l.junk || every && !l.apart {
			names = append(names, l.name)
		}
	}
	var once []string
	for _, name := range names {
		if !slices.ContainsFunc(once, func(other string) bool { return sameFolder(name, other) }) {
			once = append(once, name)
		}
	}
	return once
}

// sameFolder knows that INBOX is written in any case (RFC 3501, section 5.1).
func sameFolder(a, b string) bool {
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}

// unchanged reports whether the listing shows that a folder has no news.
func (w *watcher) unchanged(name string) bool {
	read, known := w.folders.read[name]
	i := slices.IndexFunc(w.folders.all, func(l listed) bool { return l.name == name })
	if !known || i < 0 || w.folders.all[i].status == nil {
		return false
	}
	status := w.folders.all[i].status
	return status.UIDNext == read.UIDNext && status.UIDValidity == read.UIDValidity
}

// round reads every folder that may have news. The first one comes last: it stays
// open to be waited upon.
func (w *watcher) round(ctx context.Context, s *session) (Cursor, error) {
	surveyed, err := w.survey(s)
	if err != nil {
		return Cursor{}, err
	}
	names := w.watched()
	for _, name := range names[1:] {
		// Between listings nothing is known of news, so that all are opened.
		if surveyed && w.unchanged(name) {
			continue
		}
		if _, err := w.folder(ctx, s, name); errors.Is(err, ErrNoFolder) {
			w.report(Event{Kind: FolderAbsent, Folder: name})
		} else if err != nil {
			return Cursor{}, err
		}
	}
	cursor, err := w.folder(ctx, s, names[0])
	if err != nil || !w.missing || !surveyed {
		return cursor, err
	}
	if err := w.search(ctx, s, names[0]); err != nil {
		return cursor, err
	}
	return w.folder(ctx, s, names[0])
}

// search reads what the other folders received of late, since messages were
// removed from a watched one before they were read: a reply that somebody has
// filed is heard all the same. Cursors stay where they are, and what was read
// before the Sink knows.
func (w *watcher) search(ctx context.Context, s *session, first string) error {
	since := w.cfg.Now().Add(-w.cfg.RescanWindow)
	if !w.completed.IsZero() {
		since = w.completed.AddDate(0, 0, -1)
	}
	count := 0
	for _, l := range w.folders.all {
		if l.apart || sameFolder(l.name, first) {
			continue
		}
		data, err := s.examine(l.name)
		if errors.Is(err, ErrNoFolder) {
			continue
		}
		if err != nil {
			return err
		}
		upTo := Cursor{Folder: l.name, UIDValidity: data.UIDValidity, LastUID: uint32(data.UIDNext) - 1}
		entries, err := s.past(upTo, since)
		if err == nil {
			err = w.takeIn(ctx, s, upTo, entries, func(uint32) Cursor { return Cursor{Folder: l.name} })
		}
		if err != nil {
			return err
		}
		count += len(entries)
	}
	w.missing = false
	w.report(Event{Kind: Searched, Count: count})
	return nil
}
