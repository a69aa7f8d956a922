package datamap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
)

// randomMap writes a map of two datasets at random: references in every
// direction, to itself too, identities, composite references, after and skipping.
func randomMap(r *rand.Rand) string {
	n := 2 + r.IntN(9)
	name := func(i int) string { return fmt.Sprintf("%c.c%d", 'd'+rune(i%2), i) }
	skipped := make([]bool, n)
	for i := range skipped {
		skipped[i] = r.IntN(12) == 0
	}
	var texts [2]strings.Builder
	for i := range n {
		b := &texts[i%2]
		fmt.Fprintf(b, "      - name: c%d\n", i)
		meta := []string{}
		if skipped[i] {
			meta = append(meta, "skip_processing: true")
		}
		if i > 0 && r.IntN(6) == 0 {
			meta = append(meta, "after: ["+name(r.IntN(i))+"]")
		}
		if len(meta) > 0 {
			fmt.Fprintf(b, "        fides_meta: {%s}\n", strings.Join(meta, ", "))
		}
		together, target, direction := r.IntN(4) == 0, r.IntN(n), []string{"", ", direction: to", ", direction: from"}[r.IntN(3)]
		if together && skipped[target] {
			together = false
		}
		if together {
			b.WriteString("        habeas: {together: [[x, y]]}\n")
		}
		b.WriteString("        fields:\n")
		for f, field := range []string{"x", "y", "z", "w"} {
			meta := []string{}
			if r.IntN(6) == 0 {
				meta = append(meta, "identity: "+[]string{"email", "phone"}[r.IntN(2)])
			}
			to, way := r.IntN(n), []string{"", ", direction: to", ", direction: from"}[r.IntN(3)]
			refers := r.IntN(3) == 0 && !skipped[to]
			if together && f < 2 {
				to, way, refers = target, direction, true
			}
			if refers {
				dataset, collection, _ := strings.Cut(name(to), ".")
				meta = append(meta, fmt.Sprintf("references: [{dataset: %s, field: %s.%s%s}]", dataset, collection, []string{"x", "y", "z", "w"}[(f+to)%4], way))
			}
			fmt.Fprintf(b, "          - {name: %s, fides_meta: {%s}}\n", field, strings.Join(meta, ", "))
		}
	}
	return "dataset:\n  - fides_key: d\n    collections:\n" + texts[0].String() + "  - fides_key: e\n    collections:\n" + texts[1].String()
}

// allowed are the ways in which the references of a map may be followed.
func allowed(m *datamap.Map) map[datamap.Edge]bool {
	ways := map[datamap.Edge]bool{}
	for _, c := range m.Collections() {
		for _, f := range c.Fields {
			for _, ref := range f.References {
				target, _ := m.Lookup(ref.Target)
				if c == target || c.Skip || target.Skip {
					continue
				}
				here, there := datamap.Point{Address: c.Address(), Field: f.Name}, datamap.Point{Address: ref.Target, Field: ref.Field}
				if ref.Direction != datamap.From {
					ways[datamap.Edge{From: here, To: there}] = true
				}
				if ref.Direction != datamap.To {
					ways[datamap.Edge{From: there, To: here}] = true
				}
			}
		}
	}
	return ways
}

// closure are the collections that identities lead to, found the slow way.
func closure(m *datamap.Map, identities []string) map[datamap.Address]bool {
	reached := map[datamap.Address]bool{}
	for _, c := range m.Collections() {
		for _, f := range c.Fields {
			if !c.Skip && slices.Contains(identities, f.Identity) {
				reached[c.Address()] = true
			}
		}
	}
	for again := true; again; {
		again = false
		for e := range allowed(m) {
			if reached[e.From.Address] && !reached[e.To.Address] {
				reached[e.To.Address], again = true, true
			}
		}
	}
	return reached
}

