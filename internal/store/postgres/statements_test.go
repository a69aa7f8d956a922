package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// statements counts what is asked of a server: of its catalog, and of its rows.
// Beginnings and ends of transactions are neither.
type statements struct {
	mu            sync.Mutex
	catalog, rows int
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch word, _, _ := strings.Cut(strings.ToLower(d.SQL), " "); {
	case word == "begin", word == "commit", word == "rollback":
	case strings.Contains(d.SQL, "pg_class"), strings.Contains(d.SQL, "pg_trigger"), strings.Contains(d.SQL, "pg_is_in_recovery"):
		s.catalog++
	default:
		s.rows++
	}
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// of returns how many statements f asked for.
func (s *statements) of(f func()) (catalog, rows int) {
	s.catalog, s.rows = 0, 0
	f()
	return s.catalog, s.rows
}

// TestStatements: at most two of a collection's rows are asked for to find them,
// and three for each batch to erase it and read it back, whatever the number of
// identities. The catalog is read once for each call, in a fixed number.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, identities := range []int{1, 1000} {
		for _, batch := range []int{0, 2} {
			d := newDatabase(t, forum)
			counted := &statements{}
			s, targets := d.open(t, postgres.Options{Batch: batch, Tracer: counted}), forumTargets(t)
			for i := range targets {
				for n := range identities {
					targets[i].Matches[0].Values = append(targets[i].Matches[0].Values, 100_000+n)
				}
			}
			must := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			catalog, rows := counted.of(func() {
				must(s.Find(t.Context(), targets[0], []string{"id"}, func(store.Row) error { return nil }))
			})
			if catalog+rows > 2 {
				t.Errorf("find: %d of the catalog and %d of rows", catalog, rows)
			}
			catalog, rows = counted.of(func() { must(s.Export(t.Context(), targets[0], nil, &storetest.Rows{})) })
			if catalog+rows > 2 {
				t.Errorf("export: %d of the catalog and %d of rows", catalog, rows)
			}
			batches := 4
			if batch > 0 {
				// Accounts, posts, comments and visits: 1, 2, 3 and 2 rows; a full batch is
				// followed by a look whether that was all.
				batches = 1 + 2 + 2 + 2
			}
			catalog, rows = counted.of(func() {
				_, err := s.Erase(t.Context(), targets, now, store.Watch{})
				must(err)
				_, err = s.Verify(t.Context(), targets, now)
				must(err)
			})
			if rows > 3*batches || catalog > 9 {
				t.Errorf("%d identities, batches of %d: %d statements for %d batches, and %d of the catalog", identities, batch, rows, batches, catalog)
			}
			requireVerified(t, s, targets)
		}
	}
}

