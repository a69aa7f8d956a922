package trace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// tenants is an application of which every key begins with the number of the tenant.
const tenants = `dataset:
  - fides_key: d
    collections:
      - name: people
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: tenant, fides_meta: {primary_key: true, data_type: integer}}
          - {name: no, fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, fides_meta: {identity: email}}
      - name: orders
        habeas: {erasure: delete, together: [[tenant, person]]}
        fields:
          - {name: id}
          - {name: tenant, fides_meta: {references: [{dataset: d, field: people.tenant, direction: from}]}}
          - {name: person, fides_meta: {references: [{dataset: d, field: people.no, direction: from}]}}
`

func tenantRows() map[string]store.Store {
	return map[string]store.Store{"d": memory{rows: map[string][]store.Row{
		"people": {
			{"tenant": 1, "no": 7, "email": "ada@example.org"},
			{"tenant": 1, "no": 8, "email": "bob@example.org"},
			{"tenant": 2, "no": 7, "email": "eve@example.org"},
			{"tenant": 2, "no": 9, "email": "ada@example.org"},
			{"tenant": nil, "no": 9, "email": "ada@example.org"},
		},
	}}}
}

// TestCompositeReference: a tenant's number alone leads to everybody of the tenant.
func TestCompositeReference(t *testing.T) {
	t.Parallel()
	got, err := trace.Trace(t.Context(), load(t, tenants), tenantRows(), rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"d:people delete email=ada@example.org",
		"d:orders delete (tenant=1 and person=7) (tenant=2 and person=9)",
	}
	if diff := cmp.Diff(want, describe(got)); diff != "" {
		t.Error(diff)
	}
	for _, target := range got {
		if err := target.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// TestAccountOfACompositeKey: the one account, not all that share a part of its key.
func TestAccountOfACompositeKey(t *testing.T) {
	t.Parallel()
	account := &trace.Account{Address: datamap.Address{Dataset: "d", Collection: "people"}, Key: map[string]string{"tenant": "1", "no": "7"}}
	subject := trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}, Account: account}
	got, err := trace.Trace(t.Context(), load(t, tenants), tenantRows(), rules{}, subject)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"d:people delete (no=7 and tenant=1)", "d:orders delete (tenant=1 and person=7)"}
	if diff := cmp.Diff(want, describe(got)); diff != "" {
		t.Error(diff)
	}
	read, found, err := trace.Reread(t.Context(), load(t, tenants), tenantRows(), *account)
	if err != nil || !found || read.Identities["email"][0] != "ada@example.org" {
		t.Errorf("read again: %v, %v, %v", read, found, err)
	}
}

// TestManyTuplesMakeFewMatches: what varies most is the list, and long lists go in batches.
func TestManyTuplesMakeFewMatches(t *testing.T) {
	t.Parallel()
	var people []store.Row
	for n := range 15_000 {
		people = append(people, store.Row{"tenant": 1 + n%2, "no": n + 1, "email": "ada@example.org"})
	}
	file := tenants + `
      - name: lines
        habeas: {erasure: delete}
        fields: [{name: order, fides_meta: {references: [{dataset: d, field: orders.id, direction: from}]}}]
`
	calls := 0
	all := map[string]store.Store{"d": memory{rows: map[string][]store.Row{"people": people}, calls: &calls}}
	got, err := trace.Trace(t.Context(), load(t, file), all, rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for _, m := range got[1].Matches {
		sizes[m.All[0].Texts()[0]] = len(m.All[1].Values)
	}
	if diff := cmp.Diff(map[string]int{"1": 7_500, "2": 7_500}, sizes); diff != "" {
		t.Errorf("people by tenant: %s", diff)
	}
	if calls != 3 {
		t.Errorf("got %d calls of Find, want one for people and two for orders", calls)
	}
}
