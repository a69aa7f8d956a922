// Package catalogue holds a data map against what a live data store says of
// itself: which tables, columns and keys there are. It finds what the map lacks or
// gets wrong, and drafts a first map. It reads only, and what it samples of values
// it neither keeps nor repeats.
package catalogue

import (
	"context"
)

// Reader is a data store that can describe itself. A role that may read is enough.
type Reader interface {
	// Tables returns the tables and views of a schema, sorted by name, without
	// partitions of others. With an empty schema those that the application finds
	// without naming one.
	Tables(ctx context.Context, schema string) ([]Table, error)
	// Sample returns values of columns of a table, from at most so many rows, by
	// column name: as text, cut to MaxSample bytes, without nulls. The same state of
	// the store gives the same sample. Values are personal data.
	Sample(ctx context.Context, t Table, columns []string, rows int) (map[string][]string, error)
}

// MaxSample bounds the length of a value in a sample.
const MaxSample = 256

// Table is what a store says of a table or view.
type Table struct {
	Schema string
	Name   string
	View   bool
	// Readable reports whether the role may read it.
	Readable bool
	// Rows is an estimate, 0 if unknown.
	Rows        int64
	Columns     []Column
	PrimaryKey  []string
	Unique      [][]string
	ForeignKeys []ForeignKey
}

// Column returns the column of that name.
func (t Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// ForeignKey says that Columns together name a row of Table by Keys.
type ForeignKey struct {
	Name    string
	Columns []string
	Schema  string
	Table   string
	Keys    []string
}

// Kind is a kind of column, the same for every kind of store.
type Kind string

// The kinds of column.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Decimal Kind = "decimal"
	Float   Kind = "float"
	Boolean Kind = "boolean"
	Date    Kind = "date"
	Time    Kind = "time"
	JSON    Kind = "json"
	UUID    Kind = "uuid"
	Network Kind = "network address"
	Binary  Kind = "binary"
	Other   Kind = "other"
)

// Column is what a store says of a column.
type Column struct {
	Name string
	// Type is the type in the words of the store, Kind that of its values, or of the
	// elements of an Array.
	Type      string
	Kind      Kind
	Array     bool
	Nullable  bool
	Generated bool
	// Length is the most characters that fit, 0 if nothing bounds them.
	Length int
}

// Level says how much a finding matters.
type Level string

// The levels. A note says what a person may want to know; the map works.
const (
	Error Level = "error"
	Note  Level = "note"
)

// The codes of findings.
const (
	MissingTable   = "missing_table"        // the map has a collection that the store has not
	MissingColumn  = "missing_column"       // the map has a field that the store has not
	Unreadable     = "unreadable"           // the role may not read it, so that nobody looked
	TypeMismatch   = "type_mismatch"        // values would be compared as another type
	KeyMismatch    = "primary_key_mismatch" // the map names another primary key than the store
	UnknownKey     = "unknown_foreign_key"  // the store has a foreign key that the map lacks
	WrongReference = "wrong_reference"      // a foreign key leads elsewhere than the map says
	Separated      = "separated_key"        // the parts of a composite key are followed one by one
	Unmapped       = "unmapped_table"       // a table refers to mapped rows and is not mapped
	Personal       = "personal_column"      // looks personal and is not in the map
	Uncategorised  = "uncategorised_column" // looks personal, and the map says it is not
	Cycle          = "broken_cycle"         // references make a cycle, one of which is not followed
	Invalid        = "invalid"              // the files of the map are wrong
	Incomplete     = "incomplete"           // a reference leads into a dataset that is not there
	Unreached      = "unreached"            // no identity leads to what is to be erased
	NoStore        = "no_store"             // no configured store holds a dataset
	NoCatalogue    = "not_compared"         // the store does not describe itself
	Unordered      = "unordered"            // stores are erased side by side, whatever erase_after says
	Blocked        = "blocked"              // the order that the map asks for cannot be kept
)

// Finding is one thing that a check of a map found. It holds no value of a row.
type Finding struct {
	Level      Level  `json:"level"`
	Code       string `json:"code"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Store      string `json:"store,omitempty"`
	Dataset    string `json:"dataset,omitempty"`
	Collection string `json:"collection,omitempty"`
	Field      string `json:"field,omitempty"`
	Problem    string `json:"problem"`
	Hint       string `json:"hint,omitempty"`
}
