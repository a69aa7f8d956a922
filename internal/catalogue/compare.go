package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/detect"
	"github.com/soffiah/habeas/internal/dsr"
)

// sampled is how many rows of a table are looked at.
const sampled = 200

// comparison is one dataset held against one store.
type comparison struct {
	m        *datamap.Map
	dataset  *datamap.Dataset
	store    string
	reader   Reader
	now      time.Time
	tables   []Table
	linked   linked
	lost     map[*datamap.Collection]bool
	findings []Finding
}

// Compare holds a dataset of the map against the store that it describes. It
// returns an error only where the store could not be read.
func Compare(ctx context.Context, m *datamap.Map, d *datamap.Dataset, store string, r Reader, now time.Time) ([]Finding, error) {
	tables, err := r.Tables(ctx, d.Schema)
	if err != nil {
		return nil, fmt.Errorf("reading the tables of the data store %s: %w", store, err)
	}
	c := &comparison{m: m, dataset: d, store: store, reader: r, now: now, tables: tables, linked: links(m), lost: map[*datamap.Collection]bool{}}
	for _, u := range m.Route(m.Identities()).Unreached {
		c.lost[u.Collection] = true
	}
	for _, collection := range d.Collections {
		if collection.Skip {
			continue
		}
		if t, ok := c.table(collection.Name); ok {
			if err := c.collection(ctx, collection, t); err != nil {
				return nil, err
			}
			continue
		}
		c.add(about(collection, nil, Error, MissingTable, "the store has no such table", "mend the name, or the namespace of the dataset, or remove the collection"))
	}
	for _, t := range tables {
		if d.Collection(t.Name) == nil {
			if err := c.stranger(ctx, t); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Problem, b.Problem))
	})
	return c.findings, nil
}

func (c *comparison) add(f Finding) {
	f.Store, f.Dataset = c.store, c.dataset.Key
	c.findings = append(c.findings, f)
}

// table returns the table of that name.
func (c *comparison) table(name string) (Table, bool) {
	i := slices.IndexFunc(c.tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return c.tables[i], true
}

// collection compares one collection with its table.
func (c *comparison) collection(ctx context.Context, collection *datamap.Collection, t Table) error {
	for _, f := range collection.Fields {
		if f.Parent != nil {
			continue
		}
		column, ok := t.Column(f.Name)
		if !ok {
			c.add(about(collection, f, Error, MissingColumn, "the table has no such column", "mend the name, or remove the field"))
		} else if !fits(f.DataType, column) || len(children(collection, f)) > 0 && column.Kind != JSON {
			c.add(about(collection, f, Error, TypeMismatch,
				fmt.Sprintf("the map says %s and the store %s", orElse(f.DataType, "object"), column.Type), "mend data_type: "+dataType(column)))
		}
	}
	if key := sorted(t.PrimaryKey); !t.View && !slices.Equal(key, sorted(columnsOf(collection.PrimaryKey()))) {
		c.add(about(collection, nil, Error, KeyMismatch,
			fmt.Sprintf("the primary key is (%s) in the store and (%s) in the map", strings.Join(key, ", "), strings.Join(sorted(collection.PrimaryKey()), ", ")),
			"give fides_meta: {primary_key: true} to the fields of the store's"))
	}
	for _, k := range t.ForeignKeys {
		c.foreignKey(collection, k)
	}
	return c.columns(ctx, collection, t)
}

// children returns the fields within f.
func children(c *datamap.Collection, f *datamap.Field) []*datamap.Field {
	var all []*datamap.Field
	for _, other := range c.Fields {
		if other.Parent == f {
			all = append(all, other)
		}
	}
	return all
}

// columnsOf returns the columns that hold fields, which may be nested.
func columnsOf(fields []string) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i], _, _ = strings.Cut(f, ".")
	}
	return all
}

// columns looks for personal data in columns that the map does not have, or has
// without a category of a person.
func (c *comparison) columns(ctx context.Context, collection *datamap.Collection, t Table) error {
	var wanted []Column
	for _, column := range t.Columns {
		if f := collection.Field(column.Name); f == nil || !f.Personal() && f.Identity == "" && len(f.References) == 0 && !nestedPersonal(collection, f) {
			wanted = append(wanted, column)
		}
	}
	guesses, err := guess(ctx, c.reader, t, wanted, c.now)
	if err != nil {
		return err
	}
	if !t.Readable {
		c.add(about(collection, nil, Error, Unreadable, "the role may not read it, so that nobody looked at its values", "GRANT SELECT to the role of Habeas"))
	}
	for _, column := range wanted {
		g, ok := guesses[column.Name]
		f := collection.Field(column.Name)
		switch {
		case !ok:
		case f != nil:
			c.add(about(collection, f, Note, Uncategorised, "the map gives it no category of a person, and "+why(g), "data_categories: ["+g.Kind.Category()+"]"))
		default:
			found := about(collection, nil, Error, Personal, "is not in the map, and "+why(g), personalHint(column, g))
			found.Field = column.Name
			c.add(found)
		}
	}
	return nil
}