// TestConstraintsAreFoundByThePlan: what would fail half-way is said before.
func TestConstraintsAreFoundByThePlan(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE DOMAIN needed AS text NOT NULL; CREATE DOMAIN short AS varchar(3);
		CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1); CREATE TABLE big (id bigint PRIMARY KEY); INSERT INTO big VALUES (1)`)
	s := d.open(t, postgres.Options{Secret: []byte("secret")})
	for name, test := range map[string]struct{ column, anonymise, want string }{
		"not null":              {"v text NOT NULL", `{strategy: "null"}`, "takes no null"},
		"domain":                {"v needed", `{strategy: "null"}`, "takes no null"},
		"unique":                {"v text UNIQUE", `{strategy: constant, value: x}`, "is unique"},
		"unique together":       {"v text, UNIQUE (v, id)", `{strategy: constant, value: x}`, "is unique"},
		"unique, random":        {"v text UNIQUE", `{strategy: random}`, "is unique"},
		"unique, pseudonym":     {"v text UNIQUE", `{strategy: pseudonym, basis: b}`, ""},
		"unique, null":          {"v text UNIQUE", `{strategy: "null"}`, ""},
		"unique, one null":      {"v text UNIQUE NULLS NOT DISTINCT", `{strategy: "null"}`, "is unique"},
		"length":                {"v varchar(3)", `{strategy: constant, value: long}`, "at most 3 characters"},
		"length of a domain":    {"v short", `{strategy: constant, value: long}`, "at most 3 characters"},
		"length of a hash":      {"v varchar(64)", `{strategy: hash, basis: b}`, "at most 64 characters"},
		"length of a pseudonym": {"v varchar(20)", `{strategy: pseudonym, basis: b}`, "at most 20 characters"},
		"check":                 {"v text CHECK (v <> 'x')", `{strategy: constant, value: x}`, "forbids"},
		"check of a form":       {"v text CHECK (v ~ '^a')", `{strategy: pseudonym, basis: b}`, "forbids"},
		"check of two":          {"v text, CONSTRAINT either CHECK (v IS NOT NULL OR id = 0)", `{strategy: "null"}`, "either"},
		"check that holds":      {"v text CHECK (v <> 'y')", `{strategy: constant, value: x}`, ""},
		"no such key":           {"v int REFERENCES parent", `{strategy: constant, value: 7}`, "foreign key"},
		"a key":                 {"v int REFERENCES parent", `{strategy: constant, value: 1}`, ""},
		"pseudonym of a key":    {"v bigint REFERENCES big", `{strategy: pseudonym, basis: b}`, "refers to another table"},
		"generated":             {"v text GENERATED ALWAYS AS ('a') STORED", `{strategy: "null"}`, "generated"},
		"hash of a number":      {"v int", `{strategy: hash, basis: b}`, "cannot hold a hash"},
		"pseudonym of a small":  {"v int", `{strategy: pseudonym, basis: b}`, "cannot hold a pseudonym"},
		"random JSON":           {"v jsonb", `{strategy: random}`, "no random value"},
		"year of a number":      {"v int", `{strategy: partial, keep: year}`, "cannot be kept"},
		"no such value":         {"v int", `{strategy: constant, value: x}`, "22P02"},
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(t, "DROP TABLE IF EXISTS p; CREATE TABLE p (id int, owner int, "+test.column+")")
			value := map[bool]string{true: "1", false: "'a'"}[strings.Contains(test.column, "int")]
			switch {
			case strings.Contains(test.column, "GENERATED"):
				d.exec(t, "INSERT INTO p (id, owner) VALUES (1, 1), (2, 2)")
			case strings.Contains(test.column, "jsonb"):
				d.exec(t, "INSERT INTO p (id, owner, v) VALUES (1, 1, '{}')")
			default:
				d.exec(t, "INSERT INTO p (id, owner, v) VALUES (1, 1, "+value+")")
			}
			m := mapOf(t, `
      - name: p
        habeas: {erasure: anonymise}
        fields: [{name: id}, {name: owner}, {name: v, habeas: {anonymise: `+test.anonymise+`}}]
`)
			targets := []store.Target{target(t, m, "p", "owner", 1)}
			before := d.rows(t, "SELECT p::text FROM p")
			_, err := s.Survey(t.Context(), targets, now)
			if test.want == "" {
				if err == nil {
					_, err = s.Erase(t.Context(), targets, now, store.Watch{})
				}
				if err != nil {
					t.Fatal(err)
				}
				requireVerified(t, s, targets)
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if after := d.rows(t, "SELECT p::text FROM p"); fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("got %v, want %v", after, before)
			}
		})
	}
}

// TestUnkeyedStoreMakesNoPseudonyms: without a secret anybody could make the same.
func TestUnkeyedStoreMakesNoPseudonyms(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "CREATE TABLE p (owner int, v text)")
	m := mapOf(t, `
      - name: p
        habeas: {erasure: anonymise}
        fields: [{name: owner}, {name: v, habeas: {anonymise: {strategy: pseudonym, basis: b}}}]
`)
	if _, err := d.open(t, postgres.Options{}).Survey(t.Context(), []store.Target{target(t, m, "p", "owner", 1)}, now); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error about the secret", err)
	}
}
