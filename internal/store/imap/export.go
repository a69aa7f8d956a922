package imap

import (
	"bytes"
	"context"

	"github.com/emersion/go-imap/v2"

	"github.com/soffiah/habeas/internal/store"
)

// Export gives a row for each message, and the whole message (RFC 5322).
func (s *Store) Export(ctx context.Context, target store.Target, fields []string, sink store.Sink) error {
	if err := supported(target); err != nil {
		return err
	}
	columns, err := store.Columns(target.Collection, fields, map[string]store.ValueType{fieldUID: store.Number, fieldDate: store.Time})
	if err != nil {
		return err
	}
	if err := sink.Begin(columns); err != nil {
		return err
	}
	return s.walk(ctx, []store.Target{target}, false, func(conn *session, _ int, found []message) error {
		for _, m := range found {
			content, err := conn.content(ctx, m)
			if err != nil {
				return err
			}
			if content == nil {
				continue
			}
			if err := sink.Row(store.Texts(columns, m.field)); err != nil {
				return err
			}
			if err := sink.Content(bytes.NewReader(content)); err != nil {
				return err
			}
		}
		return nil
	})
}

// content fetches a message of the selected folder, nil if it has gone meanwhile.
func (s *session) content(ctx context.Context, m message) ([]byte, error) {
	var content []byte
	section := &imap.FetchItemBodySection{Peek: true}
	err := s.await(ctx, "reading a message", func() error {
		buffers, err := s.client.Fetch(imap.UIDSetNum(m.uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		for _, b := range buffers {
			content = b.FindBodySection(section)
		}
		return err
	})
	return content, err
}
