package imap

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/soffiah/habeas/internal/store"
)

// Export gives a row for each message, and the whole message (RFC 5322).
func (s *Store) Export(ctx context.Context, target store.Target, fields []string, sink store.Sink) error {
	if err := supported(target); err != nil {
		return err
	}
	wanted, err := store.Exportable(target.Collection, fields)
	if err != nil {
		return err
	}
	types := map[string]store.ValueType{fieldUID: store.Number, fieldDate: store.Time}
	columns := make([]store.Column, len(wanted))
	for i, f := range wanted {
		columns[i] = store.Column{Field: f.Name, Type: store.Text}
		if t, ok := types[f.Name]; ok {
			columns[i].Type = t
		}
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
			if err := sink.Row(m.texts(columns)); err != nil {
				return err
			}
			if err := sink.Content(bytes.NewReader(content)); err != nil {
				return err
			}
		}
		return nil
	})
}

// texts writes the fields of a message as an export does. Addresses are parted by
// a comma.
func (m message) texts(columns []store.Column) [][]byte {
	values := make([][]byte, len(columns))
	for i, c := range columns {
		switch v := m.field(c.Field).(type) {
		case string:
			values[i] = []byte(v)
		case []string:
			values[i] = []byte(strings.Join(v, ", "))
		case int64:
			values[i] = strconv.AppendInt(nil, v, 10)
		case time.Time:
			values[i] = v.UTC().AppendFormat(nil, time.RFC3339Nano)
		}
	}
	return values
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
