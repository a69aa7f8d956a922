package trace_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// shopText is a shop in which several rows lead to one address.
const shopText = `dataset:
  - fides_key: d
    collections:
      - name: customers
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, fides_meta: {identity: email}}
          - {name: address, fides_meta: {references: [{dataset: d, field: addresses.id, direction: to}]}}
      - name: orders
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: customer, fides_meta: {references: [{dataset: d, field: customers.id, direction: from}]}}
          - {name: address, fides_meta: {references: [{dataset: d, field: addresses.id, direction: to}]}}
      - name: staff
        habeas: {erasure: delete}
        fields:
          - {name: phone, fides_meta: {identity: phone}}
          - {name: address, fides_meta: {references: [{dataset: d, field: addresses.id, direction: to}]}}
      - name: addresses
        habeas: {erasure: delete OWN}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: parent, fides_meta: {references: [{dataset: d, field: addresses.id}]}}
      - name: deliveries
        habeas: {erasure: delete}
        fields: [{name: address, fides_meta: {references: [{dataset: d, field: addresses.id}]}}]
`

func replaceOwn(own string) string { return strings.Replace(shopText, " OWN", own, 1) }

func shopRows() map[string]store.Store {
	return map[string]store.Store{"d": memory{rows: map[string][]store.Row{
		"customers": {
			{"id": 1, "email": "ada@example.org", "address": 10},
			{"id": 2, "email": "bob@example.org", "address": 12},
		},
		"orders": {
			{"id": 100, "customer": 1, "address": 10},
			{"id": 101, "customer": 1, "address": 11},
			{"id": 102, "customer": 1, "address": 12},
			{"id": 103, "customer": 1, "address": 13},
			{"id": 104, "customer": 2, "address": 11},
		},
		"staff":      {{"phone": "1", "address": 13}},
		"addresses":  {{"id": 10}, {"id": 11}, {"id": 12}, {"id": 13}},
		"deliveries": {{"address": 10}, {"address": 11}},
	}}}
}

// TestRowsOfSeveralPeople: an address goes with the one person who alone has it, and
// stays where another customer, another's order or a colleague has it too.
func TestRowsOfSeveralPeople(t *testing.T) {
	t.Parallel()
	for own, want := range map[string][]string{
		"": {
			"d:customers delete email=ada@example.org", "d:orders delete customer=1",
			"d:addresses delete id=10 but 3 shared", "d:deliveries delete address=10", "d:staff delete",
		},
		", rows: owned": {
			"d:customers delete email=ada@example.org", "d:orders delete customer=1",
			"d:addresses delete id=10,11,12,13", "d:deliveries delete address=10,11,12,13", "d:staff delete",
		},
		", rows: shared, destroy_shared: true": {
			"d:customers delete email=ada@example.org", "d:orders delete customer=1",
			"d:addresses delete id=10,11,12,13", "d:deliveries delete address=10,11,12,13", "d:staff delete",
		},
	} {
		t.Run(own, func(t *testing.T) {
			t.Parallel()
			got, err := trace.Trace(t.Context(), load(t, replaceOwn(own)), shopRows(), rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
			if err != nil {
				t.Fatal(err)
			}
			lines := describe(got)
			byName := map[string]string{}
			for i, line := range lines {
				byName[got[i].Address.Collection] = line
			}
			var sorted []string
			for _, name := range []string{"customers", "orders", "addresses", "deliveries", "staff"} {
				sorted = append(sorted, byName[name])
			}
			if diff := cmp.Diff(want, sorted); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOwnedByWhatRefersToIt: rows to which the key of a row leads are not others'
// to whom it belongs, be the reference with a direction or without.
func TestOwnedByWhatRefersToIt(t *testing.T) {
	t.Parallel()
	for _, direction := range []string{"", ", direction: from"} {
		m := load(t, `dataset:
  - fides_key: d
    collections:
      - name: accounts
        habeas: {erasure: delete}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, fides_meta: {identity: email}}
          - {name: profile, fides_meta: {references: [{dataset: d, field: profiles.id, direction: to}]}}
      - name: profiles
        habeas: {erasure: delete}
        fields: [{name: id, fides_meta: {primary_key: true}}]
      - name: pictures
        habeas: {erasure: delete}
        fields: [{name: profile, fides_meta: {references: [{dataset: d, field: profiles.id`+direction+`}]}}]
`)
		rows := map[string]store.Store{"d": memory{rows: map[string][]store.Row{
			"accounts": {{"id": 1, "email": "ada@example.org", "profile": 7}, {"id": 2, "email": "bob@example.org", "profile": 8}},
			"profiles": {{"id": 7}, {"id": 8}},
			"pictures": {{"profile": 7}, {"profile": 7}, {"profile": 8}},
		}}}
		got, err := trace.Trace(t.Context(), m, rows, rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"d:accounts delete email=ada@example.org", "d:profiles delete id=7", "d:pictures delete profile=7"}, describe(got)); diff != "" {
			t.Errorf("direction %q: %s", direction, diff)
		}
	}
}
