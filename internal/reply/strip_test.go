package reply

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	sent := newOwnText("Please confirm", "Nothing will be deleted unless you say so.\nTo confirm, answer with:\nYES, DELETE\nIf you do not want this, answer NO.")
	for name, tc := range map[string]struct {
		text, fresh string
		doubts      []Code
	}{
		"plain":                          {"Yes", "Yes", nil},
		"closing and name":               {"Yes\n\nBest regards,\nJohn Smith\nCEO, Acme\n+49 30 1234", "Yes", nil},
		"closing on one line":            {"Yes\nBest regards, John", "Yes", nil},
		"name of the sender":             {"Yes\n\nKim", "Yes", nil},
		"somebody else's name":           {"Yes\n\nKeeper", "Yes\nKeeper", nil},
		"no signature but a sentence":    {"Yes\nBest regards\nkeep the invoices please", "Yes\nBest regards\nkeep the invoices please", nil},
		"a signature in capitals":        {"Yes\nRegards\nKIM SAMPLE", "Yes", nil},
		"a sentence in capitals":         {"Yes\nRegards\nINVOICES SHOULD LIVE", "Yes\nRegards\nINVOICES SHOULD LIVE", nil},
		"tail with a sentence more":      {"Yes\n\nSent from my iPhone. Invoices go elsewhere", "Yes\nSent from my iPhone. Invoices go elsewhere", nil},
		"postscript":                     {"Yes\nRegards\nKim\nPS: not the invoices", "Yes\nRegards\nKim\nPS: not the invoices", nil},
		"signature":                      {"Yes\n-- \nKim\nAcme Ltd", "Yes", nil},
		"signature with a condition":     {"Yes\n-- \nKim\nunless I call", "Yes", []Code{TailVeto}},
		"tail of a phone":                {"Yes\n\nSent from my iPhone", "Yes", nil},
		"tail that is none":              {"Yes\n\nSent from my heart", "Yes\nSent from my heart", nil},
		"tail with a condition":          {"Yes\n\nSent from my iPhone but wait", "Yes\nSent from my iPhone but wait", nil},
		"the phrase, then our mail":      {"YES, DELETE\n\nNothing will be deleted unless you say so.\nTo confirm, answer with:\nYES, DELETE\nIf you do not want this, answer NO.", "YES, DELETE", nil},
		"only our mail":                  {"Nothing will be deleted unless you say so.\nTo confirm, answer with:\nYES, DELETE\nIf you do not want this, answer NO.", "", nil},
		"rewrapped, without marks":       {"Nothing will be deleted unless you\nsay so. To confirm, answer with: YES, DELETE If you do", "", nil},
		"answer below our mail":          {"Nothing will be deleted unless you say so. To confirm\n\nYes", "Yes", []Code{BelowUnmarked}},
		"marked, rewrapped":              {"Yes\n> Nothing will be deleted\n> unless you say so. To confirm, answer\n> with: YES, DELETE", "Yes", nil},
		"words between marks":            {"Yes\n> Nothing will be deleted unless you say so.\n> and also call my lawyer", "Yes", []Code{ForeignQuote}},
		"attribution over three lines":   {"Yes\n\nOn Tue, Nov 3, 2026\nat 10:11, Acme <a@acme.test>\nwrote:\n> Nothing will be deleted unless you say so.", "Yes", nil},
		"attribution cannot eat the yes": {"Yes\nOn Tue, Nov 3, 2026 Acme wrote:\n> Nothing will be deleted unless you say so.", "Yes", nil},
		"foreign text below attribution": {"Yes\n\nOn 3 Nov 2026, at 10:11, Acme <a@acme.test> wrote:\nkeep my photos", "Yes", []Code{ForeignQuote}},
		"forward":                        {"Yes\n\n---------- Forwarded message ---------\nFrom: x", "Yes", []Code{Forwarded, ForeignQuote}},
		"two header fields are no block": {"Yes\nFrom: me\nTo: you", "Yes\nFrom: me\nTo: you", nil},
		"greeting alone":                 {"Hello", "Hello", nil},
		"greeting with content":          {"Hello, no\nyes", "Hello, no\nyes", nil},
	} {
		got := strip(plainLines(tc.text), sent, map[string]bool{"kim": true, "sample": true})
		if got.fresh != tc.fresh || !slices.Equal(got.doubts, tc.doubts) {
			t.Errorf("%s: got %q %v, want %q %v", name, got.fresh, got.doubts, tc.fresh, tc.doubts)
		}
	}
}

