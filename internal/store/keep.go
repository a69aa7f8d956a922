package store

import (
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/law"
)

// period reads the period of the rule. Hours make no sense for rows that bear a
// date, and the databases would count them differently.
func (k Keep) period() (law.Period, error) {
	p, err := law.ParsePeriod(k.Period)
	if err != nil || p.Clock != 0 {
		return law.Period{}, fmt.Errorf("the period %q of retention rule %s: %w: write years, months or days, such as P10Y", k.Period, k.Rule, ErrSchema)
	}
	return p, nil
}

// Validate reports, as an [ErrSchema], a period that is not a duration of
// years, months and days.
func (k Keep) Validate() error {
	_, err := k.period()
	return err
}

// Until returns the moment from which a row dated from may go, as [law.Period]
// counts it and PostgreSQL does. All times are UTC.
func (k Keep) Until(from time.Time) (time.Time, error) {
	p, err := k.period()
	if err != nil {
		return time.Time{}, err
	}
	from = from.UTC()
	if k.FromYearEnd {
		from = time.Date(from.Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return p.AddTo(from), nil
}
