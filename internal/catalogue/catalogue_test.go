package catalogue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/datamap"
)

var now = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// fake is a store of a few tables with values by "table.column".
type fake struct {
	tables []catalogue.Table
	values map[string][]string
	err    error
	read   *[]string
}

func (f fake) Tables(context.Context, string) ([]catalogue.Table, error) { return f.tables, f.err }

func (f fake) Sample(_ context.Context, t catalogue.Table, columns []string, rows int) (map[string][]string, error) {
	found := map[string][]string{}
	for _, c := range columns {
		if f.read != nil {
			*f.read = append(*f.read, t.Name+"."+c)
		}
		values := f.values[t.Name+"."+c]
		found[c] = values[:min(rows, len(values))]
	}
	return found, nil
}

// table writes a table from "column kind" texts; the first columns marked with *
// are its primary key.
func table(name string, columns ...string) catalogue.Table {
	t := catalogue.Table{Schema: "public", Name: name, Readable: true}
	for _, c := range columns {
		column, kind, _ := strings.Cut(c, " ")
		column, key := strings.CutSuffix(column, "*")
		if key {
			t.PrimaryKey = append(t.PrimaryKey, column)
		}
		kind, array := strings.CutSuffix(kind, "[]")
		if kind == "" {
			kind = "text"
		}
		t.Columns = append(t.Columns, catalogue.Column{Name: column, Type: kind, Kind: catalogue.Kind(kind), Array: array})
	}
	return t
}

// keyed adds a foreign key, "columns>table(keys)".
func keyed(t catalogue.Table, keys ...string) catalogue.Table {
	for i, k := range keys {
		columns, rest, _ := strings.Cut(k, ">")
		parent, names, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "(")
		t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{
			Name: fmt.Sprintf("fk%d", i), Columns: strings.Split(columns, ","), Schema: "public", Table: parent, Keys: strings.Split(names, ","),
		})
	}
	return t
}

