package dsr

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSupplement(t *testing.T) {
	t.Parallel()
	given := Elements{Email: "a@b.test", AccountName: "lumiere"}
	for name, c := range map[string]struct {
		details Elements
		correct bool
		want    Elements
		changed []string
	}{
		"what is missing":             {Elements{BusinessID: " FR 1 "}, false, Elements{Email: "a@b.test", AccountName: "lumiere", BusinessID: "FR 1"}, []string{"business_id"}},
		"what was given stays":        {Elements{AccountName: "other"}, false, given, nil},
		"what was given is corrected": {Elements{AccountName: "other"}, true, Elements{Email: "a@b.test", AccountName: "other"}, []string{"account_name"}},
		"the address always stays":    {Elements{Email: "x@y.test"}, true, given, nil},
		"nothing":                     {Elements{MailingAddress: "  "}, true, given, nil},
		"the same":                    {given, true, given, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := given
			if changed := got.Supplement(c.details, c.correct); got != c.want || !slices.Equal(changed, c.changed) {
				t.Errorf("%+v, changed %v", got, changed)
			}
		})
	}
}

func TestElementsAreChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		elements Elements
		required []string
		wrong    []string
	}{
		"all there":         {Elements{AccountName: "lumiere"}, []string{"account_name"}, nil},
		"one is missing":    {Elements{AccountName: "lumiere", BusinessID: " "}, []string{"account_name", "business_id"}, []string{"business_id"}},
		"nothing at all":    {Elements{}, nil, []string{"account_name"}},
		"too long":          {Elements{AccountName: strings.Repeat("x", 201)}, nil, []string{"account_name"}},
		"a hidden turn":     {Elements{MailingAddress: "a\u202eb"}, nil, []string{"mailing_address"}},
		"a line break":      {Elements{AccountName: "a\nb"}, nil, []string{"account_name"}},
		"no address at all": {Elements{Email: "a b"}, nil, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var invalid *InvalidInput
			var wrong []string
			if err := c.elements.Validate(c.required); errors.As(err, &invalid) {
				for _, f := range invalid.Fields {
					wrong = append(wrong, f.Field)
				}
			}
			if !slices.Equal(wrong, c.wrong) {
				t.Errorf("wrong are %v, want %v", wrong, c.wrong)
			}
		})
	}
}

// TestDetailsComeInTime: before the account is looked for, and while a person deals
// with the request by hand.
func TestDetailsComeInTime(t *testing.T) {
	t.Parallel()
	for _, s := range States() {
		for _, a := range []Attention{NoAttention, ManualRight, SeveralRights, DoubtfulMail, Unacknowledged, IdentityMismatch, UnclearReply} {
			want := s == Received || s == AwaitingDetails || s == AwaitingPerson && slices.Contains([]Attention{ManualRight, SeveralRights, DoubtfulMail, Unacknowledged}, a)
			if s.Supplementable(a) != want {
				t.Errorf("%s %q: %v", s, a, !want)
			}
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	in := Intake{Elements: Elements{Email: "a@b.test", AccountName: " "}, Message: "x"}
	if got := in.Missing([]string{"email", "account_name", "message", "name"}); !slices.Equal(got, []string{"account_name", "name"}) {
		t.Errorf("%v", got)
	}
}

// FuzzClean: whatever was written can be put into the field afterwards.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"Marie", "a\r\nb\tc", "\u202eevil\ufeff", strings.Repeat("é", 6000), "\xff\xfe", "  x  "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, field := range []string{"name", "message"} {
			got := Clean(field, s)
			var c check
			if c.text(field, got, field == "message"); c.err() != nil || !utf8.ValidString(got) {
				t.Errorf("%s: %q becomes %q: %v", field, s, got, c.err())
			}
		}
	})
}

func TestCleanKeepsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for field, texts := range map[string][2]string{
		"name": {" Dr. Renée\tO’Neill\r\n", "Dr. Renée O’Neill"}, "message": {"one\ntwo\u202e", "one\ntwo"},
	} {
		if got := Clean(field, texts[0]); got != texts[1] {
			t.Errorf("%s: %q, want %q", field, got, texts[1])
		}
	}
	if got := Clean("name", strings.Repeat("é", 300)); utf8.RuneCountInString(got) != MaxLength("name") {
		t.Errorf("%d characters", utf8.RuneCountInString(got))
	}
}
