package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

// TestRowsFoundByWhatIsSetToNull: rows that are found by a reference which the
// database itself sets to null go before those that they refer to, or nobody
// would find them again.
func TestRowsFoundByWhatIsSetToNull(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{0, 1} {
		d := newDatabase(t, `CREATE TABLE accounts (id int PRIMARY KEY, email text); CREATE TABLE posts (id int PRIMARY KEY, account int REFERENCES accounts ON DELETE SET NULL);
			INSERT INTO accounts VALUES (1, 'ada@example.org'), (2, 'bob@example.org'); INSERT INTO posts VALUES (10, 1), (11, 1), (20, 2)`)
		m := mapOf(t, `
      - {name: accounts, habeas: {erasure: delete}, fields: [{name: id}, {name: email}]}
      - {name: posts, habeas: {erasure: delete}, fields: [{name: id}, {name: account}]}
`)
		targets := []store.Target{target(t, m, "accounts", "email", "ada@example.org"), target(t, m, "posts", "account", 1)}
		got, err := d.open(t, postgres.Options{Batch: batch}).Erase(t.Context(), targets, now, store.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"accounts 1/1/0", "posts 2/2/0"}, counts(got)); diff != "" {
			t.Error(diff)
		}
		if left := d.rows(t, "SELECT p::text FROM posts p"); !cmp.Equal(left, []string{"(20,2)"}) {
			t.Errorf("posts %v are left", left)
		}
	}
}
