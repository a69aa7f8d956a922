package datamap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/soffiah/habeas/internal/dsr"
)

// Load reads the files of a data map, by name, and validates them together. An
// error is always [Errors] and names everything that is wrong. References into
// datasets that none of the files holds are no error here: see [Map.Complete].
func Load(files map[string][]byte) (*Map, error) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	l := &loader{m: &Map{}, at: places{}}
	for _, name := range names {
		l.file(name, files[name])
	}
	l.validate()
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	l.m.missing = l.m.missing.sorted()
	l.m.digest = digestOf(files)
	return l.m, nil
}

// loader holds a map while it is being read.
type loader struct {
	m        *Map
	problems Errors
	at       places
}

// place is where something stands, for problems found after reading.
type place struct {
	file string
	node *yaml.Node
}

// places is where each dataset, collection, field and reference stands. Its
// keys are pointers to them, or a [reference].
type places map[any]place

// reference names one reference of one field, as a key of [places].
type reference struct {
	field *Field
	index int
}

// file reads one file.
func (l *loader) file(name string, content []byte) {
	r := &reader{file: name}
	found := false
	for _, doc := range r.documents(content) {
		for _, n := range r.list(r.object(doc, "the file").get("dataset"), "dataset") {
			found = true
			l.dataset(r, n)
		}
	}
	if !found && len(r.problems) == 0 {
		r.report(nil, "holds no dataset", "a file of the data map begins with \"dataset:\" and a list")
	}
	l.problems = append(l.problems, r.problems...)
}

var datasetKey = regexp.MustCompile(`^[a-zA-Z0-9_.<>-]+$`)

// dataset reads one dataset.
func (l *loader) dataset(r *reader, n *yaml.Node) {
	o := r.object(n, "a dataset")
	if o == nil {
		return
	}
	d := &Dataset{Key: r.text(o.get("fides_key"), "fides_key"), Name: r.text(o.get("name"), "name")}
	if !datasetKey.MatchString(d.Key) {
		r.report(n, fmt.Sprintf("the fides_key %q is not valid", d.Key), "use letters, digits, and _ . - < >")
	}
	if slices.ContainsFunc(l.m.Datasets, func(other *Dataset) bool { return other.Key == d.Key }) {
		r.report(n, fmt.Sprintf("there is a second dataset %q", d.Key), "each dataset needs a key of its own")
		return
	}
	r.strict(r.object(o.get("habeas"), "habeas"), "habeas of a dataset")
	meta := l.meta(r, o)
	d.After = r.texts(meta.get("after"), "after")
	if ns := meta.get("namespace"); ns != nil {
		d.Schema = r.text(r.object(ns, "namespace").get("schema"), "schema")
	}
	l.m.Datasets = append(l.m.Datasets, d)
	l.at[d] = place{r.file, n}
	if o.get("collections") == nil {
		r.report(n, fmt.Sprintf("the dataset %q has no collections", d.Key), "")
	}
	inherited := r.texts(o.get("data_categories"), "data_categories")
	for _, item := range r.list(o.get("collections"), "collections") {
		l.collection(r, d, item, inherited)
	}
}

// meta returns what stands under fides_meta, or under its older name.
func (l *loader) meta(r *reader, o object) object {
	if n := o.get("fides_meta"); n != nil {
		return r.object(n, "fides_meta")
	}
	return r.object(o.get("fidesops_meta"), "fidesops_meta")
}

// collection reads one collection of d.
func (l *loader) collection(r *reader, d *Dataset, n *yaml.Node, inherited []string) {
	o := r.object(n, "a collection")
	if o == nil {
		return
	}
	c := &Collection{Dataset: d, Name: r.text(o.get("name"), "name")}
	switch {
	case c.Name == "":
		r.report(n, "a collection has no name", "")
		return
	case d.Collection(c.Name) != nil:
		r.report(n, fmt.Sprintf("the dataset %q has a second collection %q", d.Key, c.Name), "")
		return
	}
	d.Collections = append(d.Collections, c)
	l.at[c] = place{r.file, n}
	meta := l.meta(r, o)
	c.Skip = r.flag(meta.get("skip_processing"), "skip_processing")
	c.After = l.addresses(r, meta.get("after"), "after")
	c.EraseAfter = l.addresses(r, meta.get("erase_after"), "erase_after")
	if o.get("fields") == nil {
		r.report(n, fmt.Sprintf("the collection %q has no fields", c.Name), "")
	}
	inherited = append(slices.Clone(inherited), r.texts(o.get("data_categories"), "data_categories")...)
	r.named = map[string]bool{}
	for _, item := range r.list(o.get("fields"), "fields") {
		l.field(r, c, nil, item, inherited, 1)
	}
	l.treatment(r, c, o, n)
}

// addresses reads a list of "dataset.collection".
func (l *loader) addresses(r *reader, n *yaml.Node, what string) []Address {
	var all []Address
	for _, item := range r.list(n, what) {
		parts := strings.Split(r.text(item, what), ".")
		if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
			r.report(item, fmt.Sprintf("%s names %q", what, item.Value), "write dataset.collection")
			continue
		}
		all = append(all, Address{parts[0], parts[1]})
	}
	return all
}

// treatment reads our key of a collection and settles what is done to its rows
// and fields.
func (l *loader) treatment(r *reader, c *Collection, o object, n *yaml.Node) {
	own := r.object(o.get("habeas"), "habeas")
	r.strict(own, "habeas of a collection", "erasure", "retention", "retain_from", "subject")
	c.Treatment = dsr.Treatment(r.text(own.get("erasure"), "erasure"))
	c.RetentionRule = r.text(own.get("retention"), "retention")
	c.RetainFrom = r.text(own.get("retain_from"), "retain_from")
	c.Subject = r.flag(own.get("subject"), "subject")
	replaced := slices.ContainsFunc(c.Fields, func(f *Field) bool { return f.Anonymise != nil })
	switch c.Treatment {
	case "":
		c.Treatment = dsr.Anonymise
		if !replaced {
			c.Treatment = dsr.Leave
		}
	case dsr.Anonymise:
		if !replaced {
			r.report(n, fmt.Sprintf("%q is to be anonymised and has no field for that", c.Name), "give fields a category under user, or habeas: {anonymise: {strategy: \"null\"}}")
		}
	case dsr.Delete, dsr.Retain, dsr.Leave:
	default:
		r.report(own.get("erasure"), fmt.Sprintf("erasure is %q", c.Treatment), "write delete, anonymise, retain or leave")
	}
	l.retention(r, c, n)
}

// retention checks that what a retained collection needs is there, and that no
// other has it.
func (l *loader) retention(r *reader, c *Collection, n *yaml.Node) {
	if c.Treatment != dsr.Retain {
		if c.RetentionRule != "" || c.RetainFrom != "" {
			r.report(n, fmt.Sprintf("%q has a retention and is not retained", c.Name), "write erasure: retain, or leave out retention and retain_from")
		}
		return
	}
	if c.RetentionRule == "" {
		r.report(n, fmt.Sprintf("%q is retained under no rule", c.Name), "name a retention rule of the policy: retention: RULE")
	}
	if c.Field(c.RetainFrom) == nil {
		r.report(n, fmt.Sprintf("retain_from of %q is %q, which is none of its fields", c.Name, c.RetainFrom), "name the field with the date from which the period runs")
	}
}
