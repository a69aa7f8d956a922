package soffiah

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/person"
)

// Account is the holder of an account with all that identifies them.
type Account struct {
	ID             string
	AccountName    string
	Email          string
	FullName       string
	Phone          string
	CompanyName    string
	BusinessID     string // SIREN
	MailingAddress string
	Language       string
	StoragePrefix  string // in the object store

	vatID          string
	billingAddress string
	accountingMail string
	created        time.Time
	disabled       time.Time // zero while access is open
	index          int
}

// Personal returns the values that no store may hold after the account was
// erased, by name. The company's own data on invoices is not among them: name,
// tax number and billing address must be kept.
func (a Account) Personal() map[string]string {
	return map[string]string{
		"account_name": a.AccountName, "email": a.Email, "name": a.FullName,
		"phone": a.Phone, "mailing_address": a.MailingAddress,
	}
}

// MailServers are where a person reads and sends mail: [devenv.Mail] and others. The
// password of every mailbox is [devenv.MailPassword].
type MailServers interface {
	IMAPAddr() string
	SMTPAddr() string
}

// Person returns the holder as a reader and writer of mail.
func (a Account) Person(mail MailServers) *person.Person {
	return &person.Person{
		Address: a.Email, Name: a.FullName, Password: devenv.MailPassword,
		IMAPAddr: mail.IMAPAddr(), SMTPAddr: mail.SMTPAddr(),
	}
}

var (
	firstNames = []string{"Anna", "Bruno", "Chloé", "David", "Emma", "Fabien", "Giulia", "Hugo", "Inès", "Jan", "Karin", "Léa", "Marco", "Noémie", "Otto", "Paula", "Quentin", "Rosa", "Sofía", "Théo", "Ulrike", "Victor", "Wanda", "Yann", "Zoé"}
	lastNames  = []string{"Albrecht", "Bernard", "Castillo", "Dubois", "Ernst", "Fischer", "Garnier", "Hoffmann", "Iglesias", "Jansen", "Keller", "Laurent", "Moreau", "Navarro", "Olivier", "Petit", "Richter", "Sánchez", "Thomas", "Vidal", "Weber", "Zimmermann"}
	trades     = []string{"Studio", "Atelier", "Maison", "Werkstatt", "Agence", "Imprenta", "Galerie", "Boutique", "Verlag", "Kontor"}
	places     = []string{"Lyon", "Nantes", "Bordeaux", "Lille", "Toulouse", "Strasbourg", "Köln", "Leipzig", "Valencia", "Sevilla", "Bruxelles", "Genève"}
	streets    = []string{"rue de la République", "avenue Jean Jaurès", "place du Marché", "Lindenstraße", "Hauptstraße", "calle Mayor", "boulevard Victor Hugo", "quai des Chartrons", "impasse des Lilas"}
	languages  = []string{"fr", "en", "de", "es"}
)

// dice returns the random numbers of one account: always the same ones.
func dice(seed uint64, account int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(account)))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// id draws a random UUID (RFC 9562 section 5.4).
func id(r *rand.Rand) uuid.UUID {
	var u uuid.UUID
	for i := range u {
		u[i] = byte(r.UintN(256))
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}

// people makes the accounts. The first is the heavy user.
func people(seed uint64, count int, now time.Time) []Account {
	all := make([]Account, count)
	for i := range all {
		r := dice(seed, i)
		all[i] = stranger(r, i, now)
		if i == 0 {
			all[i] = heavyUser(all[i], now)
		}
	}
	return all
}

func stranger(r *rand.Rand, i int, now time.Time) Account {
	account := id(r).String()
	first, last, place := pick(r, firstNames), pick(r, lastNames), pick(r, places)
	company := fmt.Sprintf("%s %s %d", pick(r, trades), last, i)
	domain := strings.ToLower(strings.ReplaceAll(plain(company), " ", "-")) + ".test"
	siren := fmt.Sprintf("%09d", 100_000_000+uint64(i)*2_900_017%899_999_999)
	a := Account{
		ID: account, AccountName: strings.ToLower(plain(first)) + fmt.Sprintf("-%04d", i),
		Email:    strings.ToLower(plain(first+"."+last)) + "@" + domain,
		FullName: first + " " + last, CompanyName: company, BusinessID: siren,
		Phone:          fmt.Sprintf("+33 6 39 98 %02d %02d", i/100, i%100), // a range set aside for fiction
		MailingAddress: fmt.Sprintf("%d %s, %05d %s", 1+r.IntN(180), pick(r, streets), 1000+i*97%98_000, place),
		Language:       pick(r, languages), StoragePrefix: "accounts/" + account + "/",
		vatID:          fmt.Sprintf("FR%02d%s", i%97, siren),
		billingAddress: fmt.Sprintf("Service comptable, BP %d, %05d %s cedex", 1000+i, 1001+i*89%98_000, place),
		accountingMail: "accounts@" + domain,
		created:        now.AddDate(0, 0, -1-r.IntN(6*365)), index: i,
	}
	if r.IntN(12) == 0 {
		a.disabled = a.created.Add(now.Sub(a.created) / 2)
	}
	return a
}

// heavyUser is the account whose erasure the demo shows. Nothing of it occurs
// in the lists from which the others are drawn.
func heavyUser(a Account, now time.Time) Account {
	a.AccountName, a.FullName = "elodie-m-76", "Élodie Marchand-Roux"
	a.Email, a.accountingMail = "elodie.marchand@atelier-lumen.test", "accounts@atelier-lumen.test"
	a.Phone, a.CompanyName = "+33 6 39 98 41 07", "Atelier Lumen SARL"
	a.BusinessID, a.vatID = "812345676", "FR64812345676"
	a.MailingAddress = "14 rue des Tanneurs, 76000 Rouen"
	a.billingAddress = "Service comptable, 3 quai du Havre, 76000 Rouen"
	a.Language, a.disabled = "en", time.Time{}
	a.created = now.AddDate(-12, -1, 0)
	return a
}

// plain replaces the letters beyond ASCII that the lists have.
func plain(s string) string {
	return strings.NewReplacer("é", "e", "è", "e", "á", "a", "í", "i", "É", "E").Replace(s)
}
