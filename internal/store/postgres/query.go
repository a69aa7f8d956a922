package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// query is a statement that is being written: identifiers go into its text,
// values only ever into args.
type query struct {
	args []any
}

// arg adds a value and returns its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// expression is a field of a row, and its type.
type expression struct {
	sql string
	column
}

// quote writes the name of a column of the table alias.
func quote(alias, name string) string { return alias + "." + pgx.Identifier{name}.Sanitize() }

// field writes a field of the map.
func (q *query) field(t *table, alias, name string) (expression, error) {
	c, path, err := t.column(name)
	if err != nil {
		return expression{}, err
	}
	if len(path) == 0 {
		return expression{quote(alias, c.Name), c}, nil
	}
	sql := fmt.Sprintf("(%s #>> %s::text[])", quote(alias, c.Name), q.arg(path))
	return expression{sql, column{Name: c.Name, Type: "text", Category: "S"}}, nil
}

// plainTypes are the types that the driver turns into values of Go that mean
// the same everywhere. Of bpchar the text is read, which has no padding.
var plainTypes = []string{
	"smallint", "integer", "bigint", "real", "double precision", "boolean", "text", "character varying",
	"json", "jsonb", "date", "timestamp without time zone", "timestamp with time zone", "bytea",
}

// readable writes the expression for the list of a SELECT.
func (e expression) readable() string {
	switch {
	case slices.Contains(plainTypes, e.Type), e.Element != "" && slices.Contains(plainTypes, e.Element):
		return e.sql
	case e.Element != "":
		return e.sql + "::text[]"
	}
	return e.sql + "::text"
}

