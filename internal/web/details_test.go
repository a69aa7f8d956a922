package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/soffiah/habeas/internal/dsr"
)

// detailsForm loads the form and fills it in.
func detailsForm(b *bench, fields ...string) sent {
	b.t.Helper()
	page := b.do(b.public, "GET", "/details/"+formToken, "")
	if page.StatusCode != http.StatusOK {
		b.t.Fatalf("the form: %d", page.StatusCode)
	}
	values := url.Values{"form": {token(page.body)}, "lang": {"fr"}}
	for n := 0; n+1 < len(fields); n += 2 {
		values.Set(fields[n], fields[n+1])
	}
	return sent{values.Encode(), []string{"Content-Type", formType, "Cookie", cookies(page)}}
}

func lacking(t *testing.T, wanted ...string) *bench {
	t.Helper()
	b := setup(t)
	b.fake.wanted = wanted
	return b
}

// The form asks for what is missing and for nothing else, in every language.
func TestDetailsFormAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := lacking(t, "account_name", "mailing_address")
	for lang, title := range map[string]string{"en": "One more detail", "fr": "Il nous manque une précision", "de": "Noch eine Angabe", "es": "Nos falta un dato"} {
		page := b.do(b.public, "GET", "/details/"+formToken+"?lang="+lang, "")
		for _, name := range dsr.RequirableFields() {
			if asked := strings.Contains(page.body, `name="`+name+`"`); asked != slices.Contains(b.fake.wanted, name) {
				t.Errorf("%s: %s is asked for: %v", lang, name, asked)
			}
		}
		if !strings.Contains(page.body, title) || !strings.Contains(page.body, `lang="`+lang+`"`) || strings.Contains(page.body, "<script") {
			t.Errorf("%s:\n%s", lang, page.body)
		}
		if page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" {
			t.Error("the address of the form may be told to others")
		}
	}
}

// What looks for harmful links loads pages, and sends what it finds on them.
func TestLinkScannerChangesNothing(t *testing.T) {
	t.Parallel()
	b := lacking(t, "account_name")
	for range 3 {
		b.do(b.public, "GET", "/details/"+formToken, "")
		b.do(b.public, "HEAD", "/details/"+formToken, "")
	}
	form := detailsForm(b)
	if got := b.do(b.public, "POST", "/details/"+formToken, form.body, form.headers...); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="account_name-error"`) {
		t.Errorf("an empty form: %d", got.StatusCode)
	}
	if len(b.fake.supplied) != 0 {
		t.Errorf("%v was taken in", b.fake.supplied)
	}
}

func TestDetailsFormIsTaken(t *testing.T) {
	t.Parallel()
	b := lacking(t, "account_name")
	form := detailsForm(b, "account_name", " lumiere ", "business_id", "")
	got := b.do(b.public, "POST", "/details/"+formToken, form.body, form.headers...)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/details/received?lang=fr" {
		t.Fatalf("%d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	if diff := cmp.Diff([]dsr.Elements{{AccountName: "lumiere"}}, b.fake.supplied); diff != "" {
		t.Error(diff)
	}
	if page := b.do(b.public, "GET", got.Header.Get("Location"), ""); !strings.Contains(page.body, "Merci") {
		t.Errorf("the page after:\n%s", page.body)
	}
}

// A form that has been answered, has expired or never was says so, and how to go on.
func TestDetailsFormThatIsNotOpen(t *testing.T) {
	t.Parallel()
	b := lacking(t, "account_name")
	form := detailsForm(b, "account_name", "lumiere")
	for _, token := range []string{strings.Repeat("b3", 13), "short", strings.Repeat("x", 300), strings.ToUpper(formToken)} {
		for _, method := range []string{"GET", "POST"} {
			got := b.do(b.public, method, "/details/"+token+"?lang=en", form.body, form.headers...)
			if got.StatusCode != http.StatusNotFound || method == "GET" && !strings.Contains(got.body, "This form is not open any more") {
				t.Errorf("%s %s: %d", method, token, got.StatusCode)
			}
		}
	}
	b.fake.err = dsr.ErrConflict // answered in another window meanwhile
	if got := b.do(b.public, "POST", "/details/"+formToken, form.body, form.headers...); got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusConflict {
		t.Errorf("answered meanwhile: %d", got.StatusCode)
	}
	if len(b.fake.supplied) > 1 {
		t.Errorf("%v was taken in", b.fake.supplied)
	}
}

// A form that does not come from our page, or too often, is not taken, and the
// person keeps what they wrote.
func TestDetailsFormIsGuarded(t *testing.T) {
	t.Parallel()
	b := lacking(t, "account_name")
	form := detailsForm(b, "account_name", "lumiere")
	got := b.do(b.public, "POST", "/details/"+formToken, form.body, "Content-Type", formType)
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, `value="lumiere"`) || len(b.fake.supplied) != 0 {
		t.Errorf("without its cookie: %d, taken in %v", got.StatusCode, b.fake.supplied)
	}
}

func TestTeamCannotChangeTheAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for body, status := range map[string]int{
		`{"account_name":"Atelier"}`: http.StatusOK, `{"email":"other@example.org"}`: http.StatusUnprocessableEntity,
		`{}`: http.StatusUnprocessableEntity, `{"account_name":"` + strings.Repeat("x", 201) + `"}`: http.StatusUnprocessableEntity,
		`{"surname":"x"}`: http.StatusBadRequest,
	} {
		if got := b.do(b.team, "POST", "/api/v1/requests/req-1/details", body, as("handler")...); got.StatusCode != status {
			t.Errorf("%s: %d, want %d\n%s", body, got.StatusCode, status, got.body)
		}
	}
}
