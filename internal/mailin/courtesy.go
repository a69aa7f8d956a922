package mailin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// courteous reports whether anything is to be changed on the server.
func (c Config) courteous() bool { return c.Mark || c.MoveTo != "" }

// courtesy marks and moves the messages of the open folder that are ours, which
// the Sink has stored now or before an earlier end. That it fails stops nothing;
// what it left undone is done with the next look at the folder.
func (w *watcher) courtesy(ctx context.Context, s *session, cursor Cursor) {
	if !w.cfg.courteous() {
		return
	}
	for {
		uids, err := w.sink.Unmarked(ctx, cursor.Folder, cursor.UIDValidity)
		if err == nil && len(uids) == 0 {
			return
		}
		if err == nil {
			err = w.tend(s, cursor.Folder, uids)
		}
		if err == nil {
			err = w.sink.Marked(ctx, cursor.Folder, cursor.UIDValidity, uids)
		}
		if err != nil {
			w.report(Event{Kind: MarkFailed, Folder: cursor.Folder, Count: len(uids), Err: err})
			return
		}
		w.report(Event{Kind: Marked, Folder: cursor.Folder, Count: len(uids)})
	}
}

// tend does the courtesies to messages of the open folder. UIDs that are gone are
// passed over by the server (RFC 3501, section 6.4.8).
func (w *watcher) tend(s *session, folder string, uids []uint32) error {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	if w.cfg.Mark && keywordAllowed(s.opened.PermanentFlags) {
		err := s.do("marking messages", func() error {
			flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{Keyword}}
			return s.client.Store(set, flags, nil).Close()
		})
		if err != nil {
			return err
		}
	}
	if w.cfg.MoveTo == "" || sameFolder(folder, w.cfg.MoveTo) {
		return nil
	}
	return s.move(set, w.cfg.MoveTo)
}

// keywordAllowed reports whether [Keyword] would be kept (RFC 3501, section 7.1).
func keywordAllowed(permanent []imap.Flag) bool {
	return slices.ContainsFunc(permanent, func(f imap.Flag) bool {
		return f == imap.FlagWildcard || strings.EqualFold(string(f), Keyword)
	})
}

var errCannotMove = errors.New("the mail server has neither MOVE nor UIDPLUS, so that messages cannot be moved safely; leave move_to empty")

func (s *session) canMove() bool {
	return s.client.Caps().Has(imap.CapMove) || s.client.Caps().Has(imap.CapUIDPlus)
}

// move moves messages with one command, and makes the folder if there is none.
func (s *session) move(set imap.UIDSet, to string) error {
	if !s.canMove() {
		return errCannotMove
	}
	absent := false
	move := func() error {
		_, err := s.client.Move(set, to).Wait()
		absent = isAbsent(err)
		return err
	}
	err := s.do("moving messages", move)
	if !absent {
		return err
	}
	err = s.do("making the folder for messages that were dealt with", func() error {
		if err := s.client.Create(to, nil).Wait(); err != nil {
			return err
		}
		// Programs of people show the folders that are subscribed to.
		return s.client.Subscribe(to).Wait()
	})
	if err != nil {
		return err
	}
	return s.do("moving messages", move)
}
