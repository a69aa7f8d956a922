package mailout_test

import (
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
)

func TestCleanMessageID(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"<a.b-1@lumiere.test>": "a.b-1@lumiere.test", " <a@b> ": "a@b", "a@b": "", "a@b>": "", "<": "", "<a@b": "", "<>": "", "": "", "<a b@c>": "",
		"<a@b>\r\nX-Evil: 1": "", "<a@b> (comment)": "", "<\"a\"@b>": "", "<" + strings.Repeat("a", 200) + "@b>": "", "<a@b><c@d>": "", "<ü@b>": "",
	} {
		if got := mailout.CleanMessageID(field); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

// TestElementsHaveLabels: each its own in every language, and none that begins
// another, so that an answer is read as what it says.
func TestElementsHaveLabels(t *testing.T) {
	t.Parallel()
	labels := map[string]string{}
	for _, language := range mailout.Languages() {
		for _, name := range dsr.ElementFields() {
			label := mailout.ElementLabel(language, name)
			if before, known := labels[label]; label == "" || known && before != name {
				t.Errorf("%s: the label of %s is %q, as that of %s", language, name, label, before)
			}
			labels[label] = name
		}
	}
	for a := range labels {
		for b := range labels {
			if a != b && strings.HasPrefix(strings.ToLower(b), strings.ToLower(a)) {
				t.Errorf("the label %q begins with %q", b, a)
			}
		}
	}
	if got := mailout.ElementLabel("en", "shoe_size"); got != "" {
		t.Errorf("an element that does not exist is called %q", got)
	}
}

// TestDetailsAsksForWhatIsMissing, by the form and by lines to fill in, and for
// nothing else.
func TestDetailsAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, language := range mailout.Languages() {
		f := everything()
		f.Missing = []string{"business_id"}
		c := compose(t, mailout.Details, language, f)
		for _, name := range dsr.ElementFields() {
			asked := strings.Contains(c.Text, mailout.ElementLabel(language, name)) && name == "business_id"
			if blank := strings.Count(c.Text, mailout.Blank); blank != 1 || asked != (name == "business_id") {
				t.Errorf("%s: %s is asked for: %v, %d blanks", language, name, asked, blank)
			}
		}
		if !strings.Contains(c.Text, f.AnswerURL) || !strings.Contains(c.HTML, `href="`+f.AnswerURL+`"`) {
			t.Errorf("%s: the form is not named in both parts", language)
		}
		f.AnswerURL = ""
		if c := compose(t, mailout.Details, language, f); strings.Contains(c.Text, "http://") || !strings.Contains(c.Text, mailout.Blank) {
			t.Errorf("%s: without a form\n%s", language, c.Text)
		}
	}
}
