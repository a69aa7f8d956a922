package reply

import "github.com/soffiah/habeas/internal/dsr"

// rightSign is how one right is invoked in one language: phrases that name it,
// and verbs that mean it next to one of the objects. Entries are folded; in
// verbs and objects "*" stands for any ending.
type rightSign struct {
	right          dsr.Right
	language       string
	phrases        []string
	verbs, objects []string
}

var ownData = map[string][]string{
	"en": {"data", "account", "information", "profile", "details", "everything", "records"},
	"de": {"daten", "konto", "account", "benutzerkonto", "profil", "informationen", "kundenkonto", "personenbezogen*"},
	"fr": {"donnees", "compte", "profil", "informations"},
	"es": {"datos", "cuenta", "perfil", "informacion"},
	"it": {"dati", "account", "profilo", "informazioni", "conto"},
	"nl": {"gegevens", "account", "profiel", "persoonsgegevens", "data", "informatie"},
	"pt": {"dados", "conta", "perfil", "informacoes"},
	"pl": {"dane", "danych", "konto", "konta", "profil", "profilu", "danymi"},
	"sv": {"uppgifter", "data", "konto", "kontot", "profil", "personuppgifter", "information"},
	"da": {"oplysninger", "data", "konto", "kontoen", "profil", "personoplysninger", "persondata"},
}

// articles are the rights by their articles in the GDPR.
var articles = map[string]dsr.Right{
	"15": dsr.Access, "16": dsr.Rectification, "17": dsr.Erasure, "18": dsr.Restriction,
	"20": dsr.Portability, "21": dsr.Objection, "22": dsr.AutomatedDecisions,
}

// articleWords stand before the number, lawNames close after it.
var (
	articleWords = phraseSet("article", "art", "artikel", "articolo", "articulo", "artigo", "artykul", "artykulu")
	lawNames     = phraseSet("gdpr", "dsgvo", "ds", "rgpd", "avg", "rodo", "dataskyddsforordningen", "databeskyttelsesforordningen", "2016", "regulation", "verordnung", "verordening", "reglement", "reglamento", "regolamento", "regulamento", "rozporzadzenia", "ue", "eu")
)

