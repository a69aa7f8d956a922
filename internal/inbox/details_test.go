package inbox

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// asking sends the acknowledgement that asks for elements.
func (b *bench) asking(language string, missing ...string) record.NewMail {
	return b.send(mailout.Details, language, func(l *letters.Letter) {
		l.Facts.Missing = missing
		b.t.Helper()
	})
}

// TestDetailsInEveryLanguage: on labelled lines, above the quotation, inside of it,
// and below; and as the only line.
func TestDetailsInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, language := range mailout.Languages() {
		label := mailout.ElementLabel(language, "account_name")
		for name, write := range map[string]func(m record.NewMail) string{
			"labelled": func(record.NewMail) string { return label + ": lumiere" },
			"labelled, above the quotation": func(m record.NewMail) string {
				return label + ": lumiere\n\n" + attribution(language) + "\n\n" + quoted(m.Message.Text)
			},
			"filled into the quotation": func(m record.NewMail) string {
				return attribution(language) + "\n\n" + quoted(strings.Replace(m.Message.Text, mailout.Blank, "lumiere", 1))
			},
			"filled in behind the blank": func(m record.NewMail) string {
				return attribution(language) + "\n\n" + quoted(strings.Replace(m.Message.Text, mailout.Blank, "____ lumiere", 1))
			},
			"filled into the blank": func(m record.NewMail) string {
				return header(language, m) + "\n\n" + strings.Replace(m.Message.Text, mailout.Blank, "__lumiere__", 1)
			},
			"only line": func(m record.NewMail) string { return clients["marked quote"](language, "lumiere", m) },
			"only line, unmarked quotation": func(m record.NewMail) string {
				return clients["unmarked quote below a header"](language, "lumiere\n\nMarie Dubois", m)
			},
			"in capitals, and bold": func(record.NewMail) string { return "*" + strings.ToUpper(label) + "* : *lumiere*" },
		} {
			t.Run(language+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				m := b.asking(language, "account_name")
				got := b.arrive(answer(m, write(m)))
				if got.Details == nil || *got.Details != (dsr.Elements{AccountName: "lumiere"}) || got.RequestID != "the request" {
					t.Errorf("%s %v: %+v of %q", got.Verdict, got.Reasons, got.Details, got.FreshText)
				}
			})
		}
	}
}

func TestDetailsInHTML(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.asking("en", "account_name", "business_id")
	html := strings.Replace(m.Message.HTML, "Account name: "+mailout.Blank, "Account name: <b>lumiere</b>", 1)
	html = strings.Replace(html, mailout.Blank, "FR 123", 1)
	l := answer(m, "<html><body><div><br></div><blockquote type=\"cite\">"+html+"</blockquote></body></html>")
	raw := strings.Replace(string(l.raw()), "text/plain", "text/html", 1)
	if got := reply.Text([]byte(raw)); !strings.Contains(got, "lumiere") {
		t.Errorf("read as\n%s", got)
	}
	found, _, clear := readDetails(reply.Text([]byte(raw)), []string{"account_name", "business_id"})
	if diff := cmp.Diff(dsr.Elements{AccountName: "lumiere", BusinessID: "FR 123"}, found); diff != "" || !clear {
		t.Errorf("clear %v (-want +got)\n%s", clear, diff)
	}
}

