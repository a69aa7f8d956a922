package mailin

import "github.com/emersion/go-imap/v2"

// How often reading a message may fail before less of it is asked for.
const (
	headerOnlyAfter = 2
	givenUpAfter    = 3
)

// batch returns the head of entries that is read with one command. Messages
// that are too large or have failed before are batches of their own.
func (w *watcher) batch(cursor Cursor, entries []entry) []entry {
	var bytes int64
	for i, e := range entries {
		alone := e.size > w.cfg.MaxMessage || w.failures[place{cursor.Folder, cursor.UIDValidity, e.uid}] > 0
		if alone && i == 0 {
			return entries[:1]
		}
		if alone || i == batchMessages || (i > 0 && bytes+e.size > batchBytes) {
			return entries[:i]
		}
		bytes += e.size
	}
	return entries
}

// read reads the messages of one batch.
func (w *watcher) read(s *session, cursor Cursor, batch []entry) ([]Message, error) {
	first := batch[0]
	failed := w.failures[place{cursor.Folder, cursor.UIDValidity, first.uid}]
	section, trouble := whole(w.cfg.MaxMessage), Trouble("")
	switch {
	case failed >= givenUpAfter:
		return []Message{w.message(first, cursor, nil, Unreadable)}, nil
	case failed >= headerOnlyAfter:
		section, trouble = header(), Unreadable
	case first.size > w.cfg.MaxMessage:
		section = whole(w.cfg.Excerpt)
	}
	bodies, err := w.fetch(s, cursor, batch, section)
	if err != nil {
		return nil, err
	}
	messages := make([]Message, 0, len(batch))
	for _, e := range batch {
		body, ok := bodies[e.uid]
		if !ok {
			// Some servers leave rows out, or answer in an order that the
			// client library cannot follow: ask for this one alone.
			again, err := w.fetch(s, cursor, []entry{e}, section)
			if err != nil {
				return nil, err
			}
			body, ok = again[e.uid]
		}
		if !ok {
			messages = append(messages, w.message(e, cursor, nil, Removed))
			continue
		}
		messages = append(messages, w.message(e, cursor, body, trouble))
	}
	return messages, nil
}

func (w *watcher) fetch(s *session, cursor Cursor, batch []entry, section *imap.FetchItemBodySection) (map[uint32][]byte, error) {
	uids := make([]uint32, len(batch))
	for i, e := range batch {
		uids[i] = e.uid
	}
	bodies, err := s.fetch(uids, section)
	if err != nil {
		for _, uid := range uids {
			if _, ok := bodies[uid]; !ok {
				w.failures[place{cursor.Folder, cursor.UIDValidity, uid}]++
			}
		}
	}
	return bodies, err
}

func (w *watcher) message(e entry, cursor Cursor, raw []byte, trouble Trouble) Message {
	return Message{
		Folder: cursor.Folder, UIDValidity: cursor.UIDValidity, UID: e.uid,
		InternalDate: e.date, Size: e.size, Raw: raw, Trouble: trouble, Junk: w.folders.junk[cursor.Folder],
		// The stated size is an estimate with some servers.
		Truncated: raw != nil && (e.size > w.cfg.MaxMessage || int64(len(raw)) >= w.cfg.MaxMessage),
	}
}
