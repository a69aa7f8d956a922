package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// packet is how many octets of values one statement holds at most, unless one row
// alone has more. Servers take 16 MiB and more.
const packet = 4 << 20

// places returns the columns that tell the rows of a table apart, none if it has
// no key without nulls.
func places(t *sqlstore.Table) []sqlstore.Column {
	names := t.Primary
	for _, u := range t.Unique {
		whole := !slices.ContainsFunc(u.Columns, func(name string) bool { c, ok := t.Columns[name]; return !ok || !c.NotNull })
		if len(names) == 0 && whole {
			names = u.Columns
		}
	}
	all := make([]sqlstore.Column, len(names))
	for i, name := range names {
		all[i] = t.Columns[name]
	}
	return all
}

// written writes the parts of a row's place as texts.
func written(q *sqlstore.Query, columns []sqlstore.Column, alias string) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = q.Text(sqlstore.Expression{SQL: q.Name(alias, c.Name), Column: c})
	}
	return all
}

// chosen writes a table b of places, and of values beside them, and the condition
// that a row of the alias has the place. It is one parameter, whatever the number
// of rows.
func chosen(q *sqlstore.Query, t *sqlstore.Table, rows [][]*string, alias string) (table, on string) {
	var columns, equal []string
	n := 0
	for _, c := range places(t) {
		columns = append(columns, fmt.Sprintf("k%d %s PATH '$[%d]'", n, textOf(room(c)), n))
		equal = append(equal, q.Name(alias, c.Name)+" = "+typed(c, fmt.Sprintf("b.k%d", n)))
		n++
	}
	for ; len(rows) > 0 && n < len(rows[0]); n++ {
		columns = append(columns, fmt.Sprintf("v%d LONGTEXT CHARACTER SET utf8mb4 PATH '$[%d]'", n-len(equal), n))
	}
	text, err := json.Marshal(rows)
	if err != nil {
		text = []byte("[]") // texts are always JSON
	}
	return fmt.Sprintf("JSON_TABLE(%s, '$[*]' COLUMNS (%s)) AS b", q.Arg(string(text)), strings.Join(columns, ", ")), strings.Join(equal, " AND ")
}

// room is how many characters the text of a key takes at most.
func room(c sqlstore.Column) int {
	switch {
	case c.MaxLength == 0:
		return 80
	case form(c) == octets:
		return 2 * c.MaxLength
	}
	return c.MaxLength
}

// Remove chooses the keys of a batch without locks, and deletes the rows that
// still are what they were. If rows refer to them, they are locked before: from
// then on nobody can add another.
func (d dialect) Remove(ctx context.Context, tx sqlstore.Tx, r sqlstore.Removal) (sqlstore.Removed, error) {
	removed := sqlstore.Removed{Blocked: make([]int64, len(r.Cascades))}
	if len(places(r.Table)) == 0 {
		return d.removeUnplaced(ctx, tx, r)
	}
	keys, strays, err := d.keys(ctx, tx, r)
	if removed.Strays = strays; err != nil || strays > 0 || len(keys) == 0 {
		return removed, err
	}
	b := &removal{tx, r, keys}
	if len(r.Cascades)+len(r.Cuts) > 0 || r.Archived != nil {
		if err := b.lock(ctx); err != nil {
			return removed, err
		}
	}
	for i, l := range r.Cascades {
		if removed.Blocked[i], err = b.blocked(ctx, l); err != nil || removed.Blocked[i] > 0 {
			return removed, err
		}
	}
	for _, l := range r.Cuts {
		if err := b.cut(ctx, l); err != nil {
			return removed, err
		}
	}
	if r.Archived != nil {
		if removed.Archived, err = b.archive(ctx); err != nil {
			return removed, err
		}
	}
	removed.Rows, err = b.delete(ctx)
	return removed, err
}

// removeUnplaced deletes rows that nothing tells apart.
func (dialect) removeUnplaced(ctx context.Context, tx sqlstore.Tx, r sqlstore.Removal) (sqlstore.Removed, error) {
	q := sqlstore.NewQuery(dialect{})
	// A DELETE with a limit takes no other name for its table.
	name := q.Quote(r.Table.Name)
	due, err := r.Due(q, name)
	if err != nil {
		return sqlstore.Removed{}, err
	}
	own, err := r.Own(q, name)
	if err != nil {
		return sqlstore.Removed{}, err
	}
	removed := sqlstore.Removed{}
	text, args := q.SQL(fmt.Sprintf("SELECT count(*) FROM %s WHERE %s AND NOT coalesce(%s, false)", q.Table(r.Table), due, own))
	if err := tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&removed.Strays) }); err != nil || removed.Strays > 0 {
		return removed, err
	}
	text, args = q.SQL(fmt.Sprintf("DELETE FROM %s WHERE %s AND %s LIMIT %s", q.Table(r.Table), due, own, q.Arg(r.Limit)))
	removed.Rows, err = tx.Exec(ctx, text, args...)
	return removed, err
}

