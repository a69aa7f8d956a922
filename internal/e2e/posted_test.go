package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv/mailservers"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/reply"
	"github.com/soffiah/habeas/internal/sandbox"
)

// second is a mailbox that is watched beside the first.
const second = "dpo@soffiah.test"

// posted is an installation whose mail goes through the Postfix and the Dovecot of
// the system.
type posted struct {
	installation
	servers *mailservers.Servers
	// imap is on the way from Habeas to its mailbox, and on nobody else's.
	imap *mailservers.Relay
}

func installPosted(t *testing.T, o sandbox.Options) posted {
	t.Helper()
	servers := mailservers.Start(t)
	imap := mailservers.NewRelay(t, servers.IMAPAddr())
	o.MailServers = &sandbox.MailServers{
		SMTP: servers.SMTPAddr(), IMAP: imap.Addr(), Border: mailservers.Host, Others: []string{second}, Folders: []string{"INBOX", "Junk"},
	}
	return posted{install(t, o), servers, imap}
}

func (i posted) on(t *testing.T) posted { return posted{inTest(i.installation, t), i.servers, i.imap} }

// await waits for the mail of a purpose in the person's own mailbox.
func (i posted) await(a soffiah.Account, receipt dsr.Receipt, purpose mailout.Purpose) person.Mail {
	i.t.Helper()
	m, err := a.Person(i.servers).Await(i.within(time.Minute), sandbox.About(receipt.Reference, purpose))
	if err != nil {
		i.t.Fatalf("%s: %v", purpose, err)
	}
	return m
}

func (i posted) reply(a soffiah.Account, to person.Mail, text string) {
	i.t.Helper()
	if _, err := a.Person(i.servers).Reply(i.t.Context(), to, text); err != nil {
		i.t.Fatal(err)
	}
}

// asked files a request and returns the mail that asks for its confirmation.
func (i posted) asked(a soffiah.Account) (dsr.Receipt, person.Mail) {
	i.t.Helper()
	receipt := i.file(a)
	return receipt, i.await(a, receipt, mailout.Confirmation)
}

// untilReplies waits until so many mails belong to a request.
func (i posted) untilReplies(requestID string, n int) dsr.Details {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(25 * time.Millisecond) {
		d, err := c.Show(i.t.Context(), requestID)
		if err != nil {
			i.t.Fatal(err)
		}
		if len(d.Replies) >= n {
			return d
		}
		if time.Now().After(deadline) {
			i.t.Fatalf("%d mails of %d have come: state %s, events %v", len(d.Replies), n, d.State, types(d.Events))
		}
	}
}

// waits checks that a request waits for its confirmation still.
func (i posted) waits(d dsr.Details, attention dsr.Attention) {
	i.t.Helper()
	if _, confirmed := event(d.Events, dsr.EventConfirmed); confirmed || d.State != dsr.AwaitingConfirmation || d.Attention != attention {
		i.t.Errorf("the request is %s, attention %q, confirmed %v", d.State, d.Attention, confirmed)
	}
}

func verdicts(replies []dsr.Reply) []string {
	var all []string
	for _, r := range replies {
		all = append(all, r.Verdict)
	}
	return all
}

// letter is a reply as its sender writes it, field by field.
func letter(a soffiah.Account, to person.Mail, text string, above ...string) []byte {
	fields := append(above,
		"From: <"+a.Email+">", "To: "+to.Header.Get("Reply-To"), "Subject: Re: "+to.Subject, "In-Reply-To: "+to.Header.Get("Message-Id"),
		fmt.Sprintf("Message-ID: <%d@%s>", time.Now().UnixNano(), domain(a)), "Date: "+time.Now().Format(time.RFC1123Z))
	return []byte(strings.Join(fields, "\r\n") + "\r\n\r\n" + text + "\r\n")
}

func domain(a soffiah.Account) string {
	_, domain, _ := strings.Cut(a.Email, "@")
	return domain
}

// post hands a mail to Postfix with any sender on its envelope.
func (i posted) post(sender, recipient string, message []byte) {
	i.t.Helper()
	p := &person.Person{Address: sender, SMTPAddr: i.servers.SMTPAddr()}
	if _, err := p.Send(i.t.Context(), recipient, message); err != nil {
		i.t.Fatal(err)
	}
}

// replyTo is the address that a mail asks to answer to.
func (i posted) replyTo(m person.Mail) string {
	i.t.Helper()
	all, err := m.Header.AddressList("Reply-To")
	if err != nil || len(all) != 1 {
		i.t.Fatalf("Reply-To is %v, %v", all, err)
	}
	return all[0].Address
}

