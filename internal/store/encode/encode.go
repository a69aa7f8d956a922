// Package encode writes exports of data stores as files: CSV as RFC 4180 has it,
// JSON as RFC 8259. Rows are written as they come and none is kept.
package encode

import (
	"bufio"
	"io"
	"unicode/utf8"

	"github.com/soffiah/habeas/internal/store"
)

// CSV is a sink that writes a header and a line for each row. Null is an empty
// field, and the empty text is a quoted one. It must be closed.
type CSV struct{ w *bufio.Writer }

// NewCSV returns a sink that writes to w.
func NewCSV(w io.Writer) *CSV { return &CSV{bufio.NewWriterSize(w, bufferSize)} }

// bufferSize is how much is written at once.
const bufferSize = 64 << 10

// Begin writes the header.
func (c *CSV) Begin(columns []store.Column) error {
	for i, column := range columns {
		if i > 0 {
			c.w.WriteByte(',')
		}
		c.field([]byte(column.Field))
	}
	_, err := c.w.WriteString("\r\n")
	return err
}

// Row writes a line.
func (c *CSV) Row(values [][]byte) error {
	for i, v := range values {
		if i > 0 {
			c.w.WriteByte(',') // an error stays in the writer
		}
		if v != nil {
			c.field(v)
		}
	}
	_, err := c.w.WriteString("\r\n")
	return err
}

// field writes a value, in quotes where that is needed.
func (c *CSV) field(v []byte) {
	if len(v) > 0 && plain(v) {
		c.w.Write(v)
		return
	}
	c.w.WriteByte('"')
	from := 0
	for i, b := range v {
		if b == '"' {
			c.w.Write(v[from : i+1])
			from = i // the quote is written again
		}
	}
	c.w.Write(v[from:])
	c.w.WriteByte('"')
}

// plain reports whether a value needs no quotes.
func plain(v []byte) bool {
	for _, b := range v {
		if b == '"' || b == ',' || b == '\n' || b == '\r' {
			return false
		}
	}
	return v[0] != ' ' && v[len(v)-1] != ' '
}

// Content leaves out what rows have beside their fields.
func (c *CSV) Content(io.Reader) error { return nil }

// Close writes what is left.
func (c *CSV) Close() error { return c.w.Flush() }

// JSON is a sink that writes an array of objects. It must be closed.
type JSON struct {
	w *bufio.Writer
	// names are the columns' names as JSON texts, each with its colon.
	names   [][]byte
	types   []store.ValueType
	started bool
}

// NewJSON returns a sink that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: bufio.NewWriterSize(w, bufferSize)} }

// Begin opens the array.
func (j *JSON) Begin(columns []store.Column) error {
	for i, c := range columns {
		name := append(quoted([]byte{}, []byte(c.Field)), ':')
		if i > 0 {
			name = append([]byte{','}, name...)
		}
		j.names, j.types = append(j.names, name), append(j.types, c.Type)
	}
	return j.w.WriteByte('[')
}

// Row writes an object.
func (j *JSON) Row(values [][]byte) error {
	if j.started {
		j.w.WriteByte(',')
	}
	j.started = true
	j.w.WriteString("\n{")
	for i, v := range values {
		j.w.Write(j.names[i])
		j.value(j.types[i], v)
	}
	return j.w.WriteByte('}')
}

// value writes one value.
func (j *JSON) value(t store.ValueType, v []byte) {
	switch {
	case v == nil:
		j.w.WriteString("null")
	case t == store.Number, t == store.Boolean, t == store.JSON:
		j.w.Write(v)
	default:
		j.w.Write(quoted(j.w.AvailableBuffer(), v))
	}
}

const digits = "0123456789abcdef"

// quoted appends a text in quotes (RFC 8259, section 7). What is no UTF-8 becomes
// U+FFFD.
func quoted(to, v []byte) []byte {
	to = append(to, '"')
	from := 0
	for i := 0; i < len(v); {
		b := v[i]
		switch {
		case b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf:
			i++
			continue
		case b >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(v[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			to = append(append(to, v[from:i]...), "\uFFFD"...)
		case b == '"', b == '\\':
			to = append(append(to, v[from:i]...), '\\', b)
		case b == '\n':
			to = append(append(to, v[from:i]...), '\\', 'n')
		default:
			to = append(append(to, v[from:i]...), '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
		}
		i++
		from = i
	}
	return append(append(to, v[from:]...), '"')
}

// Content leaves out what rows have beside their fields.
func (j *JSON) Content(io.Reader) error { return nil }

// Close ends the array and writes what is left.
func (j *JSON) Close() error {
	if j.names == nil && !j.started {
		j.w.WriteByte('[')
	}
	j.w.WriteString("\n]\n")
	return j.w.Flush()
}

// All gives an export to several sinks. What rows have beside their fields goes
// to the first.
type All []store.Sink

// Begin begins all.
func (a All) Begin(columns []store.Column) error {
	for _, s := range a {
		if err := s.Begin(columns); err != nil {
			return err
		}
	}
	return nil
}

// Row gives a row to all.
func (a All) Row(values [][]byte) error {
	for _, s := range a {
		if err := s.Row(values); err != nil {
			return err
		}
	}
	return nil
}

// Content gives a content to the first.
func (a All) Content(r io.Reader) error {
	if len(a) == 0 {
		return nil
	}
	return a[0].Content(r)
}
