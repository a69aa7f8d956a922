package detect

import (
	"slices"
	"strings"
	"unicode"
)

// rule is names that speak for a kind, in words joined by "_". A name speaks for
// it if it holds one of them as whole words in a row.
type rule struct {
	kind  Kind
	names []string
}

// rules are tried in this order: an e-mail address is no postal address.
var rules = []rule{
	{Password, []string{"password", "passwd", "pwd", "passwort", "mot_de_passe", "contrasena", "password_hash", "totp", "otp_secret", "mfa_secret", "two_factor_secret", "session_token", "access_token", "refresh_token", "api_key", "token_hash"}},
	{IP, []string{"ip", "ip_addr", "ip_address", "ipv4", "ipv6", "remote_addr", "client_ip", "adresse_ip"}},
	{Email, []string{"email", "e_mail", "mail", "courriel", "correo", "email_address", "mail_address"}},
	{Device, []string{"user_agent", "useragent", "device_id", "mac_address", "mac_addr", "imei", "idfa", "cookie_id", "fingerprint"}},
	{Phone, []string{"phone", "telephone", "mobile", "cell", "cellphone", "fax", "tel", "msisdn", "handy", "telefon", "mobil", "portable", "telefono", "movil", "phone_number"}},
	{IBAN, []string{"iban", "bic_iban", "bank_account", "bank_account_number", "kontonummer", "cuenta_bancaria"}},
	{Card, []string{"card_number", "credit_card", "creditcard", "ccn", "cc_number", "card_no", "carte_bancaire", "kreditkarte", "tarjeta"}},
	{BirthDate, []string{"birth_date", "birthdate", "date_of_birth", "dob", "birthday", "born", "geburtsdatum", "geburtstag", "date_de_naissance", "date_naissance", "naissance", "fecha_nacimiento", "nacimiento"}},
	{FirstName, []string{"first_name", "firstname", "given_name", "givenname", "forename", "prenom", "vorname", "middle_name"}},
	{LastName, []string{"last_name", "lastname", "surname", "family_name", "familyname", "maiden_name", "nom_de_famille", "nachname", "apellido", "apellidos"}},
	{Username, []string{"username", "user_name", "login", "login_name", "account_name", "nickname", "nick", "screen_name", "pseudo", "benutzername", "usuario"}},
	{Name, []string{"full_name", "fullname", "display_name", "contact_name", "customer_name", "person_name", "recipient_name", "cardholder", "card_holder", "cardholder_name", "holder_name", "real_name", "legal_name", "patient_name", "nom_complet", "nombre_completo"}},
	{PostalCode, []string{"zip", "zipcode", "zip_code", "postcode", "post_code", "postal_code", "postalcode", "plz", "postleitzahl", "code_postal", "codigo_postal"}},
	{City, []string{"city", "town", "ville", "stadt", "ort", "ciudad"}},
	{Address, []string{"address", "street", "street_address", "address_line", "adresse", "strasse", "rue", "direccion", "calle", "house_number", "hausnummer"}},
	{GovernmentID, []string{"ssn", "social_security", "social_security_number", "passport", "passport_number", "national_id", "tax_id", "tin", "nif", "dni", "nino", "steuernummer", "vat_id", "vat_number", "driver_license", "drivers_license", "driving_licence", "numero_securite_sociale"}},
	{Gender, []string{"gender", "sex", "geschlecht", "sexe", "genero"}},
	{Location, []string{"latitude", "longitude", "lat", "lng", "lon", "geo", "geolocation", "gps"}},
}

// people are words of names of tables whose rows are persons: there a plain
// "name" is a person's.
var people = []string{
	"user", "users", "customer", "customers", "client", "clients", "person", "persons", "people", "employee", "employees", "contact", "contacts",
	"member", "members", "patient", "patients", "account", "accounts", "subscriber", "subscribers", "guest", "guests", "lead", "leads",
	"author", "authors", "candidate", "candidates", "student", "students", "kunde", "kunden", "mitarbeiter", "utilisateur", "utilisateurs",
	"personne", "personnes", "cliente", "clientes", "usuario", "usuarios", "empleado", "empleados",
}

// about are last words of names that are about a thing and not the thing itself.
var about = []string{
	"id", "ids", "count", "type", "status", "format", "template", "subject", "verified", "confirmed", "enabled", "disabled",
	"at", "sent", "optin", "opt_in", "consent", "length", "version", "provider", "preference", "preferences",
}

// ByName guesses from the names of table and column alone.
func ByName(table, column string) (Kind, bool) {
	words := split(column)
	if len(words) == 0 {
		return "", false
	}
	joined := "_" + strings.Join(words, "_") + "_"
	for _, r := range rules {
		for _, name := range r.names {
			// A device's or a government's id is one.
			if strings.Contains(joined, "_"+name+"_") && (len(words) == 1 || strings.HasSuffix(joined, "_"+name+"_") || !slices.Contains(about, words[len(words)-1])) {
				return r.kind, true
			}
		}
	}
	if joined == "_name_" || joined == "_nom_" || joined == "_nombre_" {
		return Name, slices.ContainsFunc(split(table), func(w string) bool { return slices.Contains(people, w) })
	}
	return "", false
}

// split returns the words of a name in lower case: parts between other characters
// than letters and digits, and those that begin with a capital.
func split(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && unicode.IsLower(runes[i-1]):
			end()
		case unicode.IsUpper(r) && i > 0 && i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1]):
			end() // IPAddress
		case unicode.IsDigit(r) && i > 0 && unicode.IsLetter(runes[i-1]) && !strings.HasSuffix(strings.ToLower(string(word)), "ipv"):
			end() // phone2
		}
		word = append(word, r)
	}
	end()
	return words
}
