package trace

import (
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

// tuples are values that were read together from single rows, each once, in the
// order in which they were found.
type tuples struct {
	order [][]string
	seen  map[string]bool
}

// add adds one tuple.
func (t *tuples) add(values []string) {
	key := strings.Join(values, "\x00")
	if t.seen[key] {
		return
	}
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	t.seen[key] = true
	t.order = append(t.order, values)
}

// groupKey names edges that hold only together.
func groupKey(group []datamap.Edge) string {
	var b strings.Builder
	for _, e := range group {
		b.WriteString(e.From.String() + ">" + e.To.String() + "\n")
	}
	return b.String()
}

// join notes what a row says for the groups of edges that leave its collection.
// A row that lacks one of the values leads nowhere, as with a foreign key, and
// neither does one that holds several in one field.
func (t *tracer) join(from datamap.Address, row store.Row) {
	for _, group := range t.joined[from] {
		values := make([]string, len(group))
		for i, e := range group {
			if all := texts(row[e.From.Field]); len(all) == 1 {
				values[i] = all[0]
			}
		}
		if slices.Contains(values, "") {
			continue
		}
		key := groupKey(group)
		if t.tuples[key] == nil {
			t.tuples[key] = &tuples{}
		}
		t.tuples[key].add(values)
	}
}

// together returns the matches of one group of edges: for the values of all
// fields but one, each combination with the values that the last may have.
func (t *tracer) together(c *datamap.Collection, group []datamap.Edge) []store.Match {
	found := t.tuples[groupKey(group)]
	if found == nil {
		return nil
	}
	cast := make([][]string, 0, len(found.order))
	for _, tuple := range found.order {
		values := make([]string, len(tuple))
		ok := true
		for i, v := range tuple {
			if values[i], ok = castTo(c.Field(group[i].To.Field).DataType, v); !ok {
				break
			}
		}
		if ok {
			cast = append(cast, values)
		}
	}
	last := mostVaried(cast, len(group))
	var order []string
	by := map[string]*store.Match{}
	for _, tuple := range cast {
		key := strings.Join(slices.Delete(slices.Clone(tuple), last, last+1), "\x00")
		if by[key] == nil {
			by[key] = &store.Match{}
			for i, e := range group {
				if i != last {
					by[key].All = append(by[key].All, store.Match{Field: e.To.Field, Values: []any{tuple[i]}})
				}
			}
			by[key].All = append(by[key].All, store.Match{Field: group[last].To.Field})
			order = append(order, key)
		}
		varied := &by[key].All[len(group)-1]
		varied.Values = append(varied.Values, tuple[last])
	}
	matches := make([]store.Match, len(order))
	for i, key := range order {
		matches[i] = *by[key]
	}
	return matches
}

// mostVaried returns which place of the tuples has the most values, so that the
// others make the fewest combinations.
func mostVaried(all [][]string, places int) int {
	best, most := 0, 0
	for i := range places {
		values := map[string]bool{}
		for _, tuple := range all {
			values[tuple[i]] = true
		}
		if len(values) > most {
			best, most = i, len(values)
		}
	}
	return best
}
