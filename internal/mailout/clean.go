package mailout

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Longest values that are told, in characters. Longer ones are cut.
const (
	maxName  = 80
	maxValue = 2000
)

// cleaned returns facts whose every value can be written anywhere in a mail.
func (f Facts) cleaned() Facts {
	c := &f.Controller
	for _, s := range []*string{
		&f.Reference, &f.AccountName, &f.RequestedBy, &f.CopyURL, &f.AnswerURL,
		&c.Name, &c.Contact, &c.DataProtectionContact, &c.Website, &f.Authority.Name, &f.Authority.URL,
	} {
		*s = oneLine(*s)
	}
	c.Address = clean(c.Address)
	// Where no other address is named, the first is also that of data protection.
	c.DataProtectionContact = cmp.Or(c.DataProtectionContact, c.Contact)
	f.Addressee = salutation(f.Addressee)
	f.Erased, f.Kept = cleanLines(f.Erased), cleanLines(f.Kept)
	f.Ends, f.Reasons, f.Recipients = cleanAll(f.Ends, oneLine), cleanAll(f.Reasons, clean), cleanAll(f.Recipients, oneLine)
	if f.TimeZone == nil {
		f.TimeZone = time.UTC
	}
	return f
}

func cleanLines(lines []Line) []Line {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].What, lines[i].Basis = oneLine(lines[i].What), oneLine(lines[i].Basis)
	}
	return lines
}

func cleanAll(in []string, how func(string) string) []string {
	var out []string
	for _, s := range in {
		if s = how(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// clean drops control characters but for line breaks, and format characters,
// which can turn the direction of what follows or hide it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(cut(s, maxValue))
}

func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// salutation returns the name if it reads like one, and nothing otherwise. It
// comes from whoever filed the request, so that an address of the web in its
// place must not be sent on to somebody else.
func salutation(name string) string {
	name = oneLine(name)
	if utf8.RuneCountInString(name) > maxName {
		return ""
	}
	for i, r := range name {
		rest := name[i+utf8.RuneLen(r):]
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), strings.ContainsRune(" -'’&,", r):
		case r == '.' && (rest == "" || rest[0] == ' ' || rest[0] == '-'): // Dr. Anna Maier, but no domain
		default:
			return ""
		}
	}
	return name
}

func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
