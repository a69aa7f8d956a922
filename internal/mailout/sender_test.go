package mailout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/mailout"
)

func TestSentMailIsWhatWasComposed(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	m := letter(t, mailout.Confirmation, "de")
	receipt, err := server.sender(t, nil).Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Response != "2.0.0 OK: queued" {
		t.Errorf("the receipt is %q", receipt.Response)
	}
	got := server.deliveries()[0]
	if got.from != m.EnvelopeFrom || got.to != m.To {
		t.Errorf("the envelope is from %q to %q", got.from, got.to)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(got.raw))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Message-Id": "<" + m.MessageID + ">", "In-Reply-To": "<x1@lilas.example>", "References": "<x1@lilas.example>",
		"Reply-To": "<" + m.ReplyTo + ">", "To": "<" + m.To + ">", "Date": "Sat, 01 Aug 2026 09:00:00 +0200",
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "X-Habeas-Purpose": "confirmation",
		"X-Habeas-Instance": "i-1", "Content-Language": "de", "User-Agent": "", "X-Mailer": "", "Mime-Version": "1.0",
	} {
		if got := msg.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	from, err := msg.Header.AddressList("From")
	if err != nil || from[0].Name != "Acme Studio, Datenschutz – été" {
		t.Errorf("From is %v, %v", from, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("Subject is %q, %v", subject, err)
	}
	text, html := parts(t, msg)
	if text != m.Text || html != m.HTML {
		t.Error("the parts are not what was composed")
	}
}

func parts(t *testing.T, msg *mail.Message) (text, html string) {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/alternative" {
		t.Fatalf("Content-Type is %s, %v", mediaType, err)
	}
	r := multipart.NewReader(msg.Body, params["boundary"])
	var bodies []string
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, strings.ReplaceAll(string(b), "\r\n", "\n"))
	}
	if len(bodies) != 2 {
		t.Fatalf("there are %d parts", len(bodies))
	}
	return bodies[0], bodies[1]
}

