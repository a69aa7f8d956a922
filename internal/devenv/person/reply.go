package person

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// ErrNoSender: the mail names nobody who could be answered.
var ErrNoSender = errors.New("the mail has neither Reply-To nor From")

// Reply answers a mail as an ordinary mail client does: to its Reply-To, else to
// its From, with In-Reply-To and References, the text above and the original
// quoted below. It returns the time at which the server accepted the answer.
func (p *Person) Reply(ctx context.Context, to Mail, text string) (time.Time, error) {
	recipient, err := answerTo(to.Header)
	if err != nil {
		return time.Time{}, err
	}
	message, err := p.compose(to, recipient, text)
	if err != nil {
		return time.Time{}, err
	}
	return p.Send(ctx, recipient.Address, message)
}

// Write sends a mail of the person's own to an address and returns the time at
// which the server accepted it.
func (p *Person) Write(ctx context.Context, recipient, subject, text string) (time.Time, error) {
	message, err := write(p.header(&mail.Address{Address: recipient}, subject), text)
	if err != nil {
		return time.Time{}, err
	}
	return p.Send(ctx, recipient, message)
}

// Send hands a whole message to the mail server, with the person as envelope
// sender, and returns the time at which it was accepted.
func (p *Person) Send(ctx context.Context, recipient string, message []byte) (time.Time, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.SMTPAddr)
	if err != nil {
		return time.Time{}, fmt.Errorf("connecting to the mail server: %w", err)
	}
	client := smtp.NewClient(conn)
	defer func() { _ = client.Close() }()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	if err := client.SendMail(p.Address, []string{recipient}, bytes.NewReader(message)); err != nil {
		return time.Time{}, fmt.Errorf("sending a mail: %w", err)
	}
	accepted := p.now()
	// The message is accepted; how the connection ends changes nothing.
	_ = client.Quit()
	return accepted, nil
}

func (p *Person) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// answerTo returns whom a reply goes to (RFC 5322 section 3.6.3).
func answerTo(header mail.Header) (*mail.Address, error) {
	for _, field := range []string{"Reply-To", "From"} {
		addresses, err := header.AddressList(field)
		if err == nil && len(addresses) > 0 {
			return addresses[0], nil
		}
	}
	return nil, ErrNoSender
}

// compose writes the answer (RFC 5322 section 3.6.4).
func (p *Person) compose(to Mail, recipient *mail.Address, text string) ([]byte, error) {
	subject := to.Subject
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	header := p.header(recipient, subject)
	if id, err := to.Header.MessageID(); err == nil && id != "" {
		// A chain that cannot be read is begun anew.
		chain, _ := to.Header.MsgIDList("References")
		header.SetMsgIDList("In-Reply-To", []string{id})
		header.SetMsgIDList("References", append(chain, id))
	}
	return write(header, text+"\n\n"+quote(to))
}

// header begins a mail of the person's.
func (p *Person) header(recipient *mail.Address, subject string) mail.Header {
	var header mail.Header
	header.SetDate(p.now())
	header.SetAddressList("From", []*mail.Address{{Name: p.Name, Address: p.Address}})
	header.SetAddressList("To", []*mail.Address{recipient})
	_, host, _ := strings.Cut(p.Address, "@")
	header.SetMessageID(strings.ToLower(rand.Text()) + "@" + host)
	header.SetSubject(subject)
	return header
}

func write(header mail.Header, text string) ([]byte, error) {
	header.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	var message bytes.Buffer
	body, err := mail.CreateSingleInlineWriter(&message, header)
	if err != nil {
		return nil, fmt.Errorf("writing a mail: %w", err)
	}
	_, err = io.WriteString(body, strings.ReplaceAll(text, "\n", "\r\n"))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("writing a mail: %w", err)
	}
	return message.Bytes(), nil
}

// quote returns the attribution line and the quoted text of a mail.
func quote(m Mail) string {
	var quoted strings.Builder
	author := "someone"
	if from, err := m.Header.AddressList("From"); err == nil && len(from) > 0 {
		author = strings.TrimSpace(from[0].Name + " <" + from[0].Address + ">")
	}
	fmt.Fprintf(&quoted, "On %s, %s wrote:\n", m.Received.Format("Mon, 2 Jan 2006 at 15:04"), author)
	for line := range strings.Lines(strings.ReplaceAll(m.Text, "\r\n", "\n")) {
		quoted.WriteString(strings.TrimRight("> "+strings.TrimRight(line, "\n"), " ") + "\n")
	}
	return quoted.String()
}

// plainText returns the first text/plain part of a mail; empty if there is none.
func plainText(reader *mail.Reader) string {
	for {
		part, err := reader.NextPart()
		if err != nil || part == nil {
			return ""
		}
		header, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		if kind, _, err := header.ContentType(); err != nil || kind != "text/plain" {
			continue
		}
		// What can be read of a broken part is what a person sees.
		text, _ := io.ReadAll(io.LimitReader(part.Body, maxText))
		return string(text)
	}
}
