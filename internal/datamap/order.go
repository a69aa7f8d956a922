package datamap

import (
	"cmp"
	"maps"
	"slices"
)

// ordering sorts collections so that each comes after those that lead to it and
// after those that its "after" names. Collections go by their rank, the place in
// which the identities reached them.
type ordering struct {
	all []*Collection
	// waits are the links that lead to a collection, after what its "after" names,
	// and awaited the sources of both.
	waits   [][]link
	after   [][]int
	awaited [][]int
	rank    map[*Collection]int
	seeded  []bool
	done    []bool
	broken  []Edge
}

// order sorts the ranked collections; it returns the edges that it had to break,
// and what it could not place.
func (m *Map) order(links []link, rank map[*Collection]int, identities []string) (order []*Collection, broken []Edge, blocked []*Collection) {
	o := m.ordering(links, rank, identities)
	rest := make([]int, len(o.all))
	for i := range rest {
		rest[i] = i
	}
	for len(rest) > 0 {
		at := slices.IndexFunc(rest, o.ready)
		if at < 0 {
			head, ok := o.head(rest)
			if !ok {
				for _, c := range rest {
					blocked = append(blocked, o.all[c])
				}
				return order, o.broken, blocked
			}
			for _, l := range o.waits[head] {
				if !o.done[rank[l.from]] {
					o.broken = append(o.broken, l.edges...)
				}
			}
			at = slices.Index(rest, head)
		}
		o.done[rest[at]] = true
		order = append(order, o.all[rest[at]])
		rest = slices.Delete(rest, at, at+1)
	}
	return order, o.broken, nil
}

// ordering prepares to sort the ranked collections.
func (m *Map) ordering(links []link, rank map[*Collection]int, identities []string) *ordering {
	o := &ordering{
		all:   slices.SortedFunc(maps.Keys(rank), func(a, b *Collection) int { return cmp.Compare(rank[a], rank[b]) }),
		waits: make([][]link, len(rank)), after: make([][]int, len(rank)), awaited: make([][]int, len(rank)),
		rank: rank, seeded: make([]bool, len(rank)), done: make([]bool, len(rank)),
	}
	for _, l := range oriented(links, rank) {
		to := rank[l.to]
		o.waits[to] = append(o.waits[to], l)
		o.awaited[to] = append(o.awaited[to], rank[l.from])
	}
	for i, c := range o.all {
		o.seeded[i] = len(seeds(c, identities)) > 0
		for _, a := range m.afters(c) {
			if other, ok := m.Lookup(a); ok && other != c {
				if at, on := rank[other]; on {
					o.after[i] = append(o.after[i], at)
				}
			}
		}
		o.awaited[i] = append(o.awaited[i], o.after[i]...)
	}
	return o
}

// afters returns all collections that c must come after, by its own word or by
// that of its dataset.
func (m *Map) afters(c *Collection) []Address {
	all := slices.Clone(c.After)
	for _, d := range m.Datasets {
		if slices.Contains(c.Dataset.After, d.Key) {
			for _, other := range d.Collections {
				all = append(all, other.Address())
			}
		}
	}
	return all
}

// open reports whether something has no place yet.
func (o *ordering) open(c int) bool { return !o.done[c] }

// ready reports whether everything that c waits for has its place.
func (o *ordering) ready(c int) bool { return !slices.ContainsFunc(o.awaited[c], o.open) }

// canLead reports whether c can go first where each waits for another: something
// leads to it without the edges that would be broken, and no "after" forbids it.
func (o *ordering) canLead(c int) bool {
	fed := o.seeded[c] || slices.ContainsFunc(o.waits[c], func(l link) bool { return o.done[o.rank[l.from]] })
	return fed && !slices.ContainsFunc(o.after[c], o.open)
}

// head returns the collection that goes first where each waits for another: of
// those on one cycle the first to have been reached. The cycle waits for nothing
// outside of itself, so that no edge is broken that closes none. ok is false if
// none can go.
func (o *ordering) head(rest []int) (head int, ok bool) {
	// Tarjan's algorithm (1972) completes a strongly connected component only after
	// those that it waits for: one is wanted that waits for none.
	index, low := make([]int, len(o.all)), make([]int, len(o.all))
	component := make([]int, len(o.all))
	var stack []int
	next := 0
	var visit func(c int)
	visit = func(c int) {
		next++
		index[c], low[c] = next, next
		stack = append(stack, c)
		for _, other := range o.awaited[c] {
			if o.done[other] || ok {
				continue
			}
			if index[other] == 0 {
				visit(other)
			}
			if component[other] == 0 {
				low[c] = min(low[c], low[other])
			}
		}
		if ok || low[c] != index[c] {
			return
		}
		at := slices.Index(stack, c)
		members := stack[at:]
		stack = stack[:at]
		for _, member := range members {
			component[member] = index[c]
		}
		outside := func(other int) bool { return o.open(other) && component[other] != index[c] }
		for _, member := range members {
			if slices.ContainsFunc(o.awaited[member], outside) {
				return
			}
		}
		for _, member := range members {
			if o.canLead(member) && (!ok || member < head) {
				head, ok = member, true
			}
		}
	}
	for _, c := range rest {
		if index[c] == 0 && !ok {
			visit(c)
		}
	}
	return head, ok
}
