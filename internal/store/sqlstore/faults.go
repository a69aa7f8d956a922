package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Check compares the collections with the catalog: tables, columns, privileges,
// what replacing values needs, foreign keys and triggers. It reads no rows.
func (s *Store) Check(ctx context.Context, collections []*datamap.Collection) ([]store.Fault, error) {
	targets := make([]store.Target, len(collections))
	for i, c := range collections {
		targets[i] = store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	}
	var faults []store.Fault
	err := s.db.ReadBack(ctx, func(tx Tx) error {
		catalog, err := s.db.Catalog(ctx, tx, targets)
		if err != nil {
			return err
		}
		for _, t := range catalog.Tables {
			faults = append(faults, s.abilities.Faults(t.Target.Collection, t.Target.Treatment)...)
			faults = append(faults, s.faults(t)...)
			faults = append(faults, s.privileges(t)...)
		}
		faults = append(faults, s.cutting(catalog)...)
		faults = append(faults, strangers(catalog)...)
		faults = append(faults, archived(catalog)...)
		faults = append(faults, s.triggers(catalog)...)
		faults = append(faults, s.rings(newPlan(catalog.Tables, catalog.Keys))...)
		return nil
	})
	return faults, err
}

// asFailure makes one error of faults, or nil if there are none.
func asFailure(faults []store.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	problems := make([]string, len(faults))
	for i, f := range faults {
		where := f.Collection
		if f.Field != "" {
			where += "." + f.Field
		}
		problems[i] = where + " " + f.Problem + ": " + f.Hint
	}
	return fmt.Errorf("%w: %s", store.ErrSchema, strings.Join(problems, "; "))
}

// reporter collects the faults of one collection.
type reporter struct {
	collection string
	faults     []store.Fault
}

func (r *reporter) report(field, problem, hint string) {
	r.faults = append(r.faults, store.Fault{Collection: r.collection, Field: field, Problem: problem, Hint: hint})
}

// faults says what of one table does not fit what is to be done to its rows.
func (s *Store) faults(t *Table) []store.Fault {
	r := &reporter{collection: t.Target.Collection.Name}
	if t.ID == 0 {
		r.report("", "there is no such table", "mend the name in the data map, or the namespace of its dataset")
		return r.faults
	}
	r.faults = append(r.faults, t.Faults...)
	if !t.Plain && t.Target.Treatment != dsr.Leave {
		r.report("", "is a view or a foreign table", "write erasure: leave, and name the table behind it beside it")
	}
	for _, f := range t.Target.Collection.Fields {
		c, path, err := t.Column(f.Name)
		switch {
		case f.Parent == nil && err != nil:
			r.report(f.Name, "there is no such column", "mend the name in the data map")
		case err == nil && f.Anonymise != nil && t.Target.Treatment == dsr.Anonymise:
			r.replaced(f, c, path)
			s.fits(r, f, c)
		}
	}
	if t.Target.Treatment == dsr.Anonymise {
		r.unique(t)
	}
	r.dated(t)
	r.restricted(t)
	r.archive(t)
	return r.faults
}

// replaced reports what forbids to replace a field at all.
func (r *reporter) replaced(f *datamap.Field, c Column, path []string) {
	null := f.Anonymise.Strategy == datamap.Null
	for _, p := range []struct {
		wrong         bool
		problem, hint string
	}{
		{len(path) > 0, "lies within a JSON column", "anonymise the column as a whole"},
		{c.Generated, "is generated from other columns", "set read_only for it and anonymise those"},
		{null && c.NotNull, "takes no null", `write habeas: {anonymise: {strategy: constant, value: "..."}}`},
		{c.Referenced, "is what other tables refer to", "leave it as it is, and anonymise what identifies"},
		{!plain(f.Anonymise) && c.Refers, "refers to another table, which would not have the new value", `write strategy: "null"`},
	} {
		if p.wrong {
			r.report(f.Name, p.problem, p.hint)
		}
	}
}

