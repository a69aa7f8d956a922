package bench_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"mime"
	"net"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/inbox"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

const (
	account  = "info@soffiah.test"
	password = "secret"
	border   = "mx.soffiah.test"
	// replySize is how large a reply of an ordinary mail client is.
	replySize = 4500
)

// postOffice is a database with requests that wait for a reply, those replies, and a
// mail server in memory that holds what was delivered.
type postOffice struct {
	db      *postgrestest.Database
	user    *imapmemserver.User
	addr    string
	policy  *policy.Policy
	replies [][]byte
	now     time.Time
}

func newPostOffice(tb testing.TB, n int) *postOffice {
	tb.Helper()
	o := &postOffice{db: postgrestest.Open(tb, time.Now), user: imapmemserver.NewUser(account, password), replies: make([][]byte, n), now: time.Now()}
	data, err := sample.Files.ReadFile("policy.yaml")
	must(tb, err)
	o.policy, err = policy.Parse("policy.yaml", data)
	must(tb, err)
	o.serve(tb)
	var group errgroup.Group
	group.SetLimit(4)
	for i := range o.replies {
		group.Go(func() (err error) {
			o.replies[i], err = o.ask(tb.Context(), i)
			return err
		})
	}
	must(tb, group.Wait())
	_, err = o.db.SQL.Exec(tb.Context(), "ANALYZE")
	must(tb, err)
	return o
}

// serve starts the mail server.
func (o *postOffice) serve(tb testing.TB) {
	must(tb, o.user.Create("INBOX", nil))
	memory := imapmemserver.New()
	memory.AddUser(o.user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return watchfulSession{memory.NewSession().(imapserver.SessionIMAP4rev2)}, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}}, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	o.addr = ln.Addr().String()
	go func() { _ = server.Serve(ln) }()
	tb.Cleanup(func() { _ = server.Close() })
}

// watchfulSession announces mail that arrived just before IDLE, which the server in
// memory forgets to.
type watchfulSession struct{ imapserver.SessionIMAP4rev2 }

func (s watchfulSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if err := s.Poll(w, true); err != nil {
		return err
	}
	return s.SessionIMAP4rev2.Idle(w, stop)
}

// ask files a request whose confirmation mail is sent, and returns the reply to it.
func (o *postOffice) ask(ctx context.Context, i int) ([]byte, error) {
	subject := fmt.Sprintf("person%d@lumiere.test", i)
	id := uuid.NewString()
	r := record.Request{Reference: "H-" + strings.ToUpper(id[:8]), Right: dsr.Erasure, ReceivedAt: o.now.Add(-2 * time.Hour), DueAt: o.now.AddDate(0, 1, 0), Intake: dsr.Intake{Name: "Marie Dubois"}}
	l := letters.Letter{Purpose: mailout.Confirmation, To: subject, Language: "en", Facts: letters.Facts(o.policy, r), AnswerUntil: o.now.AddDate(0, 0, 21), At: o.now.Add(-time.Hour)}
	l.Facts.ExpiresAt, l.Facts.CoolingOffUntil, l.Facts.CoolingOffFor = l.AnswerUntil, l.AnswerUntil, 72*time.Hour
	l.Facts.AccountName, l.Facts.RequestedBy = "lumiere", "Marie Dubois"
	l.Facts.Erased = []mailout.Line{{What: "user.account"}, {What: "user.contact.email"}, {What: "user.content"}}
	w := letters.Writer{From: mail.Address{Name: "Soffiah", Address: account}}
	m, err := w.Write(o.policy, l)
	if err != nil {
		return nil, err
	}
	_, err = o.db.CreateRequest(ctx, record.NewRequest{
		ID: id, Reference: r.Reference, PolicyVersion: o.policy.Version(), ReceivedAt: r.ReceivedAt, DueAt: r.DueAt,
		Intake: dsr.Intake{Right: dsr.Erasure, Name: "Marie Dubois", Channel: dsr.Portal, Language: "en", Elements: dsr.Elements{Email: subject}}, Mail: &m,
	})
	return o.answer(subject, m.Message), err
}

// answer is a yes as mail clients write it, above the mail that it answers.
func (o *postOffice) answer(from string, to mailout.Message) []byte {
	at := o.now.Format(time.RFC1123Z)
	var b strings.Builder
	fmt.Fprintf(&b, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", from, to.ReplyTo)
	fmt.Fprintf(&b, "Authentication-Results: %s; dmarc=pass header.from=lumiere.test; spf=pass smtp.mailfrom=lumiere.test\r\n", border)
	fmt.Fprintf(&b, "Received: from mail.lumiere.test (mail.lumiere.test [192.0.2.1]) by %s with ESMTPS id 1; %s\r\n", border, at)
	fmt.Fprintf(&b, "From: Marie Dubois <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n", from, to.ReplyTo, mime.QEncoding.Encode("utf-8", "Re: "+to.Subject), at)
	fmt.Fprintf(&b, "Message-ID: <%s>\r\nIn-Reply-To: <%s>\r\nReferences: <%s>\r\n", "r."+to.MessageID, to.MessageID, to.MessageID)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nYES DELETE\r\n\r\n")
	for line := range strings.Lines(strings.Repeat(to.Text+"\n", 4)) {
		if b.Len()+len(line) > replySize {
			break
		}
		b.WriteString("> " + strings.TrimRight(line, "\r\n") + "\r\n")
	}
	return []byte(b.String())
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func (o *postOffice) deliver(tb testing.TB, raw []byte) {
	_, err := o.user.Append("INBOX", literal{strings.NewReader(string(raw))}, &imap.AppendOptions{Time: o.now})
	must(tb, err)
}

// watch watches the mailbox under a name, as a worker does, until ctx ends.
func (o *postOffice) watch(ctx context.Context, name string, report func(mailin.Event)) error {
	cfg := reply.Config{Domains: []string{"soffiah.test"}, OwnAddresses: []string{account}, AuthservIDs: []string{border}, BorderHosts: []string{border}}
	in := &inbox.Inbox{
		Records: o.db.DB, Judge: reply.NewJudge(cfg), Domains: cfg.Domains, Log: slog.New(slog.DiscardHandler),
		Safeties: func(string) inbox.Safeties { return inbox.Safeties{MinimumAge: 5 * time.Second} },
		Mailboxes: map[string]mailin.Config{name: {
			Addr: o.addr, TLS: mailin.TLSNone, Username: account, Password: password, StartAtBeginning: true, Mark: true, Report: report,
		}},
	}
	return in.Watch(ctx, name)
}
