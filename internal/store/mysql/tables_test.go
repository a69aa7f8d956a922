package mysql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
	"github.com/soffiah/habeas/internal/store/storetest"
)

const tablesSchema = `
CREATE TABLE people (id int PRIMARY KEY, email varchar(60) UNIQUE NOT NULL, name text, password text, profile json, locked boolean NOT NULL DEFAULT false);
CREATE TABLE posts (id int PRIMARY KEY, author int NOT NULL REFERENCES people (id), parent int REFERENCES posts (id), body text);
CREATE TABLE invoices (id int PRIMARY KEY, person int NOT NULL REFERENCES people (id), issued date, total decimal(10,2));
CREATE TABLE old_invoices (id int PRIMARY KEY, person int NOT NULL, issued date, total decimal(10,2));
CREATE TABLE visits (id int PRIMARY KEY, person int, ip inet4, seen timestamp NULL, phone text, email text, device varchar(80), browser text, page text NOT NULL, referrer text);
`

func TestTablesContract(t *testing.T) {
	t.Parallel()
	storetest.RunTables(t, func(t *testing.T) storetest.Tables {
		d := mysqltest.New(t, tablesSchema)
		return storetest.Tables{
			Store: open(t, d, mysql.Options{Batch: 3, Secret: []byte("secret")}),
			Put: func(t *testing.T, table string, row map[string]any) {
				var names, marks []string
				var args []any
				for name, v := range row {
					names, marks, args = append(names, name), append(marks, "?"), append(args, v)
				}
				d.Exec(t, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(marks, ", ")), args...)
			},
			Rows: func(t *testing.T, table string) []string { return d.Rows(t, "SELECT * FROM "+table+" ORDER BY id") },
			Get: func(t *testing.T, table string, id int, column string) string {
				if column == "locked" { // which MySQL calls a number
					column = "IF(locked, 'true', 'false')"
				}
				return d.Rows(t, fmt.Sprintf("SELECT %s FROM %s WHERE id = %d", column, table, id))[0]
			},
			Swap: func(ctx context.Context, table string, id int, column, from, to string) (bool, error) {
				result, err := d.SQL.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = ? WHERE id = ? AND %s = ?", table, column, column), to, id, from)
				if err != nil {
					return false, err
				}
				n, err := result.RowsAffected()
				return n == 1, err
			},
		}
	})
}
