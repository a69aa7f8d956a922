package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// Remove deletes a batch, cuts what still refers to it, counts what a cascade
// would take along, and adds it to its archive: all in one statement, whose parts
// see one state of the database and whose foreign keys are looked at when it ends.
func (dialect) Remove(ctx context.Context, tx sqlstore.Tx, r sqlstore.Removal) (sqlstore.Removed, error) {
	q := sqlstore.NewQuery(dialect{})
	due, err := r.Due(q, "t")
	if err != nil {
		return sqlstore.Removed{}, err
	}
	limit := ""
	if r.Limit > 0 {
		limit = " LIMIT " + q.Arg(r.Limit) + "::bigint"
	}
	from := q.From(r.Table, "t")
	own, err := r.Own(q, "t")
	if err != nil {
		return sqlstore.Removed{}, err
	}
	b := &removal{q: q, r: r}
	if len(r.Cuts)+len(r.Cascades) == 0 && r.Archived == nil {
		return b.simply(ctx, tx, fmt.Sprintf("DELETE FROM %s WHERE t.ctid = ANY (ARRAY(SELECT t.ctid FROM %s WHERE %s%s)) AND %s RETURNING %s AS own", from, from, due, limit, due, own))
	}
	with := []string{fmt.Sprintf("batch AS MATERIALIZED (SELECT %st.tableoid AS habeas_part, t.ctid AS habeas_place FROM %s WHERE %s%s)", b.keys(), from, due, limit)}
	cuts, err := b.cuts()
	if err != nil {
		return sqlstore.Removed{}, err
	}
	with = append(with, cuts...)
	returning := own + " AS habeas_own"
	if r.Archived != nil {
		returning += ", t.*"
	}
	with = append(with, fmt.Sprintf("gone AS (DELETE FROM %s WHERE %s AND %s RETURNING %s)", from, b.chosen("t"), due, returning))
	list := []string{"(SELECT count(*) FROM gone)", "0::int8", "(SELECT count(*) FROM gone WHERE NOT habeas_own)"}
	if r.Archived != nil {
		archived, err := b.archived()
		if err != nil {
			return sqlstore.Removed{}, err
		}
		with, list[1] = append(with, archived), "(SELECT count(*) FROM kept)"
	}
	for _, l := range r.Cascades {
		blocked, err := q.Blocked(l, r.Table, b.chosen("p"))
		if err != nil {
			return sqlstore.Removed{}, err
		}
		list = append(list, blocked)
	}
	removed := sqlstore.Removed{Blocked: make([]int64, len(r.Cascades))}
	dest := []any{&removed.Rows, &removed.Archived, &removed.Strays}
	for i := range removed.Blocked {
		dest = append(dest, &removed.Blocked[i])
	}
	sql, args := q.SQL("WITH " + strings.Join(with, ", ") + " SELECT " + strings.Join(list, ", "))
	return removed, tx.Query(ctx, sql, args, func(scan func(...any) error) error { return scan(dest...) })
}

// removal writes the parts of the statement of Remove.
type removal struct {
	q *sqlstore.Query
	r sqlstore.Removal
}

// simply runs a DELETE to which nothing refers.
func (b *removal) simply(ctx context.Context, tx sqlstore.Tx, sql string) (sqlstore.Removed, error) {
	var removed sqlstore.Removed
	sql, args := b.q.SQL("WITH gone AS (" + sql + ") SELECT count(*), count(*) FILTER (WHERE NOT own) FROM gone")
	return removed, tx.Query(ctx, sql, args, func(scan func(...any) error) error { return scan(&removed.Rows, &removed.Strays) })
}

// keys writes the columns that the references of the cuts lead to, each followed
// by a comma.
func (b *removal) keys() string {
	var names []string
	for _, l := range b.r.Cuts {
		names = append(names, l.Key.Keys...)
	}
	slices.Sort(names)
	list := ""
	for _, name := range slices.Compact(names) {
		list += b.q.Name("t", name) + ", "
	}
	return list
}

// chosen writes that a row is of the batch. Its place alone finds it; in a table
// of several parts another row may have the same.
func (b *removal) chosen(alias string) string {
	sql := alias + ".ctid = ANY (ARRAY(SELECT habeas_place FROM batch))"
	if b.r.Table.Parted {
		sql += fmt.Sprintf(" AND (%s.tableoid, %s.ctid) IN (SELECT habeas_part, habeas_place FROM batch)", alias, alias)
	}
	return "(" + sql + ")"
}

// cuts writes one UPDATE for each table that refers: a row may be changed once
// only in a statement, whatever it refers by.
func (b *removal) cuts() ([]string, error) {
	var children []*sqlstore.Table
	for _, l := range b.r.Cuts {
		if !slices.Contains(children, l.Child) {
			children = append(children, l.Child)
		}
	}
	var all []string
	for i, child := range children {
		sql, err := b.cut(child)
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("cut%d AS (%s)", i, sql))
	}
	return all, nil
}

