package mysql_test

import (
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
)

// TestManyValues: as many values as a person has rows are looked for in order, not
// each in every row, whatever is to be done to what they find.
func TestManyValues(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `CREATE TABLE lines_of (id bigint PRIMARY KEY, invoice int, name varchar(20) COLLATE latin1_swedish_ci, note text, sum text, KEY (invoice), KEY (name));
		INSERT INTO lines_of SELECT seq, seq, CONCAT('Name ', seq), 'n', 's' FROM seq_1_to_60000`)
	var numbers []any
	for i := range 10_000 {
		numbers = append(numbers, 50_001+i)
	}
	for _, own := range []string{
		`erasure: anonymise}, fields: [{name: invoice}, {name: note, habeas: {anonymise: {strategy: "null"}}}]`,
		`erasure: anonymise}, fields: [{name: invoice}, {name: sum, habeas: {anonymise: {strategy: hash, basis: b}}}]`,
		`erasure: delete}, fields: [{name: invoice}]`,
	} {
		m := mapOf(t, "\n      - {name: lines_of, habeas: {"+own+"}\n")
		erased(t, d, target(t, m, "lines_of", "invoice", numbers...))
	}
}

// erased erases 10,000 rows. If every value were looked for in every row, a
// statement would take longer than it may.
func erased(t *testing.T, d *mysqltest.Database, target store.Target) {
	t.Helper()
	s := open(t, d, mysql.Options{})
	begun := time.Now()
	got, err := s.Erase(t.Context(), []store.Target{target}, now, store.Watch{})
	if err != nil || got[0].Erased+got[0].Anonymised != 10_000 {
		t.Fatalf("got %+v and %v, want 10,000 rows", got, err)
	}
	requireVerified(t, s, []store.Target{target})
	t.Logf("%s took %s", target.Treatment, time.Since(begun))
}
