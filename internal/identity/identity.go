// Package identity judges who asks, in proportion (Art. 12(6) GDPR, Recital 64):
// it compares what a person gave with what is on file, and says whether one
// account agrees with all of it. It never refuses: whatever does not plainly
// match is for a person to judge. It is pure.
package identity

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/soffiah/habeas/internal/dsr"
)

// Finding is how one element compares with one account.
type Finding string

// The findings.
const (
	NotGiven  Finding = "not_given"
	NotOnFile Finding = "not_on_file"
	Agrees    Finding = "agrees"
	Differs   Finding = "differs"
)

// Elements returns what was given, by identity key; empty values are left out.
func Elements(e dsr.Elements) map[string]string {
	given := map[string]string{}
	for key, value := range map[string]string{
		"account_name": e.AccountName, "email": e.Email, "business_id": e.BusinessID, "mailing_address": e.MailingAddress,
	} {
		if strings.TrimSpace(value) != "" {
			given[key] = value
		}
	}
	return given
}

// Compare says for each element given how it compares with the values on file.
func Compare(given map[string]string, onFile map[string][]string) map[string]Finding {
	findings := map[string]Finding{}
	for key, value := range given {
		switch {
		case len(onFile[key]) == 0:
			findings[key] = NotOnFile
		case slices.ContainsFunc(onFile[key], func(v string) bool { return Normalise(key, v) == Normalise(key, value) }):
			findings[key] = Agrees
		default:
			findings[key] = Differs
		}
	}
	return findings
}

// AgreesFully reports whether everything that was given agrees, and that is
// something. An element that is not on file neither agrees nor differs.
func AgreesFully(findings map[string]Finding) bool {
	agreed := false
	for _, f := range findings {
		if f == Differs {
			return false
		}
		agreed = agreed || f == Agrees
	}
	return agreed
}

// Normalise brings a value of an identity key to the form in which it is
// compared: Unicode NFKC and case folding for all; white space and punctuation
// do not count in identifiers and postal addresses. Mail addresses and account
// names are compared as they are otherwise, so that look-alikes stay different.
func Normalise(key, value string) string {
	value = cases.Fold().String(norm.NFKC.String(strings.TrimSpace(value)))
	switch key {
	case "business_id":
		return strings.Map(letterOrDigit, value)
	case "mailing_address":
		return strings.Join(strings.FieldsFunc(value, func(r rune) bool { return letterOrDigit(r) < 0 }), " ")
	}
	return value
}

func letterOrDigit(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return -1
}
