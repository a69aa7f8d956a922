package policy

import (
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
	"github.com/soffiah/habeas/internal/strictyaml"
)

var (
	// Names that become part of codes, file names and database rows.
	name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// Names of versions; dates and numbers with dots are usual.
	versionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	// The part of BCP 47 that names a language, and a region.
	languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z]{2})?$`)
)

// The bounds of texts, in bytes. They reach mails and pages.
const (
	maxLine = 200
	maxText = 2000
)

// validate judges what was read, and resolves what is named by a code.
func (p *Policy) validate(file *strictyaml.Document) {
	v := validation{file}
	d := &p.doc
	v.name("policy", d.Policy)
	switch {
	case d.Version == "":
		v.Add("version", "is missing", "the day of its publication is a good one")
	case !versionName.MatchString(d.Version):
		v.Add("version", "must be a name of letters, digits, dots, dashes and underscores", "the day of its publication is a good one")
	}
	if d.EffectiveFrom.IsZero() {
		v.Add("effective_from", "is missing", "give the day from which the version is in force, such as 2026-01-15")
	}
	v.controller(d.Controller)
	v.line("complaint_authority.name", d.ComplaintAuthority.Name, "GDPR Art. 12(4) wants every answer to name it")
	v.webAddress("complaint_authority.url", d.ComplaintAuthority.URL)
	v.law(p)
	v.rights("rights", d.Rights)
	v.identification(d.Identification)
	v.confirmation(d)
	v.plan(d.Plan)
	v.retention(d.Retention)
	v.endsWithErasure(d)
	v.recipients(d.Recipients)
	v.text("processor_note", d.ProcessorNote)
	v.afterwards(d)
}

// validation adds problems to the file they are found in.
type validation struct{ *strictyaml.Document }

func (v validation) controller(c Controller) {
	v.line("controller.name", c.Name, "")
	if strings.TrimSpace(c.Address) == "" {
		v.Add("controller.address", "is missing", "GDPR Art. 13(1)(a) wants the contact details of the controller")
	}
	v.text("controller.address", c.Address)
	v.mailAddress("controller.contact", c.Contact)
	if c.DataProtectionContact != "" {
		v.mailAddress("controller.data_protection_contact", c.DataProtectionContact)
	}
	if c.Website != "" {
		v.webAddress("controller.website", c.Website)
	}
	if len(c.Languages) == 0 {
		v.Add("controller.languages", "is missing", "name at least one, such as [en]; the first is the default")
	}
	for i, language := range c.Languages {
		at := fmt.Sprintf("controller.languages[%d]", i)
		if !languageTag.MatchString(language) {
			v.Add(at, "is not a language tag", "write en, fr or pt-BR")
		}
		v.once(at, slices.Index(c.Languages, language) == i)
	}
}

func (v validation) law(p *Policy) {
	var err error
	if p.regime, err = law.RegimeOf(p.doc.Regime); err != nil {
		v.Add("regime", err.Error(), "")
	}
	if p.calendar, err = law.NewCalendar(p.doc.Calendar); err != nil {
		v.Add("calendar", err.Error(), "")
	}
	// "" and "Local" would be the zone of the machine, and differ from one to the next.
	p.timezone, err = time.LoadLocation(p.doc.Timezone)
	if err != nil || p.doc.Timezone == "" || p.doc.Timezone == "Local" {
		v.Add("timezone", "is not a time zone of the IANA database", "write Europe/Paris")
	}
}

func (v validation) rights(path string, rights []dsr.Right) {
	if len(rights) == 0 {
		v.Add(path, "is missing", "list the rights that the controller offers")
	}
	for i, right := range rights {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.right(at, right)
		v.once(at, slices.Index(rights, right) == i)
	}
}

func (v validation) right(path string, right dsr.Right) {
	if !right.Valid() {
		v.Add(path, "is not a right", "known are "+list(dsr.Rights()))
	}
}

func (v validation) identification(i Identification) {
	if len(i.Required) == 0 {
		v.Add("identification.required", "is missing", "without an element nobody can be found; known are "+list(Elements()))
	}
	v.elements("identification.elements", i.Elements)
	v.elements("identification.required", i.Required)
	for n, element := range i.Required {
		if !slices.Contains(i.Elements, element) {
			v.Add(fmt.Sprintf("identification.required[%d]", n), "is not among identification.elements", "add it there too")
		}
	}
}

func (v validation) elements(path string, elements []Element) {
	for i, element := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !slices.Contains(Elements(), element) {
			v.Add(at, "is not an element of identification", "known are "+list(Elements()))
		}
		v.once(at, slices.Index(elements, element) == i)
	}
}

func (v validation) confirmation(d *document) {
	c := d.Confirmation
	eachRight(v, "confirmation.required", c.Required)
	eachRight(v, "approval", d.Approval)
	eachRight(v, "cooling_off", d.CoolingOff)
	v.between("confirmation.expires_after", c.ExpiresAfter, d.least(law.Days(3)), law.Days(28))
	v.between("confirmation.reminder_after", c.ReminderAfter, d.least(law.Days(1)), law.Days(28))
	v.between("confirmation.minimum_reply_age", c.MinimumReplyAge, law.Period{}, law.Hours(1))
	if !c.ExpiresAfter.Exceeds(c.ReminderAfter) {
		v.Add("confirmation.reminder_after", "does not lie before expires_after", "the reminder would come too late")
	}
	for _, right := range slices.Sorted(maps.Keys(d.CoolingOff)) {
		v.between("cooling_off."+string(right), d.CoolingOff[right], law.Period{}, law.Days(14))
	}
}

func (v validation) plan(p Plan) {
	v.count("plan.tolerance.rows", p.Tolerance.Rows, 10_000)
	v.count("plan.tolerance.percent", p.Tolerance.Percent, 100)
	v.count("plan.two_people_above", p.TwoPeopleAbove, math.MaxInt64)
}

func (v validation) count(path string, n, most int64) {
	if n < 0 || n > most {
		v.Add(path, fmt.Sprintf("must lie between 0 and %d", most), "")
	}
}

func (v validation) retention(rules []RetentionRule) {
	ids := map[string]bool{}
	for i, rule := range rules {
		at := fmt.Sprintf("retention[%d].", i)
		v.name(at+"id", rule.ID)
		v.once(at+"id", !ids[rule.ID])
		ids[rule.ID] = true
		v.name(at+"from", rule.From)
		v.line(at+"basis", rule.Basis, "the data subject is told why data is kept")
		v.text(at+"citation", rule.Citation)
		v.words(at+"basis_in", rule.BasisIn)
		if rule.Period.Clock != 0 {
			v.Add(at+"period", "counts hours", "write whole days, months or years")
		}
		v.between(at+"period", rule.Period, law.Days(1), law.Period{Years: 100})
		if !rule.ErasableOnRequest && rule.Citation == "" {
			v.Add(at+"citation", "is missing", "data that is kept against a request for erasure needs the law that says so; or set erasable_on_request: true")
		}
	}
}

// endsWithErasure wants words in every language in which the controller writes:
// nobody should confirm a deletion without having read what ends with it.
func (v validation) endsWithErasure(d *document) {
	for i, words := range d.EndsWithErasure {
		at := fmt.Sprintf("ends_with_erasure[%d]", i)
		v.words(at, words)
		for _, language := range d.Controller.Languages {
			if words.in(language) == "" {
				v.Add(at, "has no words in "+language, "say it in every language of controller.languages")
			}
		}
	}
}

func (v validation) words(path string, words Words) {
	for _, language := range slices.Sorted(maps.Keys(words)) {
		if !languageTag.MatchString(language) {
			v.Add(path+"."+language, "is not a language tag", "write en, fr or pt-BR")
		}
		v.line(path+"."+language, words[language], "")
	}
}

func (v validation) recipients(recipients []Recipient) {
	for i, recipient := range recipients {
		at := fmt.Sprintf("recipients[%d].", i)
		v.line(at+"name", recipient.Name, "CJEU C-154/21 wants the actual identity")
		v.line(at+"purpose", recipient.Purpose, "")
		if !slices.Contains(Roles(), recipient.Role) {
			v.Add(at+"role", "is not a role", "known are "+list(Roles()))
		}
		if recipient.Website != "" {
			v.webAddress(at+"website", recipient.Website)
		}
	}
}

// afterwards judges what happens once the answer is given.
func (v validation) afterwards(d *document) {
	v.between("evidence.keep", d.Evidence.Keep, d.least(law.Months(1)), law.Period{Years: 30})
	for i, period := range d.ReadBack.AgainAfter {
		at := fmt.Sprintf("readback.again_after[%d]", i)
		v.between(at, period, d.least(law.Days(1)), d.Evidence.Keep)
		if i > 0 && !period.Exceeds(d.ReadBack.AgainAfter[i-1]) {
			v.Add(at, "is not longer than the one before", "list them from the first to the last")
		}
	}
	if d.Backups.GoneAfter.IsZero() {
		v.Add("backups.gone_after", "is missing", "say how long the oldest backup lives, such as P35D; answers state it")
		return
	}
	v.between("backups.gone_after", d.Backups.GoneAfter, d.least(law.Hours(1)), law.Period{Years: 2})
}

// least returns the least time that a policy may give, which for a
// demonstration is a second: nobody wants to watch one for days.
func (d *document) least(period law.Period) law.Period {
	if d.Demo {
		return law.Period{Clock: time.Second}
	}
	return period
}

func eachRight[V any](v validation, path string, byRight map[dsr.Right]V) {
	for _, right := range slices.Sorted(maps.Keys(byRight)) {
		v.right(path+"."+string(right), right)
	}
}

func (v validation) between(path string, period, least, most law.Period) {
	if least.Exceeds(period) || period.Exceeds(most) {
		v.Add(path, fmt.Sprintf("must lie between %s and %s", least, most), "")
	}
}

func (v validation) name(path, s string) {
	switch {
	case s == "":
		v.Add(path, "is missing", "give a name such as billing_data")
	case !name.MatchString(s):
		v.Add(path, "must be a name of small letters, digits and underscores", "such as billing_data")
	}
}

// line demands text that fits in a header of a mail.
func (v validation) line(path, s, hint string) {
	switch {
	case strings.TrimSpace(s) == "":
		v.Add(path, "is missing", hint)
	case len(s) > maxLine, strings.ContainsFunc(s, unicode.IsControl):
		v.Add(path, fmt.Sprintf("must be one line of at most %d bytes", maxLine), "")
	}
}

// text allows line breaks, and nothing at all.
func (v validation) text(path, s string) {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
	if len(s) > maxText || strings.ContainsFunc(s, control) {
		v.Add(path, fmt.Sprintf("must be text of at most %d bytes without control characters", maxText), "")
	}
}

func (v validation) mailAddress(path, s string) {
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > maxLine {
		v.Add(path, "is not a mail address", "write privacy@example.org, without a name or brackets")
	}
}

func (v validation) webAddress(path, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		v.Add(path, "is not a web address", "write https://www.example.org/")
	}
}

func (v validation) once(path string, once bool) {
	if !once {
		v.Add(path, "is given twice", "")
	}
}

func list[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
