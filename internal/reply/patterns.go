package reply

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/soffiah/habeas/internal/dsr"
)

// This file knows how mail clients write, in ten languages: what introduces a
// quotation, what ends a message, what an app adds.

var (
	// wroteVerb: the verb of "On … X wrote:".
	wroteVerb = regexp.MustCompile(`(?i)(?:^|[\s,>)*])(?:wrote|writes|schrieb|schreibt|a écrit|écrit|escribió|escribio|ha scritto|schreef|geschreven|escreveu|napisał|napisała|napisał\(a\)|napisal\(a\)|pisze|napisana przez|skrev|kirjoitti)(?:[\s:;,*(<>]|$)`)
	// attributionStart: how such a line begins when its verb may stand on a later one.
	attributionStart = regexp.MustCompile(`(?i)^[-*\s]*(?:on|at|am|le|el|il(?: giorno)?|op|em|a|no dia|w dniu|dnia|den|wiadomość|(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|pon|wt|śr|czw|pt|sob|niedz|ndz|mån|tis|ons|tor|fre|lör|sön|man|tir|lør|søn)[a-ząćęłńóśźżéèáåäöø]*\.?,?|\d{1,4}[.\-/ ])\s*\S`)
	attributionEnd   = regexp.MustCompile(`(?:[:：]|\s-{2,})\s*[*_]*$`)
	hasNumbers       = regexp.MustCompile(`\d.*\d`)
	forwardMark      = regexp.MustCompile(`(?i)^[->*\s]*(?:forwarded message|begin forwarded message|forwarded by|weitergeleitete nachricht|anfang der weitergeleiteten (?:nachricht|e-?mail)|message transféré|message transmis|début du message (?:réexpédié|transféré)|mensaje reenviado|inicio del mensaje reenviado|messaggio inoltrato|inizio messaggio inoltrato|doorgestuurd bericht|begin doorgestuurd bericht|mensagem encaminhada|mensagem reencaminhada|início da mensagem (?:encaminhada|reencaminhada)|wiadomość przekazana dalej|przekazana wiadomość|początek przekazywanej wiadomości|treść przekazanej wiadomości|vidarebefordrat (?:meddelande|mejl)|vidarebefordrat brev|videresendt (?:besked|meddelelse|mail)|start på videresendt (?:besked|meddelelse))[\s:-]*(?:-{2,}.*)?$`)
	originalMark     = regexp.MustCompile(`(?i)^[-_*\s]{2,}\s*(?:original message|originalmail|original email|original e-mail|ursprüngliche (?:nachricht|mail|e-mail)|original-?\s?nachricht|originalnachricht|message d['’]origine|message original|e-mail d['’]origine|mensaje original|correo original|messaggio originale|oorspronkelijk bericht|origineel bericht|oorspronkelijke bericht|mensagem original|oryginalna wiadomość|wiadomość oryginalna|ursprungligt meddelande|originalmeddelande|oprindelig (?:meddelelse|besked)|original meddelelse|reply message|antwort nachricht)\s*[-_*\s]{2,}$`)
	ruleMark         = regexp.MustCompile(`^[_\-=*—–]{5,}$`)
	signatureMark    = regexp.MustCompile(`^(?:--|—|–|__+|--+|\*\*+|==+)$`)
)

func isForward(text string) bool {
	return len(text) < 100 && beginsForward(text) && forwardMark.MatchString(text)
}

// forwardWords are the first words of the marks of a forwarded mail.
var forwardWords = phraseSet("forwarded", "begin", "weitergeleitete", "anfang", "message", "début", "mensaje", "inicio", "messaggio", "inizio", "doorgestuurd",
	"mensagem", "início", "wiadomość", "przekazana", "początek", "treść", "vidarebefordrat", "videresendt", "start")

// beginsForward reports whether a line may be such a mark. Nearly all lines are not,
// and the pattern is slow to say so.
func beginsForward(text string) bool {
	text = strings.TrimLeft(text, "->* \t\n\f\r")
	if end := strings.IndexAny(text, " \t\n\f\r"); end >= 0 {
		text = text[:end]
	}
	// The pattern takes these two for the letters that they look like.
	return forwardWords[fold(strings.NewReplacer("ſ", "s", "\u212a", "k").Replace(strings.ToLower(text)))]
}

func isOriginalSeparator(text string) bool {
	return (strings.HasPrefix(text, "-") || strings.HasPrefix(text, "_") || strings.HasPrefix(text, "*")) && originalMark.MatchString(text)
}

