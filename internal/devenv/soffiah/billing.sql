-- The billing database of Soffiah. What must be kept here names the company
-- and its accounting, never the person who holds the account.

CREATE TABLE billing_accounts (
	id                    uuid PRIMARY KEY,
	account_id            uuid NOT NULL UNIQUE,
	accounting_reference  text NOT NULL UNIQUE,
	legal_name            text NOT NULL,
	vat_id                text NOT NULL,
	billing_address       text NOT NULL,
	accounting_email      text NOT NULL,
	processor_customer_id text NOT NULL UNIQUE,
	updated_at            timestamptz NOT NULL,
	collected_at          timestamptz NOT NULL
);

CREATE TABLE invoices (
	id                 uuid PRIMARY KEY,
	number             text NOT NULL UNIQUE,
	account_id         uuid NOT NULL,
	billing_account_id uuid REFERENCES billing_accounts ON DELETE SET NULL,
	legal_name         text NOT NULL,
	vat_id             text NOT NULL,
	billing_address    text NOT NULL,
	amount_cents       bigint NOT NULL,
	currency           text NOT NULL,
	issued_at          date NOT NULL
);
CREATE INDEX invoices_account_id ON invoices (account_id);
CREATE INDEX invoices_billing_account_id ON invoices (billing_account_id);

CREATE TABLE payments (
	id                   uuid PRIMARY KEY,
	account_id           uuid NOT NULL,
	invoice_id           uuid NOT NULL REFERENCES invoices,
	processor_payment_id text NOT NULL UNIQUE,
	method               text NOT NULL,
	amount_cents         bigint NOT NULL,
	paid_at              date NOT NULL
);
CREATE INDEX payments_account_id ON payments (account_id);
CREATE INDEX payments_invoice_id ON payments (invoice_id);
