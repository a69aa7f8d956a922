package imap

import (
	"context"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/net/idna"

	"github.com/soffiah/habeas/internal/store"
)

// message is what is known of a message.
type message struct {
	folder    string
	uid       imap.UID
	date      time.Time
	id        string
	addresses []string
}

// field returns a field by its name.
func (m message) field(name string) any {
	switch name {
	case fieldAddress:
		return m.addresses
	case fieldMessageID:
		return m.id
	case fieldFolder:
		return m.folder
	case fieldUID:
		return int64(m.uid)
	case fieldDate:
		return m.date
	}
	return nil
}

// searchLimit is up to how many addresses the server is asked to search for.
// With more, all headers are read: that is one pass, whatever their number.
const searchLimit = 20

// fetchChunk is how many headers one command asks for.
const fetchChunk = 500

// walk gives f, for each target and each of its folders, the messages that the
// target means. Folders are opened for writing only if write is set. Each
// target reads anew: what one erased, the next does not meet.
func (s *Store) walk(ctx context.Context, targets []store.Target, write bool, f func(conn *session, target int, found []message) error) error {
	for _, t := range targets {
		if err := supported(t); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil || len(targets) == 0 {
		return err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	folders, err := conn.folders(ctx)
	if err != nil {
		return err
	}
	for i, t := range targets {
		// Looked for even where nothing is wanted: a missing folder is no empty one.
		within, err := s.within(t.Collection, folders)
		if err != nil {
			return err
		}
		wanted := addresses(t)
		if len(wanted) == 0 {
			continue
		}
		for _, folder := range within {
			found, err := conn.find(ctx, folder, wanted, write)
			if err != nil {
				return err
			}
			if err := f(conn, i, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// addresses returns the addresses that a target asks for, in canonical form.
func addresses(t store.Target) map[string]bool {
	all := map[string]bool{}
	for _, m := range t.Matches {
		for _, v := range m.Texts() {
			all[canonical(v)] = true
		}
	}
	return all
}

// find selects a folder and returns the messages that bear one of the addresses.
func (s *session) find(ctx context.Context, folder string, wanted map[string]bool, write bool) ([]message, error) {
	var hits []imap.UID
	err := s.await(ctx, "searching a folder", func() error {
		selected, err := s.client.Select(folder, &imap.SelectOptions{ReadOnly: !write}).Wait()
		if err != nil || selected.NumMessages == 0 {
			return err
		}
		data, err := s.client.UIDSearch(criteria(wanted), nil).Wait()
		if err != nil {
			return err
		}
		hits = data.AllUIDs()
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(hits)
	var found []message
	for chunk := range slices.Chunk(hits, fetchChunk) {
		err := s.await(ctx, "reading headers", func() error {
			all, err := s.headers(folder, chunk)
			for _, m := range all {
				if slices.ContainsFunc(m.addresses, func(a string) bool { return wanted[canonical(a)] }) {
					found = append(found, m)
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// addressFields are the header fields that say between whom a message went.
var addressFields = []string{"From", "To", "Cc", "Reply-To"}

// criteria asks for messages in which one of the addresses may stand. A search
// matches parts of text, so every hit is looked at again; and it need not see
// through encodings, so what cannot be searched for safely is not searched for.
func criteria(wanted map[string]bool) *imap.SearchCriteria {
	if len(wanted) > searchLimit {
		return &imap.SearchCriteria{}
	}
	var alternatives []imap.SearchCriteria
	for address := range wanted {
		local, _, ok := cutAddress(address)
		if !ok || !plain(local) {
			return &imap.SearchCriteria{}
		}
		for _, name := range addressFields {
			// The part before the @ alone: the domain may be written in two ways.
			alternatives = append(alternatives, imap.SearchCriteria{
				Header: []imap.SearchCriteriaHeaderField{{Key: name, Value: local}},
			})
		}
	}
	all := alternatives[0]
	for _, next := range alternatives[1:] {
		all = imap.SearchCriteria{Or: [][2]imap.SearchCriteria{{all, next}}}
	}
	return &all
}

// plain reports whether a text is written in one way only in a header: it has
// nothing that would be quoted or encoded.
func plain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)
	})
}

// headers fetches what is needed of messages, without marking them as read.
func (s *session) headers(folder string, uids []imap.UID) ([]message, error) {
	section := &imap.FetchItemBodySection{
		Specifier: imap.PartSpecifierHeader, HeaderFields: append(slices.Clone(addressFields), "Message-ID"), Peek: true,
	}
	buffers, err := s.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{
		UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		return nil, err
	}
	all := make([]message, 0, len(buffers))
	for _, b := range buffers {
		m := message{folder: folder, uid: b.UID, date: b.InternalDate}
		m.read(b.FindBodySection(section))
		all = append(all, m)
	}
	return all, nil
}

// read takes Message-ID and addresses from a header.
func (m *message) read(header []byte) {
	fields := unfold(header)
	if ids := fields["message-id"]; len(ids) > 0 {
		m.id = strings.Trim(ids[0], "<>")
	}
	parser := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: asIs}}
	for _, name := range addressFields {
		for _, value := range fields[strings.ToLower(name)] {
			list, err := parser.ParseList(value)
			if err != nil {
				m.addresses = append(m.addresses, salvage(value)...)
				continue
			}
			for _, a := range list {
				m.addresses = append(m.addresses, a.Address)
			}
		}
	}
}

// unfold splits a header into the values of its fields, by name in lower case.
// A line that makes no sense is passed over: parsers that stop at the first one
// would lose the addresses in those that follow.
func unfold(header []byte) map[string][]string {
	fields := map[string][]string{}
	last := ""
	for line := range strings.SplitSeq(string(header), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if values := fields[last]; len(values) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			values[len(values)-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		last = strings.ToLower(strings.TrimSpace(name))
		fields[last] = append(fields[last], strings.TrimSpace(value))
	}
	return fields
}

// asIs takes text of a character set that is not known: only display names are
// encoded, and they are not compared.
func asIs(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// salvage finds addresses in a field that breaks the grammar (RFC 5322, 3.4),
// as many that people wrote do: whatever stands between separators with an @.
func salvage(value string) []string {
	parts := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;:<>()\"[]", r) })
	return slices.DeleteFunc(parts, func(p string) bool { return !strings.Contains(p, "@") })
}

// canonical is the form in which addresses are compared: lower case, with the
// domain in its ASCII form (RFC 5890).
func canonical(address string) string {
	address = strings.ToLower(strings.TrimSpace(address))
	local, domain, ok := cutAddress(address)
	if !ok {
		return address
	}
	// A parser takes the quotes off a local part that needs none or some.
	if parsed, err := mail.ParseAddress(address); err == nil {
		if l, _, ok := cutAddress(parsed.Address); ok {
			local = l
		}
	}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + "@" + domain
}

// cutAddress splits an address at its last @.
func cutAddress(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i <= 0 {
		return "", "", false
	}
	return address[:i], address[i+1:], true
}
