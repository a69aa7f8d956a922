package reply

// locale is how mail clients write in one language.
type locale struct {
	tag string
	// sent is the mail of ours that is answered.
	sentSubject, sent string
	// Attributions as the clients write them; %s is the sender with address.
	gmail, apple, thunderbird, proton string
	// labels of a header block: from, sent, to, subject; and its date.
	from, date, to, subject, when string
	original                      string // "-----Original Message-----"
	// Tails of apps.
	iphone, outlook, samsung, yahoo, gmx, windows string
	rePrefix                                      string
	hello, close, name                            string
}

const (
	own    = "Acme Privacy <privacy+c.abcdefghijklmnopqrstuvwxyz@acme.test>"
	sentTo = "kim.sample@example.org"
	token  = "abcdefghijklmnopqrstuvwxyz"
)

var locales = []locale{
	{"en", "Please confirm the deletion of your account", "Hello,\n\non 3 November 2026 somebody asked us to delete the account \"kim\" and all the personal data in it. Nothing will be deleted unless you say so.\n\nTo confirm, answer this mail with:\n\nYES, DELETE\n\nIf you do not want this, answer NO. If you do not answer until 24 November 2026, nothing will be deleted. Invoices must be kept for ten years, but only those. Do you have questions? Write to privacy@acme.test.\n\nAcme Ltd, Data Protection\n",
		"On Tue, Nov 3, 2026 at 10:11 AM %s wrote:", "On 3 Nov 2026, at 10:11, %s wrote:", "On 03/11/2026 10:11, %s wrote:", "On Tuesday, November 3rd, 2026 at 10:11 AM, %s wrote:",
		"From", "Sent", "To", "Subject", "Tuesday, November 3, 2026 10:11 AM", "-----Original Message-----",
		"Sent from my iPhone", "Get Outlook for iOS<https://aka.ms/o0ukef>", "Sent from my Galaxy", "Sent from Yahoo Mail on Android", "Sent using the mobile mail app of GMX", "Sent from Mail for Windows", "Re: ", "Dear Acme team,", "Kind regards", "Kim Sample"},
	{"de", "Bitte bestätigen Sie die Löschung Ihres Kontos", "Guten Tag,\n\nam 3. November 2026 hat jemand verlangt, das Konto „kim“ und alle personenbezogenen Daten darin zu löschen. Gelöscht wird nur, wenn Sie es bestätigen.\n\nZum Bestätigen antworten Sie bitte mit:\n\nJA, LÖSCHEN\n\nMöchten Sie das nicht, antworten Sie NEIN. Antworten Sie bis zum 24. November 2026 nicht, wird nichts gelöscht. Rechnungen müssen zehn Jahre aufbewahrt werden, aber nur diese. Haben Sie Fragen? Schreiben Sie an privacy@acme.test.\n\nAcme GmbH, Datenschutz\n",
		"Am Di., 3. Nov. 2026 um 10:11 Uhr schrieb %s:", "Am 03.11.2026 um 10:11 schrieb %s:", "Am 03.11.26 um 10:11 schrieb %s:", "Am Dienstag, 3. November 2026 um 10:11 schrieb %s:",
		"Von", "Gesendet", "An", "Betreff", "Dienstag, 3. November 2026 10:11", "-----Ursprüngliche Nachricht-----",
		"Von meinem iPhone gesendet", "Outlook für iOS<https://aka.ms/o0ukef> beziehen", "Von meinem Samsung Galaxy Smartphone gesendet.", "Gesendet von Yahoo Mail auf Android", "Gesendet mit der GMX Mail App", "Gesendet von Mail für Windows", "AW: ", "Sehr geehrte Damen und Herren,", "Mit freundlichen Grüßen", "Kim Sample"},
	{"fr", "Veuillez confirmer la suppression de votre compte", "Bonjour,\n\nle 3 novembre 2026, quelqu'un nous a demandé de supprimer le compte « kim » et toutes les données personnelles qu'il contient. Rien ne sera supprimé sans votre accord.\n\nPour confirmer, répondez à ce message par :\n\nOUI, SUPPRIMER\n\nSi vous ne le souhaitez pas, répondez NON. Sans réponse avant le 24 novembre 2026, rien ne sera supprimé. Les factures doivent être conservées dix ans, mais elles seules. Des questions ? Écrivez à privacy@acme.test.\n\nAcme SA, protection des données\n",
		"Le mar. 3 nov. 2026 à 10:11, %s a écrit :", "Le 3 nov. 2026 à 10:11, %s a écrit :", "Le 03/11/2026 à 10:11, %s a écrit :", "Le mardi 3 novembre 2026 à 10:11, %s a écrit :",
		"De", "Envoyé", "À", "Objet", "mardi 3 novembre 2026 10:11", "-----Message d'origine-----",
		"Envoyé de mon iPhone", "Télécharger Outlook pour iOS<https://aka.ms/o0ukef>", "Envoyé depuis mon appareil Galaxy", "Envoyé depuis Yahoo Mail pour Android", "Envoyé avec l'application mobile GMX", "Provenance : Courrier pour Windows", "Re : ", "Bonjour Madame, Monsieur,", "Cordialement", "Kim Sample"},
	{"es", "Confirme la eliminación de su cuenta", "Buenos días:\n\nel 3 de noviembre de 2026 alguien nos pidió eliminar la cuenta «kim» y todos los datos personales que contiene. No se eliminará nada sin su confirmación.\n\nPara confirmar, responda a este mensaje con:\n\nSÍ, ELIMINAR\n\nSi no lo desea, responda NO. Si no responde antes del 24 de noviembre de 2026, no se eliminará nada. Las facturas deben conservarse diez años, pero solo ellas. ¿Tiene preguntas? Escriba a privacy@acme.test.\n\nAcme S.A., protección de datos\n",
		"El mar, 3 nov 2026 a las 10:11, %s escribió:", "El 3 nov 2026, a las 10:11, %s escribió:", "El 03/11/2026 a las 10:11, %s escribió:", "El martes, 3 de noviembre de 2026 a las 10:11, %s escribió:",
		"De", "Enviado", "Para", "Asunto", "martes, 3 de noviembre de 2026 10:11", "-----Mensaje original-----",
		"Enviado desde mi iPhone", "Obtener Outlook para iOS<https://aka.ms/o0ukef>", "Enviado desde mi Galaxy", "Enviado desde Yahoo Mail para Android", "Enviado con la aplicación móvil de GMX", "Enviado desde Correo para Windows", "RE: ", "Estimados señores:", "Un saludo", "Kim Sample"},
	{"it", "Confermi la cancellazione del suo account", "Buongiorno,\n\nil 3 novembre 2026 qualcuno ci ha chiesto di cancellare l'account «kim» e tutti i dati personali che contiene. Nulla sarà cancellato senza la sua conferma.\n\nPer confermare risponda a questo messaggio con:\n\nSÌ, CANCELLARE\n\nSe non lo desidera, risponda NO. Senza risposta entro il 24 novembre 2026 nulla sarà cancellato. Le fatture devono essere conservate dieci anni, ma solo quelle. Ha domande? Scriva a privacy@acme.test.\n\nAcme Srl, protezione dei dati\n",
		"Il giorno mar 3 nov 2026 alle ore 10:11 %s ha scritto:", "Il giorno 3 nov 2026, alle ore 10:11, %s ha scritto:", "Il 03/11/2026 10:11, %s ha scritto:", "Il martedì 3 novembre 2026 10:11, %s ha scritto:",
		"Da", "Inviato", "A", "Oggetto", "martedì 3 novembre 2026 10:11", "-----Messaggio originale-----",
		"Inviato da iPhone", "Scarica Outlook per iOS<https://aka.ms/o0ukef>", "Inviato dal mio Galaxy", "Inviato da Yahoo Mail su Android", "Inviato con l'app GMX Mail", "Inviato da Posta per Windows", "R: ", "Gentili Signori,", "Cordiali saluti", "Kim Sample"},
	{"nl", "Bevestig de verwijdering van uw account", "Goedendag,\n\nop 3 november 2026 vroeg iemand ons het account \"kim\" en alle persoonsgegevens daarin te verwijderen. Zonder uw bevestiging wordt er niets verwijderd.\n\nOm te bevestigen antwoordt u op deze mail met:\n\nJA, VERWIJDEREN\n\nWilt u dit niet, antwoord dan NEE. Zonder antwoord voor 24 november 2026 wordt er niets verwijderd. Facturen moeten tien jaar bewaard worden, maar alleen die. Heeft u vragen? Schrijf naar privacy@acme.test.\n\nAcme BV, gegevensbescherming\n",
		"Op di 3 nov 2026 om 10:11 schreef %s:", "Op 3 nov 2026 om 10:11 heeft %s het volgende geschreven:", "Op 03-11-2026 om 10:11 schreef %s:", "Op dinsdag 3 november 2026 om 10:11 schreef %s:",
		"Van", "Verzonden", "Aan", "Onderwerp", "dinsdag 3 november 2026 10:11", "-----Oorspronkelijk bericht-----",
		"Verstuurd vanaf mijn iPhone", "Download Outlook voor iOS<https://aka.ms/o0ukef>", "Verzonden vanaf mijn Galaxy", "Verzonden vanuit Yahoo Mail op Android", "Verstuurd met de GMX Mail-app", "Verzonden vanuit Mail voor Windows", "Antw: ", "Geachte heer, mevrouw,", "Met vriendelijke groet", "Kim Sample"},
	{"pt", "Confirme a eliminação da sua conta", "Bom dia,\n\na 3 de novembro de 2026 alguém nos pediu para eliminar a conta \"kim\" e todos os dados pessoais nela contidos. Nada será eliminado sem a sua confirmação.\n\nPara confirmar, responda a esta mensagem com:\n\nSIM, ELIMINAR\n\nSe não quiser, responda NÃO. Sem resposta até 24 de novembro de 2026, nada será eliminado. As faturas têm de ser conservadas dez anos, mas apenas essas. Tem perguntas? Escreva para privacy@acme.test.\n\nAcme Lda, proteção de dados\n",
		"Em ter., 3 de nov. de 2026 às 10:11, %s escreveu:", "No dia 3/11/2026, às 10:11, %s escreveu:", "Em 03/11/2026 10:11, %s escreveu:", "Em terça-feira, 3 de novembro de 2026 às 10:11, %s escreveu:",
		"De", "Enviado", "Para", "Assunto", "terça-feira, 3 de novembro de 2026 10:11", "-----Mensagem original-----",
		"Enviado do meu iPhone", "Obter o Outlook para iOS<https://aka.ms/o0ukef>", "Enviado do meu Galaxy", "Enviado do Yahoo Mail para Android", "Enviado com a aplicação GMX Mail", "Enviado do Correio para Windows", "RES: ", "Exmos. Senhores,", "Com os melhores cumprimentos", "Kim Sample"},
	{"pl", "Prosimy o potwierdzenie usunięcia konta", "Dzień dobry,\n\n3 listopada 2026 r. ktoś poprosił nas o usunięcie konta „kim” i wszystkich danych osobowych na nim zapisanych. Bez Państwa potwierdzenia nic nie zostanie usunięte.\n\nAby potwierdzić, proszę odpowiedzieć na tę wiadomość:\n\nTAK, USUŃ\n\nJeśli Państwo tego nie chcą, proszę odpowiedzieć NIE. Bez odpowiedzi do 24 listopada 2026 r. nic nie zostanie usunięte. Faktury musimy przechowywać dziesięć lat, ale tylko je. Mają Państwo pytania? Proszę pisać na privacy@acme.test.\n\nAcme sp. z o.o., ochrona danych\n",
		"wt., 3 lis 2026 o 10:11 %s napisał(a):", "Wiadomość napisana przez %s w dniu 3 lis 2026, o godz. 10:11:", "W dniu 3.11.2026 o 10:11, %s pisze:", "wtorek, 3 listopada 2026 10:11, %s napisał(a):",
		"Od", "Wysłano", "Do", "Temat", "wtorek, 3 listopada 2026 10:11", "-----Oryginalna wiadomość-----",
		"Wysłane z iPhone'a", "Pobierz aplikację Outlook dla systemu iOS<https://aka.ms/o0ukef>", "Wysłane z urządzenia Galaxy", "Wysłane z aplikacji Yahoo Mail na Androida", "Wysłano z aplikacji GMX Mail", "Wysłane z aplikacji Poczta dla systemu Windows", "Odp: ", "Szanowni Państwo,", "Z poważaniem", "Kim Sample"},
	{"sv", "Bekräfta raderingen av ditt konto", "Hej,\n\nden 3 november 2026 bad någon oss att radera kontot \"kim\" och alla personuppgifter i det. Inget raderas utan din bekräftelse.\n\nFör att bekräfta svarar du på detta mejl med:\n\nJA, RADERA\n\nVill du inte det svarar du NEJ. Utan svar före den 24 november 2026 raderas inget. Fakturor måste sparas i tio år, men bara de. Har du frågor? Skriv till privacy@acme.test.\n\nAcme AB, dataskydd\n",
		"Den tis 3 nov. 2026 kl 10:11 skrev %s:", "3 nov. 2026 kl. 10:11 skrev %s:", "Den 2026-11-03 kl. 10:11, skrev %s:", "Den tisdag 3 november 2026 kl. 10:11 skrev %s:",
		"Från", "Skickat", "Till", "Ämne", "den 3 november 2026 10:11", "-----Ursprungligt meddelande-----",
		"Skickat från min iPhone", "Skaffa Outlook för iOS<https://aka.ms/o0ukef>", "Skickat från min Galaxy", "Skickat från Yahoo Mail på Android", "Skickat med GMX Mail-appen", "Skickades från E-post för Windows", "SV: ", "Hej Acme,", "Med vänliga hälsningar", "Kim Sample"},
	{"da", "Bekræft sletningen af din konto", "Goddag,\n\nden 3. november 2026 bad nogen os om at slette kontoen \"kim\" og alle personoplysninger i den. Intet slettes uden din bekræftelse.\n\nFor at bekræfte svarer du på denne mail med:\n\nJA, SLET\n\nØnsker du det ikke, svarer du NEJ. Uden svar inden den 24. november 2026 slettes intet. Fakturaer skal opbevares i ti år, men kun dem. Har du spørgsmål? Skriv til privacy@acme.test.\n\nAcme ApS, databeskyttelse\n",
		"Den tirs. 3. nov. 2026 kl. 10.11 skrev %s:", "Den 3. nov. 2026 kl. 10.11 skrev %s:", "Den 03-11-2026 kl. 10:11 skrev %s:", "Den tirsdag den 3. november 2026 kl. 10.11 skrev %s:",
		"Fra", "Sendt", "Til", "Emne", "3. november 2026 10:11", "-----Oprindelig meddelelse-----",
		"Sendt fra min iPhone", "Hent Outlook til iOS<https://aka.ms/o0ukef>", "Sendt fra min Galaxy", "Sendt fra Yahoo Mail på Android", "Sendt med GMX Mail-appen", "Sendt fra Mail til Windows", "SV: ", "Kære Acme,", "Med venlig hilsen", "Kim Sample"},
}
