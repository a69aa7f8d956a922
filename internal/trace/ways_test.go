package trace_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/trace"
)

// reached writes how the search came to each collection.
func reached(targets []store.Target) map[string]string {
	all := map[string]string{}
	for _, t := range targets {
		lines := strings.Join(t.Reached.Ways, "\n")
		for _, cut := range t.Reached.Cut {
			lines += "\ncut: " + cut
		}
		if len(t.Reached.Needs) > 0 {
			lines += "\nneeds: " + strings.Join(t.Reached.Needs, ", ")
		}
		all[t.Address.String()] = strings.TrimSpace(lines)
	}
	return all
}

// TestWays: how rows were found is said in names of fields, back to where the search
// began, across data stores and by composite keys.
func TestWays(t *testing.T) {
	t.Parallel()
	subject := trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}}
	got, err := trace.Trace(t.Context(), load(t, company), stores(), tenYears, trace.Subject{Identities: map[string][]string{"account_id": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	const account = "accounts.id ← identity account_id"
	want := map[string]string{
		"app:accounts":      account,
		"app:uploads":       "uploads.account_id ← accounts.id; " + account,
		"app:codes":         "",
		"billing:customers": "customers.account_ref ← app:accounts.id; " + account,
		"billing:invoices":  "invoices.customer ← customers.id; customers.account_ref ← app:accounts.id; " + account,
		"files:images":      "images.key ← app:uploads.object_key; uploads.account_id ← accounts.id; " + account,
	}
	if diff := cmp.Diff(want, reached(got)); diff != "" {
		t.Error(diff)
	}
	if got, err = trace.Trace(t.Context(), load(t, tenants), tenantRows(), rules{}, subject); err != nil {
		t.Fatal(err)
	}
	want = map[string]string{"d:people": "people.email ← identity email", "d:orders": "orders.person+tenant ← people.no+tenant; people.email ← identity email"}
	if diff := cmp.Diff(want, reached(got)); diff != "" {
		t.Error(diff)
	}
	subject.Account = &trace.Account{Address: datamap.Address{Dataset: "d", Collection: "people"}, Key: map[string]string{"tenant": "1", "no": "7"}}
	if got, err = trace.Trace(t.Context(), load(t, tenants), tenantRows(), rules{}, subject); err != nil {
		t.Fatal(err)
	}
	if way := reached(got)["d:people"]; way != "people.no+tenant ← the account" {
		t.Errorf("the account itself: %q", way)
	}
}

// TestWaysThatAreCut: what was not followed is said, with the reason.
func TestWaysThatAreCut(t *testing.T) {
	t.Parallel()
	m := load(t, `dataset:
  - fides_key: d
    collections:
      - name: a
        habeas: {erasure: delete}
        fields:
          - {name: id}
          - {name: email, fides_meta: {identity: email}}
          - {name: b, fides_meta: {references: [{dataset: d, field: b.id, direction: from}]}}
      - name: b
        habeas: {erasure: delete}
        fields: [{name: id}, {name: a, fides_meta: {references: [{dataset: d, field: a.id, direction: from}]}}]
      - name: c
        habeas: {erasure: delete}
        fields: [{name: phone, fides_meta: {identity: phone}}]
`)
	rows := map[string]store.Store{"d": memory{rows: map[string][]store.Row{"a": {{"id": 1, "email": "ada@example.org"}}}}}
	got, err := trace.Trace(t.Context(), m, rows, rules{}, trace.Subject{Identities: map[string][]string{"email": {"ada@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"d:a": "a.email ← identity email\ncut: a.b ← b.id: it would close a cycle",
		"d:b": "b.a ← a.id; a.email ← identity email",
		"d:c": "needs: phone",
	}
	if diff := cmp.Diff(want, reached(got)); diff != "" {
		t.Error(diff)
	}
}

// TestRowsOfOthersLeadNowhere: what refers to rows that may be somebody else's is not
// taken for the person's, be it by a value that two accounts have, or by rows that
// the map calls shared; and the plan says so.
func TestRowsOfOthersLeadNowhere(t *testing.T) {
	t.Parallel()
	m := load(t, `dataset:
  - fides_key: d
    collections:
      - name: accounts
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, fides_meta: {identity: email}}
          - {name: home, fides_meta: {references: [{dataset: d, field: homes.id, direction: to}]}}
      - name: letters
        habeas: {erasure: delete}
        fields: [{name: id}, {name: address, fides_meta: {identity: email}}]
      - name: orders
        habeas: {erasure: delete}
        fields:
          - {name: payer, fides_meta: {identity: email}}
          - {name: account, fides_meta: {references: [{dataset: d, field: accounts.id, direction: from}]}}
      - name: pages
        habeas: {erasure: delete}
        fields: [{name: letter, fides_meta: {references: [{dataset: d, field: letters.id, direction: from}]}}]
      - name: homes
        habeas: {erasure: delete, rows: shared}
        fields: [{name: id, fides_meta: {primary_key: true}}]
      - name: keys
        habeas: {erasure: delete}
        fields: [{name: home, fides_meta: {references: [{dataset: d, field: homes.id, direction: from}]}}]
`)
	rows := map[string]store.Store{"d": memory{rows: map[string][]store.Row{
		"accounts": {{"id": "1", "email": "both@example.org", "home": "h"}, {"id": "2", "email": "both@example.org", "home": "h"}},
		"letters":  {{"id": "to bob", "address": "both@example.org"}}, "homes": {{"id": "h"}},
	}}}
	subject := trace.Subject{
		Identities: map[string][]string{"email": {"both@example.org"}}, Shared: []string{"email"},
		Account: &trace.Account{Address: datamap.Address{Dataset: "d", Collection: "accounts"}, Key: map[string]string{"id": "1"}},
	}
	got, err := trace.Trace(t.Context(), m, rows, rules{}, subject)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for _, target := range got {
		lines[target.Address.Collection] = strings.TrimSpace(describe([]store.Target{target})[0] + " " + string(target.Left))
	}
	want := map[string]string{
		"accounts": "d:accounts delete id=1",
		"letters":  "d:letters leave address=both@example.org shared_identity",
		"orders":   "d:orders delete account=1",
		"pages":    "d:pages delete",
		"homes":    "d:homes leave id=h shared_rows",
		"keys":     "d:keys delete",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	want = map[string]string{
		"d:accounts": "accounts.id ← the account",
		"d:letters":  "letters.address ← identity email",
		"d:orders":   "orders.account ← accounts.id; accounts.id ← the account\ncut: orders.payer ← identity email: another account has the value too",
		"d:pages":    "cut: pages.letter ← letters.id: the rows there are others' too",
		"d:homes":    "homes.id ← accounts.home; accounts.id ← the account",
		"d:keys":     "cut: keys.home ← homes.id: the rows there are others' too",
	}
	if diff := cmp.Diff(want, reached(got)); diff != "" {
		t.Error(diff)
	}
}
