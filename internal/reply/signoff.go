package reply

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// This file keeps conditions from passing as signatures: a name, a title, a
// number may be cut off below "Regards", a day or a thing may not ("Yes /
// Thanks / From January").

// conditions are words that a name or a tail does not hold, and that limit a
// yes to a time or to a part, in every language that Habeas reads: days and
// months, what is not now, and what somebody may have meant instead of
// everything.
var conditions = phraseSet(
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march", "june", "july", "september", "october", "november", "december", "tomorrow", "later", "soon", "tonight", "week", "month", "year", "eventually", "someday", "maybe", "perhaps", "test", "testing", "draft", "photos", "pictures", "invoices", "newsletter", "newsletters", "address", "subscription", "copy", "copies", "orders", "messages", "mails", "emails", "photo", "invoice",
	"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag", "januar", "jänner", "februar", "märz", "juni", "juli", "oktober", "dezember", "morgen", "übermorgen", "später", "bald", "nächste", "nächsten", "nächstes", "woche", "monat", "jahr", "jahresende", "vielleicht", "entwurf", "fotos", "bilder", "rechnung", "rechnungen", "adresse", "abo", "abonnement", "kopie", "bestellungen", "nachrichten", "ansonsten", "sonst",
	"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche", "janvier", "février", "avril", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre", "demain", "bientôt", "prochain", "prochaine", "semaine", "mois", "année", "peut être", "brouillon", "photos", "images", "facture", "factures", "adresse", "abonnement", "copie", "commandes", "sinon",
	"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo", "enero", "febrero", "abril", "mayo", "junio", "julio", "septiembre", "octubre", "noviembre", "diciembre", "mañana", "pronto", "próximo", "próxima", "semana", "año", "quizás", "quizá", "borrador", "fotos", "imágenes", "factura", "facturas", "dirección", "suscripción", "copia", "pedidos",
	"lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica", "gennaio", "febbraio", "aprile", "maggio", "giugno", "luglio", "settembre", "ottobre", "dicembre", "domani", "prossimo", "prossima", "settimana", "mese", "anno", "forse", "bozza", "foto", "immagini", "fattura", "fatture", "indirizzo", "abbonamento", "ordini", "altrimenti", "per ora", "per adesso", "per favore", "w przyszłym",
	"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag", "januari", "februari", "maart", "augustus", "volgende", "straks", "binnenkort", "maand", "jaar", "misschien", "concept", "foto's", "facturen", "factuur", "adres", "kopie", "bestellingen",
	"segunda", "terça", "quarta", "quinta", "sexta", "domingo", "janeiro", "fevereiro", "maio", "junho", "julho", "setembro", "outubro", "novembro", "dezembro", "amanhã", "breve", "próximo", "próxima", "ano", "talvez", "rascunho", "imagens", "fatura", "faturas", "endereço", "morada", "assinatura", "encomendas", "senão",
	"poniedziałek", "poniedziałku", "wtorek", "wtorku", "środa", "środę", "środy", "czwartek", "czwartku", "piątek", "piątku", "sobota", "sobotę", "niedziela", "niedzielę", "stycznia", "lutego", "marca", "kwietnia", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia", "jutro", "potem", "później", "wkrótce", "przyszły", "następny", "tydzień", "miesiąc", "rok", "może", "zdjęcia", "faktury", "fakturę", "adres", "subskrypcja", "kopia", "kopię", "zamówienia", "inaczej",
	"måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag", "januari", "februari", "mars", "augusti", "imorgon", "senare", "snart", "nästa", "vecka", "månad", "år", "kanske", "utkast", "bilder", "faktura", "fakturor", "adress", "prenumeration", "beställningar", "annars",
	"mandag", "tirsdag", "lørdag", "søndag", "februar", "marts", "august", "senere", "snart", "næste", "uge", "måned", "år", "måske", "kladde", "billeder", "fakturaer", "adresse", "abonnement", "kopi", "ordrer", "ellers")

// prepositions begin a condition where a name is expected ("From 2027", "Unter
// Vorbehalt"); no name begins with one.
var prepositions = phraseSet("next", "starting", "following", "by", "from", "as", "when", "once", "under", "with", "on", "at", "in", "for", "against", "to", "subject", "just", "second", "some", "any", "my", "your", "this", "that",
	"ab", "seit", "unter", "ohne", "mit", "auf", "im", "vor", "nach", "für", "gegen", "bei", "zum", "zur", "mein", "meine", "alte", "kein", "erst",
	"sous", "sur", "avec", "en", "dans", "pour", "après", "à", "dès", "chez", "mon", "mes", "ma",
	"bajo", "con", "para", "desde", "por", "según", "mi", "mis", "sotto", "dal", "dopo", "sotto", "secondo", "miei",
	"onder", "met", "op", "voor", "na", "vanaf", "mijn", "sob", "com", "em", "sob", "partir", "depois", "meu", "minha",
	"pod", "na", "za", "od", "po", "moje", "med", "på", "före", "från", "efter", "min", "mitt", "fra", "før", "til", "mit", "mine")

