package law

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Calendar knows the public holidays of the place where a controller is
// established: Reg. 1182/71 Art. 2(1) counts those of the Member State in which
// action is to be taken. The zero value has no public holidays, only weekends.
//
// Holidays of a single region, and those proclaimed for one year only, are not
// known. A period then ends earlier than it might, never later.
type Calendar struct {
	code     string
	holidays []holiday
}

// holiday returns the day on which a public holiday is kept in a year.
type holiday func(year int) Date

// CalendarCodes returns the codes that [NewCalendar] knows.
func CalendarCodes() []string {
	return []string{"BE", "DE", "ES", "FR", "FR-AM", "IE", "IT", "NL", "UK", "none"}
}

// NewCalendar returns the calendar of a country by its code: BE, DE (the days
// of the whole federation), ES (the days of the whole state), FR, FR-AM (France
// with the two further days of Alsace and Moselle), IE, IT, NL, UK (England and
// Wales), or "none" for weekends only.
func NewCalendar(code string) (Calendar, error) {
	if !slices.Contains(CalendarCodes(), code) {
		return Calendar{}, fmt.Errorf("no such calendar; known are %s", strings.Join(CalendarCodes(), ", "))
	}
	return Calendar{code, holidaysOf(code)}, nil
}

// Code returns the code by which the calendar was asked for.
func (c Calendar) Code() string { return c.code }

// Holiday reports whether d is a public holiday.
func (c Calendar) Holiday(d Date) bool {
	return slices.ContainsFunc(c.holidays, func(h holiday) bool { return h(d.Year) == d })
}

// WorkingDay reports whether d is neither a public holiday nor a Sunday nor a
// Saturday: Reg. 1182/71 Art. 2(2).
func (c Calendar) WorkingDay(d Date) bool {
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !c.Holiday(d)
}

// Roll returns d if it is a working day, and else the next one: Reg. 1182/71
// Art. 3(4).
func (c Calendar) Roll(d Date) Date {
	for !c.WorkingDay(d) {
		d = d.AddDays(1)
	}
	return d
}

// Easter returns Easter Sunday of a year of the Gregorian calendar, by the
// computus of Meeus, Jones and Butcher.
func Easter(year int) Date {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return Date{year, time.Month(n / 31), n%31 + 1}
}
