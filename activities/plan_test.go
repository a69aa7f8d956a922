package activities

import (
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
)

// TestGrown: a signature holds for a plan that goes a little further, as accounts
// in use do from day to day, and for no other.
func TestGrown(t *testing.T) {
	t.Parallel()
	policies, err := policy.LoadSet([]string{"../examples/soffiah/policy.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	p := policies.Versions()[0]
	line := func(collection string, erase, anonymise int64) dsr.PlanLine {
		return dsr.PlanLine{Store: "app", Collection: collection, RowsToErase: erase, RowsToAnonymise: anonymise}
	}
	plan := func(lines ...dsr.PlanLine) record.Plan {
		return record.Plan{PolicyDigest: "policy", MapDigest: "map", Lines: lines}
	}
	archived := func(rows int64) record.Plan {
		return plan(dsr.PlanLine{Store: "app", Collection: "files", RowsToArchive: rows})
	}
	signed := plan(line("posts", 5, 0), line("events", 0, 1000))
	large := plan(line("posts", 9_950, 0), line("events", 0, 50))
	for name, tc := range map[string]struct {
		signed, now record.Plan
		grown       bool
	}{
		"the same":                             {signed, signed, false},
		"less":                                 {signed, plan(line("posts", 1, 0)), false},
		"a few more":                           {signed, plan(line("posts", 15, 0), line("events", 0, 1100)), false},
		"many more":                            {signed, plan(line("posts", 16, 0), line("events", 0, 1000)), true},
		"a tenth and one":                      {signed, plan(line("posts", 5, 0), line("events", 0, 1101)), true},
		"another collection":                   {signed, plan(line("posts", 5, 0), line("events", 0, 1000), line("letters", 11, 0)), true},
		"a few more in an archive":             {archived(5), archived(15), false},
		"many more in an archive":              {archived(5), archived(16), true},
		"another policy":                       {signed, record.Plan{PolicyDigest: "another", MapDigest: "map", Lines: signed.Lines}, true},
		"another data map":                     {signed, record.Plan{PolicyDigest: "policy", MapDigest: "another", Lines: signed.Lines}, true},
		"now two must sign":                    {large, plan(line("posts", 9_951, 0), line("events", 0, 50)), true},
		"two have signed it":                   {plan(line("posts", 10_001, 0)), plan(line("posts", 10_002, 0)), false},
		"a collection that was not signed for": {plan(line("posts", 10_001, 0)), large, true},
	} {
		if got := grown(p, tc.signed, tc.now); got != tc.grown {
			t.Errorf("%s: grown %v, want %v", name, got, tc.grown)
		}
	}
}
