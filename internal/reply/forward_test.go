package reply

import (
	"strings"
	"testing"
)

// TestQuickLookForForwards: it never says no where the pattern says yes.
func TestQuickLookForForwards(t *testing.T) {
	t.Parallel()
	marks := []string{
		"forwarded message", "begin forwarded message", "forwarded by", "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail",
		"message transféré", "message transmis", "début du message réexpédié", "début du message transféré", "mensaje reenviado", "inicio del mensaje reenviado",
		"messaggio inoltrato", "inizio messaggio inoltrato", "doorgestuurd bericht", "begin doorgestuurd bericht", "mensagem encaminhada", "mensagem reencaminhada",
		"início da mensagem encaminhada", "wiadomość przekazana dalej", "przekazana wiadomość", "początek przekazywanej wiadomości", "treść przekazanej wiadomości",
		"vidarebefordrat meddelande", "vidarebefordrat brev", "videresendt besked", "start på videresendt meddelelse",
	}
	for _, mark := range marks {
		for _, text := range []string{
			mark, strings.ToUpper(mark), strings.ToUpper(mark[:1]) + mark[1:], "---------- " + mark + " ----------", "> * - " + mark + ":", "\t" + mark,
			strings.ReplaceAll(mark, "s", "ſ"), strings.ReplaceAll(mark, "k", "\u212a"),
		} {
			if want := len(text) < 100 && forwardMark.MatchString(text); isForward(text) != want {
				t.Errorf("%q: %v, the pattern says %v", text, !want, want)
			}
		}
		if !isForward(mark) {
			t.Errorf("%q is not known", mark)
		}
	}
}
