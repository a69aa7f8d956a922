// Package detect recognises columns that hold personal data, by their names and by
// a sample of their values. It guesses: a person decides. It keeps no value and
// returns none.
//
// Names are read in English, French, German and Spanish. Of values only those
// forms are known that tell by themselves what they are: a checksum (IBAN, card),
// a grammar (mail address, IP address) or a form that hardly anything else has.
package detect

import (
	"time"
)

// Kind is a kind of personal data.
type Kind string

// The kinds that are recognised.
const (
	Email        Kind = "e-mail address"
	Phone        Kind = "telephone number"
	IBAN         Kind = "bank account (IBAN)"
	Card         Kind = "payment card number"
	IP           Kind = "IP address"
	BirthDate    Kind = "date of birth"
	Name         Kind = "name of a person"
	FirstName    Kind = "first name"
	LastName     Kind = "last name"
	Username     Kind = "account name"
	Address      Kind = "postal address"
	PostalCode   Kind = "postal code"
	City         Kind = "city"
	GovernmentID Kind = "official number"
	Password     Kind = "password or secret"
	Gender       Kind = "gender"
	Device       Kind = "device"
	Location     Kind = "location"
)

// Category returns the data category of the fideslang taxonomy for a kind.
func (k Kind) Category() string {
	return map[Kind]string{
		Email: "user.contact.email", Phone: "user.contact.phone_number", IBAN: "user.financial.bank_account",
		Card: "user.financial.credit_card", IP: "user.device.ip_address", BirthDate: "user.demographic.date_of_birth",
		Name: "user.name", FirstName: "user.name.first", LastName: "user.name.last", Username: "user.account.username",
		Address: "user.contact.address.street", PostalCode: "user.contact.address.postal_code", City: "user.contact.address.city",
		GovernmentID: "user.government_id", Password: "user.authorization.password", Gender: "user.demographic.gender",
		Device: "user.device", Location: "user.location.precise",
	}[k]
}

// Guess says what a column seems to hold, and why.
type Guess struct {
	Kind Kind
	// ByName: its name says so. Else Hits of the Of values that were looked at do.
	ByName bool
	Hits   int
	Of     int
}

// Column guesses what a column of a table holds. values are texts of some of its
// rows; empty ones are ignored. What values show by a checksum or a grammar goes
// before what the name says. ok is false if nothing speaks for personal data.
func Column(table, column string, values []string, now time.Time) (guess Guess, ok bool) {
	if g, ok := byValue(values, now); ok {
		return g, true
	}
	kind, ok := ByName(table, column)
	return Guess{Kind: kind, ByName: ok}, ok
}
