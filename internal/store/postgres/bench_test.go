package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/postgres"
)

const (
	benchTables = 8
	benchRows   = 12_500 // of the subject, in each table
	benchBatch  = 5000
)

// benchSchema is a chain of tables, each referring to the one before, with the
// rows of two people.
func benchSchema() string {
	var b strings.Builder
	for i := range benchTables {
		parent := ""
		if i > 0 {
			parent = fmt.Sprintf(" REFERENCES t%d", i-1)
		}
		fmt.Fprintf(&b, `CREATE TABLE t%d (id int PRIMARY KEY, owner int, parent int%s, note text);
			INSERT INTO t%d SELECT g, 1 + g %% 2, g, md5(g::text) FROM generate_series(1, %d) g;
			CREATE INDEX ON t%d (owner); CREATE INDEX ON t%d (parent); ANALYZE t%d;`, i, parent, i, 2*benchRows, i, i, i)
	}
	return b.String()
}

// BenchmarkErase reports how many rows a second one person's rows are erased
// and read back at, against the best SQL by hand with the same batches and the
// same read-back, on the same machine in the same run.
func BenchmarkErase(b *testing.B) {
	var ours, hand time.Duration
	for b.Loop() {
		hand += byHand(b)
		ours += byStore(b)
	}
	rows := float64(b.N * benchTables * benchRows)
	b.ReportMetric(rows/ours.Seconds(), "rows/s")
	b.ReportMetric(rows/hand.Seconds(), "hand-rows/s")
	b.ReportMetric(hand.Seconds()/ours.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

func byHand(b *testing.B) time.Duration {
	d := newDatabase(b, benchSchema())
	start := time.Now()
	for i := benchTables - 1; i >= 0; i-- {
		for n := int64(benchBatch); n == benchBatch; {
			tag, err := d.conn.Exec(b.Context(), fmt.Sprintf(
				"DELETE FROM t%d WHERE ctid = ANY (ARRAY(SELECT ctid FROM t%d WHERE owner = 1 LIMIT %d))", i, i, benchBatch))
			if err != nil {
				b.Fatal(err)
			}
			n = tag.RowsAffected()
		}
	}
	for i := range benchTables {
		if got := d.rows(b, fmt.Sprintf("SELECT count(*)::text FROM t%d WHERE owner = 1", i)); got[0] != "0" {
			b.Fatalf("%s rows are left", got[0])
		}
	}
	took := time.Since(start)
	d.conn.Close()
	return took
}

func byStore(b *testing.B) time.Duration {
	d := newDatabase(b, benchSchema())
	s := d.open(b, postgres.Options{Batch: benchBatch})
	var collections strings.Builder
	for i := range benchTables {
		fmt.Fprintf(&collections, "      - {name: t%d, habeas: {erasure: delete}, fields: [{name: owner}]}\n", i)
	}
	m := mapOf(b, collections.String())
	var targets []store.Target
	for i := range benchTables {
		targets = append(targets, target(b, m, fmt.Sprintf("t%d", i), "owner", "1"))
	}
	start := time.Now()
	if _, err := s.Erase(b.Context(), targets, now, store.Watch{}); err != nil {
		b.Fatal(err)
	}
	got, err := s.Verify(b.Context(), targets, now)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	for _, tally := range got {
		if tally.Residual != 0 {
			b.Fatalf("%d rows are left", tally.Residual)
		}
	}
	d.conn.Close()
	return took
}
