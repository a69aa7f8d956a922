package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// table is what the database says about the table of one target.
type table struct {
	target    store.Target
	oid       uint32
	schema    string
	name      string
	kind      string // pg_class.relkind
	canSelect bool
	canDelete bool
	columns   map[string]column
}

// column is what the database says about a column. Types are those below any
// domain, written so that a cast to them keeps values as they are.
type column struct {
	Name      string
	Type      string
	Category  string // pg_type.typcategory
	Element   string // type of the elements of an array, else empty
	NotNull   bool
	Generated bool
	Unique    bool // alone in a unique index
	CanUpdate bool
}

// String returns "schema.table" for messages.
func (t *table) String() string { return t.schema + "." + t.name }

// from writes the table with an alias.
func (t *table) from(alias string) string {
	return pgx.Identifier{t.schema, t.name}.Sanitize() + " AS " + alias
}

// destroys reports whether rows of the target can be deleted.
func (t *table) destroys() bool {
	return t.target.Treatment == dsr.Delete || t.target.Treatment == dsr.Retain
}

// readTables finds tables and columns by the names in the map. A name without
// schema is looked for along the search path, as the application would.
const readTables = `
WITH asked AS (
	SELECT pos, to_regclass(CASE WHEN s = '' THEN '' ELSE quote_ident(s) || '.' END || quote_ident(n)) AS oid
	FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(s, n, pos)
)
SELECT asked.pos::int8 - 1, c.oid::int8, ns.nspname::text, c.relname::text, c.relkind::text,
	has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'),
	a.attname::text, format_type(b.oid, -1), b.typcategory::text,
	CASE WHEN b.typcategory = 'A' THEN format_type(b.typelem, -1) ELSE '' END,
	a.attnotnull, a.attgenerated <> '' OR a.attidentity = 'a',
	EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
	has_column_privilege(c.oid, a.attnum, 'UPDATE')
FROM asked
JOIN pg_class c ON c.oid = asked.oid
JOIN pg_namespace ns ON ns.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN LATERAL (
	WITH RECURSIVE base AS (
		SELECT t.* FROM pg_type t WHERE t.oid = a.atttypid
		UNION ALL
		SELECT t.* FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
	) SELECT * FROM base WHERE typtype <> 'd'
) b ON true`

// describe reads what the database says about the tables of targets. A table
// that is not there has the oid 0.
func describe(ctx context.Context, tx pgx.Tx, targets []store.Target) ([]*table, error) {
	all := make([]*table, len(targets))
	schemas, names := make([]string, len(targets)), make([]string, len(targets))
	for i, target := range targets {
		c := target.Collection
		schemas[i], names[i] = c.Dataset.Schema, c.Name
		all[i] = &table{target: target, schema: c.Dataset.Schema, name: c.Name, columns: map[string]column{}}
	}
	rows, err := tx.Query(ctx, readTables, schemas, names)
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", failure(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		var pos, oid int64
		var t table
		var c column
		if err := rows.Scan(&pos, &oid, &t.schema, &t.name, &t.kind, &t.canSelect, &t.canDelete,
			&c.Name, &c.Type, &c.Category, &c.Element, &c.NotNull, &c.Generated, &c.Unique, &c.CanUpdate); err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", failure(ctx, err))
		}
		to := all[pos]
		to.oid, to.schema, to.name, to.kind = uint32(oid), t.schema, t.name, t.kind
		to.canSelect, to.canDelete = t.canSelect, t.canDelete
		to.columns[c.Name] = c
	}
	if err := failure(ctx, rows.Err()); err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return all, nil
}

// tables is [describe] for those who need every table to be there.
func (s *Store) tables(ctx context.Context, tx pgx.Tx, targets []store.Target) ([]*table, error) {
	all, err := describe(ctx, tx, targets)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.oid == 0 {
			return nil, fmt.Errorf("%w: the data store %s has no table %s: mend the data map", store.ErrSchema, s.name, t.name)
		}
	}
	return all, nil
}

// foreignKey is a foreign key that leads to a table whose rows can be deleted.
type foreignKey struct {
	Name          string
	Child, Parent uint32
	ChildName     string // schema.table
	OnDelete      string // pg_constraint.confdeltype
	Nullable      bool   // at least one of the referring columns takes null, so the link can be cut
	Columns       []string
	Cuttable      []string // those of Columns that take null
	Keys          []string
}

// cuts reports whether the database itself cuts the link when the parent goes.
func (k foreignKey) cuts() bool { return k.OnDelete == "n" || k.OnDelete == "d" }

// cascades reports whether the referring rows go with the parent.
func (k foreignKey) cascades() bool { return k.OnDelete == "c" }