// namedRights are the signs of each right in each language. Objects are those
// of ownData where none are given.
var namedRights = []rightSign{
	{dsr.Erasure, "en", []string{"right to be forgotten", "right to erasure", "right of erasure", "data erasure request", "erasure request", "deletion request", "data deletion request", "account deletion"}, []string{"delete", "deleted", "deletion", "erase", "erased", "erasure", "remove", "removed", "removal", "close", "wipe"}, nil},
	{dsr.Erasure, "de", []string{"recht auf vergessenwerden", "recht auf loschung", "loschantrag", "antrag auf loschung", "loschung meiner daten", "loschersuchen", "kontoloschung", "datenloschung", "loschbegehren"}, []string{"losch*", "loesch*", "geloscht", "entfernen", "entfernt"}, nil},
	{dsr.Erasure, "fr", []string{"droit a l oubli", "droit a l effacement", "demande d effacement", "demande de suppression"}, []string{"supprim*", "suppression", "effac*", "cloturer", "cloturez"}, nil},
	{dsr.Erasure, "es", []string{"derecho al olvido", "derecho de supresion", "solicitud de supresion", "solicitud de eliminacion", "derecho de cancelacion"}, []string{"elimin*", "borr*", "suprim*", "supresion"}, nil},
	{dsr.Erasure, "it", []string{"diritto all oblio", "diritto alla cancellazione", "richiesta di cancellazione"}, []string{"cancell*", "elimin*", "rimuov*", "rimozione"}, nil},
	{dsr.Erasure, "nl", []string{"recht op vergetelheid", "recht om vergeten te worden", "recht op gegevenswissing", "verwijderverzoek", "verzoek tot verwijdering"}, []string{"verwijder*", "wis", "wissen", "gewist", "opheffen"}, nil},
	{dsr.Erasure, "pt", []string{"direito ao esquecimento", "direito ao apagamento", "pedido de apagamento", "pedido de eliminacao", "pedido de exclusao", "direito a eliminacao"}, []string{"apag*", "elimin*", "exclu*", "remov*", "remocao"}, nil},
	{dsr.Erasure, "pl", []string{"prawo do bycia zapomnianym", "prawo do usuniecia", "wniosek o usuniecie", "zadanie usuniecia"}, []string{"usun*", "usuw*", "skasow*", "kasow*"}, nil},
	{dsr.Erasure, "sv", []string{"ratten att bli bortglomd", "ratt till radering", "begaran om radering", "raderingsbegaran"}, []string{"rader*", "bort", "avsluta"}, nil},
	{dsr.Erasure, "da", []string{"retten til at blive glemt", "ret til sletning", "anmodning om sletning", "sletteanmodning"}, []string{"slet", "slette*", "fjern*"}, nil},

	{dsr.Access, "en", []string{"subject access request", "data subject access request", "right of access", "access request", "dsar", "copy of my data", "copy of my personal data", "copy of all my data", "copy of all data", "what data you hold", "what data do you hold", "what personal data you hold", "what information you hold", "data you hold about me", "data you have about me", "information you hold about me", "access to my personal data", "access to my data"}, nil, nil},
	{dsr.Access, "de", []string{"auskunft uber meine daten", "recht auf auskunft", "auskunftsersuchen", "auskunftsanfrage", "auskunftsantrag", "datenauskunft", "selbstauskunft", "kopie meiner daten", "kopie meiner personenbezogenen daten", "welche daten sie uber mich", "welche daten uber mich", "auskunft daruber welche"}, []string{"auskunft", "auskunfte"}, nil},
	{dsr.Access, "fr", []string{"droit d acces", "demande d acces", "copie de mes donnees", "copie de toutes mes donnees", "acces a mes donnees", "quelles donnees vous", "quelles donnees"}, nil, nil},
	{dsr.Access, "es", []string{"derecho de acceso", "solicitud de acceso", "copia de mis datos", "copia de todos mis datos", "acceso a mis datos", "que datos tienen", "que datos personales"}, nil, nil},
	{dsr.Access, "it", []string{"diritto di accesso", "richiesta di accesso", "copia dei miei dati", "copia di tutti i miei dati", "accesso ai miei dati", "accedere ai miei dati", "quali dati"}, nil, nil},
	{dsr.Access, "nl", []string{"recht op inzage", "inzageverzoek", "verzoek tot inzage", "inzage in mijn gegevens", "inzage in mijn persoonsgegevens", "kopie van mijn gegevens", "welke gegevens"}, []string{"inzage", "inzien"}, nil},
	{dsr.Access, "pt", []string{"direito de acesso", "pedido de acesso", "copia dos meus dados", "copia de todos os meus dados", "acesso aos meus dados", "que dados", "quais dados"}, nil, nil},
	{dsr.Access, "pl", []string{"prawo dostepu", "dostep do moich danych", "dostepu do moich danych", "kopia moich danych", "kopie moich danych", "kopii moich danych", "jakie dane"}, nil, nil},
	{dsr.Access, "sv", []string{"ratt till tillgang", "registerutdrag", "kopia pa mina uppgifter", "kopia av mina uppgifter", "tillgang till mina uppgifter", "vilka uppgifter", "tillgang till mina personuppgifter"}, nil, nil},
	{dsr.Access, "da", []string{"ret til indsigt", "indsigtsanmodning", "indsigt i mine oplysninger", "indsigt i mine data", "kopi af mine data", "kopi af mine oplysninger", "hvilke oplysninger", "anmodning om indsigt"}, []string{"indsigt"}, nil},

	{dsr.Rectification, "en", []string{"right to rectification", "rectification request"}, []string{"rectify", "rectification", "correct", "correction", "amend"}, []string{"data", "address", "name", "information", "details", "records"}},
	{dsr.Rectification, "de", []string{"recht auf berichtigung", "antrag auf berichtigung"}, []string{"berichtig*", "korrigier*", "richtigstell*"}, []string{"daten", "adresse", "anschrift", "name", "namen", "angaben"}},
	{dsr.Rectification, "fr", []string{"droit de rectification", "demande de rectification"}, []string{"rectifi*", "corrig*"}, []string{"donnees", "adresse", "nom", "informations"}},
	{dsr.Rectification, "es", []string{"derecho de rectificacion", "solicitud de rectificacion"}, []string{"rectific*", "corrij*", "corregir"}, []string{"datos", "direccion", "nombre", "informacion"}},
	{dsr.Rectification, "it", []string{"diritto di rettifica", "richiesta di rettifica"}, []string{"rettific*", "corregg*"}, []string{"dati", "indirizzo", "nome", "informazioni"}},
	{dsr.Rectification, "nl", []string{"recht op rectificatie", "verzoek tot rectificatie"}, []string{"rectific*", "corrig*", "verbeter*"}, []string{"gegevens", "adres", "naam"}},
	{dsr.Rectification, "pt", []string{"direito de retificacao", "pedido de retificacao"}, []string{"retific*", "corrig*", "correcao"}, []string{"dados", "endereco", "morada", "nome"}},
	{dsr.Rectification, "pl", []string{"prawo do sprostowania", "sprostowanie danych"}, []string{"sprostow*", "popraw*", "skorygow*"}, []string{"dane", "danych", "adres", "nazwisko"}},
	{dsr.Rectification, "sv", []string{"ratt till rattelse", "begaran om rattelse"}, []string{"ratta", "rattelse", "korriger*"}, []string{"uppgifter", "adress", "namn"}},
	{dsr.Rectification, "da", []string{"ret til berigtigelse", "anmodning om berigtigelse"}, []string{"berigtig*", "rette", "ret", "korriger*"}, []string{"oplysninger", "adresse", "navn"}},

	{dsr.Portability, "en", []string{"data portability", "right to portability", "machine readable", "export of my data", "export my data"}, []string{"transfer", "port"}, []string{"data"}},
	{dsr.Portability, "de", []string{"datenubertragbarkeit", "datenportabilitat", "maschinenlesbaren format", "maschinenlesbar"}, []string{"ubertrag*"}, []string{"daten"}},
	{dsr.Portability, "fr", []string{"droit a la portabilite", "portabilite de mes donnees", "portabilite des donnees"}, []string{"portabilite", "transferer"}, []string{"donnees"}},
	{dsr.Portability, "es", []string{"derecho a la portabilidad", "portabilidad de mis datos", "portabilidad de los datos"}, []string{"portabilidad"}, []string{"datos"}},
	{dsr.Portability, "it", []string{"diritto alla portabilita", "portabilita dei dati", "portabilita dei miei dati"}, []string{"portabilita"}, []string{"dati"}},
	{dsr.Portability, "nl", []string{"dataportabiliteit", "overdraagbaarheid van gegevens", "recht op overdraagbaarheid"}, []string{"overdra*"}, []string{"gegevens", "data"}},
	{dsr.Portability, "pt", []string{"direito a portabilidade", "direito de portabilidade", "portabilidade dos dados", "portabilidade dos meus dados"}, []string{"portabilidade"}, []string{"dados"}},
	{dsr.Portability, "pl", []string{"prawo do przenoszenia", "przenoszenia danych", "przeniesienie danych"}, []string{"przenies*", "przenosz*"}, []string{"dane", "danych"}},
	{dsr.Portability, "sv", []string{"dataportabilitet", "ratt till dataportabilitet"}, []string{"overfor*"}, []string{"uppgifter", "data"}},
	{dsr.Portability, "da", []string{"dataportabilitet", "ret til dataportabilitet"}, []string{"overfor*"}, []string{"oplysninger", "data"}},

	{dsr.Restriction, "en", []string{"right to restriction", "restriction of processing", "restrict the processing", "restrict processing", "restrict my data"}, nil, nil},
	{dsr.Restriction, "de", []string{"einschrankung der verarbeitung", "recht auf einschrankung", "verarbeitung einschranken", "verarbeitung einzuschranken"}, nil, nil},
	{dsr.Restriction, "fr", []string{"limitation du traitement", "droit a la limitation", "limiter le traitement"}, nil, nil},
	{dsr.Restriction, "es", []string{"limitacion del tratamiento", "derecho a la limitacion", "limitar el tratamiento"}, nil, nil},
	{dsr.Restriction, "it", []string{"limitazione del trattamento", "diritto di limitazione", "limitare il trattamento"}, nil, nil},
	{dsr.Restriction, "nl", []string{"beperking van de verwerking", "recht op beperking", "verwerking te beperken", "verwerking beperken"}, nil, nil},
	{dsr.Restriction, "pt", []string{"limitacao do tratamento", "direito a limitacao", "limitar o tratamento"}, nil, nil},
	{dsr.Restriction, "pl", []string{"ograniczenie przetwarzania", "ograniczenia przetwarzania", "prawo do ograniczenia"}, nil, nil},
	{dsr.Restriction, "sv", []string{"begransning av behandling", "begransning av behandlingen", "begransa behandlingen"}, nil, nil},
	{dsr.Restriction, "da", []string{"begraensning af behandling", "begraensning af behandlingen", "begraense behandlingen"}, nil, nil},

	{dsr.Objection, "en", []string{"object to the processing", "object to processing", "right to object", "object to the use", "object to direct marketing", "stop processing my data", "stop processing my personal data", "stop using my data"}, nil, nil},
	{dsr.Objection, "de", []string{"widerspruch gegen die verarbeitung", "widerspreche der verarbeitung", "widerspreche hiermit der verarbeitung", "widerspruchsrecht", "widerspreche der nutzung", "widerspruch gegen direktwerbung", "widerspreche der verwendung"}, nil, nil},
	{dsr.Objection, "fr", []string{"droit d opposition", "m oppose au traitement", "opposition au traitement", "m opposer au traitement"}, nil, nil},
	{dsr.Objection, "es", []string{"derecho de oposicion", "me opongo al tratamiento", "oposicion al tratamiento"}, nil, nil},
	{dsr.Objection, "it", []string{"diritto di opposizione", "mi oppongo al trattamento", "opposizione al trattamento", "oppormi al trattamento"}, nil, nil},
	{dsr.Objection, "nl", []string{"recht van bezwaar", "bezwaar tegen de verwerking", "bezwaar maken tegen"}, nil, nil},
	{dsr.Objection, "pt", []string{"direito de oposicao", "oponho me ao tratamento", "me oponho ao tratamento", "opor me ao tratamento"}, nil, nil},
	{dsr.Objection, "pl", []string{"prawo sprzeciwu", "sprzeciw wobec przetwarzania", "sprzeciwiam sie przetwarzaniu", "wnosze sprzeciw"}, nil, nil},
	{dsr.Objection, "sv", []string{"ratt att invanda", "invander mot behandlingen", "invandning mot behandling", "motsatter mig behandlingen"}, nil, nil},
	{dsr.Objection, "da", []string{"ret til indsigelse", "indsigelse mod behandlingen", "gor indsigelse mod", "indsigelse mod behandling"}, nil, nil},

	{dsr.ConsentWithdrawal, "en", []string{"withdraw my consent", "revoke my consent", "withdrawal of consent", "withdraw consent"}, nil, nil},
	{dsr.ConsentWithdrawal, "de", []string{"widerrufe meine einwilligung", "widerruf meiner einwilligung", "widerrufe hiermit meine einwilligung", "einwilligung widerrufen", "ziehe meine einwilligung zuruck"}, nil, nil},
	{dsr.ConsentWithdrawal, "fr", []string{"retire mon consentement", "retirer mon consentement", "retrait de mon consentement", "revoque mon consentement"}, nil, nil},
	{dsr.ConsentWithdrawal, "es", []string{"retiro mi consentimiento", "retirar mi consentimiento", "revoco mi consentimiento", "revocar mi consentimiento"}, nil, nil},
	{dsr.ConsentWithdrawal, "it", []string{"revoco il mio consenso", "revocare il mio consenso", "revoca del consenso", "ritiro il mio consenso"}, nil, nil},
	{dsr.ConsentWithdrawal, "nl", []string{"trek mijn toestemming in", "toestemming intrekken", "mijn toestemming in te trekken"}, nil, nil},
	{dsr.ConsentWithdrawal, "pt", []string{"retiro o meu consentimento", "retirar o meu consentimento", "retiro meu consentimento", "revogo o meu consentimento", "revogo meu consentimento", "retirar meu consentimento"}, nil, nil},
	{dsr.ConsentWithdrawal, "pl", []string{"wycofuje zgode", "wycofuje moja zgode", "cofam zgode", "wycofanie zgody", "wycofac zgode"}, nil, nil},
	{dsr.ConsentWithdrawal, "sv", []string{"aterkallar mitt samtycke", "aterkalla mitt samtycke", "drar tillbaka mitt samtycke"}, nil, nil},
	{dsr.ConsentWithdrawal, "da", []string{"traekker mit samtykke tilbage", "traekke mit samtykke tilbage", "tilbagekalder mit samtykke"}, nil, nil},

	{dsr.AutomatedDecisions, "en", []string{"automated decision", "automated decision making", "automated individual decision", "human review of the decision"}, nil, nil},
	{dsr.AutomatedDecisions, "de", []string{"automatisierte entscheidung", "automatisierten entscheidung", "automatisierte einzelentscheidung"}, nil, nil},
	{dsr.AutomatedDecisions, "fr", []string{"decision automatisee", "decisions automatisees"}, nil, nil},
	{dsr.AutomatedDecisions, "es", []string{"decision automatizada", "decisiones automatizadas"}, nil, nil},
	{dsr.AutomatedDecisions, "it", []string{"decisione automatizzata", "decisioni automatizzate", "processo decisionale automatizzato"}, nil, nil},
	{dsr.AutomatedDecisions, "nl", []string{"geautomatiseerde besluitvorming", "geautomatiseerd besluit"}, nil, nil},
	{dsr.AutomatedDecisions, "pt", []string{"decisao automatizada", "decisoes automatizadas"}, nil, nil},
	{dsr.AutomatedDecisions, "pl", []string{"zautomatyzowana decyzja", "zautomatyzowane podejmowanie decyzji", "zautomatyzowanej decyzji"}, nil, nil},
	{dsr.AutomatedDecisions, "sv", []string{"automatiserat beslut", "automatiserade beslut"}, nil, nil},
	{dsr.AutomatedDecisions, "da", []string{"automatisk afgorelse", "automatiske afgorelser"}, nil, nil},
}
