package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Query is a statement that is being written: identifiers go into its text,
// values only ever into parameters.
type Query struct {
	Dialect
	args []any
}

// NewQuery begins a statement.
func NewQuery(d Dialect) *Query { return &Query{Dialect: d} }

// marker stands around the number of a value in unfinished text. No identifier
// can hold it: no database takes a name with a NUL.
const marker = "\x00"

// Arg adds a value and returns what stands for it until [Query.SQL].
func (q *Query) Arg(v any) string {
	q.args = append(q.args, v)
	return marker + strconv.Itoa(len(q.args)-1) + marker
}

// SQL finishes the text of a statement: values get their placeholders in the
// order in which they stand, so that parts may be written in any order and more
// than once.
func (q *Query) SQL(text string) (string, []any) {
	numbered := q.Placeholder(1) != q.Placeholder(2)
	var b strings.Builder
	var args []any
	given := map[string]int{}
	for i, part := range strings.Split(text, marker) {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		n, ok := given[part]
		if !ok || !numbered {
			at, _ := strconv.Atoi(part) // Arg wrote it
			args = append(args, q.args[at])
			n = len(args)
			given[part] = n
		}
		b.WriteString(q.Placeholder(n))
	}
	return b.String(), args
}

// Name writes the name of a column of the table alias.
func (q *Query) Name(alias, name string) string { return alias + "." + q.Quote(name) }

// From writes the table with an alias.
func (q *Query) From(t *Table, alias string) string { return q.Table(t) + " AS " + alias }

// Table writes the name of a table.
func (q *Query) Table(t *Table) string {
	if t.Schema == "" {
		return q.Quote(t.Name)
	}
	return q.Quote(t.Schema) + "." + q.Quote(t.Name)
}

// Expression is a field of a row, and its type.
type Expression struct {
	SQL string
	Column
}

// Field writes a field of the map.
func (q *Query) Field(t *Table, alias, name string) (Expression, error) {
	c, path, err := t.Column(name)
	if err != nil {
		return Expression{}, err
	}
	if len(path) == 0 {
		return Expression{q.Name(alias, c.Name), c}, nil
	}
	return Expression{q.Path(q, q.Name(alias, c.Name), path), Column{Name: c.Name, Kind: TextKind, Type: "text"}}, nil
}

// Join writes the equality of a foreign key.
func (q *Query) Join(k ForeignKey, child, parent string) string {
	parts := make([]string, len(k.Columns))
	for i := range k.Columns {
		parts[i] = q.Name(child, k.Columns[i]) + " = " + q.Name(parent, k.Keys[i])
	}
	return strings.Join(parts, " AND ")
}

// Matches writes the condition that a row is the subject's.
func (q *Query) Matches(t *Table, alias string) (string, error) {
	var alternatives []string
	for _, m := range t.Target.Matches {
		sql, err := q.match(t, alias, m)
		if err != nil {
			return "", err
		}
		if sql != "" {
			alternatives = append(alternatives, sql)
		}
	}
	if len(alternatives) == 0 {
		return "false", nil
	}
	return "(" + strings.Join(alternatives, " OR ") + ")", nil
}

// match writes the condition of one match, "" if no row can meet it.
func (q *Query) match(t *Table, alias string, m store.Match) (string, error) {
	if len(m.All) == 0 {
		e, err := q.Field(t, alias, m.Field)
		if err != nil {
			return "", err
		}
		return q.OneOf(q, e, m.Texts(), m.Fold && e.Kind == TextKind && e.Element == ""), nil
	}
	parts := make([]string, len(m.All))
	for i, part := range m.All {
		sql, err := q.match(t, alias, part)
		if err != nil || sql == "" {
			return "", err
		}
		parts[i] = sql
	}
	return "(" + strings.Join(parts, " AND ") + ")", nil
}

// until writes the moment from which a retained row may go; null if the row
// does not say when its period begins.
func (q *Query) until(t *Table, alias string) (string, error) {
	k := t.Target.Keep
	e, err := q.Field(t, alias, k.From)
	if err != nil {
		return "", err
	}
	if e.Kind != DateKind && e.Kind != TimeKind {
		return "", fmt.Errorf("%w: the column %s of %s holds no date", store.ErrSchema, k.From, t)
	}
	return q.Until(q, e, *k), nil
}

