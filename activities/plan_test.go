package activities

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// TestGrown: a signature holds for a plan that goes a little further, as accounts
// in use do from day to day, and for no other.
func TestGrown(t *testing.T) {
	t.Parallel()
	policies, err := policy.LoadSet([]string{"../examples/soffiah/policy.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	p := policies.Versions()[0]
	line := func(collection string, erase, anonymise int64) dsr.PlanLine {
		return dsr.PlanLine{Store: "app", Collection: collection, RowsToErase: erase, RowsToAnonymise: anonymise}
	}
	plan := func(lines ...dsr.PlanLine) record.Plan {
		return record.Plan{PolicyDigest: "policy", MapDigest: "map", Lines: lines}
	}
	signed := plan(line("posts", 5, 0), line("events", 0, 1000))
	large := plan(line("posts", 9_950, 0), line("events", 0, 50))
	for name, tc := range map[string]struct {
		signed, now record.Plan
		grown       bool
	}{
		"the same":                             {signed, signed, false},
		"less":                                 {signed, plan(line("posts", 1, 0)), false},
		"a few more":                           {signed, plan(line("posts", 15, 0), line("events", 0, 1100)), false},
		"many more":                            {signed, plan(line("posts", 16, 0), line("events", 0, 1000)), true},
		"a tenth and one":                      {signed, plan(line("posts", 5, 0), line("events", 0, 1101)), true},
		"another collection":                   {signed, plan(line("posts", 5, 0), line("events", 0, 1000), line("letters", 11, 0)), true},
		"another policy":                       {signed, record.Plan{PolicyDigest: "another", MapDigest: "map", Lines: signed.Lines}, true},
		"another data map":                     {signed, record.Plan{PolicyDigest: "policy", MapDigest: "another", Lines: signed.Lines}, true},
		"now two must sign":                    {large, plan(line("posts", 9_951, 0), line("events", 0, 50)), true},
		"two have signed it":                   {plan(line("posts", 10_001, 0)), plan(line("posts", 10_002, 0)), false},
		"a collection that was not signed for": {plan(line("posts", 10_001, 0)), large, true},
	} {
		if got := grown(p, tc.signed, tc.now); got != tc.grown {
			t.Errorf("%s: grown %v, want %v", name, got, tc.grown)
		}
	}
}

// table is a store of one collection; only Find can be used.
type table struct {
	store.Store
	rows []store.Row
}

func (t table) Find(_ context.Context, target store.Target, _ []string, yield func(store.Row) error) error {
	for _, row := range t.rows {
		for _, m := range target.Matches {
			value, _ := row[m.Field].(string)
			if slices.ContainsFunc(m.Texts(), func(v string) bool { return v == value || m.Fold && strings.EqualFold(v, value) }) {
				if err := yield(row); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// TestSubjectWhoseAddressHasChangedHands: what another account bears by now leads to
// nobody's data, and what the account itself bears by now leads to its own.
func TestSubjectWhoseAddressHasChangedHands(t *testing.T) {
	t.Parallel()
	m, err := datamap.Load(map[string][]byte{"shop.yml": []byte(`
dataset:
  - fides_key: shop
    name: shop
    collections:
      - name: accounts
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: account, data_categories: [user.account.username], fides_meta: {identity: account_name}}
`)})
	if err != nil {
		t.Fatal(err)
	}
	account := dsr.Account{
		Collection: "shop:accounts", Key: map[string]string{"id": "1"},
		Identities: map[string][]string{"email": {"old@a.test"}, "account_name": {"ada"}},
	}
	for name, tc := range map[string]struct {
		rows           []store.Row
		emails, shared []string
	}{
		"as it was":           {[]store.Row{{"id": "1", "email": "old@a.test", "account": "ada"}}, []string{"old@a.test"}, nil},
		"a new address":       {[]store.Row{{"id": "1", "email": "new@a.test", "account": "ada"}}, []string{"new@a.test", "old@a.test"}, nil},
		"taken by another":    {[]store.Row{{"id": "1", "email": "new@a.test", "account": "ada"}, {"id": "2", "email": "Old@A.test"}}, []string{"new@a.test", "old@a.test"}, []string{"email"}},
		"the account is gone": {[]store.Row{{"id": "2", "email": "old@a.test"}}, []string{"old@a.test"}, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := New(Deps{Map: m, Stores: []ConfiguredStore{{Store: table{rows: tc.rows}, Dataset: "shop"}}})
			who, err := a.subject(t.Context(), account)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.emails, who.Identities["email"]) + cmp.Diff(tc.shared, who.Shared); diff != "" {
				t.Error(diff)
			}
		})
	}
}
