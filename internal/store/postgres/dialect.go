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

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// dialect writes what PostgreSQL says in its own way.
type dialect struct{}

var _ sqlstore.Dialect = dialect{}

func (dialect) Quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func (dialect) Placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (dialect) Path(q *sqlstore.Query, sql string, path []string) string {
	return fmt.Sprintf("(%s #>> %s::text[])", sql, q.Arg(path))
}

// plainTypes are the types that the driver turns into values of Go that mean
// the same everywhere. Of bpchar the text is read, which has no padding.
var plainTypes = []string{
	"smallint", "integer", "bigint", "real", "double precision", "boolean", "text", "character varying",
	"json", "jsonb", "date", "timestamp without time zone", "timestamp with time zone", "bytea",
}

func (dialect) Readable(e sqlstore.Expression) string {
	switch {
	case slices.Contains(plainTypes, e.Type), e.Element != "" && slices.Contains(plainTypes, e.Element):
		return e.SQL
	case e.Element != "":
		return e.SQL + "::text[]"
	}
	return e.SQL + "::text"
}

func (dialect) Text(e sqlstore.Expression) string { return e.SQL + "::text" }

func (dialect) Value(q *sqlstore.Query, c sqlstore.Column, text *string) string {
	if text == nil {
		return "NULL::" + c.Type
	}
	return q.Arg(*text) + "::text::" + c.Type
}

// Takes leaves it to the server, which reads a value of its type or fails.
func (dialect) Takes(sqlstore.Column, string) bool { return true }

func (dialect) Differs(a, b string) string { return a + " IS DISTINCT FROM " + b }

// OneOf turns the values into the type of the column, not the other way round, so
// that an index serves. One on lower(column) serves where case is folded.
func (dialect) OneOf(q *sqlstore.Query, e sqlstore.Expression, values []string, fold bool) string {
	operator, typ := "= ANY", e.Type
	if e.Element != "" {
		operator, typ = "&&", e.Element
	}
	sql := e.SQL
	if fold && e.Type != "citext" {
		sql = "lower(" + sql + ")"
	}
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
		if sql, typ = e.SQL+"::text", "text"; e.Element != "" {
			sql = e.SQL + "::text[]"
		}
	}
	kept := make([]string, 0, len(values))
	for _, v := range values {
		if v, ok := fits(v); ok {
			if fold {
				v = strings.ToLower(v)
			}
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s (%s::text[]::%s[])", sql, operator, q.Arg(kept), typ)
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

// likeEscapes are the characters that LIKE would take for wildcards.
var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (dialect) Contains(q *sqlstore.Query, e sqlstore.Expression, needles []string) string {
	patterns := make([]string, len(needles))
	for i, n := range needles {
		patterns[i] = "%" + likeEscapes.Replace(n) + "%"
	}
	return fmt.Sprintf("lower(%s::text) LIKE ANY (%s::text[])", e.SQL, q.Arg(patterns))
}

func (dialect) Until(q *sqlstore.Query, e sqlstore.Expression, k store.Keep) string {
	from := e.SQL + "::timestamp"
	if k.FromYearEnd {
		from = fmt.Sprintf("(date_trunc('year', %s) + interval '1 year')", from)
	}
	return fmt.Sprintf("(%s + %s::text::interval)", from, q.Arg(k.Period))
}

func (dialect) After(q *sqlstore.Query, until string, now time.Time) string {
	return fmt.Sprintf("%s > %s::timestamptz::timestamp", until, q.Arg(now.UTC()))
}

func (dialect) Latest(until, condition string) string {
	return fmt.Sprintf("max(%s) FILTER (WHERE %s AND isfinite(%s))", until, condition, until)
}

func (dialect) Earliest(until, condition string) string {
	return fmt.Sprintf("min(%s) FILTER (WHERE %s AND isfinite(%s))", until, condition, until)
}

func (dialect) Defer() string { return "SET CONSTRAINTS ALL DEFERRED" }

// Update writes the statement that changes the next rows. The condition stands in
// it as well as in the choice of rows: a place (ctid) alone could mean another
// row, in a partition say.
func (dialect) Update(q *sqlstore.Query, t *sqlstore.Table, set []string, condition func(alias string) (string, error), limit int64) (string, error) {
	holds, err := condition("t")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE t.ctid = ANY (ARRAY(SELECT t.ctid FROM %s WHERE %s LIMIT %s::bigint)) AND %s",
		q.From(t, "t"), strings.Join(set, ", "), q.From(t, "t"), holds, q.Arg(limit), holds), nil
}
