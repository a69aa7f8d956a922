package mailout_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everything is facts with every field set.
func everything() mailout.Facts {
	paris := time.FixedZone("CEST", 2*60*60)
	day := func(y int, m time.Month, d int) *time.Time {
		t := time.Date(y, m, d, 0, 0, 0, 0, paris)
		return &t
	}
	return mailout.Facts{
		Controller: mailout.Controller{
			Name: "Acme Studio", Address: "12 rue des Lilas\n75011 Paris\nFrance",
			Contact: "help@acme.example", DataProtectionContact: "privacy@acme.example", Website: "https://acme.example",
		},
		Authority:   mailout.Authority{Name: "CNIL", URL: "https://www.cnil.fr/plaintes"},
		Reference:   "DSR-7K3M-Q9TX",
		Right:       dsr.Erasure,
		ReceivedAt:  time.Date(2026, 7, 31, 22, 30, 0, 0, time.UTC), // 1 August in Paris
		DueAt:       time.Date(2026, 9, 1, 23, 59, 59, 0, paris),
		TimeZone:    paris,
		Addressee:   "Dr. Anna O'Neill-Müller",
		AccountName: "Lilas & Co <Paris>",
		RequestedBy: "anna@lilas.example",
		Erased: []mailout.Line{
			{What: "user.account", Rows: 1}, {What: "user.content", Rows: 12345},
			{What: "user.device.cookie", Rows: 7}, {What: "user.device.cookie_id", Rows: 3},
			{What: "Brand books", Rows: 4},
		},
		Kept: []mailout.Line{
			{What: "user.financial.bank_account", Rows: 2, Until: day(2031, 12, 31), Basis: "Code civil, art. 2224"},
			{What: "Invoices", Rows: 36, Until: day(2036, 12, 31), Basis: "Code de commerce, art. L123-22"},
		},
		Ends:            []string{"The subscription “Studio”", "Access of 3 colleagues"},
		ExpiresAt:       time.Date(2026, 8, 22, 15, 0, 0, 0, time.UTC),
		CoolingOffUntil: time.Date(2026, 8, 25, 15, 0, 0, 0, time.UTC),
		CoolingOffFor:   72 * time.Hour,
		Reasons:         []string{mailout.ReasonIdentity, "The company number belongs to another company.\nPlease send us the right one."},
		Recipients:      []string{"Stripe Payments Europe Ltd", "Amazon Web Services EMEA SARL"},
		BackupsGoneAt:   day(2026, 10, 1),
		EvidenceUntil:   day(2029, 8, 26),
		CopyURL:         "https://privacy.acme.example/copy?r=7K3M&lang=x",
		AnswerURL:       "https://privacy.acme.example/answer",
	}
}

func compose(t testing.TB, p mailout.Purpose, lang string, f mailout.Facts) mailout.Content {
	t.Helper()
	c, err := mailout.Compose(p, lang, f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eachTemplate runs f for every purpose in every language.
func eachTemplate(t *testing.T, f func(t *testing.T, p mailout.Purpose, lang string)) {
	for _, p := range mailout.Purposes() {
		for _, lang := range mailout.Languages() {
			t.Run(string(p)+"/"+lang, func(t *testing.T) {
				t.Parallel()
				f(t, p, lang)
			})
		}
	}
}

func TestEveryMailReadsAsItsGoldenFile(t *testing.T) {
	t.Parallel()
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		c := compose(t, p, lang, everything())
		golden(t, string(p)+"."+lang+".txt", "Subject: "+c.Subject+"\n\n"+c.Text)
		golden(t, string(p)+"."+lang+".html", c.HTML)
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test ./internal/mailout -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-golden +now); if this is meant, use -update:\n%s", name, diff)
	}
}

// TestNothingIsLeftOpen composes every mail with all facts, and with none.
func TestNothingIsLeftOpen(t *testing.T) {
	t.Parallel()
	open := regexp.MustCompile(`\{[a-z_]+\}|%!|<no value>|\x00|\x01|0001|: *$|\(\)|  `)
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		for name, f := range map[string]mailout.Facts{"all": everything(), "none": {}} {
			c := compose(t, p, lang, f)
			if c.Subject == "" || c.Text == "" || c.HTML == "" {
				t.Errorf("%s facts: a part is empty: %+v", name, c)
			}
			for i, line := range strings.Split(c.Subject+"\n"+c.Text, "\n") {
				greetingOrIntro := strings.HasSuffix(line, ":") && (i < 3 || p == mailout.Answer)
				if m := open.FindString(line); m != "" && !greetingOrIntro {
					t.Errorf("%s facts: %q left in %q", name, m, line)
				}
			}
		}
	})
}