// matches writes the condition that a row is the subject's.
func (q *query) matches(t *table, alias string) (string, error) {
	var alternatives []string
	for _, m := range t.target.Matches {
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
func (q *query) match(t *table, alias string, m store.Match) (string, error) {
	if len(m.All) == 0 {
		e, err := q.field(t, alias, m.Field)
		if err != nil {
			return "", err
		}
		return q.isOneOf(folded(e, m)), nil
	}
	parts, before := make([]string, len(m.All)), len(q.args)
	for i, part := range m.All {
		sql, err := q.match(t, alias, part)
		if err != nil || sql == "" {
			// The server refuses values that its statement does not use.
			q.args = q.args[:before]
			return "", err
		}
		parts[i] = sql
	}
	return "(" + strings.Join(parts, " AND ") + ")", nil
}

// folded makes a comparison of texts blind to case where the match wants that. An
// index on lower(column) serves it.
func folded(e expression, m store.Match) (expression, []string) {
	values := m.Texts()
	if !m.Fold || e.Element != "" || !slices.Contains([]string{"text", "character varying", "bpchar"}, e.Type) {
		return e, values
	}
	for i, v := range values {
		values[i] = strings.ToLower(v)
	}
	e.sql = "lower(" + e.sql + ")"
	return e, values
}

// isOneOf writes that e has one of the values, so that an index on the column
// can serve: the values are turned into its type, not the other way round.
// Values that the type cannot hold equal nothing in the column and are left
// out. It returns "" if none is left.
func (q *query) isOneOf(e expression, values []string) string {
	operator, typ := "= ANY", e.Type
	if e.Element != "" {
		operator, typ = "&&", e.Element
	}
	sql := e.sql
	var fits func(string) (string, bool)
	switch typ {
	case "smallint", "integer", "bigint":
		fits = integer(map[string]int{"smallint": 16, "integer": 32, "bigint": 64}[typ])
	case "uuid":
		fits = uuidText
	case "text", "character varying", "bpchar", "citext", "name":
		fits = plainText
	default:
		fits = plainText
		if sql, typ = e.sql+"::text", "text"; e.Element != "" {
			sql = e.sql + "::text[]"
		}
	}
	kept := make([]string, 0, len(values))
	for _, v := range values {
		if v, ok := fits(v); ok {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s (%s::text[]::%s[])", sql, operator, q.arg(kept), typ)
}

// plainText: no text of PostgreSQL holds a NUL or invalid UTF-8.
func plainText(v string) (string, bool) {
	return v, utf8.ValidString(v) && !strings.ContainsRune(v, 0)
}

// integer returns what takes whole numbers of so many bits.
func integer(bits int) func(string) (string, bool) {
	return func(v string) (string, bool) {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, bits)
		return strconv.FormatInt(n, 10), err == nil
	}
}

func uuidText(v string) (string, bool) {
	id, err := uuid.Parse(v)
	return id.String(), err == nil
}

// until writes the moment from which a retained row may go; null if the row
// does not say when its period begins.
func (q *query) until(t *table, alias string) (string, error) {
	k := t.target.Keep
	e, err := q.field(t, alias, k.From)
	if err != nil {
		return "", err
	}
	if !dated(e.Type) {
		return "", fmt.Errorf("%w: the column %s of %s holds no date", store.ErrSchema, k.From, t)
	}
	from := e.sql + "::timestamp"
	if k.FromYearEnd {
		from = fmt.Sprintf("(date_trunc('year', %s) + interval '1 year')", from)
	}
	return fmt.Sprintf("(%s + %s::text::interval)", from, q.arg(k.Period)), nil
}

// dated reports whether a type says which day it is.
func dated(typ string) bool {
	return typ == "date" || strings.HasPrefix(typ, "timestamp")
}

// kept writes the condition that a row must stay for now. A row that does not
// say when its period begins stays: what law may oblige to keep is not
// destroyed on a guess.
func (q *query) kept(t *table, alias string, now time.Time) (string, error) {
	if t.target.Treatment != dsr.Retain {
		return "false", nil
	}
	until, err := q.until(t, alias)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("coalesce(%s > %s::timestamptz::timestamp, true)", until, q.arg(now.UTC())), nil
}

// due writes the condition that a row is the subject's and there is something
// to be done to it.
func (q *query) due(t *table, alias string, now time.Time) (string, error) {
	matches, err := q.matches(t, alias)
	if err != nil {
		return "", err
	}
	undone, err := q.undone(t, alias, now)
	if err != nil {
		return "", err
	}
	return "(" + matches + " AND " + undone + ")", nil
}

// undone writes the condition that there is something to be done to a row of
// the subject.
func (q *query) undone(t *table, alias string, now time.Time) (string, error) {
	switch t.target.Treatment {
	case dsr.Delete:
		return "true", nil
	case dsr.Retain:
		kept, err := q.kept(t, alias, now)
		return "NOT " + kept, err
	case dsr.Anonymise:
		return q.differs(t, alias)
	}
	return "false", nil
}

// replacements returns the fields of t that are replaced when it is anonymised.
func (t *table) replacements() []*datamap.Field {
	var all []*datamap.Field
	for _, f := range t.target.Collection.Fields {
		if f.Anonymise != nil {
			all = append(all, f)
		}
	}
	return all
}

// differs writes the condition that a row is not anonymised yet.
func (q *query) differs(t *table, alias string) (string, error) {
	var any []string
	for _, f := range t.replacements() {
		c, path, err := t.column(f.Name)
		if err != nil {
			return "", err
		}
		if len(path) > 0 {
			return "", fmt.Errorf("%w: the field %s of %s lies within a JSON column: anonymise the column as a whole", store.ErrSchema, f.Name, t)
		}
		// Compared as text, since not every type (json, say) knows equality.
		sql := quote(alias, c.Name) + " IS NOT NULL"
		if f.Anonymise.Strategy == datamap.Constant {
			sql = fmt.Sprintf("%s::text IS DISTINCT FROM (%s)::text", quote(alias, c.Name), q.constant(f, c))
		}
		any = append(any, sql)
	}
	if len(any) == 0 {
		return "", fmt.Errorf("%w: no field of %s is to be anonymised", store.ErrSchema, t)
	}
	return "(" + strings.Join(any, " OR ") + ")", nil
}

// constant writes what replaces a field.
func (q *query) constant(f *datamap.Field, c column) string {
	if f.Anonymise.Strategy == datamap.Null {
		return "NULL"
	}
	return fmt.Sprintf("%s::text::%s", q.arg(fmt.Sprint(f.Anonymise.Value)), c.Type)
}