// TestWhatIsNoDetail: a person reads it.
func TestWhatIsNoDetail(t *testing.T) {
	t.Parallel()
	labelled := "Account name: lumiere"
	for name, c := range map[string]struct {
		text   string
		change func(l letter, m record.NewMail) letter
	}{
		"a question":              {text: "Why do you need this?"},
		"a question beside it":    {text: labelled + "\nWhy do you need this?"},
		"another wish beside it":  {text: labelled + "\nBut please keep my invoices."},
		"another right beside it": {text: labelled + "\nPlease send me a copy of my data."},
		"a plain yes":             {text: "YES"},
		"more than a line":        {text: "I really do not know\nwhat this could be"},
		"a long story":            {text: "I signed up some time around last year with one of my many addresses and forgot it all"},
		"two answers":             {text: labelled + "\nAccount name: other"},
		"nothing":                 {text: ""},
		"the quotation as it was": {text: "> Account name: ____"},
		"from somebody else":      {labelled, func(l letter, _ record.NewMail) letter { return l.without("From").with("From: paul@evil.test") }},
		"two senders":             {labelled, func(l letter, _ record.NewMail) letter { return l.with("From: paul@evil.test") }},
		"by a machine":            {labelled, func(l letter, _ record.NewMail) letter { return l.with("Auto-Submitted: auto-replied") }},
		"a token in the body only": {labelled, func(l letter, m record.NewMail) letter {
			l = l.without("To").without("In-Reply-To").without("References").with("To: " + mailbox)
			l.text += "\n\n> Reply-To: <" + m.Message.ReplyTo + ">"
			return l
		}},
		"too long for an account":     {text: "Account name: " + strings.Repeat("x", 201)},
		"hidden characters":           {text: "Account name: lumi\u202eere"},
		"an answer to something else": {text: "Colour: blue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			m := b.asking("en", "account_name")
			l := answer(m, c.text)
			if c.change != nil {
				l = c.change(l, m)
			}
			if got := b.arrive(l); got.Details != nil {
				t.Errorf("%s %v: %+v", got.Verdict, got.Reasons, got.Details)
			}
		})
	}
	t.Run("to another mail of ours", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if got := b.arrive(answer(b.send(mailout.Confirmation, "en"), labelled)); got.Details != nil {
			t.Errorf("%+v", got.Details)
		}
	})
	t.Run("a plain yes is told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		want(t, b.arrive(answer(b.asking("en", "account_name"), "YES")), reply.Confirm, "the request", true)
	})
	t.Run("a cancellation", func(t *testing.T) {
		t.Parallel()
		for _, language := range mailout.Languages() {
			b := setup(t)
			m := b.asking(language, "account_name")
			want(t, b.arrive(answer(m, clients["marked quote"](language, mailout.WordsIn(language).Cancel, m))), reply.Cancel, "the request", true)
		}
	})
}

func TestReadDetails(t *testing.T) {
	t.Parallel()
	wanted := []string{"account_name", "business_id", "mailing_address"}
	for text, want := range map[string]dsr.Elements{
		"Account name: lumiere\nBusiness identification: FR 1\nMailing address: 1 rue X, 75011 Paris": {AccountName: "lumiere", BusinessID: "FR 1", MailingAddress: "1 rue X, 75011 Paris"},
		"Nom du compte : lumière":                   {AccountName: "lumière"},
		"Identification de l'entreprise : 123":      {BusinessID: "123"},
		"Kontoname:lumiere":                         {AccountName: "lumiere"},
		"Nombre de la cuenta = lumiere":             {AccountName: "lumiere"},
		"  • Account name:   lumiere  ":             {AccountName: "lumiere"},
		"My account name is lumiere":                {AccountName: "lumiere"},
		"Mein Kontoname lautet lumiere":             {AccountName: "lumiere"},
		"Account name: \"lumiere\"":                 {AccountName: "lumiere"},
		"Account name: _lumiere_":                   {AccountName: "_lumiere_"},
		"Account name: ____\nAccount name: lumiere": {AccountName: "lumiere"},
		"Account name: a:b":                         {AccountName: "a:b"},
		"Account names: a":                          {},
		"what is an account name":                   {},
		"no account name here: sorry":               {},
		"Mail address: other@lumiere.test":          {},
		"":                                          {},
		"Account name:":                             {},
		"subaccount name: x":                        {},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			found, _, clear := readDetails(text, wanted)
			if diff := cmp.Diff(want, found); diff != "" || !clear {
				t.Errorf("clear %v (-want +got)\n%s", clear, diff)
			}
		})
	}
}

// FuzzReadDetails: what is read stands in the text, each piece is one that could
// have been given by the form, and reading ends.
func FuzzReadDetails(f *testing.F) {
	for _, language := range mailout.Languages() {
		for _, name := range dsr.ElementFields() {
			f.Add("> "+mailout.ElementLabel(language, name)+": ____ x __", name)
		}
	}
	f.Add("Account name: ....x....\nAccount name is y", "account_name")
	f.Add("*Nom du compte :* «lumière»\r\n|| _", "mailing_address")
	f.Fuzz(func(t *testing.T, text, single string) {
		found, rest, _ := readDetails(text, dsr.ElementFields())
		for name, value := range found.ByName() {
			if value != "" && !strings.Contains(string(foldRunes(text)), string(foldRunes(value))) {
				t.Errorf("%s: %q does not stand in %q", name, value, text)
			}
		}
		if len(rest) > len(text) {
			t.Errorf("%d bytes are left of %d", len(rest), len(text))
		}
		if e := unlabelled(text, []string{single}); e != (dsr.Elements{}) && len(fmt.Sprint(e)) > 4*mostUnlabelled+100 {
			t.Errorf("%d bytes without a label", len(fmt.Sprint(e)))
		}
	})
}
