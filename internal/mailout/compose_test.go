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
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/html"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
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
			{What: "user.payment", For: law.Period{Years: 10}, From: "invoice_issued", FromYearEnd: true, Basis: "Code de commerce, art. L123-22"},
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
		Missing:         []string{"account_name", "business_id"},
	}
}

// about is everything for a request that asks for a right.
func about(right dsr.Right) mailout.Facts {
	f := everything()
	f.Right = right
	return f
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
				// A line may be broken before what it introduces, and one of a list stands below its first.
				line = strings.TrimSuffix(strings.TrimPrefix(line, "  "), ":")
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
		answers := []string{w.Confirm, w.Agree, w.Refuse, w.Cancel, w.Yes}
		for _, right := range dsr.Rights() {
			noLineIsAnAnswer(t, compose(t, p, lang, about(right)), answers)
		}
	})
}

func noLineIsAnAnswer(t *testing.T, c mailout.Content, answers []string) {
	t.Helper()
	blocks := regexp.MustCompile(`</?(p|div|li|td|tr|h2|table|ul)\b[^>]*>`).ReplaceAllString(c.HTML, "\n")
	plain := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(blocks, "")
	for line := range strings.Lines(c.Subject + "\n" + c.Text + plain) {
		if slices.Contains(answers, strings.Trim(line, " \n\t.,:;!*>\"'“”«»")) {
			t.Errorf("the line %q is an answer", line)
		}
	}
}

