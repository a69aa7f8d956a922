package mailin

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// entry is a message as a listing shows it.
type entry struct {
	uid  uint32
	size int64
	date time.Time
}

// list returns the messages from uid on, in the order of their UIDs.
func (s *session) list(from uint32) ([]entry, error) {
	var rows []*imapclient.FetchMessageBuffer
	err := s.do("listing messages", func() (err error) {
		set := imap.UIDSet{{Start: imap.UID(from), Stop: 0}}
		rows, err = s.client.Fetch(set, &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}).Collect()
		return err
	})
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(rows))
	for _, row := range rows {
		// "n:*" matches the last message even if its UID is below n (RFC 3501, section 6.4.8).
		if uint32(row.UID) >= from {
			entries = append(entries, entry{uint32(row.UID), row.RFC822Size, row.InternalDate})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.uid, b.uid) })
	return slices.CompactFunc(entries, func(a, b entry) bool { return a.uid == b.uid }), nil
}

// since returns the lowest UID of the messages received since t, 0 if there is none.
func (s *session) since(t time.Time) (uint32, error) {
	var found *imap.SearchData
	err := s.do("searching recent messages", func() (err error) {
		found, err = s.client.UIDSearch(&imap.SearchCriteria{Since: t}, nil).Wait()
		return err
	})
	if err != nil {
		return 0, err
	}
	if uids := found.AllUIDs(); len(uids) > 0 {
		return uint32(slices.Min(uids)), nil
	}
	return 0, nil
}

// fetch reads one section of each message. Messages that the server leaves
// out are missing from the result; on an error it holds what arrived before.
func (s *session) fetch(uids []uint32, section *imap.FetchItemBodySection) (map[uint32][]byte, error) {
	bodies := make(map[uint32][]byte, len(uids))
	limit := s.cfg.MaxMessage
	err := s.do("reading messages", func() error {
		var set imap.UIDSet
		for _, uid := range uids {
			set.AddNum(imap.UID(uid))
		}
		cmd := s.client.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		var failed error
		for row := cmd.Next(); row != nil; row = cmd.Next() {
			uid, body, err := readRow(row, limit)
			switch {
			case err != nil:
				failed = err
			case uid != 0 && body != nil:
				bodies[uid] = body
			}
		}
		if err := cmd.Close(); err != nil {
			return err
		}
		return failed
	})
	return bodies, err
}

// readRow reads one row of a FETCH. It never keeps more than limit bytes, the
// server may send what it likes.
func readRow(row *imapclient.FetchMessageData, limit int64) (uid uint32, body []byte, err error) {
	for item := row.Next(); item != nil; item = row.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = uint32(item.UID)
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			body, err = io.ReadAll(io.LimitReader(item.Literal, limit))
			if err != nil {
				return 0, nil, fmt.Errorf("reading a message body: %w", err)
			}
		}
	}
	return uid, body, nil
}

func whole(size int64) *imap.FetchItemBodySection {
	return &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Offset: 0, Size: size}}
}

func header() *imap.FetchItemBodySection {
	return &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader}
}
