package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/sandbox"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// TestPreview: what a preview says line by line is what the approver of a request
// of the same person gets to sign; it changes nothing, neither of the person's nor
// of others; and the rows that it shows hold no secret.
func TestPreview(t *testing.T) {
	i := install(t, sandbox.Options{Policy: func(policy map[string]any) { policy["approval"] = map[string]any{"erasure": true} }})
	stop := i.run()
	a := i.Company.Subject()
	receipt := i.file(a)
	i.confirm(a, i.await(a, receipt.Reference, mailout.Confirmation))
	signed := i.follow(receipt.RequestID, time.Minute, dsr.AwaitingApproval)
	stop()

	p, err := app.OpenPreview(t.Context(), i.Config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if slices.ContainsFunc(p.Modes, func(m app.StoreMode) bool { return m.Mode != "enabled" }) {
		t.Errorf("modes %v", p.Modes)
	}
	before := i.everything(a)
	who, candidates, err := p.Subjects(t.Context(), map[string]string{"email": a.Email, "account_name": a.AccountName})
	if err != nil || len(who) != 1 || candidates != 1 {
		t.Fatalf("%d subjects of %d candidates, %v", len(who), candidates, err)
	}
	for _, right := range plan.Rights() {
		made, err := p.Make(t.Context(), p.Policy, right, who[0])
		if err != nil {
			t.Fatal(err)
		}
		for n, l := range made.Lines {
			if l.RowsMatched != signed.Plan[n].RowsMatched || right != dsr.Erasure && l.RowsChanged() > 0 {
				t.Errorf("%s: %+v", right, l)
			}
		}
		if right != dsr.Erasure {
			continue
		}
		if diff := cmp.Diff(signed.Plan, made.Lines); diff != "" {
			t.Errorf("what is signed differs from what was shown (-signed +shown):\n%s", diff)
		}
		for name, targets := range made.Targets {
			for _, target := range targets {
				i.noSecret(p, name, target, a)
			}
		}
	}
	if i.everything(a) != before {
		t.Error("something has changed")
	}
}

// everything is a fingerprint of the person's data and of all others'.
func (i installation) everything(a soffiah.Account) string {
	i.t.Helper()
	all := ""
	for _, except := range []string{a.ID, i.Company.Account(1).ID} {
		sum, err := i.Company.Fingerprint(i.t.Context(), except)
		if err != nil {
			i.t.Fatal(err)
		}
		all += sum
	}
	return all
}

// noSecret looks at the rows of a target as a preview shows them.
func (i installation) noSecret(p *app.Preview, name string, target store.Target, a soffiah.Account) {
	i.t.Helper()
	var rows storetest.Rows
	more, err := p.Rows(i.t.Context(), name, target, 3, &rows)
	if err != nil || len(rows.Values) > 3 || more && len(rows.Values) < 3 {
		i.t.Errorf("%s: %d rows, %v", target.Address, len(rows.Values), err)
	}
	for _, c := range rows.Columns {
		if target.Collection.Field(c.Field).Secret {
			i.t.Errorf("%s: %s was shown", target.Address, c.Field)
		}
	}
	if target.Address == (datamap.Address{Dataset: "soffiah_app", Collection: "accounts"}) && fmt.Sprint(rows.Of("email")) != fmt.Sprint([]string{a.Email}) {
		i.t.Errorf("accounts: got %d rows of another account", len(rows.Values))
	}
}
