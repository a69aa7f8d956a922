package datamap

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Ownership says whose the rows of a collection are.
type Ownership string

// The ownerships. A collection of which the map says nothing has none: whether
// its rows are shared is then for a plan to find out.
const (
	Undeclared Ownership = ""
	Owned      Ownership = "owned"  // each row is one person's
	Shared     Ownership = "shared" // a row may be several people's, as an address is
)

// LegalBasis is why the data is processed at all: Art. 6(1) GDPR.
type LegalBasis string

// The legal bases, in the order of Art. 6(1) GDPR.
const (
	Consent             LegalBasis = "consent"              // (a)
	Contract            LegalBasis = "contract"             // (b)
	LegalObligation     LegalBasis = "legal_obligation"     // (c)
	VitalInterests      LegalBasis = "vital_interests"      // (d)
	PublicTask          LegalBasis = "public_task"          // (e)
	LegitimateInterests LegalBasis = "legitimate_interests" // (f)
)

// LegalBases returns every legal basis.
func LegalBases() []LegalBasis {
	return []LegalBasis{Consent, Contract, LegalObligation, VitalInterests, PublicTask, LegitimateInterests}
}

// Source says how the controller came by the values of a field.
type Source string

// The sources. Data that the person provided, and what was observed of them, is
// portable (Art. 20 GDPR; WP 242 rev.01, section II); what was derived is not.
const (
	Provided Source = "provided"
	Observed Source = "observed"
	Derived  Source = "derived"
)

// Search says in which form values of any person may stand within a field.
type Search string

// The forms of a field that is to be searched for a person's values.
const (
	NoSearch   Search = ""
	SearchText Search = "text" // free text
	SearchJSON Search = "json" // a JSON document of no known shape
)

// Purpose says why data is processed: what a controller must be able to tell
// for each of its fields (Art. 13(1)(c), 15(1)(a) and 30(1)(b) GDPR).
type Purpose struct {
	// LegalBasis and Purpose are empty where neither the field nor its collection
	// nor its dataset says anything.
	LegalBasis LegalBasis
	Purpose    string
}

// over returns p with what it leaves open taken from outer.
func (p Purpose) over(outer Purpose) Purpose {
	if p.LegalBasis == "" {
		p.LegalBasis = outer.LegalBasis
	}
	if p.Purpose == "" {
		p.Purpose = outer.Purpose
	}
	return p
}

// Ground is why data is kept although its erasure was asked for (Art. 17(3) GDPR).
type Ground struct {
	// Basis is told to the data subject, Citation names the articles of law.
	Basis    string
	Citation string
}

// String returns the basis with its citation, as it is told to the data subject.
func (g Ground) String() string {
	if g.Citation == "" {
		return g.Basis
	}
	return g.Basis + " (" + g.Citation + ")"
}

// Restriction is how a store keeps restricted rows from being processed
// (Art. 18 GDPR): Field is set to Value, and to Release when it is lifted.
type Restriction struct {
	Field string
	// Value and Release are a string, bool, int, float64, or nil for null.
	Value   any
	Release any
}

// The kinds of value that a [Rectification] takes.
const (
	TextValue    = "text"
	EmailValue   = "email"
	PhoneValue   = "phone"
	URLValue     = "url"
	DateValue    = "date"
	IntegerValue = "integer"
	NumberValue  = "number"
	BooleanValue = "boolean"
)

var valueKinds = []string{TextValue, EmailValue, PhoneValue, URLValue, DateValue, IntegerValue, NumberValue, BooleanValue}

// Rectification says which values a field may be corrected to (Art. 16 GDPR).
type Rectification struct {
	// Type is one of the kinds above.
	Type string
	// MaxLength bounds the characters of a value, 0 if nothing does.
	MaxLength int
	// Pattern must match the whole value, nil if none is asked for.
	Pattern *regexp.Regexp
	// OneOf are the only values allowed, if there are any.
	OneOf []string
}

var phone = regexp.MustCompile(`^\+?[0-9][0-9 ()./-]{3,30}$`)

// Check returns why a value may not stand in the field, or nil. The error never
// holds the value.
func (r Rectification) Check(value string) error {
	switch {
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return fmt.Errorf("the value is no text")
	case !r.fits(value):
		return fmt.Errorf("the value is not of the type %s", r.Type)
	case r.MaxLength > 0 && utf8.RuneCountInString(value) > r.MaxLength:
		return fmt.Errorf("the value is longer than %d characters", r.MaxLength)
	case r.Pattern != nil && !r.Pattern.MatchString(value):
		return fmt.Errorf("the value does not have the form that the data map asks for")
	case len(r.OneOf) > 0 && !slices.Contains(r.OneOf, value):
		return fmt.Errorf("the value is none of %s", strings.Join(r.OneOf, ", "))
	}
	return nil
}

// fits reports whether a value is of the type.
func (r Rectification) fits(value string) bool {
	var err error
	switch r.Type {
	case EmailValue:
		var a *mail.Address
		a, err = mail.ParseAddress(value)
		return err == nil && a.Address == value
	case PhoneValue:
		return phone.MatchString(value)
	case URLValue:
		var u *url.URL
		u, err = url.Parse(value)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	case DateValue:
		_, err = time.Parse(time.DateOnly, value)
	case IntegerValue:
		_, err = strconv.ParseInt(value, 10, 64)
	case NumberValue:
		_, err = strconv.ParseFloat(value, 64)
	case BooleanValue:
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}

// The strategies of a [Replacement]. After a hash, an HMAC or a pseudonym the
// person can still be singled out, so that the field counts as retained and its
// replacement must have a [Ground].
const (
	Null      = "null"      // nothing
	Constant  = "constant"  // a value of the map
	Random    = "random"    // other characters of the same kinds, in the same places
	Partial   = "partial"   // a part that says less
	Hash      = "hash"      // the SHA-256 of the value
	HMAC      = "hmac"      // the HMAC-SHA-256 under a secret of the store
	Pseudonym = "pseudonym" // the same stand-in for the same value in every collection of the store
)

var strategies = []string{Null, Constant, Random, Partial, Hash, HMAC, Pseudonym}

// What the strategy [Partial] keeps.
const (
	KeepYear    = "year"    // of a date: the first of January of its year
	KeepMonth   = "month"   // of a date: the first of its month
	KeepNetwork = "network" // of an IP address: the first 24 bits of IPv4, 48 of IPv6
	KeepRegion  = "region"  // of an address: what follows its last comma or line break, without digits
	KeepDomain  = "domain"  // of a mail address: what follows its @
	KeepPrefix  = "prefix"  // of anything: its first characters, such as the region of a postal code
)

var parts = []string{KeepYear, KeepMonth, KeepNetwork, KeepRegion, KeepDomain, KeepPrefix}

// Replacement is how a field is anonymised.
type Replacement struct {
	// Strategy is one of the strategies above.
	Strategy string
	// Value is the constant: a string, bool, int or float64.
	Value any
	// Keep is what [Partial] keeps, Length the characters of [KeepPrefix].
	Keep   string
	Length int
	// Ground is why a hash, an HMAC or a pseudonym may stay; empty for the others.
	Ground Ground
}

// Retains reports whether the person can still be singled out afterwards, so
// that the field counts as retained, not as erased.
func (r Replacement) Retains() bool {
	return slices.Contains([]string{Hash, HMAC, Pseudonym}, r.Strategy)
}
