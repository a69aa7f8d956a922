package e2e

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"net/http/cookiejar"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/net/html"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// The main job, filed in the portal as a person does it: mailed, replied, erased,
// read back, certified, answered. What was done is held against counts taken
// before by other means.
func TestErasure(t *testing.T) {
	i := install(t, sandbox.Options{})
	i.run()
	a := i.Company.Subject()
	want, others, link := i.expected(a), i.fingerprint(a), i.imageLink(a)
	if got := status(t, link); got != http.StatusOK {
		t.Fatalf("the link to an image answers %d before the erasure", got)
	}

	reference := i.fileInPortal(a)
	delivered := i.confirm(a, i.await(a, reference, mailout.Confirmation))
	d := i.follow(reference, time.Minute, dsr.Completed)
	t.Logf("reply to completed: %v", d.EndedAt.Sub(delivered))

	if d.Outcome != dsr.ErasedWithRetained || d.Channel != dsr.Portal {
		t.Errorf("outcome %s, channel %s", d.Outcome, d.Channel)
	}
	if diff := cmp.Diff(want, actual(d.Stores)); diff != "" {
		t.Errorf("what was done differs from what was counted before (-want +got):\n%s", diff)
	}
	i.checkRows(a, want)
	if i.fingerprint(a) != others {
		t.Error("data of other people has changed")
	}
	if got := status(t, link); got != http.StatusNotFound {
		t.Errorf("the link to an image answers %d after the erasure", got)
	}
	i.checkCertificate(d)
	i.checkAnswer(a, d)
	i.checkDuties(a, d)
	events, err := i.HistoryEvents(i.within(time.Minute), d.ID)
	if err != nil || events > 60+6 {
		t.Errorf("%d events in Temporal, at most 60 and 6 for the fourth store are allowed (%v)", events, err)
	}
	t.Logf("%d events in Temporal", events)
}

// tally is what becomes of one collection.
type tally struct{ Matched, Erased, Anonymised, Retained, Residual int64 }

func actual(results []dsr.StoreResult) map[string]tally {
	all := map[string]tally{}
	for _, r := range results {
		all[r.Store+"."+r.Collection] = tally{r.RowsMatched, r.RowsErased, r.RowsAnonymised, r.RowsRetained, r.ResidualRows}
	}
	return all
}

// kept says in SQL which rows of the billing database must stay: five years from
// the day of billing, ten from the end of the year of an invoice.
func kept() map[string]string {
	return map[string]string{
		"billing_accounts": "collected_at + interval '5 years' > now()",
		"payments":         "paid_at + interval '5 years' > now()",
		"invoices":         "make_date(extract(year FROM issued_at)::int + 11, 1, 1) > now()",
	}
}

// expected counts what an erasure must find and do, past the product.
func (i installation) expected(a soffiah.Account) map[string]tally {
	i.t.Helper()
	want := map[string]tally{}
	for _, table := range tables(i.t, i.appURL()) {
		n := query[int64](i.t, i.appURL(), "SELECT count(*) FROM "+table+" WHERE "+owner(table)+" = $1", a.ID)
		done := tally{Matched: n, Erased: n}
		if table == "usage_events" {
			done = tally{Matched: n, Anonymised: n}
		}
		want["app."+table] = done
	}
	for table, stays := range kept() {
		n := query[int64](i.t, i.billingURL(), "SELECT count(*) FROM "+table+" WHERE account_id = $1", a.ID)
		left := query[int64](i.t, i.billingURL(), "SELECT count(*) FROM "+table+" WHERE account_id = $1 AND "+stays, a.ID)
		want["billing."+table] = tally{Matched: n, Erased: n - left, Retained: left}
	}
	objects := int64(len(i.objects(a.StoragePrefix)))
	want["uploads.images"] = tally{Matched: objects, Erased: objects}
	// The reply that confirms will be one more.
	mails := i.correspondence(a.Email) + 1
	want["correspondence.messages"] = tally{Matched: mails, Erased: mails}
	return want
}