// unique reports sets of unique columns in which two rows could come out alike.
func (r *reporter) unique(t *Table) {
	for _, u := range t.Unique {
		var alike string
		safe := false
		for _, f := range t.replacements() {
			if f.Parent != nil || !slices.Contains(u.Columns, f.Name) {
				continue
			}
			switch f.Anonymise.Strategy {
			case datamap.Constant, datamap.Random, datamap.Partial:
				alike = f.Name
			case datamap.Null:
				if safe = !u.NullsEqual; !safe {
					alike = f.Name
				}
			}
		}
		if alike != "" && !safe {
			r.report(alike, fmt.Sprintf("is unique (%s), so that two rows could not be replaced", u.Name), `write strategy: "null", or a pseudonym with its basis`)
		}
	}
}

// dated reports a retention by a column that holds no date.
func (r *reporter) dated(t *Table) {
	_, from, _, kept := t.Target.Collection.Kept()
	if !kept || t.Target.Treatment != dsr.Retain && t.Target.Treatment != dsr.Archive {
		return
	}
	if c, path, err := t.Column(from); err == nil && (len(path) > 0 || c.Kind != DateKind && c.Kind != TimeKind) {
		r.report(from, "holds no date", "name a column of type date or timestamp as retain_from")
	}
}

// restricted reports a mark that cannot be set.
func (r *reporter) restricted(t *Table) {
	x := t.Target.Collection.Restriction
	if x == nil {
		return
	}
	c, path, err := t.Column(x.Field)
	if err == nil && (len(path) > 0 || c.Generated) {
		r.report(x.Field, "cannot be set as the mark of a restriction", "name a column of its own")
	}
	if err == nil && c.NotNull && (x.Value == nil || x.Release == nil) {
		r.report(x.Field, "takes no null", "write value and release")
	}
}

// archive reports what would be lost on the way into an archive.
func (r *reporter) archive(t *Table) {
	if t.Target.Treatment != dsr.Archive {
		return
	}
	if t.Archive == nil || t.Archive.ID == 0 {
		r.report("", fmt.Sprintf("is archived to %s, and there is no such table", t.Target.Collection.ArchiveTo), "make it with the same columns")
		return
	}
	for _, name := range t.columnNames() {
		if c, ok := t.Archive.Columns[name]; !ok || c.Generated {
			r.report(name, fmt.Sprintf("would be lost: the archive %s has no such column", t.Archive), "add it there")
		}
	}
}

