package mailout

import (
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/dsr"
)

// Words are what our mails ask people to type. The reader of replies knows the
// same words; they are part of the contract with it and change only together.
type Words struct {
	Confirm string // confirms a deletion
	Agree   string // confirms a request for any other right; never names a deletion
	Refuse  string // refuses it
	Cancel  string // cancels it after it was confirmed
	Yes     string // answers an address check
}

// Languages returns the languages that have templates, as BCP 47 tags. The first
// is the one used for every language that has none.
func Languages() []string { return []string{"en", "fr", "de", "es"} }

// WordsIn returns what a reader of lang, a BCP 47 tag, is asked to type.
func WordsIn(lang string) Words {
	switch templateLanguage(lang) {
	case "fr":
		return Words{Confirm: "OUI SUPPRIMER", Agree: "JE CONFIRME", Refuse: "NON", Cancel: "ANNULER", Yes: "OUI"}
	case "de":
		return Words{Confirm: "JA LÖSCHEN", Agree: "ICH BESTÄTIGE", Refuse: "NEIN", Cancel: "ABBRECHEN", Yes: "JA"}
	case "es":
		return Words{Confirm: "SI ELIMINAR", Agree: "CONFIRMO", Refuse: "NO", Cancel: "CANCELAR", Yes: "SI"}
	default:
		return Words{Confirm: "YES DELETE", Agree: "I CONFIRM", Refuse: "NO", Cancel: "CANCEL", Yes: "YES"}
	}
}

// confirms returns what confirms a request for the right.
func (w Words) confirms(right dsr.Right) string {
	if right == dsr.Erasure {
		return w.Confirm
	}
	return w.Agree
}

// Blank is what stands in a mail for what the reader is to fill in.
const Blank = "____"

// ElementLabel returns what a mail in lang calls an element of identification, by
// its name in [dsr.ElementFields]; empty for other names. The reader of answers
// looks for the same words.
func ElementLabel(lang, element string) string {
	all, err := vocabularies()
	if err != nil {
		return ""
	}
	return all[templateLanguage(lang)].Element[element]
}

// Phrase returns what a reader of lang types to confirm a deletion.
func Phrase(lang string) string { return WordsIn(lang).Confirm }

// templateLanguage returns the language of [Languages] that serves a reader of
// the BCP 47 tag lang. Region and script do not matter to us.
func templateLanguage(lang string) string {
	primary, _, _ := strings.Cut(strings.ReplaceAll(lang, "_", "-"), "-")
	primary = strings.ToLower(strings.TrimSpace(primary))
	if slices.Contains(Languages(), primary) {
		return primary
	}
	return Languages()[0]
}
