package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

// TestCompositeMatch: the parts of a composite key mean the rows for which all of
// them hold. Taken one by one they would mean everybody of the tenant.
func TestCompositeMatch(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `CREATE TABLE orders (tenant int, person int, what text); INSERT INTO orders VALUES (1, 7, 'a'), (1, 7, 'b'), (1, 8, 'c'), (2, 7, 'd'), (NULL, 7, 'e')`)
	m := mapOf(t, "\n      - {name: orders, habeas: {erasure: delete}, fields: [{name: tenant}, {name: person}, {name: what}]}\n")
	c := m.Collections()[0]
	s := d.open(t, postgres.Options{})
	for name, tc := range map[string]struct {
		all  []store.Match
		want []string
	}{
		"both hold":           {[]store.Match{{Field: "tenant", Values: []any{"1"}}, {Field: "person", Values: []any{"7"}}}, []string{"a", "b"}},
		"nothing fits a part": {[]store.Match{{Field: "tenant", Values: []any{"one"}}, {Field: "person", Values: []any{"7"}}}, nil},
		"nor the last part":   {[]store.Match{{Field: "tenant", Values: []any{"1"}}, {Field: "person", Values: []any{"seven"}}}, nil},
		"a part is empty":     {[]store.Match{{Field: "tenant"}, {Field: "person", Values: []any{"7"}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := store.Target{Collection: c, Address: datamap.Address{Dataset: "app", Collection: "orders"}, Treatment: dsr.Delete, Matches: []store.Match{{All: tc.all}}}
			var got []string
			err := s.Find(t.Context(), target, []string{"what"}, func(row store.Row) error {
				got = append(got, row["what"].(string))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
