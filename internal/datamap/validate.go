package datamap

import (
	"fmt"
	"slices"
	"strings"
)

// validate checks what can only be seen once all files are read.
func (l *loader) validate() {
	for _, c := range l.m.Collections() {
		for _, f := range c.Fields {
			if f.Secret && (f.Identity != "" || f.PrimaryKey) {
				l.report(f, fmt.Sprintf("the field %q is secret and tells rows apart: it would have to be read", f.Name), "write secret: false, or tell them apart by another field")
			}
			for i, ref := range f.References {
				l.references(reference{f, i}, ref.Target, ref.Field)
				l.secrets(reference{f, i}, ref)
			}
		}
		for _, a := range slices.Concat(c.After, c.EraseAfter) {
			l.references(c, a, "")
		}
		l.archives(c)
	}
	for _, d := range l.m.Datasets {
		for _, key := range d.After {
			if key == d.Key {
				l.report(d, fmt.Sprintf("the dataset %q is to come after itself", key), "")
			} else if !l.knows(key) {
				l.miss(d, fmt.Sprintf("the dataset %q comes after %q, which is not in the map", d.Key, key))
			}
		}
	}
	l.acyclic("after", l.m.afters)
	l.acyclic("erase_after", func(c *Collection) []Address { return c.EraseAfter })
}

// report notes a problem at the place of a thing that was read.
func (l *loader) report(thing any, problem, hint string) {
	r := reader{file: l.at[thing].file}
	r.report(l.at[thing].node, problem, hint)
	l.problems = append(l.problems, r.problems...)
}

// miss notes a reference into a dataset that is not there.
func (l *loader) miss(thing any, problem string) {
	line := 1
	if n := l.at[thing].node; n != nil {
		line = n.Line
	}
	l.m.missing = append(l.m.missing, Problem{l.at[thing].file, line, problem, "add the file of that dataset, or remove the reference"})
}

// knows reports whether the map holds a dataset.
func (l *loader) knows(key string) bool {
	return slices.ContainsFunc(l.m.Datasets, func(d *Dataset) bool { return d.Key == key })
}

// references checks that a collection, and a field if one is named, exists.
func (l *loader) references(thing any, a Address, field string) {
	if !l.knows(a.Dataset) {
		l.miss(thing, fmt.Sprintf("refers to the dataset %q, which is not in the map", a.Dataset))
		return
	}
	c, ok := l.m.Lookup(a)
	switch {
	case !ok:
		l.report(thing, fmt.Sprintf("refers to %s, which does not exist", a), "name a collection of that dataset")
	case field != "" && c.Field(field) == nil:
		l.report(thing, fmt.Sprintf("refers to the field %q of %s, which does not exist", field, a), "name one of its fields")
	case field != "" && c.Skip:
		l.report(thing, fmt.Sprintf("refers to %s, which is skipped", a), "remove the reference, or skip_processing there")
	}
}

// secrets checks that no reference leads from or to a secret field, which would
// have to be read to be followed.
func (l *loader) secrets(thing reference, ref Reference) {
	to, ok := l.m.Lookup(ref.Target)
	if thing.field.Secret || ok && to.Field(ref.Field) != nil && to.Field(ref.Field).Secret {
		l.report(thing, fmt.Sprintf("the reference of %q leads from or to a secret field, which would have to be read", thing.field.Name), "write secret: false, or refer by another field")
	}
}

// acyclic reports each cycle of an order once.
func (l *loader) acyclic(what string, before func(*Collection) []Address) {
	done := map[*Collection]bool{}
	var path []*Collection
	var visit func(c *Collection)
	visit = func(c *Collection) {
		if i := slices.Index(path, c); i >= 0 {
			names := make([]string, 0, len(path)-i+1)
			for _, p := range append(slices.Clone(path[i:]), c) {
				names = append(names, p.Address().String())
			}
			l.report(c, fmt.Sprintf("%s makes a cycle: %s", what, strings.Join(names, " after ")), "remove one of them")
			return
		}
		if done[c] {
			return
		}
		path = append(path, c)
		for _, a := range before(c) {
			if next, ok := l.m.Lookup(a); ok {
				visit(next)
			}
		}
		path = path[:len(path)-1]
		done[c] = true
	}
	for _, c := range l.m.Collections() {
		visit(c)
	}
}
