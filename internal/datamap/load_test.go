package datamap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
)

// sharedDatasets holds public datasets in the format; they are no part of the project.
const sharedDatasets = "../../../shared/datasets"

// shared returns the paths of the public datasets, by a pattern.
func shared(t testing.TB, patterns ...string) []string {
	t.Helper()
	var paths []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(sharedDatasets, p))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		t.Skip("the public datasets are not here: ../shared is missing")
	}
	return paths
}

func load(t testing.TB, files ...string) (*datamap.Map, error) {
	t.Helper()
	all := map[string][]byte{}
	for i, f := range files {
		all[string(rune('a'+i))+".yml"] = []byte(f)
	}
	return datamap.Load(all)
}

func TestPublicDatasetsLoad(t *testing.T) {
	t.Parallel()
	for _, path := range shared(t, "*.yml", "saas/*.yml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := datamap.Load(map[string][]byte{path: content})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.Collections() {
				if c.Treatment != dsr.Anonymise && c.Treatment != dsr.Leave {
					t.Errorf("%s is to be treated with %q, though the file says nothing", c.Address(), c.Treatment)
				}
			}
		})
	}
}

func TestInvalidPublicDatasetIsRefused(t *testing.T) {
	t.Parallel()
	path := shared(t, "*.invalid")[0]
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = datamap.Load(map[string][]byte{"bad.yml": content})
	var problems datamap.Errors
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want problems", err)
	}
	if p := problems[0]; p.File != "bad.yml" || p.Line != 2 || !strings.Contains(p.Hint, `"- "`) {
		t.Errorf("got %v, want line 2 and a hint about list items", p)
	}
}

const shop = `dataset:
  - fides_key: shop
    fides_meta: {namespace: {schema: sales}}
    collections:
      - name: accounts
        habeas: {erasure: delete, subject: true}
        fields:
          - name: id
            fides_meta: {primary_key: True, data_type: integer}
          - name: email
            data_categories: [user.contact.email]
            fides_meta: {identity: email, data_type: string}
          - name: profile
            fides_meta: {data_type: object}
            fields:
              - name: city
                data_categories: [user.contact.address.city]
              - name: tags
                fides_meta: {data_type: "string[]"}
      - name: invoices
        habeas: {erasure: retain, retention: invoices, retain_from: issued_on}
        fields:
          - name: account_id
            fides_meta: {references: [{dataset: shop, field: accounts.id, direction: from}]}
          - name: issued_on
      - name: visits
        fields:
          - name: ip
            data_categories: [user.device.ip_address]
          - name: name
            data_categories: [user.name]
            fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: gone}}}
          - name: note
            data_categories: [user.name]
            habeas: {anonymise: {strategy: constant, value: 7}}
          - name: kept
            data_categories: [user.name]
            fides_meta: {read_only: true}
      - name: products
        fields:
          - name: price
            data_categories: [system.operations]
`

func TestLoad(t *testing.T) {
	t.Parallel()
	m, err := load(t, shop)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) *datamap.Collection {
		c, ok := m.Lookup(datamap.Address{Dataset: "shop", Collection: name})
		if !ok {
			t.Fatalf("no collection %s", name)
		}
		return c
	}
	accounts, invoices, visits := at("accounts"), at("invoices"), at("visits")
	if accounts.Dataset.Schema != "sales" || accounts.Treatment != dsr.Delete || !accounts.Subject {
		t.Errorf("accounts: got %+v", accounts)
	}
	city := accounts.Field("profile.city")
	if city == nil || city.Parent != accounts.Field("profile") {
		t.Errorf("the nested field was not read: %+v", city)
	}
	if invoices.Treatment != dsr.Retain || invoices.RetentionRule != "invoices" || invoices.RetainFrom != "issued_on" {
		t.Errorf("invoices: got %+v", invoices)
	}
	want := []datamap.Reference{{Target: accounts.Address(), Field: "id", Direction: datamap.From}}
	if diff := cmp.Diff(want, invoices.Field("account_id").References); diff != "" {
		t.Error(diff)
	}
	if visits.Treatment != dsr.Anonymise || at("products").Treatment != dsr.Leave {
		t.Errorf("got %s and %s, want anonymise and leave", visits.Treatment, at("products").Treatment)
	}
	for field, want := range map[string]*datamap.Replacement{
		"ip":   {Strategy: datamap.Null},
		"name": {Strategy: datamap.Constant, Value: "gone"},
		"note": {Strategy: datamap.Constant, Value: 7},
		"kept": nil,
	} {
		if diff := cmp.Diff(want, visits.Field(field).Anonymise); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	if got := visits.Categories(); !cmp.Equal(got, []string{"user.device.ip_address", "user.name"}) {
		t.Errorf("categories: got %v", got)
	}
}

