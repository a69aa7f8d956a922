package policy

import (
	"slices"

	"github.com/soffiah/habeas/internal/dsr"
)

// Stricter returns where newer asks for more than older does: more time, more
// checks, or more data kept. Each is a code, some followed by a colon and the
// right, rule or element meant; no code holds personal data. Empty means that a
// request may go on under older without asking anybody.
func Stricter(older, newer *Policy) []string {
	return slices.Concat(
		stricterRights(older, newer),
		stricterIdentification(older, newer),
		stricterConfirmation(older.doc.Confirmation, newer.doc.Confirmation),
		stricterPlan(older.doc.Plan, newer.doc.Plan),
		stricterRetention(older, newer),
	)
}

func stricterRights(older, newer *Policy) []string {
	var codes []string
	for _, right := range dsr.Rights() {
		codes = appendIf(codes, older.Offers(right) && !newer.Offers(right), "right_not_offered:"+string(right))
		codes = appendIf(codes, !older.ConfirmationRequired(right) && newer.ConfirmationRequired(right), "confirmation_required:"+string(right))
		codes = appendIf(codes, newer.CoolingOff(right).Exceeds(older.CoolingOff(right)), "cooling_off_longer:"+string(right))
		codes = appendIf(codes, !older.ApprovalRequired(right) && newer.ApprovalRequired(right), "approval_required:"+string(right))
	}
	return codes
}

func stricterIdentification(older, newer *Policy) []string {
	var codes []string
	for _, element := range newer.doc.Identification.Required {
		known := slices.Contains(older.doc.Identification.Required, element)
		codes = appendIf(codes, !known, "element_required:"+string(element))
	}
	return codes
}

func stricterConfirmation(older, newer Confirmation) []string {
	var codes []string
	codes = appendIf(codes, newer.MinimumReplyAge.Exceeds(older.MinimumReplyAge), "minimum_reply_age_longer")
	codes = appendIf(codes, older.ExpiresAfter.Exceeds(newer.ExpiresAfter), "confirmation_expires_sooner")
	codes = appendIf(codes, older.AcceptUnauthenticated && !newer.AcceptUnauthenticated, "reply_must_be_authenticated")
	return codes
}

func stricterPlan(older, newer Plan) []string {
	was, is := older.Tolerance, newer.Tolerance
	codes := appendIf(nil, is.Rows < was.Rows || is.Percent < was.Percent, "tolerance_smaller")
	return appendIf(codes, newer.TwoPeopleAbove < older.TwoPeopleAbove, "two_people_sooner")
}

func stricterRetention(older, newer *Policy) []string {
	var codes []string
	for _, rule := range newer.doc.Retention {
		was, err := older.RetentionRule(rule.ID)
		if err != nil {
			codes = appendIf(codes, !rule.ErasableOnRequest, "retention_added:"+rule.ID)
			continue
		}
		codes = appendIf(codes, rule.Period.Exceeds(was.Period), "retention_longer:"+rule.ID)
		codes = appendIf(codes, rule.FromYearEnd && !was.FromYearEnd, "retention_from_year_end:"+rule.ID)
		codes = appendIf(codes, was.ErasableOnRequest && !rule.ErasableOnRequest, "retention_not_erasable:"+rule.ID)
	}
	return appendIf(codes, newer.doc.Evidence.Keep.Exceeds(older.doc.Evidence.Keep), "evidence_longer")
}

func appendIf(codes []string, holds bool, code string) []string {
	if holds {
		return append(codes, code)
	}
	return codes
}