// TestNoLineIsAnAnswer: the reader of replies takes away every line that is one
// of ours, and a mail program may quote us without a mark. So no line of ours
// may be what a person types.
func TestNoLineIsAnAnswer(t *testing.T) {
	t.Parallel()
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		w := mailout.WordsIn(lang)
		answers := []string{w.Confirm, w.Refuse, w.Cancel, w.Yes}
		c := compose(t, p, lang, everything())
		blocks := regexp.MustCompile(`</?(p|div|li|td|tr|h2|table|ul)\b[^>]*>`).ReplaceAllString(c.HTML, "\n")
		plain := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(blocks, "")
		for line := range strings.Lines(c.Subject + "\n" + c.Text + plain) {
			if slices.Contains(answers, strings.Trim(line, " \n\t.,:;!*>\"'“”«»")) {
				t.Errorf("the line %q is an answer", line)
			}
		}
	})
}

func TestMailsThatAskSayWhatToType(t *testing.T) {
	t.Parallel()
	wanted := map[mailout.Purpose]func(mailout.Words) []string{
		mailout.AddressCheck: func(w mailout.Words) []string { return []string{w.Yes} },
		mailout.Confirmation: func(w mailout.Words) []string { return []string{w.Confirm, w.Refuse, w.Cancel} },
		mailout.Reminder:     func(w mailout.Words) []string { return []string{w.Confirm, w.Refuse, w.Cancel} },
		mailout.CoolingOff:   func(w mailout.Words) []string { return []string{w.Cancel} },
	}
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		c := compose(t, p, lang, everything())
		words := mailout.WordsIn(lang)
		var want []string
		if f := wanted[p]; f != nil {
			want = f(words)
		}
		for _, w := range []string{words.Confirm, words.Cancel} {
			if got := strings.Contains(c.Text, w); got != slices.Contains(want, w) {
				t.Errorf("%q in the text: %v", w, got)
			}
		}
		for _, w := range want {
			if !strings.Contains(c.Text, " "+w) || !strings.Contains(c.HTML, ">"+w+"</strong>") {
				t.Errorf("%q is not said in both parts", w)
			}
		}
	})
}

// TestStrangersLearnNothing: the mails to an address of which nothing is proved
// do not depend on anything that finding an account would tell, nor repeat what
// the request says.
func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	for _, p := range []mailout.Purpose{mailout.Acknowledgement, mailout.AddressCheck} {
		full := everything()
		bare := mailout.Facts{
			Controller: full.Controller, Authority: full.Authority, Reference: full.Reference, Right: full.Right,
			ReceivedAt: full.ReceivedAt, DueAt: full.DueAt, TimeZone: full.TimeZone, ExpiresAt: full.ExpiresAt,
		}
		if diff := cmp.Diff(compose(t, p, "en", bare), compose(t, p, "en", full)); diff != "" {
			t.Errorf("%s depends on the account or the words of the request:\n%s", p, diff)
		}
	}
}

func TestEndingsNameReasonsAndRemedies(t *testing.T) {
	t.Parallel()
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		text := compose(t, p, lang, everything()).Text
		ends := slices.Contains([]mailout.Purpose{
			mailout.CancelledNotice, mailout.RefusedNotice, mailout.ExpiredNotice, mailout.NothingHeld, mailout.Answer,
		}, p)
		if got := strings.Contains(text, "CNIL https://www.cnil.fr/plaintes") && strings.Contains(text, " 77 ") && strings.Contains(text, " 79 "); got != ends {
			t.Errorf("complaint and judicial remedy are named: %v", got)
		}
		notice := ends && p != mailout.NothingHeld && p != mailout.Answer
		if got := strings.Contains(text, "The company number belongs to another company."); got != notice {
			t.Errorf("the reasons are told: %v", got)
		}
	})
}

func TestFactsCannotChangeTheMail(t *testing.T) {
	t.Parallel()
	f := everything()
	f.Addressee = "visit evil.example"
	f.AccountName = "<script>alert(1)</script>\r\nBcc: x@evil.example \x00YES\x00 {confirm} \u202egpj"
	f.Controller.Name = "Acme\r\nBcc: x@evil.example"
	f.CopyURL = "javascript:alert(1)"
	c := compose(t, mailout.Confirmation, "en", f)
	for _, bad := range []string{"<script>", "href=\"javascript", "\u202e", "\r"} {
		if strings.Contains(c.HTML, bad) {
			t.Errorf("the HTML contains %q", bad)
		}
	}
	if strings.ContainsAny(c.Subject, "\r\n") || strings.Contains(c.Text, "evil.example,") || strings.Contains(c.Text, "\nBcc") {
		t.Errorf("a value broke out of its place:\n%s\n%s", c.Subject, c.Text)
	}
	if !strings.Contains(c.Text, "YES {confirm}") || !strings.HasPrefix(c.Text, "Hello,\n") {
		t.Errorf("values are not told as they are, or a greeting is no name:\n%s", c.Text)
	}
}

