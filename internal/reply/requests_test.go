package reply

import (
	"context"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
)

func TestRecognise(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text  string
		right dsr.Right
		least float64
	}{
		{"Please delete my account and all my data.", dsr.Erasure, byMeaning},
		{"I invoke my right to be forgotten.", dsr.Erasure, byName},
		{"Under Article 17 of the GDPR I ask you to act.", dsr.Erasure, byName},
		{"Hiermit beantrage ich nach Art. 17 DSGVO alles Nötige.", dsr.Erasure, byName},
		{"Bitte löschen Sie mein Kundenkonto.", dsr.Erasure, byMeaning},
		{"Ich möchte, dass meine Daten gelöscht werden.", dsr.Erasure, byMeaning},
		{"Je souhaite la suppression de mon compte.", dsr.Erasure, byMeaning},
		{"Ejerzo mi derecho de supresión.", dsr.Erasure, byName},
		{"Vi chiedo di cancellare i miei dati personali.", dsr.Erasure, byMeaning},
		{"Graag mijn gegevens verwijderen.", dsr.Erasure, byMeaning},
		{"Peço que apaguem os meus dados.", dsr.Erasure, byMeaning},
		{"Proszę o usunięcie moich danych.", dsr.Erasure, byMeaning},
		{"Jag vill radera mitt konto.", dsr.Erasure, byMeaning},
		{"Jeg vil gerne have slettet mine oplysninger.", dsr.Erasure, byMeaning},
		{"This is a subject access request.", dsr.Access, byName},
		{"Ich bitte um Auskunft über meine Daten.", dsr.Access, byName},
		{"Je voudrais une copie de mes données.", dsr.Access, byName},
		{"Quiero una copia de mis datos.", dsr.Access, byName},
		{"Vorrei una copia dei miei dati.", dsr.Access, byName},
		{"Ik doe een inzageverzoek.", dsr.Access, byName},
		{"Exerço o meu direito de acesso.", dsr.Access, byName},
		{"Proszę o kopię moich danych.", dsr.Access, byName},
		{"Jag vill ha ett registerutdrag.", dsr.Access, byName},
		{"Jeg anmoder om indsigt i mine oplysninger.", dsr.Access, byName},
		{"Please correct my address.", dsr.Rectification, byMeaning},
		{"Bitte berichtigen Sie meine Anschrift.", dsr.Rectification, byMeaning},
		{"I want my data in a machine-readable format.", dsr.Portability, byName},
		{"Je demande la limitation du traitement.", dsr.Restriction, byName},
		{"I object to the processing of my data for marketing.", dsr.Objection, byName},
		{"Hiermit widerrufe ich meine Einwilligung; ich widerrufe meine Einwilligung in alles.", dsr.ConsentWithdrawal, byName},
		{"I contest this automated decision.", dsr.AutomatedDecisions, byName},
		{"Do not delete my account.", "", 0},
		{"Bitte nicht meine Daten löschen.", "", 0},
		{"How do I install your app on my telephone?", "", 0},
		{"Article 17 of the newspaper was good.", "", 0},
		{"", "", 0},
	} {
		found := Recognise(tc.text)
		switch {
		case tc.right == "":
			if len(found) > 0 {
				t.Errorf("%q: found %+v", tc.text, found)
			}
		case len(found) == 0 || found[0].Right != tc.right || found[0].Confidence < tc.least:
			t.Errorf("%q: got %+v, want %s", tc.text, found, tc.right)
		case len(found[0].Words) == 0:
			t.Errorf("%q: no words", tc.text)
		}
	}
}

// TestMailsWithoutToken: a mail to the privacy address that carries no token.
func TestMailsWithoutToken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Verdict{
		"Please delete my account.\r\n":                  NewRequest,
		"Ich beantrage Auskunft nach Art. 15 DSGVO.\r\n": NewRequest,
		"Buy cheap watches at our shop! Interested?\r\n": NotForUs,
		"Here is the agenda of tomorrow's meeting.\r\n":  NotForUs,
		"Yes\r\n": Unclear, // an answer whose token was lost
		"I write about the thing we talked about.\r\n":      NotForUs,
		strings.Repeat("The minutes are below.\r\n", 100):   NotForUs,
		"Bitte entfernen Sie mein Konto aus dem Verteiler.": NewRequest, // for a person to see
	} {
		raw := "From: kim@example.org\r\nTo: privacy@acme.test\r\nSubject: Hello\r\n\r\n" + text
		got := matrixJudge().Judge(context.Background(), Input{Raw: []byte(raw)})
		if got.Verdict != want {
			t.Errorf("%.40q: got %s %v, want %s", text, got.Verdict, got.ReasonLines(), want)
		}
	}
}
