package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// readTables finds tables and columns by the names in the map. A name without
// schema is looked for along the search path, as the application would.
const readTables = `
WITH asked AS (
	SELECT pos, to_regclass(CASE WHEN s = '' THEN '' ELSE quote_ident(s) || '.' END || quote_ident(n)) AS oid
	FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a(s, n, pos)
)
SELECT asked.pos::int8 - 1, c.oid::int8, ns.nspname::text, c.relname::text, c.relkind IN ('r', 'p'), c.relkind = 'p' OR c.relhassubclass,
	row_security_active(c.oid), has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'), has_table_privilege(c.oid, 'INSERT'),
	a.attname::text, format_type(b.oid, -1), CASE WHEN b.typcategory = 'A' THEN format_type(b.typelem, -1) ELSE '' END,
	CASE WHEN b.oid IN ('varchar'::regtype, 'bpchar'::regtype) AND b.mod > 4 THEN b.mod - 4 ELSE 0 END,
	a.attnotnull OR b.required, a.attgenerated <> '' OR a.attidentity = 'a', has_column_privilege(c.oid, a.attnum, 'UPDATE'),
	coalesce(array_position((SELECT i.indkey::int2[] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), a.attnum), -1)
FROM asked
JOIN pg_class c ON c.oid = asked.oid
JOIN pg_namespace ns ON ns.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN LATERAL (
	WITH RECURSIVE base AS (
		SELECT t.oid, t.typtype, t.typcategory, t.typelem, t.typbasetype, a.atttypmod AS mod, t.typnotnull AS required, t.typtypmod
		FROM pg_type t WHERE t.oid = a.atttypid
		UNION ALL
		SELECT t.oid, t.typtype, t.typcategory, t.typelem, t.typbasetype, base.typtypmod, base.required OR t.typnotnull, t.typtypmod
		FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
	) SELECT * FROM base WHERE typtype <> 'd'
) b ON true`

// readConstraints reads what columns must fulfil: u unique, c
// check, f the foreign keys of a table, r those that lead to it.
const readConstraints = `
WITH tables AS (SELECT unnest($1::int8[]::oid[]) AS oid)
SELECT 'u', i.indrelid::int8, ic.relname::text,
	ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p(num, pos)
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.num WHERE p.pos <= i.indnkeyatts ORDER BY p.pos)
	|| ARRAY(SELECT a.attname::text FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE i.indexprs IS NOT NULL AND d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0),
	coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)::text, '', ''
FROM pg_index i JOIN tables t ON t.oid = i.indrelid JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indisunique
UNION ALL
SELECT CASE k.contype WHEN 'x' THEN 'u' ELSE k.contype::text END, k.conrelid::int8, k.conname::text,
	ARRAY(SELECT a.attname::text FROM unnest(k.conkey) AS p(num) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.num),
	CASE WHEN k.contype = 'c' THEN pg_get_expr(k.conbin, k.conrelid) ELSE '' END,
	CASE WHEN k.contype = 'f' THEN (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k.confrelid) ELSE '' END,
	CASE WHEN k.contype = 'f' AND cardinality(k.confkey) = 1 THEN (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1]) ELSE '' END
FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid WHERE k.contype IN ('c', 'f', 'x')
UNION ALL
SELECT 'r', k.confrelid::int8, k.conname::text,
	ARRAY(SELECT a.attname::text FROM unnest(k.confkey) AS p(num) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.num), '', '', ''
FROM pg_constraint k JOIN tables t ON t.oid = k.confrelid WHERE k.contype = 'f'
ORDER BY 1, 2, 3`