// keys reads the places of the next rows that are due, and counts those that are
// not the data subject's.
func (dialect) keys(ctx context.Context, tx sqlstore.Tx, r sqlstore.Removal) (keys [][]*string, strays int64, err error) {
	q := sqlstore.NewQuery(dialect{})
	due, err := r.Due(q, "t")
	if err != nil {
		return nil, 0, err
	}
	own, err := r.Own(q, "t")
	if err != nil {
		return nil, 0, err
	}
	list := append([]string{"coalesce(" + own + ", false)"}, written(q, places(r.Table), "t")...)
	text, args := q.SQL(fmt.Sprintf("SELECT %s FROM %s WHERE %s LIMIT %s", strings.Join(list, ", "), q.From(r.Table, "t"), due, q.Arg(r.Limit)))
	var isOwn bool
	place := make([]*string, len(list)-1)
	dest := []any{&isOwn}
	for i := range place {
		dest = append(dest, &place[i])
	}
	return keys, strays, tx.Query(ctx, text, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		if !isOwn {
			strays++
		}
		keys = append(keys, slices.Clone(place))
		return nil
	})
}

// removal is the rows of one batch.
type removal struct {
	tx   sqlstore.Tx
	r    sqlstore.Removal
	keys [][]*string
}

// from writes the rows of the batch as alias, with the condition that they are
// due still.
func (b *removal) from(q *sqlstore.Query, alias string) (from, due string, err error) {
	table, on := chosen(q, b.r.Table, b.keys, alias)
	due, err = b.r.Due(q, alias)
	return table + " JOIN " + q.From(b.r.Table, alias) + " ON " + on, due, err
}

// lock locks the rows and what they are.
func (b *removal) lock(ctx context.Context) error {
	q := sqlstore.NewQuery(dialect{})
	from, due, err := b.from(q, "t")
	if err != nil {
		return err
	}
	var n int
	text, args := q.SQL("SELECT count(*) FROM " + from + " WHERE " + due + " FOR UPDATE")
	if err := b.tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&n) }); err != nil {
		return err
	}
	if n != len(b.keys) {
		return overtaken()
	}
	return nil
}

// blocked counts rows that are not released and would go too. It locks all that
// refer, so that none becomes another's before the deletion.
func (b *removal) blocked(ctx context.Context, l sqlstore.Link) (n int64, err error) {
	q := sqlstore.NewQuery(dialect{})
	table, on := chosen(q, b.r.Table, b.keys, "p")
	released, err := l.Condition(q, "c")
	if err != nil {
		return 0, err
	}
	text, args := q.SQL(fmt.Sprintf("SELECT count(CASE WHEN NOT coalesce(%s, false) THEN 1 END) FROM %s JOIN %s ON %s JOIN %s ON %s LOCK IN SHARE MODE",
		released, table, q.From(b.r.Table, "p"), on, q.From(l.Child, "c"), q.Join(l.Key, "c", "p")))
	return n, b.tx.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&n) })
}

// cut sets to null what refers to the rows: those of the batch too, because the
// server looks at each row when it goes.
func (b *removal) cut(ctx context.Context, l sqlstore.Link) error {
	q := sqlstore.NewQuery(dialect{})
	table, on := chosen(q, b.r.Table, b.keys, "p")
	due, err := l.Condition(q, "c")
	if err != nil {
		return err
	}
	set := make([]string, len(l.Key.Cuttable))
	for i, name := range l.Key.Cuttable {
		set[i] = q.Name("c", name) + " = NULL"
	}
	text, args := q.SQL(fmt.Sprintf("UPDATE %s JOIN %s ON %s JOIN %s ON %s SET %s WHERE %s",
		table, q.From(b.r.Table, "p"), on, q.From(l.Child, "c"), q.Join(l.Key, "c", "p"), strings.Join(set, ", "), due))
	_, err = b.tx.Exec(ctx, text, args...)
	return err
}

// archive adds the rows that must be kept to their archive.
func (b *removal) archive(ctx context.Context) (int64, error) {
	q := sqlstore.NewQuery(dialect{})
	from, due, err := b.from(q, "t")
	if err != nil {
		return 0, err
	}
	kept, err := b.r.Archived(q, "t")
	if err != nil {
		return 0, err
	}
	var names, values []string
	for name, c := range b.r.Table.Columns {
		if !c.Generated {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		values, names[i] = append(values, q.Name("t", name)), q.Quote(name)
	}
	text, args := q.SQL(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s AND %s",
		q.Table(b.r.Table.Archive), strings.Join(names, ", "), strings.Join(values, ", "), from, due, kept))
	return b.tx.Exec(ctx, text, args...)
}

