package reply

import (
	"regexp"
	"strings"

	"github.com/emersion/go-message"
)

// automatic says how it shows that a machine wrote the mail, and "" if it does
// not show. The rules stand in the order of their reliability.
func (j *Judge) automatic(doc *document, from, subject string) string {
	h := doc.header
	switch path := strings.TrimSpace(h.Get("Return-Path")); {
	case h.Has("Return-Path") && (path == "" || path == "<>"):
		return "the envelope has no sender (RFC 5321, section 4.5.5)"
	case autoSubmitted(h) != "":
		return "Auto-Submitted is " + autoSubmitted(h) + " (RFC 3834)"
	case doc.report != "":
		return "contains " + doc.report
	}
	if name := listField(h); name != "" {
		return name
	}
	for _, name := range machineFields {
		if h.Has(name) {
			return "has " + name
		}
	}
	if j.own[withoutDetail(from)] {
		return "comes from an address of ours"
	}
	if name := machineSender(from); name != "" {
		return "the sender is " + name
	}
	if name := machineSubject(subject); name != "" {
		return "the subject begins with “" + name + "”"
	}
	for _, t := range headerTokens(h, j.domains) {
		if t.Kind == BounceToken && t.Source == FromDelivery {
			return "was sent to the return path of a mail of ours"
		}
	}
	return ""
}

// autoSubmitted returns the keyword of the Auto-Submitted field, "" if it is
// absent or says no.
func autoSubmitted(h message.Header) string {
	if !h.Has("Auto-Submitted") {
		return ""
	}
	sc := &authScanner{s: h.Get("Auto-Submitted")}
	word, err := sc.word(isValueByte)
	word = strings.ToLower(word)
	switch {
	case err == nil && word == "no":
		return ""
	case word == "auto-generated", word == "auto-replied", word == "auto-notified":
		return word
	}
	return "not no"
}

// listField returns what shows that the mail came through a list.
func listField(h message.Header) string {
	for _, name := range []string{"List-Id", "List-Unsubscribe", "List-Post", "List-Help", "List-Subscribe", "List-Owner", "List-Archive"} {
		if h.Has(name) {
			return "has " + name + " (RFC 2369)"
		}
	}
	switch p := strings.ToLower(strings.TrimSpace(h.Get("Precedence"))); p {
	case "bulk", "junk", "list", "auto_reply", "auto-reply":
		return "Precedence is " + p
	}
	return ""
}

// machineFields stand only in what machines send: absence notices, loops,
// feedback, and mails of Habeas itself. iCloud's absence notices have no
// Auto-Submitted, only X-Apple-Action.
var machineFields = []string{
	"X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From", "X-Apple-Action",
	"X-Post-Messageclass", "X-Fc-Machinegenerated", "X-Ms-Exchange-Inbox-Rules-Loop", "X-Ms-Exchange-Generated-Message-Source",
	"X-Failed-Recipients", "X-Loop", "X-Mailer-Daemon", "Feedback-Id",
	// Of mails of Habeas, of this installation or of another.
	"X-Habeas-Instance", "X-Habeas-Purpose",
}

// machineLocals are local parts at which nobody sits.
var machineLocals = regexp.MustCompile(`^(mailer-?daemon|post[-_]?master|mail-?daemon|no[-._]?reply|do[-._]?not[-._]?reply|noreply-.*|.*[-._+]no-?reply|bounces?([-+=].*)?|mailerdaemon|mailsystem|mail\.?delivery\.?(system|subsystem)|auto-?reply|autoresponder|complaints?-?feedback|uucp|mmdf|mailadm|nobody)$`)