func isRule(text string) bool { return text != "" && ruleMark.MatchString(text) }

func isSignatureMark(text string) bool { return len(text) < 80 && signatureMark.MatchString(text) }

// maxAttribution is the length in bytes of the longest attribution.
const maxAttribution = 400

// isAttribution reports whether text introduces a quotation. A single line may
// begin with a name if it holds an address; one joined from several must begin
// like a date, so that it cannot swallow a line of the person's own.
func isAttribution(text string, single bool) bool {
	if len(text) > maxAttribution || len(text) < 8 || !strings.ContainsAny(text[len(text)-3:], ":-*_\uff1a") ||
		!attributionEnd.MatchString(text) || !wroteVerb.MatchString(text) {
		return false
	}
	if attributionStart.MatchString(text) && hasNumbers.MatchString(text) {
		return true
	}
	return single && strings.Contains(text, "@")
}

// attributionEndsAt returns where, within a line, an attribution with an
// address ends that text follows after a wide gap; 0 if there is none.
func attributionEndsAt(text string) int {
	head := text[:min(len(text), maxAttribution)]
	at := strings.Index(head, ":  ")
	if at < 0 || !strings.Contains(head[:at], "@") || !attributionStart.MatchString(head) || !isAttribution(head[:at+1], true) {
		return 0
	}
	return at + 1
}

// The fields of a header block.
const (
	labelFrom = 1 << iota
	labelDate
	labelTo
	labelSubject
	labelOther
)

// headerLabels are the labels that clients put before the fields of a mail
// they quote, as [plainWords] writes them.
var headerLabels = map[string]int{
	"from": labelFrom, "von": labelFrom, "de": labelFrom, "da": labelFrom, "van": labelFrom, "od": labelFrom, "från": labelFrom, "fra": labelFrom, "expéditeur": labelFrom, "remitente": labelFrom, "mittente": labelFrom, "afzender": labelFrom, "nadawca": labelFrom,
	"sent": labelDate, "date": labelDate, "gesendet": labelDate, "gesendet am": labelDate, "datum": labelDate, "envoyé": labelDate, "envoyé le": labelDate, "enviado": labelDate, "enviado el": labelDate, "fecha": labelDate, "inviato": labelDate, "data": labelDate, "verzonden": labelDate, "verstuurd": labelDate, "enviada": labelDate, "enviada em": labelDate, "enviado em": labelDate, "wysłano": labelDate, "wysłane": labelDate, "skickat": labelDate, "sendt": labelDate, "dato": labelDate, "date d envoi": labelDate,
	"to": labelTo, "an": labelTo, "à": labelTo, "pour": labelTo, "para": labelTo, "a": labelTo, "aan": labelTo, "do": labelTo, "till": labelTo, "til": labelTo, "destinataire": labelTo, "destinatario": labelTo, "destinatari": labelTo,
	"subject": labelSubject, "betreff": labelSubject, "objet": labelSubject, "asunto": labelSubject, "oggetto": labelSubject, "onderwerp": labelSubject, "assunto": labelSubject, "temat": labelSubject, "ämne": labelSubject, "emne": labelSubject, "sujet": labelSubject,
	"cc": labelOther, "bcc": labelOther, "kopie": labelOther, "kopia": labelOther, "dw": labelOther, "reply to": labelOther, "antwort an": labelOther, "répondre à": labelOther, "responder a": labelOther, "importance": labelOther, "priorität": labelOther, "wichtigkeit": labelOther,
}

// headerLabel returns which header field a line states, 0 for none.
func headerLabel(text string) int {
	label, _, found := strings.Cut(text, ":")
	if !found || len(label) > 24 {
		return 0
	}
	return headerLabels[plainWords(label)]
}

