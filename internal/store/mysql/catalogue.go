package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

var _ catalogue.Reader = (*Store)(nil)

// listKeys reads unique indexes and foreign keys of the tables of a database.
const listKeys = `
SELECT 'U', TABLE_NAME, INDEX_NAME, COALESCE(COLUMN_NAME, ''), '', '', '', SEQ_IN_INDEX FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = %[1]s AND NON_UNIQUE = 0 AND INDEX_NAME <> 'PRIMARY'
UNION ALL
SELECT 'F', TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME, ORDINAL_POSITION
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %[1]s AND REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY 1, 2, 3, 8`

// Tables describes the tables and views of a database, without a name that of the
// address. Tables on which the user has no right are not there.
func (s *Store) Tables(ctx context.Context, schema string) ([]catalogue.Table, error) {
	schema = orElse(schema, s.db.schema)
	var tables []catalogue.Table
	err := s.db.Read(ctx, func(tx sqlstore.Tx) error {
		server, err := s.db.known(ctx, tx)
		if err != nil {
			return err
		}
		l := listing{}
		q := sqlstore.NewQuery(dialect{})
		name := q.Arg(schema)
		if err := server.describe(ctx, tx, q, "TABLE_SCHEMA = "+name, "CONSTRAINT_SCHEMA = "+name, l.add); err != nil {
			return err
		}
		if err := l.keys(ctx, tx, schema); err != nil {
			return fmt.Errorf("reading keys: %w", err)
		}
		for _, t := range l {
			tables = append(tables, *t)
		}
		slices.SortFunc(tables, func(a, b catalogue.Table) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return tables, err
}

// listing is tables by their names.
type listing map[string]*catalogue.Table

// add adds what a row of the catalog says.
func (l listing) add(r described) {
	t := l[r.table]
	switch {
	case r.what == "T" && (r.typ == "BASE TABLE" || r.typ == "SYSTEM VERSIONED" || r.typ == "VIEW"):
		l[r.table] = &catalogue.Table{Schema: r.schema, Name: r.table, View: r.typ == "VIEW", Readable: true, Rows: r.length}
	case t == nil:
	case r.what == "P":
		t.PrimaryKey = append(t.PrimaryKey, r.column)
	case r.what == "J":
		t.Columns = append(t.Columns, catalogue.Column{Name: r.json(), Kind: catalogue.JSON})
	case r.what == "C":
		c := catalogue.Column{Name: r.column, Type: r.typ, Kind: kindOf(r.typ), Nullable: !r.notNull, Generated: generated(r)}
		if b := base(r.typ); b == "char" || b == "varchar" {
			c.Length = int(r.length)
		}
		// What is known to be JSON stands there already, before all columns.
		t.Columns = slices.DeleteFunc(t.Columns, func(known catalogue.Column) bool {
			if known.Name == c.Name {
				c.Kind = known.Kind
			}
			return known.Name == c.Name
		})
		t.Columns = append(t.Columns, c)
		t.Readable = t.Readable && granted(r.privileges, "select")
	}
}

// keys reads the keys of the tables.
func (l listing) keys(ctx context.Context, tx sqlstore.Tx, schema string) error {
	q := sqlstore.NewQuery(dialect{})
	text, args := q.SQL(fmt.Sprintf(listKeys, q.Arg(schema)))
	last := ""
	return tx.Query(ctx, text, args, func(scan func(...any) error) error {
		var what, table, name, column, toSchema, toTable, toColumn string
		var position int
		if err := scan(&what, &table, &name, &column, &toSchema, &toTable, &toColumn, &position); err != nil {
			return err
		}
		t := l[table]
		if t == nil {
			return nil
		}
		key := what + "\x00" + table + "\x00" + name
		again := key == last
		last = key
		if what == "U" {
			if !again {
				t.Unique = append(t.Unique, nil)
			}
			t.Unique[len(t.Unique)-1] = append(t.Unique[len(t.Unique)-1], column)
			return nil
		}
		if !again {
			t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{Name: name, Schema: toSchema, Table: toTable})
		}
		k := &t.ForeignKeys[len(t.ForeignKeys)-1]
		k.Columns, k.Keys = append(k.Columns, column), append(k.Keys, toColumn)
		return nil
	})
}

// kindOf sorts a type. tinyint(1) is how these servers write boolean.
func kindOf(columnType string) catalogue.Kind {
	switch form(sqlstore.Column{Type: columnType}) {
	case texts:
		return catalogue.Text
	case octets:
		return catalogue.Binary
	case bits:
		return catalogue.Integer
	case integers:
		if columnType == "tinyint(1)" {
			return catalogue.Boolean
		}
		return catalogue.Integer
	case decimals:
		return catalogue.Decimal
	case floats:
		return catalogue.Float
	case dates:
		return catalogue.Date
	case times:
		return catalogue.Time
	}
	switch base(columnType) {
	case "json":
		return catalogue.JSON
	case "uuid":
		return catalogue.UUID
	case "inet4", "inet6":
		return catalogue.Network
	}
	return catalogue.Other
}

// Sample reads some rows of a table: the first, or of a large table rows that are
// chosen at random but always the same, so that a check says the same twice.
func (s *Store) Sample(ctx context.Context, t catalogue.Table, columns []string, rows int) (map[string][]string, error) {
	found := map[string][]string{}
	q := sqlstore.NewQuery(dialect{})
	list := make([]string, len(columns))
	values, dest := make([]*string, len(columns)), make([]any, len(columns))
	for i, name := range columns {
		c, _ := t.Column(name)
		list[i] = fmt.Sprintf("LEFT(%s, %d)", q.Text(sqlstore.Expression{SQL: q.Quote(name), Column: sqlstore.Column{Name: name, Type: c.Type}}), catalogue.MaxSample)
		dest[i] = &values[i]
	}
	some := "true"
	if !t.View && t.Rows > int64(100*rows) {
		// Four times the share that is wanted: what is known of the number is old.
		some = fmt.Sprintf("RAND(1) < %f", min(1, 4*float64(rows)/float64(t.Rows)))
	}
	text := fmt.Sprintf("SELECT %s FROM %s.%s WHERE %s LIMIT %d", strings.Join(list, ", "), q.Quote(t.Schema), q.Quote(t.Name), some, rows)
	err := s.db.Read(ctx, func(tx sqlstore.Tx) error {
		return tx.Query(ctx, text, nil, func(scan func(...any) error) error {
			if err := scan(dest...); err != nil {
				return err
			}
			for i, v := range values {
				if v != nil {
					found[columns[i]] = append(found[columns[i]], *v)
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	for _, values := range found {
		slices.Sort(values)
	}
	return found, nil
}