// nestedPersonal reports whether a field within f holds personal data.
func nestedPersonal(c *datamap.Collection, f *datamap.Field) bool {
	return slices.ContainsFunc(c.Fields, func(other *datamap.Field) bool {
		return strings.HasPrefix(other.Name, f.Name+".") && other.Personal()
	})
}

func personalHint(column Column, g detect.Guess) string {
	return fmt.Sprintf("add the field %s with data_categories: [%s]; or, if it is nobody's, with [system.operations]", column.Name, g.Kind.Category())
}

// why tells what speaks for a guess, without any value.
func why(g detect.Guess) string {
	if g.ByName {
		return fmt.Sprintf("its name speaks for: %s", g.Kind)
	}
	return fmt.Sprintf("%d of %d sampled values look like: %s", g.Hits, g.Of, g.Kind)
}

// stranger looks at a table that the map does not have. A view holds nothing.
func (c *comparison) stranger(ctx context.Context, t Table) error {
	if t.View || len(t.Columns) == 0 {
		return nil
	}
	guesses, err := guess(ctx, c.reader, t, t.Columns, c.now)
	if err != nil {
		return err
	}
	for _, column := range t.Columns {
		if g, ok := guesses[column.Name]; ok {
			c.add(Finding{Level: Error, Code: Personal, Collection: t.Name, Field: column.Name, Problem: "the table is not in the map, and of this column " + why(g), Hint: "add the collection " + t.Name + "; `habeas datamap draft` writes a first text"})
		}
	}
	for _, k := range t.ForeignKeys {
		parent := c.dataset.Collection(k.Table)
		if parent == nil || parent.Skip || parent.Treatment == dsr.Leave {
			continue
		}
		level := Note
		if parent.Treatment == dsr.Delete || parent.Treatment == dsr.Retain || parent.Treatment == dsr.Archive {
			level = Error
		}
		c.add(Finding{Level: level, Code: Unmapped, Collection: t.Name, Field: strings.Join(k.Columns, ", "), Problem: fmt.Sprintf("the table is not in the map, and the foreign key %s refers to %s, which is to be erased", k.Name, parent.Name), Hint: "add the collection " + t.Name + " with a reference"})
	}
	if !t.Readable {
		c.add(Finding{Level: Note, Code: Unreadable, Collection: t.Name, Problem: "is not in the map, and the role may not read it, so that nobody looked at its values", Hint: "GRANT SELECT to the role of Habeas, or look at it yourself"})
	}
	return nil
}

// foreignKey compares a foreign key with the references of the map.
func (c *comparison) foreignKey(child *datamap.Collection, k ForeignKey) {
	parent := c.dataset.Collection(k.Table)
	if parent == nil || parent == child || parent.Skip {
		return
	}
	var missing, present []string
	for i, name := range k.Columns {
		f, key := child.Field(name), parent.Field(k.Keys[i])
		if f == nil || key == nil {
			missing = append(missing, name)
			continue
		}
		from, to := datamap.Point{Address: child.Address(), Field: name}, datamap.Point{Address: parent.Address(), Field: k.Keys[i]}
		switch {
		case c.linked.same(from, to):
			present = append(present, name)
		case c.elsewhere(f):
			c.add(about(child, f, Error, WrongReference, fmt.Sprintf("the foreign key %s leads to %s.%s, and the map elsewhere", k.Name, k.Table, k.Keys[i]), "mend the reference"))
			return
		default:
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0:
		level, effect := Note, "rows are found on another way"
		if c.lost[child] || c.lost[parent] {
			level, effect = Error, "one of the two is never found"
		}
		c.add(about(child, child.Field(missing[0]), level, UnknownKey,
			fmt.Sprintf("the map does not have the foreign key %s (%s) to %s (%s); %s", k.Name, strings.Join(k.Columns, ", "), k.Table, strings.Join(k.Keys, ", "), effect),
			fmt.Sprintf("if its rows belong to whoever the rows of %s do: references: [{dataset: %s, field: %s.%s, direction: from}]", k.Table, c.dataset.Key, k.Table, k.Keys[0])))
	case len(present) > 1 && !together(child, present) && !together(parent, k.Keys):
		c.add(about(child, child.Field(present[0]), Error, Separated,
			fmt.Sprintf("the foreign key %s holds for (%s) together, and the map follows them one by one", k.Name, strings.Join(present, ", ")),
			fmt.Sprintf("write habeas: {together: [[%s]]} for the collection", strings.Join(present, ", "))))
	}
}

// elsewhere reports whether a field refers to another collection of this store.
func (c *comparison) elsewhere(f *datamap.Field) bool {
	return slices.ContainsFunc(f.References, func(r datamap.Reference) bool { return r.Target.Dataset == c.dataset.Key })
}

// together reports whether the map joins these fields.
func together(c *datamap.Collection, fields []string) bool {
	return slices.ContainsFunc(c.Together, func(group []string) bool {
		return !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(group, f) })
	})
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
