package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// deleteMe is how people write to a company in the languages of its accounts.
var deleteMe = map[string]string{
	"en": "Hello,\n\nplease delete my account.\n", "fr": "Bonjour,\n\nmerci de supprimer mon compte.\n",
	"de": "Guten Tag,\n\nbitte löschen Sie mein Konto.\n", "es": "Hola:\n\nquiero eliminar mi cuenta.\n",
}

// TestRequestsByMail: a plain mail to the privacy address is enough to have an
// account erased; and what Habeas does not carry out goes to a person, in time.
func TestRequestsByMail(t *testing.T) {
	i := install(t, sandbox.Options{})
	i.run()
	t.Run("erasure, details by reply", i.erasureByMail)
	t.Run("access, details by form", i.accessByMail)
}

// wrote sends a mail to the privacy address and waits for its acknowledgement.
func (i installation) wrote(t *testing.T, a soffiah.Account, text string) (*person.Person, person.Mail, string) {
	t.Helper()
	p := a.Person(i.Mail)
	if _, err := p.Write(t.Context(), sandbox.Mailbox, "My account", text); err != nil {
		t.Fatal(err)
	}
	m, err := p.Await(i.within(time.Minute), func(m person.Mail) bool { return m.Header.Get("X-Habeas-Purpose") == string(mailout.Details) })
	if err != nil {
		t.Fatal(err)
	}
	return p, m, regexp.MustCompile(`H-[0-9A-Z]{4}-[0-9A-Z]{4}`).FindString(m.Subject)
}

func (i installation) erasureByMail(t *testing.T) {
	a := i.Company.Subject()
	others := i.fingerprint(a)
	p, asked, reference := i.wrote(t, a, deleteMe[a.Language])
	if asked.Header.Get("Auto-Submitted") != "auto-replied" || asked.Header.Get("In-Reply-To") == "" || strings.Contains(asked.Text, a.FullName) {
		t.Errorf("the acknowledgement: %v\n%s", asked.Header, asked.Text)
	}
	if d := i.follow(reference, time.Minute, dsr.AwaitingDetails); d.Channel != dsr.Mail || len(d.Replies) != 1 || d.Replies[0].Recognised[0].Right != dsr.Erasure {
		t.Errorf("%+v", d)
	}
	label := mailout.ElementLabel(a.Language, "account_name")
	if _, err := p.Reply(t.Context(), asked, label+": "+a.AccountName); err != nil {
		t.Fatal(err)
	}
	i.confirm(a, i.await(a, reference, mailout.Confirmation))
	d := i.follow(reference, time.Minute, dsr.Completed)
	if d.Outcome != dsr.ErasedWithRetained || !slices.Contains(types(d.Events), dsr.EventDetailsReceived) {
		t.Errorf("outcome %s, events %v", d.Outcome, types(d.Events))
	}
	if i.fingerprint(a) != others {
		t.Error("data of other people has changed")
	}
	if left := query[int64](t, i.appURL(), "SELECT count(*) FROM accounts WHERE id = $1", a.ID); left != 0 {
		t.Error("the account is still there")
	}
	i.checkCertificate(d)
	i.checkAnswer(a, d)
	if n := query[int](t, i.ownURL(), "SELECT count(*) FROM request"); n != 1 {
		t.Errorf("%d requests were opened", n)
	}
}

func (i installation) accessByMail(t *testing.T) {
	a := i.Company.Account(3)
	_, asked, reference := i.wrote(t, a, "Hello,\n\nI would like to have a copy of my personal data.\n")
	d := i.follow(reference, time.Minute, dsr.AwaitingPerson)
	if d.Right != dsr.Access || d.Attention != dsr.ManualRight || !d.DueAt.After(time.Now().AddDate(0, 0, 27)) || d.DueAt.After(time.Now().AddDate(0, 0, 45)) {
		t.Errorf("%+v", d.Summary)
	}
	link := regexp.MustCompile(`http://\S+/details/[a-z2-7]{26}`).FindString(asked.Text)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	page, err := browser.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	form := i.hidden(page)
	form.Set("account_name", a.AccountName)
	given, err := browser.PostForm(link, form)
	if err != nil {
		t.Fatal(err)
	}
	if text := i.read(given); given.StatusCode != http.StatusOK || strings.Contains(text, a.AccountName) {
		t.Errorf("the page after the form: %d", given.StatusCode)
	}
	if again, err := browser.Get(link); err != nil || again.StatusCode != http.StatusNotFound {
		t.Errorf("the form once more: %v", err)
	}
	c, err := i.Client()
	if err != nil {
		t.Fatal(err)
	}
	d, err = c.Show(t.Context(), reference)
	if err != nil || d.Intake.Elements != (dsr.Elements{Email: a.Email, AccountName: a.AccountName}) {
		t.Errorf("%+v, %v", d.Intake, err)
	}
	if d, err = c.Supplement(t.Context(), reference, client.Elements{BusinessID: a.BusinessID}); err != nil || d.Intake.Elements.BusinessID != a.BusinessID {
		t.Errorf("%+v, %v", d.Intake, err)
	}
	if _, err := c.Decide(t.Context(), reference, dsr.Decision{Action: dsr.Resolve, Reason: "sent by post"}); err != nil {
		t.Error(err)
	}
	i.follow(reference, time.Minute, dsr.Completed)
}
