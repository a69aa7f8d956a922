package law

import (
	"math/rand/v2"
	"testing"
	"time"
)

func date(t *testing.T, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatalf("ParseDate(%q): %v", s, err)
	}
	return d
}

func calendar(t *testing.T, code string) Calendar {
	t.Helper()
	c, err := NewCalendar(code)
	if err != nil {
		t.Fatalf("NewCalendar(%q): %v", code, err)
	}
	return c
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	tz, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("LoadLocation(%q): %v", name, err)
	}
	return tz
}

// The vectors of Reg. 1182/71, CJEU Misset and the ICO's own example.
func TestLegalDue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		received string
		months   int
		paused   int
		calendar string
		nominal  string
		due      string
	}{
		{"2026-03-05", 1, 0, "FR", "2026-04-05", "2026-04-07"}, // Easter Sunday, and Monday
		{"2026-01-31", 1, 0, "FR", "2026-02-28", "2026-03-02"}, // a Saturday
		{"2026-01-31", 3, 0, "FR", "2026-04-30", "2026-04-30"}, // not two months after 28 February
		{"2028-01-31", 1, 0, "none", "2028-02-29", "2028-02-29"},
		{"2026-08-31", 1, 0, "FR", "2026-09-30", "2026-09-30"},
		{"2024-11-25", 1, 0, "UK", "2024-12-25", "2024-12-27"}, // the ICO's example
		{"2024-11-25", 1, 0, "FR", "2024-12-25", "2024-12-26"}, // no Boxing Day in France
		{"2024-11-25", 1, 0, "FR-AM", "2024-12-25", "2024-12-27"},
		{"2026-04-14", 1, 0, "FR", "2026-05-14", "2026-05-15"}, // Ascension
		{"2026-11-30", 3, 0, "FR", "2027-02-28", "2027-03-01"}, // a Sunday
		{"2026-04-01", 1, 0, "FR", "2026-05-01", "2026-05-04"}, // 1 May, then a weekend
		{"2026-03-05", 1, 3, "FR", "2026-04-05", "2026-04-08"}, // three days at rest
		{"2026-01-05", 1, 0, "FR", "2026-02-05", "2026-02-05"}, // Misset: the 5th, not the 6th
	} {
		t.Run(test.received+" "+test.calendar, func(t *testing.T) {
			t.Parallel()
			paris := zone(t, "Europe/Paris")
			received := date(t, test.received)
			if got := NominalDue(received, test.months).String(); got != test.nominal {
				t.Errorf("nominal %s, want %s", got, test.nominal)
			}
			due := LegalDue(received.Start(paris).Add(13*time.Hour), test.months, test.paused, calendar(t, test.calendar), paris)
			if got, want := due.Format(time.DateTime), test.due+" 23:59:59"; got != want {
				t.Errorf("due %s, want %s", got, want)
			}
		})
	}
}

func TestReceiptCountsWhereTheControllerIs(t *testing.T) {
	t.Parallel()
	// Half past eleven in the evening in London is the next day in Paris.
	received := time.Date(2026, 6, 9, 22, 30, 0, 0, time.UTC)
	paris := zone(t, "Europe/Paris")
	due := LegalDue(received, 1, 0, calendar(t, "FR"), paris)
	if got := DateOf(due, paris).String(); got != "2026-07-10" {
		t.Errorf("due on %s, want 2026-07-10", got)
	}
}

func TestInternalDue(t *testing.T) {
	t.Parallel()
	for received, want := range map[string]string{
		"2026-01-31": "2026-02-25", // three days before 28 February
		"2026-03-05": "2026-04-02", // 28 days
		"2026-02-05": "2026-03-02", // three days before 5 March
		"2026-08-31": "2026-09-27",
	} {
		due := InternalDue(date(t, received).Start(time.UTC), time.UTC)
		if got := DateOf(due, time.UTC).String(); got != want {
			t.Errorf("received %s: %s, want %s", received, got, want)
		}
	}
}

func TestDueHoldsForEveryDay(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	codes := CalendarCodes()
	tz := zone(t, "Europe/Paris")
	before := time.Time{}
	for day := (Date{2024, 1, 1}); day.Year < 2036; day = day.AddDays(1) {
		received := day.Start(tz).Add(time.Duration(random.IntN(23)) * time.Hour)
		cal := calendar(t, codes[random.IntN(len(codes))])
		due := LegalDue(received, 1, 0, cal, tz)
		nominal := NominalDue(day, 1)
		dueDay := DateOf(due, tz)
		switch {
		case !cal.WorkingDay(dueDay):
			t.Fatalf("%s in %s: due on %s, a day off", day, cal.Code(), dueDay)
		case dueDay.Before(nominal) || nominal.AddDays(5).Before(dueDay):
			t.Fatalf("%s in %s: due on %s, nominal %s", day, cal.Code(), dueDay, nominal)
		case !InternalDue(received, tz).Before(due):
			t.Fatalf("%s: the internal day is not before the legal one", day)
		case NominalDue(day, 3).Before(nominal):
			t.Fatalf("%s: the extension ends before the month", day)
		}
		steady := LegalDue(received, 1, 0, Calendar{}, tz)
		if steady.Before(before) {
			t.Fatalf("%s: what came later is due earlier", day)
		}
		before = steady
	}
}

func TestRegimes(t *testing.T) {
	t.Parallel()
	received := date(t, "2026-01-31").Start(time.UTC)
	for _, test := range []struct {
		regime   string
		extended bool
		paused   int
		want     string
	}{
		{"eu_gdpr", false, 0, "2026-03-02"},
		{"eu_gdpr", true, 0, "2026-04-30"},
		{"uk_gdpr", false, 0, "2026-03-02"},
		{"ccpa", false, 0, "2026-03-17"},
		{"ccpa", true, 0, "2026-05-01"}, // a holiday: California's days of the calendar do not move
		{"ccpa", false, 9, "2026-03-17"},
		{"eu_gdpr", false, 3, "2026-03-03"},
	} {
		regime, err := RegimeOf(test.regime)
		if err != nil {
			t.Fatal(err)
		}
		due := regime.Due(received, test.extended, test.paused, calendar(t, "FR"), time.UTC)
		if got := DateOf(due, time.UTC).String(); got != test.want {
			t.Errorf("%s extended %v paused %d: %s, want %s", test.regime, test.extended, test.paused, got, test.want)
		}
	}
	if _, err := RegimeOf("nowhere"); err == nil || err.Error() != "no such regime; known are ccpa, eu_gdpr, uk_gdpr" {
		t.Errorf("unknown regime: %v", err)
	}
}
