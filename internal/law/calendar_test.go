package law

import (
	"strings"
	"testing"
)

func TestEaster(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{
		1818: "1818-03-22", 1943: "1943-04-25", 2000: "2000-04-23", 2024: "2024-03-31",
		2025: "2025-04-20", 2026: "2026-04-05", 2027: "2027-03-28", 2038: "2038-04-25", 2285: "2285-03-22",
	} {
		if got := Easter(year).String(); got != want {
			t.Errorf("Easter(%d) = %s, want %s", year, got, want)
		}
	}
}

// The days of 2026 on which offices are closed and which are no weekend.
func TestHolidays(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"BE":    "01-01 04-06 05-01 05-14 05-25 07-21 11-11 12-25",
		"DE":    "01-01 04-03 04-06 05-01 05-14 05-25 12-25",
		"ES":    "01-01 01-06 04-03 05-01 10-12 12-08 12-25",
		"FR":    "01-01 04-06 05-01 05-08 05-14 05-25 07-14 11-11 12-25",
		"FR-AM": "01-01 04-03 04-06 05-01 05-08 05-14 05-25 07-14 11-11 12-25",
		"IE":    "01-01 02-02 03-17 04-06 05-04 06-01 08-03 10-26 12-25",
		"IT":    "01-01 01-06 04-06 05-01 06-02 12-08 12-25",
		"NL":    "01-01 04-06 04-27 05-05 05-14 05-25 12-25",
		"UK":    "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
		"none":  "",
	} {
		var got []string
		cal := calendar(t, code)
		for day := (Date{2026, 1, 1}); day.Year == 2026; day = day.AddDays(1) {
			if !cal.WorkingDay(day) && (Calendar{}).WorkingDay(day) {
				got = append(got, day.String()[5:])
			}
		}
		if joined := strings.Join(got, " "); joined != want {
			t.Errorf("%s: %s, want %s", code, joined, want)
		}
	}
}

// A Christmas at a weekend moves both of its days in the United Kingdom.
func TestChristmasInTheUnitedKingdom(t *testing.T) {
	t.Parallel()
	cal := calendar(t, "UK")
	for _, closed := range []string{
		"2020-12-25", "2020-12-28", // Friday; Boxing Day is a Saturday
		"2021-12-27", "2021-12-28", // Saturday
		"2022-12-26", "2022-12-27", // Sunday
		"2022-01-03", "2023-01-02", // New Year at a weekend
	} {
		if !cal.Holiday(date(t, closed)) {
			t.Errorf("%s is a working day", closed)
		}
	}
	if cal.Holiday(date(t, "2024-12-27")) || cal.Holiday(date(t, "2020-12-29")) {
		t.Error("one day too many")
	}
}

func TestKingsDayIsNoSunday(t *testing.T) {
	t.Parallel()
	if cal := calendar(t, "NL"); !cal.Holiday(date(t, "2025-04-26")) || cal.Holiday(date(t, "2025-04-27")) {
		t.Error("in 2025 King's Day was kept on Saturday 26 April")
	}
}

func TestBrigid(t *testing.T) {
	t.Parallel()
	if cal := calendar(t, "IE"); !cal.Holiday(date(t, "2030-02-01")) || cal.Holiday(date(t, "2030-02-04")) {
		t.Error("1 February 2030 is a Friday and the holiday itself")
	}
}

func TestUnknownCalendar(t *testing.T) {
	t.Parallel()
	if _, err := NewCalendar("XX"); err == nil || !strings.HasPrefix(err.Error(), "no such calendar; known are BE, DE") {
		t.Errorf("got %v", err)
	}
}
