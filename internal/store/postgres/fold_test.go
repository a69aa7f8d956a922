package postgres_test

import (
	"slices"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

// TestFold: people write their address in upper or lower case, and stores keep it
// as it was written. A match that folds finds it; one that does not is exact.
func TestFold(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE people (email text, nick varchar(20)); INSERT INTO people VALUES ('Ada@Example.org', 'ADA'), ('ada@example.org', 'Ada'), ('eve@example.org', 'eve')`)
	m := mapOf(t, `
      - name: people
        habeas: {erasure: delete}
        fields:
          - {name: email, data_categories: [user.contact.email]}
          - {name: nick, data_categories: [user.account.username]}
`)
	s := d.open(t, postgres.Options{})
	for name, tc := range map[string]struct {
		match store.Match
		want  []string
	}{
		"exact":  {store.Match{Field: "email", Values: []any{"ADA@example.org"}}, nil},
		"folded": {store.Match{Field: "email", Values: []any{"ADA@example.org"}, Fold: true}, []string{"ADA", "Ada"}},
		"short":  {store.Match{Field: "nick", Values: []any{"ada"}, Fold: true}, []string{"ADA", "Ada"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := m.Collections()[0]
			var got []string
			err := s.Find(t.Context(), store.Target{Collection: c, Address: c.Address(), Treatment: dsr.Delete, Matches: []store.Match{tc.match}}, []string{"nick"}, func(r store.Row) error {
				got = append(got, r["nick"].(string))
				return nil
			})
			slices.Sort(got)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("found %v, %v; want %v", got, err, tc.want)
			}
		})
	}
}