// delete deletes the rows, if all of them are due still.
func (b *removal) delete(ctx context.Context) (int64, error) {
	q := sqlstore.NewQuery(dialect{})
	from, due, err := b.from(q, "t")
	if err != nil {
		return 0, err
	}
	own, err := b.r.Own(q, "t")
	if err != nil {
		return 0, err
	}
	text, args := q.SQL("DELETE t FROM " + from + " WHERE " + due + " AND " + own)
	n, err := b.tx.Exec(ctx, text, args...)
	if err == nil && n != int64(len(b.keys)) {
		err = overtaken()
	}
	return n, err
}

// Page chooses the keys of the next rows without locks, and reads those rows with
// a lock, so that they are still the same when they are replaced.
func (d dialect) Page(ctx context.Context, tx sqlstore.Tx, p sqlstore.Page) ([]sqlstore.Paged, error) {
	key := places(p.Table)
	if len(key) == 0 {
		return nil, fmt.Errorf("%w: %s has no primary key", store.ErrSchema, p.Table)
	}
	places, err := d.pageKeys(ctx, tx, p, key)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	q := sqlstore.NewQuery(dialect{})
	table, on := chosen(q, p.Table, places, "t")
	due, err := p.Due(q, "t")
	if err != nil {
		return nil, err
	}
	order := make([]string, len(key))
	for i, c := range key {
		order[i] = q.Name("t", c.Name)
	}
	dest, row := sqlstore.Listing(p.Table, p.Columns)
	place := make([]string, len(key))
	for i := range place {
		dest = append(dest, &place[i])
	}
	list := append(q.Listed(p.Table, p.Columns, "t"), written(q, key, "t")...)
	text, args := q.SQL(fmt.Sprintf("SELECT %s FROM %s JOIN %s ON %s WHERE %s ORDER BY %s FOR UPDATE",
		strings.Join(list, ", "), table, q.From(p.Table, "t"), on, due, strings.Join(order, ", ")))
	var all []sqlstore.Paged
	err = tx.Query(ctx, text, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		r := row()
		r.Place = slices.Clone(place)
		all = append(all, r)
		return nil
	})
	if err == nil && len(all) != len(places) {
		err = overtaken()
	}
	return all, err
}

// pageKeys reads the places of the next rows.
func (dialect) pageKeys(ctx context.Context, tx sqlstore.Tx, p sqlstore.Page, key []sqlstore.Column) (all [][]*string, err error) {
	q := sqlstore.NewQuery(dialect{})
	due, err := p.Due(q, "t")
	if err != nil {
		return nil, err
	}
	if p.After != nil {
		due += " AND " + after(q, key, p.After)
	}
	order := make([]string, len(key))
	place := make([]*string, len(key))
	dest := make([]any, len(key))
	for i, c := range key {
		order[i], dest[i] = q.Name("t", c.Name), &place[i]
	}
	text, args := q.SQL(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %s",
		strings.Join(written(q, key, "t"), ", "), q.From(p.Table, "t"), due, strings.Join(order, ", "), q.Arg(p.Limit)))
	return all, tx.Query(ctx, text, args, func(scan func(...any) error) error {
		if err := scan(dest...); err != nil {
			return err
		}
		all = append(all, slices.Clone(place))
		return nil
	})
}

// after writes that a row comes after a place, in a way that an index serves.
func after(q *sqlstore.Query, key []sqlstore.Column, place []string) string {
	var alternatives []string
	equal := ""
	for i, c := range key {
		value := typed(c, q.Arg(place[i]))
		name := q.Name("t", c.Name)
		alternatives = append(alternatives, "("+equal+name+" > "+value+")")
		equal += name + " = " + value + " AND "
	}
	return "(" + strings.Join(alternatives, " OR ") + ")"
}

// Replace writes rows by their keys, in as many statements as their values need.
func (dialect) Replace(ctx context.Context, tx sqlstore.Tx, r sqlstore.Replacing) (int64, error) {
	var total int64
	for rest := r.Rows; len(rest) > 0; {
		var rows [][]*string
		octets := 0
		for _, row := range rest {
			var all []*string
			for i := range row.Place {
				all = append(all, &row.Place[i])
			}
			all = append(all, row.Values...)
			for _, v := range all {
				if v != nil {
					octets += len(*v)
				}
			}
			if len(rows) > 0 && octets > packet {
				break
			}
			rows = append(rows, all)
		}
		rest = rest[len(rows):]
		n, err := replace(ctx, tx, r, rows)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// replace writes rows, each its place and its values, in one statement.
func replace(ctx context.Context, tx sqlstore.Tx, r sqlstore.Replacing, rows [][]*string) (int64, error) {
	q := sqlstore.NewQuery(dialect{})
	table, on := chosen(q, r.Table, rows, "t")
	due, err := r.Due(q, "t")
	if err != nil {
		return 0, err
	}
	set := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		set[i] = q.Name("t", c.Name) + " = " + typed(c, fmt.Sprintf("b.v%d", i))
	}
	text, args := q.SQL(fmt.Sprintf("UPDATE %s JOIN %s ON %s SET %s WHERE %s", table, q.From(r.Table, "t"), on, strings.Join(set, ", "), due))
	return tx.Exec(ctx, text, args...)
}
