package law

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// VerifyClock says what the statutory clock does while the controller finds out
// who is asking. Waiting for a confirmation that the controller itself chose to
// ask for stops no clock under any regime.
type VerifyClock string

// The ways in which identification acts on the clock.
const (
	// PauseClock: the clock stands still from a justified and prompt question
	// about identity until its answer (GDPR Art. 12(6); EDPB Guidelines 01/2022).
	PauseClock VerifyClock = "pause"
	// StartOnVerified: the period starts when identity, authority and fee are
	// there (UK GDPR Art. 12A).
	StartOnVerified VerifyClock = "start_on_verified"
	// RunOn: the period runs regardless of the time that verification takes
	// (California: 11 CCR § 7021(b)).
	RunOn VerifyClock = "run"
)

// Regime is what a data protection law says about time.
type Regime struct {
	Code string
	// Respond is the time for an answer, Extended the time after an extension;
	// both run from receipt.
	Respond, Extended Period
	VerifyClock       VerifyClock
	// Roll says that a period that ends on a day off ends on the next working day.
	Roll bool
}

// Regimes returns the regimes that Habeas knows.
func Regimes() []Regime {
	return []Regime{
		// GDPR Art. 12(3).
		{Code: "eu_gdpr", Respond: Months(1), Extended: Months(3), VerifyClock: PauseClock, Roll: true},
		// UK GDPR Art. 12(3) and 12A; ICO guidance for the roll.
		{Code: "uk_gdpr", Respond: Months(1), Extended: Months(3), VerifyClock: StartOnVerified, Roll: true},
		// Cal. Civ. Code § 1798.130(a)(2); 11 CCR § 7021(b). Days of the calendar.
		{Code: "ccpa", Respond: Days(45), Extended: Days(90), VerifyClock: RunOn},
	}
}

// RegimeOf returns the regime with the given code.
func RegimeOf(code string) (Regime, error) {
	var known []string
	for _, r := range Regimes() {
		if r.Code == code {
			return r, nil
		}
		known = append(known, r.Code)
	}
	return Regime{}, fmt.Errorf("no such regime; known are %s", strings.Join(slices.Sorted(slices.Values(known)), ", "))
}

// Due returns the last second in which an answer is in time under the regime,
// as [LegalDue] does for months. It counts pausedDays only where the regime
// lets the clock pause.
func (r Regime) Due(received time.Time, extended bool, pausedDays int, calendar Calendar, tz *time.Location) time.Time {
	period := r.Respond
	if extended {
		period = r.Extended
	}
	if r.VerifyClock == RunOn {
		pausedDays = 0
	}
	day := period.AddToDate(DateOf(received, tz)).AddDays(pausedDays)
	if r.Roll {
		day = calendar.Roll(day)
	}
	return day.End(tz)
}