// kept writes the condition that a row must stay for now, here or in its archive.
// A row that does not say when its period begins stays: what law may oblige to
// keep is not destroyed on a guess.
func (q *Query) kept(t *Table, alias string, now time.Time) (string, error) {
	switch {
	case t.Target.Treatment == dsr.Archive && t.Target.Keep == nil:
		return "true", nil
	case t.Target.Treatment != dsr.Retain && t.Target.Treatment != dsr.Archive:
		return "false", nil
	}
	until, err := q.until(t, alias)
	if err != nil {
		return "", err
	}
	return "coalesce(" + q.After(q, until, now) + ", true)", nil
}

// due writes the condition that a row is the subject's and there is something
// to be done to it.
func due(t *Table, now time.Time) Condition {
	return func(q *Query, alias string) (string, error) {
		matches, err := q.Matches(t, alias)
		if err != nil {
			return "", err
		}
		undone, err := q.undone(t, alias, now)
		if err != nil {
			return "", err
		}
		return "(" + matches + " AND " + undone + ")", nil
	}
}

// undone writes the condition that there is something to be done to a row of
// the subject. Where a replacement has to be computed only the row can tell.
func (q *Query) undone(t *Table, alias string, now time.Time) (string, error) {
	switch t.Target.Treatment {
	case dsr.Delete, dsr.Archive:
		return "true", nil
	case dsr.Retain:
		kept, err := q.kept(t, alias, now)
		return "NOT " + kept, err
	case dsr.Anonymise:
		if t.computed() {
			return "true", nil
		}
		return q.differs(t, alias)
	}
	return "false", nil
}

// computed reports whether a replacement of t depends on the row.
func (t *Table) computed() bool {
	return slices.ContainsFunc(t.replacements(), func(f *datamap.Field) bool { return !plain(f.Anonymise) })
}

// plain reports whether every row gets the same.
func plain(r *datamap.Replacement) bool {
	return r.Strategy == datamap.Null || r.Strategy == datamap.Constant
}

// differs writes the condition that a row is not anonymised yet.
func (q *Query) differs(t *Table, alias string) (string, error) {
	var some []string
	for _, f := range t.replacements() {
		e, err := q.Field(t, alias, f.Name)
		if err != nil {
			return "", err
		}
		// Compared as text, since not every type (json, say) knows equality.
		sql := e.SQL + " IS NOT NULL"
		if f.Anonymise.Strategy == datamap.Constant {
			sql = q.Differs(q.Text(e), q.Text(Expression{q.constant(f, e.Column), e.Column}))
		}
		some = append(some, sql)
	}
	if len(some) == 0 {
		return "", fmt.Errorf("%w: no field of %s is to be anonymised", store.ErrSchema, t)
	}
	return "(" + strings.Join(some, " OR ") + ")", nil
}

// constant writes what every row gets.
func (q *Query) constant(f *datamap.Field, c Column) string {
	if f.Anonymise.Strategy == datamap.Null {
		return q.Value(q, c, nil)
	}
	return q.Value(q, c, scalar(f.Anonymise.Value))
}

// scalar writes a value of the map as text; nil is null.
func scalar(v any) *string {
	if v == nil {
		return nil
	}
	s := fmt.Sprint(v)
	return &s
}

// key writes the columns of the primary key as texts.
func (q *Query) key(t *Table, alias string) []string {
	var all []string
	for _, name := range t.Primary {
		all = append(all, q.Text(Expression{q.Name(alias, name), t.Columns[name]}))
	}
	return all
}

// texts writes columns as texts.
func (q *Query) texts(columns []Column, alias string) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = q.Text(Expression{q.Name(alias, c.Name), c})
	}
	return all
}

// Listed writes what [Page] reads of a row: the parts of its primary key and its
// columns. [Listing] takes them apart.
func (q *Query) Listed(t *Table, columns []Column, alias string) []string {
	return append(q.key(t, alias), q.texts(columns, alias)...)
}

// Listing returns destinations for what [Query.Listed] wrote, and what puts them
// into a row.
func Listing(t *Table, columns []Column) (dest []any, row func() Paged) {
	texts := make([]*string, len(t.Primary)+len(columns))
	for i := range texts {
		dest = append(dest, &texts[i])
	}
	return dest, func() Paged {
		var key strings.Builder
		for _, part := range texts[:len(t.Primary)] {
			key.WriteString(*part) // a primary key takes no null
			key.WriteByte(0)
		}
		return Paged{Key: key.String(), Values: slices.Clone(texts[len(t.Primary):])}
	}
}