// TestRandomRoutes: a route reaches exactly what references allow, each collection
// after all that leads to it, by every reference or by a word why not.
func TestRandomRoutes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 4))
		text := randomMap(r)
		m, err := load(t, text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		identities := [][]string{{"email"}, {"phone"}, {"email", "phone"}, nil}[r.IntN(4)]
		route := m.Route(identities)
		if diff := cmp.Diff(describe(route), describe(m.Route(identities))); diff != "" {
			t.Fatalf("seed %d: another route the second time: %s", seed, diff)
		}
		again, _ := load(t, text)
		if diff := cmp.Diff(describe(route), describe(again.Route(identities))); diff != "" {
			t.Fatalf("seed %d: another route of the same text: %s", seed, diff)
		}
		if problem := judge(m, route, identities); problem != "" {
			t.Fatalf("seed %d, %v: %s\n%s\n%s", seed, identities, problem, strings.Join(describe(route), "\n"), text)
		}
	}
}

// judge says what is wrong with a route, or "".
func judge(m *datamap.Map, route datamap.Route, identities []string) string {
	place, reached, ways := map[datamap.Address]int{}, closure(m, identities), allowed(m)
	for i, s := range route.Steps {
		if _, twice := place[s.Collection.Address()]; twice || !reached[s.Collection.Address()] {
			return fmt.Sprintf("%s is on the route twice or is not reached", s.Collection.Address())
		}
		place[s.Collection.Address()] = i
	}
	if len(route.Steps)+len(route.Blocked) != len(reached) {
		return fmt.Sprintf("%d collections are reached", len(reached))
	}
	used := map[datamap.Edge]bool{}
	for i, s := range route.Steps {
		edges := slices.Concat(append(slices.Clone(s.Joined), s.Incoming)...)
		if len(edges) == 0 && len(s.Seeds) == 0 {
			return fmt.Sprintf("nothing leads to %s", s.Collection.Address())
		}
		for _, e := range edges {
			from, ok := place[e.From.Address]
			if !ways[e] || !ok || from >= i || e.To.Address != s.Collection.Address() {
				return fmt.Sprintf("%v is not allowed, or leads back", e)
			}
			if !slices.Contains(route.Steps[from].Leads, e.From.Field) {
				return fmt.Sprintf("%v is not read", e)
			}
			used[e] = true
		}
		for _, a := range s.Collection.After {
			if at, ok := place[a]; ok && at > i && reached[a] {
				return fmt.Sprintf("%s comes before %s", s.Collection.Address(), a)
			}
		}
	}
	for e := range ways {
		_, from := place[e.From.Address]
		_, to := place[e.To.Address]
		turned := datamap.Edge{From: e.To, To: e.From}
		if from && to && !used[e] && !used[turned] && !slices.Contains(route.Broken, e) && !slices.Contains(route.Broken, turned) {
			return fmt.Sprintf("%v is neither followed nor broken", e)
		}
	}
	for _, u := range route.Unreached {
		var leading []string
		for _, key := range m.Identities() {
			if closure(m, []string{key})[u.Collection.Address()] {
				leading = append(leading, key)
			}
		}
		if reached[u.Collection.Address()] || !slices.Equal(leading, u.Identities) {
			return fmt.Sprintf("%s: %v lead to it, not %v", u.Collection.Address(), leading, u.Identities)
		}
	}
	return waits(m, route)
}

// waits says which edge was broken without need: one that closes no cycle.
func waits(m *datamap.Map, route datamap.Route) string {
	next := map[datamap.Address][]datamap.Address{}
	add := func(from, to datamap.Address) { next[from] = append(next[from], to) }
	for _, e := range route.Broken {
		add(e.From.Address, e.To.Address)
	}
	for _, s := range route.Steps {
		for _, e := range slices.Concat(append(slices.Clone(s.Joined), s.Incoming)...) {
			add(e.From.Address, e.To.Address)
		}
		for _, a := range s.Collection.After {
			add(a, s.Collection.Address())
		}
	}
	for _, e := range route.Broken {
		seen, queue := map[datamap.Address]bool{}, []datamap.Address{e.To.Address}
		for len(queue) > 0 && !seen[e.From.Address] {
			for _, to := range next[queue[0]] {
				if !seen[to] {
					seen[to] = true
					queue = append(queue, to)
				}
			}
			queue = queue[1:]
		}
		if !seen[e.From.Address] && len(route.Blocked) == 0 {
			return fmt.Sprintf("%v is broken and closes no cycle", e)
		}
	}
	return ""
}
