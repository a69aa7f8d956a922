package detect

import (
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// form is how values of a kind are recognised: by is, in at least share of the
// values that are not empty and in at least least of them.
type form struct {
	kind  Kind
	is    func(string) bool
	share float64
	least int
}

// forms are tried in this order: an IBAN holds digits that may look like a
// telephone number. What a checksum or a grammar shows needs few hits, since a
// column of free text counts too; what only looks alike needs most values.
var forms = []form{
	{Email, func(v string) bool { return mailForm.MatchString(v) }, 0.02, 1},
	{IBAN, isIBAN, 0.02, 1},
	{IP, isIP, 0.6, 2},
	{Card, isCard, 0.6, 2},
	{Phone, isPhone, 0.6, 3},
	{Address, func(v string) bool { return addressForm.MatchString(v) }, 0.3, 3},
}

// byValue guesses from values alone.
func byValue(values []string, now time.Time) (Guess, bool) {
	var full []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			full = append(full, v)
		}
	}
	for _, f := range forms {
		hits := 0
		for _, v := range full {
			if f.is(v) {
				hits++
			}
		}
		if hits >= f.least && float64(hits) >= f.share*float64(len(full)) {
			return Guess{Kind: f.kind, Hits: hits, Of: len(full)}, true
		}
	}
	if hits := births(full, now); hits > 0 {
		return Guess{Kind: BirthDate, Hits: hits, Of: len(full)}, true
	}
	return Guess{}, false
}

var (
	mailForm    = regexp.MustCompile(`(?:^|[\s<>,;:"'(\[])[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?:$|[\s<>,;:"')\].])`)
	ibanForm    = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b`)
	phoneForm   = regexp.MustCompile(`^(?:\+|00?)?[0-9(][0-9 ()./-]{6,20}$`)
	dateForm    = regexp.MustCompile(`^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}`)
	addressForm = regexp.MustCompile(`(?i)\b\d{1,5}[a-z]?,? +(?:bis |ter )?(?:rue|avenue|av\.|boulevard|bd|place|quai|chemin|allée|impasse|cours|calle|plaza|via)\b|\b\d{1,5} +(?:\S+ +){1,4}(?:street|st\.?|road|rd\.?|avenue|ave\.?|lane|ln\.?|drive|dr\.?|court|way|square|boulevard|blvd\.?)\b|(?:straße|strasse|str\.|platz|gasse|weg|allee) +\d{1,4}\b`)
)

// isIBAN checks form and checksum (ISO 13616: the number rearranged is 1 modulo 97).
func isIBAN(v string) bool {
	for _, found := range ibanForm.FindAllString(v, 4) {
		text := strings.ReplaceAll(found, " ", "")
		if len(text) < 15 || len(text) > 34 {
			continue
		}
		var digits strings.Builder
		for _, c := range text[4:] + text[:4] {
			if c >= 'A' {
				digits.WriteString(big.NewInt(int64(c - 'A' + 10)).String())
			} else {
				digits.WriteRune(c)
			}
		}
		n, ok := new(big.Int).SetString(digits.String(), 10)
		if ok && n.Mod(n, big.NewInt(97)).Int64() == 1 {
			return true
		}
	}
	return false
}

// isCard checks length, first digit and checksum (ISO/IEC 7812-1, annex B: Luhn).
func isCard(v string) bool {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(v)
	if len(digits) < 13 || len(digits) > 19 || !strings.ContainsRune("23456", rune(digits[0])) {
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// isIP takes addresses and networks of one address.
func isIP(v string) bool {
	v = strings.TrimSuffix(strings.TrimSuffix(v, "/32"), "/128")
	a, err := netip.ParseAddr(v)
	return err == nil && !a.IsUnspecified()
}

// isPhone takes numbers of 8 to 15 digits (ITU-T E.164) that are written as
// telephone numbers are: with a prefix, or with something between the digits.
func isPhone(v string) bool {
	if !phoneForm.MatchString(v) || dateForm.MatchString(v) || isIP(v) {
		return false
	}
	digits := 0
	for _, c := range v {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	parts := strings.FieldsFunc(v, func(c rune) bool { return c < '0' || c > '9' })
	national := v[0] == '0' && !strings.HasPrefix(v, "000") && digits >= 9 && digits <= 14
	written := v[0] == '+' || national || len(parts) >= 3
	return digits >= 8 && digits <= 15 && written
}

// births returns how many values are dates on which people who now live were
// born, or 0 if they do not seem to be that: nearly all are, and they are spread
// over the years as ages are.
func births(values []string, now time.Time) int {
	hits, years := 0, map[int]bool{}
	for _, v := range values {
		day, err := time.Parse(time.DateOnly, v[:min(len(v), len(time.DateOnly))])
		if err == nil && day.Before(now.AddDate(-13, 0, 0)) && day.After(now.AddDate(-105, 0, 0)) {
			hits++
			years[day.Year()] = true
		}
	}
	if hits < 10 || float64(hits) < 0.9*float64(len(values)) || len(years) < 8 {
		return 0
	}
	return hits
}
