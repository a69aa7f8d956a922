package reply

import (
	"bytes"
	"context"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// maxSignatures bounds the DKIM signatures that are checked of one mail.
const maxSignatures = 5

// authenticate gathers what is known about the authenticity of a mail whose
// From has the given domain.
func (j *Judge) authenticate(ctx context.Context, doc *document, in Input, domain string) Auth {
	auth := Auth{SPF: "none", DKIM: "none", DMARC: "none"}
	for _, field := range j.trustedFields(doc.header) {
		auth.merge(field, domain)
	}
	if domain == "" {
		return auth
	}
	auth.Aligned = auth.DMARC == "pass"
	if j.cfg.LookupTXT != nil && !in.Truncated && doc.header.Has("Dkim-Signature") {
		auth.own = j.verify(ctx, doc.header, in.Raw, domain)
		auth.Aligned = auth.Aligned || auth.own != nil
	}
	return auth
}

// merge adds the results of one trusted field. A failure outweighs a pass.
func (a *Auth) merge(field authField, domain string) {
	if field.results == nil && field.id == brokenField {
		a.broken = true
	}
	for _, r := range field.results {
		switch r.method {
		case "spf":
			a.SPF = worse(a.SPF, r.result)
			_, from, found := cutLast(r.props["smtp.mailfrom"], '@')
			if !found {
				from = r.props["smtp.mailfrom"]
			}
			a.envelope = a.SPF == "pass" && sameOrganisation(asciiDomain(from), domain)
		case "dkim":
			a.DKIM = better(a.DKIM, r.result)
		case "dmarc":
			result := r.result
			// A pass for another domain than the one we read in From is none for it.
			if result == "pass" && !strings.EqualFold(asciiDomain(r.props["header.from"]), domain) {
				result = "none"
			}
			a.DMARC = worse(a.DMARC, result)
		}
	}
}

// brokenField marks a field of our border that cannot be understood.
const brokenField = "\x00broken"

// worse merges results of which one failure counts: fail, then pass, then the rest.
func worse(a, b string) string {
	if a == "fail" || b == "fail" {
		return "fail"
	}
	return better(a, b)
}

// better merges results of which one pass counts: a mail has several signatures.
func better(a, b string) string {
	if a == "pass" || b == "pass" {
		return "pass"
	}
	if b == "none" {
		return a
	}
	return b
}

// trustedFields returns the Authentication-Results that our own border wrote.
// Without a border in sight nothing is believed.
func (j *Judge) trustedFields(h message.Header) []authField {
	var above, below []string // the border's Received field
	border, foreign := false, false
	for f := h.Fields(); f.Next(); {
		switch strings.ToLower(f.Key()) {
		case "received":
			foreign = border
			border = border || j.isBorder(f.Value())
		case "authentication-results":
			switch {
			case !border:
				above = append(above, f.Value())
			case !foreign:
				below = append(below, f.Value())
			}
		}
		if foreign {
			break
		}
	}
	switch {
	case j.cfg.Layout == LayoutExchange && len(j.border) == 0:
		above = append(above, below...) // topmost anywhere: Exchange always writes one
	case !border:
		return nil
	case j.cfg.Layout == LayoutGmail:
		above = below
	}
	if j.cfg.Layout != LayoutStandard {
		above = above[:min(len(above), 1)]
	}
	var trusted []authField
	for _, value := range above {
		if field, ok := j.trust(value); ok {
			trusted = append(trusted, field)
		}
	}
	return trusted
}

// isBorder reports whether a Received field was written by our border. If no
// names are configured the topmost field of all is taken for the border's.
func (j *Judge) isBorder(received string) bool {
	return len(j.border) == 0 || j.border[receivedBy(received)]
}

// trust reads a field and reports whether it bears one of our authserv-ids.
func (j *Judge) trust(value string) (authField, bool) {
	field, err := parseAuthField(value)
	ours := j.authserv[field.id] && field.id != ""
	if j.cfg.Layout == LayoutExchange {
		ours = field.id == "" || ours
	}
	if err != nil && ours {
		return authField{id: brokenField}, true
	}
	return field, ours && err == nil
}

// receivedBy returns the host after "by" in a Received field (RFC 5321,
// section 4.4), lower case. Comments can hold anything and are passed over.
func receivedBy(value string) string {
	sc := &authScanner{s: value[:min(len(value), maxAuthField)]}
	for {
		word, err := sc.word(isValueByte)
		if err != nil || word == "" {
			return ""
		}
		if strings.EqualFold(word, "by") {
			host, _ := sc.word(isValueByte)
			return strings.ToLower(strings.TrimRight(host, "."))
		}
	}
}

// borderTime returns when our border received the mail, or otherwise the time given.
func (j *Judge) borderTime(h message.Header, otherwise time.Time) time.Time {
	if len(j.border) == 0 {
		return otherwise
	}
	for f := h.FieldsByKey("Received"); f.Next(); {
		value := f.Value()
		if !j.isBorder(value) {
			continue
		}
		if t, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndexByte(value, ';')+1:])); err == nil {
			return t
		}
		break
	}
	return otherwise
}

// verify checks the DKIM signatures (RFC 6376) and returns the header fields
// covered by those of the domain's own organisation; nil if none is valid.
func (j *Judge) verify(ctx context.Context, h message.Header, raw []byte, domain string) map[string]bool {
	lookup := func(name string) ([]string, error) { return j.cfg.LookupTXT(ctx, name) }
	checked, _ := dkim.VerifyWithOptions(bytes.NewReader(crlf(trimEnvelope(raw))), &dkim.VerifyOptions{LookupTXT: lookup, MaxVerifications: maxSignatures})
	var covered map[string]bool
	for _, v := range checked {
		if v.Err != nil || !sameOrganisation(asciiDomain(v.Domain), domain) {
			continue
		}
		if covered == nil {
			covered = map[string]bool{}
		}
		signed := map[string]int{}
		for _, key := range v.HeaderKeys {
			signed[strings.ToLower(key)]++
		}
		for key, n := range signed {
			// A signature covers the lowest n fields of a name; one added above
			// them would be read by us and vouched for by nobody.
			if n >= count(h, key) {
				covered[key] = true
			}
		}
	}
	return covered
}

// crlf restores the line ends over which signatures are made, if a store has
// turned them into bare LF.
func crlf(raw []byte) []byte {
	if bytes.Contains(raw, []byte("\r\n")) {
		return raw
	}
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
}

// sameOrganisation reports relaxed alignment (RFC 7489, section 3.1): both
// names belong to one organisational domain.
func sameOrganisation(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	orgA, errA := publicsuffix.EffectiveTLDPlusOne(a)
	orgB, errB := publicsuffix.EffectiveTLDPlusOne(b)
	return errA == nil && errB == nil && orgA == orgB
}

// asciiDomain returns a domain in lower case and A-labels.
func asciiDomain(domain string) string {
	domain = strings.ToLower(strings.TrimRight(strings.TrimSpace(domain), "."))
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// canonicalAddress returns an address in the form in which two are compared:
// lower case, domain in A-labels. Local parts are compared without regard to
// case, as every large provider does.
func canonicalAddress(address string) string {
	local, domain, found := cutLast(strings.TrimSpace(address), '@')
	if !found {
		return strings.ToLower(address)
	}
	return strings.ToLower(local) + "@" + asciiDomain(domain)
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