var (
	// appTail: "Sent from my …" and its kin. A device or a mail app must be named.
	appTail = regexp.MustCompile(`(?i)^(?:sent (?:from|with|via|using)|get (?:outlook|bluemail)|(?:von|mit) mein(?:em|er)|(?:diese nachricht wurde )?von mein|gesendet (?:von|mit|über|aus)|verschickt (?:von|mit)|versendet (?:von|mit)|diese nachricht wurde von|diese e-?mail wurde von|holen sie sich|laden sie|envoyé (?:de|depuis|à partir|par|avec|via)|obtenez|téléchargez|télécharger|provenance|enviado (?:desde|do|de|a partir|con|com|via|por)|enviada (?:do|desde|com)|obtener|obter|obtenga|descarga|inviato (?:da|dal|con)|scarica|ottieni|verzonden (?:vanaf|vanuit|met|via|door)|verstuurd (?:vanaf|vanuit|met|via)|outlook voor|download|wysłan[eyo] (?:z|za|przy|przez)|pobierz|uzyskaj|skickat? från|skickad från|skickades från|skaffa|hämta|hent|få |sendt (?:fra|med|via)|outlook (?:for|til|för|para|pour|per|dla|für))\b?.{2,90}$`)
	appName = regexp.MustCompile(`(?i)\b(?:iphone|ipad|ipod|ios|apple|android|samsung|galaxy|huawei|xiaomi|redmi|oneplus|pixel|nokia|sony|xperia|htc|motorola|blackberry|windows|outlook|yahoo|ymail|gmail|proton(?:mail)?|gmx|web\.de|t-online|freenet|mail\.com|aol|orange|laposte|libero|tim mail|wp|onet|o2|interia|thunderbird|spark|bluemail|airmail|k-9|tutanota|tuta|fastmail|zoho|posteo|mailbox\.org|ionos|smartphone|handy|telefon|telefoon|téléphone|teléfono|móvil|celular|telemóvel|telefono|cellulare|mobil|mobile|mobiltelefon|mobilen|tablet|tablette|gerät|device|urządzenia|smartfona|telefonu)`)
)

// isAppTail reports whether a line is what a phone or a mail app adds.
func isAppTail(text string) bool {
	text = strings.Trim(text, " .*_[]()!")
	if strings.Contains(text, ". ") || strings.Contains(text, "! ") {
		return false // a sentence more than an app adds
	}
	return len(text) <= 110 && appTail.MatchString(text) && appName.MatchString(text) && !limits(text) && !asking(text)
}

