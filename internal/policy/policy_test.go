package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
)

const samplePath = "../../examples/soffiah/policy.yaml"

func sampleText(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// edited returns the sample with replacements made: pairs of old and new text.
func edited(t testing.TB, pairs ...string) *Policy {
	t.Helper()
	p, err := Parse("policy.yaml", []byte(replaced(t, pairs...)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func replaced(t testing.TB, pairs ...string) string {
	t.Helper()
	text := sampleText(t)
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) == 0 {
			t.Fatalf("the sample does not hold %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestSample(t *testing.T) {
	t.Parallel()
	p := edited(t)
	if p.ID() != "soffiah" || p.Version() != "2026-01-15" || len(p.Digest()) != 64 || p.Demo() {
		t.Errorf("got %s %s %s", p.ID(), p.Version(), p.Digest())
	}
	if got := p.EffectiveFrom().Format(time.RFC3339); got != "2026-01-15T00:00:00+01:00" {
		t.Errorf("in force from %s", got)
	}
	if c := p.Controller(); c.Name != "Soffiah" || c.Contact != "info@soffiah.com" {
		t.Errorf("controller %+v", c)
	}
	if !p.Offers(dsr.Erasure) || p.Offers(dsr.AutomatedDecisions) || len(p.Rights()) != 7 {
		t.Errorf("rights %v", p.Rights())
	}
	if diff := cmp.Diff([]Element{AccountName, Email}, p.Identification().Required); diff != "" {
		t.Error(diff)
	}
	for _, recipient := range p.Recipients() {
		if recipient.Name == "" || recipient.Purpose == "" {
			t.Errorf("recipient %+v", recipient)
		}
	}
}

func TestSampleKeepsWhatTheTextSays(t *testing.T) {
	t.Parallel()
	p := edited(t)
	for id, want := range map[string]struct {
		period    string
		yearEnd   bool
		erasable  bool
		inCitaton string
	}{
		"account_data": {"P180D", false, true, "6(1)(b)"},
		"billing_data": {"P5Y", false, false, "L110-4"},
		"invoices":     {"P10Y", true, false, "L123-22"},
		"cookies":      {"P13M", false, true, "6(1)(a)"},
	} {
		rule, err := p.RetentionRule(id)
		if err != nil {
			t.Fatal(err)
		}
		if rule.Period.String() != want.period || rule.FromYearEnd != want.yearEnd || rule.ErasableOnRequest != want.erasable {
			t.Errorf("%s: got %+v", id, rule)
		}
		if !strings.Contains(rule.Ground(), want.inCitaton) || !strings.HasPrefix(rule.Ground(), rule.Basis) {
			t.Errorf("%s: ground %q", id, rule.Ground())
		}
	}
	if _, err := p.RetentionRule("nothing"); err == nil {
		t.Error("found a rule that is not there")
	}
}

// What a policy does not mention is safe.
func TestDefaultsAreSafe(t *testing.T) {
	t.Parallel()
	text := sampleText(t)
	from, to := strings.Index(text, "confirmation:\n"), strings.Index(text, "retention:\n")
	p, err := Parse("policy.yaml", []byte(text[:from]+text[to:strings.Index(text, "evidence:")]+"backups: {gone_after: P35D}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !p.ConfirmationRequired(dsr.Erasure) || !p.ApprovalRequired(dsr.Erasure) || p.CoolingOff(dsr.Erasure) != law.Hours(72) {
		t.Error("erasure is not confirmed, approved and cooled off")
	}
	want := Confirmation{
		Required:      map[dsr.Right]bool{dsr.Erasure: true},
		ReminderAfter: law.Days(5), ExpiresAfter: law.Days(21), MinimumReplyAge: law.Period{Clock: 5 * time.Second},
	}
	if diff := cmp.Diff(want, p.Confirmation()); diff != "" {
		t.Error(diff)
	}
	if p.Plan() != (Plan{Tolerance: Tolerance{Rows: 10, Percent: 10}, TwoPeopleAbove: 10_000}) {
		t.Errorf("a plan is signed again by %+v", p.Plan())
	}
	if p.EvidenceKept() != (law.Period{Years: 3}) || len(p.ReadBackAgainAfter()) != 2 {
		t.Error("evidence or read-backs have no default")
	}
}

// A right that is mentioned leaves the others safe.
func TestSafetiesAreTurnedOffOneByOne(t *testing.T) {
	t.Parallel()
	p := edited(t, "approval:\n  erasure: true", "approval:\n  access: true", "erasure: PT72H", "access: PT1H")
	if !p.ApprovalRequired(dsr.Erasure) || !p.ApprovalRequired(dsr.Access) || p.CoolingOff(dsr.Erasure) != law.Hours(72) {
		t.Error("naming another right turned a safety off")
	}
	off := edited(t, "approval:\n  erasure: true", "approval:\n  erasure: false", "erasure: PT72H", "erasure: PT0S", "required:\n    erasure: true", "required:\n    erasure: false")
	if off.ApprovalRequired(dsr.Erasure) || !off.CoolingOff(dsr.Erasure).IsZero() || off.ConfirmationRequired(dsr.Erasure) {
		t.Error("written out, a safety is off")
	}
}

func TestPolicyCannotBeChanged(t *testing.T) {
	t.Parallel()
	p := edited(t)
	p.Rights()[0] = "x"
	p.Controller().Languages[0] = "x"
	p.Identification().Required[0] = "x"
	p.Confirmation().Required[dsr.Erasure] = false
	p.RetentionRules()[0].ID = "x"
	p.Recipients()[0].Name = "x"
	p.ReadBackAgainAfter()[0] = law.Days(1)
	if diff := cmp.Diff(edited(t).doc, p.doc); diff != "" {
		t.Error(diff)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	p := edited(t)
	for preferred, want := range map[string]string{"fr": "fr", "FR": "fr", "de-AT": "de", "it": "en", "": "en", "-": "en"} {
		if got := p.Language(preferred); got != want {
			t.Errorf("for %q: %s, want %s", preferred, got, want)
		}
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	p := edited(t)
	received := time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	for got, want := range map[time.Time]string{
		p.LegalDue(received, false, 0): "2026-04-07T23:59:59+02:00",
		p.LegalDue(received, true, 0):  "2026-06-05T23:59:59+02:00",
		p.InternalDue(received):        "2026-04-02T23:59:59+02:00",
	} {
		if got.Format(time.RFC3339) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestConfirmationExpiry(t *testing.T) {
	t.Parallel()
	p := edited(t)
	due := time.Date(2026, 7, 31, 23, 59, 59, 0, time.UTC)
	for name, test := range map[string]struct {
		right  dsr.Right
		before time.Duration // of due, when the mail went out
		want   time.Duration // before due, when waiting ends
	}{
		"in time":                      {dsr.Erasure, 30 * 24 * time.Hour, 9 * 24 * time.Hour},
		"late: cooling-off must fit":   {dsr.Erasure, 20 * 24 * time.Hour, 6 * 24 * time.Hour},
		"no cooling-off for access":    {dsr.Access, 20 * 24 * time.Hour, 3 * 24 * time.Hour},
		"very late: three days remain": {dsr.Erasure, 5 * 24 * time.Hour, 2 * 24 * time.Hour},
		"after due":                    {dsr.Erasure, -24 * time.Hour, -4 * 24 * time.Hour},
	} {
		got := p.ConfirmationExpiry(test.right, due.Add(-test.before), due)
		if want := due.Add(-test.want); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestShortConfirmationOfADemo(t *testing.T) {
	t.Parallel()
	p := edited(t, "policy: soffiah", "policy: soffiah\ndemo: true", "reminder_after: P5D", "reminder_after: PT1S", "expires_after: P21D", "expires_after: PT3S")
	sent := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	if got := p.ConfirmationExpiry(dsr.Erasure, sent, sent.AddDate(0, 1, 0)).Sub(sent); got != 3*time.Second || !p.Demo() {
		t.Errorf("waits %s", got)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, pairs ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(replaced(t, pairs...)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := write("b.yaml", `version: "2026-01-15"`, "version: v2", "effective_from: 2026-01-15", "effective_from: 2026-07-01")
	set, err := LoadSet([]string{newer, write("a.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	paris := set.Versions()[0].Timezone()
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 15, 0, 0, 0, 0, paris):    "2026-01-15",
		time.Date(2026, 6, 30, 23, 59, 59, 0, paris): "2026-01-15",
		time.Date(2026, 7, 1, 0, 0, 0, 0, paris):     "v2",
	} {
		if p, err := set.At(at); err != nil || p.Version() != want {
			t.Errorf("at %s: %v, want %s", at, err, want)
		}
	}
	_, err = set.At(time.Date(2026, 1, 14, 23, 0, 0, 0, paris))
	wantError(t, err, "no version of the policy was in force at 2026-01-14T23:00:00+01:00: the first is in force from 2026-01-15")
	if p, err := set.Version("v2"); err != nil || p.Version() != "v2" {
		t.Errorf("got %v", err)
	}
	_, err = set.Version("v3")
	wantError(t, err, `version "v3": there is no such version of the policy; restore its file to the configuration`)
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	sample := edited(t)
	for name, test := range map[string]struct {
		versions []*Policy
		want     string
	}{
		"nothing": {nil, "there is no policy: name at least one file under policies"},
		"two policies": {[]*Policy{sample, edited(t, "policy: soffiah", "policy: other")},
			`the files hold two policies, "soffiah" and "other": an installation serves one`},
		"a version twice": {[]*Policy{sample, edited(t, "from: 2026-01-15", "from: 2026-02-15")},
			`version "2026-01-15" of the policy is given twice`},
		"two for a day": {[]*Policy{sample, edited(t, `version: "2026-01-15"`, "version: b")},
			`versions "2026-01-15" and "b" of the policy are in force from the same day`},
	} {
		_, err := NewSet(test.versions...)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestLoadSetReportsEveryFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(replaced(t, "calendar: FR", "calendar: Mars")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadSet([]string{wrong, filepath.Join(dir, "absent.yaml")})
	want := dir + "/absent.yaml: cannot be read (there is no such file)\n" +
		wrong + ":30: calendar: no such calendar; known are BE, DE, ES, FR, FR-AM, IE, IT, NL, UK, none"
	wantError(t, err, want)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestStricter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pairs []string
		want  []string
	}{
		"the same":              {nil, nil},
		"longer retention":      {[]string{"period: P5Y", "period: P6Y"}, []string{"retention_longer:billing_data"}},
		"shorter retention":     {[]string{"period: P5Y", "period: P4Y"}, nil},
		"from the end of year":  {[]string{"from: last_billing", "from: last_billing\n    from_year_end: true"}, []string{"retention_from_year_end:billing_data"}},
		"kept against erasure":  {[]string{"erasable_on_request: true", "erasable_on_request: false"}, []string{"retention_not_erasable:account_data"}},
		"rule added":            {[]string{"  - id: cookies", "  - id: orders\n    period: P10Y\n    from: sale\n    basis: law\n    citation: L1\n  - id: cookies"}, []string{"retention_added:orders"}},
		"harmless rule added":   {[]string{"  - id: cookies", "  - id: orders\n    period: P10Y\n    from: sale\n    basis: law\n    erasable_on_request: true\n  - id: cookies"}, nil},
		"longer cooling-off":    {[]string{"erasure: PT72H", "erasure: P4D"}, []string{"cooling_off_longer:erasure"}},
		"same in other words":   {[]string{"erasure: PT72H", "erasure: P3D"}, nil},
		"approval":              {[]string{"approval:\n  erasure: true", "approval:\n  access: true"}, []string{"approval_required:access"}},
		"confirmation":          {[]string{"required:\n    erasure: true", "required:\n    portability: true"}, []string{"confirmation_required:portability"}},
		"right gone":            {[]string{", portability", ""}, []string{"right_not_offered:portability"}},
		"right added":           {[]string{", portability", ", portability, automated_decision"}, nil},
		"element":               {[]string{"required: [account_name, email]", "required: [account_name, email, business_id]"}, []string{"element_required:business_id"}},
		"slower replies":        {[]string{"minimum_reply_age: PT5S", "minimum_reply_age: PT10S"}, []string{"minimum_reply_age_longer"}},
		"expires sooner":        {[]string{"expires_after: P21D", "expires_after: P14D"}, []string{"confirmation_expires_sooner"}},
		"smaller tolerance":     {[]string{"tolerance: {rows: 10, percent: 10}", "tolerance: {rows: 10, percent: 5}"}, []string{"tolerance_smaller"}},
		"two people sooner":     {[]string{"two_people_above: 10000", "two_people_above: 100"}, []string{"two_people_sooner"}},
		"two people later":      {[]string{"two_people_above: 10000", "two_people_above: 20000"}, nil},
		"evidence kept longer":  {[]string{"keep: P3Y", "keep: P5Y"}, []string{"evidence_longer"}},
		"unauthenticated is ok": {[]string{"accept_unauthenticated: false", "accept_unauthenticated: true"}, nil},
	} {
		older, newer := edited(t), edited(t, test.pairs...)
		if diff := cmp.Diff(test.want, Stricter(older, newer)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	older := edited(t, "accept_unauthenticated: false", "accept_unauthenticated: true")
	if diff := cmp.Diff([]string{"reply_must_be_authenticated"}, Stricter(older, edited(t))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sampleText(f)))
	f.Add([]byte("policy: a\nretention: [{id: a, period: P1M}]\nreadback: {again_after: [P7D, P7D]}"))
	f.Add([]byte("cooling_off: {erasure: PT400000H}\ntimezone: Local\nconfirmation: {expires_after: P99Y}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("f", data)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatal("an error without words, or a policy with an error")
			}
			return
		}
		// Whatever was accepted can be used.
		sent := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
		if p.ConfirmationExpiry(dsr.Erasure, sent, p.LegalDue(sent, false, 0)).Before(sent) {
			t.Fatal("waiting ends before it begins")
		}
		if p.Language("xx") == "" || p.EffectiveFrom().IsZero() || len(Stricter(p, p)) > 0 {
			t.Fatal("an accepted policy is of no use")
		}
	})
}

// TestWordsInTheReadersLanguage: what ends, and why data stays, is told in the
// language of the mail.
func TestWordsInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	p := edited(t)
	for language, want := range map[string]string{"fr": "votre abonnement", "de-AT": "Ihr Abonnement", "it": "your subscription"} {
		if got := p.EndsWithErasure(language); len(got) != 2 || !strings.HasPrefix(got[0], want) {
			t.Errorf("in %s: %q", language, got)
		}
	}
	invoices, err := p.RetentionRule("invoices")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.GroundIn(invoices.Ground(), "fr"); got != "obligation légale de conserver les pièces comptables (GDPR Art. 17(3)(b); Code de commerce L123-22)" {
		t.Errorf("in French: %q", got)
	}
	for ground, language := range map[string]string{invoices.Ground(): "it", "some other ground": "fr"} {
		if got := p.GroundIn(ground, language); got != ground {
			t.Errorf("without words it is told as %q", got)
		}
	}
}
