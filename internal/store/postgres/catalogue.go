package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

var _ catalogue.Reader = (*Store)(nil)

// listTables finds the tables and columns of a schema, or of those of the search
// path, where a name of an earlier schema hides that of a later one. Types are
// those below any domain.
const listTables = `
WITH schemas AS (
	SELECT n.oid, n.nspname, p.pos
	FROM unnest(CASE WHEN $1 = '' THEN current_schemas(false) ELSE ARRAY[$1::name] END) WITH ORDINALITY AS p(name, pos)
	JOIN pg_namespace n ON n.nspname = p.name
), listed AS (
	SELECT DISTINCT ON (c.relname) c.oid, s.nspname, c.relname, c.relkind, c.reltuples
	FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	ORDER BY c.relname, s.pos
)
SELECT l.oid::int8, l.nspname::text, l.relname::text, l.relkind::text, greatest(l.reltuples, 0)::int8,
	has_schema_privilege(l.nspname, 'USAGE') AND NOT EXISTS (
		SELECT FROM pg_attribute x WHERE x.attrelid = l.oid AND x.attnum > 0 AND NOT x.attisdropped
			AND NOT has_column_privilege(l.oid, x.attnum, 'SELECT')),
	a.attname::text, format_type(a.atttypid, a.atttypmod),
	CASE WHEN b.typcategory = 'A' THEN format_type(b.typelem, -1) ELSE format_type(b.oid, -1) END, b.typcategory = 'A', b.typtype = 'e',
	a.attnotnull, a.attgenerated <> '' OR a.attidentity = 'a',
	CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END
FROM listed l
JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN LATERAL (
	WITH RECURSIVE base AS (
		SELECT t.* FROM pg_type t WHERE t.oid = a.atttypid
		UNION ALL
		SELECT t.* FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
	) SELECT * FROM base WHERE typtype <> 'd'
) b ON true
ORDER BY l.relname COLLATE "C", a.attnum`

// listKeys finds the primary, unique and foreign keys of tables.
const listKeys = `
SELECT k.conrelid::int8, k.contype::text, k.conname::text,
	(SELECT array_agg(a.attname::text ORDER BY p.pos) FROM unnest(k.conkey) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.num),
	coalesce(ns.nspname::text, ''), coalesce(c.relname::text, ''),
	(SELECT coalesce(array_agg(a.attname::text ORDER BY p.pos), '{}') FROM unnest(k.confkey) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.num)
FROM pg_constraint k
LEFT JOIN pg_class c ON c.oid = k.confrelid
LEFT JOIN pg_namespace ns ON ns.oid = c.relnamespace
WHERE k.conrelid = ANY($1::int8[]::oid[]) AND k.contype IN ('p', 'u', 'f') AND k.conparentid = 0
ORDER BY k.conname COLLATE "C"`

// snapshot runs f in a transaction that sees one state of the database and
// cannot change it.
func (s *Store) snapshot(ctx context.Context, f func(pgx.Tx) error) error {
	return s.db.Read(ctx, func(tx sqlstore.Tx) error { return f(tx.(transaction).Tx) })
}

// Tables describes the tables and views of a schema, without those of extensions.
func (s *Store) Tables(ctx context.Context, schema string) ([]catalogue.Table, error) {
	var tables []catalogue.Table
	at := map[int64]int{}
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, listTables, schema)
		if err != nil {
			return fmt.Errorf("reading the catalog: %w", failure(ctx, err))
		}
		defer rows.Close()
		var oids []int64
		for rows.Next() {
			var oid int64
			var t catalogue.Table
			var c catalogue.Column
			var kind, base string
			var enum, notNull bool
			if err := rows.Scan(&oid, &t.Schema, &t.Name, &kind, &t.Rows, &t.Readable, &c.Name, &c.Type, &base, &c.Array, &enum, &notNull, &c.Generated, &c.Length); err != nil {
				return fmt.Errorf("reading the catalog: %w", failure(ctx, err))
			}
			if _, known := at[oid]; !known {
				at[oid] = len(tables)
				// A materialised view holds data of its own, as a table does.
				t.View = kind == "v" || kind == "f"
				tables = append(tables, t)
				oids = append(oids, oid)
			}
			c.Kind, c.Nullable = kindOf(base, enum), !notNull
			tables[at[oid]].Columns = append(tables[at[oid]].Columns, c)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("reading the catalog: %w", failure(ctx, err))
		}
		return keys(ctx, tx, oids, func(oid int64) *catalogue.Table { return &tables[at[oid]] })
	})
	return tables, err
}

