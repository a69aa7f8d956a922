// Package datamap reads the data map of a controller: which data stores hold
// personal data, in which collections and fields, and how one leads to another.
// The package is pure: it opens no connection.
//
// Its files are in the open fideslang Dataset format. What that format lacks
// stands under a key of our own, "habeas", beside "fides_meta":
//
//	collections:
//	  - name: invoices
//	    habeas:
//	      erasure: retain          # delete, anonymise, retain or leave
//	      retention: invoices      # retain only: a rule of the policy
//	      retain_from: issued_on   # retain only: the field with the first day
//	      subject: true            # each row is a data subject's account
//	    fields:
//	      - name: nickname
//	        habeas:
//	          anonymise: {strategy: constant, value: "erased"}
//
// A name that is unknown under "habeas" is an error, since a mistyped treatment
// would destroy or spare the wrong rows; unknown names elsewhere are ignored,
// as the format wants it.
//
// A collection without our key is never deleted: its rows are anonymised by
// setting to null every field with a category under "user", but for primary
// keys and fields that are read_only. The masking overrides null_rewrite and
// string_rewrite of the format are followed, any other is taken for null,
// which reveals least. A collection that has no such field is left.
package datamap

import (
	"slices"

	"github.com/soffiah/habeas/internal/dsr"
)

// Address names a collection: the fides_key of its dataset and its own name.
type Address struct {
	Dataset    string `json:"dataset"`
	Collection string `json:"collection"`
}

// String returns "dataset:collection".
func (a Address) String() string { return a.Dataset + ":" + a.Collection }

// Map is a whole data map: all datasets, validated together.
type Map struct {
	Datasets []*Dataset
	// missing are references into datasets that none of the files holds.
	missing Errors
	digest  string
}

// Lookup returns the collection at an address.
func (m *Map) Lookup(a Address) (*Collection, bool) {
	for _, d := range m.Datasets {
		if d.Key == a.Dataset {
			c := d.Collection(a.Collection)
			return c, c != nil
		}
	}
	return nil, false
}

// Collections returns all collections, in the order of the files.
func (m *Map) Collections() []*Collection {
	var all []*Collection
	for _, d := range m.Datasets {
		all = append(all, d.Collections...)
	}
	return all
}

// Identities returns the identity keys of all fields, sorted, each once.
func (m *Map) Identities() []string {
	var keys []string
	for _, c := range m.Collections() {
		for _, f := range c.Fields {
			if f.Identity != "" {
				keys = append(keys, f.Identity)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Complete returns [Errors] that name every reference into a dataset that the
// map does not hold, or nil. Files may be loaded and checked one by one, but
// what they describe can only be traced once the map is complete: a reference
// that leads nowhere would leave data unfound.
func (m *Map) Complete() error {
	if len(m.missing) == 0 {
		return nil
	}
	return m.missing
}

// Dataset is one data store's part of the map.
type Dataset struct {
	Key  string
	Name string
	// Schema is the namespace of the collections within the store, from
	// fides_meta.namespace.schema. Empty: the store's own default.
	Schema string
	// After names datasets whose collections must all be read before this one's.
	After       []string
	Collections []*Collection
}

// Collection returns the dataset's collection of that name, or nil.
func (d *Dataset) Collection(name string) *Collection {
	for _, c := range d.Collections {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Collection is a set of records of one shape: a table, a bucket, a mailbox.
type Collection struct {
	Dataset *Dataset
	Name    string
	// Fields are all fields. A nested field follows its parent and bears a dotted
	// name, such as "address.city".
	Fields []*Field
	// Treatment is what an erasure does to the subject's rows.
	Treatment dsr.Treatment
	// RetentionRule names the rule of the policy under which rows stay; RetainFrom
	// is the field that holds the date from which its period runs.
	RetentionRule string
	RetainFrom    string
	// Subject marks a collection whose rows are data subjects' accounts.
	Subject bool
	// After names collections to be read before this one, EraseAfter those to be
	// erased before it.
	After      []Address
	EraseAfter []Address
	// Skip takes the collection out of every traversal (skip_processing).
	Skip bool
}

// Address returns the collection's address.
func (c *Collection) Address() Address { return Address{c.Dataset.Key, c.Name} }

// Field returns the field of that (dotted) name, or nil.
func (c *Collection) Field(name string) *Field {
	for _, f := range c.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Categories returns the data categories of all fields, sorted, each once.
func (c *Collection) Categories() []string {
	var all []string
	for _, f := range c.Fields {
		all = append(all, f.Categories...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Personal reports whether any field has a category under "user".
func (c *Collection) Personal() bool { return slices.ContainsFunc(c.Fields, (*Field).Personal) }

// PrimaryKey returns the names of the fields that make up the primary key.
func (c *Collection) PrimaryKey() []string {
	var names []string
	for _, f := range c.Fields {
		if f.PrimaryKey {
			names = append(names, f.Name)
		}
	}
	return names
}

// Field is one field of a collection.
type Field struct {
	Name string
	// Parent is the object that holds a nested field, else nil.
	Parent     *Field
	Categories []string
	// DataType is a type of the format, with "[]" for an array; empty if unknown.
	DataType   string
	PrimaryKey bool
	// ReadOnly fields are never anonymised.
	ReadOnly bool
	// Identity is the identity key (email, account_name, ...) whose value this
	// field holds; empty if none.
	Identity   string
	References []Reference
	// Anonymise is the value that replaces this field when its row is anonymised,
	// nil if it stays as it is.
	Anonymise *Replacement
}

// Personal reports whether the field has a category under "user".
func (f *Field) Personal() bool {
	return slices.ContainsFunc(f.Categories, func(c string) bool { return Covers("user", c) })
}

// Covers reports whether category is parent or lies below it. Categories are
// compared by dotted segment: user.device.cookie does not cover
// user.device.cookie_id.
func Covers(parent, category string) bool {
	return category == parent || (len(category) > len(parent) && category[:len(parent)] == parent && category[len(parent)] == '.')
}

// Direction is the way in which a reference may be followed.
type Direction string

// The directions of a reference, seen from the field that declares it.
const (
	Both Direction = ""
	To   Direction = "to"
	From Direction = "from"
)

// Reference says that a field holds the same values as a field elsewhere.
type Reference struct {
	Target    Address
	Field     string
	Direction Direction
}

// The strategies of a [Replacement].
const (
	Null     = "null"
	Constant = "constant"
)

// Replacement is how a field is anonymised.
type Replacement struct {
	// Strategy is [Null] or [Constant].
	Strategy string
	// Value is the constant: a string, bool, int or float64.
	Value any
}
