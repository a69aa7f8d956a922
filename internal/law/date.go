package law

import (
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar, without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day on which t falls in tz. The law counts days where the
// controller is established, not where a server runs.
func DateOf(t time.Time, tz *time.Location) Date {
	y, m, d := t.In(tz).Date()
	return Date{y, m, d}
}

// ParseDate reads a day written as 2026-01-15.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("not a day written like 2026-01-15")
	}
	return DateOf(t, time.UTC), nil
}

// String returns the day in the form 2026-01-15.
func (d Date) String() string { return d.midnight().Format(time.DateOnly) }

// IsZero reports whether d is the zero Date, which is no day.
func (d Date) IsZero() bool { return d == Date{} }

// MarshalText writes the day as [Date.String] does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [ParseDate] reads.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// Before reports whether d lies before e.
func (d Date) Before(e Date) bool { return d.midnight().Before(e.midnight()) }

// Weekday returns the day of the week of d.
func (d Date) Weekday() time.Weekday { return d.midnight().Weekday() }

// AddDays returns the day n days after d.
func (d Date) AddDays(n int) Date { return DateOf(d.midnight().AddDate(0, 0, n), time.UTC) }

// AddMonths returns the same day of the month n months later, or the last day
// of that month where it has no such day: Reg. 1182/71 Art. 3(2)(c).
func (d Date) AddMonths(n int) Date {
	first := time.Date(d.Year, d.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Date{first.Year(), first.Month(), min(d.Day, last)}
}

// Start returns the first instant of the day in tz. It is midnight, except
// where the clocks are put forward at midnight.
func (d Date) Start(tz *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, tz)
}

// End returns the last whole second of the day in tz. Reg. 1182/71 lets a
// period end "with the expiry of the last hour" of a day; one second less is
// on the safe side, and still shows the right day when it is printed.
func (d Date) End(tz *time.Location) time.Time {
	return d.AddDays(1).Start(tz).Add(-time.Second)
}

func (d Date) midnight() time.Time { return d.Start(time.UTC) }
