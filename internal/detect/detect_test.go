package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/soffiah/habeas/internal/detect"
)

var now = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

func TestByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]detect.Kind{
		"t.email": detect.Email, "t.EMailAddress": detect.Email, "t.contact_email": detect.Email, "t.email2": detect.Email, "t.customerEmail": detect.Email,
		"t.email_verified": "", "t.mail_template": "", "t.email_id": "", "t.mail_sent_at": "", "t.email_count": "",
		"t.phone": detect.Phone, "t.mobile_number": detect.Phone, "t.Telefon": detect.Phone, "t.phone_type": "",
		"t.ip_address": detect.IP, "t.lastLoginIP": detect.IP, "t.IPAddress": detect.IP, "t.shipping": "", "t.zip": detect.PostalCode,
		"t.iban": detect.IBAN, "t.card_number": detect.Card, "t.ccn": detect.Card, "t.discard": "",
		"t.date_of_birth": detect.BirthDate, "t.Geburtsdatum": detect.BirthDate, "t.date_de_naissance": detect.BirthDate, "t.created_at": "",
		"t.first_name": detect.FirstName, "t.Nachname": detect.LastName, "t.full_name": detect.Name, "t.prenom": detect.FirstName, "t.apellidos": detect.LastName,
		"products.name": "", "customers.name": detect.Name, "app_users.name": detect.Name, "t.filename": "", "t.country_name": "",
		"t.username": detect.Username, "t.street": detect.Address, "t.address_line1": detect.Address, "t.address_id": "", "t.email_address": detect.Email, "t.city": detect.City,
		"t.password_hash": detect.Password, "t.ssn": detect.GovernmentID, "t.vat_id": detect.GovernmentID, "t.gender": detect.Gender, "t.device_id": detect.Device,
		"t.user_agent": detect.Device, "t.latitude": detect.Location, "t.plate": "", "t.sku": "", "t.": "", "t.status": "",
	} {
		table, column, _ := strings.Cut(name, ".")
		got, ok := detect.ByName(table, column)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if ok && got.Category() == "" {
			t.Errorf("%s: %q has no category", name, got)
		}
	}
}

func TestByValue(t *testing.T) {
	t.Parallel()
	var births, stamps, orders []string
	for i := range 40 {
		births = append(births, fmt.Sprintf("%d-0%d-1%d", 1940+i, 1+i%9, i%10))
		stamps = append(stamps, fmt.Sprintf("202%d-05-1%d 10:00:00", i%6, i%10))
		orders = append(orders, fmt.Sprintf("%08d", 10_000_000+i*7919))
	}
	for name, test := range map[string]struct {
		values []string
		want   detect.Kind
	}{
		"mail addresses":       {[]string{"ada@example.org", "", "bob@example.co.uk"}, detect.Email},
		"one mail in a text":   {append(strings.Split(strings.Repeat("nothing to see,", 30), ","), "please write to Ada <ada@example.org>."), detect.Email},
		"an at sign":           {[]string{"3 @ 5 each", "x@y", "@handle"}, ""},
		"telephone numbers":    {[]string{"+33 1 23 45 67 89", "01 23 45 67 89", "+49 (0)30 1234567"}, detect.Phone},
		"numbers without sign": {orders, ""},
		"dates":                {[]string{"2024-05-03", "2024-05-04", "2024-05-05"}, ""},
		"IBANs":                {[]string{"FR14 2004 1010 0505 0001 3M02 606", "DE89370400440532013000"}, detect.IBAN},
		"a wrong IBAN":         {[]string{"DE88370400440532013000"}, ""},
		"cards":                {[]string{"4111 1111 1111 1111", "5500005555555559"}, detect.Card},
		"no cards":             {[]string{"4111111111111112", "1234567890123456"}, ""},
		"IP addresses":         {[]string{"192.0.2.7", "2001:db8::1", "198.51.100.1/32"}, detect.IP},
		"versions":             {[]string{"1.2.3", "2.0.1", "10.4"}, ""},
		"dates of birth":       {births, detect.BirthDate},
		"when it happened":     {stamps, ""},
		"addresses":            {[]string{"12 rue de la Paix, Paris", "7 Main Street", "Hauptstraße 5"}, detect.Address},
		"identifiers":          {[]string{"3f2504e0-4f89-11d3-9a0c-0305e82c3301", "7c9e6679-7425-40de-944b-e07fc1f90ae7"}, ""},
		"nothing":              {nil, ""},
	} {
		got, ok := detect.Column("things", "x", test.values, now)
		if ok != (test.want != "") || got.Kind != test.want || got.ByName {
			t.Errorf("%s: got %+v, want %q", name, got, test.want)
		}
	}
}

// TestValuesGoBeforeNames: a column may be named for something else than it holds.
func TestValuesGoBeforeNames(t *testing.T) {
	t.Parallel()
	got, ok := detect.Column("things", "username", []string{"ada@example.org", "bob@example.org", "eve"}, now)
	if want := (detect.Guess{Kind: detect.Email, Hits: 2, Of: 3}); !ok || got != want {
		t.Errorf("got %+v", got)
	}
	if got, ok := detect.Column("things", "username", []string{"ada", "bob"}, now); !ok || got != (detect.Guess{Kind: detect.Username, ByName: true}) {
		t.Errorf("got %+v", got)
	}
}

func FuzzColumn(f *testing.F) {
	for _, v := range []string{"ada@example.org", "FR14 2004 1010 0505 0001 3M02 606", "4111 1111 1111 1111", "+33 1 23 45 67 89", "::1", "2001-01-01", "(", "0", "ÄÖ"} {
		f.Add("t", "IPAddress2", v)
	}
	f.Fuzz(func(t *testing.T, table, column, value string) {
		g, ok := detect.Column(table, column, []string{value, value, value}, now)
		if ok && (g.Kind.Category() == "" || g.Hits > g.Of || !utf8.ValidString(string(g.Kind))) {
			t.Errorf("got %+v", g)
		}
	})
}