// keys reads the keys of tables.
func keys(ctx context.Context, tx pgx.Tx, oids []int64, table func(oid int64) *catalogue.Table) error {
	rows, err := tx.Query(ctx, listKeys, oids)
	if err != nil {
		return fmt.Errorf("reading keys: %w", failure(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		var oid int64
		var kind string
		var k catalogue.ForeignKey
		if err := rows.Scan(&oid, &kind, &k.Name, &k.Columns, &k.Schema, &k.Table, &k.Keys); err != nil {
			return fmt.Errorf("reading keys: %w", failure(ctx, err))
		}
		switch t := table(oid); kind {
		case "p":
			t.PrimaryKey = k.Columns
		case "u":
			t.Unique = append(t.Unique, k.Columns)
		default:
			t.ForeignKeys = append(t.ForeignKeys, k)
		}
	}
	return failure(ctx, rows.Err())
}

// kindOf sorts a type below any domain.
func kindOf(base string, enum bool) catalogue.Kind {
	switch base {
	case "text", "character varying", "character", "bpchar", "citext", "name":
		return catalogue.Text
	case "smallint", "integer", "bigint":
		return catalogue.Integer
	case "numeric", "money":
		return catalogue.Decimal
	case "real", "double precision":
		return catalogue.Float
	case "boolean":
		return catalogue.Boolean
	case "date":
		return catalogue.Date
	case "timestamp without time zone", "timestamp with time zone":
		return catalogue.Time
	case "json", "jsonb":
		return catalogue.JSON
	case "uuid":
		return catalogue.UUID
	case "inet", "cidr":
		return catalogue.Network
	case "bytea":
		return catalogue.Binary
	}
	if enum {
		return catalogue.Text
	}
	return catalogue.Other
}

// Sample reads some rows of a table: the first, or of a large table pages that are
// chosen at random but always the same, so that a check says the same twice.
func (s *Store) Sample(ctx context.Context, t catalogue.Table, columns []string, rows int) (map[string][]string, error) {
	found := map[string][]string{}
	list := make([]string, len(columns))
	for i, name := range columns {
		list[i] = fmt.Sprintf("left(%s::text, %d)", pgx.Identifier{name}.Sanitize(), catalogue.MaxSample)
	}
	read := func(tx pgx.Tx, part string) (int, error) {
		sql := fmt.Sprintf("SELECT %s FROM %s%s LIMIT %d", strings.Join(list, ", "), pgx.Identifier{t.Schema, t.Name}.Sanitize(), part, rows)
		result, err := tx.Query(ctx, sql)
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", t.Name, failure(ctx, err))
		}
		defer result.Close()
		n := 0
		values, into := make([]*string, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for ; result.Next(); n++ {
			if err := result.Scan(into...); err != nil {
				return n, fmt.Errorf("reading %s: %w", t.Name, failure(ctx, err))
			}
			for i, v := range values {
				if v != nil {
					found[columns[i]] = append(found[columns[i]], *v)
				}
			}
		}
		return n, failure(ctx, result.Err())
	}
	err := s.snapshot(ctx, func(tx pgx.Tx) error {
		if !t.View && t.Rows > int64(100*rows) {
			// Four times the share that is wanted: pages are not equally full.
			n, err := read(tx, fmt.Sprintf(" TABLESAMPLE SYSTEM (%f) REPEATABLE (1)", min(100, 400*float64(rows)/float64(t.Rows))))
			if err != nil || n > 0 {
				return err
			}
		}
		_, err := read(tx, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, values := range found {
		slices.Sort(values)
	}
	return found, nil
}
