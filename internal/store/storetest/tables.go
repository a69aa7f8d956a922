package storetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// TablesMap is the data map of the tables that a [Tables] has, each with the key
// id. email is unique; visits.seen is a moment and visits.ip an address, if the
// kind has such types; people.profile is JSON. posts refers to people by author
// and to itself by parent, which takes null.
const TablesMap = `dataset:
  - fides_key: app
    collections:
      - name: people
        habeas: {erasure: delete, restriction: {field: locked}}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, fides_meta: {identity: email}, habeas: {rectify: {type: email}}}
          - {name: name, habeas: {rectify: {max_length: 40}}}
          - {name: password, habeas: {secret: true}}
          - {name: profile}
          - {name: locked, fides_meta: {data_type: boolean}}
      - name: posts
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: author}
          - {name: parent}
          - {name: body, habeas: {search: text}}
      - name: invoices
        habeas: {erasure: archive, archive_to: old_invoices}
        fields: [{name: id, fides_meta: {primary_key: true}}, {name: person}, {name: issued}, {name: total}]
      - name: old_invoices
        habeas: {erasure: retain, retention: ten, retain_from: issued}
        fields: [{name: id, fides_meta: {primary_key: true}}, {name: person}, {name: issued}, {name: total}]
      - name: visits
        habeas: {erasure: anonymise}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: person}
          - {name: ip, habeas: {anonymise: {strategy: partial, keep: network}}}
          - {name: seen, habeas: {anonymise: {strategy: partial, keep: year}}}
          - {name: phone, habeas: {anonymise: {strategy: random}}}
          - {name: email, fides_meta: {identity: email}, habeas: {anonymise: {strategy: pseudonym, basis: statistics}}}
          - {name: device, habeas: {anonymise: {strategy: hmac, basis: fraud}}}
          - {name: browser, habeas: {anonymise: {strategy: hash, basis: statistics}}}
          - {name: page, habeas: {anonymise: {strategy: constant, value: "/"}}}
          - {name: referrer, habeas: {anonymise: {strategy: "null"}}}
`

// Tables is a fresh store of tables, as [TablesMap] describes them, that changes
// at most three rows in one transaction.
type Tables struct {
	Store store.Store
	// Put adds a row. Values are texts, numbers, booleans or nil.
	Put func(t *testing.T, table string, row map[string]any)
	// Rows returns all rows of a table as texts, in the order of their ids.
	Rows func(t *testing.T, table string) []string
	// Get returns one value as text, "NULL" for null.
	Get func(t *testing.T, table string, id int, column string) string
	// Swap sets a column where it holds the old value, as the controller's own
	// program would, and reports whether it did.
	Swap func(ctx context.Context, table string, id int, column, from, to string) (bool, error)
}

// RunTables tests what stores of tables can do beyond the contract. open is
// called once for each test, from tests that run at the same time.
func RunTables(t *testing.T, open func(t *testing.T) Tables) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, tables){
		"EraseInOrder":         eraseInOrder,
		"Account":              account,
		"Archive":              archive,
		"Anonymise":            anonymise,
		"ExportTypes":          exportTypes,
		"Scan":                 scan,
		"Rectify":              rectify,
		"RectifyUnderWriters":  rectifyUnderWriters,
		"RectifyRefused":       rectifyRefused,
		"Restrict":             restrict,
		"CrashInEveryBatch":    crashInEveryBatch,
		"RetryAfterEveryBatch": retryAfterEveryBatch,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := datamap.Load(map[string][]byte{"map.yml": []byte(TablesMap)})
			if err != nil {
				t.Fatal(err)
			}
			f := tables{open(t), m}
			f.fill(t)
			test(t, f)
		})
	}
}

type tables struct {
	Tables
	m *datamap.Map
}

const tableNames = "people posts invoices old_invoices visits"