// sayings are the beginnings of words that say something where a name is
// expected: jests, reservations, other requests.
var sayings = []string{"jok", "jest", "haha", "hehe", "hihi", "lol", "rofl", "whatever", "iron", "sarcas", "sarkas", "thought", "reserv", "condition", "provision", "tempor", "partial", "revo", "withdr", "callback", "kidding", "seriously", "nope", "nah", "later", "refund", "complain",
	"scherz", "spass", "witz", "vorlauf", "teilw", "widerr", "wideruf", "kundig", "auskunft", "datenausk", "ruckruf", "vorbeh", "bedenk", "einschrank", "frist", "beschwer", "erstatt", "ausnahm", "bedingung", "quatsch", "unsinn", "ernsthaft",
	"blague", "plaisant", "resili", "rappel", "provisoire", "partiel", "rembours", "plainte", "exception", "rigole", "broma", "chiste", "llam", "condicion", "parcial", "reembols", "queja", "reclam", "excep", "jaja", "jeje",
	"battuta", "condizion", "richiam", "parzial", "rimbors", "eccezion", "scherzo", "reclamo", "grap", "voorbehoud", "voorwaard", "terugbel", "gedeelt", "klacht", "uitzonder", "terugbet", "brinc", "piada", "condic", "kkk", "rsrs",
	"zart", "zastrze", "warun", "wstepn", "czescio", "zwrot", "reklam", "wyjat", "skamt", "forbehall", "villkor", "delvis", "aterbetal", "undantag", "klagomal", "forbehold", "betingel", "spog", "tilbagebet", "undtag", "klage", "delvist", "midlertidig"}

// nounEndings are those of German words that look like names only by their capital.
var nounEndings = []string{"ung", "ungen", "keit", "heit", "schaft", "tion", "lich", "weise", "ismus"}

// dateToken is a day or a time of day in numbers.
var dateToken = regexp.MustCompile(`^(?:\d{1,2}[./-]\d{1,2}(?:[./-](?:\d{2}|\d{4})?)?|\d{4}[./-]\d{1,2}(?:[./-]\d{1,2})?|(?:19|20)\d\d|\d{1,2}:\d\d|\d{1,2}\.|\d{1,2}(?:st|nd|rd|th|h|er))$`)

// limits reports whether text could turn a yes, or put off or narrow what it
// says yes to.
func limits(text string) bool {
	if vetoed(text) {
		return true
	}
	for _, w := range strings.Fields(text) {
		if dateToken.MatchString(strings.ToLower(strings.Trim(w, ",;()"))) {
			return true
		}
	}
	words := strings.Fields(fold(plainWords(text)))
	for i, w := range words {
		if conditions[w] || i+1 < len(words) && conditions[w+" "+words[i+1]] {
			return true
		}
	}
	return false
}

// limitsName reports whether a line where a name is expected says something.
func limitsName(text string) bool {
	if limits(text) {
		return true
	}
	words := strings.Fields(fold(plainWords(text)))
	for i, w := range words {
		if i == 0 && prepositions[w] || repeats(words) || slices.ContainsFunc(sayings, func(s string) bool { return strings.HasPrefix(w, s) }) ||
			slices.ContainsFunc(nounEndings, func(s string) bool { return len(w) > len(s)+2 && strings.HasSuffix(w, s) }) {
			return true
		}
	}
	return false
}

// asks are words of a request; no app adds them.
var asks = phraseSet("please", "call", "bitte", "anrufen", "veuillez", "svp", "favor", "favore", "graag", "aub", "proszę", "snälla", "vänligen", "ring", "venligst", "but", "and", "und", "et", "och", "og")

// asking reports whether a line holds words of a request.
func asking(text string) bool {
	for _, w := range strings.Fields(fold(plainWords(text))) {
		if asks[w] {
			return true
		}
	}
	return false
}

// maxSignOff is the length in bytes of the longest close with a name.
const maxSignOff = 100

// maxSignOffNames is how many words of a name follow a close on the same line.
const maxSignOffNames = 2

// signOffAt returns where, in a line of several sentences, a complimentary
// close with a name begins ("Yes, delete it. Best, Kim"), or a name after a
// stroke ("Ja, radera. /Kim"); 0 if there is none.
func signOffAt(text string) int {
	if len(text) > maxPlain+maxSignOff {
		return 0 // more than a plain answer holds
	}
	at := strings.LastIndex(text, "/")
	if at > 0 && (text[at-1] == ' ' || text[at-1] == '.') && isName(text[at+1:]) {
		return at
	}
	for at = len(text); at > 0; {
		if at = strings.LastIndexAny(text[:at], ".!"); at <= 0 {
			return 0
		}
		rest := strings.TrimSpace(text[at+1:])
		words := strings.Fields(fold(plainWords(rest)))
		n := leading(closings, words)
		names := after(rest, n)
		if n == 0 || n == len(words) || len(names) == 0 || len(names) > maxSignOffNames || limits(rest) {
			continue
		}
		if isName(strings.Join(names, " ")) {
			return at + 1
		}
	}
	return 0
}

// isName reports one or two words written as names are, in letters, the first
// of each a capital and not all of them, as a sentence in capitals would be.
func isName(text string) bool {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > maxSignOffNames || limitsName(text) {
		return false
	}
	for _, w := range words {
		letters := []rune(strings.Trim(w, ",.!"))
		if len(letters) < 2 || !unicode.IsUpper(letters[0]) || !unicode.IsLower(letters[len(letters)-1]) {
			return false
		}
		for _, r := range letters {
			if !unicode.IsLetter(r) && r != '-' && r != '\'' && r != '’' {
				return false
			}
		}
	}
	return true
}