// cut writes the UPDATE of one table.
func (b *removal) cut(child *sqlstore.Table) (string, error) {
	var links []sqlstore.Link
	for _, l := range b.r.Cuts {
		if l.Child == child {
			links = append(links, l)
		}
	}
	refers := make([]string, len(links))
	when := map[string][]string{}
	var columns []string
	for i, l := range links {
		refers[i] = fmt.Sprintf("EXISTS (SELECT FROM batch AS b WHERE %s)", b.q.Join(l.Key, "c", "b"))
		for _, c := range l.Key.Cuttable {
			if when[c] == nil {
				columns = append(columns, c)
			}
			when[c] = append(when[c], refers[i])
		}
	}
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = b.q.Quote(c) + " = NULL"
		if len(links) > 1 {
			set[i] = fmt.Sprintf("%s = CASE WHEN %s THEN NULL ELSE %s END", b.q.Quote(c), strings.Join(when[c], " OR "), b.q.Name("c", c))
		}
	}
	due, err := links[0].Condition(b.q, "c")
	if err != nil {
		return "", err
	}
	sql := fmt.Sprintf("UPDATE %s SET %s WHERE %s AND (%s)", b.q.From(child, "c"), strings.Join(set, ", "), due, strings.Join(refers, " OR "))
	if child == b.r.Table {
		// Rows of the batch itself go, and can't be changed as well.
		sql += " AND NOT " + b.chosen("c")
	}
	return sql, nil
}

// archived writes what adds deleted rows to their archive.
func (b *removal) archived() (string, error) {
	kept, err := b.r.Archived(b.q, "gone")
	if err != nil {
		return "", err
	}
	var names []string
	for name, c := range b.r.Table.Columns {
		if !c.Generated {
			names = append(names, b.q.Quote(name))
		}
	}
	slices.Sort(names)
	list := strings.Join(names, ", ")
	return fmt.Sprintf("kept AS (INSERT INTO %s (%s) SELECT %s FROM gone WHERE %s RETURNING 1)", b.q.Table(b.r.Table.Archive), list, list, kept), nil
}

// Page reads rows in the order of their places.
func (dialect) Page(ctx context.Context, tx sqlstore.Tx, p sqlstore.Page) ([]sqlstore.Paged, error) {
	q := sqlstore.NewQuery(dialect{})
	due, err := p.Due(q, "t")
	if err != nil {
		return nil, err
	}
	if p.After != nil {
		due += fmt.Sprintf(" AND (t.tableoid, t.ctid) > (%s::text::oid, %s::text::tid)", q.Arg(p.After[0]), q.Arg(p.After[1]))
	}
	list := append([]string{"t.tableoid::text", "t.ctid::text"}, q.Listed(p.Table, p.Columns, "t")...)
	sql, args := q.SQL(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY t.tableoid, t.ctid LIMIT %s::bigint",
		strings.Join(list, ", "), q.From(p.Table, "t"), due, q.Arg(p.Limit)))
	dest, row := sqlstore.Listing(p.Table, p.Columns)
	var part, place string
	dest = append([]any{&part, &place}, dest...)
	var all []sqlstore.Paged
	return all, tx.Query(ctx, sql, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		r := row()
		r.Place = []string{part, place}
		all = append(all, r)
		return nil
	})
}

// Replace writes rows by their places, which hold within the transaction that
// read them. A row that has been changed since ends it.
func (dialect) Replace(ctx context.Context, tx sqlstore.Tx, r sqlstore.Replacing) (int64, error) {
	q := sqlstore.NewQuery(dialect{})
	due, err := r.Due(q, "t")
	if err != nil {
		return 0, err
	}
	parts, places := make([]string, len(r.Rows)), make([]string, len(r.Rows))
	for i, row := range r.Rows {
		parts[i], places[i] = row.Place[0], row.Place[1]
	}
	lists := []string{q.Arg(parts) + "::text[]::oid[]", q.Arg(places) + "::text[]::tid[]"}
	names, set := []string{"part", "place"}, []string{}
	for n, c := range r.Columns {
		values := make([]*string, len(r.Rows))
		for i, row := range r.Rows {
			values[i] = row.Values[n]
		}
		name := fmt.Sprintf("v%d", n)
		lists, names = append(lists, q.Arg(values)+"::text[]"), append(names, name)
		set = append(set, fmt.Sprintf("%s = v.%s::%s", q.Quote(c.Name), name, c.Type))
	}
	sql, args := q.SQL(fmt.Sprintf("UPDATE %s SET %s FROM unnest(%s) AS v(%s) WHERE t.ctid = v.place AND t.tableoid = v.part AND %s",
		q.From(r.Table, "t"), strings.Join(set, ", "), strings.Join(lists, ", "), strings.Join(names, ", "), due))
	return tx.Exec(ctx, sql, args...)
}
