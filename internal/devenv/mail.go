package devenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-smtp"
)

// MailPassword is the password of every mailbox of [Mail].
const MailPassword = "demo"

// maxMessageBytes is the size above which the mail server refuses a message.
const maxMessageBytes = 10 << 20

// Delivery is a message that was put into a mailbox.
type Delivery struct {
	From      string // envelope sender; empty for a bounce
	Recipient string // envelope recipient with its plus detail
	Mailbox   string // address of the mailbox it went to
	At        time.Time
	Message   []byte // as stored
}

// MailHooks let a test strike at a chosen moment of a delivery. A nil function
// is not called. They run on the connection of the sender, which waits for them.
type MailHooks struct {
	// Stored runs after the message is in the mailbox and before the 250 is sent.
	Stored func(Delivery)
	// Answered runs after the 250 was handed to the network.
	Answered func(Delivery)
}

// MailOptions are the choices a caller has.
type MailOptions struct {
	// Host is the name of the server in its greeting and in Received fields,
	// "mail.localhost" if empty.
	Host string
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Mail is an SMTP and an IMAP server. Every address is a mailbox, made at its
// first delivery or login; "info+detail@host" is delivered to "info@host". The
// password of all is [MailPassword]. Nothing is ever relayed. Messages are files
// dir/<address>/<mailbox>/<uid>.eml whose time is their INTERNALDATE.
type Mail struct {
	opts     MailOptions
	accounts *accounts
	smtp     *smtp.Server
	imap     *imapserver.Server
	smtpAddr string
	imapAddr string
	release  func()
	serving  sync.WaitGroup
	detach   func() bool
	closed   sync.Once
	closeErr error

	mu     sync.Mutex
	hooks  MailHooks
	reject int // SMTP code for the next recipient; 0 if none
}

// StartMail starts both servers on the messages below dir, with the ports,
// UIDs, UIDVALIDITYs and flags that they had before. They stop when ctx ends.
func StartMail(ctx context.Context, dir string, opts MailOptions) (*Mail, error) {
	if opts.Host == "" {
		opts.Host = "mail.localhost"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	release, err := claim(dir)
	if err != nil {
		return nil, err
	}
	m := &Mail{opts: opts, release: release}
	if m.accounts, err = loadAccounts(filepath.Join(dir, "mailboxes"), opts.Now); err != nil {
		release()
		return nil, err
	}
	if err := m.serve(dir); err != nil {
		release()
		return nil, err
	}
	m.detach = context.AfterFunc(ctx, func() { _ = m.Close() })
	return m, nil
}

// serve opens both ports and answers on them.
func (m *Mail) serve(dir string) error {
	smtpListener, err := listen(dir, "smtp-port")
	if err != nil {
		return err
	}
	imapListener, err := listen(dir, "imap-port")
	if err != nil {
		_ = smtpListener.Close()
		return err
	}
	m.smtpAddr, m.imapAddr = smtpListener.Addr().String(), imapListener.Addr().String()

	m.smtp = smtp.NewServer(smtp.BackendFunc(m.newSMTPSession))
	m.smtp.Domain = m.opts.Host
	m.smtp.MaxMessageBytes = maxMessageBytes
	m.smtp.MaxRecipients = 50
	m.smtp.AllowInsecureAuth = true
	m.smtp.ReadTimeout, m.smtp.WriteTimeout = 5*time.Minute, time.Minute
	m.smtp.ErrorLog = log.New(io.Discard, "", 0)
	m.imap = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &imapSession{accounts: m.accounts}, nil, nil
		},
		// What IMAP4rev2 includes has to be named for clients that speak the older one.
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapNamespace: {},
			imap.CapESearch: {}, imap.CapListExtended: {}, imap.CapListStatus: {}, imap.CapStatusSize: {},
		},
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0),
	})
	// Serve returns when Close is called, which is the only way it ends.
	m.serving.Go(func() { _ = m.smtp.Serve(hookListener{smtpListener}) })
	m.serving.Go(func() { _ = m.imap.Serve(imapListener) })
	return nil
}

// SMTPAddr returns host and port of the SMTP server (no TLS; AUTH is optional).
func (m *Mail) SMTPAddr() string { return m.smtpAddr }

// IMAPAddr returns host and port of the IMAP server (no TLS).
func (m *Mail) IMAPAddr() string { return m.imapAddr }

// Close ends both servers and gives the directory free. A second call does nothing.
func (m *Mail) Close() error {
	m.closed.Do(func() {
		m.detach()
		m.closeErr = errors.Join(m.smtp.Close(), m.imap.Close())
		m.serving.Wait()
		m.release()
		if m.closeErr != nil {
			m.closeErr = fmt.Errorf("stopping the mail server: %w", m.closeErr)
		}
	})
	return m.closeErr
}

// SetHooks replaces the hooks.
func (m *Mail) SetHooks(hooks MailHooks) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks = hooks
}

// RejectNext makes the server answer the next RCPT command with an SMTP code,
// such as 451 or 550.
func (m *Mail) RejectNext(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reject = code
}

// Append puts a message as it is into a mailbox of an address, with at as its
// INTERNALDATE, creating the mailbox where needed, and returns its UID.
func (m *Mail) Append(address, mailbox string, at time.Time, message []byte, flags ...imap.Flag) (imap.UID, error) {
	a, err := m.accounts.open(address)
	if err != nil {
		return 0, err
	}
	data, err := a.append(mailbox, true, at, message, flags)
	if err != nil {
		return 0, err
	}
	return data.UID, nil
}

// Messages returns the files of the messages in a mailbox of an address, by UID.
func (m *Mail) Messages(address, mailbox string) (map[imap.UID]string, error) {
	a, err := m.accounts.open(address)
	if err != nil {
		return nil, err
	}
	return a.files(mailbox)
}

// hookListener makes connections whose session can act after an answer was sent.
type hookListener struct{ net.Listener }

func (l hookListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err // the server looks at its type
	}
	return &hookConn{Conn: conn}, nil
}

// hookConn runs a function once after the next write.
type hookConn struct {
	net.Conn
	mu    sync.Mutex
	after func()
}

func (c *hookConn) afterNextWrite(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = f
}

func (c *hookConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.mu.Lock()
	after := c.after
	c.after = nil
	c.mu.Unlock()
	if after != nil {
		after()
	}
	return n, err
}