func tables(t *testing.T, url string) []string {
	return queryAll[string](t, url, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
}

func owner(table string) string {
	if table == "accounts" {
		return "id"
	}
	return "account_id"
}

// checkRows asks the company's own databases, bucket and mailbox what is left.
func (i installation) checkRows(a soffiah.Account, want map[string]tally) {
	i.t.Helper()
	for _, table := range tables(i.t, i.appURL()) {
		if n := query[int64](i.t, i.appURL(), "SELECT count(*) FROM "+table+" WHERE "+owner(table)+" = $1", a.ID); n != 0 {
			i.t.Errorf("%d rows are left in %s", n, table)
		}
		for name, value := range a.Personal() {
			if n := query[int64](i.t, i.appURL(), "SELECT count(*) FROM "+table+" t WHERE strpos(t::text, $1) > 0", value); n != 0 {
				i.t.Errorf("%d rows of %s still hold the %s", n, table, name)
			}
		}
	}
	for table, stays := range kept() {
		all := query[int64](i.t, i.billingURL(), "SELECT count(*) FROM "+table+" WHERE account_id = $1", a.ID)
		due := query[int64](i.t, i.billingURL(), "SELECT count(*) FROM "+table+" WHERE account_id = $1 AND NOT "+stays, a.ID)
		if all != want["billing."+table].Retained || due != 0 {
			i.t.Errorf("%s holds %d rows, %d of them past their time; %d must be kept", table, all, due, want["billing."+table].Retained)
		}
	}
	if n := len(i.objects(a.StoragePrefix)); n != 0 {
		i.t.Errorf("%d objects are left", n)
	}
	if n := i.correspondence(a.Email); n != 0 {
		i.t.Errorf("%d mails are left", n)
	}
}

// correspondence counts the mails from or to an address in the company's mailbox.
func (i installation) correspondence(address string) int64 {
	i.t.Helper()
	n := int64(0)
	for _, folder := range soffiah.Folders() {
		files, err := i.Mail.Messages(soffiah.PrivacyAddress, folder)
		if err != nil {
			i.t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				i.t.Fatal(err)
			}
			m, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				i.t.Fatal(err)
			}
			if strings.Contains(strings.ToLower(m.Header.Get("From")+m.Header.Get("To")+m.Header.Get("Cc")), address) {
				n++
			}
		}
	}
	return n
}

func (i installation) bucket() *minio.Client {
	i.t.Helper()
	c, err := minio.New(i.Objects.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(i.Objects.AccessKey(), i.Objects.SecretKey(), ""), Region: "us-east-1",
	})
	if err != nil {
		i.t.Fatal(err)
	}
	return c
}

