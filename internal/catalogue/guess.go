package catalogue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/detect"
)

// guess guesses what columns of a table hold, by name and, where the role may
// read, by a sample of their values.
func guess(ctx context.Context, r Reader, t Table, columns []Column, now time.Time) (map[string]detect.Guess, error) {
	var names []string
	for _, c := range columns {
		if telling(c) {
			names = append(names, c.Name)
		}
	}
	values := map[string][]string{}
	if t.Readable && len(names) > 0 {
		var err error
		if values, err = r.Sample(ctx, t, names, sampled); err != nil {
			return nil, fmt.Errorf("sampling %s: %w", t.Name, err)
		}
	}
	guesses := map[string]detect.Guess{}
	for _, c := range columns {
		if g, ok := detect.Column(t.Name, c.Name, values[c.Name], now); ok && (!g.ByName || holds(c, g.Kind)) {
			guesses[c.Name] = g
		}
	}
	return guesses, nil
}

// telling reports whether the values of a column can tell what they are.
func telling(c Column) bool {
	return !slices.Contains([]Kind{Boolean, Time, Float, UUID, Binary}, c.Kind)
}

// holds reports whether a column can hold what its name says: is_mobile is no
// telephone number.
func holds(c Column, k detect.Kind) bool {
	switch c.Kind {
	case Boolean:
		return false
	case Date, Time:
		return k == detect.BirthDate
	case Integer, Decimal, Float:
		return slices.Contains([]detect.Kind{detect.Phone, detect.Card, detect.GovernmentID, detect.Location, detect.PostalCode}, k)
	case UUID:
		return k == detect.Device
	case Binary:
		return k == detect.Password
	}
	return true
}

// dataType returns the type of the map's format for a column.
func dataType(c Column) string {
	name := "string"
	switch c.Kind {
	case Integer:
		name = "integer"
	case Decimal, Float:
		name = "float"
	case Boolean:
		name = "boolean"
	case JSON:
		name = "object"
	}
	if c.Array {
		name += "[]"
	}
	return name
}

// fits reports whether values of a type of the format can be those of a column.
// Numbers fit a text column only if they are texts in the map: as numbers they
// would lose leading zeros, and rows would go unfound.
func fits(declared string, c Column) bool {
	base, array := strings.CutSuffix(declared, "[]")
	switch {
	case declared == "" || c.Kind == Other:
		return true
	case c.Kind == JSON:
		return array || base == "object"
	case array != c.Array:
		return false
	}
	switch base {
	case "integer":
		// MySQL has no booleans but small numbers, which may be more.
		return c.Kind == Integer || c.Kind == Decimal || c.Type == "tinyint(1)"
	case "float":
		return c.Kind == Float || c.Kind == Decimal || c.Kind == Integer
	case "boolean":
		return c.Kind == Boolean
	case "object":
		return false
	case "object_id":
		return c.Kind == Text
	}
	return !slices.Contains([]Kind{Integer, Decimal, Float, Boolean}, c.Kind)
}

// linked tells which fields hold the same values by the references of a map.
type linked map[datamap.Point]datamap.Point

// links reads the references of a map.
func links(m *datamap.Map) linked {
	l := linked{}
	for _, c := range m.Collections() {
		for _, f := range c.Fields {
			for _, ref := range f.References {
				a, b := l.root(datamap.Point{Address: c.Address(), Field: f.Name}), l.root(datamap.Point{Address: ref.Target, Field: ref.Field})
				if a != b {
					l[a] = b
				}
			}
		}
	}
	return l
}

func (l linked) root(p datamap.Point) datamap.Point {
	for next, ok := l[p]; ok; next, ok = l[p] {
		p = next
	}
	return p
}

func (l linked) same(a, b datamap.Point) bool { return l.root(a) == l.root(b) }
