package mysql_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
)

// TestLevel: how deep an erasure goes, as docs/STORES.md says. What was deleted
// stays in the table's file after InnoDB has purged it, in the redo log and in the
// binary log; a table that is written anew is without it.
func TestLevel(t *testing.T) {
	t.Parallel()
	d := mysqltest.New(t, `CREATE TABLE people (id int PRIMARY KEY, owner int, name varchar(40), KEY (name));
		INSERT INTO people SELECT seq, seq % 2, IF(seq % 2, CONCAT('canary ', seq), 'somebody else') FROM seq_1_to_2000`)
	canary := []byte("canary 1")
	holds := func(pattern string) bool {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(mysqltest.Data(), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no file %s: %v", pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, canary) {
				return true
			}
		}
		return false
	}
	const binlog = "*-bin.[0-9]*"
	table := filepath.Join(d.Name, "people.ibd")
	// The server writes all of a table to its file before it lets it be exported.
	written := func() { d.Exec(t, "FLUSH TABLES people FOR EXPORT; UNLOCK TABLES") }
	written()
	m := mapOf(t, "\n      - {name: people, habeas: {erasure: delete}, fields: [{name: id}, {name: owner}, {name: name}]}\n")
	s := open(t, d, mysql.Options{})
	if s.Abilities().Level != store.Logical {
		t.Errorf("got level %s", s.Abilities().Level)
	}
	if _, err := s.Erase(t.Context(), []store.Target{target(t, m, "people", "owner", 1)}, now, store.Watch{}); err != nil {
		t.Fatal(err)
	}
	purged(t, d)
	written()
	for what, pattern := range map[string]string{"the table's file": table, "the redo log": "ib_logfile0", "the binary log": binlog} {
		if !holds(pattern) {
			t.Errorf("%s does not hold the value any more: docs/STORES.md says that it does", what)
		}
	}
	d.Exec(t, "OPTIMIZE TABLE people")
	written()
	if holds(table) {
		t.Error("the table's file still holds the value after OPTIMIZE TABLE")
	}
	if !holds(binlog) {
		t.Error("the binary log does not hold the value any more")
	}
}

// purged waits until InnoDB has purged what was deleted so far, or not for ever
// where other tests go on deleting.
func purged(t *testing.T, d *mysqltest.Database) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		status := strings.Join(d.Rows(t, "SHOW ENGINE INNODB STATUS"), "\n")
		if strings.Contains(status, "History list length 0\n") {
			return
		}
	}
}