// greetings and closings as [plainWords] writes them.
var (
	greetings = phraseSet("hello", "hi", "hey", "dear", "good morning", "good afternoon", "good evening", "good day", "to whom it may concern",
		"hallo", "guten tag", "guten morgen", "guten abend", "sehr geehrte", "sehr geehrter", "sehr geehrtes", "liebe", "lieber", "liebes", "moin", "servus", "grüß gott", "grüezi",
		"bonjour", "bonsoir", "madame", "monsieur", "cher", "chère", "chers", "salut",
		"hola", "buenos días", "buenas tardes", "buenas noches", "buenas", "buen día", "estimado", "estimada", "estimados", "estimadas",
		"buongiorno", "buonasera", "salve", "ciao", "gentile", "gentili", "egregio", "spettabile", "spett le",
		"beste", "geachte", "goedemorgen", "goedemiddag", "goedenavond", "goedendag", "dag", "hoi",
		"olá", "ola", "bom dia", "boa tarde", "boa noite", "caro", "cara", "caros", "prezado", "prezada", "prezados", "exmo", "exmos", "ex mos",
		"dzień dobry", "dobry wieczór", "witam", "cześć", "szanowni", "szanowny", "szanowna", "drogi", "droga", "hej",
		"god morgon", "god dag", "god kväll", "hejsan", "tjena", "bästa", "kära",
		"goddag", "god morgen", "god aften", "kære", "hejsa", "halløj",
		"bjr", "à qui de droit", "a quien corresponda", "muy señores míos", "a chi di competenza", "aan wie dit aangaat", "a quem possa interessar", "do kogo należy", "till berörd", "til rette vedkommende", "hallå", "tjenare", "oi", "tach", "siema")
	closings = phraseSet("regards", "best regards", "kind regards", "kindest regards", "warm regards", "with kind regards", "many thanks and kind regards", "thanks and regards", "best", "best wishes", "all the best", "sincerely", "yours sincerely", "sincerely yours", "yours faithfully", "yours truly", "yours", "cheers", "thanks", "thank you", "many thanks", "thanks a lot", "thanks in advance", "thank you very much", "thx", "br", "kr", "respectfully", "cordially",
		"mit freundlichen grüßen", "mit freundlichem gruß", "mit freundlichen grüssen", "mit freundlichem gruss", "freundliche grüße", "freundliche grüsse", "freundlichen gruß", "freundlicher gruß", "viele grüße", "viele grüsse", "vielen gruß", "liebe grüße", "liebe grüsse", "beste grüße", "beste grüsse", "herzliche grüße", "herzliche grüsse", "schöne grüße", "grüße", "grüsse", "gruß", "gruss", "lg", "mfg", "vg", "hochachtungsvoll", "danke", "vielen dank", "danke schön", "dankeschön", "besten dank", "herzlichen dank", "vielen dank und freundliche grüße", "vielen dank im voraus", "danke und viele grüße", "mit besten grüßen", "danke im voraus",
		"gr", "grt", "grtz", "met groet", "dank", "mvrgr", "abs", "bjs", "abraços", "pozdr", "pzdr", "hälsn", "bg", "bien amicalement", "amicalement", "veuillez agréer madame monsieur mes salutations distinguées", "veuillez agréer mes salutations distinguées", "veuillez agréer madame monsieur l expression de mes salutations distinguées", "veuillez agréer l expression de mes salutations distinguées", "veuillez agréer madame monsieur l expression de mes sentiments distingués", "je vous prie d agréer madame monsieur mes salutations distinguées", "je vous prie d agréer madame monsieur l expression de mes salutations distinguées", "je vous prie d agréer mes salutations distinguées", "veuillez recevoir madame monsieur mes salutations distinguées", "reciban un cordial saludo", "reciba un cordial saludo", "un fuerte abrazo", "voglia gradire cordiali saluti", "porgo distinti saluti", "porgo cordiali saluti", "con i migliori saluti", "łączę wyrazy szacunku", "pozdrawiam cieplo",
		"cordialement", "bien cordialement", "très cordialement", "bien à vous", "sincères salutations", "salutations", "salutations distinguées", "meilleures salutations", "cdt", "cdlt", "merci", "merci beaucoup", "merci d avance", "merci bien", "je vous remercie", "bonne journée", "bonne soirée", "avec mes remerciements", "respectueusement",
		"saludos", "un saludo", "saludos cordiales", "cordiales saludos", "un cordial saludo", "atentamente", "muy atentamente", "cordialmente", "gracias", "muchas gracias", "gracias de antemano", "muchas gracias y un saludo", "atte", "un abrazo", "gracias y saludos", "gracias un saludo",
		"cordiali saluti", "distinti saluti", "saluti", "un saluto", "cordialità", "tanti saluti", "un cordiale saluto", "grazie", "grazie mille", "molte grazie", "grazie e saluti", "grazie in anticipo", "buona giornata", "buona serata",
		"met vriendelijke groet", "met vriendelijke groeten", "vriendelijke groet", "vriendelijke groeten", "hartelijke groet", "hartelijke groeten", "groet", "groeten", "groetjes", "mvg", "hoogachtend", "met hoogachting", "bedankt", "dank u", "dank u wel", "dank je", "dank je wel", "dankjewel", "alvast bedankt", "bij voorbaat dank", "hartelijk dank",
		"atenciosamente", "com os melhores cumprimentos", "melhores cumprimentos", "os meus cumprimentos", "cumprimentos", "cordialmente", "abraço", "abraços", "um abraço", "obrigado", "obrigada", "muito obrigado", "muito obrigada", "grato", "grata", "desde já obrigado", "desde já obrigada", "att", "respeitosamente", "saudações",
		"pozdrawiam", "z poważaniem", "z wyrazami szacunku", "pozdrowienia", "serdecznie pozdrawiam", "pozdrawiam serdecznie", "dziękuję", "dziekuje", "dzięki", "z góry dziękuję", "dziękuję i pozdrawiam", "bardzo dziękuję", "miłego dnia",
		"med vänliga hälsningar", "med vänlig hälsning", "vänliga hälsningar", "vänlig hälsning", "hälsningar", "bästa hälsningar", "mvh", "vh", "tack", "tack på förhand", "tack så mycket", "hälsar", "allt gott",
		"med venlig hilsen", "med venlige hilsner", "venlig hilsen", "venlige hilsner", "de bedste hilsner", "bedste hilsner", "mange hilsner", "hilsen", "mvh", "vh", "kh", "kærlig hilsen", "mange tak", "knus", "tak", "på forhånd tak", "tak på forhånd", "hav en god dag")
)

func phraseSet(phrases ...string) map[string]bool {
	s := make(map[string]bool, len(phrases))
	for _, p := range phrases {
		s[fold(plainWords(p))] = true
	}
	return s
}