// inMailbox waits until a mail of a person has been delivered.
func (i posted) inMailbox(a soffiah.Account) {
	i.t.Helper()
	reader := soffiah.Account{Email: sandbox.Mailbox}.Person(i.servers)
	if _, err := reader.Await(i.within(time.Minute), func(m person.Mail) bool { return strings.Contains(m.Header.Get("From"), a.Email) }); err != nil {
		i.t.Fatal(err)
	}
}

// TestRealMail: requests whose mails go through Postfix and Dovecot.
func TestRealMail(t *testing.T) {
	i := installPosted(t, sandbox.Options{})
	i.run()
	t.Run("confirmed by a reply", func(t *testing.T) { i.on(t).confirmed(i.Company.Subject(), "") })
	t.Run("confirmed in another mailbox", func(t *testing.T) { i.on(t).confirmed(i.Company.Account(1), second) })
	t.Run("vacation", func(t *testing.T) { i.on(t).vacation(i.Company.Account(2)) })
	t.Run("vacation that answers machines", func(t *testing.T) { i.on(t).fooledVacation(i.Company.Account(3)) })
	t.Run("machines", func(t *testing.T) { i.on(t).machines(i.Company.Account(4)) })
	t.Run("returned", func(t *testing.T) { i.on(t).returned(i.Company.Account(5)) })
	t.Run("delayed", func(t *testing.T) { i.on(t).delayed(i.Company.Account(6)) })
	t.Run("forged", func(t *testing.T) { i.on(t).forged(i.Company.Account(7)) })
}

// confirmed carries a request from the form to the certificate; the mail that
// confirms is erased from Dovecot with the rest.
func (i posted) confirmed(a soffiah.Account, mailbox string) {
	others := i.fingerprint(a)
	receipt, m := i.asked(a)
	yes := mailout.WordsIn(a.Language).Confirm
	if mailbox == "" {
		i.reply(a, m, yes)
	} else {
		i.post(a.Email, mailbox, letter(a, m, yes))
	}
	d := i.follow(receipt.RequestID, time.Minute, dsr.Completed)
	i.await(a, receipt, mailout.Answer)
	i.checkCertificate(d)
	if i.fingerprint(a) != others {
		i.t.Error("data of other people has changed")
	}
	for _, r := range d.Stores {
		if r.ResidualRows != 0 {
			i.t.Errorf("%d rows are left in %s.%s", r.ResidualRows, r.Store, r.Collection)
		}
		if erased := mailbox == ""; r.Store == "correspondence" && erased != (r.RowsErased == 1) {
			i.t.Errorf("%d mails were erased", r.RowsErased)
		}
	}
}

// vacation lets Dovecot answer in the absence of a person: it knows a machine when
// it sees one.
func (i posted) vacation(a soffiah.Account) {
	yes := mailout.WordsIn(a.Language).Confirm
	i.servers.Sieve(i.t, a.Email, fmt.Sprintf("require \"vacation\";\nvacation %q;\n", yes))
	receipt, _ := i.asked(a)
	i.servers.AwaitLog(i.t, "discarding vacation response to auto-submitted message")
	i.waits(i.untilReplies(receipt.RequestID, 0), dsr.NoAttention)
}

// fooledVacation gets our mail without its marks of a machine, as some gateways pass
// mail on, so that Dovecot does answer: in the words that we ask for, to the address
// at which our mails bounce.
func (i posted) fooledVacation(a soffiah.Account) {
	receipt, m := i.asked(a)
	yes := mailout.WordsIn(a.Language).Confirm
	i.servers.Sieve(i.t, a.Email, fmt.Sprintf("require \"vacation\";\nvacation :subject \"Re: your request\" %q;\n", yes))
	header, body, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
	for _, mark := range []string{"Auto-Submitted", "X-Auto-Response-Suppress", "Precedence"} {
		header = strings.ReplaceAll(header, "\r\n"+mark+":", "\r\nX-Was-"+mark+":")
	}
	i.servers.Deliver(i.t, strings.Trim(m.Header.Get("Return-Path"), "<>"), a.Email, header+"\r\n\r\n"+body)
	d := i.untilReplies(receipt.RequestID, 1)
	i.waits(d, dsr.NoAttention)
	if r := d.Replies[0]; r.Verdict != string(reply.Automatic) || !strings.Contains(r.Text, yes) {
		i.t.Errorf("judged %s: %q, %v", r.Verdict, r.Text, r.Reasons)
	}
}

