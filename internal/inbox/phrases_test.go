package inbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// client is how mail programs quote the mail that is answered.
var clients = map[string]func(language, text string, m record.NewMail) string{
	"marked quote": func(language, text string, m record.NewMail) string {
		return text + "\n\n" + attribution(language) + "\n\n" + quoted(m.Message.Text)
	},
	"unmarked quote below a header": func(language, text string, m record.NewMail) string {
		return text + "\n\n" + header(language, m) + "\n\n" + m.Message.Text
	},
	"no quote": func(_, text string, _ record.NewMail) string { return text },
}

func attribution(language string) string {
	return map[string]string{
		"en": "On Thu, 5 Mar 2026 at 11:00, Soffiah <" + mailbox + "> wrote:",
		"fr": "Le jeu. 5 mars 2026 à 11:00, Soffiah <" + mailbox + "> a écrit :",
		"de": "Am Do., 5. März 2026 um 11:00 Uhr schrieb Soffiah <" + mailbox + ">:",
		"es": "El jue, 5 mar 2026 a las 11:00, Soffiah (<" + mailbox + ">) escribió:",
	}[language]
}

func header(language string, m record.NewMail) string {
	labels := map[string][4]string{
		"en": {"From", "Sent", "To", "Subject"}, "fr": {"De ", "Envoyé ", "À ", "Objet "},
		"de": {"Von", "Gesendet", "An", "Betreff"}, "es": {"De", "Enviado", "Para", "Asunto"},
	}[language]
	return fmt.Sprintf("________________________________\n%s: Soffiah <%s>\n%s: 5/3/2026 11:00\n%s: Marie Dubois <%s>\n%s: %s",
		labels[0], mailbox, labels[1], labels[2], subject, labels[3], m.Message.Subject)
}

// TestOurOwnPhrasesAreUnderstood: what a mail of ours asks people to type is
// understood, above a quote of that whole mail, in every language.
func TestOurOwnPhrasesAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, language := range mailout.Languages() {
		words := mailout.WordsIn(language)
		for _, c := range []struct {
			purpose mailout.Purpose
			phrase  string
			want    reply.Verdict
		}{
			{mailout.Confirmation, words.Confirm, reply.Confirm},
			{mailout.Confirmation, words.Refuse, reply.Cancel},
			{mailout.CoolingOff, words.Cancel, reply.Cancel},
			{mailout.SuspiciousReply, words.Cancel, reply.Cancel},
			{mailout.AddressCheck, words.Yes, reply.Confirm},
		} {
			for name, client := range clients {
				for _, typed := range []string{c.phrase, strings.ToLower(c.phrase), c.phrase + ".", "\n" + c.phrase + "\n\nMarie Dubois"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%q", language, c.purpose, name, typed), func(t *testing.T) {
						t.Parallel()
						b := setup(t)
						m := b.send(c.purpose, language)
						if !strings.Contains(m.Message.Text, c.phrase) {
							t.Errorf("the mail does not ask for %q", c.phrase)
						}
						want(t, b.arrive(answer(m, client(language, typed, m))), c.want, "the request", true)
					})
				}
			}
		}
	}
}

// TestPhrasesOfOtherRights: a request for another right is confirmed in words that
// name no deletion, above a quote of the whole mail.
func TestPhrasesOfOtherRights(t *testing.T) {
	t.Parallel()
	for _, language := range mailout.Languages() {
		for _, right := range dsr.Rights() {
			if right == dsr.Erasure {
				continue
			}
			for name, client := range clients {
				t.Run(fmt.Sprintf("%s/%s/%s", language, right, name), func(t *testing.T) {
					t.Parallel()
					b := setup(t)
					m := b.send(mailout.Confirmation, language, func(l *letters.Letter) { l.Facts.Right = right })
					want(t, b.arrive(answer(m, client(language, mailout.WordsIn(language).Agree, m))), reply.Confirm, "the request", true)
					want(t, b.arrive(answer(m, client(language, mailout.WordsIn(language).Refuse, m))), reply.Cancel, "the request", true)
				})
			}
		}
	}
}

// TestReminderCanBeAnswered: a reply quotes the reminder, while the token is that
// of the confirmation mail.
func TestReminderCanBeAnswered(t *testing.T) {
	t.Parallel()
	for _, language := range mailout.Languages() {
		for name, client := range clients {
			for phrase, verdict := range map[string]reply.Verdict{
				mailout.WordsIn(language).Confirm: reply.Confirm, mailout.WordsIn(language).Refuse: reply.Cancel,
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", language, name, phrase), func(t *testing.T) {
					t.Parallel()
					b := setup(t)
					first := b.send(mailout.Confirmation, language)
					again := b.send(mailout.Reminder, language, func(l *letters.Letter) { l.Reminds = &first.Message })
					b.change(first.Token, func(o *record.TokenOwner) { o.Reminder = &again.Message })
					want(t, b.arrive(answer(again, client(language, phrase, again))), verdict, "the request", true)
				})
			}
		}
	}
}
