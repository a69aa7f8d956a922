package mysql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/law"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// dialect writes what MySQL and MariaDB say in their own way, both in the same.
type dialect struct{}

var _ sqlstore.Dialect = dialect{}

func (dialect) Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (dialect) Placeholder(int) string { return "?" }

func (dialect) Path(q *sqlstore.Query, sql string, path []string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, name := range path {
		b.WriteString("." + quoted(name))
	}
	found := fmt.Sprintf("JSON_EXTRACT(%s, %s)", sql, q.Arg(b.String()))
	return fmt.Sprintf("(CASE WHEN JSON_TYPE(%s) <> 'NULL' THEN JSON_UNQUOTE(%s) END)", found, found)
}

// Readable leaves to the driver what it makes values of Go of.
func (d dialect) Readable(e sqlstore.Expression) string {
	switch e.Kind {
	case sqlstore.IntegerKind, sqlstore.DateKind, sqlstore.TimeKind:
		return e.SQL
	case sqlstore.BooleanKind:
		return "(" + e.SQL + " <> 0)"
	}
	if base(e.Type) == "double" {
		return e.SQL
	}
	return d.Text(e)
}

func (dialect) Text(e sqlstore.Expression) string {
	switch form(e.Column) {
	case texts:
		return "CONVERT(" + e.SQL + " USING utf8mb4)"
	case octets:
		return "LOWER(HEX(" + e.SQL + "))"
	case bits:
		return "CAST(" + e.SQL + " + 0 AS CHAR)"
	case booleans:
		return fmt.Sprintf("(CASE %s WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE CAST(%s + 0 AS CHAR) END)", e.SQL, e.SQL)
	}
	return "CAST(" + e.SQL + " AS CHAR)"
}

func (dialect) Value(q *sqlstore.Query, c sqlstore.Column, text *string) string {
	if text == nil {
		return "NULL"
	}
	value := *text
	switch form(c) {
	case integers, bits, booleans:
		switch value {
		case "true":
			value = "1"
		case "false":
			value = "0"
		}
	}
	return typed(c, q.Arg(value))
}

// Differs compares octets: a collation would find texts alike that are not.
func (dialect) Differs(a, b string) string {
	return "NOT (" + bytewise(a) + " <=> " + bytewise(b) + ")"
}

func bytewise(text string) string { return "CAST(" + text + " AS BINARY)" }

// lower writes a text in lower case, by a collation that knows all letters.
func lower(text string) string { return "LOWER(" + text + " COLLATE utf8mb4_unicode_520_ci)" }

// few is how many values stand in a statement one by one. More go into one
// parameter: there may be as many as a person has rows.
const few = 100

