package mysql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
)

const office = "CREATE TABLE people (tenant int, no bigint, email varchar(80) NOT NULL UNIQUE, `Select` text, mood enum ('good', 'bad'), born date, seen timestamp NULL, " +
	"ip inet6, extra json, photo blob, `key` uuid, height double, price decimal(10,2), ok boolean, span time, code char(4), twice int GENERATED ALWAYS AS (tenant * 2) STORED, " +
	"PRIMARY KEY (tenant, no), UNIQUE (no, born));\n" +
	`CREATE TABLE orders (id int PRIMARY KEY, tenant int, person bigint, CONSTRAINT of_person FOREIGN KEY (tenant, person) REFERENCES people (tenant, no));
CREATE VIEW mails AS SELECT email FROM people;
INSERT INTO people (tenant, no, email, ip) VALUES (1, 1, 'ada@example.org', '2001:db8::1'), (1, 2, 'bob@example.org', NULL);
`

func TestCatalogue(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, office)
	tables, err := open(t, d, mysql.Options{}).Tables(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range tables {
		names = append(names, fmt.Sprintf("%s view=%v readable=%v", table.Name, table.View, table.Readable))
	}
	if diff := cmp.Diff([]string{"mails view=true readable=true", "orders view=false readable=true", "people view=false readable=true"}, names); diff != "" {
		t.Fatal(diff)
	}
	people, orders := tables[2], tables[1]
	var columns []string
	for _, c := range people.Columns {
		columns = append(columns, fmt.Sprintf("%s %s %s", c.Name, c.Type, c.Kind)+map[bool]string{true: " null"}[c.Nullable]+map[bool]string{true: " generated"}[c.Generated]+map[bool]string{true: fmt.Sprint(" ", c.Length)}[c.Length > 0])
	}
	if diff := cmp.Diff([]string{
		"tenant int(11) integer", "no bigint(20) integer", "email varchar(80) text 80", "Select text text null", "mood enum('good','bad') text null", "born date date null",
		"seen timestamp time null", "ip inet6 network address null", "extra longtext json null", "photo blob binary null", "key uuid uuid null", "height double float null",
		"price decimal(10,2) decimal null", "ok tinyint(1) boolean null", "span time other null", "code char(4) text null 4", "twice int(11) integer null generated",
	}, columns); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(people.PrimaryKey, []string{"tenant", "no"}) || len(people.Unique) != 2 {
		t.Errorf("keys: %v, %v", people.PrimaryKey, people.Unique)
	}
	key := []catalogue.ForeignKey{{Name: "of_person", Columns: []string{"tenant", "person"}, Schema: d.Name, Table: "people", Keys: []string{"tenant", "no"}}}
	if diff := cmp.Diff(key, orders.ForeignKeys); diff != "" {
		t.Error(diff)
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, office+"CREATE TABLE many (n int PRIMARY KEY, v text); INSERT INTO many SELECT seq, CONCAT('x', seq) FROM seq_1_to_50000; ANALYZE TABLE many; INSERT INTO people (tenant, no, email, `Select`) VALUES (2, 1, 'c@d', repeat('y', 1000))")
	s := open(t, d, mysql.Options{})
	tables, err := s.Tables(t.Context(), d.Name)
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) catalogue.Table {
		return tables[slices.IndexFunc(tables, func(t catalogue.Table) bool { return t.Name == name })]
	}
	got, err := s.Sample(t.Context(), find("people"), []string{"email", "Select", "ip"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"email": {"ada@example.org", "bob@example.org", "c@d"}, "Select": {strings.Repeat("y", catalogue.MaxSample)}, "ip": {"2001:db8::1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	many, err := s.Sample(t.Context(), find("many"), []string{"v"}, 100)
	again, err2 := s.Sample(t.Context(), find("many"), []string{"v"}, 100)
	if err != nil || err2 != nil || len(many["v"]) != 100 || !cmp.Equal(many, again) || slices.Contains(many["v"], "x1") && slices.Contains(many["v"], "x2") && slices.Contains(many["v"], "x100") {
		t.Errorf("a large table: %d values, %v, %v", len(many["v"]), err, err2)
	}
}

// TestCatalogueOfAReader: a user who may read a part of a table is told that it
// may not read it whole.
func TestCatalogueOfAReader(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, office)
	s := as(t, d, "reader", "SELECT ON "+d.Name+".orders", "UPDATE ON "+d.Name+".people")
	tables, err := s.Tables(t.Context(), "")
	if err != nil || len(tables) != 2 || !tables[0].Readable || tables[1].Readable {
		t.Fatalf("got %+v and %v", tables, err)
	}
	if _, err := s.Sample(t.Context(), tables[1], []string{"email"}, 1); !errors.Is(err, store.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
}