// fill adds two people of the same name, Ada 1 and Ada 2.
func (f tables) fill(t *testing.T) {
	for person := 1; person <= 2; person++ {
		mail := fmt.Sprintf("ada%d@example.org", person)
		f.Put(t, "people", map[string]any{"id": person, "email": mail, "name": "Ada King", "password": "$2y$", "profile": `{"nick": "countess", "n": [1]}`, "locked": false})
		for i := range 5 {
			id := 10*person + i
			post := map[string]any{"id": id, "author": person, "parent": nil, "body": "hello"}
			if i > 0 {
				post["parent"] = id - 1
			}
			f.Put(t, "posts", post)
			f.Put(t, "invoices", map[string]any{"id": id, "person": person, "issued": fmt.Sprintf("20%d-02-03", 10+4*i), "total": "12.50"})
			f.Put(t, "visits", map[string]any{
				"id": id, "person": person, "ip": fmt.Sprintf("10.1.2.%d", id), "seen": "2024-05-06 07:08:09", "phone": fmt.Sprintf("+49 (30) 12-%d Xy", id),
				"email": mail, "device": "phone", "browser": "lynx", "page": "/inbox", "referrer": nil,
			})
		}
	}
	f.Put(t, "visits", map[string]any{"id": 99, "person": 1, "ip": nil, "seen": nil, "phone": nil, "email": nil, "device": nil, "browser": nil, "page": "/", "referrer": nil})
}

// target means the first person's rows of a table.
func (f tables) target(t *testing.T, name, field string, values ...any) store.Target {
	t.Helper()
	c, ok := f.m.Lookup(datamap.Address{Dataset: "app", Collection: name})
	if !ok {
		t.Fatalf("no table %s", name)
	}
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment, Matches: []store.Match{{Field: field, Values: values}}}
	if c.Treatment == dsr.Retain || c.Treatment == dsr.Archive {
		target.Keep = &store.Keep{Rule: "ten", From: "issued", Period: "P10Y"}
	}
	return target
}

// subject means everything of the first person.
func (f tables) subject(t *testing.T) []store.Target {
	return []store.Target{
		f.target(t, "people", "id", "1"), f.target(t, "posts", "author", "1"), f.target(t, "invoices", "person", "1"),
		f.target(t, "old_invoices", "person", "1"), f.target(t, "visits", "person", "1"),
	}
}

// dump returns all rows of all tables.
func (f tables) dump(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for _, name := range strings.Fields(tableNames) {
		all[name] = f.Rows(t, name)
	}
	return all
}

