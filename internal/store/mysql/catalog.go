package mysql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// readTables reads tables (T), their columns (C) and primary keys (P). %s is the
// condition on their names, for each part.
const readTables = `
SELECT 'T', TABLE_SCHEMA, TABLE_NAME, '', TABLE_TYPE, COALESCE(ENGINE, ''), '', COALESCE(TABLE_ROWS, 0), 0, '', '', 0 FROM information_schema.TABLES WHERE %[1]s
UNION ALL
SELECT 'C', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COALESCE(COLLATION_NAME, ''), EXTRA, COALESCE(CHARACTER_MAXIMUM_LENGTH, 0),
	IS_NULLABLE = 'NO', COALESCE(GENERATION_EXPRESSION, ''), PRIVILEGES, ORDINAL_POSITION FROM information_schema.COLUMNS WHERE %[1]s
UNION ALL
SELECT 'P', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, '', '', '', 0, 0, '', '', SEQ_IN_INDEX FROM information_schema.STATISTICS WHERE %[1]s AND INDEX_NAME = 'PRIMARY'`

// MariaDB calls a text JSON if a check says that it is valid (J).
const readJSON = `
UNION ALL
SELECT 'J', CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE, '', '', '', 0, 0, '', '', 0 FROM information_schema.CHECK_CONSTRAINTS
WHERE (%[1]s) AND CHECK_CLAUSE LIKE 'json\\_valid(%%'`

// readConstraints reads unique indexes (U), checks (C), and triggers that fire
// when rows are deleted or changed (T).
const readConstraints = `
SELECT 'U', TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COALESCE(COLUMN_NAME, ''), SEQ_IN_INDEX FROM information_schema.STATISTICS WHERE %[1]s AND NON_UNIQUE = 0
UNION ALL
SELECT 'T', EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION, 0 FROM information_schema.TRIGGERS WHERE %[2]s AND EVENT_MANIPULATION IN ('DELETE', 'UPDATE')
UNION ALL
`

// A check of MySQL belongs to a table in another place than one of MariaDB.
const (
	readChecksMariaDB = `SELECT 'C', CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 0 FROM information_schema.CHECK_CONSTRAINTS WHERE %[3]s
ORDER BY 1, 2, 3, 4, 6`
	readChecksMySQL = `SELECT 'C', c.TABLE_SCHEMA, c.TABLE_NAME, c.CONSTRAINT_NAME, k.CHECK_CLAUSE, 0 FROM information_schema.TABLE_CONSTRAINTS AS c
JOIN information_schema.CHECK_CONSTRAINTS AS k ON k.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME WHERE %[4]s AND c.CONSTRAINT_TYPE = 'CHECK'
ORDER BY 1, 2, 3, 4, 6`
)

// named are tables by their names.
type named struct {
	server server
	schema string // of those that name none
	tables map[string][]*sqlstore.Table
	ids    map[string]uint64
}

// newNamed takes the tables that targets name, and their archives.
func newNamed(s server, schema string, tables []*sqlstore.Table) *named {
	n := &named{server: s, schema: schema, tables: map[string][]*sqlstore.Table{}, ids: map[string]uint64{}}
	for _, t := range tables {
		t.Schema = orElse(t.Schema, schema)
		key := n.key(t.Schema, t.Name)
		n.tables[key] = append(n.tables[key], t)
	}
	return n
}

// key tells tables apart as the server does.
func (n *named) key(schema, name string) string {
	if n.server.folded {
		schema, name = strings.ToLower(schema), strings.ToLower(name)
	}
	return schema + "\x00" + name
}

// id numbers tables in the order in which they are first met.
func (n *named) id(key string) uint64 {
	if n.ids[key] == 0 {
		n.ids[key] = uint64(len(n.ids) + 1)
	}
	return n.ids[key]
}

// where writes that a row of the catalog is about one of the tables. MariaDB looks
// at one database only if its name is compared alone.
func (n *named) where(q *sqlstore.Query, schema, name string) string {
	bySchema := map[string][]string{}
	for key := range n.tables {
		s, t, _ := strings.Cut(key, "\x00")
		bySchema[s] = append(bySchema[s], q.Arg(t))
	}
	var parts []string
	for s, tables := range bySchema {
		is := name + " = " + tables[0]
		if len(tables) > 1 {
			is = name + " IN (" + strings.Join(tables, ", ") + ")"
		}
		parts = append(parts, schema+" = "+q.Arg(s)+" AND "+is)
	}
	if len(parts) == 0 {
		return "false"
	}
	slices.Sort(parts)
	return strings.Join(parts, " OR ")
}

