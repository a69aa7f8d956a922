package bench_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/bench"
)

func TestPairsTakeTurns(t *testing.T) {
	t.Parallel()
	var order []string
	of := func(name string, took ...time.Duration) bench.Measure {
		return func(pair int) (time.Duration, error) {
			order = append(order, name)
			return took[pair] * time.Second, nil
		}
	}
	// The first pair would spoil every figure if it counted.
	r, err := bench.Pairs(5, of("s", 1000, 2, 9, 4, 6, 3), of("f", 1, 2, 3, 1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"f", "s", "s", "f", "f", "s", "s", "f", "f", "s", "s", "f"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	lowest, highest := r.Range()
	if diff := cmp.Diff([]float64{3, 1, 4}, []float64{r.Median(), lowest, highest}); diff != "" {
		t.Errorf("median, lowest, highest: %s", diff)
	}
	reported := metrics{}
	r.Report(reported)
	if diff := cmp.Diff(metrics{"ratio": 3, "ratio-lowest": 1, "ratio-highest": 4, "p50-ms": 4000, "floor-p50-ms": 2000}, reported); diff != "" {
		t.Error(diff)
	}
}

type metrics map[string]float64

func (m metrics) ReportMetric(n float64, unit string) { m[unit] = n }

func TestPairsNeedsFive(t *testing.T) {
	t.Parallel()
	if _, err := bench.Pairs(4, nil, nil); !errors.Is(err, bench.ErrTooFewPairs) {
		t.Errorf("got %v", err)
	}
}

func TestPairsEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	calls := 0
	works := func(int) (time.Duration, error) { calls++; return time.Second, nil }
	fails := func(pair int) (time.Duration, error) {
		if pair == 2 {
			return 0, broken
		}
		return works(pair)
	}
	for _, run := range [][2]bench.Measure{{works, fails}, {fails, works}} {
		calls = 0
		if _, err := bench.Pairs(5, run[0], run[1]); !errors.Is(err, broken) || calls > 5 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{3: {9, 3, 1}, 2.5: {1, 9, 2, 3}, 7: {7}} {
		if got := bench.Median(values); got != want {
			t.Errorf("got %v, want %v of %v", got, want, values)
		}
	}
}
