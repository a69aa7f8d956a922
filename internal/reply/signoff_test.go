package reply

import "testing"

func TestSignOffs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, fresh string }{
		{"Ja, bitte löschen. LG Jan", "Ja, bitte löschen."},
		{"Sí, eliminad mi cuenta. Un saludo, Pablo", "Sí, eliminad mi cuenta."},
		{"Ja, radera. /Kalle", "Ja, radera."},
		{"Yes, delete it! Best, Anna Maria", "Yes, delete it!"},
		{"Oui, supprimez.\nVeuillez agréer, Madame, Monsieur, mes salutations distinguées.\nMonique Garnier", "Oui, supprimez."},
		// Something is said where a name would stand.
		{"Ja, löschen. LG Dienstag", "Ja, löschen. LG Dienstag"},
		{"Ja. /Ironie", "Ja. /Ironie"},
		{"Yes. Thanks, NOT YET", "Yes. Thanks, NOT YET"},
		{"Yes. Best, keep it", "Yes. Best, keep it"},
		{"Yes. Thanks 2027", "Yes. Thanks 2027"},
		{"Ja\nDanke\nUnter Vorbehalt", "Ja\nDanke\nUnter Vorbehalt"},
		{"Ja\nDanke\n1.1.2027", "Ja\nDanke\n1.1.2027"},
		{"Yes. Anna", "Yes. Anna"}, // nobody of that name is known
		{"Yes\nSent from my iPhone, please call", "Yes\nSent from my iPhone, please call"},
	} {
		if got := strip(plainLines(tc.text), nil, nil).fresh; got != tc.fresh {
			t.Errorf("%q: got %q, want %q", tc.text, got, tc.fresh)
		}
	}
}

func TestPlainMarks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Yes.": true, "YES DELETE!!!": true, "\"YES DELETE\"": true, "« OUI SUPPRIMER »": true, "¡Sí!": true, "YES-DELETE": true, "*Yes*": true, "Hi,\nYes.": true, "Ja -- löschen": true,
		"Yes...": false, "Yes…": false, "Yes. . .": false, "Yes ;)": false, "Yes :/": false, "(yes)": false, "[ ] yes": false, "Yes, \"delete\" it": false, "~~yes~~": false, "yes <3": false, "yes ^^": false, "Yes -_-": false, "50% yes": false,
	} {
		if got := plainlyMarked(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

func TestAlternatives(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]meaning{
		"Yes": saysYes, "Yes, I agree": saysYes, "I agree": 0, "Of course": 0, "Absolutely": 0, "Yes, absolutely": 0, "Absolutely, delete my account": saysYes,
		"Yes, that was me": 0, "I hereby confirm my request for erasure of my account and all my personal data": saysYes, "I hereby confirm": saysYes, "I hereby": 0,
		"Stop, do not delete": saysNo, "No, not yet": 0, "nooo": saysNo, "yesss": 0, "yes yes": 0, "Could you please put this on hold for now?": saysWait,
	} {
		if got, _ := meaningOf(text, "en"); got != want {
			t.Errorf("%q: got %b, want %b", text, got, want)
		}
	}
}
