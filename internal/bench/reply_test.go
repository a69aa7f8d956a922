package bench_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/bench"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/workflows"
)

// The target is that a request, from its reply to its certified end, takes at
// most twice as long as its floor. The test holds half of that, since it runs
// beside other tests and perhaps with the race detector.
const (
	target = 2.0
	bound  = 2 * target
)

// pairWithin bounds one measurement.
const pairWithin = 2 * time.Minute

// TestReplyToCompleted holds the ratio at a small size.
func TestReplyToCompleted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	m := measureReplies(t, 7, false)
	t.Logf("ratio %.2f, p50 %v, floor %v", m.Median(), bench.Median(m.Subject), bench.Median(m.Floor))
	if m.Median() > bound {
		t.Errorf("from reply to completed takes %.2f times as long as the floor, at most %.1f are allowed: %v", m.Median(), bound, m.Ratio)
	}
}

// BenchmarkReplyToCompleted measures accounts of some dozen rows, as most are.
func BenchmarkReplyToCompleted(b *testing.B) { benchmarkReplies(b, 21, false) }

// BenchmarkReplyToCompletedHeavy measures accounts of 5,000 rows and 400 objects.
func BenchmarkReplyToCompletedHeavy(b *testing.B) { benchmarkReplies(b, 11, true) }

// benchmarkReplies runs once, whatever b.N: the pairs are what is repeated.
func benchmarkReplies(b *testing.B, n int, heavy bool) {
	m := measureReplies(b, n, heavy)
	b.ReportMetric(0, "ns/op")
	m.Report(b)
	for i, phase := range phases {
		// Numbered, since figures are printed in the order of their names.
		b.ReportMetric(bench.Milliseconds(bench.Median(m.after[phase])), fmt.Sprintf("at-%d-%s-ms", i+1, phase))
	}
	// A benchmark that fails keeps its figures to itself: .ci/bench compares the two.
	b.ReportMetric(target, "ratio-target")
}

// phases are the events that tell where the time goes; of those that happen more
// than once the last counts.
var phases = []dsr.EventType{
	dsr.EventReplySeen, dsr.EventConfirmed, dsr.EventPlanMade, dsr.EventErasing, dsr.EventStoreErased, dsr.EventVerifying,
	dsr.EventVerified, dsr.EventAnswerSent, dsr.EventCompleted,
}

// replies is what measuring requests gave.
type replies struct {
	bench.Ratio
	after map[dsr.EventType][]time.Duration // since the reply, by event
}

func measureReplies(tb testing.TB, n int, heavy bool) replies {
	tb.Helper()
	s := newStage(tb, n, heavy)
	m := replies{after: map[dsr.EventType][]time.Duration{}}
	var err error
	m.Ratio, err = bench.Pairs(n,
		func(pair int) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(tb.Context(), pairWithin)
			defer cancel()
			delivered, took, details, err := s.request(ctx, s.of(pair, false))
			if pair > 0 {
				m.note(delivered, details)
			}
			return took, err
		},
		func(pair int) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(tb.Context(), pairWithin)
			defer cancel()
			return s.floor(ctx, s.of(pair, true))
		})
	must(tb, err)
	return m
}

func (m *replies) note(delivered time.Time, details dsr.Details) {
	last := map[dsr.EventType]time.Time{}
	for _, e := range details.Events {
		last[e.Type] = e.At
	}
	for _, phase := range phases {
		if at, ok := last[phase]; ok {
			m.after[phase] = append(m.after[phase], at.Sub(delivered))
		}
	}
}

// request carries one request through and measures from the moment at which the
// mail server has taken the reply until Temporal says that the workflow has ended,
// just as for the floor.
func (s *stage) request(ctx context.Context, a soffiah.Account) (delivered time.Time, took time.Duration, details dsr.Details, err error) {
	receipt, err := s.File(ctx, a)
	if err != nil {
		return delivered, 0, details, err
	}
	if delivered, err = s.Confirm(ctx, a, receipt.Reference); err != nil {
		return delivered, 0, details, err
	}
	if err := s.temporal.GetWorkflow(ctx, workflows.RequestID(receipt.RequestID), "").Get(ctx, nil); err != nil {
		return delivered, 0, details, err
	}
	took = time.Since(delivered)
	details, err = s.verified(ctx, receipt.RequestID)
	return delivered, took, details, err
}

// verified makes sure that a request that was measured has done its work.
func (s *stage) verified(ctx context.Context, requestID string) (dsr.Details, error) {
	c, err := s.Client()
	if err != nil {
		return dsr.Details{}, err
	}
	details, err := c.Show(ctx, requestID)
	if err != nil {
		return details, err
	}
	if details.State != dsr.Completed {
		return details, fmt.Errorf("the request is %s", details.State)
	}
	for _, r := range details.Stores {
		if r.ResidualRows > 0 || r.VerifiedAt == nil {
			return details, fmt.Errorf("%d rows are left in %s", r.ResidualRows, r.Collection)
		}
	}
	document, err := c.Certificate(ctx, requestID)
	if err != nil {
		return details, err
	}
	_, err = audit.Verify(document, nil)
	return details, err
}
