package postgres

import (
	"slices"

	"github.com/soffiah/habeas/internal/datamap"
)

// plan is the order in which the tables of one store are erased.
type plan struct {
	tables []*table
	keys   []foreignKey
	steps  []step
	// whole is set if keys that cannot be cut tie tables into a cycle: then only
	// one transaction, with the checks put off to its end, can delete the rows.
	whole bool
}

// step is one table of a plan.
type step struct {
	table *table
	// late are the foreign keys whose referring rows may still be there when this
	// table's turn comes: those of a table to itself, and one of each cycle.
	late []foreignKey
	// cascading are the foreign keys by which referring rows would go too.
	cascading []foreignKey
	// atOnce is set if a reference within the table cannot be cut, so that all
	// rows must go in one statement.
	atOnce bool
}

// table returns the mapped table of that oid.
func (p *plan) table(oid uint32) *table {
	i := slices.IndexFunc(p.tables, func(t *table) bool { return t.oid == oid })
	if i < 0 {
		return nil
	}
	return p.tables[i]
}

// newPlan orders tables so that referring rows go before those that they refer
// to. What the map says by erase_after is followed where no key contradicts it.
func newPlan(tables []*table, keys []foreignKey) *plan {
	p := &plan{tables: tables, keys: keys}
	rest := slices.Clone(tables)
	for len(rest) > 0 {
		next := p.next(rest)
		p.steps = append(p.steps, p.step(rest[next], rest))
		rest = slices.Delete(rest, next, next+1)
	}
	return p
}

// next picks the table that is erased first of those that are left.
func (p *plan) next(rest []*table) int {
	waits := func(t *table, hard bool) bool {
		return slices.ContainsFunc(p.keys, func(k foreignKey) bool {
			return k.Parent == t.oid && k.Child != t.oid && !k.cuts() && !(hard && k.Nullable) &&
				slices.ContainsFunc(rest, func(o *table) bool { return o.oid == k.Child })
		})
	}
	told := func(t *table) bool {
		return slices.ContainsFunc(t.target.Collection.EraseAfter, func(a datamap.Address) bool {
			return slices.ContainsFunc(rest, func(o *table) bool { return o != t && o.target.Address == a })
		})
	}
	for _, free := range []func(*table) bool{
		func(t *table) bool { return !waits(t, false) && !told(t) },
		func(t *table) bool { return !waits(t, false) },
		func(t *table) bool { return !waits(t, true) }, // a cycle: one whose references can be cut
	} {
		if i := slices.IndexFunc(rest, free); i >= 0 {
			return i
		}
	}
	return 0
}

// step says what to heed when the rows of t go and those of rest are still there.
func (p *plan) step(t *table, rest []*table) step {
	s := step{table: t}
	for _, k := range p.keys {
		if k.Parent != t.oid {
			continue
		}
		if k.cascades() {
			s.cascading = append(s.cascading, k)
		}
		pending := slices.ContainsFunc(rest, func(o *table) bool { return o.oid == k.Child })
		switch {
		case !pending || k.cuts():
		case k.Nullable:
			s.late = append(s.late, k)
		case k.Child == t.oid:
			s.atOnce = true
		default:
			p.whole = true
		}
	}
	return s
}
