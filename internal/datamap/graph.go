package datamap

import (
	"cmp"
	"slices"
)

// Point is a field of a collection.
type Point struct {
	Address
	Field string
}

// String returns "dataset:collection:field".
func (p Point) String() string { return p.Address.String() + ":" + p.Field }

// Edge leads from one field to another: the values of From select rows of To.
type Edge struct {
	From Point
	To   Point
}

// Step is one collection on a [Route].
type Step struct {
	Collection *Collection
	// Seeds are the fields whose identity is known from the start.
	Seeds []*Field
	// Incoming are the edges that lead here, from collections earlier on the route.
	// Each leads by itself.
	Incoming []Edge
	// Joined are edges that lead here only together, as those of a composite key
	// do: the values of one row of the one collection select rows of the other.
	Joined [][]Edge
	// Leads are the fields whose values later steps need.
	Leads []string
}

// Unreached is a collection that no identity at hand leads to.
type Unreached struct {
	Collection *Collection
	// Identities are the identity keys that would lead to it, sorted. If there
	// are none, no identity does: the map lacks a reference.
	Identities []string
}

// Route is the order in which collections can be read, so that each comes after
// those whose values select its rows.
type Route struct {
	Steps     []Step
	Unreached []Unreached
	// Broken are edges that would close a cycle and are not followed.
	Broken []Edge
	// Blocked are collections that identities lead to and that can never be read:
	// what leads to them must, by an "after", come later than they.
	Blocked []*Collection
}

// Route plans the way from the identity keys that are known to all collections
// that they lead to. A reference without direction is followed away from the
// identities, in one direction only. A reference within one collection is never
// followed: it says in which order rows are deleted, not whose they are. A
// cycle is broken at the collection that was reached first.
func (m *Map) Route(identities []string) Route {
	links := m.links()
	rank := m.reach(links, identities)
	steps, broken, blocked := m.order(links, rank, identities)
	r := Route{Broken: broken, Blocked: blocked}
	for _, c := range steps {
		r.Steps = append(r.Steps, Step{Collection: c, Seeds: seeds(c, identities)})
	}
	r.connect(links, rank, broken)
	if len(rank) < len(m.Collections()) {
		r.Unreached = m.unreached(links, rank)
	}
	return r
}

// link is one edge between collections, or several that hold only together;
// both means that it may be followed against its direction too.
type link struct {
	edges    []Edge
	from, to *Collection
	both     bool
}

// reversed returns the link in the other direction.
func (l link) reversed() link {
	turned := make([]Edge, len(l.edges))
	for i, e := range l.edges {
		turned[i] = Edge{e.To, e.From}
	}
	return link{turned, l.to, l.from, l.both}
}

// links returns the references of the map, but for those within one
// collection, from or to skipped ones, and into datasets that are not there.
func (m *Map) links() []link {
	at := map[Address]*Collection{}
	for _, c := range m.Collections() {
		at[c.Address()] = c
	}
	var all []link
	for _, c := range m.Collections() {
		// The links of c of more than one edge, by what makes edges one link.
		type key struct {
			group     int
			target    Address
			direction Direction
		}
		joined := map[key]int{}
		for _, f := range c.Fields {
			for _, ref := range f.References {
				target := at[ref.Target]
				if target == nil || target == c || c.Skip || target.Skip {
					continue
				}
				l := newLink(c, target, f, ref)
				groups := c.groups(f.Name, ref)
				if len(groups) == 0 {
					all = append(all, l)
				}
				for _, group := range groups {
					k := key{group, ref.Target, ref.Direction}
					if i, ok := joined[k]; ok {
						all[i].edges = append(all[i].edges, l.edges...)
						continue
					}
					joined[k] = len(all)
					all = append(all, l)
				}
			}
		}
	}
	return all
}

// newLink returns the link of one reference of c.
func newLink(c, target *Collection, f *Field, ref Reference) link {
	l := link{[]Edge{{Point{c.Address(), f.Name}, Point{ref.Target, ref.Field}}}, c, target, ref.Direction == Both}
	if ref.Direction == From {
		l = l.reversed()
	}
	return l
}