// OneOf looks for candidates by the column's own rules, so that its index serves,
// and then compares texts byte by byte.
func (d dialect) OneOf(q *sqlstore.Query, e sqlstore.Expression, values []string, fold bool) string {
	if e.Element != "" {
		return "JSON_OVERLAPS(" + e.SQL + ", " + q.Arg(elements(values)) + ")"
	}
	kept := make([]string, 0, len(values))
	for _, v := range values {
		if v, ok := held(e.Column, v); ok {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	if exactly(e.Column) {
		return among(q, kept, []string{e.SQL}, func(v string) []string { return []string{typed(e.Column, v)} })
	}
	exact, same := bytewise(d.Text(e)), bytewise
	if fold {
		exact = bytewise(lower(d.Text(e)))
		same = func(v string) string { return bytewise(lower(v)) }
	}
	if e.Collation == "" || fold && !strings.HasSuffix(e.Collation, "_ci") {
		return among(q, kept, []string{exact}, func(v string) []string { return []string{same(v)} })
	}
	return among(q, kept, []string{e.SQL, exact}, func(v string) []string { return []string{typed(e.Column, v), same(v)} })
}

// among writes that the expressions are, one and all, what written makes of one of
// the values.
func among(q *sqlstore.Query, values, expressions []string, written func(string) []string) string {
	if len(values) > few {
		return fmt.Sprintf("(%s) IN (SELECT %s FROM JSON_TABLE(%s, '$[*]' COLUMNS (v %s PATH '$')) AS j)",
			strings.Join(expressions, ", "), strings.Join(written("j.v"), ", "), q.Arg(array(values)), textOf(longest(values)))
	}
	parts := make([]string, len(expressions))
	for i, e := range expressions {
		list := make([]string, len(values))
		for n, v := range values {
			list[n] = written(q.Arg(v))[i]
		}
		parts[i] = e + " IN (" + strings.Join(list, ", ") + ")"
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// likeEscapes are the characters that LIKE would take for wildcards.
var likeEscapes = strings.NewReplacer(`|`, `||`, `%`, `|%`, `_`, `|_`)

// Contains finds more than it is asked for: accents are alike too.
func (d dialect) Contains(q *sqlstore.Query, e sqlstore.Expression, needles []string) string {
	parts := make([]string, len(needles))
	for i, n := range needles {
		parts[i] = fmt.Sprintf("%s COLLATE utf8mb4_unicode_520_ci LIKE %s ESCAPE '|'", d.Text(e), q.Arg("%"+likeEscapes.Replace(n)+"%"))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// Until adds months before days, as PostgreSQL does and [law.Period.AddTo].
func (dialect) Until(_ *sqlstore.Query, e sqlstore.Expression, k store.Keep) string {
	from := e.SQL
	if k.FromYearEnd {
		// The year 0 is that of the date that is none.
		from = fmt.Sprintf("CONCAT(LPAD(NULLIF(YEAR(%s), 0) + 1, 4, '0'), '-01-01')", e.SQL)
	}
	p, err := law.ParsePeriod(k.Period)
	if err != nil {
		return "NULL" // a row of which nobody knows how long it stays, stays; Validate has refused it before
	}
	return fmt.Sprintf("(CAST(%s AS DATETIME(6)) + INTERVAL %d MONTH + INTERVAL %d DAY)", from, 12*p.Years+p.Months, p.Days)
}

func (dialect) After(q *sqlstore.Query, until string, now time.Time) string {
	return until + " > CAST(" + q.Arg(now.UTC().Format("2006-01-02 15:04:05.000000")) + " AS DATETIME(6))"
}

func (dialect) Latest(until, condition string) string {
	return "MAX(CASE WHEN " + condition + " THEN " + until + " END)"
}

func (dialect) Earliest(until, condition string) string {
	return "MIN(CASE WHEN " + condition + " THEN " + until + " END)"
}

// Defer is empty: InnoDB looks at foreign keys row by row.
func (dialect) Defer() string { return "" }

// Update writes the statement that changes the next rows. Servers try every row
// of a table that is updated with every value of a long list, and look for those
// of a table that is only read in order.
func (dialect) Update(q *sqlstore.Query, t *sqlstore.Table, set []string, condition func(alias string) (string, error), limit int64) (string, error) {
	holds, err := condition("t")
	if err != nil {
		return "", err
	}
	key := places(t)
	long := slices.ContainsFunc(t.Target.Matches, func(m store.Match) bool { return len(m.Values) > few })
	if !long || len(key) == 0 {
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s LIMIT %s", q.From(t, "t"), strings.Join(set, ", "), holds, q.Arg(limit)), nil
	}
	chosen, err := condition("s")
	if err != nil {
		return "", err
	}
	list, same := make([]string, len(key)), make([]string, len(key))
	for i, c := range key {
		name := q.Quote(fmt.Sprintf("habeas %d", i))
		list[i], same[i] = q.Name("s", c.Name)+" AS "+name, q.Name("t", c.Name)+" = b."+name
	}
	return fmt.Sprintf("UPDATE (SELECT %s FROM %s WHERE %s LIMIT %s) AS b JOIN %s ON %s SET %s WHERE %s",
		strings.Join(list, ", "), q.From(t, "s"), chosen, q.Arg(limit), q.From(t, "t"), strings.Join(same, " AND "), strings.Join(set, ", "), holds), nil
}
