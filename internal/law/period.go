package law

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a length of time as laws and policies state it: an ISO 8601
// duration such as P10Y, P13M, P180D or PT72H. Years and months have no fixed
// length, so a Period has a length only from a given time on: [Period.AddTo].
// The zero value is no time at all.
type Period struct {
	Years, Months, Days int
	// Clock is the part measured in hours, minutes and seconds.
	Clock time.Duration
}

// Months returns a period of n months.
func Months(n int) Period { return Period{Months: n} }

// Days returns a period of n days.
func Days(n int) Period { return Period{Days: n} }

// Hours returns a period of n hours.
func Hours(n int) Period { return Period{Clock: time.Duration(n) * time.Hour} }

// The greatest number that a component of a period may have. A thousand years
// serve every law; the bound keeps arithmetic far from overflow.
const maxComponent = 400_000

var (
	errPeriod   = errors.New("not a period; write an ISO 8601 duration such as P10Y, P13M, P180D or PT72H")
	errTooGreat = fmt.Errorf("a part of the period is greater than %d", maxComponent)
)

// component is one letter of a period and where its number goes.
type component struct {
	letter byte
	add    func(*Period, int)
}

func dateComponents() []component {
	return []component{
		{'Y', func(p *Period, n int) { p.Years = n }},
		{'M', func(p *Period, n int) { p.Months = n }},
		{'W', func(p *Period, n int) { p.Days = 7 * n }},
		{'D', func(p *Period, n int) { p.Days += n }},
	}
}

func clockComponents() []component {
	return []component{
		{'H', func(p *Period, n int) { p.Clock += time.Duration(n) * time.Hour }},
		{'M', func(p *Period, n int) { p.Clock += time.Duration(n) * time.Minute }},
		{'S', func(p *Period, n int) { p.Clock += time.Duration(n) * time.Second }},
	}
}

// ParsePeriod reads an ISO 8601 duration of whole, non-negative numbers. A week
// is seven days.
func ParsePeriod(s string) (Period, error) {
	rest, found := strings.CutPrefix(s, "P")
	date, clock, hasClock := strings.Cut(rest, "T")
	if !found || rest == "" || hasClock && clock == "" {
		return Period{}, errPeriod
	}
	var p Period
	if err := parseComponents(&p, date, dateComponents()); err != nil {
		return Period{}, err
	}
	if err := parseComponents(&p, clock, clockComponents()); err != nil {
		return Period{}, err
	}
	if p.Days > maxComponent || p.Clock > maxComponent*time.Hour {
		return Period{}, errTooGreat
	}
	return p, nil
}

// parseComponents reads numbers with their letters, each letter at most once
// and in the order of allowed.
func parseComponents(p *Period, s string, allowed []component) error {
	for s != "" {
		digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return errPeriod
		}
		n, err := strconv.Atoi(s[:digits])
		if err != nil || n > maxComponent {
			return errTooGreat
		}
		for len(allowed) > 0 && allowed[0].letter != s[digits] {
			allowed = allowed[1:]
		}
		if len(allowed) == 0 {
			return errPeriod
		}
		allowed[0].add(p, n)
		allowed, s = allowed[1:], s[digits+1:]
	}
	return nil
}

// String returns the period as an ISO 8601 duration that [ParsePeriod] reads
// back to the same value.
func (p Period) String() string {
	if p == (Period{}) {
		return "PT0S"
	}
	var b strings.Builder
	write := func(n int, letter byte) {
		if n != 0 {
			b.WriteString(strconv.Itoa(n))
			b.WriteByte(letter)
		}
	}
	b.WriteByte('P')
	write(p.Years, 'Y')
	write(p.Months, 'M')
	write(p.Days, 'D')
	if p.Clock != 0 {
		b.WriteByte('T')
		write(int(p.Clock/time.Hour), 'H')
		write(int(p.Clock%time.Hour/time.Minute), 'M')
		write(int(p.Clock%time.Minute/time.Second), 'S')
	}
	return b.String()
}

// MarshalText writes the period as [Period.String] does.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePeriod] reads.
func (p *Period) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePeriod(string(text))
	return err
}

// IsZero reports whether the period is no time at all.
func (p Period) IsZero() bool { return p == Period{} }

// AddTo returns the end of the period that starts at t, in the time zone of t:
// first years and months, clamped to the end of the month as [Date.AddMonths]
// does, then days of the calendar, then hours of the clock. Postgres adds an
// interval in the same way, so both name the same end.
func (p Period) AddTo(t time.Time) time.Time {
	day := p.AddToDate(DateOf(t, t.Location()))
	hour, minute, second := t.Clock()
	moved := time.Date(day.Year, day.Month, day.Day, hour, minute, second, t.Nanosecond(), t.Location())
	return moved.Add(p.Clock)
}

// AddToDate returns the day on which the years, months and days of the period
// end that runs from d. Hours are not counted.
func (p Period) AddToDate(d Date) Date {
	return d.AddMonths(12*p.Years + p.Months).AddDays(p.Days)
}

// Exceeds reports whether p ends later than q from at least one starting day.
// It is exact where both have fixed lengths, and on the side of caution where
// only some days make a difference: P1M exceeds P30D, and P31D exceeds P1M.
func (p Period) Exceeds(q Period) bool {
	pLeast, pMost := p.bounds()
	qLeast, qMost := q.bounds()
	switch {
	case p == q, pMost <= qLeast:
		return false
	case pLeast > qMost:
		return true
	}
	// Leap years repeat after four years, and months of every length follow on
	// each other within them.
	start := time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)
	for range 4*365 + 1 {
		if p.AddTo(start).After(q.AddTo(start)) {
			return true
		}
		start = start.AddDate(0, 0, 1)
	}
	return false
}

// bounds returns how many seconds the period lasts at least and at most. A month
// has 30.436875 days on average over the 400 years after which the calendar
// repeats; no run of months is further from its average than four days.
func (p Period) bounds() (least, most int64) {
	const day, month = 24 * 60 * 60, 2_629_746
	fixed := int64(p.Days)*day + int64(p.Clock/time.Second)
	months := int64(12*p.Years + p.Months)
	if months == 0 {
		return fixed, fixed
	}
	return fixed + months*month - 4*day, fixed + months*month + 4*day
}
