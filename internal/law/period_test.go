package law

import (
	"testing"
	"time"
)

func TestParsePeriod(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Period{
		"P10Y":          {Years: 10},
		"P13M":          {Months: 13},
		"P180D":         {Days: 180},
		"P2W":           {Days: 14},
		"P1Y2M3D":       {Years: 1, Months: 2, Days: 3},
		"PT72H":         {Clock: 72 * time.Hour},
		"PT5S":          {Clock: 5 * time.Second},
		"P1DT1H30M":     {Days: 1, Clock: 90 * time.Minute},
		"P0D":           {},
		"PT0S":          {},
		"P1M":           {Months: 1},
		"PT1M":          {Clock: time.Minute},
		"P400000Y":      {Years: 400_000},
		"PT400000H":     {Clock: 400_000 * time.Hour},
		"P1W1D":         {Days: 8},
		"P1YT1S":        {Years: 1, Clock: time.Second},
		"P2Y400000D":    {Years: 2, Days: 400_000},
		"PT1H1M1S":      {Clock: time.Hour + time.Minute + time.Second},
		"P00000000001D": {Days: 1},
	} {
		got, err := ParsePeriod(text)
		if err != nil || got != want {
			t.Errorf("ParsePeriod(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestParsePeriodRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "P", "PT", "P1", "1Y", "P1YT", "P-1D", "-P1D", "P1.5D", "P1D1Y", "P1H", "PT1D", "P1Y1Y",
		"p1d", "P 1D", "P1D ", "P1D2W", "P400001D", "P99999999999999999999D", "PTT1S", "5", "P1é",
	} {
		if got, err := ParsePeriod(text); err == nil {
			t.Errorf("ParsePeriod(%q) = %+v, want an error", text, got)
		}
	}
}

func TestPeriodString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"P10Y": "P10Y", "P13M": "P13M", "P2W": "P14D", "PT72H": "PT72H", "PT90M": "PT1H30M", "P0D": "PT0S", "PT61S": "PT1M1S",
	} {
		p, err := ParsePeriod(text)
		if err != nil || p.String() != want {
			t.Errorf("%s prints as %s, want %s (%v)", text, p, want, err)
		}
	}
}

func TestAddTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, period, want string }{
		{"2024-02-29T10:00:00+01:00", "P1Y", "2025-02-28T10:00:00+01:00"},
		{"2024-01-31T10:00:00+01:00", "P1M", "2024-02-29T10:00:00+01:00"},
		{"2024-02-29T10:00:00+01:00", "P1Y2M", "2025-04-29T10:00:00+02:00"}, // clamped once, not twice
		{"2024-01-31T10:00:00+01:00", "P1M1D", "2024-03-01T10:00:00+01:00"}, // months before days
		{"2026-03-28T10:00:00+01:00", "P1D", "2026-03-29T10:00:00+02:00"},   // the clocks go forward: same hour
		{"2026-03-28T10:00:00+01:00", "PT24H", "2026-03-29T11:00:00+02:00"}, // but 24 hours later
		{"2026-01-15T10:00:00.5+01:00", "PT5S", "2026-01-15T10:00:05.5+01:00"},
		{"2026-01-15T10:00:00+01:00", "P180D", "2026-07-14T10:00:00+02:00"},
	} {
		from, err := time.Parse(time.RFC3339Nano, test.from)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(test.period)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AddTo(from.In(zone(t, "Europe/Paris"))).Format(time.RFC3339Nano); got != test.want {
			t.Errorf("%s after %s is %s, want %s", test.period, test.from, got, test.want)
		}
	}
}

func TestExceeds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		p, q string
		want bool
	}{
		{"P10Y", "P5Y", true},
		{"P5Y", "P10Y", false},
		{"P5Y", "P60M", false},
		{"P60M", "P5Y", false},
		{"P1M", "P30D", true},
		{"P31D", "P1M", true},
		{"P31D", "P31D", false},
		{"PT73H", "P3D", true},
		{"PT72H", "P3D", false},
		{"PT0S", "PT0S", false},
		{"PT1S", "PT0S", true},
		{"P13M", "P1Y", true},
	} {
		p, errP := ParsePeriod(test.p)
		q, errQ := ParsePeriod(test.q)
		if errP != nil || errQ != nil {
			t.Fatal(errP, errQ)
		}
		if got := p.Exceeds(q); got != test.want {
			t.Errorf("%s exceeds %s: %v", test.p, test.q, got)
		}
	}
}

// The bounds by which most comparisons are decided hold from every day.
func TestBoundsHold(t *testing.T) {
	t.Parallel()
	for months := range 60 {
		p := Period{Months: months, Days: 2, Clock: time.Hour}
		least, most := p.bounds()
		start := time.Date(2095, time.January, 1, 0, 0, 0, 0, time.UTC) // 2100 is no leap year
		for range 8 * 366 {
			if lasts := int64(p.AddTo(start).Sub(start).Seconds()); lasts < least || lasts > most {
				t.Fatalf("%s from %s lasts %d s, not between %d and %d", p, start, lasts, least, most)
			}
			start = start.AddDate(0, 0, 1)
		}
	}
}

func TestDateText(t *testing.T) {
	t.Parallel()
	var d Date
	for _, text := range []string{"", "2026-02-30", "15.01.2026", "2026-01-15T00:00:00Z"} {
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, d)
		}
	}
	if err := d.UnmarshalText([]byte("2026-01-15")); err != nil || d != (Date{2026, 1, 15}) {
		t.Errorf("got %s, %v", d, err)
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, seed := range []string{"P10Y", "P13M", "P180D", "PT72H", "P1Y2M3DT4H5M6S", "P2W", "PT0S", "P1T"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePeriod(text)
		if err != nil {
			return
		}
		again, err := ParsePeriod(p.String())
		if err != nil || again != p {
			t.Fatalf("%q prints as %q, which is read as %s (%v)", text, p, again, err)
		}
		if p.Years < 5000 {
			start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
			if p.AddTo(start).Before(start) {
				t.Fatalf("%q ends before it starts", text)
			}
		}
	})
}