func TestMailsThatAskSayWhatToType(t *testing.T) {
	t.Parallel()
	wanted := map[mailout.Purpose]func(mailout.Words) []string{
		mailout.Details:      func(w mailout.Words) []string { return []string{w.Cancel} },
		mailout.AddressCheck: func(w mailout.Words) []string { return []string{w.Yes} },
		mailout.Confirmation: func(w mailout.Words) []string { return []string{w.Confirm, w.Refuse, w.Cancel} },
		mailout.Reminder:     func(w mailout.Words) []string { return []string{w.Confirm, w.Refuse, w.Cancel} },
		mailout.CoolingOff:   func(w mailout.Words) []string { return []string{w.Cancel} },

		mailout.SuspiciousReply: func(w mailout.Words) []string { return []string{w.Cancel} },
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
			if !strings.Contains(strings.ReplaceAll(c.Text, "\n", " "), " "+w) || !strings.Contains(c.HTML, ">"+w+"</strong>") {
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
	for _, p := range []mailout.Purpose{mailout.Acknowledgement, mailout.Details, mailout.AddressCheck} {
		full := everything()
		bare := mailout.Facts{
			Controller: full.Controller, Authority: full.Authority, Reference: full.Reference, Right: full.Right,
			ReceivedAt: full.ReceivedAt, DueAt: full.DueAt, TimeZone: full.TimeZone, ExpiresAt: full.ExpiresAt,
			AnswerURL: full.AnswerURL, Missing: full.Missing,
		}
		if diff := cmp.Diff(compose(t, p, "en", bare), compose(t, p, "en", full)); diff != "" {
			t.Errorf("%s depends on the account or the words of the request:\n%s", p, diff)
		}
	}
}

func TestEndingsNameReasonsAndRemedies(t *testing.T) {
	t.Parallel()
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		text := plainly(compose(t, p, lang, everything()).Text)
		ends := slices.Contains([]mailout.Purpose{
			mailout.CancelledNotice, mailout.RefusedNotice, mailout.ExpiredNotice, mailout.NothingHeld, mailout.Answer,
		}, p)
		if got := strings.Contains(text, plainly("CNIL https://www.cnil.fr/plaintes")) && strings.Contains(text, " 77 ") && strings.Contains(text, " 79 "); got != ends {
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
	if strings.ContainsAny(c.Subject, "\r\n") || strings.Contains(c.Text, "Hello visit") || strings.Contains(c.Text, "\nBcc") {
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
	if _, err := mailout.Compose(mailout.Confirmation, "en", about("eating")); err == nil {
		t.Error("a mail about an unknown right was composed")
	}
}

// TestMailsOfEachRight: every mail of every right but erasure, whose mails have
// files of their own.
func TestMailsOfEachRight(t *testing.T) {
	t.Parallel()
	for _, right := range dsr.Rights() {
		for _, lang := range mailout.Languages() {
			t.Run(string(right)+"/"+lang, func(t *testing.T) {
				t.Parallel()
				var all strings.Builder
				for _, p := range mailout.Purposes() {
					c := compose(t, p, lang, about(right))
					all.WriteString("==== " + string(p) + "\nSubject: " + c.Subject + "\n\n" + c.Text)
				}
				if right != dsr.Erasure {
					golden(t, filepath.Join("rights", string(right)+"."+lang+".txt"), all.String())
				}
				erases := regexp.MustCompile(`(?i)delet|supprim|suppress|effac|lösch|elimin`)
				if right != dsr.Erasure {
					for _, p := range []mailout.Purpose{mailout.Confirmation, mailout.Reminder, mailout.CoolingOff, mailout.CancelledNotice, mailout.ExpiredNotice, mailout.Answer} {
						c := compose(t, p, lang, about(right))
						if found := erases.FindString(c.Subject + c.Text + c.HTML); found != "" {
							t.Errorf("%s speaks of %q", p, found)
						}
					}
				}
			})
		}
	}
}

// TestPhrasesOfRights: what confirms an erasure stands in no mail about another
// right, nor the other way round.
func TestPhrasesOfRights(t *testing.T) {
	t.Parallel()
	for _, lang := range mailout.Languages() {
		w := mailout.WordsIn(lang)
		for _, right := range dsr.Rights() {
			for _, p := range []mailout.Purpose{mailout.Confirmation, mailout.Reminder} {
				c := compose(t, p, lang, about(right))
				for _, part := range []string{c.Text, c.HTML} {
					if strings.Contains(part, w.Confirm) != (right == dsr.Erasure) || strings.Contains(part, w.Agree) == (right == dsr.Erasure) {
						t.Errorf("%s of %s in %s asks for the wrong words", p, right, lang)
					}
				}
			}
		}
	}
}

// TestConfirmationSaysEverything: each thing that a person must know before
// confirming a deletion, in both parts of the mail in every language.
func TestConfirmationSaysEverything(t *testing.T) {
	t.Parallel()
	for item, said := range map[string][4]string{ // in the order of mailout.Languages
		"the controller":                {"Acme Studio, 12 rue des Lilas, 75011 Paris, France", "Acme Studio, 12 rue des Lilas, 75011 Paris, France", "Acme Studio, 12 rue des Lilas, 75011 Paris, France", "Acme Studio, 12 rue des Lilas, 75011 Paris, France"},
		"how to reach it":               {"Contact: help@acme.example", "Contact : help@acme.example", "Kontakt: help@acme.example", "Contacto: help@acme.example"},
		"data protection contact":       {"Data protection: privacy@acme.example", "Protection des données : privacy@acme.example", "Datenschutz: privacy@acme.example", "Protección de datos: privacy@acme.example"},
		"the request":                   {"Request: Deletion of your personal data", "Demande : Effacement de vos données personnelles", "Antrag: Löschung Ihrer personenbezogenen Daten", "Solicitud: Supresión de sus datos personales"},
		"the reference":                 {"Reference: DSR-7K3M-Q9TX", "Référence : DSR-7K3M-Q9TX", "Aktenzeichen: DSR-7K3M-Q9TX", "Referencia: DSR-7K3M-Q9TX"},
		"when it was received":          {"Received on: 1 August 2026", "Reçue le : 1er août 2026", "Eingegangen am: 1. August 2026", "Recibida el: 1 de agosto de 2026"},
		"when the answer is due":        {"Answer due by: 1 September 2026", "Réponse au plus tard le : 1er septembre 2026", "Antwort spätestens am: 1. September 2026", "Respuesta a más tardar el: 1 de septiembre de 2026"},
		"who asked":                     {"Asked by: anna@lilas.example", "Demandé par : anna@lilas.example", "Gestellt von: anna@lilas.example", "Solicitado por: anna@lilas.example"},
		"for what":                      {"asked to delete your account and your personal data", "demandé à Acme Studio de supprimer votre compte", "Ihr Konto und Ihre personenbezogenen Daten zu löschen", "que elimine su cuenta y sus datos personales"},
		"for which account":             {"Account: Lilas & Co <Paris>", "Compte : Lilas & Co <Paris>", "Konto: Lilas & Co <Paris>", "Cuenta: Lilas & Co <Paris>"},
		"what will be deleted":          {"What will be deleted * Account data", "Ce qui sera supprimé * Données du compte", "Was gelöscht wird * Kontodaten", "Qué se eliminará * Datos de la cuenta"},
		"what ends with it":             {"What ends with it * The subscription “Studio” * Access of 3 colleagues", "Ce qui prend fin en même temps * The subscription “Studio” * Access of 3", "Was damit endet * The subscription “Studio” * Access of 3", "Qué termina con ello * The subscription “Studio” * Access of 3"},
		"what stays, until when, why":   {"(36 records), until 31 December 2036: Code de commerce", "(36 enregistrements), jusqu’au 31 décembre 2036 : Code de commerce", "(36 Datensätze), bis zum 31. Dezember 2036: Code de commerce", "(36 registros), hasta el 31 de diciembre de 2036: Code de commerce"},
		"for how long, not counted yet": {"for 10 years from the end of the year of the issue of the invoice", "pendant 10 ans à compter de la fin de l’année de l’émission de la facture", "10 Jahre ab dem Ende des Jahres der Ausstellung der Rechnung", "durante 10 años desde el final del año de la emisión de la factura"},
		"that it is final":              {"Deletion is final.", "La suppression est définitive.", "Die Löschung ist endgültig.", "La eliminación es definitiva."},
		"how to get a copy first":       {"ask for it here before you confirm: https://privacy.acme.example/copy", "demandez-la ici avant de confirmer : https://privacy.acme.example/copy", "beantragen Sie sie hier, bevor Sie bestätigen: https://privacy.acme.example/copy", "solicítela aquí antes de confirmar: https://privacy.acme.example/copy"},
		"how to confirm":                {"reply to this mail, write YES DELETE and nothing else", "répondez à ce message en écrivant OUI SUPPRIMER , et rien d’autre", "schreiben Sie JA LÖSCHEN und sonst nichts", "responda a este mensaje, escriba SI ELIMINAR y nada más"},
		"how to refuse":                 {"write NO and nothing else", "en écrivant NON , et rien d’autre", "schreiben Sie NEIN und sonst nichts", "escriba NO y nada más"},
		"that silence deletes nothing":  {"silence is never taken for a yes", "un silence ne vaut jamais accord", "Schweigen gilt nie als Ja", "el silencio nunca se toma por un sí"},
		"until when":                    {"counts until 22 August 2026 at 17:00", "valable jusqu’au 22 août 2026 à 17:00", "zählt bis zum 22. August 2026, 17:00 Uhr", "válida hasta el 22 de agosto de 2026, 17:00"},
		"how to cancel":                 {"you have 72 hours to change your mind: reply to any of these mails, write CANCEL", "vous avez 72 heures pour changer d’avis : répondez à l’un de ces messages en écrivant ANNULER", "haben Sie 72 Stunden Zeit, es sich anders zu überlegen: Antworten Sie auf eine dieser Mails und schreiben Sie ABBRECHEN", "dispone de 72 horas para cambiar de opinión: responda a cualquiera de estos mensajes, escriba CANCELAR"},
		"another way to answer":         {"reference below: privacy@acme.example, or by post: Acme Studio, 12 rue", "ci-dessous : privacy@acme.example ou par courrier postal : Acme Studio, 12 rue", "Aktenzeichen: privacy@acme.example oder per Post: Acme Studio, 12 rue", "más abajo: privacy@acme.example o por correo postal: Acme Studio, 12 rue"},
		"the complaint authority":       {"supervisory authority: CNIL https://www.cnil.fr/plaintes", "autorité de contrôle : CNIL https://www.cnil.fr/plaintes", "Aufsichtsbehörde beschweren: CNIL https://www.cnil.fr/plaintes", "autoridad de control: CNIL https://www.cnil.fr/plaintes"},
	} {
		for i, lang := range mailout.Languages() {
			for _, p := range []mailout.Purpose{mailout.Confirmation, mailout.Reminder} {
				f := everything()
				f.AnswerURL = ""
				c := compose(t, p, lang, f)
				for part, text := range map[string]string{"text": c.Text, "HTML": visible(t, c.HTML)} {
					if !strings.Contains(plainly(text), plainly(said[i])) {
						t.Errorf("the %s of the %s in %s does not say %s: %q", part, p, lang, item, said[i])
					}
				}
			}
		}
	}
}

// plainly is text without what differs between the parts of a mail.
func plainly(s string) string {
	s = strings.NewReplacer("\u00a0", " ", "*", " ", ",", " ", ":", " ").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// visible is what a reader of the HTML sees.
func visible(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "title" {
			out.WriteString(n.Data + " ")
		}
	}
	return out.String()
}

// TestTextIsWellSet: no line of the text part is longer than RFC 5322 wants
// unless it is one word, and none ends in a space.
func TestTextIsWellSet(t *testing.T) {
	t.Parallel()
	eachTemplate(t, func(t *testing.T, p mailout.Purpose, lang string) {
		for _, right := range dsr.Rights() {
			for line := range strings.Lines(compose(t, p, lang, about(right)).Text) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > 78 && strings.Contains(strings.TrimLeft(line, "* "), " ") || strings.HasSuffix(line, " ") {
					t.Errorf("%s: %q", right, line)
				}
			}
		}
	})
}

// TestLanguagesHaveTheSameKeys compares keys and braces with those of English.
func TestLanguagesHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "rights."} {
		want := skeleton(t, file+"en")
		for _, lang := range mailout.Languages()[1:] {
			if diff := cmp.Diff(want, skeleton(t, file+lang)); diff != "" {
				t.Errorf("%s%s differs from en:\n%s", file, lang, diff)
			}
		}
		for _, r := range dsr.Rights() {
			if _, ok := want[map[string]string{"": "right." + string(r), "rights.": string(r) + ".asked"}[file]]; !ok {
				t.Errorf("there are no words for the right %s", r)
			}
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
