package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// This file finds out which rows are other people's too: the address that two
// customers share must not go with one of them. The rules are:
//
//   - Only rows to which a reference leads by their primary key can be shared so:
//     many rows may refer to one. What refers to the person is the person's.
//   - Such a row is shared if any row that is not the person's refers to it, from
//     wherever in the map. What is not known to be the person's counts as not theirs.
//   - A map that says whose rows a collection has (rows: owned, destroy_shared)
//     is believed.

// share takes out of a target the rows that are other people's too, and counts them.
func (t *tracer) share(ctx context.Context, m *datamap.Map, step datamap.Step, target *store.Target) error {
	c := step.Collection
	key := c.PrimaryKey()
	if target.Treatment == dsr.Leave || !c.Spared() || len(key) != 1 || t.isAccount(c) {
		return nil
	}
	at := slices.IndexFunc(target.Matches, func(match store.Match) bool { return match.Field == key[0] })
	led := slices.ContainsFunc(step.Incoming, func(e datamap.Edge) bool { return e.To.Field == key[0] && manyToOne(m, e) })
	if at < 0 || !led {
		return nil
	}
	values := target.Matches[at].Texts()
	taken := map[string]bool{}
	for _, from := range t.referring(m, step, key[0]) {
		if err := t.others(ctx, m, from, values, taken); err != nil {
			return fmt.Errorf("looking for others to whom rows of %s belong: %w", c.Address(), err)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	own := slices.DeleteFunc(slices.Clone(target.Matches[at].Values), func(v any) bool { return taken[v.(string)] })
	target.Shared = int64(len(taken))
	if target.Matches[at].Values = own; len(own) == 0 {
		target.Matches = slices.Delete(target.Matches, at, at+1)
	}
	return nil
}

// manyToOne reports whether several rows may lead to one by an edge.
func manyToOne(m *datamap.Map, e datamap.Edge) bool {
	from, ok := m.Lookup(e.From.Address)
	return ok && !slices.Equal(from.PrimaryKey(), []string{e.From.Field})
}

// holders returns, for each field of a reference, the fields at its other end
// whose rows are not led to by it alone.
func holders(m *datamap.Map) map[datamap.Point][]datamap.Point {
	all := map[datamap.Point][]datamap.Point{}
	for _, c := range m.Collections() {
		for _, f := range c.Fields {
			here := datamap.Point{Address: c.Address(), Field: f.Name}
			for _, ref := range f.References {
				there := datamap.Point{Address: ref.Target, Field: ref.Field}
				if ref.Direction != datamap.From {
					all[there] = append(all[there], here)
				}
				if ref.Direction != datamap.To {
					all[here] = append(all[here], there)
				}
			}
		}
	}
	return all
}

// referring returns the fields that hold the key of a step's collection, but for
// those that the key leads to: their rows are whosever the step's are.
func (t *tracer) referring(m *datamap.Map, step datamap.Step, key string) []datamap.Point {
	here := datamap.Point{Address: step.Collection.Address(), Field: key}
	var all []datamap.Point
	for _, p := range t.holders[here] {
		c, ok := m.Lookup(p.Address)
		if ok && !c.Skip && c != step.Collection && !t.followed[datamap.Edge{From: here, To: p}] && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// others notes which values of a key other people's rows hold in a field.
func (t *tracer) others(ctx context.Context, m *datamap.Map, from datamap.Point, values []string, taken map[string]bool) error {
	c, _ := m.Lookup(from.Address)
	s := t.stores[c.Dataset.Key]
	if s == nil {
		return fmt.Errorf("%w: add a store for the dataset %s", ErrNoStore, c.Dataset.Key)
	}
	var held, wanted set
	held.addAll(c.Field(from.Field), values)
	wanted.addAll(nil, values)
	mine, fields := theirs(t.targets[from.Address])
	if !slices.Contains(fields, from.Field) {
		fields = append(fields, from.Field)
	}
	query := store.Target{Collection: c, Address: from.Address, Treatment: c.Treatment, Matches: []store.Match{{Field: from.Field, Values: held.any()}}}
	for _, part := range batches(query) {
		err := s.Find(ctx, part, fields, func(row store.Row) error {
			if mine(row) {
				return nil
			}
			for _, v := range texts(row[from.Field]) {
				if wanted.seen[v] {
					taken[v] = true
				}
			}
			if len(taken) == len(values) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// theirs returns how to tell the person's rows of a target, and by which fields.
func theirs(target store.Target) (mine func(store.Row) bool, fields []string) {
	if target.Left != "" {
		target.Matches = nil // nobody knows whose the rows are
	}
	var tests []func(store.Row) bool
	for _, match := range target.Matches {
		tests = append(tests, test(match))
		for _, part := range append([]store.Match{match}, match.All...) {
			if part.Field != "" && !slices.Contains(fields, part.Field) {
				fields = append(fields, part.Field)
			}
		}
	}
	return func(row store.Row) bool {
		return slices.ContainsFunc(tests, func(is func(store.Row) bool) bool { return is(row) })
	}, fields
}

// test returns what tells whether a row has what a match asks for.
func test(match store.Match) func(store.Row) bool {
	if len(match.All) > 0 {
		var all []func(store.Row) bool
		for _, part := range match.All {
			all = append(all, test(part))
		}
		return func(row store.Row) bool {
			return !slices.ContainsFunc(all, func(is func(store.Row) bool) bool { return !is(row) })
		}
	}
	form := func(v string) string { return v }
	if match.Fold {
		form = strings.ToLower
	}
	wanted := map[string]bool{}
	for _, v := range match.Texts() {
		wanted[form(v)] = true
	}
	return func(row store.Row) bool {
		return slices.ContainsFunc(texts(row[match.Field]), func(v string) bool { return wanted[form(v)] })
	}
}