// groups returns the groups in Together for which a reference of a field holds:
// those of which every field refers to the same collection in the same direction.
func (c *Collection) groups(field string, ref Reference) []int {
	var all []int
	for i, group := range c.Together {
		if slices.Contains(group, field) && slices.Contains(c.common(group), way(ref)) {
			all = append(all, i)
		}
	}
	return all
}

// way says where a reference leads, and in which direction.
func way(r Reference) string { return r.Target.String() + " " + string(r.Direction) }

// common returns the ways that all fields of a group lead.
func (c *Collection) common(group []string) []string {
	var ways []string
	for i, name := range group {
		var of []string
		if f := c.Field(name); f != nil {
			for _, ref := range f.References {
				of = append(of, way(ref))
			}
		}
		if i == 0 {
			ways = of
			continue
		}
		ways = slices.DeleteFunc(ways, func(w string) bool { return !slices.Contains(of, w) })
	}
	return ways
}

// seeds returns the fields of c that hold one of the identities.
func seeds(c *Collection, identities []string) []*Field {
	var found []*Field
	for _, f := range c.Fields {
		if f.Identity != "" && slices.Contains(identities, f.Identity) {
			found = append(found, f)
		}
	}
	return found
}

// reach ranks the collections that the identities lead to, breadth first.
func (m *Map) reach(links []link, identities []string) map[*Collection]int {
	out := map[*Collection][]*Collection{}
	for _, l := range links {
		out[l.from] = append(out[l.from], l.to)
		if l.both {
			out[l.to] = append(out[l.to], l.from)
		}
	}
	rank := map[*Collection]int{}
	var queue []*Collection
	visit := func(c *Collection) {
		if _, seen := rank[c]; !seen {
			rank[c] = len(rank)
			queue = append(queue, c)
		}
	}
	for _, c := range m.Collections() {
		if !c.Skip && len(seeds(c, identities)) > 0 {
			visit(c)
		}
	}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for _, next := range out[c] {
			visit(next)
		}
	}
	return rank
}

// oriented returns the links among ranked collections, those without direction
// turned away from the identities.
func oriented(links []link, rank map[*Collection]int) []link {
	var kept []link
	for _, l := range links {
		from, okFrom := rank[l.from]
		to, okTo := rank[l.to]
		if !okFrom || !okTo {
			continue
		}
		if l.both && from > to {
			l = l.reversed()
		}
		kept = append(kept, l)
	}
	return kept
}

// connect fills in the edges between the steps.
func (r *Route) connect(links []link, rank map[*Collection]int, broken []Edge) {
	at := map[*Collection]*Step{}
	for i := range r.Steps {
		at[r.Steps[i].Collection] = &r.Steps[i]
	}
	for _, l := range oriented(links, rank) {
		if slices.Contains(broken, l.edges[0]) {
			continue
		}
		from, to := at[l.from], at[l.to]
		if from == nil || to == nil {
			continue
		}
		switch {
		case len(l.edges) > 1:
			group := slices.SortedFunc(slices.Values(l.edges), func(a, b Edge) int { return cmp.Compare(a.From.String(), b.From.String()) })
			if !slices.ContainsFunc(to.Joined, func(other []Edge) bool { return slices.Equal(other, group) }) {
				to.Joined = append(to.Joined, group)
			}
		case !slices.Contains(to.Incoming, l.edges[0]):
			to.Incoming = append(to.Incoming, l.edges[0])
		}
		for _, e := range l.edges {
			if !slices.Contains(from.Leads, e.From.Field) {
				from.Leads = append(from.Leads, e.From.Field)
			}
		}
	}
}

// unreached lists the collections without a rank, with the identity keys of the
// map that would lead to them.
func (m *Map) unreached(links []link, rank map[*Collection]int) []Unreached {
	leading := map[*Collection][]string{}
	for _, key := range m.Identities() {
		for c := range m.reach(links, []string{key}) {
			leading[c] = append(leading[c], key)
		}
	}
	var all []Unreached
	for _, c := range m.Collections() {
		if _, ok := rank[c]; !ok && !c.Skip {
			all = append(all, Unreached{c, leading[c]})
		}
	}
	return all
}
