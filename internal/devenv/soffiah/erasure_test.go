package soffiah_test

import (
	"io/fs"
	"path"
	"testing"

	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/imap"
	"github.com/soffiah/habeas/internal/store/postgres"
	"github.com/soffiah/habeas/internal/store/s3"
	"github.com/soffiah/habeas/internal/trace"

	example "github.com/soffiah/habeas/examples/soffiah"
)

// rules are the two of the policy that the data map names.
type rules struct{}

func (rules) Keep(id string) (store.Keep, bool) {
	keep, ok := map[string]store.Keep{
		"billing_data": {Rule: "billing_data", Period: "P5Y", Basis: "claims"},
		"invoices":     {Rule: "invoices", Period: "P10Y", FromYearEnd: true, Basis: "accounting"},
	}[id]
	return keep, ok
}

func dataMap(t *testing.T) *datamap.Map {
	t.Helper()
	names, err := fs.Glob(example.Files, "datasets/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[path.Base(name)], err = example.Files.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	m, err := datamap.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Complete(); err != nil {
		t.Fatal(err)
	}
	return m
}

// connect opens the company's stores by the dataset that describes each.
func connect(t *testing.T, s stack, c *soffiah.Company) map[string]store.Store {
	t.Helper()
	stores := map[string]store.Store{}
	keep := func(dataset string, opened store.Store, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		stores[dataset] = opened
	}
	app, err := postgres.Open(t.Context(), "app", c.AppURL, postgres.Options{})
	keep("soffiah_app", app, err)
	billing, err := postgres.Open(t.Context(), "billing", c.BillingURL, postgres.Options{})
	keep("soffiah_billing", billing, err)
	uploads, err := s3.Open("uploads", s3.Options{
		Endpoint: "http://" + s.objects.Endpoint(), AccessKey: s.objects.AccessKey(), SecretKey: s.objects.SecretKey(),
		Region: "us-east-1", Bucket: soffiah.Bucket,
	})
	keep("soffiah_uploads", uploads, err)
	mail, err := imap.Open("correspondence", imap.Options{
		Address: s.mail.IMAPAddr(), Username: soffiah.PrivacyAddress, Password: devenv.MailPassword,
		Security: imap.Insecure, Folders: soffiah.Folders(),
	})
	keep("soffiah_correspondence", mail, err)
	return stores
}

// The data map describes the company completely: every ordinary account can be
// erased by it, and nothing of anybody else changes.
func TestDataMapErasesAccounts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	s := start(t, t.TempDir())
	c := s.seed(t, soffiah.Options{Now: day, Accounts: 16})
	m, stores := dataMap(t), connect(t, s, c)
	for key, st := range stores {
		var mine []*datamap.Collection
		for _, collection := range m.Collections() {
			if collection.Dataset.Key == key {
				mine = append(mine, collection)
			}
		}
		faults, err := st.Check(t.Context(), mine)
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", key, faults, err)
		}
	}
	for _, d := range m.Datasets {
		requireAgreement(t, m, d, stores[d.Key])
	}
	for i := range c.Accounts() - 3 {
		erase(t, c, c.Account(i), m, stores)
	}
}

// requireAgreement requires that a store, where it describes itself, says nothing
// against the map: with the rights that the company gives Habeas, and no more.
func requireAgreement(t *testing.T, m *datamap.Map, d *datamap.Dataset, s store.Store) {
	t.Helper()
	r, ok := s.(catalogue.Reader)
	if !ok {
		return
	}
	found, err := catalogue.Compare(t.Context(), m, d, d.Key, r, day)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Logf("%+v", f)
		if f.Level == catalogue.Error {
			t.Error("the store contradicts the map")
		}
	}
}

// erase erases one account and reads back.
func erase(t *testing.T, c *soffiah.Company, a soffiah.Account, m *datamap.Map, stores map[string]store.Store) {
	t.Helper()
	before, err := c.Fingerprint(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := trace.Trace(t.Context(), m, stores, rules{}, trace.Subject{Identities: map[string][]string{"email": {a.Email}, "account_name": {a.AccountName}}})
	if err != nil {
		t.Fatal(err)
	}
	for key, st := range stores {
		var mine []store.Target
		for _, target := range targets {
			if target.Address.Dataset == key {
				mine = append(mine, target)
			}
		}
		tallies, err := st.Erase(t.Context(), mine, day, store.Watch{})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if a == c.Subject() {
			for _, tally := range tallies {
				t.Logf("%-40s %5d found %5d erased %5d anonymised %5d kept", tally.Address, tally.Matched, tally.Erased, tally.Anonymised, tally.Retained)
			}
		}
		if tallies, err = st.Verify(t.Context(), mine, day); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for _, tally := range tallies {
			if tally.Residual != 0 {
				t.Errorf("%s: %d left", tally.Address, tally.Residual)
			}
		}
	}
	after, err := c.Fingerprint(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if after != before {
		t.Error("something of another person changed")
	}
}