// withoutDetail takes the detail off a plus-address (RFC 5233).
func withoutDetail(address string) string {
	local, domain, _ := cutLast(address, '@')
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

func machineSender(from string) string {
	local, _, _ := cutLast(from, '@')
	if m := machineLocals.FindString(local); m != "" {
		return "a mail system or an address that takes no replies"
	}
	return ""
}

// machineSubject returns the beginning by which machines are known.
func machineSubject(subject string) string {
	words := plainWords(subject)
	for _, prefix := range machineSubjects {
		if words == prefix || strings.HasPrefix(words, prefix+" ") {
			return prefix
		}
	}
	if head, _, found := strings.Cut(subject, ":"); found {
		if label := plainWords(head); machineLabels[label] {
			return label
		}
	}
	return ""
}

// machineSubjects are the beginnings of subjects of absence notices and
// delivery reports, as [plainWords] writes them. Replies by people begin with
// "Re" or its like, and people hardly begin a mail of their own with these.
var machineSubjects = []string{
	// English
	"automatic reply", "auto reply", "autoreply", "auto response", "autoresponse", "automated reply", "automated response",
	"out of office", "out of the office", "away from my mail", "i am out of the office", "i am on vacation", "i am away",
	"undelivered mail", "undeliverable mail", "undeliverable message", "undeliverable", "mail delivery failed", "mail delivery failure", "mail delivery system", "mail delivery problem", "mail delivery error", "mail delivery status",
	"delivery status notification", "delivery notification", "delivery failure", "delivery has failed", "delivery incomplete", "delayed mail", "returned mail", "failure notice", "non delivery report", "non delivery notification", "nondeliverable mail",
	"message could not be delivered", "message not delivered", "message undeliverable", "message delivery failure", "mail could not be delivered", "mail system error", "warning could not send message", "warning unable to deliver", "warning mail delayed", "warning message delayed",
	"postmaster notify", "complaint about message", "email feedback report", "return receipt", "read receipt", "disposition notification", "considered unsolicited bulk email",
	// German
	"automatische antwort", "automatische antwortmail", "abwesenheitsnotiz", "abwesenheitsmeldung", "abwesenheitsassistent", "ich bin nicht im büro", "unzustellbar", "unzustellbare nachricht", "zustellung fehlgeschlagen", "lesebestätigung",
	// French
	"réponse automatique", "réponse auto", "absence du bureau", "absent du bureau", "message d absence", "message automatique", "échec de la remise", "échec de remise", "courrier non remis", "notification d état de remise", "accusé de lecture",
	// Spanish
	"respuesta automática", "respuesta automatica", "contestación automática", "fuera de la oficina", "fuera de oficina", "no se puede entregar", "mensaje no entregado", "correo no entregado", "confirmación de lectura",
	// Italian
	"risposta automatica", "risponditore automatico", "fuori sede", "fuori ufficio", "messaggio automatico", "mancato recapito", "messaggio non recapitato", "impossibile recapitare", "conferma di lettura",
	// Dutch
	"automatisch antwoord", "automatische beantwoording", "afwezigheidsbericht", "niet aanwezig", "buiten kantoor", "onbestelbaar", "kan niet worden bezorgd", "leesbevestiging",
	// Portuguese
	"resposta automática", "resposta automatica", "fora do escritório", "fora do escritorio", "ausência temporária", "não foi possível entregar", "mensagem não entregue", "falha na entrega", "confirmação de leitura",
	// Polish
	"automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź", "poza biurem", "nieobecność w biurze", "jestem na urlopie", "niedostarczone", "nie można dostarczyć", "potwierdzenie przeczytania",
	// Swedish
	"autosvar", "automatiskt svar", "frånvarobesked", "inte på kontoret", "ej på kontoret", "kan inte levereras", "går inte att leverera", "olevererbart", "läskvitto",
	// Danish
	"automatisk svar", "fraværsbesked", "ikke på kontoret", "kan ikke leveres", "læsekvittering",
}

// machineLabels show a machine only where a colon follows: people, too, write
// about an absence or a delivery.
var machineLabels = phraseLabels("auto", "ooo", "vacation", "on vacation", "on leave", "annual leave", "read", "not read", "bounce", "rejected", "delivery report", "delivery delayed", "delivery failed",
	"abwesenheit", "abwesend", "außer haus", "nicht im büro", "im urlaub", "gelesen", "nicht gelesen", "nicht zustellbar",
	"absence", "en congés", "en congé", "lu", "non lu", "non remis", "non distribuable",
	"ausencia", "ausente", "de vacaciones", "leído", "no leído", "no entregado",
	"assenza", "assente", "in ferie", "letto", "non letto", "non recapitabile",
	"afwezig", "afwezigheid", "gelezen", "niet gelezen", "niet bezorgd",
	"ausência", "de férias", "lida", "não lida", "não entregue",
	"nieobecność", "nieobecny", "przeczytano", "nie przeczytano", "niedoręczona",
	"frånvaro", "frånvarande", "på semester", "läst", "inte läst",
	"fravær", "fraværende", "på ferie", "læst", "ikke læst", "ikke leveret")

func phraseLabels(labels ...string) map[string]bool {
	s := make(map[string]bool, len(labels))
	for _, l := range labels {
		s[l] = true
	}
	return s
}
