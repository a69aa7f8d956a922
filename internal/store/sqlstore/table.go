package sqlstore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Catalog is what the database says about the tables of some targets, and about
// what refers to them from anywhere in the database.
type Catalog struct {
	// Tables are those of the targets, in their order.
	Tables []*Table
	// Keys are the foreign keys that lead to tables whose rows can be destroyed.
	Keys []ForeignKey
	// Triggers are those that fire when rows of the tables are deleted or changed.
	Triggers []Trigger
}

// Table is the table of one target.
type Table struct {
	Target store.Target
	// ID tells tables of the database apart, and partitions from their parent.
	ID     uint64
	Schema string
	Name   string
	// Plain is false for views and tables that live elsewhere: their rows can be
	// read and not changed.
	Plain bool
	// Parted is set where a row's place is only known with the part it lies in.
	Parted bool
	// Hidden is set where the database keeps some rows from the role.
	Hidden    bool
	CanSelect bool
	CanDelete bool
	CanInsert bool
	Columns   map[string]Column
	// Primary is the primary key, empty if there is none.
	Primary []string
	// Unique are the sets of columns on which no two rows agree.
	Unique []Unique
	// Checks are the conditions that every row fulfils.
	Checks []Check
	// Faults is what the database itself says against the treatment of the rows.
	Faults []store.Fault
	// Archive is the table to which rows are moved, if the target says so.
	Archive *Table
}

// Kind is what a column holds, whatever the database calls its type.
type Kind int

// The kinds of column. Others are read, compared and written as texts.
const (
	OtherKind Kind = iota
	TextKind
	IntegerKind
	NumberKind
	BooleanKind
	DateKind
	TimeKind
	UUIDKind
	AddressKind // an IP address or a network
	JSONKind
)

// Column is one column.
type Column struct {
	Name string
	Kind Kind
	// Type is the database's name of the type below any domain, written so that a
	// cast to it keeps values as they are.
	Type string
	// Element is the type of the elements of an array, else empty.
	Element string
	// MaxLength is the most characters that fit, 0 if there is no bound.
	MaxLength int
	// Collation is by what rules texts are compared, where the dialect must name it.
	Collation string
	// Bits is the size of whole numbers that may be negative.
	Bits    int
	NotNull bool
	// Generated columns follow from others.
	Generated bool
	CanUpdate bool
	// Parent is the column that this one refers to by a foreign key of one column,
	// as table and column ready to stand in a statement. Both empty if there is none.
	ParentTable, ParentColumn string
	// Refers and Referenced columns are part of a foreign key, at either end.
	Refers, Referenced bool
}

// Unique is a set of columns on which no two rows agree.
type Unique struct {
	Name    string
	Columns []string
	// NullsEqual is set where two nulls count as the same.
	NullsEqual bool
}

// Check is a condition on rows.
type Check struct {
	Name    string
	Columns []string
	// SQL is the condition, with plain names of columns.
	SQL string
}

// String returns "schema.table" for messages.
func (t *Table) String() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Destroys reports whether rows of the target can go from the table.
func (t *Table) Destroys() bool {
	switch t.Target.Treatment {
	case dsr.Delete, dsr.Retain, dsr.Archive:
		return true
	}
	return false
}

// Column returns the column that holds a field, and the path within it that a
// dotted field names.
func (t *Table) Column(name string) (Column, []string, error) {
	f := t.Target.Collection.Field(name)
	if f == nil {
		return Column{}, nil, fmt.Errorf("%w: the data map has no field %s in %s", store.ErrSchema, name, t)
	}
	var path []string
	for ; f.Parent != nil; f = f.Parent {
		path = append([]string{strings.TrimPrefix(f.Name, f.Parent.Name+".")}, path...)
		if strings.HasSuffix(f.Parent.DataType, "[]") {
			return Column{}, nil, fmt.Errorf("%w: the field %s of %s lies in an array of objects, which cannot be searched here", store.ErrSchema, name, t)
		}
	}
	c, ok := t.Columns[f.Name]
	if !ok {
		return Column{}, nil, fmt.Errorf("%w: the table %s has no column %s", store.ErrSchema, t, f.Name)
	}
	if len(path) > 0 && c.Kind != JSONKind {
		return Column{}, nil, fmt.Errorf("%w: the column %s of %s is no JSON and has no field %s", store.ErrSchema, f.Name, t, name)
	}
	return c, path, nil
}

// replacements returns the fields of t that are replaced when it is anonymised.
func (t *Table) replacements() []*datamap.Field {
	var all []*datamap.Field
	for _, f := range t.Target.Collection.Fields {
		if f.Anonymise != nil {
			all = append(all, f)
		}
	}
	return all
}

// ForeignKey is a foreign key that leads to a table whose rows can be destroyed.
type ForeignKey struct {
	Name          string
	Child, Parent uint64
	// ChildName is the referring table, for messages.
	ChildName string
	// Cuts: the database itself cuts the link when the parent goes. Cascades: the
	// referring rows go with it.
	Cuts, Cascades bool
	Columns        []string
	// Cuttable are those of Columns that take null, so that the link can be cut.
	Cuttable []string
	// Full is set if null in one of several columns does not cut the link (MATCH FULL).
	Full bool
	Keys []string
	// first is set if the database would cut the link by what rows of the child are
	// found by: they must be done before those that they refer to.
	first bool
}

// cuttable reports whether the link can be cut by setting columns to null.
func (k ForeignKey) cuttable() bool { return len(k.Cuttable) > 0 }

// cutBy leaves of the columns that take null those by which the link is to be
// cut: one, or all where that is needed, and none by which rows of the child are
// found or dated, since those would be lost.
func (k ForeignKey) cutBy(child *Table) ForeignKey {
	needed := func(name string) bool {
		keep := child.Target.Keep
		return keep != nil && keep.From == name || slices.ContainsFunc(child.Target.Matches, func(m store.Match) bool {
			return m.Field == name || slices.ContainsFunc(m.All, func(part store.Match) bool { return part.Field == name })
		})
	}
	switch {
	case k.Full && (len(k.Cuttable) < len(k.Columns) || slices.ContainsFunc(k.Columns, needed)):
		k.Cuttable = nil
	case !k.Full:
		k.Cuttable = slices.DeleteFunc(slices.Clone(k.Cuttable), needed)
		k.Cuttable = k.Cuttable[:min(1, len(k.Cuttable))]
	}
	if k.Cuts && child.Target.Treatment != dsr.Leave && slices.ContainsFunc(k.Columns, needed) {
		k.first, k.Cuttable = true, nil
	}
	return k
}

// Trigger is a trigger that fires when rows of a table are deleted or changed.
type Trigger struct {
	Table              uint64
	Name               string
	OnDelete, OnUpdate bool
}
