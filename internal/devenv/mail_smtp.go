package devenv

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpSession is one connection of a sender.
type smtpSession struct {
	mail       *Mail
	conn       *smtp.Conn
	from       string
	recipients []recipient
}

// recipient is an envelope recipient and the address of its mailbox.
type recipient struct{ full, mailbox string }

var _ smtp.AuthSession = (*smtpSession)(nil)

func (m *Mail) newSMTPSession(conn *smtp.Conn) (smtp.Session, error) {
	return &smtpSession{mail: m, conn: conn}, nil
}

// AuthMechanisms offers PLAIN. Senders may leave it.
func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth accepts any user with the one password.
func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if password != MailPassword {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

// Mail takes the envelope sender.
func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt takes a recipient, unless the test wants it refused.
func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.mu.Lock()
	code := s.mail.reject
	s.mail.reject = 0
	s.mail.mu.Unlock()
	if code != 0 {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 2, 0}, Message: "Refused as a test asked for"}
	}
	mailbox, err := mailboxAddress(to)
	if err != nil {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Address not supported"}
	}
	s.recipients = append(s.recipients, recipient{full: to, mailbox: mailbox})
	return nil
}

// Data delivers the message to every recipient before it is answered with 250.
func (s *smtpSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err // an *smtp.SMTPError where the message is too large
	}
	var done []Delivery
	for _, to := range s.recipients {
		delivery, err := s.deliver(to, body)
		if err != nil {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Cannot store the message now"}
		}
		done = append(done, delivery)
	}
	s.mail.mu.Lock()
	hooks := s.mail.hooks
	s.mail.mu.Unlock()
	if hooked, ok := s.conn.Conn().(*hookConn); ok && hooks.Answered != nil {
		hooked.afterNextWrite(func() { each(done, hooks.Answered) })
	}
	if hooks.Stored != nil {
		each(done, hooks.Stored)
	}
	return nil
}

func each(deliveries []Delivery, f func(Delivery)) {
	for _, d := range deliveries {
		f(d)
	}
}

// deliver adds what the last server on the way adds (RFC 5321 section 4.4; the
// Delivered-To of Postfix and Dovecot) and stores the message in the INBOX.
func (s *smtpSession) deliver(to recipient, body []byte) (Delivery, error) {
	now := s.mail.opts.Now()
	var message bytes.Buffer
	fmt.Fprintf(&message, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", s.from, to.full)
	fmt.Fprintf(&message, "Received: from %s (%s)\r\n\tby %s with ESMTP id %s\r\n\tfor <%s>; %s\r\n",
		headerToken(s.conn.Hostname()), s.conn.Conn().RemoteAddr(), s.mail.opts.Host, rand.Text(), to.full, now.Format(time.RFC1123Z))
	message.Write(body)
	a, err := s.mail.accounts.open(to.mailbox)
	if err != nil {
		return Delivery{}, err
	}
	if _, err := a.append(inbox, true, now, message.Bytes(), nil); err != nil {
		return Delivery{}, err
	}
	return Delivery{From: s.from, Recipient: to.full, Mailbox: to.mailbox, At: now, Message: message.Bytes()}, nil
}

// headerToken leaves only what a host name or an address literal is made of.
func headerToken(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`()<>;"\`, r) {
			return r
		}
		return '?'
	}, s)
}

// Reset forgets the envelope.
func (s *smtpSession) Reset() { s.from, s.recipients = "", nil }

// Logout has nothing to release.
func (s *smtpSession) Logout() error { return nil }

var errAddress = errors.New("not an address of a mailbox")

// mailboxAddress returns the address of the mailbox to which mail for an address
// is delivered: in lower case and without the plus detail. It is used as a file
// name, so what could lead out of a folder is refused.
func mailboxAddress(address string) (string, error) {
	local, host, found := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	odd := func(allowed string) func(rune) bool {
		return func(r rune) bool { return !strings.ContainsRune(allowed, r) }
	}
	if !found || local == "" || host == "" || local[0] == '.' || len(address) > 254 ||
		strings.ContainsFunc(local, odd(letters+"!#$%&'*=?^`{|}~")) || strings.ContainsFunc(host, odd(letters)) {
		return "", errAddress
	}
	return local + "@" + host, nil
}