func TestAcknowledgementSaysThatItAnswers(t *testing.T) {
	t.Parallel()
	for _, purpose := range []mailout.Purpose{mailout.Acknowledgement, mailout.Details} {
		raw, err := letter(t, purpose, "en").Bytes("", nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(raw, []byte("Auto-Submitted: auto-replied\r\n")) || bytes.Contains(raw, []byte("X-Habeas-Instance")) {
			t.Errorf("headers:\n%s", raw[:800])
		}
	}
}

// TestBytesAreStable holds the bytes of one mail, so that a new version of the
// mail library cannot change what a copy looks like unseen.
func TestBytesAreStable(t *testing.T) {
	t.Parallel()
	raw, err := letter(t, mailout.Confirmation, "fr").Bytes("i-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "confirmation.fr.eml", strings.ReplaceAll(string(raw), "\r\n", "\n"))
}

func TestResentMailIsTheSameToTheByte(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	keys := dkimKeys(t)
	s := server.sender(t, func(c *mailout.SMTPConfig) { c.DKIM = keys })
	for range 3 {
		if _, err := s.Send(t.Context(), letter(t, mailout.Confirmation, "en")); err != nil {
			t.Fatal(err)
		}
	}
	sent := server.deliveries()
	if !bytes.Equal(sent[0].raw, sent[1].raw) || !bytes.Equal(sent[0].raw, sent[2].raw) {
		t.Error("copies of the same mail differ")
	}
	if dialled, _ := server.connections(); dialled != 1 {
		t.Errorf("%d connections for three mails", dialled)
	}
}

// TestRepliesOfTheServer: which replies are final, which may pass, and which say
// nothing about the message.
func TestRepliesOfTheServer(t *testing.T) {
	t.Parallel()
	reply := func(code int, enhanced smtp.EnhancedCode) func(*smtp.Conn) error {
		return func(*smtp.Conn) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "<anna.maier@lilas.example> is not welcome"}
		}
	}
	atData := func(f func(*smtp.Conn) error) func(*smtp.Conn, int) error {
		return func(c *smtp.Conn, _ int) error { return f(c) }
	}
	for name, test := range map[string]struct {
		server func(*mailServer)
		want   mailout.SendError
	}{
		"greylisted":               {func(m *mailServer) { m.onRcpt = reply(451, smtp.EnhancedCode{4, 7, 1}) }, mailout.SendError{Code: 451, Enhanced: "4.7.1"}},
		"mailbox unknown":          {func(m *mailServer) { m.onRcpt = reply(550, smtp.EnhancedCode{5, 1, 1}) }, mailout.SendError{Permanent: true, Code: 550, Enhanced: "5.1.1"}},
		"refused after the text":   {func(m *mailServer) { m.onData = atData(reply(554, smtp.EnhancedCode{5, 7, 1})) }, mailout.SendError{Permanent: true, Code: 554, Enhanced: "5.7.1"}},
		"put off after the text":   {func(m *mailServer) { m.onData = atData(reply(452, smtp.EnhancedCode{4, 3, 1})) }, mailout.SendError{Code: 452, Enhanced: "4.3.1"}},
		"sender refused":           {func(m *mailServer) { m.onMail = reply(550, smtp.EnhancedCode{5, 7, 60}) }, mailout.SendError{Outage: true, Code: 550, Enhanced: "5.7.60"}},
		"service closing":          {func(m *mailServer) { m.onRcpt = reply(421, smtp.EnhancedCode{4, 3, 2}) }, mailout.SendError{Outage: true, Code: 421, Enhanced: "4.3.2"}},
		"no enhanced code":         {func(m *mailServer) { m.onRcpt = reply(550, smtp.NoEnhancedCode) }, mailout.SendError{Permanent: true, Code: 550}},
		"cut at the recipient":     {func(m *mailServer) { m.onRcpt = cut }, mailout.SendError{Outage: true}},
		"cut before it was taken":  {func(m *mailServer) { m.onData = atData(cut) }, mailout.SendError{Outage: true}},
		"cut at the sender's name": {func(m *mailServer) { m.onMail = cut }, mailout.SendError{Outage: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refuse sync.Once // the first time only
			server := startMailServer(t, func(m *mailServer, _ *smtp.Server) {
				test.server(m)
				m.onMail, m.onRcpt = firstOnly(&refuse, m.onMail), firstOnly(&refuse, m.onRcpt)
				if f := m.onData; f != nil {
					first := firstOnly(&refuse, func(c *smtp.Conn) error { return f(c, 0) })
					m.onData = func(c *smtp.Conn, _ int) error { return first(c) }
				}
			})
			s := server.sender(t, nil)
			m := letter(t, mailout.Confirmation, "en")
			_, err := s.Send(t.Context(), m)
			got, ok := errors.AsType[*mailout.SendError](err)
			if !ok {
				t.Fatalf("the error is %v", err)
			}
			if got.Permanent != test.want.Permanent || got.Outage != test.want.Outage || got.Code != test.want.Code || got.Enhanced != test.want.Enhanced {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if text := fmt.Sprint(err); strings.Contains(text, "@") || strings.Contains(text, "anna") || strings.Contains(text, "welcome") {
				t.Errorf("the error repeats the server or an address: %s", text)
			}
			if n := len(server.deliveries()); n != 0 {
				t.Errorf("%d mails were taken", n)
			}
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Errorf("the next mail failed: %v", err)
			}
		})
	}
}

func cut(c *smtp.Conn) error {
	_ = c.Conn().Close()
	return errors.New("cut")
}

func firstOnly(once *sync.Once, f func(*smtp.Conn) error) func(*smtp.Conn) error {
	if f == nil {
		return nil
	}
	return func(c *smtp.Conn) (err error) {
		once.Do(func() { err = f(c) })
		return err
	}
}

func TestKeptConnectionThatEndedIsReplaced(t *testing.T) {
	t.Parallel()
	conns := make(chan *smtp.Conn, 10)
	server := startMailServer(t, func(m *mailServer, _ *smtp.Server) {
		m.onMail = func(c *smtp.Conn) error { conns <- c; return nil }
	})
	s := server.sender(t, nil)
	for i := range 3 {
		if _, err := s.Send(t.Context(), letter(t, mailout.Reminder, "en")); err != nil {
			t.Fatalf("mail %d: %v", i, err)
		}
		_ = (<-conns).Conn().Close() // as a server does after a while, or when it restarts
	}
	dialled, _ := server.connections()
	if n := len(server.deliveries()); n != 3 || dialled != 3 {
		t.Errorf("%d mails over %d connections", n, dialled)
	}
}