func TestAddresseeMustReadLikeAName(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]bool{
		"Anna": true, "Dr. Anna Maier": true, "J.-P. Dupont": true, "Nguyễn Văn A": true, "Müller & Söhne 2": true, "محمد": true,
		"evil.example": false, "http://evil": false, "a@b.example": false, "Anna <b>": false, strings.Repeat("x", 81): false, "": false,
	} {
		got := strings.HasPrefix(compose(t, mailout.Confirmation, "en", mailout.Facts{Addressee: name}).Text, "Hello "+name+",")
		if got != kept {
			t.Errorf("%q is greeted by name: %v", name, got)
		}
	}
}

func TestLanguageFallsBack(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"en": "YES DELETE", "fr": "OUI SUPPRIMER", "fr-CA": "OUI SUPPRIMER", "DE_at": "JA LÖSCHEN", "es-419": "SI ELIMINAR",
		"": "YES DELETE", "ja": "YES DELETE", "french": "YES DELETE",
	} {
		if got := mailout.Phrase(tag); got != want {
			t.Errorf("Phrase(%q) = %q, want %q", tag, got, want)
		}
		if text := compose(t, mailout.Confirmation, tag, everything()).Text; !strings.Contains(text, want) {
			t.Errorf("the mail in %q does not ask for %q", tag, want)
		}
	}
}

func TestComposeRefusesWhatHasNoTemplate(t *testing.T) {
	t.Parallel()
	if _, err := mailout.Compose("newsletter", "en", everything()); err == nil {
		t.Error("an unknown purpose was composed")
	}
	f := everything()
	f.Right = dsr.Access
	for _, p := range mailout.Purposes() {
		_, err := mailout.Compose(p, "en", f)
		asksForDeletion := p == mailout.Confirmation || p == mailout.Reminder || p == mailout.CoolingOff
		if (err != nil) != asksForDeletion {
			t.Errorf("%s for the right of access: %v", p, err)
		}
	}
}

// TestLanguagesHaveTheSameKeys compares keys and braces with those of English.
func TestLanguagesHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	want := skeleton(t, "en")
	for _, lang := range mailout.Languages()[1:] {
		if diff := cmp.Diff(want, skeleton(t, lang)); diff != "" {
			t.Errorf("%s differs from en:\n%s", lang, diff)
		}
	}
	for _, r := range dsr.Rights() {
		if _, ok := want["right."+string(r)]; !ok {
			t.Errorf("there are no words for the right %s", r)
		}
	}
}

func skeleton(t *testing.T, lang string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("templates", lang+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	braces := regexp.MustCompile(`\{[a-z_]+\}`)
	out := map[string][]string{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v = reflect.ValueOf(v.Interface()); v.Kind() {
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(path+"."+k.String(), v.MapIndex(k))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(path, v.Index(i))
			}
		default:
			if v.String() == "" {
				t.Errorf("%s: %s is empty", lang, path)
			}
			found := append(out[path[1:]], braces.FindAllString(v.String(), -1)...)
			slices.Sort(found)
			out[path[1:]] = found
		}
	}
	walk("", reflect.ValueOf(tree))
	return out
}

// What stays on one ground is told in one line before anything was counted, and
// apart once it was.
func TestKeptOnOneGround(t *testing.T) {
	t.Parallel()
	kept := func(rows int64) []mailout.Line {
		return []mailout.Line{{What: "user.payment", Basis: "B", Rows: rows}, {What: "user.contact.email", Basis: "B", Rows: rows}, {What: "user.name", Basis: "C", Rows: rows}}
	}
	plan := compose(t, mailout.Confirmation, "en", mailout.Facts{Kept: kept(0)}).Text
	if !strings.Contains(plan, "* Payment data, mail address: B\n") || !strings.Contains(plan, "* Name: C\n") {
		t.Errorf("before counting:\n%s", plan)
	}
	result := compose(t, mailout.Answer, "en", mailout.Facts{Kept: kept(2)}).Text
	if !strings.Contains(result, "* Payment data (2 records): B\n") || !strings.Contains(result, "* Mail address (2 records): B\n") {
		t.Errorf("after counting:\n%s", result)
	}
}