// one wraps the text of a collection into a file.
func one(collection string) string {
	return "dataset:\n  - fides_key: d\n    collections:\n" + collection
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		line int
		want string
	}{
		"empty":                {"", 1, "holds no dataset"},
		"no dataset":           {"policy: []\n", 1, "holds no dataset"},
		"not a list":           {"dataset: 3\n", 1, "dataset is not a list"},
		"bad key":              {"dataset:\n  - fides_key: a b\n    collections: [{name: c, fields: [{name: f}]}]\n", 2, "is not valid"},
		"no collections":       {"dataset:\n  - fides_key: d\n", 2, "has no collections"},
		"unknown under ours":   {one("      - name: c\n        habeas: {erasuer: delete}\n        fields: [{name: f}]\n"), 5, `no setting "erasuer"`},
		"dataset habeas":       {"dataset:\n  - fides_key: d\n    habeas: {x: 1}\n    collections: [{name: c, fields: [{name: f}]}]\n", 3, `no setting "x"`},
		"unknown treatment":    {one("      - name: c\n        habeas: {erasure: shred}\n        fields: [{name: f}]\n"), 5, `erasure is "shred"`},
		"retain without rule":  {one("      - name: c\n        habeas: {erasure: retain, retain_from: f}\n        fields: [{name: f}]\n"), 4, "under no rule"},
		"retain from nothing":  {one("      - name: c\n        habeas: {erasure: retain, retention: r, retain_from: g}\n        fields: [{name: f}]\n"), 4, "none of its fields"},
		"rule without retain":  {one("      - name: c\n        habeas: {erasure: delete, retention: r}\n        fields: [{name: f}]\n"), 4, "is not retained"},
		"nothing to anonymise": {one("      - name: c\n        habeas: {erasure: anonymise}\n        fields: [{name: f}]\n"), 4, "no field for that"},
		"unknown strategy":     {one("      - name: c\n        fields:\n          - name: f\n            habeas: {anonymise: {strategy: shred}}\n"), 7, `strategy is "shred"`},
		"constant valueless":   {one("      - name: c\n        fields:\n          - name: f\n            habeas: {anonymise: {strategy: constant}}\n"), 7, "needs a value"},
		"second collection":    {one("      - {name: c, fields: [{name: f}]}\n      - {name: c, fields: [{name: f}]}\n"), 5, "second collection"},
		"second field":         {one("      - name: c\n        fields:\n          - name: f\n          - name: f\n"), 7, "second field"},
		"same key twice":       {one("      - name: c\n        name: e\n        fields: [{name: f}]\n"), 5, "twice"},
		"bad data type":        {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {data_type: varchar}\n"), 7, "not known"},
		"nested scalar":        {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {data_type: string}\n            fields: [{name: g}]\n"), 6, "fields of its own"},
		"all elements":         {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {data_type: string, return_all_elements: true}\n"), 6, "is no array"},
		"unknown collection":   {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: x.y}]}\n"), 7, "does not exist"},
		"unknown field":        {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: c.y}]}\n"), 7, `field "y"`},
		"half a reference":     {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: c}]}\n"), 7, "does not say where"},
		"bad direction":        {one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: c.f, direction: up}]}\n"), 7, `direction is "up"`},
		"after not A.B":        {one("      - name: c\n        fides_meta: {after: [c]}\n        fields: [{name: f}]\n"), 5, `names "c"`},
		"after itself":         {one("      - name: c\n        fides_meta: {after: [d.c]}\n        fields: [{name: f}]\n"), 4, "makes a cycle"},
		"erase_after cycle":    {one("      - {name: a, fides_meta: {erase_after: [d.b]}, fields: [{name: f}]}\n      - {name: b, fides_meta: {erase_after: [d.a]}, fields: [{name: f}]}\n"), 4, "makes a cycle"},
		"skipped target":       {one("      - {name: a, fides_meta: {skip_processing: true}, fields: [{name: f}]}\n      - name: b\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: d, field: a.f}]}\n"), 8, "skipped"},
		"merge key":            {"x: &x {name: c}\ndataset:\n  - <<: *x\n    fides_key: d\n    collections: [{name: c, fields: [{name: f}]}]\n", 3, "merge keys"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.file)
			var problems datamap.Errors
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			for _, p := range problems {
				if p.Line == test.line && strings.Contains(p.Problem, test.want) {
					return
				}
			}
			t.Errorf("got\n%v\nwant one on line %d with %q", problems, test.line, test.want)
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, "dataset: 3\n", one("      - name: c\n        habeas: {a: 1, b: 2}\n        fields: []\n"), "dataset: [")
	var problems datamap.Errors
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("got %v, want four problems", err)
	}
}

