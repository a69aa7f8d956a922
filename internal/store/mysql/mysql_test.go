package mysql_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// TestContract runs the suite over columns of several types.
func TestContract(t *testing.T) {
	t.Parallel()
	number := strconv.Itoa
	word := func(n int) string { return "value " + strconv.Itoa(n) }
	ascii := []string{`it's`, `a"b`, `a\b`, `100%`, `_`, "a`b", `'; DROP TABLE "order"; --`, `?`, "two\nlines", `{a,b}`, `NULL`}
	quotes := append([]string{`žluťoučký 🐎`, "blank at the end ", "VALUE 1000", "válue 1000"}, ascii...)
	for name, kind := range map[string]struct {
		typ     string
		value   func(int) string
		awkward []string
	}{
		"varchar":  {"varchar(200)", word, quotes},
		"text":     {"text", word, quotes},
		"latin1":   {"varchar(200) CHARACTER SET latin1", word, append([]string{"Größe"}, ascii...)},
		"binary":   {"varchar(200) COLLATE utf8mb4_bin", word, quotes},
		"char":     {"char(40)", word, nil},
		"int":      {"int", number, []string{"-1", "2147483647"}},
		"unsigned": {"bigint unsigned", number, []string{"18446744073709551615"}},
		"decimal":  {"decimal(12,0)", number, nil},
		"uuid":     {"uuid", func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }, nil},
		"octets":   {"varbinary(16)", func(n int) string { return fmt.Sprintf("ab%030x", n) }, nil},
		"inet6":    {"inet6", func(n int) string { return fmt.Sprintf("2001:db8::%x", n+1) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mysqltest.New(t, "")
			var n atomic.Int64
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				f := fixture(t, d, fmt.Sprintf("%s order %d", d.Name, n.Add(1)), kind.typ, n.Load()%2 == 0)
				f.Value, f.Awkward = kind.value, kind.awkward
				return f
			})
		})
	}
}

// fixture is a table with reserved words and quotes in its names, in a database
// of its own beside that of the address, with and without a primary key.
func fixture(t *testing.T, d *mysqltest.Database, schema, typ string, keyed bool) storetest.Fixture {
	t.Helper()
	name := "`" + schema + "`.`order`"
	key := ""
	if keyed {
		key = ", PRIMARY KEY (n)"
	}
	d.Exec(t, "CREATE DATABASE `"+schema+"`; CREATE TABLE "+name+" (`User's ``id``` "+typ+", n bigint NOT NULL AUTO_INCREMENT"+key+", KEY (n))")
	m := mapOf(t, `
      - name: order
        habeas: {erasure: delete}
        fields:
          - name: User's `+"`id`"+`
          - name: n
`)
	m.Datasets[0].Schema = schema
	value := "?"
	if typ == "varbinary(16)" {
		value = "UNHEX(?)"
	}
	return storetest.Fixture{
		Store: open(t, d, mysql.Options{Connections: 2}), Collection: m.Collections()[0], Field: "User's `id`",
		Put: func(t *testing.T, v string) {
			d.Exec(t, "INSERT INTO "+name+" (`User's ``id```) VALUES ("+value+")", v)
		},
		Records: func(t *testing.T) []string { return d.Rows(t, "SELECT * FROM "+name) },
	}
}