func (f tables) verified(t *testing.T, targets []store.Target) {
	t.Helper()
	got, err := f.Store.Verify(t.Context(), targets, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, tally := range got {
		if tally.Residual != 0 {
			t.Errorf("%s: %d rows are left", tally.Address, tally.Residual)
		}
	}
}

// tallied writes tallies as "name erased/archived/anonymised/retained".
func tallied(all []store.Tally) []string {
	var lines []string
	for _, t := range all {
		lines = append(lines, fmt.Sprintf("%s %d/%d/%d/%d", t.Address.Collection, t.Erased, t.Archived, t.Anonymised, t.Retained))
	}
	return lines
}

func eraseInOrder(t *testing.T, f tables) {
	before := f.dump(t)
	want := []string{"people 1/0/0/0", "posts 5/0/0/0", "invoices 2/3/0/0", "old_invoices 0/0/0/0", "visits 0/0/5/0"}
	survey, err := f.Store.Survey(t.Context(), f.subject(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tallied(survey)); diff != "" {
		t.Errorf("survey: %s", diff)
	}
	got, err := f.Store.Erase(t.Context(), f.subject(t), now, store.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tallied(got)); diff != "" {
		t.Errorf("erase: %s", diff)
	}
	after := f.dump(t)
	for name, keep := range map[string]int{"people": 1, "posts": 5, "invoices": 5, "visits": 5} {
		others := before[name][len(before[name])-keep:]
		left := after[name][len(after[name])-keep:]
		if name == "visits" { // row 99 is the subject's and comes last
			others, left = before[name][5:10], after[name][5:10]
		}
		if diff := cmp.Diff(others, left); diff != "" {
			t.Errorf("%s of others: %s", name, diff)
		}
	}
	again, err := f.Store.Survey(t.Context(), f.subject(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"people 0/0/0/0", "posts 0/0/0/0", "invoices 0/0/0/0", "old_invoices 0/0/0/3", "visits 0/0/0/0"}, tallied(again)); diff != "" {
		t.Errorf("surveyed again: %s", diff)
	}
}

// account: what is exported is what is erased, anonymised and retained together.
func account(t *testing.T, f tables) {
	exported := map[string]int{}
	for _, target := range f.subject(t) {
		var rows Rows
		if err := f.Store.Export(t.Context(), target, nil, &rows); err != nil {
			t.Fatal(err)
		}
		exported[target.Address.Collection] = len(rows.Values)
	}
	got, err := f.Store.Erase(t.Context(), f.subject(t), now, store.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tally := range got {
		name := tally.Address.Collection
		if int64(exported[name]) != tally.Matched || name != "visits" && tally.Matched != tally.Erased+tally.Archived+tally.Retained {
			t.Errorf("%s: %d exported, %+v", name, exported[name], tally)
		}
	}
}

// archive: what must be kept is moved, what need not be any more is destroyed.
func archive(t *testing.T, f tables) {
	before := f.Rows(t, "invoices")
	targets := []store.Target{f.target(t, "invoices", "person", "1"), f.target(t, "old_invoices", "person", "1")}
	for i, want := range [][]string{{"invoices 2/3/0/0", "old_invoices 0/0/0/0"}, {"invoices 0/0/0/0", "old_invoices 0/0/0/3"}} {
		got, err := f.Store.Erase(t.Context(), targets, now, store.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tallied(got)); diff != "" {
			t.Errorf("call %d: %s", i, diff)
		}
		if diff := cmp.Diff(before[2:5], f.Rows(t, "old_invoices")); diff != "" {
			t.Errorf("archived: %s", diff)
		}
		if diff := cmp.Diff(before[5:], f.Rows(t, "invoices")); diff != "" {
			t.Errorf("others: %s", diff)
		}
	}
	f.verified(t, targets)
}

func anonymise(t *testing.T, f tables) {
	others := f.Rows(t, "visits")[5:10]
	targets := []store.Target{f.target(t, "visits", "person", "1")}
	got, err := f.Store.Erase(t.Context(), targets, now, store.Watch{})
	if err != nil || got[0].Matched != 6 || got[0].Anonymised != 5 {
		t.Fatalf("got %+v and %v, want five of six rows anonymised", got, err)
	}
	get := func(id int, column string) string { return f.Get(t, "visits", id, column) }
	for column, form := range map[string]string{
		"ip": `^10\.1\.2\.0(/32)?$`, "seen": `^2024-01-01 00:00:00`, "phone": `^\+\d\d \(\d\d\) \d\d-\d\d [A-Z][a-z]$`, "email": `^p-[0-9a-z]{26}$`,
		"device": `^hmac-sha256:[0-9a-f]{64}$`, "browser": `^sha256:[0-9a-f]{64}$`, "page": `^/$`, "referrer": `^NULL$`, "person": `^1$`,
	} {
		if v := get(10, column); !regexp.MustCompile(form).MatchString(v) {
			t.Errorf("%s is %q, want %s", column, v, form)
		}
	}
	if get(10, "email") != get(11, "email") || get(10, "device") != get(11, "device") {
		t.Error("the same value has two pseudonyms")
	}
	if get(10, "phone") == get(11, "phone") && get(11, "phone") == get(12, "phone") {
		t.Error("random values are all the same")
	}
	for _, column := range []string{"ip", "seen", "phone", "email", "device", "browser"} {
		if v := get(99, column); v != "NULL" {
			t.Errorf("%s was null and is %q", column, v)
		}
	}
	after := f.Rows(t, "visits")
	if diff := cmp.Diff(others, after[5:10]); diff != "" {
		t.Errorf("others: %s", diff)
	}
	f.verified(t, targets)
	if got, err = f.Store.Erase(t.Context(), targets, now, store.Watch{}); err != nil || got[0].Anonymised != 0 {
		t.Errorf("again: got %+v and %v, want nothing to do", got, err)
	}
	if diff := cmp.Diff(after, f.Rows(t, "visits")); diff != "" {
		t.Errorf("again: %s", diff)
	}
}

func exportTypes(t *testing.T, f tables) {
	var people, visits Rows
	if err := f.Store.Export(t.Context(), f.target(t, "people", "id", "1"), nil, &people); err != nil {
		t.Fatal(err)
	}
	types := map[string]store.ValueType{}
	for _, c := range people.Columns {
		types[c.Field] = c.Type
	}
	want := map[string]store.ValueType{"id": store.Number, "email": store.Text, "name": store.Text, "profile": store.JSON, "locked": store.Boolean}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types: %s", diff)
	}
	if len(people.Values) != 1 || !slices.Equal(people.Of("locked"), []string{"false"}) {
		t.Errorf("got %v", people.Values)
	}
	if err := f.Store.Export(t.Context(), f.target(t, "visits", "person", "1"), []string{"seen", "referrer"}, &visits); err != nil {
		t.Fatal(err)
	}
	if seen := visits.Of("seen"); len(seen) != 6 || !strings.HasPrefix(seen[0], "2024-05-06T07:08:09") || seen[5] != "NULL" {
		t.Errorf("got %q", seen)
	}
}

// scan: unique values are told from names, whole words from parts, the subject's
// own rows from others'.
func scan(t *testing.T, f tables) {
	f.Put(t, "posts", map[string]any{"id": 30, "author": 2, "parent": nil, "body": "write to ADA1@example.org, please"})
	f.Put(t, "posts", map[string]any{"id": 31, "author": 2, "parent": nil, "body": "nada1@example.org is another; so is Ada Kingsley"})
	f.Put(t, "posts", map[string]any{"id": 32, "author": 2, "parent": nil, "body": "thanks,\nada king!"})
	f.Put(t, "posts", map[string]any{"id": 33, "author": 1, "parent": nil, "body": "100% Žofie_"})
	f.Put(t, "people", map[string]any{"id": 3, "email": "c@example.org", "name": "C", "password": "", "profile": `{"friends": ["ada1@example.org", "Žofie"]}`, "locked": false})
	wanted := []store.Wanted{
		{Identity: "email", Value: "ada1@example.org", Unique: true}, {Identity: "name", Value: "Ada King"},
		{Identity: "nick", Value: "100%"}, {Identity: "nick", Value: "žofie"}, {Identity: "nothing", Value: " "},
	}
	var got []string
	err := f.Store.Abilities().Scan.Scan(t.Context(), []store.Target{f.target(t, "people", "id", "1"), f.target(t, "posts", "author", "1")}, wanted, func(h store.Hit) error {
		got = append(got, fmt.Sprintf("%s.%s %s unique=%v own=%v key=%s", h.Address.Collection, h.Field, h.Identity, h.Unique, h.Own, h.Key["id"]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"people.profile email unique=true own=false key=3", "people.profile nick unique=false own=false key=3", "posts.body email unique=true own=false key=30",
		"posts.body name unique=false own=false key=32", "posts.body nick unique=false own=true key=33",
	}
	if diff := cmp.Diff(want, sorted(got)); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("enough")
	if err := f.Store.Abilities().Scan.Scan(t.Context(), []store.Target{f.target(t, "posts", "author", "1")}, wanted, func(store.Hit) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the caller's error", err)
	}
}
