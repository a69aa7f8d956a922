package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
)

// Policy is one version of a controller's policy. It cannot be changed: every
// method returns a copy.
type Policy struct {
	doc      document
	digest   string
	regime   law.Regime
	calendar law.Calendar
	timezone *time.Location
}

// Controller is who decides about the data (GDPR Art. 4(7)) and how to reach it.
type Controller struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	// Contact is the mail address to which people write about their rights.
	Contact string `yaml:"contact"`
	// DataProtectionContact is the mail address of the data protection officer or
	// whoever answers questions of data protection. [Controller.Contact] if empty.
	DataProtectionContact string `yaml:"data_protection_contact"`
	Website               string `yaml:"website"`
	// Languages are those in which the controller writes; the first is the default.
	Languages []string `yaml:"languages"`
}

// Authority is a supervisory authority with which a complaint can be lodged
// (GDPR Art. 77), as answers must say (Art. 12(4)).
type Authority struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// Identification says what a person gives to be identified.
type Identification struct {
	// Elements are those that a form offers, Required those it insists on.
	Elements []Element `yaml:"elements"`
	Required []Element `yaml:"required"`
}

// Confirmation says how a request is confirmed by a reply to a mail that goes
// to the address on the account.
type Confirmation struct {
	// Required says for which rights a reply is needed before anything happens.
	Required      map[dsr.Right]bool `yaml:"required"`
	ReminderAfter law.Period         `yaml:"reminder_after"`
	ExpiresAfter  law.Period         `yaml:"expires_after"`
	// MinimumReplyAge is the time that must lie between our mail and a reply for a
	// person to have read it; faster ones are answers of a machine.
	MinimumReplyAge law.Period `yaml:"minimum_reply_age"`
	// AcceptUnauthenticated lets a reply count whose sender no DKIM or SPF result
	// vouches for.
	AcceptUnauthenticated bool `yaml:"accept_unauthenticated"`
}

// Plan says when a plan must be signed again, and by how many people.
type Plan struct {
	// Tolerance is how much more of a collection an erasure may touch than the plan
	// that was signed.
	Tolerance Tolerance `yaml:"tolerance"`
	// TwoPeopleAbove is the number of rows to erase or anonymise above which two
	// people must sign, whether or not one must sign smaller plans.
	TwoPeopleAbove int64 `yaml:"two_people_above"`
}

// Tolerance is by how much a plan may grow after it was signed: people go on using
// their account while a request waits. The greater of both counts.
type Tolerance struct {
	Rows    int64 `yaml:"rows"`
	Percent int64 `yaml:"percent"`
}

// Allows reports whether touching now rows lies within what was signed for.
func (t Tolerance) Allows(signed, now int64) bool {
	return now <= signed+max(t.Rows, signed*t.Percent/100)
}

// RetentionRule says how long a kind of data is kept and why.
type RetentionRule struct {
	ID     string     `yaml:"id"`
	Period law.Period `yaml:"period"`
	// From names the event with which the period starts, in the words of the policy.
	From string `yaml:"from"`
	// FromYearEnd starts the period at the end of the calendar year of that event.
	FromYearEnd bool `yaml:"from_year_end"`
	// Basis is why the data is kept, as it is told to the data subject; BasisIn is
	// the same in other languages.
	Basis   string `yaml:"basis"`
	BasisIn Words  `yaml:"basis_in"`
	// Citation names the articles of law that say so.
	Citation string `yaml:"citation"`
	// ErasableOnRequest says that a person may have the data erased before the
	// period ends (GDPR Art. 17(1)); false where an exception of Art. 17(3) holds.
	ErasableOnRequest bool `yaml:"erasable_on_request"`
}

// Ground returns the basis with its citation, as it is recorded.
func (r RetentionRule) Ground() string { return r.cited(r.Basis) }

func (r RetentionRule) cited(basis string) string {
	if r.Citation == "" {
		return basis
	}
	return basis + " (" + r.Citation + ")"
}