// addressed are words that may follow a greeting besides names.
var addressed = phraseSet("team", "all", "everyone", "everybody", "there", "sir", "sirs", "madam", "or", "support", "zusammen", "damen", "und", "herren", "herr", "frau", "à", "tous", "toutes", "l", "équipe", "et", "a", "todos", "todas", "equipo", "señores", "señor", "señora", "y", "tutti", "signori", "signora", "signor", "e", "heer", "mevrouw", "meneer", "allemaal", "equipa", "equipe", "senhor", "senhora", "senhores", "srs", "sr", "sra", "państwo", "panie", "pani", "alla", "alle", "teamet", "the", "das", "support", "privacy", "datenschutz", "data", "protection", "kundenservice", "service")

// longestClosing is the number of words of the longest greeting or close.
const longestClosing = 11

// leading returns the number of words that the longest phrase of the set takes
// at the beginning of words, 0 if none does.
func leading(set map[string]bool, words []string) int {
	for n := min(len(words), longestClosing); n > 0; n-- {
		if set[strings.Join(words[:n], " ")] {
			return n
		}
	}
	return 0
}

// isGreeting reports a salutation alone on its line: "Dear Acme team,".
func isGreeting(text string) bool {
	if len(text) > 60 || limits(text) {
		return false
	}
	words := strings.Fields(fold(plainWords(text)))
	n := leading(greetings, words)
	if n == 0 {
		return false
	}
	for _, w := range after(text, n) {
		if !addressed[fold(plainWords(w))] && !isNameWord(w) {
			return false
		}
	}
	return true
}

// isClosing reports a complimentary close, alone or with a name after it.
func isClosing(text string) bool {
	if len(text) > 90 || limits(text) {
		return false
	}
	words := strings.Fields(fold(plainWords(text)))
	n := leading(closings, words)
	if n == 0 {
		return false
	}
	if n == len(words) {
		return true
	}
	return isNameLike(strings.Join(after(text, n), " "))
}

// after returns the words of text, as written, after those that hold its first
// n words as compared ("d'avance" is two of these).
func after(text string, n int) []string {
	raw := strings.Fields(text)
	for i, w := range raw {
		if n <= 0 {
			return raw[i:]
		}
		n -= len(strings.Fields(plainWords(w)))
	}
	return nil
}

// isNameLike reports a line of a signature: names and titles begin with
// capitals, the rest is numbers and addresses. A sentence does not look so.
func isNameLike(text string) bool {
	words := strings.Fields(text)
	if len(words) > 8 || len(text) > 80 || limitsName(text) {
		return false
	}
	// Where all is in capitals, capitals do not tell names from sentences.
	if len(words) > 2 && strings.ToUpper(text) == text && strings.ToLower(text) != text && !strings.ContainsAny(text, "0123456789@") {
		return false
	}
	for _, w := range words {
		if !isNameWord(w) && !nameParticles[strings.ToLower(strings.Trim(w, ",.|·-"))] {
			return false
		}
	}
	return true
}

var nameParticles = map[string]bool{"de": true, "da": true, "do": true, "dos": true, "das": true, "di": true, "del": true, "della": true, "la": true, "le": true, "van": true, "von": true, "der": true, "den": true, "het": true, "ten": true, "ter": true, "zu": true, "zum": true, "af": true, "av": true, "of": true, "and": true, "und": true, "et": true, "y": true, "e": true, "i": true, "og": true, "och": true, "&": true, "|": true, "-": true, "·": true, "•": true, "/": true, "tel": true, "fax": true, "mob": true, "": true}

func isNameWord(w string) bool {
	w = strings.Trim(w, "*_,.;:|()[]<>\"'·•-–—+/")
	if w == "" || strings.ContainsAny(w, "@") || strings.HasPrefix(w, "www.") || strings.HasPrefix(w, "http") {
		return true
	}
	first := []rune(w)[0]
	return unicode.IsUpper(first) || unicode.IsTitle(first) || unicode.IsDigit(first)
}

// confirmStems begin the words with which confirmation is asked for.
var confirmStems = []string{"confirm", "bestatig", "bestaetig", "conferm", "bevestig", "potwierdz", "bekraft", "bekraeft"}

