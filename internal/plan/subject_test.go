package plan_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/store"
)

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
			maker := plan.Maker{Map: m, Stores: []plan.Store{{Store: table{rows: tc.rows}, Dataset: "shop"}}}
			who, err := maker.Subject(t.Context(), account)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.emails, who.Identities["email"]) + cmp.Diff(tc.shared, who.Shared); diff != "" {
				t.Error(diff)
			}
		})
	}
}
