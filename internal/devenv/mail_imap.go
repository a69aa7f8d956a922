package devenv

import (
	"fmt"
	"io"
	"os"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// imapSession is one connection of a mail client: a session of the memory
// server whose changes are written through to the files.
type imapSession struct {
	*imapmemserver.UserSession // nil before the login
	accounts                   *accounts
	account                    *account
	selected                   string // name of the selected mailbox
}

var _ imapserver.SessionIMAP4rev2 = (*imapSession)(nil)

// Login opens the account of any address that gives the one password.
func (s *imapSession) Login(username, password string) error {
	if password != MailPassword {
		return imapserver.ErrAuthFailed
	}
	a, err := s.accounts.open(username)
	if err != nil {
		return imapserver.ErrAuthFailed
	}
	s.account, s.UserSession = a, imapmemserver.NewUserSession(a.user)
	return nil
}

// Select opens a mailbox.
func (s *imapSession) Select(mailbox string, options *imap.SelectOptions) (*imap.SelectData, error) {
	data, err := s.UserSession.Select(mailbox, options)
	if err == nil {
		s.selected = mailbox
	}
	return data, err
}

// Unselect closes the selected mailbox.
func (s *imapSession) Unselect() error {
	s.selected = ""
	return s.UserSession.Unselect()
}

// Idle tells the client of changes until stop. The memory server's own forgets
// what happened between the last command and its start.
func (s *imapSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	changes, unwatch := s.account.watch()
	defer unwatch()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-changes:
		case <-stop:
			return nil
		}
	}
}

// change runs f alone on the account, saves the mailbox and wakes watchers.
func (s *imapSession) change(mailbox string, f func() error) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	defer s.account.tell()
	return s.account.save(mailbox)
}

// Append stores a message.
func (s *imapSession) Append(mailbox string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	message, err := io.ReadAll(io.LimitReader(r, maxMessageBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	if len(message) > maxMessageBytes {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeTooBig, Text: "Message too big"}
	}
	at := options.Time
	if at.IsZero() {
		at = s.accounts.now()
	}
	return s.account.append(mailbox, false, at, message, options.Flags)
}

// Fetch reads messages, and may mark them as seen.
func (s *imapSession) Fetch(w *imapserver.FetchWriter, numSet imap.NumSet, options *imap.FetchOptions) error {
	for _, section := range options.BodySection {
		if !section.Peek {
			return s.change(s.selected, func() error { return s.UserSession.Fetch(w, numSet, options) })
		}
	}
	return s.UserSession.Fetch(w, numSet, options)
}

// Store changes flags.
func (s *imapSession) Store(w *imapserver.FetchWriter, numSet imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	return s.change(s.selected, func() error { return s.UserSession.Store(w, numSet, flags, options) })
}

// Expunge removes messages marked as deleted.
func (s *imapSession) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	return s.change(s.selected, func() error { return s.UserSession.Expunge(w, uids) })
}

// Copy copies messages to another mailbox.
func (s *imapSession) Copy(numSet imap.NumSet, dest string) (*imap.CopyData, error) {
	var data *imap.CopyData
	err := s.change(dest, func() error {
		var err error
		data, err = s.copy(numSet, dest)
		return err
	})
	return data, err
}

// copy copies messages in memory and gives the copies files; nil if there were
// none to copy.
func (s *imapSession) copy(numSet imap.NumSet, dest string) (*imap.CopyData, error) {
	data, err := s.UserSession.Copy(numSet, dest)
	if err != nil {
		return nil, err // an *imap.Error, meant for the client
	}
	from, _ := data.SourceUIDs.Nums()
	to, _ := data.DestUIDs.Nums()
	for i := range from {
		// A link is enough: message files never change.
		if err := os.Link(s.account.file(s.selected, from[i]), s.account.file(dest, to[i])); err != nil {
			return nil, fmt.Errorf("copying a message: %w", err)
		}
	}
	if len(from) == 0 {
		return nil, nil
	}
	return data, nil
}

// Move moves messages to another mailbox. The memory server's own does not say
// which messages it moved.
func (s *imapSession) Move(w *imapserver.MoveWriter, numSet imap.NumSet, dest string) error {
	return s.change(s.selected, func() error {
		data, err := s.copy(numSet, dest)
		if err != nil || data == nil {
			return err
		}
		if err := s.account.save(dest); err != nil {
			return err
		}
		if err := w.WriteCopyData(data); err != nil {
			return fmt.Errorf("answering a MOVE: %w", err)
		}
		deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := s.UserSession.Store(nil, data.SourceUIDs, deleted, &imap.StoreOptions{}); err != nil {
			return err
		}
		// The EXPUNGE responses follow from the poll after every command.
		return s.UserSession.Expunge(nil, &data.SourceUIDs)
	})
}

// Create makes a mailbox.
func (s *imapSession) Create(mailbox string, _ *imap.CreateOptions) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	return s.account.create(mailbox)
}

// Delete removes a mailbox with its messages.
func (s *imapSession) Delete(mailbox string) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	if mailbox == inbox {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeCannot, Text: "INBOX stays"}
	}
	if err := s.UserSession.Delete(mailbox); err != nil {
		return err // an *imap.Error, meant for the client
	}
	if err := os.RemoveAll(s.account.folder(mailbox)); err != nil {
		return fmt.Errorf("removing a mailbox: %w", err)
	}
	return nil
}

// Rename gives a mailbox another name.
func (s *imapSession) Rename(from, to string, options *imap.RenameOptions) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	if from == inbox {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeCannot, Text: "INBOX stays"}
	}
	if err := s.UserSession.Rename(from, to, options); err != nil {
		return err // an *imap.Error, meant for the client
	}
	if err := os.Rename(s.account.folder(from), s.account.folder(to)); err != nil {
		return fmt.Errorf("renaming a mailbox: %w", err)
	}
	return nil
}
