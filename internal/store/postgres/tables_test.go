package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/storetest"
)

const tablesSchema = `
CREATE TABLE people (id int PRIMARY KEY, email varchar(60) UNIQUE NOT NULL, name text, password text, profile jsonb, locked boolean NOT NULL DEFAULT false);
CREATE TABLE posts (id int PRIMARY KEY, author int NOT NULL REFERENCES people, parent int REFERENCES posts, body text);
CREATE TABLE invoices (id int PRIMARY KEY, person int NOT NULL REFERENCES people, issued date, total numeric(10,2));
CREATE TABLE old_invoices (id int PRIMARY KEY, person int NOT NULL, issued date, total numeric(10,2));
CREATE TABLE visits (id int PRIMARY KEY, person int, ip inet, seen timestamptz, phone text, email text, device varchar(80), browser text, page text NOT NULL, referrer text);
`

func TestTablesContract(t *testing.T) {
	t.Parallel()
	storetest.RunTables(t, func(t *testing.T) storetest.Tables {
		d := newDatabase(t, tablesSchema)
		quote := func(name string) string { return pgx.Identifier{name}.Sanitize() }
		return storetest.Tables{
			Store: d.open(t, postgres.Options{Batch: 3, Secret: []byte("secret")}),
			Put: func(t *testing.T, table string, row map[string]any) {
				var names, values []string
				var args []any
				for name, v := range row {
					names = append(names, quote(name))
					if v == nil {
						values = append(values, "NULL")
						continue
					}
					args = append(args, fmt.Sprint(v))
					values = append(values, fmt.Sprintf("$%d", len(args)))
				}
				d.exec(t, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", quote(table), strings.Join(names, ", "), strings.Join(values, ", ")), args...)
			},
			Rows: func(t *testing.T, table string) []string {
				return d.rows(t, fmt.Sprintf("SELECT t::text FROM %s t ORDER BY id", quote(table)))
			},
			Get: func(t *testing.T, table string, id int, column string) string {
				return d.rows(t, fmt.Sprintf("SELECT coalesce(%s::text, 'NULL') FROM %s WHERE id = %d", quote(column), quote(table), id))[0]
			},
			Swap: func(ctx context.Context, table string, id int, column, from, to string) (bool, error) {
				tag, err := d.conn.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = $1 WHERE id = $2 AND %s = $3", quote(table), quote(column), quote(column)), to, id, from)
				return tag.RowsAffected() == 1, err
			},
		}
	})
}