// readForeignKeys leaves out the copies that partitions have of the key of
// their parent.
const readForeignKeys = `
SELECT k.conname::text, k.conrelid::int8, k.confrelid::int8, ns.nspname || '.' || c.relname, k.confdeltype::text,
	(SELECT array_agg(a.attname::text ORDER BY p.pos) FROM unnest(k.conkey) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.num),
	(SELECT coalesce(array_agg(a.attname::text ORDER BY p.pos), '{}') FROM unnest(k.conkey) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.num AND NOT a.attnotnull AND a.attgenerated = ''),
	(SELECT array_agg(a.attname::text ORDER BY p.pos) FROM unnest(k.confkey) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.num)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace ns ON ns.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY($1::int8[]::oid[])
ORDER BY 4, 1`

// foreignKeys reads the foreign keys that lead to tables whose rows can be
// deleted, from wherever in the database.
func foreignKeys(ctx context.Context, tx pgx.Tx, tables []*table) ([]foreignKey, error) {
	var parents []int64
	for _, t := range tables {
		if t.destroys() && t.oid != 0 {
			parents = append(parents, int64(t.oid))
		}
	}
	rows, err := tx.Query(ctx, readForeignKeys, parents)
	if err != nil {
		return nil, fmt.Errorf("reading foreign keys: %w", failure(ctx, err))
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (foreignKey, error) {
		var k foreignKey
		var child, parent int64
		err := row.Scan(&k.Name, &child, &parent, &k.ChildName, &k.OnDelete, &k.Columns, &k.Cuttable, &k.Keys)
		k.Child, k.Parent, k.Nullable = uint32(child), uint32(parent), len(k.Cuttable) > 0
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading foreign keys: %w", failure(ctx, err))
	}
	return keys, nil
}

// readTriggers reads the triggers that fire on the deletion (8) or the change
// (16) of a row (pg_trigger.tgtype), but for those of foreign keys.
const readTriggers = `
SELECT t.tgrelid::int8, t.tgname::text, t.tgtype & 8 > 0, t.tgtype & 16 > 0
FROM pg_trigger t
WHERE t.tgrelid = ANY($1::int8[]::oid[]) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 24 > 0
ORDER BY t.tgname`

// triggerFaults reports triggers that would fire and that nobody has accepted.
// What one does cannot be read from the catalog, so it may reach any table.
func (s *Store) triggerFaults(ctx context.Context, tx pgx.Tx, tables []*table) ([]store.Fault, error) {
	var oids []int64
	for _, t := range tables {
		oids = append(oids, int64(t.oid))
	}
	rows, err := tx.Query(ctx, readTriggers, oids)
	if err != nil {
		return nil, fmt.Errorf("reading triggers: %w", failure(ctx, err))
	}
	defer rows.Close()
	var faults []store.Fault
	for rows.Next() {
		var oid int64
		var name string
		var onDelete, onUpdate bool
		if err := rows.Scan(&oid, &name, &onDelete, &onUpdate); err != nil {
			return nil, fmt.Errorf("reading triggers: %w", failure(ctx, err))
		}
		for _, t := range tables {
			fires := (onDelete && t.destroys()) || (onUpdate && t.target.Treatment == dsr.Anonymise)
			if int64(t.oid) == oid && fires && !slices.Contains(s.accepted, t.name+"."+name) {
				faults = append(faults, store.Fault{
					Collection: t.target.Collection.Name,
					Problem:    fmt.Sprintf("the trigger %s would fire, and what it does is unknown", name),
					Hint:       fmt.Sprintf("read it; if it copies and destroys no personal data, list it under accepted_triggers as %s.%s", t.name, name),
				})
			}
		}
	}
	return faults, failure(ctx, rows.Err())
}

// column returns the column that holds a field, and the path within it that a
// dotted field names.
func (t *table) column(name string) (column, []string, error) {
	f := t.target.Collection.Field(name)
	var path []string
	for ; f != nil && f.Parent != nil; f = f.Parent {
		path = append([]string{strings.TrimPrefix(f.Name, f.Parent.Name+".")}, path...)
		if strings.HasSuffix(f.Parent.DataType, "[]") {
			return column{}, nil, fmt.Errorf("%w: the field %s of %s lies in an array of objects, which cannot be searched here", store.ErrSchema, name, t)
		}
	}
	return t.root(f, name, path)
}

// root returns the column of a field that has no parent.
func (t *table) root(f *datamap.Field, name string, path []string) (column, []string, error) {
	if f == nil {
		return column{}, nil, fmt.Errorf("%w: the data map has no field %s in %s", store.ErrSchema, name, t)
	}
	c, ok := t.columns[f.Name]
	if !ok {
		return column{}, nil, fmt.Errorf("%w: the table %s has no column %s", store.ErrSchema, t, f.Name)
	}
	if len(path) > 0 && c.Type != "json" && c.Type != "jsonb" {
		return column{}, nil, fmt.Errorf("%w: the column %s of %s is no JSON and has no field %s", store.ErrSchema, f.Name, t, name)
	}
	return c, path, nil
}
