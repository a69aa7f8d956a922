package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

const office = `
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN mail AS varchar(80) CHECK (VALUE LIKE '%@%');
CREATE TABLE people (tenant int, no bigint, email mail NOT NULL UNIQUE, "Select" text, tags text[], mood mood, born date, seen timestamptz,
	ip inet, extra jsonb, photo bytea, key uuid, height real, price numeric(10,2), ok boolean, span interval, code char(4),
	twice int GENERATED ALWAYS AS (tenant * 2) STORED, PRIMARY KEY (tenant, no), UNIQUE (no, born));
CREATE TABLE other.orders (id int PRIMARY KEY, tenant int, person bigint, FOREIGN KEY (tenant, person) REFERENCES public.people (tenant, no));
CREATE TABLE orders (id int PRIMARY KEY, tenant int, person bigint, CONSTRAINT of_person FOREIGN KEY (tenant, person) REFERENCES people (tenant, no));
CREATE TABLE visits (at date, who text) PARTITION BY RANGE (at);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW mails AS SELECT email FROM people;
CREATE MATERIALIZED VIEW copies AS SELECT email FROM people;
INSERT INTO people (tenant, no, email, tags, ip) VALUES (1, 1, 'ada@example.org', '{a,b}', '192.0.2.1'), (1, 2, 'bob@example.org', NULL, NULL);
`

func TestTables(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, office)
	s := d.open(t, postgres.Options{})
	tables, err := s.Tables(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range tables {
		names = append(names, fmt.Sprintf("%s.%s view=%v readable=%v", table.Schema, table.Name, table.View, table.Readable))
	}
	want := []string{
		"public.copies view=false readable=true", "public.mails view=true readable=true", "public.orders view=false readable=true",
		"public.people view=false readable=true", "public.visits view=false readable=true",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatal(diff)
	}
	people, orders := tables[3], tables[2]
	var columns []string
	for _, c := range people.Columns {
		columns = append(columns, fmt.Sprintf("%s %s %s", c.Name, c.Type, c.Kind)+map[bool]string{true: "[]"}[c.Array]+map[bool]string{true: " null"}[c.Nullable]+map[bool]string{true: " generated"}[c.Generated]+map[bool]string{true: fmt.Sprint(" ", c.Length)}[c.Length > 0])
	}
	if diff := cmp.Diff([]string{
		"tenant integer integer", "no bigint integer", "email mail text", "Select text text null", "tags text[] text[] null", "mood mood text null",
		"born date date null", "seen timestamp with time zone time null", "ip inet network address null", "extra jsonb json null", "photo bytea binary null",
		"key uuid uuid null", "height real float null", "price numeric(10,2) decimal null", "ok boolean boolean null", "span interval other null",
		"code character(4) text null 4", "twice integer integer null generated",
	}, columns); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(people.PrimaryKey, []string{"tenant", "no"}) || len(people.Unique) != 2 {
		t.Errorf("keys: %v, %v", people.PrimaryKey, people.Unique)
	}
	key := []catalogue.ForeignKey{{Name: "of_person", Columns: []string{"tenant", "person"}, Schema: "public", Table: "people", Keys: []string{"tenant", "no"}}}
	if diff := cmp.Diff(key, orders.ForeignKeys); diff != "" {
		t.Error(diff)
	}
	others, err := s.Tables(t.Context(), "other")
	if err != nil || len(others) != 1 || others[0].Schema != "other" || len(others[0].ForeignKeys) != 1 {
		t.Errorf("another schema: %v, %v", others, err)
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, office+"CREATE TABLE many AS SELECT n, 'x'||n AS v FROM generate_series(1, 50000) n; ANALYZE many; INSERT INTO people (tenant, no, email, \"Select\") VALUES (2, 1, 'c@d', repeat('y', 1000))")
	s := d.open(t, postgres.Options{})
	tables, err := s.Tables(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) catalogue.Table {
		return tables[slices.IndexFunc(tables, func(t catalogue.Table) bool { return t.Name == name })]
	}
	got, err := s.Sample(t.Context(), find("people"), []string{"email", "Select", "tags", "ip"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"email": {"ada@example.org", "bob@example.org", "c@d"}, "Select": {strings.Repeat("y", catalogue.MaxSample)}, "tags": {"{a,b}"}, "ip": {"192.0.2.1/32"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	many, err := s.Sample(t.Context(), find("many"), []string{"v"}, 100)
	again, err2 := s.Sample(t.Context(), find("many"), []string{"v"}, 100)
	if err != nil || err2 != nil || len(many["v"]) != 100 || !cmp.Equal(many, again) || slices.Contains(many["v"], "x1") && slices.Contains(many["v"], "x2") && slices.Contains(many["v"], "x3") && slices.Contains(many["v"], "x100") {
		t.Errorf("a large table: %d values, %v, %v", len(many["v"]), err, err2)
	}
}

// TestCatalogueOfAReader: a role that may read some tables sees all, and is told
// which it may not read.
func TestCatalogueOfAReader(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, office)
	role := "reader_" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_") + d.conn.Config().ConnConfig.Database
	d.exec(t, "CREATE ROLE "+role+" LOGIN PASSWORD 'reader'; GRANT SELECT ON orders TO "+role)
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "reader")
	s, err := postgres.Open(t.Context(), "app", u.String(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tables, err := s.Tables(t.Context(), "public")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if table.Readable != (table.Name == "orders") {
			t.Errorf("%s: readable %v", table.Name, table.Readable)
		}
		if table.Name == "people" {
			if _, err := s.Sample(t.Context(), table, []string{"email"}, 1); !errors.Is(err, store.ErrDenied) {
				t.Errorf("got %v, want ErrDenied", err)
			}
		}
	}
}