// TestHangUpAfterTaking: what was told 250 is delivered, whatever comes after.
func TestHangUpAfterTaking(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	server.hangUpAfterTaking.Store(true)
	s := server.sender(t, nil)
	for range 3 {
		if _, err := s.Send(t.Context(), letter(t, mailout.Answer, "en")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(server.deliveries()); n != 3 {
		t.Errorf("%d mails were taken", n)
	}
}

// TestUnknownEndIsNotTriedAtOnce: when the connection breaks after the text,
// the server may have taken the mail. Only the outbox sends it again.
func TestUnknownEndIsNotTriedAtOnce(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	server := startMailServer(t, func(m *mailServer, _ *smtp.Server) {
		m.onData = func(c *smtp.Conn, taken int) error {
			if seen.Add(1) == 2 {
				return cut(c)
			}
			return nil
		}
	})
	s := server.sender(t, nil)
	m := letter(t, mailout.Confirmation, "en")
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_, err := s.Send(t.Context(), m) // over the kept connection
	if e, ok := errors.AsType[*mailout.SendError](err); !ok || e.Permanent || e.Code != 0 {
		t.Errorf("got %v", err)
	}
	if n := seen.Load(); n != 2 {
		t.Errorf("the text was written %d times", n)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	s := server.sender(t, func(c *mailout.SMTPConfig) { c.Connections = 3 })
	m := letter(t, mailout.Confirmation, "en")
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, most := server.connections(); most > 3 || len(server.deliveries()) != 60 {
		t.Errorf("%d connections at once, %d mails", most, len(server.deliveries()))
	}
}

func TestIdleConnectionsAreEnded(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, nil)
	s := server.sender(t, nil)
	s.KeepIdleFor(10 * time.Millisecond)
	if _, err := s.Send(t.Context(), letter(t, mailout.Confirmation, "en")); err != nil {
		t.Fatal(err)
	}
	<-server.closed
	s.KeepIdleFor(time.Hour)
	if _, err := s.Send(t.Context(), letter(t, mailout.Confirmation, "en")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-server.closed
}

func TestCancelledSendEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	server := startMailServer(t, func(m *mailServer, _ *smtp.Server) {
		m.onRcpt = func(*smtp.Conn) error {
			cancel()
			<-release
			return nil
		}
	})
	t.Cleanup(func() { close(release) })
	s := server.sender(t, func(c *mailout.SMTPConfig) { c.Timeout = time.Hour })
	_, err := s.Send(ctx, letter(t, mailout.Confirmation, "en"))
	if e, ok := errors.AsType[*mailout.SendError](err); !ok || e.Permanent {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationErrorsComeAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := mailout.NewSender(mailout.SMTPConfig{
		Host: "", Port: 70000, TLS: "always", Auth: "kerberos", Connections: -1, HELO: "a b", Instance: "x\r\ny",
		DKIM: []mailout.DKIMKey{{Domain: "acme.example", Selector: "s"}},
	})
	for _, want := range []string{"host", "port", "tls", "auth", "connections", "helo", "instance", "DKIM"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in: %v", want, err)
		}
	}
	if _, err := mailout.NewSender(mailout.SMTPConfig{Host: "mx.acme.example", TLS: mailout.TLSNone, Auth: mailout.AuthPlain, Username: "u", Password: "p"}); err == nil {
		t.Error("a password would go over the network in the clear")
	}
	if _, err := mailout.NewSender(mailout.SMTPConfig{Host: "mx.acme.example"}); err != nil {
		t.Errorf("the host alone is not enough: %v", err)
	}
}

func TestReceiptKeepsNoAddress(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"2.0.0 Ok: queued as 4F2B1C0":                                        "2.0.0 Ok: queued as 4F2B1C0",
		"2.1.5 <anna.maier@lilas.example> accepted, Anna.Maier (anna.maier)": "2.1.5 accepted,",
		strings.Repeat("x", 300):                                             strings.Repeat("x", 200),
	} {
		if got := mailout.WithoutAddress(reply, "anna.maier@lilas.example"); got != want {
			t.Errorf("%q becomes %q", reply, got)
		}
	}
}
