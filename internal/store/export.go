package store

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
)

// ValueType is how the texts of an exported column are to be read.
type ValueType string

// The types of exported values.
const (
	Text    ValueType = "text"
	Number  ValueType = "number"  // as JSON writes numbers
	Boolean ValueType = "boolean" // true or false
	JSON    ValueType = "json"    // a JSON value, arrays among them
	Date    ValueType = "date"    // 2006-01-02
	Time    ValueType = "time"    // RFC 3339, in UTC; without a zone if the store knows none
	Bytes   ValueType = "bytes"   // hexadecimal digits
)

// Column is one column of an export.
type Column struct {
	Field string
	Type  ValueType
}

// Sink takes an export. A store calls it from one goroutine and stops at its
// first error.
type Sink interface {
	// Begin is called once, before any row.
	Begin(columns []Column) error
	// Row takes the values of one row in the order of the columns; nil is null.
	// They may be used until Row returns.
	Row(values [][]byte) error
	// Content takes what the last row has beside its fields: the bytes of an
	// object, the text of a mail.
	Content(r io.Reader) error
}

// Exportable returns the fields of a collection that an export yields: those
// that are asked for, or all but secret ones, and of nested ones the outermost.
// Asking for a secret or unknown one is an [ErrSchema].
func Exportable(c *datamap.Collection, asked []string) ([]*datamap.Field, error) {
	var fields []*datamap.Field
	if asked == nil {
		for _, f := range c.Fields {
			if f.Parent == nil && !f.Secret {
				fields = append(fields, f)
			}
		}
		return fields, nil
	}
	for _, name := range asked {
		f := c.Field(name)
		if f == nil {
			return nil, fmt.Errorf("%s: %w: the data map has no field %s", c.Address(), ErrSchema, name)
		}
		if f.Secret {
			return nil, fmt.Errorf("%s: %w: the field %s is secret and is never shown", c.Address(), ErrSchema, name)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// Columns returns the columns of an export by a kind that knows its fields
// beforehand: those that are asked for, texts unless types says otherwise.
func Columns(c *datamap.Collection, asked []string, types map[string]ValueType) ([]Column, error) {
	fields, err := Exportable(c, asked)
	columns := make([]Column, len(fields))
	for i, f := range fields {
		columns[i] = Column{Field: f.Name, Type: Text}
		if t, ok := types[f.Name]; ok {
			columns[i].Type = t
		}
	}
	return columns, err
}

// Texts writes the values of a row as an export does. Several texts are parted by
// a comma.
func Texts(columns []Column, value func(field string) any) [][]byte {
	row := make([][]byte, len(columns))
	for i, c := range columns {
		switch v := value(c.Field).(type) {
		case string:
			row[i] = []byte(v)
		case []string:
			row[i] = []byte(strings.Join(v, ", "))
		case int64:
			row[i] = strconv.AppendInt(nil, v, 10)
		case time.Time:
			row[i] = v.UTC().AppendFormat(nil, time.RFC3339Nano)
		}
	}
	return row
}
