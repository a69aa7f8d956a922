package trace

import (
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

// This file writes down how the search came to a collection, for the people who
// read a plan. The rules are:
//
//   - A way is links from the collection back to where the search began, such as
//     "posts.author ← people.id; people.email ← identity email".
//   - Only what has given values is a way. Where several led to a collection, ways
//     that go on from there name the shortest of them.
//   - A dataset is named where a link leads from another one. Values never are.

// way is one way to a collection.
type way struct {
	text  string
	links int
}

// led notes a way to the target: a link, behind which stands the shortest way to
// where it comes from. The search began with a link that comes from nowhere.
func (t *tracer) led(target *store.Target, link string, from *datamap.Address) {
	w := way{link, 1}
	if from != nil {
		before := t.shortest[*from]
		w = way{link + "; " + before.text, before.links + 1}
	}
	target.Reached.Ways = append(target.Reached.Ways, w.text)
	if known, ok := t.shortest[target.Address]; !ok || w.links < known.links {
		t.shortest[target.Address] = w
	}
}

// cut writes the ways to a step that are not followed, or not by all rows.
func (t *tracer) cut(step datamap.Step) []string {
	c := step.Collection
	var all []string
	for _, e := range t.broken[c.Address()] {
		all = append(all, edges(c, e)+": it would close a cycle")
	}
	ways := slices.Clone(step.Joined)
	for _, e := range step.Incoming {
		ways = append(ways, []datamap.Edge{e})
	}
	for _, way := range ways {
		switch from := t.targets[way[0].From.Address]; {
		case from.Left != "":
			all = append(all, edges(c, way...)+": the rows there are others' too")
		case from.Shared > 0:
			all = append(all, edges(c, way...)+": some rows there are others' too")
		}
	}
	return all
}

// link writes that fields of c were looked for by what stands behind the arrow.
func link(c *datamap.Collection, fields []string, from string) string {
	return c.Name + "." + strings.Join(fields, "+") + " ← " + from
}

// seeded writes the link of a field that bears an identity.
func seeded(c *datamap.Collection, f *datamap.Field) string {
	return link(c, []string{f.Name}, "identity "+f.Identity)
}

// edges writes the link of an edge to c, or of several that lead only together.
func edges(c *datamap.Collection, all ...datamap.Edge) string {
	to, from := make([]string, len(all)), make([]string, len(all))
	for i, e := range all {
		to[i], from[i] = e.To.Field, e.From.Field
	}
	origin := all[0].From.Collection + "." + strings.Join(from, "+")
	if dataset := all[0].From.Dataset; dataset != c.Dataset.Key {
		origin = dataset + ":" + origin
	}
	return link(c, to, origin)
}

// fieldsOf returns the fields of a match.
func fieldsOf(m store.Match) []string {
	if len(m.All) == 0 {
		return []string{m.Field}
	}
	all := make([]string, len(m.All))
	for i, part := range m.All {
		all[i] = part.Field
	}
	return all
}
