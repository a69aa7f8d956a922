package mysql_test

import (
	"io"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
)

const (
	benchRows  = 100_000 // of the person
	benchTotal = 400_000
)

// BenchmarkErase deletes a person's 100,000 rows of 400,000 and reads back, and
// compares with the statements that one would write by hand.
func BenchmarkErase(b *testing.B) {
	d := mysqltest.New(b, `CREATE TABLE visits (id bigint PRIMARY KEY, person int, page varchar(80), KEY (person))`)
	m := mapOf(b, "\n      - {name: visits, habeas: {erasure: delete}, fields: [{name: id}, {name: person}]}\n")
	targets := []store.Target{target(b, m, "visits", "person", 1)}
	s := open(b, d, mysql.Options{})
	fill := func() {
		d.Exec(b, "TRUNCATE visits; INSERT INTO visits SELECT seq, IF(seq % 4, seq + 9, 1), CONCAT('/page/', seq) FROM seq_1_to_400000")
	}
	hand := func() {
		for n := int64(5000); n == 5000; {
			result, err := d.SQL.ExecContext(b.Context(), "DELETE FROM visits WHERE person = ? LIMIT 5000", 1)
			if err != nil {
				b.Fatal(err)
			}
			if n, err = result.RowsAffected(); err != nil {
				b.Fatal(err)
			}
		}
		d.Rows(b, "SELECT count(*) FROM visits WHERE person = 1")
	}
	var ours, by time.Duration
	for b.Loop() {
		fill()
		begun := time.Now()
		got, err := s.Erase(b.Context(), targets, now, store.Watch{})
		if err != nil || got[0].Erased != benchRows {
			b.Fatalf("got %+v and %v", got, err)
		}
		if _, err := s.Verify(b.Context(), targets, now); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(begun)
		fill()
		begun = time.Now()
		hand()
		by += time.Since(begun)
	}
	b.ReportMetric(float64(b.N*benchRows)/ours.Seconds(), "rows/s")
	b.ReportMetric(float64(by)/float64(ours), "of-by-hand")
}

// counted is a sink that counts.
type counted struct{ rows, octets int }

func (*counted) Begin([]store.Column) error { return nil }

func (c *counted) Row(values [][]byte) error {
	c.rows++
	for _, v := range values {
		c.octets += len(v)
	}
	return nil
}

func (*counted) Content(io.Reader) error { return nil }

// BenchmarkExport streams 400,000 rows.
func BenchmarkExport(b *testing.B) {
	d := mysqltest.New(b, `CREATE TABLE visits (id bigint PRIMARY KEY, person int, page varchar(80), seen datetime, KEY (person)); INSERT INTO visits SELECT seq, 1, CONCAT('/page/', seq), now() FROM seq_1_to_400000`)
	m := mapOf(b, "\n      - {name: visits, habeas: {erasure: delete}, fields: [{name: id}, {name: person}, {name: page}, {name: seen}]}\n")
	s := open(b, d, mysql.Options{})
	b.ReportAllocs()
	for b.Loop() {
		var c counted
		if err := s.Export(b.Context(), target(b, m, "visits", "person", 1), nil, &c); err != nil || c.rows != benchTotal {
			b.Fatalf("got %d rows and %v", c.rows, err)
		}
		b.SetBytes(int64(c.octets))
	}
	b.ReportMetric(float64(b.N*benchTotal)/b.Elapsed().Seconds(), "rows/s")
}