// Words is what the controller says to people, by language (BCP 47 tag).
type Words map[string]string

// in returns the words for a language: of the same tag, else of the same primary
// language; "" where there are none.
func (w Words) in(language string) string {
	if words, ok := w[language]; ok {
		return words
	}
	primary, _, _ := strings.Cut(language, "-")
	return w[primary]
}

// Recipient is someone to whom data is disclosed (GDPR Art. 4(9)), by name as
// CJEU C-154/21 asks.
type Recipient struct {
	Name    string `yaml:"name"`
	Role    Role   `yaml:"role"`
	Purpose string `yaml:"purpose"`
	Website string `yaml:"website"`
}

// Role is what a recipient is under the GDPR.
type Role string

// The roles of recipients.
const (
	Processor       Role = "processor"        // Art. 4(8): acts for the controller
	JointController Role = "joint_controller" // Art. 26
	OtherController Role = "controller"       // decides by itself
)

// Roles returns every role.
func Roles() []Role { return []Role{Processor, JointController, OtherController} }

// Element is something by which a person is identified; the words are those of
// [dsr.Elements].
type Element string

// The elements of identification.
const (
	AccountName    Element = "account_name"
	Email          Element = "email"
	BusinessID     Element = "business_id"
	MailingAddress Element = "mailing_address"
)

// Elements returns every element.
func Elements() []Element { return []Element{AccountName, Email, BusinessID, MailingAddress} }

// ID returns the name of the policy, which all its versions share.
func (p *Policy) ID() string { return p.doc.Policy }

// Version returns the name of the version. Requests record it.
func (p *Policy) Version() string { return p.doc.Version }

// Digest returns the SHA-256 of the policy's file in hex: proof of which text a
// request was judged under.
func (p *Policy) Digest() string { return p.digest }

// EffectiveFrom returns the first instant at which the version is in force.
func (p *Policy) EffectiveFrom() time.Time { return p.doc.EffectiveFrom.Start(p.timezone) }

// Demo reports whether the policy is for demonstrations (demo: true). It may
// then give people seconds where others must give them days, so an installation
// in production must refuse it.
func (p *Policy) Demo() bool { return p.doc.Demo }

// Controller returns who the controller is.
func (p *Policy) Controller() Controller {
	c := p.doc.Controller
	c.Languages = slices.Clone(c.Languages)
	return c
}

// Language returns the controller's language that serves a person who prefers
// the given BCP 47 tag: the same tag, else the same primary language (RFC 4647
// section 3.4), else the controller's first language.
func (p *Policy) Language(preferred string) string {
	primary, _, _ := strings.Cut(preferred, "-")
	for _, wanted := range []string{preferred, primary} {
		for _, language := range p.doc.Controller.Languages {
			if strings.EqualFold(language, wanted) {
				return language
			}
		}
	}
	return p.doc.Controller.Languages[0]
}

// ComplaintAuthority returns where a complaint can be lodged.
func (p *Policy) ComplaintAuthority() Authority { return p.doc.ComplaintAuthority }

// Regime returns the law under which requests are answered.
func (p *Policy) Regime() law.Regime { return p.regime }

// Calendar returns the public holidays of the controller's country.
func (p *Policy) Calendar() law.Calendar { return p.calendar }

// Timezone returns the time zone in which the controller's days are counted.
func (p *Policy) Timezone() *time.Location { return p.timezone }

// Rights returns the rights that the controller offers, in the order of the policy.
func (p *Policy) Rights() []dsr.Right { return slices.Clone(p.doc.Rights) }

// Offers reports whether the controller offers a right.
func (p *Policy) Offers(right dsr.Right) bool { return slices.Contains(p.doc.Rights, right) }

// Identification returns what a person gives to be identified.
func (p *Policy) Identification() Identification {
	i := p.doc.Identification
	return Identification{slices.Clone(i.Elements), slices.Clone(i.Required)}
}