// asksOther reports whether a paragraph asks something, and something else than
// to confirm an erasure.
func asksOther(paragraph string) bool {
	end := strings.LastIndexByte(paragraph, '?')
	if end < 0 {
		return false
	}
	sentence := paragraph[strings.LastIndexAny(paragraph[:end], ".!?:")+1 : end]
	if vetoed(sentence) {
		return true
	}
	for _, w := range strings.Fields(fold(plainWords(sentence))) {
		for _, stem := range confirmStems {
			if strings.HasPrefix(w, stem) {
				return false
			}
		}
		for _, s := range signIndex().verbs(w) {
			if s.right == dsr.Erasure {
				return false
			}
		}
	}
	return true
}

// vetoWords are words that can turn, limit or doubt a yes, in every language
// that Habeas reads. What is cut off must hold none of them.
var vetoWords = phraseSet(
	"not", "no", "don t", "dont", "didn t", "doesn t", "won t", "can t", "cannot", "never", "nothing", "nobody", "none", "but", "except", "only", "unless", "until", "if", "however", "although", "though", "without", "keep", "cancel", "stop", "wait", "hold", "first", "before", "after", "instead", "rather", "ps", "p s", "undo", "revoke", "withdraw", "retain", "preserve", "leave", "save", "joke", "joking", "kidding", "wrong", "mistake", "exclude", "excluded", "excluding", "apart", "besides", "remain", "remains", "stay", "stays", "partly", "partially", "?",
	"nicht", "kein", "keine", "keinen", "keiner", "keinem", "nie", "niemals", "nichts", "aber", "außer", "ausser", "nur", "wenn", "falls", "sofern", "jedoch", "allerdings", "erst", "bevor", "bis", "ohne", "sondern", "behalten", "behaltet", "aufbewahren", "warten", "warte", "stopp", "abbrechen", "doch", "nein", "solange", "vorher", "zuerst", "irrtum", "widerrufe", "ausgenommen", "ausgeschlossen", "abgesehen", "bleiben", "bleibt", "teilweise",
	"pas", "non", "ne", "jamais", "rien", "aucun", "aucune", "mais", "sauf", "seulement", "si", "cependant", "avant", "sans", "garder", "gardez", "conserver", "conservez", "attendre", "attendez", "annuler", "annulez", "excepté", "hormis", "toutefois", "d abord", "plutôt", "exclure", "exclu", "exclues", "restent", "reste", "partiellement",
	"nunca", "nada", "pero", "excepto", "salvo", "solo", "sólo", "solamente", "sin embargo", "antes", "sin", "conservar", "conserven", "guardar", "guarden", "esperar", "espere", "cancelar", "aunque", "menos", "hasta", "tampoco", "sino",
	"mai", "niente", "nulla", "ma", "però", "tranne", "eccetto", "solo", "soltanto", "se", "tuttavia", "prima", "senza", "conservare", "conservate", "tenere", "tenete", "aspettare", "aspettate", "annullare", "annulla", "anziché", "finché",
	"niet", "geen", "nooit", "niets", "maar", "behalve", "alleen", "enkel", "als", "tenzij", "echter", "eerst", "voordat", "zonder", "bewaren", "bewaar", "houden", "wachten", "wacht", "annuleren", "nee", "toch", "tot", "mits",
	"não", "nao", "nem", "mas", "exceto", "apenas", "somente", "só", "porém", "antes", "sem", "manter", "mantenham", "guardem", "espere", "aguarde", "caso", "embora", "até", "todavia", "contudo",
	"nie", "nigdy", "nic", "ale", "lecz", "oprócz", "poza", "tylko", "jeśli", "jeżeli", "jednak", "najpierw", "zanim", "bez", "zachować", "zachowajcie", "zostawić", "zostawcie", "czekać", "poczekaj", "czekajcie", "anuluj", "chyba że", "dopóki", "gdyby",
	"inte", "ej", "icke", "aldrig", "inget", "ingen", "men", "utom", "förutom", "bara", "endast", "om", "dock", "först", "innan", "utan", "behåll", "behålla", "spara", "vänta", "avbryt", "nej", "såvida", "tills",
	"ikke", "aldrig", "intet", "ingen", "undtagen", "kun", "hvis", "dog", "først", "inden", "uden", "behold", "beholde", "gem", "vent", "annuller", "afbryd", "medmindre", "indtil", "bortset")

// vetoed reports whether text holds a word that could turn a yes.
func vetoed(text string) bool {
	words := strings.Fields(fold(plainWords(text)))
	for i, w := range words {
		if vetoWords[w] || i+1 < len(words) && vetoWords[w+" "+words[i+1]] {
			return true
		}
	}
	return false
}
