package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Check compares the collections with the catalog: tables, columns, privileges,
// what anonymising needs, foreign keys and triggers. It reads no rows.
func (s *Store) Check(ctx context.Context, collections []*datamap.Collection) ([]store.Fault, error) {
	targets := make([]store.Target, len(collections))
	for i, c := range collections {
		targets[i] = store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	}
	var faults []store.Fault
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		if err := onPrimary(ctx, tx); err != nil {
			return err
		}
		tables, err := describe(ctx, tx, targets)
		if err != nil {
			return err
		}
		for _, t := range tables {
			faults = append(faults, t.faults()...)
		}
		keys, err := foreignKeys(ctx, tx, tables)
		if err != nil {
			return err
		}
		faults = append(faults, strangers(tables, keys)...)
		triggers, err := s.triggerFaults(ctx, tx, tables)
		faults = append(faults, triggers...)
		return err
	})
	return faults, err
}

// faults says what is wrong with one table.
func (t *table) faults() []store.Fault {
	var faults []store.Fault
	report := func(field, problem, hint string) {
		faults = append(faults, store.Fault{Collection: t.target.Collection.Name, Field: field, Problem: problem, Hint: hint})
	}
	role := func(privilege string) string {
		return fmt.Sprintf("GRANT %s ON %s TO the role of Habeas", privilege, pgx.Identifier{t.schema, t.name}.Sanitize())
	}
	faults = append(faults, (*Store)(nil).Abilities().Faults(t.target.Collection, t.target.Treatment)...)
	switch {
	case t.oid == 0:
		report("", "there is no such table", "mend the name in the data map, or the namespace of its dataset")
		return faults
	case t.kind != "r" && t.kind != "p":
		report("", "is a view or a foreign table", "name the table behind it")
		return faults
	}
	if !t.canSelect {
		report("", "the role may not read it", role("SELECT"))
	}
	if t.destroys() && !t.canDelete {
		report("", "the role may not delete from it", role("DELETE"))
	}
	for _, f := range t.target.Collection.Fields {
		c, path, err := t.column(f.Name)
		switch {
		case f.Parent == nil && err != nil:
			report(f.Name, "there is no such column", "mend the name in the data map")
		case err == nil && f.Anonymise != nil && t.target.Treatment == dsr.Anonymise:
			for _, problem := range cannotReplace(f, c, path) {
				report(f.Name, problem[0], problem[1])
			}
			if !c.CanUpdate {
				report(f.Name, "the role may not change it", role("UPDATE"))
			}
		}
	}
	if from := t.target.Collection.RetainFrom; t.target.Treatment == dsr.Retain {
		if c, _, err := t.column(from); err == nil && !dated(c.Type) {
			report(from, "holds no date", "name a column of type date or timestamp as retain_from")
		}
	}
	return faults
}

// cannotReplace lists what forbids to anonymise a field as the map wants it,
// each as problem and hint.
func cannotReplace(f *datamap.Field, c column, path []string) [][2]string {
	var all [][2]string
	null := f.Anonymise.Strategy == datamap.Null
	for _, p := range []struct {
		wrong         bool
		problem, hint string
	}{
		{len(path) > 0, "lies within a JSON column", "anonymise the column as a whole"},
		{c.Generated, "is generated from other columns", "set read_only for it and anonymise those"},
		{null && c.NotNull, "takes no null", `write habeas: {anonymise: {strategy: constant, value: "..."}}`},
		{!null && c.Unique, "is unique, so that a constant fits one row only", `write strategy: "null"`},
	} {
		if p.wrong {
			all = append(all, [2]string{p.problem, p.hint})
		}
	}
	return slices.Clip(all)
}
