package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/bench"
	"github.com/soffiah/habeas/internal/mailin"
)

// From the moment at which IDLE reports a reply until its signal is in the database
// for all to see, a tenth of a second may pass. The test holds twice that for half
// of the replies, since it runs beside other tests.
const (
	noticeTarget = 100 * time.Millisecond
	noticeBound  = 2 * noticeTarget
)

// TestNotice holds the time at a small size.
func TestNotice(t *testing.T) {
	times := measureNotice(t, 20)
	t.Logf("p50 %v, p95 %v", bench.Median(times), times[len(times)*95/100])
	if p50 := bench.Median(times); p50 > noticeBound {
		t.Errorf("from IDLE to the signal pass %v, at most %v are allowed: %v", p50, noticeBound, times)
	}
}

// BenchmarkNotice measures 300 replies, one after the other.
func BenchmarkNotice(b *testing.B) {
	times := measureNotice(b, 300)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bench.Milliseconds(bench.Median(times)), "p50-ms")
	b.ReportMetric(bench.Milliseconds(times[len(times)*95/100]), "p95-ms")
	// .ci/bench compares these two.
	b.ReportMetric(float64(times[len(times)*95/100])/float64(noticeTarget), "ratio")
	b.ReportMetric(1, "ratio-target")
}

// measureNotice delivers replies one by one and returns, in order of size, the times
// from IDLE's report of each to the notice that its signal has been committed.
func measureNotice(tb testing.TB, n int) []time.Duration {
	tb.Helper()
	o := newPostOffice(tb, n+1)
	ctx, cancel := context.WithTimeout(tb.Context(), pairWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, o.db.URL)
	must(tb, err)
	defer func() { must(tb, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, `LISTEN habeas_signal`)
	must(tb, err)
	noticed, waiting := make(chan time.Time, n+1), make(chan bool, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- o.watch(ctx, "privacy", func(e mailin.Event) {
			switch e.Kind {
			case mailin.Waiting:
				select {
				case waiting <- true:
				default:
				}
			case mailin.Noticed:
				noticed <- e.At
			}
		})
	}()
	var times []time.Duration
	for i, raw := range o.replies {
		select {
		case <-waiting:
		case err := <-ended:
			tb.Fatalf("the watch ended: %v", err)
		}
		o.deliver(tb, raw)
		_, err := conn.WaitForNotification(ctx)
		must(tb, err)
		// The first one prepares statements and is not counted.
		if took := time.Since(<-noticed); i > 0 {
			times = append(times, took)
		}
	}
	cancel()
	<-ended
	var told int
	must(tb, o.db.SQL.QueryRow(tb.Context(), `SELECT count(*) FROM signal WHERE kind = 'reply'`).Scan(&told))
	if told != len(o.replies) {
		tb.Fatal(fmt.Errorf("%d of %d replies were told", told, len(o.replies)))
	}
	slices.Sort(times)
	return times
}
