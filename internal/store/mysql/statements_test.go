package mysql_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// TestStatements: two of a table's rows are asked for to erase a batch and one to
// read it back, whatever the number of identities; one more locks the rows if
// others may refer to them, and one looks at, or cuts, each such reference.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, identities := range []int{1, 1000} {
		d := mysqltest.New(t, forum)
		var lock sync.Mutex
		rows, catalog := 0, 0
		s := open(t, d, mysql.Options{Trace: func(sql string) {
			lock.Lock()
			defer lock.Unlock()
			for _, of := range []string{"information_schema", "SHOW GRANTS", "@@"} {
				if strings.Contains(sql, of) {
					catalog++
					return
				}
			}
			rows++
		}})
		count := func(what string, most int, f func() error) {
			t.Helper()
			rows, catalog = 0, 0
			if err := f(); err != nil {
				t.Error(err)
			}
			if rows > most || catalog > 5 {
				t.Errorf("%s with %d identities: %d of rows, want %d, and %d of the catalog", what, identities, rows, most, catalog)
			}
		}
		targets := forumTargets(t)
		for i := range targets {
			for n := range identities {
				targets[i].Matches[0].Values = append(targets[i].Matches[0].Values, 100_000+n)
			}
		}
		count("find", 1, func() error {
			return s.Find(t.Context(), targets[0], []string{"id"}, func(store.Row) error { return nil })
		})
		count("export", 1, func() error { return s.Export(t.Context(), targets[0], nil, &storetest.Rows{}) })
		count("survey", 4, func() error { _, err := s.Survey(t.Context(), targets, now); return err })
		// Counting four tables; comments with their replies (4), posts with the comments
		// that a cascade could take (4), accounts (2) and visits (1).
		count("erase", 4+4+4+2+1, func() error { _, err := s.Erase(t.Context(), targets, now, store.Watch{}); return err })
		count("verify", 4, func() error { _, err := s.Verify(t.Context(), targets, now); return err })
	}
}
