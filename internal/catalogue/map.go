package catalogue

import (
	"errors"
	"fmt"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

// Problems turns an error of [datamap.Load] or [datamap.Map.Complete] into
// findings; nil gives none.
func Problems(code string, err error) []Finding {
	var problems datamap.Errors
	if err == nil {
		return nil
	}
	if !errors.As(err, &problems) {
		return []Finding{{Level: Error, Code: code, Problem: err.Error()}}
	}
	all := make([]Finding, len(problems))
	for i, p := range problems {
		all[i] = Finding{Level: Error, Code: code, File: p.File, Line: p.Line, Problem: p.Problem, Hint: p.Hint}
	}
	return all
}

// Plan checks what can be seen of a whole map without a store: that every
// collection that matters can be reached, in an order that can be kept.
func Plan(m *datamap.Map) []Finding {
	all := Problems(Incomplete, m.Complete())
	route := m.Route(m.Identities())
	for _, u := range route.Unreached {
		if c := u.Collection; c.Treatment != dsr.Leave {
			all = append(all, about(c, nil, Error, Unreached, "no identity leads here, and its rows are to be erased",
				"give a field an identity or a reference, or write erasure: leave or skip_processing"))
		}
	}
	for _, c := range route.Blocked {
		all = append(all, about(c, nil, Error, Blocked, "what leads here comes later by an \"after\"", "remove that after"))
	}
	for _, e := range route.Broken {
		to, _ := m.Lookup(e.To.Address)
		all = append(all, about(to, to.Field(e.To.Field), Note, Cycle,
			fmt.Sprintf("references make a cycle; the one from %s.%s is not followed, since this collection was reached before", e.From.Address, e.From.Field),
			"give the reference a direction if the other way is meant"))
	}
	for _, c := range m.Collections() {
		all = append(all, apart(m, c)...)
		for _, a := range c.EraseAfter {
			if a.Dataset != c.Dataset.Key {
				all = append(all, about(c, nil, Note, Unordered, fmt.Sprintf("erase_after names %s, which is in another store: stores are erased side by side", a), "leave it out: what is found does not depend on rows of other stores"))
			}
		}
	}
	return all
}

// apart notes references to two parts of one composite key that do not hold together.
func apart(m *datamap.Map, c *datamap.Collection) []Finding {
	grouped := map[string]bool{}
	for _, group := range c.Together {
		for _, name := range group {
			grouped[name] = true
		}
	}
	parts := map[datamap.Address][]string{}
	var order []datamap.Address
	for _, f := range c.Fields {
		for _, ref := range f.References {
			target, ok := m.Lookup(ref.Target)
			if !ok || target == c || grouped[f.Name] || len(target.PrimaryKey()) < 2 || !target.Field(ref.Field).PrimaryKey {
				continue
			}
			if parts[ref.Target] == nil {
				order = append(order, ref.Target)
			}
			parts[ref.Target] = append(parts[ref.Target], f.Name)
		}
	}
	var all []Finding
	for _, target := range order {
		if names := parts[target]; len(names) > 1 {
			all = append(all, about(c, c.Field(names[0]), Note, Separated,
				fmt.Sprintf("the fields %s refer to parts of the key of %s and are followed one by one, so that rows of other people may be reached", strings.Join(names, ", "), target),
				fmt.Sprintf("write habeas: {together: [[%s]]} for the collection", strings.Join(names, ", "))))
		}
	}
	return all
}

// about is a finding about a collection, or a field of it.
func about(c *datamap.Collection, f *datamap.Field, level Level, code, problem, hint string) Finding {
	found := Finding{
		Level: level, Code: code, File: c.At.File, Line: c.At.Line,
		Dataset: c.Dataset.Key, Collection: c.Name, Problem: problem, Hint: hint,
	}
	if f != nil {
		found.File, found.Line, found.Field = f.At.File, f.At.Line, f.Name
	}
	return found
}
