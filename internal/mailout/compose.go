package mailout

import (
	"errors"
	"fmt"
	"strings"

	"github.com/soffiah/habeas/internal/dsr"
)

// Content is the words of a mail.
type Content struct{ Subject, Text, HTML string }

// Compose writes the mail for p in lang, a BCP 47 tag; in English where the
// language has no templates. Facts that are missing are left out; without a right
// it is about an erasure. It is an error to ask for an unknown purpose or right.
func Compose(p Purpose, lang string, f Facts) (Content, error) {
	all, err := vocabularies()
	if err != nil {
		return Content{}, err
	}
	write, ok := writers()[p]
	if !ok {
		return Content{}, fmt.Errorf("composing a mail: there is no template %q; use one of %v", p, Purposes())
	}
	if f.Right == "" {
		f.Right = dsr.Erasure
	}
	if !f.Right.Valid() {
		return Content{}, errors.New("composing a mail: it is about no right that is known")
	}
	lang = templateLanguage(lang)
	l := newLetter(all[lang], WordsIn(lang), f.cleaned())
	subject := l.say(write(l))
	if l.f.Reference != "" {
		subject = "[" + l.f.Reference + "] " + subject
	}
	return l.render(lang, cut(strings.Join(strings.Fields(unmarked(subject)), " "), maxSubject))
}

// writers returns, for every purpose, what writes its body and returns its subject.
func writers() map[Purpose]func(*letter) string {
	return map[Purpose]func(*letter) string{
		Acknowledgement: func(l *letter) string { return l.impersonal(l.v.Acknowledgement) },
		Details:         (*letter).detailsWanted,
		AddressCheck:    func(l *letter) string { return l.impersonal(l.v.AddressCheck) },
		Confirmation:    func(l *letter) string { return l.confirmation(l.v.Confirmation) },
		Reminder:        func(l *letter) string { return l.confirmation(l.v.Reminder) },
		CoolingOff:      (*letter).coolingOff,
		SuspiciousReply: func(l *letter) string { return l.impersonal(l.v.SuspiciousReply) },
		CancelledNotice: func(l *letter) string { return l.ending(l.v.Cancelled) },
		RefusedNotice:   func(l *letter) string { return l.ending(l.v.Refused) },
		ExpiredNotice:   func(l *letter) string { return l.ending(l.v.Expired) },
		NothingHeld:     func(l *letter) string { return l.nothingHeld() },
		Answer:          (*letter).answer,
	}
}

// impersonal writes a mail to an address about which nothing is known. It uses
// nothing that the request says of the person, because a stranger may have
// filed it to have us write their words to somebody else.
func (l *letter) impersonal(s sentences) string {
	l.paragraph(l.v.GreetingPlain)
	l.sentences(s, !l.f.ExpiresAt.IsZero())
	l.details(l.row("reference", l.f.Reference), l.rightRow(), l.dateRow("received", l.f.ReceivedAt), l.dateRow("due", l.f.DueAt))
	return s.Subject
}

// detailsWanted acknowledges a request by mail and asks for what is missing:
// by a link to a form, and by lines to fill in for whoever would rather reply.
func (l *letter) detailsWanted() string {
	d := l.v.Details
	l.paragraph(l.v.GreetingPlain)
	for _, sentence := range d.Body {
		l.paragraph(sentence)
	}
	if l.f.AnswerURL != "" {
		l.action(d.Form)
	}
	l.paragraph(d.Reply)
	for _, element := range l.f.Missing {
		if label := l.v.Element[element]; label != "" {
			l.paragraph(label + l.v.Colon + " " + Blank)
		}
	}
	if !l.f.ExpiresAt.IsZero() {
		l.paragraph(d.By)
	}
	for _, sentence := range d.After {
		l.paragraph(sentence)
	}
	l.details(l.row("reference", l.f.Reference), l.rightRow(), l.dateRow("received", l.f.ReceivedAt), l.dateRow("due", l.f.DueAt))
	return d.Subject
}

func (l *letter) confirmation(s sentences) string {
	c := l.v.Confirm
	l.greet()
	l.sentences(s, false)
	l.action(c["action"])
	if !l.f.ExpiresAt.IsZero() {
		l.paragraph(c["by"])
	}
	l.paragraph(c["refuse"])
	l.consequences()
	if l.f.Right == dsr.Erasure {
		l.heading("before")
		l.paragraph(c["final"])
		l.either(l.f.CopyURL != "", c["copy_url"], c["copy"])
	}
	l.either(l.f.CoolingOffFor > 0, c["cooling_off"], c["no_cooling_off"])
	switch {
	case l.f.AnswerURL != "":
		l.paragraph(c["otherwise_url"])
	case l.f.Controller.DataProtectionContact != "":
		l.paragraph(c["otherwise"])
	}
	l.accountDetails()
	l.remedies(false)
	return s.Subject
}

// consequences says what a confirmation brings about.
func (l *letter) consequences() {
	if l.f.Right != dsr.Erasure {
		l.heading("follows")
		l.paragraph(l.v.of(l.f.Right).Effect)
		return
	}
	l.list("erase", l.erased())
	l.list("ends", capitals(l.f.Ends))
	l.list("keep", l.kept())
}

func (l *letter) coolingOff() string {
	s := l.v.CoolingOff
	l.greet()
	l.sentences(s, !l.f.CoolingOffUntil.IsZero())
	if l.f.Right == dsr.Erasure {
		l.consequences()
	}
	l.accountDetails()
	l.remedies(false)
	return s.Subject
}

// ending writes that nothing was done, why, and what the person can do about it
// (Art. 12(4) GDPR).
func (l *letter) ending(s sentences) string {
	l.greet()
	l.sentences(s, false)
	l.list("reasons", l.reasons())
	l.evidenceOfRequest()
	l.endedDetails()
	l.remedies(true)
	return s.Subject
}

func (l *letter) nothingHeld() string {
	l.greet()
	l.sentences(l.v.NothingHeld, false)
	l.evidenceOfRequest()
	l.endedDetails()
	l.remedies(true)
	return l.v.NothingHeld.Subject
}

func (l *letter) answer() string {
	a := l.v.Answer
	l.greet()
	if l.f.Right != dsr.Erasure {
		l.sentences(a.Other, false)
		l.list("reasons", l.reasons())
		l.endedDetails()
		l.remedies(true)
		return a.Other.Subject
	}
	l.sentences(a.sentences, false)
	if len(l.f.Erased) == 0 {
		l.paragraph(a.Nothing)
	} else {
		l.list("erased", l.erased())
	}
	l.list("kept", l.kept())
	if len(l.f.Recipients) > 0 {
		l.heading("told")
		l.paragraph(a.Told)
		l.items(l.f.Recipients)
	}
	l.heading("later")
	if l.f.BackupsGoneAt != nil {
		l.paragraph(a.Backups)
	}
	l.either(l.f.EvidenceUntil != nil, a.Evidence, a.EvidenceUndated)
	l.endedDetails()
	l.remedies(true)
	return a.Subject
}
