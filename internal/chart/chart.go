// Package chart draws a data map: data stores as groups, collections in them, and
// the way from what is known of a person to each of them. It draws Mermaid text
// for documents and SVG for people, without a program from elsewhere. What becomes
// of rows is told by colour and by letter, never by colour alone.
package chart

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

// look is how a treatment is shown.
type look struct {
	letter string
	words  string
	// fill and ink have a contrast of at least 4.5 (WCAG 2.2, 1.4.3).
	fill, ink string
}

// looks are the treatments in the order of the legend.
func looks() []struct {
	treatment dsr.Treatment
	look
} {
	return []struct {
		treatment dsr.Treatment
		look
	}{
		{dsr.Delete, look{"D", "delete", "#b42318", "#ffffff"}},
		{dsr.Anonymise, look{"A", "anonymise", "#fdb022", "#1d2939"}},
		{dsr.Archive, look{"M", "move to an archive", "#6941c6", "#ffffff"}},
		{dsr.Retain, look{"R", "retain", "#175cd3", "#ffffff"}},
		{dsr.Leave, look{"L", "leave", "#d0d5dd", "#1d2939"}},
	}
}

// skipped is the look of a collection that is taken out of every traversal.
var skipped = look{"S", "skip", "#ffffff", "#475467"}

func lookOf(c *datamap.Collection) look {
	for _, l := range looks() {
		if l.treatment == c.Treatment && !c.Skip {
			return l.look
		}
	}
	return skipped
}

// arrow is a way from one collection to another: several edges that hold together,
// or one.
type arrow struct {
	from, to *datamap.Collection
	edges    []datamap.Edge
	// broken: it would close a cycle and is not followed.
	broken bool
}

// label says which fields lead to which.
func (a arrow) label() string {
	parts := make([]string, len(a.edges))
	for i, e := range a.edges {
		parts[i] = e.From.Field + " → " + e.To.Field
	}
	return strings.Join(parts, " and ")
}

// drawing is a map with the ways through it from all its identities.
type drawing struct {
	m         *datamap.Map
	arrows    []arrow
	order     map[*datamap.Collection]int
	unreached map[*datamap.Collection]bool
}

func newDrawing(m *datamap.Map) *drawing {
	d := &drawing{m: m, order: map[*datamap.Collection]int{}, unreached: map[*datamap.Collection]bool{}}
	route := m.Route(m.Identities())
	at := func(p datamap.Point) *datamap.Collection {
		c, _ := m.Lookup(p.Address)
		return c
	}
	for i, s := range route.Steps {
		d.order[s.Collection] = i
		for _, e := range s.Incoming {
			d.arrows = append(d.arrows, arrow{at(e.From), at(e.To), []datamap.Edge{e}, false})
		}
		for _, group := range s.Joined {
			d.arrows = append(d.arrows, arrow{at(group[0].From), at(group[0].To), group, false})
		}
	}
	for _, e := range route.Broken {
		d.arrows = append(d.arrows, arrow{at(e.From), at(e.To), []datamap.Edge{e}, true})
	}
	for i, c := range m.Collections() {
		if _, ok := d.order[c]; !ok {
			d.order[c] = len(route.Steps) + i
			d.unreached[c] = !c.Skip
		}
	}
	return d
}

// identities returns the identity keys of a collection's fields, each once.
func identities(c *datamap.Collection) []string {
	var keys []string
	for _, f := range c.Fields {
		if f.Identity != "" && !slices.Contains(keys, f.Identity) {
			keys = append(keys, f.Identity)
		}
	}
	return keys
}

// selfReferences returns the fields that refer to their own collection.
func selfReferences(c *datamap.Collection) []string {
	var names []string
	for _, f := range c.Fields {
		if slices.ContainsFunc(f.References, func(r datamap.Reference) bool { return r.Target == c.Address() }) {
			names = append(names, f.Name)
		}
	}
	return names
}

// remarks says what else there is to know of a collection.
func (d *drawing) remarks(c *datamap.Collection) []string {
	var all []string
	if c.Subject {
		all = append(all, "accounts of data subjects")
	}
	if c.ArchiveTo != "" {
		all = append(all, "moved to: "+c.ArchiveTo)
	}
	if rule, _, _, ok := c.Kept(); ok {
		all = append(all, "kept under: "+rule)
	}
	if c.Rows == datamap.Shared {
		all = append(all, map[bool]string{true: "shared, left for others", false: "shared, destroyed all the same"}[c.Spared()])
	}
	for _, name := range selfReferences(c) {
		all = append(all, "↻ "+name)
	}
	if d.unreached[c] {
		all = append(all, "no identity leads here")
	}
	return all
}

// fields counts the fields of a collection and those that are personal.
func fields(c *datamap.Collection) string {
	personal := 0
	for _, f := range c.Fields {
		if f.Personal() {
			personal++
		}
	}
	if len(c.Fields) == 1 {
		return fmt.Sprintf("1 field, %d personal", personal)
	}
	return fmt.Sprintf("%d fields, %d personal", len(c.Fields), personal)
}