func TestSelfReferenceLoads(t *testing.T) {
	t.Parallel()
	if _, err := load(t, one("      - name: c\n        fields:\n          - name: id\n          - name: parent\n            fides_meta: {references: [{dataset: d, field: c.id}]}\n")); err != nil {
		t.Fatal(err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	part := one("      - name: c\n        fields:\n          - name: f\n            fides_meta: {references: [{dataset: other, field: x.y}]}\n")
	m, err := load(t, part)
	if err != nil {
		t.Fatalf("a part of a map does not load: %v", err)
	}
	if err := m.Complete(); err == nil || !strings.Contains(err.Error(), "a.yml:7") {
		t.Errorf("got %v, want the place of the reference", err)
	}
	m, err = load(t, part, "dataset: [{fides_key: other, collections: [{name: x, fields: [{name: y}]}]}]")
	if err != nil || m.Complete() != nil {
		t.Errorf("got %v and %v, want a complete map", err, m.Complete())
	}
}

func TestAliasesAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("f0: &f0 [{name: x}]\n")
	for i := 1; i < 20; i++ {
		prev := "*f" + string(rune('a'+i-1))
		if i == 1 {
			prev = "*f0"
		}
		b.WriteString("f" + string(rune('a'+i)) + ": &f" + string(rune('a'+i)) + " [{name: a, fields: " + prev + "}, {name: b, fields: " + prev + "}, {name: c, fields: " + prev + "}]\n")
	}
	b.WriteString("dataset: [{fides_key: d, collections: [{name: c, fields: *f" + string(rune('a'+19)) + "}]}]\n")
	if _, err := load(t, b.String()); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("got an error %v, want too many fields", err != nil)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("a: &a [*a]\ndataset: *a\n"))
	f.Add([]byte("dataset: [{fides_key: x, collections: [{name: c, fields: &f [{name: f, fields: *f}]}]}]"))
	for _, path := range []string{"example_test_dataset.invalid", "mongo_example_test_dataset.yml"} {
		if content, err := os.ReadFile(filepath.Join(sharedDatasets, path)); err == nil {
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := datamap.Load(map[string][]byte{"f.yml": content})
		if (m == nil) == (err == nil) {
			t.Fatalf("got map %v and error %v", m, err)
		}
		if m != nil {
			m.Route([]string{"email"})
			for _, c := range m.Collections() {
				if got, ok := m.Lookup(c.Address()); !ok || got != c {
					t.Fatalf("%s is not found again", c.Address())
				}
			}
		}
	})
}