// RequiredElements returns the elements that the policy insists on. An address to
// answer to is always among them: everyone gets an answer (Art. 12(4) GDPR).
func (p *Policy) RequiredElements() []string {
	required := []string{string(Email)}
	for _, e := range p.doc.Identification.Required {
		if e != Email {
			required = append(required, string(e))
		}
	}
	return required
}

// Confirmation returns how requests are confirmed.
func (p *Policy) Confirmation() Confirmation {
	c := p.doc.Confirmation
	c.Required = maps.Clone(c.Required)
	return c
}

// ConfirmationRequired reports whether a request for the right must be confirmed.
func (p *Policy) ConfirmationRequired(right dsr.Right) bool {
	return p.doc.Confirmation.Required[right]
}

// CoolingOff returns how long a confirmed request for the right can still be
// cancelled before it is carried out.
func (p *Policy) CoolingOff(right dsr.Right) law.Period { return p.doc.CoolingOff[right] }

// ApprovalRequired reports whether a person signs the plan of a request for the right.
func (p *Policy) ApprovalRequired(right dsr.Right) bool { return p.doc.Approval[right] }

// Plan returns when a plan must be signed again, and by how many people.
func (p *Policy) Plan() Plan { return p.doc.Plan }

// RetentionRules returns every retention rule, in the order of the policy.
func (p *Policy) RetentionRules() []RetentionRule {
	rules := slices.Clone(p.doc.Retention)
	for i := range rules {
		rules[i].BasisIn = maps.Clone(rules[i].BasisIn)
	}
	return rules
}

// RetentionRule returns the rule with the given id.
func (p *Policy) RetentionRule(id string) (RetentionRule, error) {
	for _, rule := range p.doc.Retention {
		if rule.ID == id {
			rule.BasisIn = maps.Clone(rule.BasisIn)
			return rule, nil
		}
	}
	return RetentionRule{}, fmt.Errorf("version %s of policy %s has no retention rule %q: add it, or correct the data map", p.Version(), p.ID(), id)
}

// GroundIn returns what [RetentionRule.Ground] recorded in the words that a reader
// of the language is told; the ground itself where no rule has any.
func (p *Policy) GroundIn(ground, language string) string {
	for _, rule := range p.doc.Retention {
		if words := rule.BasisIn.in(language); words != "" && rule.Ground() == ground {
			return rule.cited(words)
		}
	}
	return ground
}

// EndsWithErasure returns what stops when an account is erased, beside its data,
// in the controller's words for the language, or for its first language.
func (p *Policy) EndsWithErasure(language string) []string {
	var told []string
	for _, words := range p.doc.EndsWithErasure {
		told = append(told, cmp.Or(words.in(language), words.in(p.doc.Controller.Languages[0])))
	}
	return told
}

// Recipients returns who gets data from the controller.
func (p *Policy) Recipients() []Recipient { return slices.Clone(p.doc.Recipients) }

// ProcessorNote is what an answer says about how recipients are told. May be empty.
func (p *Policy) ProcessorNote() string { return p.doc.ProcessorNote }

// EvidenceKept returns how long what proves the handling of a request is kept
// after its answer.
func (p *Policy) EvidenceKept() law.Period { return p.doc.Evidence.Keep }

// ReadBackAgainAfter returns when stores are read back once more after the
// answer, each counted from the answer.
func (p *Policy) ReadBackAgainAfter() []law.Period { return slices.Clone(p.doc.ReadBack.AgainAfter) }

// BackupsGoneAfter returns when the last backup that holds erased data has passed.
func (p *Policy) BackupsGoneAfter() law.Period { return p.doc.Backups.GoneAfter }

// LegalDue returns the last second in which an answer to a request is in time.
func (p *Policy) LegalDue(received time.Time, extended bool, pausedDays int) time.Time {
	return p.regime.Due(received, extended, pausedDays, p.calendar, p.timezone)
}

// InternalDue returns when Habeas means to have answered: see [law.InternalDue].
func (p *Policy) InternalDue(received time.Time) time.Time {
	return law.InternalDue(received, p.timezone)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