func (i installation) objects(prefix string) []string {
	i.t.Helper()
	var keys []string
	for o := range i.bucket().ListObjects(i.t.Context(), soffiah.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			i.t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// imageLink is a link to an image as the application gives it out.
func (i installation) imageLink(a soffiah.Account) string {
	i.t.Helper()
	link, err := i.bucket().PresignedGetObject(i.t.Context(), soffiah.Bucket, i.objects(a.StoragePrefix)[0], time.Hour, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	return link.String()
}

func status(t *testing.T, link string) int {
	t.Helper()
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

var shownReference = regexp.MustCompile(`H-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// fileInPortal fills the public form in and sends it, as a browser without
// scripts would, and returns the reference that the receipt shows.
func (i installation) fileInPortal(a soffiah.Account) string {
	i.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		i.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	page, err := browser.Get(i.Config.Public.URL + "/?lang=" + a.Language)
	if err != nil {
		i.t.Fatal(err)
	}
	form := i.hidden(page)
	for name, value := range map[string]string{
		"right": string(dsr.Erasure), "account_name": a.AccountName, "email": a.Email, "business_id": a.BusinessID,
		"mailing_address": a.MailingAddress, "name": a.FullName, "message": "Please.\r\nThank you.",
	} {
		form.Set(name, value)
	}
	received, err := browser.PostForm(i.Config.Public.URL+"/requests", form)
	if err != nil {
		i.t.Fatal(err)
	}
	text := i.read(received)
	reference := shownReference.FindString(text)
	if received.StatusCode != http.StatusOK || reference == "" {
		i.t.Fatalf("the portal answered %d without a reference", received.StatusCode)
	}
	return reference
}

func (i installation) read(res *http.Response) string {
	i.t.Helper()
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		i.t.Fatal(err)
	}
	return b.String()
}

// hidden returns the hidden fields of the form on a page.
func (i installation) hidden(page *http.Response) url.Values {
	i.t.Helper()
	fields := url.Values{}
	root, err := html.Parse(strings.NewReader(i.read(page)))
	if err != nil {
		i.t.Fatal(err)
	}
	for n := range root.Descendants() {
		attrs := map[string]string{}
		for _, a := range n.Attr {
			attrs[a.Key] = a.Val
		}
		if n.Data == "input" && attrs["type"] == "hidden" {
			fields.Set(attrs["name"], attrs["value"])
		}
	}
	if len(fields) == 0 {
		i.t.Fatal("the form has no hidden fields")
	}
	return fields
}

// checkCertificate verifies the certificate with the key of this installation.
func (i installation) checkCertificate(d dsr.Details) {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	document, err := c.Certificate(i.t.Context(), d.Reference)
	if err != nil {
		i.t.Fatal(err)
	}
	master, err := app.LoadMaster(i.Config)
	if err != nil {
		i.t.Fatal(err)
	}
	public, ok := master.SigningKey().Public().(ed25519.PublicKey)
	if !ok {
		i.t.Fatal("the signing key is of another kind")
	}
	certificate, err := audit.Verify(document, public)
	if err != nil {
		i.t.Fatal(err)
	}
	if certificate.RequestID != d.ID || certificate.Outcome != d.Outcome {
		i.t.Errorf("the certificate is about %s, %s", certificate.RequestID, certificate.Outcome)
	}
	if diff := cmp.Diff(actual(d.Stores), actual(certificate.Stores)); diff != "" {
		i.t.Errorf("the certificate says something else (-request +certificate):\n%s", diff)
	}
	if _, err := audit.Verify(bytes.Replace(document, []byte(d.Reference), []byte("H-0000-0000"), 1), public); err == nil {
		i.t.Error("a changed certificate verifies")
	}
}

// checkAnswer looks for everything that is kept, with its end, in the answer.
func (i installation) checkAnswer(a soffiah.Account, d dsr.Details) {
	i.t.Helper()
	answer := i.await(a, d.Reference, mailout.Answer)
	if got, want := answer.Header.Get("X-Habeas-Instance"), query[string](i.t, i.ownURL(), "SELECT id::text FROM installation"); got != want {
		i.t.Errorf("the mail is marked as of installation %q, want %q", got, want)
	}
	// Long items of a list go on in the next line, indented.
	text := regexp.MustCompile(`\r?\n  `).ReplaceAllString(answer.Text, " ")
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		i.t.Fatal(err)
	}
	for _, r := range d.Stores {
		if r.RowsRetained == 0 {
			continue
		}
		until := r.RetainedUntil.In(zone).Format("2 January 2006")
		line := regexp.MustCompile(`(?m)^.*` + regexp.QuoteMeta(until) + `.*$`).FindString(text)
		if r.Basis == "" || !strings.Contains(line, r.Basis) {
			i.t.Errorf("the answer does not say that %s is kept until %s and on which basis", r.Collection, until)
		}
	}
}

// checkDuties looks at what is to happen after the answer.
func (i installation) checkDuties(a soffiah.Account, d dsr.Details) {
	i.t.Helper()
	count := func(kind string) int {
		return query[int](i.t, i.ownURL(), "SELECT count(*) FROM duty WHERE request_id = $1 AND kind = $2 AND done_at IS NULL", d.ID, kind)
	}
	if r, b, e := count("residual"), count("read_back"), count("evidence"); r != 1 || b != 4*2 || e != 1 {
		i.t.Errorf("duties: %d residual, %d read_back, %d evidence", r, b, e)
	}
	// The first row that may go is the one whose time ends first.
	first := query[time.Time](i.t, i.billingURL(), `SELECT min(due)::timestamptz FROM (
		SELECT collected_at + interval '5 years' AS due FROM billing_accounts WHERE account_id = $1
		UNION ALL SELECT paid_at + interval '5 years' FROM payments WHERE account_id = $1
		UNION ALL SELECT make_date(extract(year FROM issued_at)::int + 11, 1, 1) FROM invoices WHERE account_id = $1) AS kept`, a.ID)
	due := query[time.Time](i.t, i.ownURL(), "SELECT due_at FROM duty WHERE request_id = $1 AND kind = 'residual'", d.ID)
	if gap := due.Sub(first).Abs(); gap > 26*time.Hour {
		i.t.Errorf("what must be kept is erased at %s, its first row is due at %s", due, first)
	}
	evidence := query[time.Time](i.t, i.ownURL(), "SELECT due_at FROM duty WHERE request_id = $1 AND kind = 'evidence'", d.ID)
	if want := d.EndedAt.AddDate(3, 0, 0); evidence.Sub(want).Abs() > 26*time.Hour {
		i.t.Errorf("the evidence is destroyed at %s in place of %s", evidence, want)
	}
}
