package trace_test

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

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// memory is rows by collection, found by comparing texts. The other methods of
// a store are not called by a trace.
type memory struct {
	store.Store
	rows  map[string][]store.Row
	calls *int // of Find
	err   error
}

func (m memory) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	if m.calls != nil {
		*m.calls++
	}
	if m.err != nil {
		return m.err
	}
	for _, row := range m.rows[target.Collection.Name] {
		means := slices.ContainsFunc(target.Matches, func(match store.Match) bool {
			return matches(row, match)
		})
		if !means {
			continue
		}
		some := store.Row{}
		for _, f := range fields {
			some[f] = row[f]
		}
		if err := yield(some); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// matches reports whether a row has one of the values of a match, or what each of its parts asks for.
func matches(row store.Row, m store.Match) bool {
	if len(m.All) == 0 {
		return slices.Contains(m.Texts(), fmt.Sprint(row[m.Field]))
	}
	return !slices.ContainsFunc(m.All, func(part store.Match) bool { return !matches(row, part) })
}

// rules is retention rules by id.
type rules map[string]store.Keep

func (r rules) Keep(id string) (store.Keep, bool) { k, ok := r[id]; return k, ok }

const company = `dataset:
  - fides_key: app
    collections:
      - name: accounts
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true, data_type: integer, identity: account_id}}
          - {name: email, fides_meta: {identity: email}}
          - {name: name, fides_meta: {identity: account_name}}
          - {name: address, fides_meta: {identity: mailing_address}}
          - {name: invited_by, fides_meta: {references: [{dataset: app, field: accounts.id}]}}
      - name: uploads
        habeas: {erasure: delete}
        fields:
          - {name: account_id, fides_meta: {references: [{dataset: app, field: accounts.id, direction: from}]}}
          - {name: object_key, fides_meta: {references: [{dataset: files, field: images.key, direction: to}]}}
      - name: codes
        habeas: {erasure: leave}
        fields: [{name: id}]
  - fides_key: billing
    collections:
      - name: customers
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {data_type: string}}
          - {name: account_ref, fides_meta: {data_type: string, references: [{dataset: app, field: accounts.id, direction: from}]}}
          - {name: mail, fides_meta: {identity: email}}
      - name: invoices
        habeas: {erasure: retain, retention: ten_years, retain_from: issued}
        fields:
          - {name: customer, fides_meta: {references: [{dataset: billing, field: customers.id, direction: from}]}}
          - {name: issued}
  - fides_key: files
    collections:
      - name: images
        habeas: {erasure: delete}
        fields: [{name: key}]
`

func load(t testing.TB, text string) *datamap.Map {
	t.Helper()
	m, err := datamap.Load(map[string][]byte{"map.yml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stores is the company's data: Ada's, and Bob's whom she invited.
func stores() map[string]store.Store {
	return map[string]store.Store{
		"app": memory{rows: map[string][]store.Row{
			"accounts": {
				{"id": int64(1), "email": "Ada@Example.org", "name": "ada", "address": "12 St James's Sq", "invited_by": nil},
				{"id": int64(2), "email": "bob@example.org", "name": "bob", "address": "12 St James's Sq", "invited_by": int64(1)},
			},
			"uploads": {
				{"account_id": int64(1), "object_key": "u/1/a"}, {"account_id": int64(1), "object_key": "u/1/b"},
				{"account_id": int64(1), "object_key": nil}, {"account_id": int64(1), "object_key": ""},
				{"account_id": int64(2), "object_key": "u/2/a"},
			},
		}},
		"billing": memory{rows: map[string][]store.Row{"customers": {{"id": "c1", "account_ref": "1"}, {"id": "c2", "account_ref": "2"}, {"id": "c3", "mail": "ada@example.org"}}}},
		"files":   memory{},
	}
}

// describe writes targets as "dataset:collection treatment field=values".
func describe(targets []store.Target) []string {
	var all []string
	for _, t := range targets {
		s := t.Address.String() + " " + string(t.Treatment)
		for _, m := range t.Matches {
			if len(m.All) == 0 {
				s += " " + m.Field + "=" + strings.Join(m.Texts(), ",")
				continue
			}
			var parts []string
			for _, part := range m.All {
				parts = append(parts, part.Field+"="+strings.Join(part.Texts(), ","))
			}
			s += " (" + strings.Join(parts, " and ") + ")"
		}
		if t.Shared > 0 {
			s += fmt.Sprintf(" but %d shared", t.Shared)
		}
		if t.Keep != nil {
			s += " keep " + t.Keep.Rule + " from " + t.Keep.From
		}
		all = append(all, s)
	}
	return all
}

// TestSharedRowsAreLeft: what the map calls shared is destroyed for one of several
// people only where it says that too.
func TestSharedRowsAreLeft(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{
		"erasure: delete":                                     "delete",
		"erasure: delete, rows: owned":                        "delete",
		"erasure: delete, rows: shared":                       "leave",
		"erasure: anonymise, rows: shared":                    "leave",
		"erasure: delete, rows: shared, destroy_shared: true": "delete",
	} {
		m := load(t, `dataset:
  - fides_key: d
    collections:
      - {name: c, habeas: {`+own+`}, fields: [{name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}]}
`)
		got, err := trace.Trace(t.Context(), m, map[string]store.Store{"d": memory{}}, rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"d:c " + want + " email=ada@example.org"}, describe(got)); diff != "" {
			t.Errorf("%s: %s", own, diff)
		}
	}
}

var tenYears = rules{"ten_years": {Rule: "ten_years", Period: "P10Y"}}

func TestTrace(t *testing.T) {
	t.Parallel()
	got, err := trace.Trace(t.Context(), load(t, company), stores(), tenYears, trace.Subject{Identities: map[string][]string{"email": {" Ada@Example.org "}, "phone": {"1"}, "account_name": {""}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app:accounts delete email=Ada@Example.org,ada@example.org",
		"billing:customers delete account_ref=1 mail=Ada@Example.org,ada@example.org",
		"app:uploads delete account_id=1",
		"billing:invoices retain customer=c1,c3 keep ten_years from issued",
		"files:images delete key=u/1/a,u/1/b",
		"app:codes leave",
	}
	slices.Sort(want[1:])
	lines := describe(got)
	slices.Sort(lines[1:])
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// TestTargetsSurviveJSON: targets rest sealed between plan and erasure.
func TestTargetsSurviveJSON(t *testing.T) {
	t.Parallel()
	m := load(t, company)
	targets, err := trace.Trace(t.Context(), m, stores(), tenYears, trace.Subject{Identities: map[string][]string{"account_id": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	var back []store.Target
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if err := trace.Bind(m, back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(describe(targets), describe(back)); diff != "" {
		t.Error(diff)
	}
	for i := range back {
		if back[i].Collection != targets[i].Collection {
			t.Errorf("%s is bound to another collection", back[i].Address)
		}
	}
	if err := trace.Bind(&datamap.Map{}, back); !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema where a collection has gone", err)
	}
}

func TestUnknownPersonMeansNoRow(t *testing.T) {
	t.Parallel()
	for name, identities := range map[string]map[string][]string{
		"nobody's address": {"email": {"carol@example.org"}}, "no identity": {}, "empty": {"email": {"", " "}}, "not a number": {"account_id": {"1 OR 1=1"}},
	} {
		targets, err := trace.Trace(t.Context(), load(t, company), stores(), tenYears, trace.Subject{Identities: identities})
		if err != nil || len(targets) != 6 {
			t.Fatalf("%s: got %d targets and %v, want all six", name, len(targets), err)
		}
		for _, target := range targets {
			if len(target.Matches) > 0 && target.Matches[0].Field != "email" && target.Matches[0].Field != "mail" {
				t.Errorf("%s: got %v", name, describe([]store.Target{target}))
			}
		}
	}
}

func TestWhatCannotBeTraced(t *testing.T) {
	t.Parallel()
	email := map[string][]string{"email": {"ada@example.org"}}
	m := load(t, company)
	without := stores()
	delete(without, "files")
	if _, err := trace.Trace(t.Context(), m, without, tenYears, trace.Subject{Identities: email}); !errors.Is(err, trace.ErrNoStore) {
		t.Errorf("got %v, want ErrNoStore", err)
	}
	if _, err := trace.Trace(t.Context(), m, stores(), rules{}, trace.Subject{Identities: email}); !errors.Is(err, trace.ErrNoRule) {
		t.Errorf("got %v, want ErrNoRule", err)
	}
	down := stores()
	down["app"] = memory{err: store.ErrUnavailable}
	if _, err := trace.Trace(t.Context(), m, down, tenYears, trace.Subject{Identities: email}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	lost := load(t, company+"      - {name: lost, habeas: {erasure: delete}, fields: [{name: x}]}\n")
	var unreachable *trace.UnreachableError
	if _, err := trace.Trace(t.Context(), lost, stores(), tenYears, trace.Subject{Identities: email}); !errors.As(err, &unreachable) || unreachable.Collections[0].Collection != "lost" {
		t.Errorf("got %v, want an unreachable collection", err)
	}
	var blocked *trace.BlockedError
	late := strings.Replace(company, "name: customers\n", "name: customers\n        fides_meta: {after: [billing.invoices]}\n", 1)
	if _, err := trace.Trace(t.Context(), load(t, late), stores(), tenYears, trace.Subject{Identities: map[string][]string{"account_id": {"1"}}}); !errors.As(err, &blocked) || len(blocked.Collections) != 2 {
		t.Errorf("got %v, want collections that are blocked", err)
	}
	part := load(t, company+"      - {name: more, fields: [{name: x, fides_meta: {references: [{dataset: other, field: a.b}]}}]}\n")
	var problems datamap.Errors
	if _, err := trace.Trace(t.Context(), part, stores(), tenYears, trace.Subject{Identities: email}); !errors.As(err, &problems) {
		t.Errorf("got %v, want the reference that leads nowhere", err)
	}
}

// TestValuesThatLeadOn: every kind of value, and none that stands for nothing.
func TestValuesThatLeadOn(t *testing.T) {
	t.Parallel()
	values := []any{
		nil, "", 0, int64(0), 0.0, false, "x", "x", 7, int32(7), uint8(8), int64(9007199254740993), 1.5, true, []byte("bytes"),
		[]any{"y", nil, []string{"z"}}, map[string]any{"k": "w"}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), json.Number("12"),
	}
	var rows []store.Row
	for _, v := range values {
		rows = append(rows, store.Row{"email": "a", "v": v})
	}
	for dataType, want := range map[string][]string{
		"":          {"x", "7", "8", "9007199254740993", "1.5", "true", "bytes", "y", "z", "w", "2026-01-02T03:04:05Z", "12"},
		"integer":   {"7", "8", "9007199254740993", "12"},
		"float":     {"7", "8", "9007199254740992", "1.5", "12"},
		"boolean":   {"true"},
		"object_id": nil,
	} {
		m := load(t, strings.ReplaceAll(`dataset:
  - fides_key: d
    collections:
      - {name: a, habeas: {erasure: leave}, fields: [{name: email, fides_meta: {identity: email}}, {name: v}]}
      - {name: b, habeas: {erasure: leave}, fields: [{name: v, fides_meta: {data_type: "TYPE", references: [{dataset: d, field: a.v, direction: from}]}}]}
`, "TYPE", dataType))
		got, err := trace.Trace(t.Context(), m, map[string]store.Store{"d": memory{rows: map[string][]store.Row{"a": rows}}}, rules{}, trace.Subject{Identities: map[string][]string{"email": {"a"}}})
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, match := range got[1].Matches {
			for _, v := range match.Values {
				texts = append(texts, v.(string))
			}
		}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Errorf("%q: %s", dataType, diff)
		}
	}
}

func TestManyValuesGoInBatches(t *testing.T) {
	t.Parallel()
	m := load(t, `dataset:
  - fides_key: d
    collections:
      - {name: a, habeas: {erasure: delete}, fields: [{name: email, fides_meta: {identity: email}}, {name: id}]}
      - {name: b, habeas: {erasure: delete}, fields: [{name: id}, {name: a, fides_meta: {references: [{dataset: d, field: a.id, direction: from}]}}]}
      - {name: c, habeas: {erasure: delete}, fields: [{name: b, fides_meta: {references: [{dataset: d, field: b.id, direction: from}]}}]}
`)
	var a []store.Row
	for n := range 25_000 {
		a = append(a, store.Row{"email": "e", "id": n + 1})
	}
	calls := 0
	targets, err := trace.Trace(t.Context(), m, map[string]store.Store{"d": memory{rows: map[string][]store.Row{"a": a}, calls: &calls}}, rules{}, trace.Subject{Identities: map[string][]string{"email": {"e"}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(targets[1].Matches[0].Values); n != 25_000 || calls != 4 {
		t.Errorf("got %d values by %d calls, want 25000 by one call and three", n, calls)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	ada := trace.Candidate{
		Address: datamap.Address{Dataset: "app", Collection: "accounts"}, Key: map[string]string{"id": "1"},
		Identities: map[string][]string{"account_id": {"1"}, "email": {"Ada@Example.org"}, "account_name": {"ada"}, "mailing_address": {"12 St James's Sq"}},
	}
	bob := trace.Candidate{
		Address: ada.Address, Key: map[string]string{"id": "2"},
		Identities: map[string][]string{"account_id": {"2"}, "email": {"bob@example.org"}, "account_name": {"bob"}, "mailing_address": {"12 St James's Sq"}},
	}
	for name, test := range map[string]struct {
		elements map[string]string
		want     []trace.Candidate
	}{
		"by name":                  {map[string]string{"account_name": "ada"}, []trace.Candidate{ada}},
		"by two that disagree":     {map[string]string{"account_name": "ada", "email": "bob@example.org"}, []trace.Candidate{ada, bob}},
		"by two that agree":        {map[string]string{"account_name": "ada", "email": "Ada@Example.org"}, []trace.Candidate{ada}},
		"in other case":            {map[string]string{"email": "BOB@example.org"}, []trace.Candidate{bob}},
		"never by mailing address": {map[string]string{"mailing_address": "12 St James's Sq"}, nil},
		"nobody":                   {map[string]string{"email": "carol@example.org"}, nil},
		"nothing":                  {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := trace.Locate(t.Context(), load(t, company), stores(), test.elements)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLocateIsBounded(t *testing.T) {
	t.Parallel()
	var rows []store.Row
	for n := range 100 {
		rows = append(rows, store.Row{"id": int64(n + 1), "email": "shared@example.org"})
	}
	all := stores()
	all["app"] = memory{rows: map[string][]store.Row{"accounts": rows}}
	got, err := trace.Locate(t.Context(), load(t, company), all, map[string]string{"email": "shared@example.org"})
	if err != nil || len(got) != trace.MaxCandidates {
		t.Errorf("got %d candidates and %v, want %d", len(got), err, trace.MaxCandidates)
	}
}

// TestMarkedAccounts: once a collection is marked, no other is searched.
func TestMarkedAccounts(t *testing.T) {
	t.Parallel()
	m := load(t, strings.Replace(company, "name: customers\n        habeas: {erasure: delete}", "name: customers\n        habeas: {erasure: delete, subject: true}", 1))
	got, err := trace.Locate(t.Context(), m, stores(), map[string]string{"email": "ada@example.org"})
	if err != nil || len(got) != 1 || got[0].Address.Dataset != "billing" {
		t.Errorf("got %v and %v, want the billing account only", got, err)
	}
}

func TestTreatmentOfTargets(t *testing.T) {
	t.Parallel()
	targets, err := trace.Trace(t.Context(), load(t, company), stores(), tenYears, trace.Subject{Identities: map[string][]string{"account_id": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if err := target.Validate(); err != nil {
			t.Error(err)
		}
		if (target.Treatment == dsr.Retain) != (target.Keep != nil) {
			t.Errorf("%s: a rule is missing or too many", target.Address)
		}
	}
}

// Two people may use one mail address, and one person may have two accounts: a
// request is about one account, and what cannot be told apart is left.
func TestTraceOneAccountOfASharedAddress(t *testing.T) {
	t.Parallel()
	m := load(t, `
dataset:
  - fides_key: d
    name: d
    collections:
      - name: accounts
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: orders
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: account_id, data_categories: [user], fides_meta: {references: [{dataset: d, field: accounts.id, direction: from}]}}
      - name: letters
        habeas: {erasure: delete}
        fields:
          - {name: address, data_categories: [user.contact.email], fides_meta: {identity: email}}
`)
	stores := map[string]store.Store{"d": memory{rows: map[string][]store.Row{
		"accounts": {{"id": "1", "email": "both@example.org"}, {"id": "2", "email": "both@example.org"}},
	}}}
	subject := trace.Subject{
		Identities: map[string][]string{"email": {"both@example.org"}}, Shared: []string{"email"},
		Account: &trace.Account{Address: datamap.Address{Dataset: "d", Collection: "accounts"}, Key: map[string]string{"id": "1"}},
	}
	targets, err := trace.Trace(t.Context(), m, stores, rules{}, subject)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, target := range targets {
		got[target.Address.Collection] = strings.TrimPrefix(describe([]store.Target{target})[0], target.Address.String()+" ")
	}
	want := map[string]string{
		"accounts": "delete id=1",
		"orders":   "delete account_id=1",
		"letters":  "leave address=both@example.org",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}
