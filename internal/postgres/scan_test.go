package postgres_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/store"
)

// dump returns every row of every table as text; bytea stands in it as hex.
func (b *bench) dump() string {
	b.t.Helper()
	rows, err := b.SQL.Query(b.t.Context(), `SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	must(b.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(b.t, err)
	var all strings.Builder
	for _, table := range tables {
		rows, err := b.SQL.Query(b.t.Context(), `SELECT t::text FROM `+table+` t`)
		must(b.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(b.t, err)
		all.WriteString(table + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return strings.ToLower(all.String())
}

// forms returns a value as it is and as encodings write it, in lower case.
func forms(value string) map[string]string {
	all := map[string]string{"clear": value, "percent": url.QueryEscape(value), "hex": hex.EncodeToString([]byte(value))}
	for shift := range 3 {
		// The first and the last characters depend on the neighbours.
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("?", shift) + value))
		all[name("base64 at %d", shift)] = text[(8*shift+5)/6 : len(text)-2]
	}
	for what, text := range all {
		all[what] = strings.ToLower(text)
		all[what+" in a bytea"] = hex.EncodeToString([]byte(text))
	}
	return all
}

// findNowhere looks for values in the whole database.
func (b *bench) findNowhere(values ...string) {
	b.t.Helper()
	dump := b.dump()
	for _, value := range values {
		for how, text := range forms(value) {
			if at := strings.Index(dump, text); at >= 0 {
				b.t.Errorf("%q is in the database (%s): …%s…", value, how, dump[max(0, at-60):min(len(dump), at+60)])
			}
		}
	}
}

// TestTheScanFinds makes sure that the scan would notice.
func TestTheScanFinds(t *testing.T) {
	b := setup(t)
	must(t, b.exec(`CREATE TABLE leak (a text, b bytea)`))
	const value = "canary-of-the-scan"
	for _, insert := range []string{
		`INSERT INTO leak (a) VALUES ('xx' || $1)`, `INSERT INTO leak (a) VALUES (upper($1))`, `INSERT INTO leak (b) VALUES (convert_to($1, 'UTF8'))`,
		`INSERT INTO leak (a) VALUES (encode(convert_to('x' || $1, 'UTF8'), 'base64'))`, `INSERT INTO leak (b) VALUES (convert_to(encode(convert_to($1, 'UTF8'), 'base64'), 'UTF8'))`,
	} {
		must(t, b.exec(insert, value))
		dump, found := b.dump(), false
		for _, text := range forms(value) {
			found = found || strings.Contains(dump, text)
		}
		if !found {
			t.Errorf("not found after %s", insert)
		}
		must(t, b.exec(`TRUNCATE leak`))
	}
}

// personal are the values of the lifecycle below, by a part that no encoding cuts.
func personal() []string {
	var all []string
	for _, what := range []string{
		"mail", "subject", "text", "html", "name", "message", "account", "email", "business", "address", "raw", "fresh", "words", "reason", "target", "duty", "incident", "answer",
	} {
		all = append(all, "canary-"+what)
	}
	return append(all, "canary-", "lumiere.example")
}

// live carries a request through everything that is ever recorded of one, and
// returns its id. It ends completed, with an evidence duty and a residual duty.
func (b *bench) live() string {
	b.t.Helper()
	t := b.t
	receipt, err := b.CreateRequest(t.Context(), newRequest(b.Now(), intake(canary("key"))))
	must(t, err)
	id := receipt.RequestID
	b.sendAll()
	b.take(id, record.Step{Name: "identified", Event: dsr.EventIdentified, To: dsr.Identifying, Account: &dsr.Account{
		Email: canary("email"), AccountName: canary("account"), Name: canary("name"), Identities: map[string][]string{"email": {canary("email")}}, Key: map[string]string{"id": canary("target")},
	}})
	m := asking(mailout.Confirmation, id, b.Now())
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.AwaitingConfirmation, Mails: []record.NewMail{m}})
	b.sendAll()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 1}, inbound(id, 1, "confirm"), inbound("", 2, "not_for_us"))
	b.take(id, record.Step{Name: "confirmed", Event: dsr.EventConfirmed, To: dsr.Planning})
	plan := b.plan(id)
	decision := dsr.Decision{ID: uuid.NewString(), Action: dsr.Approve, About: plan.ID, Actor: "the approver", Reason: canary("reason")}
	must(t, b.RecordDecision(t.Context(), id, decision))
	must(t, b.SettleDecision(t.Context(), decision.ID, true, nil))
	_, err = b.RecordIncident(t.Context(), id, "erase", "store_blocked", canary("incident"))
	must(t, err)
	_, err = b.RecordIncident(t.Context(), "", "watch", "unavailable", canary("incident"))
	must(t, err)
	b.take(id, record.Step{Name: "erasing", Event: dsr.EventErasing, To: dsr.Erasing, OnPlan: plan.ID})
	must(t, b.SaveResults(t.Context(), id, results(b.Now())))
	b.take(id, record.Step{Name: "verifying", Event: dsr.EventVerifying, To: dsr.Verifying})
	must(t, b.Certify(t.Context(), id, b.certified(id)))
	b.sendAll()
	b.take(id, record.Step{Name: "completed", Event: dsr.EventCompleted, To: dsr.Completed})
	return id
}

func targets(what string) map[string][]store.Target {
	return map[string][]store.Target{"app": {{Treatment: dsr.Delete, Matches: []store.Match{{Field: "email", Values: []any{canary(what)}}}}}}
}

// plan saves a plan over one store.
func (b *bench) plan(id string) record.Plan {
	b.t.Helper()
	p := record.Plan{
		ID: uuid.NewString(), PolicyVersion: "2026-01-15", PolicyDigest: "policy", MapDigest: "map", Targets: targets("target"),
		Lines: []dsr.PlanLine{{Store: "app", Collection: "posts", Action: dsr.Delete, Categories: []string{"user.content"}, RowsMatched: 3, RowsToErase: 3}},
	}
	must(b.t, b.SavePlan(b.t.Context(), id, p))
	return p
}

func results(at time.Time) []dsr.StoreResult {
	at = at.Truncate(time.Microsecond)
	return []dsr.StoreResult{
		{Store: "app", Collection: "posts", Action: dsr.Delete, RowsMatched: 3, RowsErased: 3, VerifiedAt: &at},
		{Store: "billing", Collection: "invoices", Action: dsr.Retain, RowsMatched: 2, RowsRetained: 2, RetainedUntil: &at, Basis: "the law", VerifiedAt: &at},
	}
}

// certified ends an erasure; evidence goes after a year, what must be kept after two.
func (b *bench) certified(id string) record.Certified {
	now := b.Now()
	return record.Certified{
		Results: results(now), IssuedAt: now, Outcome: dsr.ErasedWithRetained, Answer: mail(mailout.Answer, now),
		Document: func(events []dsr.Event) ([]byte, error) {
			return audit.Sign(audit.Certificate{Kind: audit.CertificateKind, RequestID: id, Events: events}, b.Master.SigningKey())
		},
		Duties: []record.NewDuty{
			{Kind: record.Residual, Store: "billing", DueAt: now.AddDate(2, 0, 0), Targets: targets("duty")["app"]},
			{Kind: record.Evidence, DueAt: now.AddDate(1, 0, 0)},
		},
	}
}

// TestNoPersonalValueInTheDatabase: what is personal is sealed, from the first
// row to the last; and once its evidence is destroyed it opens no more.
func TestNoPersonalValueInTheDatabase(t *testing.T) {
	b := setup(t)
	id := b.live()
	d, err := b.Show(t.Context(), id, true)
	must(t, err)
	if d.Intake == nil || d.Intake.Message != canary("message") || d.Decisions[0].Reason != canary("reason") || d.Replies[0].Text != canary("fresh") {
		t.Errorf("what was recorded does not open: %+v", d)
	}
	b.findNowhere(personal()...)
}
