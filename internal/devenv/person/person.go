// Package person is a scripted data subject: it reads a mailbox by IMAP and
// answers by SMTP as an ordinary mail client would. Tests, demo and dev let it
// do what a person does who has asked for the deletion of their data.
package person

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-message/mail"
)

// pollInterval bounds how long a message goes unnoticed when IDLE is silent.
const pollInterval = time.Second

// maxText is the size up to which the text of a mail is read.
const maxText = 1 << 20

// Person is one data subject at one address.
type Person struct {
	// Address is the person's mail address, Name the name in From.
	Address string
	Name    string
	// Password is that of the mailbox.
	Password string
	// IMAPAddr and SMTPAddr are host and port of the servers, without TLS.
	IMAPAddr string
	SMTPAddr string
	// Now is the clock; time.Now if nil.
	Now func() time.Time

	// read is the highest UID given out by Await.
	read imap.UID
}

// Mail is a message as the person sees it.
type Mail struct {
	UID      imap.UID
	Header   mail.Header
	Subject  string
	Text     string // the text/plain part
	Received time.Time
	Raw      []byte
}

// Await waits for a mail in the INBOX that match accepts and returns the oldest.
// Mails before and including that one are not looked at again. It returns the
// error of ctx when that ends first, and tries again when a connection breaks.
func (p *Person) Await(ctx context.Context, match func(Mail) bool) (Mail, error) {
	for {
		found, err := p.await(ctx, match)
		if err == nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("waiting for a mail: %w", errors.Join(context.Cause(ctx), err))
		case <-time.After(pollInterval / 4):
		}
	}
}

// await is Await over one connection.
func (p *Person) await(ctx context.Context, match func(Mail) bool) (Mail, error) {
	news := make(chan struct{}, 1)
	client, err := imapclient.DialInsecure(p.IMAPAddr, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(*imapclient.UnilateralDataMailbox) {
				select {
				case news <- struct{}{}:
				default: // it is known already
				}
			},
		},
	})
	if err != nil {
		return Mail{}, fmt.Errorf("connecting to the mailbox: %w", err)
	}
	defer func() { _ = client.Close() }()
	// No command of the client ends by itself when the server falls silent.
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	if err := client.Login(p.Address, p.Password).Wait(); err != nil {
		return Mail{}, fmt.Errorf("opening the mailbox: %w", err)
	}
	if _, err := client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return Mail{}, fmt.Errorf("opening the mailbox: %w", err)
	}
	for {
		mails, err := p.fetch(client)
		if err != nil {
			return Mail{}, err
		}
		for _, m := range mails {
			p.read = m.UID
			if match(m) {
				return m, nil
			}
		}
		if err := idle(ctx, client, news); err != nil {
			return Mail{}, err
		}
	}
}

// idle waits for news, at most for the poll interval.
func idle(ctx context.Context, client *imapclient.Client, news <-chan struct{}) error {
	command, err := client.Idle()
	if err != nil {
		return fmt.Errorf("watching the mailbox: %w", err)
	}
	select {
	case <-news:
	case <-ctx.Done():
	case <-time.After(pollInterval):
	}
	if err := command.Close(); err != nil {
		return fmt.Errorf("watching the mailbox: %w", err)
	}
	if err := command.Wait(); err != nil {
		return fmt.Errorf("watching the mailbox: %w", err)
	}
	return nil
}

// fetch returns the mails that were not yet read, oldest first.
func (p *Person) fetch(client *imapclient.Client) ([]Mail, error) {
	var unread imap.UIDSet
	unread.AddRange(p.read+1, 0)
	body := &imap.FetchItemBodySection{Peek: true}
	messages, err := client.Fetch(unread, &imap.FetchOptions{
		UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{body},
	}).Collect()
	if err != nil {
		return nil, fmt.Errorf("reading the mailbox: %w", err)
	}
	var mails []Mail
	for _, message := range messages {
		if message.UID <= p.read {
			continue // n:* always means the last message at least (RFC 9051 section 6.4.8)
		}
		m, err := parse(message.FindBodySection(body))
		if err != nil {
			return nil, err
		}
		m.UID, m.Received = message.UID, message.InternalDate
		mails = append(mails, m)
	}
	slices.SortFunc(mails, func(a, b Mail) int { return int(a.UID) - int(b.UID) })
	return mails, nil
}

// parse reads what a person sees of a message.
func parse(raw []byte) (Mail, error) {
	reader, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, fmt.Errorf("reading a mail: %w", err)
	}
	m := Mail{Header: reader.Header, Raw: raw}
	// A subject that cannot be decoded is shown as it is.
	m.Subject, _ = reader.Header.Subject()
	m.Text = plainText(reader)
	return m, nil
}
