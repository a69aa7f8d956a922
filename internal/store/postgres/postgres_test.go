package postgres_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// TestContract runs the suite over columns of several types.
func TestContract(t *testing.T) {
	t.Parallel()
	number := strconv.Itoa
	word := func(n int) string { return "value " + strconv.Itoa(n) }
	quotes := []string{`it's`, `a"b`, `a\b`, `100%`, `_`, `'; DROP TABLE "order"; --`, `$1`, `žluťoučký 🐎`, "two\nlines", `{a,b}`, `NULL`}
	for name, kind := range map[string]struct {
		typ     string
		value   func(int) string
		awkward []string
	}{
		"text":    {"text", word, quotes},
		"varchar": {"varchar(200)", word, quotes},
		"char":    {"char(40)", word, nil},
		"citext":  {"citext", word, quotes},
		"integer": {"integer", number, []string{"-1", "2147483647"}},
		"bigint":  {"bigint", number, []string{"-9223372036854775808"}},
		"numeric": {"numeric", number, nil},
		"uuid":    {"uuid", func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }, nil},
		"domain":  {"mail", word, []string{`it's`}},
		"inet":    {"inet", func(n int) string { return fmt.Sprintf("10.%d.%d.%d/32", n/65536, n/256%256, n%256) }, []string{"2001:db8::1/128"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, `CREATE EXTENSION citext; CREATE DOMAIN mail AS text CHECK (length(value) < 200)`)
			var n atomic.Int64
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				f := d.fixture(t, fmt.Sprintf("sales and more %d", n.Add(1)), kind.typ)
				f.Value, f.Awkward = kind.value, kind.awkward
				return f
			})
		})
	}
}

// fixture is a table with reserved words and quotes in its names, in a schema
// of its own.
func (d *database) fixture(t *testing.T, schema, typ string) storetest.Fixture {
	t.Helper()
	name := pgx.Identifier{schema, "order"}.Sanitize()
	d.exec(t, `CREATE SCHEMA `+pgx.Identifier{schema}.Sanitize()+`; CREATE TABLE `+name+` ("User's ""id""" `+typ+`, n serial)`)
	m := mapOf(t, `
      - name: order
        habeas: {erasure: delete}
        fields:
          - name: User's "id"
          - name: n
`)
	m.Datasets[0].Schema = schema
	return storetest.Fixture{
		Store: d.open(t, postgres.Options{Connections: 2}), Collection: m.Collections()[0], Field: `User's "id"`,
		Put: func(t *testing.T, v string) {
			d.exec(t, `INSERT INTO `+name+` ("User's ""id""") VALUES ($1::text::`+typ+`)`, v)
		},
		Records: func(t *testing.T) []string { return d.rows(t, `SELECT o::text FROM `+name+` o`) },
	}
}