// Tables describes tables, in one statement.
func (d *database) Tables(ctx context.Context, tx sqlstore.Tx, targets []store.Target) ([]*sqlstore.Table, error) {
	s, err := d.known(ctx, tx)
	if err != nil {
		return nil, err
	}
	all := sqlstore.Asked(targets)
	return all, newNamed(s, d.schema, all).describe(ctx, tx)
}

// described is one row of readTables.
type described struct {
	what, schema, table, column, typ, detail, extra, generation, privileges string
	length, position                                                        int64
	notNull                                                                 bool
}

// describe reads what the catalog says of tables for whose names the conditions
// hold: first of the tables, then of keys and JSON, then of columns in their order.
func (s server) describe(ctx context.Context, tx sqlstore.Tx, q *sqlstore.Query, tables, checks string, yield func(described)) error {
	text := fmt.Sprintf(readTables, "("+tables+")")
	if s.mariadb {
		text += fmt.Sprintf(readJSON, checks)
	}
	text, args := q.SQL(text + " ORDER BY 1 DESC, 2, 3, 12")
	err := tx.Query(ctx, text, args, func(scan func(...any) error) error {
		var r described
		err := scan(&r.what, &r.schema, &r.table, &r.column, &r.typ, &r.detail, &r.extra, &r.length, &r.notNull, &r.generation, &r.privileges, &r.position)
		yield(r)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	return nil
}

// describe reads tables with their columns and primary keys.
func (n *named) describe(ctx context.Context, tx sqlstore.Tx) error {
	if len(n.tables) == 0 {
		return nil
	}
	q := sqlstore.NewQuery(dialect{})
	checks := n.where(q, "CONSTRAINT_SCHEMA", "TABLE_NAME")
	err := n.server.describe(ctx, tx, q, n.where(q, "TABLE_SCHEMA", "TABLE_NAME"), checks, func(r described) {
		key := n.key(r.schema, r.table)
		for _, t := range n.tables[key] {
			n.add(t, key, r)
		}
	})
	if err != nil {
		return err
	}
	for _, same := range n.tables {
		for _, t := range same {
			finish(t)
		}
	}
	return nil
}

// add adds what a row says to a table: first the table itself (T), then its
// primary key (P), JSON (J) and columns (C).
func (n *named) add(t *sqlstore.Table, key string, r described) {
	switch r.what {
	case "T":
		t.ID, t.Columns = n.id(key), map[string]sqlstore.Column{}
		t.Schema, t.Name = r.schema, r.table
		t.CanSelect, t.CanInsert = true, true
		t.Plain = r.typ == "BASE TABLE" || r.typ == "SYSTEM VERSIONED"
		t.Faults = unfit(t, r.typ, r.detail)
	case "P":
		t.Primary = append(t.Primary, r.column)
	case "J":
		name := r.json()
		c := t.Columns[name]
		c.Kind = sqlstore.JSONKind
		t.Columns[name] = c
	case "C":
		c := t.Columns[r.column]
		c.Name, c.Type, c.Collation, c.MaxLength = r.column, r.typ, r.detail, int(r.length)
		c.NotNull = r.notNull
		c.Generated = generated(r)
		c.CanUpdate = granted(r.privileges, "update")
		t.CanSelect = t.CanSelect && granted(r.privileges, "select")
		t.CanInsert = t.CanInsert && (c.Generated || granted(r.privileges, "insert"))
		t.Columns[r.column] = c
	}
}

// json returns the column that a check calls JSON.
func (r described) json() string {
	name, _ := strings.CutPrefix(r.column, "json_valid(")
	return strings.ReplaceAll(strings.Trim(name, "`)"), "``", "`")
}

func generated(r described) bool {
	return r.generation != "" || strings.Contains(r.extra, "GENERATED ALWAYS")
}

func granted(privileges, what string) bool {
	return slices.Contains(strings.Split(privileges, ","), what)
}

// unfit says why rows of a table cannot be changed safely.
func unfit(t *sqlstore.Table, typ, engine string) []store.Fault {
	if t.Target.Collection == nil || t.Target.Treatment == dsr.Leave {
		return nil
	}
	fault := func(problem, hint string) []store.Fault {
		return []store.Fault{{Collection: t.Target.Collection.Name, Problem: problem, Hint: hint}}
	}
	switch {
	case typ == "SYSTEM VERSIONED":
		return fault("keeps every version of its rows: what is erased could still be read", "ALTER TABLE ... DROP SYSTEM VERSIONING, or write erasure: leave and say in the data map what becomes of its history")
	case typ == "BASE TABLE" && engine != "InnoDB":
		return fault(fmt.Sprintf("is stored by %s, which knows no transactions as InnoDB does", engine), "ALTER TABLE ... ENGINE = InnoDB, or write erasure: leave")
	}
	return nil
}

// finish gives columns their kinds.
func finish(t *sqlstore.Table) {
	for name, c := range t.Columns {
		var field *datamap.Field
		if t.Target.Collection != nil {
			field = t.Target.Collection.Field(name)
		}
		if c.Kind != sqlstore.JSONKind {
			c.Kind = kind(c.Type)
		}
		declared := ""
		if field != nil {
			declared = field.DataType
		}
		switch {
		case declared == "boolean" && (c.Type == "tinyint(1)" || c.Type == "bit(1)"):
			c.Kind = sqlstore.BooleanKind
		case c.Kind == sqlstore.JSONKind && strings.HasSuffix(declared, "[]") && declared != "object[]":
			c.Element = "json"
		case c.Kind == sqlstore.IntegerKind && !unsigned(c.Type):
			c.Bits = width(c.Type)
		}
		if form(c) == texts && c.MaxLength == 4294967295 {
			c.MaxLength = 0
		}
		t.Columns[name] = c
	}
}

// kind says what a type holds.
func kind(columnType string) sqlstore.Kind {
	switch base(columnType) {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return sqlstore.TextKind
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return sqlstore.IntegerKind
	case "decimal", "float", "double":
		return sqlstore.NumberKind
	case "date":
		return sqlstore.DateKind
	case "datetime", "timestamp":
		return sqlstore.TimeKind
	case "uuid":
		return sqlstore.UUIDKind
	case "inet4", "inet6":
		return sqlstore.AddressKind
	case "json":
		return sqlstore.JSONKind
	}
	return sqlstore.OtherKind
}

// Catalog describes tables and what a plan must heed, in four statements.
func (d *database) Catalog(ctx context.Context, tx sqlstore.Tx, targets []store.Target) (sqlstore.Catalog, error) {
	c := sqlstore.Catalog{Tables: sqlstore.Asked(targets)}
	s, err := d.known(ctx, tx)
	if err != nil {
		return c, err
	}
	all := slices.Clone(c.Tables)
	for _, t := range c.Tables {
		if t.Target.Treatment == dsr.Archive {
			t.Archive = &sqlstore.Table{Schema: t.Schema, Name: t.Target.Collection.ArchiveTo}
			all = append(all, t.Archive)
		}
	}
	n := newNamed(s, d.schema, all)
	if err := n.describe(ctx, tx); err != nil {
		return c, err
	}
	if c.Triggers, err = n.constraints(ctx, tx); err != nil {
		return c, fmt.Errorf("reading constraints: %w", err)
	}
	if err := n.foreignKeys(ctx, tx, &c); err != nil {
		return c, fmt.Errorf("reading foreign keys: %w", err)
	}
	if err := n.rights(ctx, tx, c.Tables); err != nil {
		return c, fmt.Errorf("reading privileges: %w", err)
	}
	for _, t := range c.Tables {
		t.Faults = append(t.Faults, unplaced(t, c.Keys)...)
		if s.statements && t.Target.Treatment != dsr.Leave {
			t.Faults = append(t.Faults, store.Fault{Collection: t.Target.Collection.Name,
				Problem: "its changes are logged as statements, which is not safe", Hint: "set binlog_format to ROW or MIXED"})
		}
	}
	return c, nil
}

// constraints reads what the columns of tables must fulfil, and their triggers.
func (n *named) constraints(ctx context.Context, tx sqlstore.Tx) ([]sqlstore.Trigger, error) {
	if len(n.tables) == 0 {
		return nil, nil
	}
	checks := readChecksMySQL
	if n.server.mariadb {
		checks = readChecksMariaDB
	}
	q := sqlstore.NewQuery(dialect{})
	text, args := q.SQL(fmt.Sprintf(readConstraints+strings.NewReplacer("%[3]s", "%[3]s", "%[4]s", "%[3]s").Replace(checks),
		"("+n.where(q, "TABLE_SCHEMA", "TABLE_NAME")+")", "("+n.where(q, "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE")+")", "("+n.checked(q)+")"))
	var triggers []sqlstore.Trigger
	return triggers, tx.Query(ctx, text, args, func(scan func(...any) error) error {
		var what, schema, table, name, detail string
		var position int
		if err := scan(&what, &schema, &table, &name, &detail, &position); err != nil {
			return err
		}
		for _, t := range n.tables[n.key(schema, table)] {
			switch what {
			case "U":
				if t.Unique == nil || t.Unique[len(t.Unique)-1].Name != name {
					t.Unique = append(t.Unique, sqlstore.Unique{Name: name})
				}
				last := &t.Unique[len(t.Unique)-1]
				last.Columns = append(last.Columns, detail)
			case "C":
				t.Checks = append(t.Checks, check(name, detail))
			case "T":
				if t.Target.Collection != nil {
					triggers = append(triggers, sqlstore.Trigger{Table: t.ID, Name: name, OnDelete: detail == "DELETE", OnUpdate: detail == "UPDATE"})
				}
			}
		}
		return nil
	})
}

// checked writes that a check is one of the tables'.
func (n *named) checked(q *sqlstore.Query) string {
	if n.server.mariadb {
		return n.where(q, "CONSTRAINT_SCHEMA", "TABLE_NAME")
	}
	return n.where(q, "c.TABLE_SCHEMA", "c.TABLE_NAME")
}

// words are the texts and names in a condition as servers write it.
var words = regexp.MustCompile("'(?:[^'\\\\]|\\\\.|'')*'|`((?:[^`]|``)+)`")

// check reads a check from its condition. MySQL escapes the quotes of texts once more.
func check(name, condition string) sqlstore.Check {
	condition = strings.ReplaceAll(condition, `\'`, `'`)
	c := sqlstore.Check{Name: name, SQL: condition}
	for _, m := range words.FindAllStringSubmatch(condition, -1) {
		if column := strings.ReplaceAll(m[1], "``", "`"); column != "" && !slices.Contains(c.Columns, column) {
			c.Columns = append(c.Columns, column)
		}
	}
	return c
}

// unplaced reports a table whose rows cannot be told apart although they must be.
func unplaced(t *sqlstore.Table, keys []sqlstore.ForeignKey) []store.Fault {
	referred := slices.ContainsFunc(keys, func(k sqlstore.ForeignKey) bool { return k.Parent == t.ID })
	computed := t.Target.Treatment == dsr.Anonymise && slices.ContainsFunc(t.Target.Collection.Fields, func(f *datamap.Field) bool {
		return f.Anonymise != nil && f.Anonymise.Strategy != datamap.Null && f.Anonymise.Strategy != datamap.Constant
	})
	if t.ID == 0 || len(places(t)) > 0 || !computed && t.Target.Treatment != dsr.Archive && !(t.Destroys() && referred) {
		return nil
	}
	return []store.Fault{{Collection: t.Target.Collection.Name, Problem: "has no key by which its rows can be told apart", Hint: "give it a primary key"}}
}

// rights reads what the user may do to the tables.
func (n *named) rights(ctx context.Context, tx sqlstore.Tx, tables []*sqlstore.Table) error {
	var g grants
	err := tx.Query(ctx, "SHOW GRANTS", nil, func(scan func(...any) error) error {
		var line string
		err := scan(&line)
		g.add(line)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range tables {
		t.CanDelete = g.allow("DELETE", t.Schema, t.Name)
		if !n.server.mariadb && t.ID != 0 && t.Target.Treatment != dsr.Leave && !g.allow("TRIGGER", t.Schema, t.Name) {
			t.Faults = append(t.Faults, store.Fault{Collection: t.Target.Collection.Name,
				Problem: "may have triggers that the user cannot see", Hint: "GRANT TRIGGER ON " + strconv.Quote(t.String()) + " TO the user of Habeas itself: MySQL shows them to nobody else"})
		}
	}
	return nil
}
