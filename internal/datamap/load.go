package datamap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
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
	d := &Dataset{At: Position{r.file, n.Line}, Key: r.text(o.get("fides_key"), "fides_key"), Name: r.text(o.get("name"), "name")}
	if !datasetKey.MatchString(d.Key) {
		r.report(n, fmt.Sprintf("the fides_key %q is not valid", d.Key), "use letters, digits, and _ . - < >")
	}
	if slices.ContainsFunc(l.m.Datasets, func(other *Dataset) bool { return other.Key == d.Key }) {
		r.report(n, fmt.Sprintf("there is a second dataset %q", d.Key), "each dataset needs a key of its own")
		return
	}
	own := r.object(o.get("habeas"), "habeas")
	r.strict(own, "habeas of a dataset", datasetNames...)
	d.Purpose = r.purpose(own)
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
	c := &Collection{Dataset: d, At: Position{r.file, n.Line}, Name: r.text(o.get("name"), "name")}
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
	own := r.object(o.get("habeas"), "habeas")
	c.Purpose = r.purpose(own).over(d.Purpose)
	r.named, r.explicit = map[string]bool{}, nil
	for _, item := range r.list(o.get("fields"), "fields") {
		l.field(r, c, nil, item, inherited, 1)
	}
	l.own(r, c, own, n)
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
