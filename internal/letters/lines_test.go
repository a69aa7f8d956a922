package letters_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
)

const dataMap = `dataset:
  - fides_key: company_app
    collections:
      - name: secret_accounts
        fields:
          - name: id
            data_categories: [user.unique_id]
            fides_meta: {primary_key: true, identity: account_name}
          - name: email
            data_categories: [user.contact.email]
          - name: phone
            data_categories: [user.contact.phone_number, user.contact.email]
      - name: secret_posts
        fields:
          - name: id
            data_categories: [user.content]
            fides_meta: {primary_key: true, identity: account_name}
      - name: secret_drafts
        fields:
          - name: id
            data_categories: [user.content]
            fides_meta: {primary_key: true, identity: account_name}
`

// TestResultsNameNoTables: a mail says which kinds of data went, never where they lay.
func TestResultsNameNoTables(t *testing.T) {
	t.Parallel()
	m, err := datamap.Load(map[string][]byte{"map.yml": []byte(dataMap)})
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2036, 12, 31, 0, 0, 0, 0, time.UTC)
	later := until.Add(5 * time.Hour) // the same day
	other := until.AddDate(1, 0, 0)
	erased, kept := letters.Results(m, map[string]string{"app": "company_app"}, []dsr.StoreResult{
		{Store: "app", Collection: "secret_accounts", Action: dsr.Delete, RowsMatched: 1, RowsErased: 1},
		{Store: "app", Collection: "secret_posts", Action: dsr.Delete, RowsMatched: 5, RowsErased: 3, RowsAnonymised: 2},
		{Store: "app", Collection: "secret_drafts", Action: dsr.Delete, RowsMatched: 4, RowsErased: 4},
		{Store: "app", Collection: "secret_posts", Action: dsr.Retain, RowsMatched: 2, RowsRetained: 2, RetainedUntil: &until, Basis: "the law"},
		{Store: "app", Collection: "secret_drafts", Action: dsr.Retain, RowsMatched: 3, RowsErased: 1, RowsRetained: 2, RetainedUntil: &later, Basis: "the law"},
		{Store: "app", Collection: "secret_drafts", Action: dsr.Retain, RowsMatched: 1, RowsRetained: 1, RetainedUntil: &other, Basis: "the law"},
		{Store: "app", Collection: "secret_posts", Action: dsr.Retain, RowsMatched: 1, RowsRetained: 1, RetainedUntil: &until, Basis: "another law"},
		{Store: "app", Collection: "secret_posts", Action: dsr.Retain, RowsMatched: 1, RowsRetained: 1, Basis: "another law"},
		{Store: "app", Collection: "secret_posts", Action: dsr.Leave, RowsMatched: 7, RowsRetained: 7},
		{Store: "app", Collection: "secret_accounts", Action: dsr.Delete},
		{Store: "gone", Collection: "secret_table", Action: dsr.Delete, RowsMatched: 1, RowsErased: 1},
	})
	want := []mailout.Line{{What: "user.contact.email", Rows: 1}, {What: "user.content", Rows: 10}, {What: "user", Rows: 1}}
	if diff := cmp.Diff(want, erased); diff != "" {
		t.Errorf("erased (-want +got)\n%s", diff)
	}
	want = []mailout.Line{
		{What: "user.content", Rows: 4, Until: &until, Basis: "the law"}, {What: "user.content", Rows: 1, Until: &other, Basis: "the law"},
		{What: "user.content", Rows: 1, Until: &until, Basis: "another law"}, {What: "user.content", Rows: 1, Basis: "another law"},
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept (-want +got)\n%s", diff)
	}
}