func TestHTMLLines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, want string }{
		"blocks":         {"<div>Ja</div><div>Von: x</div>", "Ja\nVon: x"},
		"inline":         {"<b>Y</b>es <i>please</i>", "Yes please"},
		"white space":    {"<p> a\n  b&nbsp; c </p>", "a b c"},
		"line breaks":    {"a<br>b<br/>c", "a\nb\nc"},
		"hidden":         {"a<span style='DISPLAY : none'>b</span><span hidden>c</span><span style='font-size:0px'>d</span>", "a"},
		"small is seen":  {"a<span style='font-size:0.8em'>b</span>", "ab"},
		"style, script":  {"<style>x</style><script>y</script>a", "a"},
		"picture":        {"a<img src=x>b", "a " + foreignMark + " b"},
		"pixel":          {"a<img src=x width=1 height=1>b", "ab"},
		"struck through": {"<span style='text-decoration: line-through'>a</span>", foreignMark + " a"},
		"quotation":      {"a<blockquote>b<div>c</div></blockquote>d", "a\n> b\n> c\nd"},
		"Outlook":        {"a<div id=divRplyFwdMsg>b</div>c", "a\n< b\n< c"},
		"table":          {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
	} {
		lines, ok := htmlLines(tc.body)
		if !ok {
			t.Errorf("%s: not read", name)
		}
		var got []string
		for _, l := range lines {
			prefix := map[lineKind]string{quoted: "> ", below: "< "}[l.kind]
			if l.text != "" {
				got = append(got, prefix+l.text)
			}
		}
		if s := strings.Join(got, "\n"); s != tc.want {
			t.Errorf("%s: got %q, want %q", name, s, tc.want)
		}
	}
}

func TestMeaning(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, language string
		want           meaning
	}{
		{"Yes please", "en", saysYes},
		{"YES!!!", "en-GB", saysYes},
		{"ｙｅｓ", "en", saysYes}, // NFKC
		{"Ja!", "de", saysYes},
		{"Yes", "de", saysYes}, // English everywhere
		{"Ja", "en", 0},        // another language than the mail's
		{"Oui", "xx", 0},
		{"Yes", "xx", saysYes},
		{"Tak", "pl", saysYes},
		{"Tak", "da", 0}, // Danish for thanks
		{"No", "pl", 0},  // Polish for well, yes
		{"No", "es", saysNo},
		{"NO", "it", saysNo},
		{"yes no", "en", 0},
		{"yes, not", "en", 0},
		{"not now", "en", saysWait},
		{"do not delete my account", "en", saysNo},
		{"delete my photos", "en", 0},
		{"please", "en", 0},
		{"please confirm", "en", 0},
		{"Bitte bestätigen Sie die Löschung", "de", 0},
		{"slet ikke", "da", saysNo},
		{"cancel my account", "en", 0},
		{"yes?", "en", 0},
		{"ye\u200bs", "en", saysYes},
		{"\u202eyes", "en", 0}, // reordered text
		{"у\u0435s", "en", 0},  // Cyrillic letters
		{"yes 👍", "en", 0},
		{"y", "en", 0},
		{"", "en", 0},
		{strings.Repeat("yes ", 100), "en", 0},
	} {
		if got, _ := meaningOf(tc.text, tc.language); got != tc.want {
			t.Errorf("%q in %s: got %b, want %b", tc.text, tc.language, got, tc.want)
		}
	}
}

// TestTablesAreConsistent: no phrase says two things, except those that are
// there to raise a doubt.
func TestTablesAreConsistent(t *testing.T) {
	t.Parallel()
	var consistent func(language, phrase string, b *branch)
	consistent = func(language, phrase string, b *branch) {
		if said := b.said; b.ends && said&saysYes != 0 && said != saysYes && said != saysYes|saysNo|saysWait {
			t.Errorf("%s: %q says yes and something else (%b)", language, phrase, said)
		}
		for w, next := range b.words {
			consistent(language, phrase+" "+w, next)
		}
		for i, next := range b.parts {
			consistent(language, fmt.Sprintf("%s {%d}", phrase, i), next)
		}
	}
	for language, table := range tables() {
		for _, g := range table.grammars {
			consistent(language, "", g.phrases)
		}
	}
}

// TestNoTurningWordIsSwallowed: a yes with a word that can turn it, put in
// anywhere, is no yes any more.
func TestNoTurningWordIsSwallowed(t *testing.T) {
	t.Parallel()
	yes := phrases(t, "yes")
	for language, list := range yes {
		for _, phrase := range list {
			words := strings.Fields(phrase)
			for turning := range vetoWords {
				if language == "es" && turning == "si" || language == "it" && (turning == "si" || turning == "se") {
					continue // without its accent, the Spanish and the Italian yes
				}
				for at := range len(words) + 1 {
					text := strings.Join(slices.Concat(words[:at], []string{turning}, words[at:]), " ")
					if m, _ := meaningOf(text, language); m == saysYes {
						t.Errorf("%s: %q says yes", language, text)
					}
				}
			}
		}
	}
}
