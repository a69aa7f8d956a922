package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// readForeignKeys reads the foreign keys of the whole server, which only InnoDB's
// own tables show to a user who may not read every table. MariaDB writes names
// there as it does those of files.
const readForeignKeys = `
SELECT f.ID, %[1]s, %[2]s, %[3]s, %[4]s, f.TYPE, k.FOR_COL_NAME, k.REF_COL_NAME
FROM information_schema.%[5]s AS f JOIN information_schema.%[5]s_COLS AS k ON k.ID = f.ID
ORDER BY 1, k.POS`

// The types of foreign keys as InnoDB counts them (dict_foreign_t).
const (
	onDeleteCascade = 1
	onDeleteSetNull = 2
)

// foreignKeys reads the foreign keys from and to the tables.
func (n *named) foreignKeys(ctx context.Context, tx sqlstore.Tx, c *sqlstore.Catalog) error {
	view, part := "INNODB_FOREIGN", "SUBSTRING_INDEX(%s, '/', 1)|SUBSTRING(%[1]s, LOCATE('/', %[1]s) + 1)"
	if n.server.mariadb {
		view, part = "INNODB_SYS_FOREIGN", "CONVERT(CONVERT(CONVERT(SUBSTRING_INDEX(%s, '/', 1) USING binary) USING filename) USING utf8mb4)|"+
			"CONVERT(CONVERT(CONVERT(SUBSTRING(%[1]s, LOCATE('/', %[1]s) + 1) USING binary) USING filename) USING utf8mb4)"
	}
	childSchema, child, _ := strings.Cut(fmt.Sprintf(part, "f.FOR_NAME"), "|")
	parentSchema, parent, _ := strings.Cut(fmt.Sprintf(part, "f.REF_NAME"), "|")
	var all []foreignKey
	err := tx.Query(ctx, fmt.Sprintf(readForeignKeys, childSchema, child, parentSchema, parent, view), nil, func(scan func(...any) error) error {
		var id, schema, table, toSchema, toTable, column, toColumn string
		var typ int
		if err := scan(&id, &schema, &table, &toSchema, &toTable, &typ, &column, &toColumn); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].id != id {
			all = append(all, foreignKey{id: id, child: n.key(schema, table), parent: n.key(toSchema, toTable), ForeignKey: sqlstore.ForeignKey{
				Name: id[strings.IndexByte(id, '/')+1:], ChildName: schema + "." + table, Cascades: typ&onDeleteCascade > 0, Cuts: typ&onDeleteSetNull > 0,
			}})
		}
		k := &all[len(all)-1]
		k.Columns, k.Keys = append(k.Columns, column), append(k.Keys, toColumn)
		return nil
	})
	if errors.Is(err, store.ErrDenied) {
		for _, t := range c.Tables {
			if t.Target.Treatment != dsr.Leave {
				t.Faults = append(t.Faults, store.Fault{Collection: t.Target.Collection.Name,
					Problem: "may be referred to by tables that the user cannot see", Hint: "GRANT PROCESS ON *.* TO the user of Habeas, so that it sees the foreign keys of the whole server"})
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, k := range all {
		n.refer(c, k)
	}
	slices.SortFunc(c.Keys, func(a, b sqlstore.ForeignKey) int {
		return strings.Compare(a.ChildName+"\x00"+a.Name, b.ChildName+"\x00"+b.Name)
	})
	return nil
}

// foreignKey is a foreign key as InnoDB names its tables.
type foreignKey struct {
	id, child, parent string
	sqlstore.ForeignKey
}

// refer tells the tables of a foreign key of it.
func (n *named) refer(c *sqlstore.Catalog, k foreignKey) {
	for _, t := range n.tables[k.child] {
		for i, name := range k.Columns {
			column, ok := t.Columns[name]
			if !ok {
				continue
			}
			if column.Refers = true; len(k.Columns) == 1 {
				schema, table, _ := strings.Cut(k.parent, "\x00")
				column.ParentTable, column.ParentColumn = dialect{}.Quote(schema)+"."+dialect{}.Quote(table), dialect{}.Quote(k.Keys[i])
			}
			t.Columns[name] = column
			if !column.NotNull && !column.Generated && !slices.Contains(k.Cuttable, name) {
				k.Cuttable = append(k.Cuttable, name)
			}
		}
	}
	k.Child, k.Parent = n.id(k.child), n.id(k.parent)
	destroys := false
	for _, t := range n.tables[k.parent] {
		for _, name := range k.Keys {
			if column, ok := t.Columns[name]; ok {
				column.Referenced = true
				t.Columns[name] = column
			}
		}
		destroys = destroys || t.ID != 0 && t.Target.Collection != nil && t.Destroys()
	}
	if destroys {
		c.Keys = append(c.Keys, k.ForeignKey)
	}
}
