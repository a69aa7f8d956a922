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
//	      erasure: retain          # delete, anonymise, archive, retain or leave
//	      retention: invoices      # retain only: a rule of the policy
//	      retain_from: issued_on   # retain only: the field with the first day
//	      basis: duty to keep them # retain only: instead of the rule's, with citation
//	      archive_to: old_invoices # archive only: the retained collection to move rows to
//	      rows: shared             # owned or shared with other people
//	      destroy_shared: true     # shared only: erase for one of them all the same
//	      together: [[tenant, no]] # fields that refer elsewhere only together
//	      subject: true            # each row is a data subject's account
//	      restriction: {field: blocked, value: true, release: false}
//	      legal_basis: contract    # Art. 6(1) GDPR; datasets and fields have it too
//	      purpose: billing         # likewise
//	    fields:
//	      - name: nickname
//	        habeas:
//	          anonymise: {strategy: constant, value: "erased"}
//	          source: provided     # provided, observed or derived
//	          rectify: {type: text, max_length: 40}   # or true
//	          secret: true         # never in packages or previews
//	          search: text         # text or json: may hold any person's values
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

// Position is where something of the map stands.
type Position struct {
	File string
	Line int
}

// Dataset is one data store's part of the map.
type Dataset struct {
	At   Position
	Key  string
	Name string
	// Schema is the namespace of the collections within the store, from
	// fides_meta.namespace.schema. Empty: the store's own default.
	Schema string
	// After names datasets whose collections must all be read before this one's.
	After []string
	// Purpose holds for all fields that do not say otherwise.
	Purpose     Purpose
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
	At      Position
	Name    string
	// Fields are all fields. A nested field follows its parent and bears a dotted
	// name, such as "address.city".
	Fields []*Field
	// Treatment is what an erasure does to the subject's rows.
	Treatment dsr.Treatment
	// RetentionRule names the rule of the policy under which rows stay; RetainFrom
	// is the field that holds the date from which its period runs. Ground, if it is
	// not empty, is told to the data subject in the place of the rule's.
	RetentionRule string
	RetainFrom    string
	Ground        Ground
	// ArchiveTo is the collection of the same dataset that rows are moved to when
	// the treatment is to archive. It is a retained one, and has all fields.
	ArchiveTo string
	// Rows says whether rows may be several people's; DestroyShared that those are
	// erased for one of them all the same.
	Rows          Ownership
	DestroyShared bool
	// Restriction is how processing is restricted here; nil if nothing does it.
	Restriction *Restriction
	// Purpose holds for all fields that do not say otherwise.
	Purpose Purpose
	// Subject marks a collection whose rows are data subjects' accounts.
	Subject bool
	// Together are groups of fields of which the references to one collection hold
	// only together: the parts of a composite key. Followed one by one, a tenant's
	// number would lead to all people of the tenant.
	Together [][]string
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

// Kept returns the retention rule under which rows of c stay for now, the field
// that dates them, and the ground of the map's own if it has one; ok is false
// if nothing keeps them. What is archived is kept as its archive says.
func (c *Collection) Kept() (rule, from string, ground Ground, ok bool) {
	if c.Treatment == dsr.Archive {
		c = c.Dataset.Collection(c.ArchiveTo)
	}
	return c.RetentionRule, c.RetainFrom, c.Ground, c.Treatment == dsr.Retain
}

// Spared reports whether a row of c that is several people's must be left when
// one of them asks for erasure. What counts as theirs is for a plan to find
// out, unless the map says that rows are one person's or go in any case.
func (c *Collection) Spared() bool { return c.Rows != Owned && !c.DestroyShared }

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
	At   Position
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
	// Anonymise is what replaces the value when its row is anonymised, nil if it
	// stays as it is.
	Anonymise *Replacement
	// Source is how the value came about; empty if the map does not say.
	Source Source
	// Rectify says to what the value may be corrected; nil if it may not be.
	Rectify *Rectification
	// Secret fields are in no package and no preview. Without a word of the map
	// those with a category under user.authorization are.
	Secret bool
	// Search marks a field that may hold any person's values.
	Search Search
	// Purpose is why the value is processed; collection and dataset are considered.
	Purpose Purpose
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
