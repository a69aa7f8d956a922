package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

func TestKeepUntil(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from, period string
		yearEnd      bool
		want         string
	}{
		"years":                {"2024-05-03T10:00:00Z", "P10Y", false, "2034-05-03T10:00:00Z"},
		"days":                 {"2024-02-28T00:00:00Z", "P180D", false, "2024-08-26T00:00:00Z"},
		"months":               {"2024-05-31T00:00:00Z", "P13M", false, "2025-06-30T00:00:00Z"},
		"a shorter month":      {"2023-01-31T12:30:00Z", "P1M", false, "2023-02-28T12:30:00Z"},
		"a leap day":           {"2024-02-29T00:00:00Z", "P1Y", false, "2025-02-28T00:00:00Z"},
		"all of them":          {"2024-01-31T00:00:00Z", "P1Y1M1D", false, "2025-03-01T00:00:00Z"},
		"from the year's end":  {"2023-05-01T10:00:00Z", "P10Y", true, "2034-01-01T00:00:00Z"},
		"another zone":         {"2024-01-01T00:30:00+02:00", "P1D", false, "2024-01-01T22:30:00Z"},
		"year's end in a zone": {"2024-01-01T00:30:00+02:00", "P1Y", true, "2025-01-01T00:00:00Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, err := time.Parse(time.RFC3339, test.from)
			if err != nil {
				t.Fatal(err)
			}
			got, err := store.Keep{Period: test.period, FromYearEnd: test.yearEnd}.Until(from)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.Format(time.RFC3339); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
	for _, bad := range []string{"", "P", "1Y", "PT5M", "P1YT5M", "P-1Y", "P1D1Y"} {
		if _, err := (store.Keep{Period: bad}).Until(time.Now()); !errors.Is(err, store.ErrSchema) {
			t.Errorf("period %q: got %v, want ErrSchema", bad, err)
		}
	}
}

func TestTargetValidate(t *testing.T) {
	t.Parallel()
	c := &datamap.Collection{Dataset: &datamap.Dataset{Key: "d"}, Name: "c", Fields: []*datamap.Field{{Name: "f"}}}
	keep := &store.Keep{From: "f", Period: "P1Y"}
	for name, test := range map[string]struct {
		target store.Target
		ok     bool
	}{
		"whole":            {store.Target{Collection: c, Treatment: dsr.Delete, Matches: []store.Match{{Field: "f"}}}, true},
		"retained":         {store.Target{Collection: c, Treatment: dsr.Retain, Keep: keep}, true},
		"unbound":          {store.Target{Treatment: dsr.Delete}, false},
		"no treatment":     {store.Target{Collection: c}, false},
		"unknown field":    {store.Target{Collection: c, Treatment: dsr.Delete, Matches: []store.Match{{Field: "g"}}}, false},
		"retained by none": {store.Target{Collection: c, Treatment: dsr.Retain}, false},
		"undated":          {store.Target{Collection: c, Treatment: dsr.Retain, Keep: &store.Keep{From: "g", Period: "P1Y"}}, false},
		"bad period":       {store.Target{Collection: c, Treatment: dsr.Retain, Keep: &store.Keep{From: "f", Period: "1Y"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.target.Validate(); (err == nil) != test.ok || (err != nil && !errors.Is(err, store.ErrSchema)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
