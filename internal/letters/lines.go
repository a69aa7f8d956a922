package letters

import (
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

// Results tells what was done as a mail does: how many records of which category
// are gone, and which stay on which basis until when. Names of stores and tables
// are nobody's business outside.
func Results(m *datamap.Map, datasets map[string]string, results []dsr.StoreResult) (erased, kept []mailout.Line) {
	for _, r := range results {
		what := mainCategory(m, datamap.Address{Dataset: datasets[r.Store], Collection: r.Collection})
		if rows := r.RowsErased + r.RowsAnonymised; rows > 0 {
			erased = add(erased, mailout.Line{What: what, Rows: rows})
		}
		if r.RowsRetained > 0 && r.Action == dsr.Retain {
			kept = add(kept, mailout.Line{What: what, Rows: r.RowsRetained, Until: r.RetainedUntil, Basis: r.Basis})
		}
	}
	return erased, kept
}

// mainCategory is the category that most fields of a collection have; among
// equals the one declared first.
func mainCategory(m *datamap.Map, a datamap.Address) string {
	best, counts := "user", map[string]int{}
	c, ok := m.Lookup(a)
	if !ok {
		return best
	}
	for _, f := range c.Fields {
		for _, category := range f.Categories {
			if f.Personal() {
				counts[category]++
			}
		}
	}
	for _, f := range c.Fields {
		for _, category := range f.Categories {
			if counts[category] > counts[best] {
				best = category
			}
		}
	}
	return best
}

// add puts a line together with one that says the same.
func add(lines []mailout.Line, l mailout.Line) []mailout.Line {
	for i, other := range lines {
		if other.What == l.What && other.Basis == l.Basis && sameDay(other.Until, l.Until) {
			lines[i].Rows += l.Rows
			return lines
		}
	}
	return append(lines, l)
}

func sameDay(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Format(time.DateOnly) == b.Format(time.DateOnly)
}
