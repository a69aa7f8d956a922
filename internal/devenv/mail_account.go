package devenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

const inbox = "INBOX"

// accounts are the mailboxes of all addresses. Messages are served from memory
// (imapmemserver) and written through to files.
type accounts struct {
	dir string
	now func() time.Time

	mu        sync.Mutex
	byAddress map[string]*account
}

// account is what belongs to one address.
type account struct {
	dir  string
	user *imapmemserver.User

	// mu orders everything that changes a mailbox, so that memory and files agree.
	mu       sync.Mutex
	watchers map[chan struct{}]bool
}

// index is what a mailbox's files do not tell. It is written after the messages
// that it speaks of, and before files are removed.
type index struct {
	UIDValidity uint32                   `json:"uid_validity"`
	UIDNext     imap.UID                 `json:"uid_next"`
	Flags       map[imap.UID][]imap.Flag `json:"flags,omitempty"`
}

func loadAccounts(dir string, now func() time.Time) (*accounts, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the mailboxes: %w", err)
	}
	all := &accounts{dir: dir, now: now, byAddress: map[string]*account{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the mailboxes: %w", err)
	}
	for _, entry := range entries {
		if _, err := all.open(entry.Name()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// open returns the account of an address, creating it with an INBOX.
func (all *accounts) open(address string) (*account, error) {
	address, err := mailboxAddress(address)
	if err != nil {
		return nil, err
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if a := all.byAddress[address]; a != nil {
		return a, nil
	}
	a := &account{
		dir:      filepath.Join(all.dir, address),
		user:     imapmemserver.NewUser(address, MailPassword),
		watchers: map[chan struct{}]bool{},
	}
	if err := a.load(); err != nil {
		return nil, fmt.Errorf("loading a mailbox: %w", err)
	}
	all.byAddress[address] = a
	return a, nil
}

func (a *account) folder(mailbox string) string { return filepath.Join(a.dir, url.PathEscape(mailbox)) }

func (a *account) file(mailbox string, uid imap.UID) string {
	return filepath.Join(a.folder(mailbox), strconv.FormatUint(uint64(uid), 10)+".eml")
}

// files returns the message files of a mailbox by UID.
func (a *account) files(mailbox string) (map[imap.UID]string, error) {
	paths, err := filepath.Glob(filepath.Join(a.folder(mailbox), "*.eml"))
	if err != nil {
		return nil, fmt.Errorf("listing messages: %w", err)
	}
	found := make(map[imap.UID]string, len(paths))
	for _, path := range paths {
		uid, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".eml"), 10, 32)
		if err == nil {
			found[imap.UID(uid)] = path
		}
	}
	return found, nil
}

// load brings the mailboxes from the files into memory. The memory server
// numbers mailboxes (UIDVALIDITY) and messages (UID) from 1 without gaps, so
// those that are gone are made and removed again.
func (a *account) load() error {
	folders, err := os.ReadDir(a.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading mailboxes: %w", err)
	}
	byValidity := map[uint32]string{}
	indexes := map[string]index{}
	last := uint32(0)
	for _, folder := range folders {
		name, err := url.PathUnescape(folder.Name())
		if err != nil {
			continue // not ours
		}
		ix, err := a.readIndex(name)
		if err != nil {
			return err
		}
		byValidity[ix.UIDValidity], indexes[name] = name, ix
		last = max(last, ix.UIDValidity)
	}
	for validity := uint32(1); validity <= last; validity++ {
		name, ok := byValidity[validity]
		if !ok {
			name = "\x00gone"
		}
		if err := a.user.Create(name, nil); err != nil {
			return fmt.Errorf("restoring a mailbox: %w", err)
		}
		if !ok {
			err = a.user.Delete(name)
		} else {
			err = a.loadMessages(name, indexes[name])
		}
		if err != nil {
			return fmt.Errorf("restoring a mailbox: %w", err)
		}
	}
	if _, ok := indexes[inbox]; ok {
		return nil
	}
	return a.create(inbox)
}

func (a *account) readIndex(mailbox string) (index, error) {
	var ix index
	text, err := os.ReadFile(filepath.Join(a.folder(mailbox), "index.json"))
	if err == nil {
		err = json.Unmarshal(text, &ix)
	}
	if err != nil {
		return ix, fmt.Errorf("reading the index of a mailbox: %w", err)
	}
	return ix, nil
}

// loadMessages restores the messages of one mailbox under their UIDs.
func (a *account) loadMessages(mailbox string, ix index) error {
	files, err := a.files(mailbox)
	if err != nil {
		return err
	}
	next := max(ix.UIDNext, 1)
	for uid := range files {
		next = max(next, uid+1)
	}
	var missing imap.UIDSet
	for uid := imap.UID(1); uid < next; uid++ {
		path, ok := files[uid]
		if !ok {
			missing.AddNum(uid)
			if _, err := a.user.Append(mailbox, literal(nil), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDeleted}}); err != nil {
				return fmt.Errorf("passing over a UID: %w", err)
			}
			continue
		}
		message, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("reading the time of a message: %w", err)
		}
		options := &imap.AppendOptions{Time: info.ModTime(), Flags: ix.Flags[uid]}
		if _, err := a.user.Append(mailbox, literal(message), options); err != nil {
			return fmt.Errorf("restoring a message: %w", err)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	view, _, err := a.view(mailbox)
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }()
	return view.Expunge(nil, &missing)
}

