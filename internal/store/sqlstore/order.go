package sqlstore

import (
	"slices"

	"github.com/soffiah/habeas/internal/datamap"
)

// plan is the order in which the tables of one store are erased.
type plan struct {
	tables []*Table
	keys   []ForeignKey
	steps  []step
	// whole is set if keys that cannot be cut tie tables into a cycle: then only
	// one transaction, with the checks put off to its end, can delete the rows.
	whole bool
}

// step is one table of a plan.
type step struct {
	table *Table
	// late are the foreign keys whose referring rows may still be there when this
	// table's turn comes: those of a table to itself, and one of each cycle.
	late []ForeignKey
	// cascading are the foreign keys by which referring rows would go too.
	cascading []ForeignKey
	// atOnce is set if a reference within the table cannot be cut, so that all
	// rows must go in one statement.
	atOnce bool
	// stuck are the foreign keys that cannot be cut and whose referring rows are
	// still there.
	stuck []ForeignKey
}

// table returns the mapped table of that ID, or nil.
func (p *plan) table(id uint64) *Table {
	i := slices.IndexFunc(p.tables, func(t *Table) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return p.tables[i]
}

// newPlan orders tables so that referring rows go before those that they refer
// to. What the map says by erase_after is followed where no key contradicts it.
func newPlan(tables []*Table, keys []ForeignKey) *plan {
	p := &plan{tables: tables}
	for _, k := range keys {
		if child := p.table(k.Child); child != nil {
			k = k.cutBy(child)
		}
		p.keys = append(p.keys, k)
	}
	rest := slices.Clone(tables)
	for len(rest) > 0 {
		next := p.next(rest)
		p.steps = append(p.steps, p.step(rest[next], rest))
		rest = slices.Delete(rest, next, next+1)
	}
	return p
}

// next picks the table that is erased first of those that are left.
func (p *plan) next(rest []*Table) int {
	waits := func(t *Table, hard bool) bool {
		return slices.ContainsFunc(p.keys, func(k ForeignKey) bool {
			return k.Parent == t.ID && k.Child != t.ID && (!k.Cuts || k.first) && !(hard && k.cuttable()) &&
				slices.ContainsFunc(rest, func(o *Table) bool { return o.ID == k.Child })
		})
	}
	told := func(t *Table) bool {
		return slices.ContainsFunc(t.Target.Collection.EraseAfter, func(a datamap.Address) bool {
			return slices.ContainsFunc(rest, func(o *Table) bool { return o != t && o.Target.Address == a })
		})
	}
	for _, free := range []func(*Table) bool{
		func(t *Table) bool { return !waits(t, false) && !told(t) },
		func(t *Table) bool { return !waits(t, false) },
		func(t *Table) bool { return !waits(t, true) }, // a cycle: one whose references can be cut
	} {
		if i := slices.IndexFunc(rest, free); i >= 0 {
			return i
		}
	}
	return 0
}

// step says what to heed when the rows of t go and those of rest are still there.
func (p *plan) step(t *Table, rest []*Table) step {
	s := step{table: t}
	for _, k := range p.keys {
		if k.Parent != t.ID {
			continue
		}
		if k.Cascades {
			s.cascading = append(s.cascading, k)
		}
		pending := slices.ContainsFunc(rest, func(o *Table) bool { return o.ID == k.Child })
		switch {
		case !pending || k.Cuts && !k.first:
		case k.cuttable():
			s.late = append(s.late, k)
		case k.Child == t.ID:
			s.atOnce, s.stuck = true, append(s.stuck, k)
		default:
			p.whole, s.stuck = true, append(s.stuck, k)
		}
	}
	return s
}