// machines answer to the address that counts, in the words that we ask for.
func (i posted) machines(a soffiah.Account) {
	receipt, m := i.asked(a)
	marks := []string{
		"Auto-Submitted: auto-replied (vacation)", "Auto-Submitted: auto-generated", "Precedence: bulk", "X-Autoreply: yes",
		"X-Auto-Response-Suppress: All", "X-Apple-Action: VACATION", "List-Id: <all.example.test>",
	}
	for _, mark := range marks {
		i.post(a.Email, i.replyTo(m), letter(a, m, mailout.WordsIn(a.Language).Confirm, mark))
	}
	d := i.untilReplies(receipt.RequestID, len(marks))
	i.waits(d, dsr.NoAttention)
	if got := verdicts(d.Replies); slices.ContainsFunc(got, func(v string) bool { return v != string(reply.Automatic) }) {
		i.t.Errorf("judged %v", got)
	}
}

// move gives an account an address at another domain.
func (i posted) move(a soffiah.Account, domain string) soffiah.Account {
	i.t.Helper()
	a.Email = strings.Replace(a.Email, "@", ".", 1) + "@" + domain
	query[string](i.t, i.appURL(), "UPDATE accounts SET email = $1 WHERE id = $2 RETURNING id::text", a.Email, a.ID)
	return a
}

// returned: the mail comes back for good, and a person is told why. When that of the
// acknowledgement is quicker than the mail that asks, this is not even sent.
func (i posted) returned(a soffiah.Account) {
	receipt := i.file(i.move(a, mailservers.Gone))
	d := i.untilAttention(receipt.RequestID, dsr.MailUndeliverable)
	if e, ok := event(d.Events, dsr.EventMailFailed); !ok || e.Facts["enhanced_status"] != "5.1.1" {
		i.t.Errorf("the reason on record is %v", e.Facts)
	}
	if _, confirmed := event(d.Events, dsr.EventConfirmed); confirmed || d.State.Ended() {
		i.t.Errorf("the request is %s, confirmed %v", d.State, confirmed)
	}
	if got := verdicts(d.Replies); len(got) == 0 || slices.ContainsFunc(got, func(v string) bool { return v != string(reply.Bounce) }) {
		i.t.Errorf("judged %v", got)
	}
}

// delayed: Postfix says that it will go on trying, and so the request waits.
func (i posted) delayed(a soffiah.Account) {
	receipt := i.file(i.move(a, mailservers.Full))
	d := i.untilReplies(receipt.RequestID, 2)
	if got := verdicts(d.Replies); !slices.Equal(got, []string{string(reply.Bounce), string(reply.Bounce)}) {
		i.t.Errorf("judged %v", got)
	}
	i.waits(i.follow(receipt.RequestID, time.Minute, dsr.AwaitingConfirmation), dsr.NoAttention)
}

// forged: somebody has got hold of the token, and pretends to be the person.
func (i posted) forged(a soffiah.Account) {
	receipt, m := i.asked(a)
	pass := "Authentication-Results: " + mailservers.Host + "; dkim=pass header.d=" + domain(a) + "; spf=pass smtp.mailfrom=" + domain(a) + "; dmarc=pass header.from=" + domain(a)
	border := "Received: from mail." + domain(a) + " (unknown [192.0.2.1])\r\n\tby " + mailservers.Host + " (Postfix) with ESMTP id 4F0000;\r\n\t" + time.Now().Format(time.RFC1123Z)
	stranger, forger := "mallory@"+mailservers.Stranger, "@"+domain(a)+"."+mailservers.Forger
	forgeries := []struct {
		name, sender string
		above        []string
	}{
		{"results below the border", stranger, []string{pass}},
		{"results above a border of its own", stranger, []string{pass, border}},
		{"no results at all", stranger, nil},
		{"results that contradict ours", "mallory" + forger, []string{pass, border}},
		{"a pass for another domain", "mallory@evil.test", []string{pass}},
		{"a quoted local part", `"x; dmarc=pass header.from=` + domain(a) + `; y"` + forger, nil},
		{"a quoted local part that ends a comment", `"x) dmarc=pass header.from=` + domain(a) + ` (y"` + forger, nil},
		{"a quoted local part with a quoted pair", `"x\"; dmarc=pass header.from=` + domain(a) + `; y"` + forger, nil},
	}
	for n, forgery := range forgeries {
		i.post(forgery.sender, i.replyTo(m), letter(a, m, mailout.WordsIn(a.Language).Confirm, forgery.above...))
		d := i.untilReplies(receipt.RequestID, n+1)
		if got := d.Replies[len(d.Replies)-1]; got.Verdict != string(reply.Unclear) {
			i.t.Errorf("%s: judged %s, %v", forgery.name, got.Verdict, got.Reasons)
		}
	}
	i.waits(i.untilAttention(receipt.RequestID, dsr.UnclearReply), dsr.UnclearReply)
}
