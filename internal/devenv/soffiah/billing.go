package soffiah

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// billing holds the tables of the billing database in the order in which they
// can be filled.
type billing struct {
	accounts, invoices, payments table
	now                          time.Time
}

// newBilling makes all rows of the billing database. About every third account
// has never been billed.
func newBilling(seed uint64, accounts []Account, now time.Time) *billing {
	b := &billing{now: now}
	b.accounts = table{name: "billing_accounts", columns: []string{"id", "account_id", "accounting_reference", "legal_name", "vat_id", "billing_address", "accounting_email", "processor_customer_id", "updated_at", "collected_at"}}
	b.invoices = table{name: "invoices", columns: []string{"id", "number", "account_id", "billing_account_id", "legal_name", "vat_id", "billing_address", "amount_cents", "currency", "issued_at"}}
	b.payments = table{name: "payments", columns: []string{"id", "account_id", "invoice_id", "processor_payment_id", "method", "amount_cents", "paid_at"}}
	for _, a := range accounts {
		r := dice(seed^0xb111, a.index)
		if a.index != 0 && r.IntN(3) == 0 {
			continue
		}
		b.account(r, a)
	}
	return b
}

func (b *billing) tables() []table { return []table{b.accounts, b.invoices, b.payments} }

// account makes a billing account, an invoice for each month or quarter, and
// the payments.
func (b *billing) account(r *rand.Rand, a Account) {
	account := id(r)
	step := 3
	if a.index == 0 {
		step = 1
	}
	last := a.created
	for issued := a.created; issued.Before(b.now); issued = issued.AddDate(0, step, 0) {
		b.invoice(r, a, account, issued)
		last = issued
	}
	b.accounts.add(account, a.ID, fmt.Sprintf("411-%06d", a.index), a.CompanyName, a.vatID, a.billingAddress, a.accountingMail,
		fmt.Sprintf("cus_%x", id(r)), last, last)
}

func (b *billing) invoice(r *rand.Rand, a Account, account uuid.UUID, issued time.Time) {
	invoice, amount := id(r), int64(1900+100*r.IntN(80))
	number := fmt.Sprintf("F-%d-%05d", issued.Year(), len(b.invoices.rows)+1)
	b.invoices.add(invoice, number, a.ID, account, a.CompanyName, a.vatID, a.billingAddress, amount, "EUR", issued)
	paid := issued.AddDate(0, 0, r.IntN(30))
	if paid.Before(b.now) {
		b.payments.add(id(r), a.ID, invoice, fmt.Sprintf("pi_%x", id(r)), pick(r, []string{"card", "sepa_debit"}), amount, paid)
	}
}
