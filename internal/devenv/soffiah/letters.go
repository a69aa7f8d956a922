package soffiah

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/soffiah/habeas/internal/devenv"
)

// PrivacyAddress is the mailbox to which people write about their data.
const PrivacyAddress = "info@soffiah.test"

// Folders returns the folders of the privacy mailbox that hold correspondence.
func Folders() []string { return []string{"INBOX", "Sent"} }

// letter is one mail of the correspondence.
type letter struct {
	folder  string
	at      time.Time
	content []byte
}

// letters makes the correspondence: with every tenth account and the heavy
// user, and with people who have no account.
func letters(seed uint64, accounts []Account, now time.Time) []letter {
	var all []letter
	for _, a := range accounts {
		r := dice(seed^0x1e77e5, a.index)
		rounds := 0
		switch {
		case a.index == 0:
			rounds = 6
		case a.index%10 == 3:
			rounds = 1 + r.IntN(2)
		}
		for n := range rounds {
			at := now.AddDate(0, 0, -700+100*n).Add(time.Duration(a.index) * time.Minute)
			subject := "About my " + pick(r, subjects)
			question := fmt.Sprintf("<q%d.%d@%s>", a.index, n, strings.SplitN(a.Email, "@", 2)[1])
			all = append(all,
				write("INBOX", at, a.FullName, a.Email, "Soffiah", PrivacyAddress, subject, question, sentence(r)+"\r\n\r\n"+a.FullName+"\r\n"+a.Phone),
				write("Sent", at.Add(26*time.Hour), "Soffiah", PrivacyAddress, a.FullName, a.Email, "Re: "+subject,
					fmt.Sprintf("<a%d.%d@soffiah.test>", a.index, n), "Thank you for your message. "+sentence(r)))
		}
	}
	r := dice(seed^0x57a46e5, 0)
	for n := range 12 {
		at := now.AddDate(0, 0, -30*n-3)
		from := fmt.Sprintf("visitor%02d@elsewhere.test", n)
		all = append(all, write("INBOX", at, "", from, "", PrivacyAddress, "A question", fmt.Sprintf("<v%d@elsewhere.test>", n), sentence(r)))
	}
	return all
}

// write makes one mail (RFC 5322).
func write(folder string, at time.Time, fromName, from, toName, to, subject, id, text string) letter {
	var b strings.Builder
	for _, field := range [][2]string{
		{"Date", at.Format(time.RFC1123Z)}, {"From", mailbox(fromName, from)}, {"To", mailbox(toName, to)},
		{"Subject", mime.QEncoding.Encode("utf-8", subject)}, {"Message-ID", id}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "8bit"},
	} {
		b.WriteString(field[0] + ": " + field[1] + "\r\n")
	}
	b.WriteString("\r\n" + text + "\r\n")
	return letter{folder, at, []byte(b.String())}
}

func mailbox(name, address string) string {
	if name == "" {
		return address
	}
	return mime.QEncoding.Encode("utf-8", name) + " <" + address + ">"
}

// file puts letters into the privacy mailbox, leaving out those that an earlier
// attempt has put there: they come first, and in the same order.
func file(mail *devenv.Mail, all []letter) error {
	for _, folder := range Folders() {
		present, err := mail.Messages(PrivacyAddress, folder)
		if err != nil {
			return fmt.Errorf("reading the privacy mailbox: %w", err)
		}
		done := len(present)
		for _, l := range all {
			if l.folder != folder {
				continue
			}
			if done--; done >= 0 {
				continue
			}
			if _, err := mail.Append(PrivacyAddress, folder, l.at, l.content, imap.FlagSeen); err != nil {
				return fmt.Errorf("filing correspondence: %w", err)
			}
		}
	}
	return nil
}
