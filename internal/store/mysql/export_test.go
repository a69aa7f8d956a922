package mysql

import (
	"testing"

	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// OpenMutant opens a store whose statements are written by a dialect with a
// mistake in it.
func OpenMutant(t *testing.T, url string, batch int, mutate func(sqlstore.Dialect) sqlstore.Dialect) *Store {
	t.Helper()
	s, err := Open("app", url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Store = sqlstore.New("app", s.db, mutate(dialect{}), sqlstore.Options{Batch: batch, Secret: []byte("secret")})
	return s
}