// columnNames returns the names of the columns that can be written, sorted.
func (t *Table) columnNames() []string {
	var all []string
	for name, c := range t.Columns {
		if !c.Generated {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// privileges reports what the role lacks.
func (s *Store) privileges(t *Table) []store.Fault {
	r := &reporter{collection: t.Target.Collection.Name}
	if t.ID == 0 {
		return nil
	}
	q := NewQuery(s.dialect)
	grant := func(privilege string, on *Table) string {
		return fmt.Sprintf("GRANT %s ON %s TO the role of Habeas", privilege, q.Table(on))
	}
	if t.Hidden {
		r.report("", "has row security, which hides rows from the role", "ALTER ROLE the role of Habeas BYPASSRLS")
	}
	if !t.CanSelect {
		r.report("", "the role may not read it", grant("SELECT", t))
	}
	if t.Destroys() && !t.CanDelete {
		r.report("", "the role may not delete from it", grant("DELETE", t))
	}
	if t.Target.Treatment == dsr.Archive && t.Archive != nil && t.Archive.ID != 0 && !t.Archive.CanInsert {
		r.report("", "the role may not add to its archive", grant("INSERT", t.Archive))
	}
	for _, f := range t.Target.Collection.Fields {
		c, _, err := t.Column(f.Name)
		restricts := t.Target.Collection.Restriction != nil && t.Target.Collection.Restriction.Field == f.Name
		changes := f.Anonymise != nil && t.Target.Treatment == dsr.Anonymise || f.Rectify != nil || restricts
		if err == nil && changes && !c.CanUpdate {
			r.report(f.Name, "the role may not change it", grant("UPDATE ("+q.Quote(c.Name)+")", t))
		}
	}
	return r.faults
}

// cutting reports references that must be set to null before rows can go and that
// the role may not change.
func (s *Store) cutting(c Catalog) []store.Fault {
	var faults []store.Fault
	q := NewQuery(s.dialect)
	for _, step := range newPlan(c.Tables, c.Keys).steps {
		for _, k := range step.late {
			child := c.table(k.Child)
			for _, name := range k.Cuttable {
				if child != nil && child.Destroys() && !child.Columns[name].CanUpdate {
					faults = append(faults, store.Fault{
						Collection: child.Target.Collection.Name,
						Problem:    fmt.Sprintf("refers to rows that go with it (%s), and the role may not cut that", k.Name),
						Hint:       fmt.Sprintf("GRANT UPDATE (%s) ON %s TO the role of Habeas", q.Quote(name), q.Table(child)),
					})
				}
			}
		}
	}
	return faults
}

// strangers reports foreign keys from tables that the map does not hold to
// tables whose rows can be destroyed.
func strangers(c Catalog) []store.Fault {
	var faults []store.Fault
	for _, k := range c.Keys {
		if c.table(k.Child) != nil || c.table(k.Parent) == nil {
			continue
		}
		faults = append(faults, store.Fault{
			Collection: c.table(k.Parent).Target.Collection.Name,
			Problem:    fmt.Sprintf("the table %s refers to it (%s) and is not in the data map", k.ChildName, k.Name),
			Hint:       "add that table to the data map, with erasure: leave if its rows are nobody's",
		})
	}
	return faults
}

// archived reports archives whose rows would refer to rows that go.
func archived(c Catalog) []store.Fault {
	var faults []store.Fault
	for _, t := range c.Tables {
		for _, k := range c.Keys {
			if t.Target.Treatment == dsr.Archive && t.Archive != nil && t.Archive.ID == k.Child && !k.Cuts && c.table(k.Parent) != nil {
				faults = append(faults, store.Fault{
					Collection: t.Target.Collection.Name,
					Problem:    fmt.Sprintf("is archived to %s, which refers to %s (%s), from which rows go", t.Archive, c.table(k.Parent), k.Name),
					Hint:       "drop that foreign key: an archive outlives what it was about",
				})
			}
		}
	}
	return faults
}

// rings reports cycles of foreign keys that the database gives no way to open.
func (s *Store) rings(p *plan) []store.Fault {
	var faults []store.Fault
	for _, step := range p.steps {
		for _, k := range step.stuck {
			if s.dialect.Defer() != "" && !k.first {
				continue
			}
			faults = append(faults, store.Fault{
				Collection: step.table.Target.Collection.Name,
				Problem:    fmt.Sprintf("is tied into a cycle by %s (%s), which can only be opened by setting that reference to null", k.ChildName, k.Name),
				Hint:       "let a column of it take null that does not say whose the row is",
			})
		}
	}
	return faults
}

// table returns the table of that ID, or nil.
func (c Catalog) table(id uint64) *Table {
	if i := slices.IndexFunc(c.Tables, func(t *Table) bool { return t.ID == id }); i >= 0 {
		return c.Tables[i]
	}
	return nil
}

// triggers reports triggers that would fire and that nobody has accepted. What
// one does cannot be read from the catalog, so it may reach any table.
func (s *Store) triggers(c Catalog) []store.Fault {
	var faults []store.Fault
	for _, trigger := range c.Triggers {
		t := c.table(trigger.Table)
		if t == nil || slices.Contains(s.opts.AcceptedTriggers, t.Name+"."+trigger.Name) {
			continue
		}
		if trigger.OnDelete && t.Destroys() || trigger.OnUpdate && t.Target.Treatment == dsr.Anonymise {
			faults = append(faults, store.Fault{
				Collection: t.Target.Collection.Name,
				Problem:    fmt.Sprintf("the trigger %s would fire, and what it does is unknown", trigger.Name),
				Hint:       fmt.Sprintf("read it; if it copies and destroys no personal data, list it under accepted_triggers as %s.%s", t.Name, trigger.Name),
			})
		}
	}
	return faults
}
