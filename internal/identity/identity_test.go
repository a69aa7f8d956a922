package identity

import (
	"maps"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	onFile := map[string][]string{
		"email":           {"marie@lumiere.test"},
		"account_name":    {"Marie-L"},
		"business_id":     {"FR 83 404 833 048"},
		"mailing_address": {"12, rue de la Paix\n75002 PARIS"},
	}
	for name, tc := range map[string]struct {
		given dsr.Elements
		want  map[string]Finding
		fully bool
	}{
		"nothing given":           {dsr.Elements{}, map[string]Finding{}, false},
		"case and space":          {dsr.Elements{Email: " MARIE@Lumiere.test "}, map[string]Finding{"email": Agrees}, true},
		"identifier punctuation":  {dsr.Elements{BusinessID: "fr83404833048"}, map[string]Finding{"business_id": Agrees}, true},
		"postal spelling":         {dsr.Elements{MailingAddress: "12 Rue de la Paix 75002 Paris"}, map[string]Finding{"mailing_address": Agrees}, true},
		"full-width letters":      {dsr.Elements{AccountName: "Ｍarie-L"}, map[string]Finding{"account_name": Agrees}, true},
		"cyrillic look-alike":     {dsr.Elements{Email: "mаrie@lumiere.test"}, map[string]Finding{"email": Differs}, false},
		"plus address is another": {dsr.Elements{Email: "marie+x@lumiere.test"}, map[string]Finding{"email": Differs}, false},
		"one differs": {dsr.Elements{Email: "marie@lumiere.test", AccountName: "marie"},
			map[string]Finding{"email": Agrees, "account_name": Differs}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Compare(Elements(tc.given), onFile)
			if !maps.Equal(got, tc.want) || AgreesFully(got) != tc.fully {
				t.Errorf("Compare = %v (fully: %v), want %v (fully: %v)", got, AgreesFully(got), tc.want, tc.fully)
			}
		})
	}
	if got := Compare(map[string]string{"email": "a@b.test"}, nil); got["email"] != NotOnFile || AgreesFully(got) {
		t.Errorf("an account without an address: %v", got)
	}
}