// create makes a mailbox in memory and on disk.
func (a *account) create(mailbox string) error {
	if err := a.user.Create(mailbox, nil); err != nil {
		return err // an *imap.Error, meant for the client
	}
	if err := os.MkdirAll(a.folder(mailbox), 0o700); err != nil {
		return fmt.Errorf("creating a mailbox: %w", err)
	}
	return a.save(mailbox)
}

// append stores a message: in its file first, since a UID that anyone has seen
// must never be given to another message.
func (a *account) append(mailbox string, create bool, at time.Time, message []byte, flags []imap.Flag) (*imap.AppendData, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	status, err := a.user.Status(mailbox, &imap.StatusOptions{UIDNext: true})
	if err != nil && create {
		if err := a.create(mailbox); err != nil {
			return nil, err
		}
		status, err = a.user.Status(mailbox, &imap.StatusOptions{UIDNext: true})
	}
	if err != nil {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeTryCreate, Text: "No such mailbox"}
	}
	path := a.file(mailbox, status.UIDNext)
	if err := os.WriteFile(path+".tmp", message, 0o600); err != nil {
		return nil, fmt.Errorf("writing a message: %w", err)
	}
	if err := os.Chtimes(path+".tmp", at, at); err != nil {
		return nil, fmt.Errorf("dating a message: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return nil, fmt.Errorf("storing a message: %w", err)
	}
	data, err := a.user.Append(mailbox, literal(message), &imap.AppendOptions{Time: at, Flags: flags})
	if err != nil {
		return nil, err // an *imap.Error, meant for the client
	}
	if len(flags) > 0 {
		if err := a.save(mailbox); err != nil {
			return nil, err
		}
	}
	a.tell()
	return data, nil
}

// save writes the index of a mailbox as it is in memory and then removes the
// files of messages that are no more.
func (a *account) save(mailbox string) error {
	view, selected, err := a.view(mailbox)
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }()
	present, err := searchUIDs(view, &imap.SearchCriteria{})
	if err != nil {
		return err
	}
	ix := index{UIDValidity: selected.UIDValidity, UIDNext: selected.UIDNext, Flags: map[imap.UID][]imap.Flag{}}
	for _, flag := range selected.Flags {
		flagged, err := searchUIDs(view, &imap.SearchCriteria{Flag: []imap.Flag{flag}})
		if err != nil {
			return err
		}
		for _, uid := range flagged {
			ix.Flags[uid] = append(ix.Flags[uid], flag)
		}
	}
	text, err := json.Marshal(ix)
	if err != nil {
		return fmt.Errorf("encoding the index of a mailbox: %w", err)
	}
	if err := writeFile(filepath.Join(a.folder(mailbox), "index.json"), text); err != nil {
		return err
	}
	files, err := a.files(mailbox)
	if err != nil {
		return err
	}
	for uid, path := range files {
		if _, found := slices.BinarySearch(present, uid); !found {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing a message: %w", err)
			}
		}
	}
	return nil
}

// view opens a mailbox for looking at it. It must be closed.
func (a *account) view(mailbox string) (*imapmemserver.UserSession, *imap.SelectData, error) {
	view := imapmemserver.NewUserSession(a.user)
	data, err := view.Select(mailbox, &imap.SelectOptions{})
	if err != nil {
		return nil, nil, err // an *imap.Error, meant for the client
	}
	return view, data, nil
}

// searchUIDs returns UIDs in ascending order.
func searchUIDs(view *imapmemserver.UserSession, criteria *imap.SearchCriteria) ([]imap.UID, error) {
	found, err := view.Search(imapserver.NumKindUID, criteria, &imap.SearchOptions{})
	if err != nil {
		return nil, fmt.Errorf("searching a mailbox: %w", err)
	}
	return found.AllUIDs(), nil
}

// tell wakes those who watch the account.
func (a *account) tell() {
	for watcher := range a.watchers {
		select {
		case watcher <- struct{}{}:
		default: // it has been woken already
		}
	}
}

// watch returns a channel that gets a value after every change from now on.
func (a *account) watch() (changes chan struct{}, stop func()) {
	changes = make(chan struct{}, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watchers[changes] = true
	return changes, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.watchers, changes)
	}
}

// literal is a message as the memory server takes it.
func literal(message []byte) imap.LiteralReader { return bytes.NewReader(message) }
