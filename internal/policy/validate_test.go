package policy

import (
	"strings"
	"testing"
)

// Every way in which the sample can be spoiled, and what its author is told.
func TestValidation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		old, spoilt string
		want        string // without the file and line
	}{
		{"policy: soffiah", "policy: Soffiah SAS", "policy: must be a name of small letters, digits and underscores (such as billing_data)"},
		{"policy: soffiah", "", "policy: is missing (give a name such as billing_data)"},
		{`version: "2026-01-15"`, `version: "a/b"`, "version: must be a name of letters, digits, dots, dashes and underscores (the day of its publication is a good one)"},
		{`version: "2026-01-15"`, "", "version: is missing (the day of its publication is a good one)"},
		{"effective_from: 2026-01-15", "effective_from: 15.1.2026", "effective_from: not a day written like 2026-01-15"},
		{"effective_from: 2026-01-15", "", "effective_from: is missing (give the day from which the version is in force, such as 2026-01-15)"},
		{"name: Soffiah\n", "name: \"\"\n", "controller.name: is missing"},
		{"name: Soffiah\n", "name: \"A\\nBcc: x\"\n", "controller.name: must be one line of at most 200 bytes"},
		{"  address: |\n    Soffiah\n    France\n", "  address: \" \"\n", "controller.address: is missing (GDPR Art. 13(1)(a) wants the contact details of the controller)"},
		{"  address: |\n    Soffiah\n    France\n", "  address: \"a\\0\"\n", "controller.address: must be text of at most 2000 bytes without control characters"},
		{"contact: info@soffiah.com", "contact: Soffiah <info@soffiah.com>", "controller.contact: is not a mail address (write privacy@example.org, without a name or brackets)"},
		{"contact: info@soffiah.com", "contact: info@soffiah.com\n  data_protection_contact: dpo", "controller.data_protection_contact: is not a mail address (write privacy@example.org, without a name or brackets)"},
		{"website: https://soffiah.com/", "website: http://soffiah.com/", "controller.website: is not a web address (write https://www.example.org/)"},
		{"languages: [en, fr, de, es]", "languages: []", "controller.languages: is missing (name at least one, such as [en]; the first is the default)"},
		{"languages: [en, fr, de, es]", "languages: [en, french]", "controller.languages[1]: is not a language tag (write en, fr or pt-BR)"},
		{"languages: [en, fr, de, es]", "languages: [en, en]", "controller.languages[1]: is given twice"},
		{"  name: CNIL (Commission nationale de l'informatique et des libertés)\n", "", "complaint_authority.name: is missing (GDPR Art. 12(4) wants every answer to name it)"},
		{"url: https://www.cnil.fr/fr/plaintes", "url: cnil.fr", "complaint_authority.url: is not a web address (write https://www.example.org/)"},
		{"regime: eu_gdpr", "regime: gdpr", "regime: no such regime; known are ccpa, eu_gdpr, uk_gdpr"},
		{"calendar: FR", "calendar: France", "calendar: no such calendar; known are BE, DE, ES, FR, FR-AM, IE, IT, NL, UK, none"},
		{"timezone: Europe/Paris", "timezone: Paris", "timezone: is not a time zone of the IANA database (write Europe/Paris)"},
		{"timezone: Europe/Paris", "timezone: Local", "timezone: is not a time zone of the IANA database (write Europe/Paris)"},
		{"rights: [access, erasure, rectification, portability, restriction, objection, consent_withdrawal]", "", "rights: is missing (list the rights that the controller offers)"},
		{"rights: [access,", "rights: [eating,", "rights[0]: is not a right (known are access, erasure, rectification, portability, restriction, objection, consent_withdrawal, automated_decision)"},
		{"rights: [access,", "rights: [erasure,", "rights[1]: is given twice"},
		{"required: [account_name, email]", "required: []", "identification.required: is missing (without an element nobody can be found; known are account_name, email, business_id, mailing_address)"},
		{"required: [account_name, email]", "required: [passport]", "identification.required[0]: is not an element of identification (known are account_name, email, business_id, mailing_address)"},
		{"elements: [account_name, email, business_id, mailing_address]", "elements: [account_name]", "identification.required[1]: is not among identification.elements (add it there too)"},
		{"elements: [account_name,", "elements: [email, account_name,", "identification.elements[2]: is given twice"},
		{"required:\n    erasure: true", "required:\n    erase: true", "confirmation.required.erase: is not a right (known are access, erasure, rectification, portability, restriction, objection, consent_withdrawal, automated_decision)"},
		{"required:\n    erasure: true", "required: [erasure]", "confirmation.required: must be a mapping of keys to values"},
		{"reminder_after: P5D", "reminder_after: 5 days", "confirmation.reminder_after: not a period; write an ISO 8601 duration such as P10Y, P13M, P180D or PT72H"},
		{"reminder_after: P5D", "reminder_after: P21D", "confirmation.reminder_after: does not lie before expires_after (the reminder would come too late)"},
		{"reminder_after: P5D", "reminder_after: PT5S", "confirmation.reminder_after: must lie between P1D and P28D"},
		{"expires_after: P21D", "expires_after: P29D", "confirmation.expires_after: must lie between P3D and P28D"},
		{"minimum_reply_age: PT5S", "minimum_reply_age: P5D", "confirmation.minimum_reply_age: must lie between PT0S and PT1H"},
		{"accept_unauthenticated: false", "accept_unauthenticated: no", "confirmation.accept_unauthenticated: must be true or false"},
		{"erasure: PT72H", "erasure: P30D", "cooling_off.erasure: must lie between PT0S and P14D"},
		{"erasure: PT72H", "erasure:", "cooling_off.erasure: has no value (give one, or leave the key out)"},
		{"approval:\n  erasure: true", "approval:\n  all: true", "approval.all: is not a right (known are access, erasure, rectification, portability, restriction, objection, consent_withdrawal, automated_decision)"},
		{"    es: el acceso de las personas a las que invitó a su cuenta\n", "", "ends_with_erasure[1]: has no words in es (say it in every language of controller.languages)"},
		{"    es: el acceso de", "    spanish: el acceso de", "ends_with_erasure[1].spanish: is not a language tag (write en, fr or pt-BR)"},
		{"fr: obligation légale de conserver les pièces comptables", "fr: \"\"", "retention[2].basis_in.fr: is missing"},
		{"id: billing_data", "id: account_data", "retention[1].id: is given twice"},
		{"id: billing_data", "id: Billing data", "retention[1].id: must be a name of small letters, digits and underscores (such as billing_data)"},
		{"    from: last_billing\n", "", "retention[1].from: is missing (give a name such as billing_data)"},
		{"period: P180D", "period: PT4320H", "retention[0].period: counts hours (write whole days, months or years)"},
		{"period: P180D", "period: P0D", "retention[0].period: must lie between P1D and P100Y"},
		{"    basis: establishment, exercise or defence of legal claims\n", "", "retention[1].basis: is missing (the data subject is told why data is kept)"},
		{"    citation: GDPR Art. 17(3)(b); Code de commerce L123-22\n", "", "retention[2].citation: is missing (data that is kept against a request for erasure needs the law that says so; or set erasable_on_request: true)"},
		{"name: Stripe\n", "name: \"\"\n", "recipients[1].name: is missing (CJEU C-154/21 wants the actual identity)"},
		{"role: controller", "role: partner", "recipients[1].role: is not a role (known are processor, joint_controller, controller)"},
		{"    purpose: payments; its own privacy policy applies\n", "", "recipients[1].purpose: is missing"},
		{"website: https://stripe.com/privacy", "website: stripe.com", "recipients[1].website: is not a web address (write https://www.example.org/)"},
		{"processor_note: >-", "processor_note: \"\\e\"\nx: >-", "processor_note: must be text of at most 2000 bytes without control characters"},
		{"keep: P3Y", "keep: P1D", "evidence.keep: must lie between P1M and P30Y"},
		{"again_after: [P1D, P30D]", "again_after: [P30D, P1D]", "readback.again_after[1]: is not longer than the one before (list them from the first to the last)"},
		{"again_after: [P1D, P30D]", "again_after: [P1D, P4Y]", "readback.again_after[1]: must lie between P1D and P3Y"},
		{"backups:\n  gone_after: P35D", "", "backups.gone_after: is missing (say how long the oldest backup lives, such as P35D; answers state it)"},
		{"gone_after: P35D", "gone_after: P3Y", "backups.gone_after: must lie between PT1H and P2Y"},
		{"calendar: FR", "calender: FR", "calender: is not a key known here (did you mean calendar?)"},
	} {
		t.Run(test.spoilt, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("policy.yaml", []byte(replaced(t, test.old, test.spoilt)))
			if err == nil {
				t.Fatal("accepted")
			}
			for line := range strings.Lines(err.Error()) {
				_, text, _ := strings.Cut(line, ": ")
				if strings.TrimSpace(text) == test.want {
					return
				}
			}
			t.Errorf("got\n%v\nwant\n%s", err, test.want)
		})
	}
}

// Errors name what is wrong, never the value, which may be a person's.
func TestErrorsDoNotRepeatValues(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	text := sampleText(t)
	var spoilt []string
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(line, ": ")
		if found && !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.HasPrefix(value, "[") {
			line = key + ": \"" + canary + "\\0\"\n"
		}
		spoilt = append(spoilt, line)
	}
	_, err := Parse("policy.yaml", []byte(strings.Join(spoilt, "")))
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
}
