package mailout

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// CheckAddress returns an error unless s is exactly one address to which mail
// can safely be sent: a dot-atom before the @ (RFC 5322, section 3.2.3, with the
// UTF-8 of RFC 6532) and a domain after it. Quoted local parts and address
// literals are legal and refused: nobody uses them but attackers. Its errors do
// not repeat the address.
func CheckAddress(s string) error {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return errors.New("is not an address: there is no @")
	}
	local, domain := s[:at], s[at+1:]
	// RFC 5321, sections 4.5.3.1.1 to 4.5.3.1.3, in octets.
	if len(local) > 64 || len(domain) > 253 || len(s) > 254 {
		return errors.New("is too long for an address")
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return errors.New("has a local part that is quoted or malformed")
		}
	}
	if err := checkDomain(domain); err != nil {
		return err
	}
	return nil
}

func notAtext(r rune) bool {
	switch {
	case r == utf8.RuneError, unicode.IsControl(r), unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
		return true
	case r >= utf8.RuneSelf:
		return false
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// checkDomain wants at least one label of letters, digits and hyphens each, in
// ASCII or as IDNA. A name without a dot is let through for mail inside a network.
func checkDomain(domain string) error {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || ascii == "" {
		return errors.New("has a malformed domain")
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !isAlphanumeric(r) }) {
			return errors.New("has a malformed domain")
		}
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// envelope returns the path of an SMTP command for an address that was checked,
// with its domain in ASCII, so that only a local part in UTF-8 needs SMTPUTF8.
func envelope(address string) string {
	at := strings.LastIndexByte(address, '@')
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		domain = address[at+1:]
	}
	return "<" + address[:at+1] + domain + ">"
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
