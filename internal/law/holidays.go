package law

import (
	"slices"
	"time"
)

// Days counted from Easter Sunday.
const (
	goodFriday   = -2
	easterMonday = 1
	ascension    = 39
	whitMonday   = 50
)

// holidaysOf lists the public holidays that fall on a weekday or can do so.
// Easter Sunday and Whit Sunday are Sundays anyway.
func holidaysOf(code string) []holiday {
	switch code {
	case "FR": // Code du travail L3133-1
		return slices.Concat(fixed(1, 1, 5, 1, 5, 8, 7, 14, 8, 15, 11, 1, 11, 11, 12, 25),
			easter(easterMonday, ascension, whitMonday))
	case "FR-AM": // and Code du travail L3134-13
		return slices.Concat(holidaysOf("FR"), fixed(12, 26), easter(goodFriday))
	case "DE": // the days that all Länder keep
		return slices.Concat(fixed(1, 1, 5, 1, 10, 3, 12, 25, 12, 26),
			easter(goodFriday, easterMonday, ascension, whitMonday))
	case "ES": // Real Decreto 2001/1983 art. 45
		return slices.Concat(fixed(1, 1, 1, 6, 5, 1, 8, 15, 10, 12, 11, 1, 12, 6, 12, 8, 12, 25),
			easter(goodFriday))
	case "BE": // arrêté royal du 18 avril 1974 art. 1
		return slices.Concat(fixed(1, 1, 5, 1, 7, 21, 8, 15, 11, 1, 11, 11, 12, 25),
			easter(easterMonday, ascension, whitMonday))
	case "NL": // Algemene termijnenwet art. 3(1)
		return slices.Concat(fixed(1, 1, 5, 5, 12, 25, 12, 26),
			easter(easterMonday, ascension, whitMonday), []holiday{kingsDay})
	case "IE": // Organisation of Working Time Act 1997, second schedule
		return slices.Concat(fixed(1, 1, 3, 17, 12, 25, 12, 26), easter(easterMonday),
			[]holiday{brigid, firstMonday(time.May), firstMonday(time.June), firstMonday(time.August), lastMonday(time.October)})
	case "IT": // legge 27 maggio 1949 n. 260 art. 2
		return slices.Concat(fixed(1, 1, 1, 6, 4, 25, 5, 1, 6, 2, 8, 15, 11, 1, 12, 8, 12, 25, 12, 26),
			easter(easterMonday))
	case "UK": // Banking and Financial Dealings Act 1971, and the yearly proclamations
		return slices.Concat([]holiday{substituted(time.January, 1)}, easter(goodFriday, easterMonday),
			[]holiday{
				firstMonday(time.May), lastMonday(time.May), lastMonday(time.August),
				substituted(time.December, 25), substituted(time.December, 26), boxingAfterWeekend,
			})
	}
	return nil
}

// fixed takes pairs of a month and a day.
func fixed(pairs ...int) []holiday {
	var days []holiday
	for pair := range slices.Chunk(pairs, 2) {
		days = append(days, func(year int) Date { return Date{year, time.Month(pair[0]), pair[1]} })
	}
	return days
}

func easter(offsets ...int) []holiday {
	var days []holiday
	for _, offset := range offsets {
		days = append(days, func(year int) Date { return Easter(year).AddDays(offset) })
	}
	return days
}

func firstMonday(month time.Month) holiday {
	return func(year int) Date { return onOrAfter(Date{year, month, 1}, time.Monday) }
}

func lastMonday(month time.Month) holiday {
	return func(year int) Date { return onOrAfter(Date{year, month, 1}.AddMonths(1).AddDays(-7), time.Monday) }
}

func onOrAfter(d Date, day time.Weekday) Date {
	return d.AddDays((int(day) - int(d.Weekday()) + 7) % 7)
}

// kingsDay is 27 April, or the day before where that is a Sunday.
func kingsDay(year int) Date {
	d := Date{year, time.April, 27}
	if d.Weekday() == time.Sunday {
		return d.AddDays(-1)
	}
	return d
}

// brigid is the first Monday of February, or the 1st where that is a Friday.
func brigid(year int) Date {
	d := Date{year, time.February, 1}
	if d.Weekday() == time.Friday {
		return d
	}
	return onOrAfter(d, time.Monday)
}

// substituted is a day whose place the next Monday takes where it falls on a weekend.
func substituted(month time.Month, day int) holiday {
	return func(year int) Date {
		d := Date{year, month, day}
		if d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
			return onOrAfter(d, time.Monday)
		}
		return d
	}
}

// boxingAfterWeekend is the second substitute of a Christmas at a weekend: the
// Monday goes to the first of the two days, or is Boxing Day itself, and the
// Tuesday to the other. In other years it is Boxing Day once more.
func boxingAfterWeekend(year int) Date {
	christmas := Date{year, time.December, 25}
	switch christmas.Weekday() {
	case time.Saturday, time.Sunday:
		return onOrAfter(christmas, time.Tuesday)
	}
	return substituted(time.December, 26)(year)
}
