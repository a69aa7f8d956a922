// Package bench measures what Habeas does against a floor: the least that any
// program would have to do for the same. Absolute times depend on the machine and
// on what else runs there; the ratio to a floor measured in the same minutes
// hardly does, so that a test can hold it.
package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MinPairs is the least number of pairs of which a median says anything.
const MinPairs = 5

// ErrTooFewPairs is a bug of the caller: fewer than [MinPairs] were asked for.
var ErrTooFewPairs = errors.New("a ratio needs at least five pairs")

// Measure does one piece of work and returns how long that took. What it prepares
// for the work it leaves out of the time. pair counts from 0.
type Measure func(pair int) (time.Duration, error)

// Ratio is what pairs of measurements gave, pair by pair.
type Ratio struct {
	Subject, Floor []time.Duration
}

// Pairs measures subject and floor n times, in turns, so that both meet the same
// load of the machine; who goes first alternates too. One more pair, number 0,
// runs before and is not counted: it fills caches and opens connections. The first
// error ends the measuring.
func Pairs(n int, subject, floor Measure) (Ratio, error) {
	if n < MinPairs {
		return Ratio{}, fmt.Errorf("%w: %d", ErrTooFewPairs, n)
	}
	var r Ratio
	for pair := range n + 1 {
		s, f, err := onePair(pair, subject, floor)
		if err != nil {
			return Ratio{}, fmt.Errorf("measuring pair %d: %w", pair, err)
		}
		if pair > 0 {
			r.Subject, r.Floor = append(r.Subject, s), append(r.Floor, f)
		}
	}
	return r, nil
}

func onePair(pair int, subject, floor Measure) (s, f time.Duration, err error) {
	if pair%2 == 1 {
		if s, err = subject(pair); err != nil {
			return 0, 0, err
		}
		f, err = floor(pair)
		return s, f, err
	}
	if f, err = floor(pair); err != nil {
		return 0, 0, err
	}
	s, err = subject(pair)
	return s, f, err
}

// Median is the median over the pairs of how many times as long as its floor the
// subject took: 1 is as fast, 2 takes twice as long.
func (r Ratio) Median() float64 { return Median(r.each()) }

// Range returns the lowest and the highest ratio of a pair.
func (r Ratio) Range() (lowest, highest float64) {
	all := r.each()
	return slices.Min(all), slices.Max(all)
}

func (r Ratio) each() []float64 {
	all := make([]float64, len(r.Subject))
	for i := range all {
		all[i] = float64(r.Subject[i]) / float64(r.Floor[i])
	}
	return all
}

// Metrics is where figures go; *testing.B is one.
type Metrics interface {
	ReportMetric(n float64, unit string)
}

// Report reports the ratio with its range, and the median times in milliseconds.
func (r Ratio) Report(to Metrics) {
	lowest, highest := r.Range()
	to.ReportMetric(r.Median(), "ratio")
	to.ReportMetric(lowest, "ratio-lowest")
	to.ReportMetric(highest, "ratio-highest")
	to.ReportMetric(Milliseconds(Median(r.Subject)), "p50-ms")
	to.ReportMetric(Milliseconds(Median(r.Floor)), "floor-p50-ms")
}

// Milliseconds is a duration as figures show it.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Median returns the median of at least one value, the mean of the middle two if
// their number is even.
func Median[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