// readForeignKeys leaves out the copies that partitions have of the key of
// their parent.
const readForeignKeys = `
SELECT k.conname::text, k.conrelid::int8, k.confrelid::int8, ns.nspname || '.' || c.relname, k.confdeltype IN ('n', 'd'), k.confdeltype = 'c', k.confmatchtype = 'f',
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

// readTriggers reads the triggers that fire on the deletion (8) or the change
// (16) of a row (pg_trigger.tgtype), but for those of foreign keys, and the rules
// that rewrite such statements (pg_rewrite.ev_type 4 and 2).
const readTriggers = `
SELECT t.tgrelid::int8, t.tgname::text, t.tgtype & 8 > 0, t.tgtype & 16 > 0
FROM pg_trigger t
WHERE t.tgrelid = ANY($1::int8[]::oid[]) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 24 > 0
UNION ALL
SELECT r.ev_class::int8, r.rulename::text, r.ev_type = '4', r.ev_type = '2'
FROM pg_rewrite r
WHERE r.ev_class = ANY($1::int8[]::oid[]) AND r.ev_type IN ('2', '4') AND r.ev_enabled <> 'D'
ORDER BY 2`

// Tables describes tables, in one statement.
func (d *database) Tables(ctx context.Context, tx sqlstore.Tx, targets []store.Target) ([]*sqlstore.Table, error) {
	all := sqlstore.Asked(targets)
	if err := describe(ctx, tx, all); err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return all, nil
}

// Catalog describes tables and what a plan must heed, in at most four statements.
func (d *database) Catalog(ctx context.Context, tx sqlstore.Tx, targets []store.Target) (sqlstore.Catalog, error) {
	c := sqlstore.Catalog{Tables: sqlstore.Asked(targets)}
	all := slices.Clone(c.Tables)
	for _, t := range c.Tables {
		if t.Target.Treatment == dsr.Archive {
			t.Archive = &sqlstore.Table{Schema: t.Schema, Name: t.Target.Collection.ArchiveTo}
			all = append(all, t.Archive)
		}
	}
	if err := describe(ctx, tx, all); err != nil {
		return c, fmt.Errorf("reading the catalog: %w", err)
	}
	if err := constraints(ctx, tx, c.Tables); err != nil {
		return c, fmt.Errorf("reading constraints: %w", err)
	}
	var parents, touched []int64
	for _, t := range c.Tables {
		if t.ID != 0 && t.Destroys() {
			parents = append(parents, int64(t.ID))
		}
		if t.ID != 0 && t.Target.Treatment != dsr.Leave {
			touched = append(touched, int64(t.ID))
		}
	}
	var err error
	if len(parents) > 0 {
		if c.Keys, err = foreignKeys(ctx, tx, parents); err != nil {
			return c, fmt.Errorf("reading foreign keys: %w", err)
		}
	}
	if len(touched) > 0 {
		if c.Triggers, err = triggers(ctx, tx, touched); err != nil {
			return c, fmt.Errorf("reading triggers: %w", err)
		}
	}
	return c, nil
}

// describe reads tables with their columns.
func describe(ctx context.Context, tx sqlstore.Tx, all []*sqlstore.Table) error {
	schemas, names := make([]string, len(all)), make([]string, len(all))
	for i, t := range all {
		schemas[i], names[i] = t.Schema, t.Name
	}
	return tx.Query(ctx, readTables, []any{schemas, names}, func(scan func(...any) error) error {
		var pos, oid int64
		var t sqlstore.Table
		var c sqlstore.Column
		var primary int
		if err := scan(&pos, &oid, &t.Schema, &t.Name, &t.Plain, &t.Parted, &t.Hidden, &t.CanSelect, &t.CanDelete, &t.CanInsert,
			&c.Name, &c.Type, &c.Element, &c.MaxLength, &c.NotNull, &c.Generated, &c.CanUpdate, &primary); err != nil {
			return err
		}
		c.Kind, c.Bits = kind(c.Type)
		to := all[pos]
		if to.ID == 0 {
			t.ID, t.Target, t.Archive, t.Columns = uint64(oid), to.Target, to.Archive, map[string]sqlstore.Column{}
			*to = t
		}
		to.Columns[c.Name] = c
		for len(to.Primary) <= primary {
			to.Primary = append(to.Primary, "")
		}
		if primary >= 0 { // an int2vector counts from 0
			to.Primary[primary] = c.Name
		}
		return nil
	})
}

// kind says what a type holds.
func kind(name string) (k sqlstore.Kind, bits int) {
	switch name {
	case "text", "character varying", "bpchar", "character", "citext", "name":
		return sqlstore.TextKind, 0
	case "smallint":
		return sqlstore.IntegerKind, 16
	case "integer":
		return sqlstore.IntegerKind, 32
	case "bigint":
		return sqlstore.IntegerKind, 64
	case "numeric", "real", "double precision":
		return sqlstore.NumberKind, 0
	case "boolean":
		return sqlstore.BooleanKind, 0
	case "date":
		return sqlstore.DateKind, 0
	case "timestamp without time zone", "timestamp with time zone":
		return sqlstore.TimeKind, 0
	case "uuid":
		return sqlstore.UUIDKind, 0
	case "inet", "cidr":
		return sqlstore.AddressKind, 0
	case "json", "jsonb":
		return sqlstore.JSONKind, 0
	}
	return sqlstore.OtherKind, 0
}

// constraints reads what the columns of tables whose values are replaced must
// fulfil. Nothing else changes values.
func constraints(ctx context.Context, tx sqlstore.Tx, tables []*sqlstore.Table) error {
	byID := map[int64]*sqlstore.Table{}
	var ids []int64
	for _, t := range tables {
		if t.ID != 0 && t.Target.Treatment == dsr.Anonymise {
			byID[int64(t.ID)], ids = t, append(ids, int64(t.ID))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return tx.Query(ctx, readConstraints, []any{ids}, func(scan func(...any) error) error {
		var what, name, text, parent, parentColumn string
		var id int64
		var columns []string
		if err := scan(&what, &id, &name, &columns, &text, &parent, &parentColumn); err != nil {
			return err
		}
		t := byID[id]
		switch what {
		case "u":
			t.Unique = append(t.Unique, sqlstore.Unique{Name: name, Columns: columns, NullsEqual: text == "true"})
		case "c":
			t.Checks = append(t.Checks, sqlstore.Check{Name: name, Columns: columns, SQL: text})
		}
		for _, n := range columns {
			c := t.Columns[n]
			switch what {
			case "f":
				if c.Refers = true; len(columns) == 1 {
					c.ParentTable, c.ParentColumn = parent, parentColumn
				}
			case "r":
				c.Referenced = true
			}
			t.Columns[n] = c
		}
		return nil
	})
}

// foreignKeys reads the foreign keys that lead to tables, from wherever in the
// database.
func foreignKeys(ctx context.Context, tx sqlstore.Tx, parents []int64) ([]sqlstore.ForeignKey, error) {
	var keys []sqlstore.ForeignKey
	return keys, tx.Query(ctx, readForeignKeys, []any{parents}, func(scan func(...any) error) error {
		var k sqlstore.ForeignKey
		var child, parent int64
		err := scan(&k.Name, &child, &parent, &k.ChildName, &k.Cuts, &k.Cascades, &k.Full, &k.Columns, &k.Cuttable, &k.Keys)
		k.Child, k.Parent = uint64(child), uint64(parent)
		keys = append(keys, k)
		return err
	})
}

// triggers reads the triggers of tables.
func triggers(ctx context.Context, tx sqlstore.Tx, tables []int64) ([]sqlstore.Trigger, error) {
	var all []sqlstore.Trigger
	return all, tx.Query(ctx, readTriggers, []any{tables}, func(scan func(...any) error) error {
		var t sqlstore.Trigger
		var id int64
		err := scan(&id, &t.Name, &t.OnDelete, &t.OnUpdate)
		t.Table = uint64(id)
		all = append(all, t)
		return err
	})
}
