package reply

import (
	"bytes"
	"context"
	"testing"

	"github.com/emersion/go-message"
)

// BenchmarkJudge measures judging of the matrix of genuine replies (wanted:
// 3,000 a second and core) and, as a floor, reading the same header with the
// library alone.
func BenchmarkJudge(b *testing.B) {
	var raws [][]byte
	var expect []*Expectation
	everyReply(phrases(b, "yes"), 1, func(_, _ string, l locale, raw []byte) {
		raws = append(raws, raw)
		expect = append(expect, l.expectation())
	})
	j := matrixJudge()
	b.Run("judge", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			j.Judge(context.Background(), Input{Raw: raws[n%len(raws)], Expect: expect[n%len(raws)]})
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	})
	b.Run("floor", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := message.Read(bytes.NewReader(raws[n%len(raws)])); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	})
}

// BenchmarkJudgeBounces measures the mails of the bounce corpus.
func BenchmarkJudgeBounces(b *testing.B) {
	var raws [][]byte
	eachCorpusMail(b, "sisimai", func(_ string, raw []byte) { raws = append(raws, raw) })
	j := NewJudge(Config{})
	for n := 0; b.Loop(); n++ {
		j.Judge(context.Background(), Input{Raw: raws[n%len(raws)], Assume: true})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
