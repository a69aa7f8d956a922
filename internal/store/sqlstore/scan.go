package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

// Scan reads each collection once, on the primary. The database says in which
// rows a value stands as a part of a text; here is decided whether it stands
// there as a word of its own.
func (s *Store) Scan(ctx context.Context, targets []store.Target, wanted []store.Wanted, yield func(store.Hit) error) error {
	looked := newNeedles(wanted)
	if len(looked) == 0 {
		return ctx.Err()
	}
	return s.db.ReadBack(ctx, func(tx Tx) error {
		tables, err := s.tables(ctx, tx, targets)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := s.scan(ctx, tx, t, looked, yield); err != nil {
				return fmt.Errorf("looking for values in %s: %w", t, err)
			}
		}
		return nil
	})
}

// searched returns the fields that may hold any person's values: those that the
// map says, and columns of JSON.
func (t *Table) searched() ([]*datamap.Field, []Column, error) {
	var fields []*datamap.Field
	var columns []Column
	for _, f := range t.Target.Collection.Fields {
		if f.Parent != nil {
			continue // its column is JSON and searched as a whole
		}
		c, _, err := t.Column(f.Name)
		if err != nil {
			return nil, nil, err
		}
		if f.Search != datamap.NoSearch || c.Kind == JSONKind {
			fields, columns = append(fields, f), append(columns, c)
		}
	}
	return fields, columns, nil
}

// scan looks through one table.
func (s *Store) scan(ctx context.Context, tx Tx, t *Table, looked []needle, yield func(store.Hit) error) error {
	fields, columns, err := t.searched()
	if err != nil || len(fields) == 0 {
		return err
	}
	q := NewQuery(s.dialect)
	own, err := q.Matches(t, "t")
	if err != nil {
		return err
	}
	var somewhere []string
	for _, c := range columns {
		somewhere = append(somewhere, q.Contains(q, Expression{q.Name("t", c.Name), c}, texts(looked)))
	}
	var isOwn bool
	parts := make([]*string, len(t.Primary)+len(columns))
	dest := []any{&isOwn}
	for i := range parts {
		dest = append(dest, &parts[i])
	}
	sql, args := q.SQL(fmt.Sprintf("SELECT coalesce(%s, false), %s FROM %s WHERE %s", own, strings.Join(q.Listed(t, columns, "t"), ", "),
		q.From(t, "t"), strings.Join(somewhere, " OR ")))
	return tx.Query(ctx, sql, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		key := map[string]string{}
		for i, name := range t.Primary {
			key[name] = *parts[i]
		}
		if len(key) == 0 {
			key = nil
		}
		for i, text := range parts[len(t.Primary):] {
			if text == nil {
				continue
			}
			for _, w := range found(looked, *text) {
				hit := store.Hit{Address: t.Target.Address, Field: fields[i].Name, Identity: w.Identity, Unique: w.Unique, Own: isOwn, Key: key}
				if err := yield(hit); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// needle is one way in which a value may be written.
type needle struct {
	wanted store.Wanted
	text   string // in lower case
}

// newNeedles returns the ways in which values may be written: composed or not
// (Unicode, Annex 15), and as JSON writes them, with or without escapes.
func newNeedles(wanted []store.Wanted) []needle {
	var all []needle
	seen := map[needle]bool{}
	for _, w := range wanted {
		value := strings.ToLower(strings.TrimSpace(w.Value))
		if value == "" || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			continue
		}
		for _, form := range []string{norm.NFC.String(value), norm.NFD.String(value)} {
			for _, text := range []string{form, asJSON(form), escaped(form)} {
				n := needle{store.Wanted{Identity: w.Identity, Unique: w.Unique}, text}
				if !seen[n] {
					seen[n] = true
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// asJSON writes a text as within a JSON string.
func asJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// escaped writes a text as JSON in ASCII (RFC 8259, section 7), in lower case.
func escaped(s string) string {
	var b strings.Builder
	for _, c := range asJSON(s) {
		if c < 0x80 {
			b.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// texts returns what the database looks for.
func texts(looked []needle) []string {
	var all []string
	seen := map[string]bool{}
	for _, n := range looked {
		if !seen[n.text] {
			seen[n.text] = true
			all = append(all, n.text)
		}
	}
	return all
}

// found returns what stands in a text as words of its own, each identity once,
// and unique values before others.
func found(looked []needle, text string) []store.Wanted {
	text = strings.ToLower(text)
	var all []store.Wanted
	seen := map[store.Wanted]bool{}
	for _, n := range looked {
		if !seen[n.wanted] && hasWord(text, n.text) {
			seen[n.wanted] = true
			all = append(all, n.wanted)
		}
	}
	return all
}

// hasWord reports whether a word stands in a text with nothing before or after
// it that would make it another: ann is not in joanna, and ada@example.org not
// in nada@example.org.
func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, size := utf8.DecodeRuneInString(text[i+len(word):])
		first, _ := utf8.DecodeRuneInString(word)
		last, _ := utf8.DecodeLastRuneInString(word)
		// An escaped line break before a word (\n) is no letter of it.
		escape := i >= 2 && text[i-2] == '\\' && strings.ContainsRune("nrtbf", before)
		joined := inWord(before) && inWord(first) && i > 0 && !escape
		if !joined && !(inWord(last) && inWord(after) && size > 0) {
			return true
		}
		from = i + max(1, len(string(first)))
	}
}

func inWord(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_'
}
