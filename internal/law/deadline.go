package law

import "time"

// NominalDue returns the day that bears the same number n months after the day
// of receipt, or the last day of that month. The day of receipt is not counted
// (Reg. 1182/71 Art. 3(1)), and yet what arrived on the 5th is due on the 5th:
// Art. 3(2)(c) and CJEU 152/85 (Misset). An extended period is counted from
// receipt too, never from the end of the first month.
func NominalDue(received Date, months int) Date { return received.AddMonths(months) }

// LegalDue returns the last second in which an answer is in time that is due
// months after receipt (GDPR Art. 12(3): 1, or 3 after an extension). pausedDays
// are the days during which the clock stood still. The end of the period moves
// to the next working day of calendar, and days are those of tz.
//
// Receipt is the moment at which the request reached any mailbox or form of the
// controller, not the moment at which it was read.
func LegalDue(received time.Time, months, pausedDays int, calendar Calendar, tz *time.Location) time.Time {
	return calendar.Roll(NominalDue(DateOf(received, tz), months).AddDays(pausedDays)).End(tz)
}

// InternalDue returns the day by which Habeas means to have answered: three
// days before the nominal end of one month, and no later than 28 days after
// receipt, the constant that the ICO calls safe in every month. Neither
// weekends nor pauses move it.
func InternalDue(received time.Time, tz *time.Location) time.Time {
	day := DateOf(received, tz)
	due, constant := NominalDue(day, 1).AddDays(-3), day.AddDays(28)
	if constant.Before(due) {
		due = constant
	}
	return due.End(tz)
}
