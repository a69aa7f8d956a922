package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// sample is how many rows are tried where a replacement depends on the row.
const sample = 100

// violated fails if a check of the table forbids what its values would be
// replaced with. Where that depends on the row the first rows are tried.
func (s *Store) violated(ctx context.Context, tx Tx, t *Table, now time.Time) error {
	if t.Target.Treatment != dsr.Anonymise || len(t.Target.Matches) == 0 {
		return nil
	}
	checks := t.concerned()
	if len(checks) == 0 && !t.refers() {
		return nil
	}
	q := NewQuery(s.dialect)
	sql, names, err := s.violations(ctx, tx, q, t, checks, now)
	if err != nil || len(names) == 0 {
		return err
	}
	counts, dest := make([]int64, len(names)), make([]any, len(names))
	for i := range counts {
		dest[i] = &counts[i]
	}
	text, args := q.SQL(sql)
	if err := tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(dest...) }); err != nil {
		return fmt.Errorf("trying the replacements of %s: %w", t, err)
	}
	for i, n := range counts {
		if n > 0 {
			return fmt.Errorf("%w: %s of %s forbids what values would be replaced with: choose another strategy or constant", store.ErrSchema, names[i], t)
		}
	}
	return nil
}

// concerned returns the checks that are about a column which is replaced.
func (t *Table) concerned() []Check {
	var all []Check
	for _, c := range t.Checks {
		if slices.ContainsFunc(t.replacements(), func(f *datamap.Field) bool { return slices.Contains(c.Columns, f.Name) }) {
			all = append(all, c)
		}
	}
	return all
}

// refers reports whether a constant is to stand where a foreign key needs a row
// with it.
func (t *Table) refers() bool {
	return slices.ContainsFunc(t.replacements(), func(f *datamap.Field) bool {
		return f.Anonymise.Strategy == datamap.Constant && t.Columns[f.Name].ParentTable != ""
	})
}

// violations writes a statement that counts, for each of the named constraints,
// the rows that would break it. It has no names if there is no row to try.
func (s *Store) violations(ctx context.Context, tx Tx, q *Query, t *Table, checks []Check, now time.Time) (sql string, names []string, err error) {
	var columns []Column
	var list []string
	for _, c := range checks {
		names = append(names, "the check "+c.Name)
		list = append(list, "count(CASE WHEN NOT ("+c.SQL+") THEN 1 END)")
		for _, name := range c.Columns {
			if !slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name }) {
				columns = append(columns, t.Columns[name])
			}
		}
	}
	for _, f := range t.replacements() {
		if c := t.Columns[f.Name]; f.Anonymise.Strategy == datamap.Constant && c.ParentTable != "" {
			names = append(names, "the foreign key on "+c.Name)
			list = append(list, fmt.Sprintf("count(CASE WHEN NOT EXISTS (SELECT 1 FROM %s AS p WHERE p.%s = %s) THEN 1 END)", c.ParentTable, c.ParentColumn, q.constant(f, c)))
		}
	}
	rows, err := s.tried(ctx, tx, q, t, columns, now)
	if rows == "" || err != nil {
		return "", nil, err
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM (" + rows + ") AS t", names, nil
}

// tried writes the rows as they would be, with the columns that are needed.
func (s *Store) tried(ctx context.Context, tx Tx, q *Query, t *Table, columns []Column, now time.Time) (string, error) {
	if t.computed() {
		return s.triedComputed(ctx, tx, q, t, columns, now)
	}
	list := []string{"1 AS " + q.Quote("habeas row")}
	for _, c := range columns {
		value := q.Name("t", c.Name)
		if f := t.replacement(c.Name); f != nil {
			value = q.constant(f, c)
		}
		list = append(list, value+" AS "+q.Quote(c.Name))
	}
	due, err := due(t, now)(q, "t")
	if err != nil {
		return "", err
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + q.From(t, "t") + " WHERE " + due, nil
}

// replacement returns the field that replaces the column, or nil.
func (t *Table) replacement(column string) *datamap.Field {
	for _, f := range t.replacements() {
		if f.Name == column {
			return f
		}
	}
	return nil
}

// triedComputed computes the replacements of the first rows.
func (s *Store) triedComputed(ctx context.Context, tx Tx, q *Query, t *Table, columns []Column, now time.Time) (string, error) {
	all, replacedColumns, err := s.replacers(ctx, tx, t)
	if err != nil {
		return "", err
	}
	reading := NewQuery(s.dialect)
	due, err := due(t, now)(reading, "t")
	if err != nil {
		return "", err
	}
	dest, row := Listing(t, slices.Concat(replacedColumns, columns))
	text, args := reading.SQL(fmt.Sprintf("SELECT %s FROM %s WHERE %s LIMIT %d",
		strings.Join(reading.Listed(t, slices.Concat(replacedColumns, columns), "t"), ", "), reading.From(t, "t"), due, sample))
	var rows []string
	err = tx.Query(ctx, text, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		r := row()
		out, _ := replaced(all, r)
		list := []string{"1 AS " + q.Quote("habeas row")}
		for i, c := range columns {
			value := r.Values[len(all)+i]
			if j := slices.IndexFunc(replacedColumns, func(x Column) bool { return x.Name == c.Name }); j >= 0 {
				value = out.Values[j]
			}
			list = append(list, q.Value(q, c, value)+" AS "+q.Quote(c.Name))
		}
		rows = append(rows, "SELECT "+strings.Join(list, ", "))
		return nil
	})
	return strings.Join(rows, " UNION ALL "), err
}