func load(t testing.TB, collections string) *datamap.Map {
	t.Helper()
	m, err := datamap.Load(map[string][]byte{"map.yml": []byte("dataset:\n  - fides_key: app\n    collections:\n" + collections)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tell writes findings as "level code collection.field".
func tell(all []catalogue.Finding) []string {
	var lines []string
	for _, f := range all {
		lines = append(lines, fmt.Sprintf("%s %s %s.%s", f.Level, f.Code, f.Collection, f.Field))
	}
	return lines
}

const people = `
      - name: people
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
`

func TestCompare(t *testing.T) {
	t.Parallel()
	peopleTable := table("people", "id* integer", "email")
	tests := map[string]struct {
		collections string
		tables      []catalogue.Table
		values      map[string][]string
		want        []string
	}{
		"right": {people, []catalogue.Table{peopleTable}, nil, nil},
		"a table and a column are missing": {
			people + "          - {name: nick, data_categories: [user.name]}\n      - {name: gone, fields: [{name: x}]}\n",
			[]catalogue.Table{peopleTable}, nil,
			[]string{"error missing_table gone.", "error missing_column people.nick"},
		},
		"a skipped collection is not looked for": {people + "      - {name: gone, fides_meta: {skip_processing: true}, fields: [{name: x}]}\n", []catalogue.Table{peopleTable}, nil, nil},
		"types": {
			people + `      - name: things
        habeas: {erasure: leave}
        fields:
          - {name: a, fides_meta: {data_type: integer}}
          - {name: b, fides_meta: {data_type: string}}
          - {name: c, fides_meta: {data_type: "string[]"}}
          - {name: d, fides_meta: {data_type: object}}
          - {name: e, fields: [{name: x}]}
          - {name: f, fides_meta: {data_type: float}}
          - {name: g, fides_meta: {data_type: string}}
          - {name: h, fides_meta: {data_type: boolean}}
`,
			[]catalogue.Table{peopleTable, table("things", "a", "b integer", "c", "d", "e", "f integer", "g uuid", "h integer")}, nil,
			[]string{"error type_mismatch things.a", "error type_mismatch things.b", "error type_mismatch things.c", "error type_mismatch things.d", "error type_mismatch things.e", "error type_mismatch things.h"},
		},
		"another primary key": {people, []catalogue.Table{table("people", "id integer", "email*")}, nil, []string{"error primary_key_mismatch people."}},
		"a personal column by name": {
			people, []catalogue.Table{table("people", "id* integer", "email", "phone", "phone_type", "is_mobile boolean", "last_login time", "birthday date")}, nil,
			[]string{"error personal_column people.birthday", "error personal_column people.phone"},
		},
		"a personal column by value": {
			people, []catalogue.Table{table("people", "id* integer", "email", "x1", "x2")}, map[string][]string{"people.x1": {"FR1420041010050500013M02606"}, "people.x2": {"hello"}},
			[]string{"error personal_column people.x1"},
		},
		"personal and mapped as nobody's": {
			people + "          - {name: note, data_categories: [system.operations]}\n", []catalogue.Table{table("people", "id* integer", "email", "note")}, map[string][]string{"people.note": {"ask ada@example.org"}},
			[]string{"note uncategorised_column people.note"},
		},
		"a table that is not mapped": {
			people, []catalogue.Table{peopleTable, keyed(table("letters", "id* integer", "person integer", "recipient_name"), "person>people(id)"), table("colours", "name")}, nil,
			[]string{"error unmapped_table letters.person", "error personal_column letters.recipient_name"},
		},
		"views hold nothing": {people, []catalogue.Table{peopleTable, {Name: "mails", View: true, Columns: []catalogue.Column{{Name: "email", Kind: catalogue.Text}}}}, nil, nil},
		"not readable": {
			people, []catalogue.Table{{Name: "people", Columns: peopleTable.Columns, PrimaryKey: []string{"id"}}, {Name: "secret", Columns: []catalogue.Column{{Name: "x", Kind: catalogue.Text}}}}, nil,
			[]string{"error unreadable people.", "note unreadable secret."},
		},
		"foreign keys": {
			people + `      - name: orders
        habeas: {erasure: delete}
        fields:
          - {name: person, fides_meta: {references: [{dataset: app, field: people.id, direction: from}]}}
          - {name: payer}
      - name: lines
        habeas: {erasure: leave}
        fields: [{name: person}]
      - name: wrong
        habeas: {erasure: delete}
        fields: [{name: person, fides_meta: {references: [{dataset: app, field: orders.payer, direction: from}]}}]
`,
			[]catalogue.Table{
				peopleTable, keyed(table("orders", "person integer", "payer integer"), "person>people(id)", "payer>people(id)"),
				keyed(table("lines", "person integer"), "person>people(id)"), keyed(table("wrong", "person integer"), "person>people(id)"),
			}, nil,
			[]string{"error unknown_foreign_key lines.person", "note unknown_foreign_key orders.payer", "error wrong_reference wrong.person"},
		},
		"a chain of references is the same key": {
			people + `      - name: orders
        habeas: {erasure: delete}
        fields: [{name: person, fides_meta: {references: [{dataset: app, field: people.id, direction: from}]}}]
      - name: lines
        habeas: {erasure: delete}
        fields: [{name: person, fides_meta: {references: [{dataset: app, field: orders.person, direction: from}]}}]
`,
			[]catalogue.Table{peopleTable, keyed(table("orders", "person integer"), "person>people(id)"), keyed(table("lines", "person integer"), "person>people(id)")}, nil, nil,
		},
		"the parts of a composite key": {
			`      - name: people
        habeas: {erasure: delete}
        fields:
          - {name: tenant, fides_meta: {primary_key: true}}
          - {name: no, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: orders
        habeas: {erasure: delete}
        fields: &orders
          - {name: tenant, fides_meta: {references: [{dataset: app, field: people.tenant, direction: from}]}}
          - {name: person, fides_meta: {references: [{dataset: app, field: people.no, direction: from}]}}
      - name: letters
        habeas: {erasure: delete, together: [[tenant, person]]}
        fields: *orders
`,
			[]catalogue.Table{
				table("people", "tenant* integer", "no* integer", "email"), keyed(table("orders", "tenant integer", "person integer"), "tenant,person>people(tenant,no)"),
				keyed(table("letters", "tenant integer", "person integer"), "tenant,person>people(tenant,no)"),
			}, nil,
			[]string{"error separated_key orders.tenant"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := load(t, test.collections)
			// Keys are not what most cases are about.
			for i, table := range test.tables {
				if c := m.Datasets[0].Collection(table.Name); c != nil && table.PrimaryKey == nil {
					test.tables[i].PrimaryKey = c.PrimaryKey()
				}
			}
			found, err := catalogue.Compare(t.Context(), m, m.Datasets[0], "main", fake{tables: test.tables, values: test.values}, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tell(found)); diff != "" {
				t.Error(diff)
			}
			for _, f := range found {
				if f.Store != "main" || f.Dataset != "app" || f.Problem == "" || f.Hint == "" {
					t.Errorf("half a finding: %+v", f)
				}
			}
			text, err := json.Marshal(found)
			if err != nil || strings.Contains(string(text), "ada@example.org") || strings.Contains(string(text), "FR14") {
				t.Errorf("a value is repeated: %s, %v", text, err)
			}
		})
	}
}

func TestCompareUnavailable(t *testing.T) {
	t.Parallel()
	m := load(t, people)
	down := errors.New("down")
	if _, err := catalogue.Compare(t.Context(), m, m.Datasets[0], "main", fake{err: down}, now); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	m := load(t, people+`          - {name: last, fides_meta: {references: [{dataset: app, field: orders.id, direction: from}, {dataset: elsewhere, field: x.y}]}}
      - name: orders
        habeas: {erasure: delete}
        fields: [{name: id}, {name: person, fides_meta: {references: [{dataset: app, field: people.id, direction: from}]}}]
      - {name: lost, habeas: {erasure: delete}, fields: [{name: x}]}
      - {name: left, habeas: {erasure: leave}, fields: [{name: x}]}
      - name: late
        habeas: {erasure: delete}
        fields: [{name: x, fides_meta: {references: [{dataset: app, field: later.x, direction: from}]}}]
      - name: later
        fides_meta: {after: [app.late]}
        habeas: {erasure: delete}
        fields: [{name: x, fides_meta: {identity: phone}}]
      - name: pairs
        habeas: {erasure: delete}
        fields: [{name: a, fides_meta: {primary_key: true, identity: email}}, {name: b, fides_meta: {primary_key: true}}]
      - name: apart
        habeas: {erasure: delete}
        fields:
          - {name: x, fides_meta: {references: [{dataset: app, field: pairs.a, direction: from}]}}
          - {name: y, fides_meta: {references: [{dataset: app, field: pairs.b, direction: from}]}}
`)
	want := []string{
		"error incomplete .", "error unreached lost.", "error blocked later.", "error blocked late.", "note broken_cycle people.last", "note separated_key apart.x",
	}
	got := catalogue.Plan(m)
	if diff := cmp.Diff(want, tell(got)); diff != "" {
		t.Error(diff)
	}
	for _, f := range got {
		if f.File != "map.yml" || f.Line == 0 {
			t.Errorf("it does not say where: %+v", f)
		}
	}
}

// TestOrderAcrossStores: what cannot be kept is said, not passed over.
func TestOrderAcrossStores(t *testing.T) {
	t.Parallel()
	m := load(t, people+`      - name: orders
        fides_meta: {erase_after: [app.people, files.images]}
        fields: [{name: x}]
  - fides_key: files
    collections: [{name: images, fields: [{name: x}]}]
`)
	if diff := cmp.Diff([]string{"note unordered orders."}, tell(catalogue.Plan(m))); diff != "" {
		t.Error(diff)
	}
}

func office() fake {
	return fake{
		tables: []catalogue.Table{
			keyed(table("Order Items", "id* integer", "tenant integer", "person integer", "yes", "null json", "on boolean"), "tenant,person>people(tenant,no)", "id>people(no)"),
			table("empty"),
			keyed(table("people", "tenant* integer", "no* integer", "mail", "name", "boss integer", "x", "tags text[]"), "boss>people(no)", "tenant>other.tenants(id)"),
			{Name: "view", View: true, Columns: []catalogue.Column{{Name: "email"}}},
			table("sessions", "session_token*", "api_key", "password"),
			keyed(table("uses", "session_token", "key"), "session_token>sessions(session_token)", "key>sessions(api_key)"),
			{Schema: "public", Name: "secret", Columns: []catalogue.Column{{Name: "phone", Kind: catalogue.Text}}},
		},
		values: map[string][]string{"people.x": {"192.0.2.1", "192.0.2.2"}},
	}
}

// TestDraft: the draft loads, has the keys of the store, says what is guessed, and
// is the same each time.
func TestDraft(t *testing.T) {
	t.Parallel()
	text, err := catalogue.Draft(t.Context(), office(), "main", "app", "public", now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := catalogue.Draft(t.Context(), office(), "main", "app", "public", now)
	if err != nil || string(again) != string(text) {
		t.Errorf("another draft the second time (%v): %s", err, cmp.Diff(string(text), string(again)))
	}
	if strings.Contains(string(text), "192.0.2") {
		t.Error("the draft repeats a value")
	}
	m, err := datamap.Load(map[string][]byte{"draft.yml": text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := m.Complete(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	items, ok := m.Lookup(datamap.Address{Dataset: "app", Collection: "Order Items"})
	if !ok || len(items.Together) != 1 || items.Field("yes") == nil || items.Field("null") == nil || items.Field("on") == nil {
		t.Fatalf("names were not kept:\n%s", text)
	}
	persons, _ := m.Lookup(datamap.Address{Dataset: "app", Collection: "people"})
	if !slices.Equal(persons.PrimaryKey(), []string{"tenant", "no"}) || persons.Field("mail").Identity != "email" || persons.Field("x").Categories[0] != "user.device.ip_address" || persons.Field("tags").DataType != "string[]" {
		t.Errorf("people:\n%s", text)
	}
	for _, c := range m.Collections() {
		if c.Treatment != "leave" {
			t.Errorf("%s would be erased by a draft", c.Name)
		}
	}
	for _, says := range []string{"guessed: its name speaks for: e-mail address", "2 of 2 sampled values look like: IP address", "may not read this table"} {
		if !strings.Contains(string(text), says) {
			t.Errorf("it does not say %q:\n%s", says, text)
		}
	}
}

// TestDraftComparesClean: what was drafted from a store has nothing wrong with it,
// but for what the draft itself marks.
func TestDraftComparesClean(t *testing.T) {
	t.Parallel()
	store := office()
	text, err := catalogue.Draft(t.Context(), store, "main", "app", "public", now)
	if err != nil {
		t.Fatal(err)
	}
	m, err := datamap.Load(map[string][]byte{"draft.yml": text})
	if err != nil {
		t.Fatal(err)
	}
	found, err := catalogue.Compare(t.Context(), m, m.Datasets[0], "main", store, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"error unreadable secret.", "note uncategorised_column sessions.api_key", "note uncategorised_column sessions.session_token"}
	if diff := cmp.Diff(want, tell(found)); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestDraftOfNothing(t *testing.T) {
	t.Parallel()
	text, err := catalogue.Draft(t.Context(), fake{}, "main", "app", "", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := datamap.Load(map[string][]byte{"draft.yml": text}); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
