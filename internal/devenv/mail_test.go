package devenv_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/devenv"
)

const privacy = "info@soffiah.test"

func startMail(t *testing.T, dir string) *devenv.Mail {
	t.Helper()
	m, err := devenv.StartMail(t.Context(), dir, devenv.MailOptions{Host: "mail.soffiah.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func send(m *devenv.Mail, to, subject string) error {
	text := "From: Ada <ada@example.test>\r\nTo: " + to + "\r\nSubject: " + subject + "\r\n\r\n.dot\r\nbody\r\n"
	c, err := smtp.Dial(m.SMTPAddr())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return c.SendMail("ada@example.test", []string{to}, strings.NewReader(text))
}

// login opens a connection; exists gets a value for every EXISTS.
func login(t *testing.T, m *devenv.Mail) (c *imapclient.Client, exists chan uint32) {
	t.Helper()
	exists = make(chan uint32, 100)
	c, err := imapclient.DialInsecure(m.IMAPAddr(), &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				exists <- *data.NumMessages
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login(privacy, devenv.MailPassword).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return c, exists
}

// message is what must survive a restart.
type message struct {
	UID   imap.UID
	Flags string
	At    time.Time
	Text  string
}

type mailboxState struct {
	UIDValidity uint32
	UIDNext     imap.UID
	Messages    []message
}

func state(t *testing.T, m *devenv.Mail, mailbox string) mailboxState {
	t.Helper()
	c, _ := login(t, m)
	defer func() { _ = c.Close() }()
	selected, err := c.Select(mailbox, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	s := mailboxState{UIDValidity: selected.UIDValidity, UIDNext: selected.UIDNext}
	if selected.NumMessages == 0 {
		return s
	}
	body := &imap.FetchItemBodySection{Peek: true}
	fetched, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{body},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fetched {
		slices.Sort(f.Flags)
		s.Messages = append(s.Messages, message{f.UID, fmt.Sprint(f.Flags), f.InternalDate.UTC(), string(f.FindBodySection(body))})
	}
	return s
}

func TestMailIsDelivered(t *testing.T) {
	needsServers(t)
	t.Parallel()
	m := startMail(t, t.TempDir())
	if err := send(m, "Info+c.Token@Soffiah.test", "hello"); err != nil {
		t.Fatal(err)
	}
	got := state(t, m, "INBOX")
	if len(got.Messages) != 1 {
		t.Fatalf("got %+v", got)
	}
	text := got.Messages[0].Text
	for _, want := range []string{
		"Return-Path: <ada@example.test>\r\n", "\r\nDelivered-To: Info+c.Token@Soffiah.test\r\n",
		"\r\nReceived: from ", "\r\n\tby mail.soffiah.test with ESMTP id ", "\r\nSubject: hello\r\n\r\n.dot\r\nbody\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	files, err := m.Messages(privacy, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if onDisk, err := os.ReadFile(files[1]); err != nil || string(onDisk) != text {
		t.Errorf("the file differs: %q %v", onDisk, err)
	}
}

func TestMailComesBack(t *testing.T) {
	needsServers(t)
	t.Parallel()
	dir := t.TempDir()
	m := startMail(t, dir)
	c, _ := login(t, m)
	for i := range 6 {
		if err := send(m, privacy, fmt.Sprint("mail ", i)); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
	if _, err := m.Append(privacy, "Sent", at, []byte("Subject: old\r\n\r\nold\r\n"), imap.FlagSeen); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Create("Gone", nil).Wait())
	must(c.Create("Done", nil).Wait())
	must(c.Delete("Gone").Wait())
	must(c.Noop().Wait())
	add := func(flag imap.Flag, uids ...imap.UID) {
		t.Helper()
		_, err := c.Store(imap.UIDSetNum(uids...), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}, nil).Collect()
		must(err)
	}
	add(imap.FlagSeen, 1, 3)
	add("$Habeas", 3)
	add(imap.FlagDeleted, 2, 6)
	_, err := c.Expunge().Collect()
	must(err)
	moved, err := c.Move(imap.UIDSetNum(3), "Done").Wait()
	must(err)
	if moved == nil || fmt.Sprint(moved.DestUIDs) != "1" {
		t.Errorf("moved: %+v", moved)
	}
	_, err = c.Copy(imap.UIDSetNum(4), "Done").Wait()
	must(err)
	_, err = c.Fetch(imap.UIDSetNum(5), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{{}}}).Collect()
	must(err)

	before := map[string]mailboxState{}
	for _, box := range []string{"INBOX", "Sent", "Done"} {
		before[box] = state(t, m, box)
	}
	var uids []imap.UID
	for _, msg := range before["INBOX"].Messages {
		uids = append(uids, msg.UID)
	}
	if !slices.Equal(uids, []imap.UID{1, 4, 5}) || before["INBOX"].UIDNext != 7 || len(before["Done"].Messages) != 2 {
		t.Errorf("before: %+v", before)
	}
	if !strings.Contains(before["INBOX"].Messages[2].Flags, "Seen") || !before["Sent"].Messages[0].At.Equal(at) {
		t.Errorf("before: %+v", before)
	}
	smtpAddr, imapAddr := m.SMTPAddr(), m.IMAPAddr()
	if _, err := devenv.StartMail(t.Context(), dir, devenv.MailOptions{}); err == nil {
		t.Error("a second server started on the same directory")
	}
	must(m.Close())

	m = startMail(t, dir)
	for box, want := range before {
		if diff := cmp.Diff(want, state(t, m, box)); diff != "" {
			t.Errorf("%s changed: %s", box, diff)
		}
	}
	if m.SMTPAddr() != smtpAddr || m.IMAPAddr() != imapAddr {
		t.Error("the ports changed")
	}
	must(send(m, privacy, "next"))
	got := state(t, m, "INBOX").Messages
	if last := got[len(got)-1]; last.UID != 7 {
		t.Errorf("the next mail has UID %d", last.UID)
	}
}

// imapmemserver on its own loses what happens between the last command and IDLE.
func TestIdleMissesNothing(t *testing.T) {
	needsServers(t)
	t.Parallel()
	m := startMail(t, t.TempDir())
	c, exists := login(t, m)
	for i := range uint32(40) {
		if i%2 == 0 { // before IDLE
			if err := send(m, privacy, "before"); err != nil {
				t.Fatal(err)
			}
		}
		idle, err := c.Idle()
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 { // just when it begins
			if err := send(m, privacy, "within"); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case n := <-exists:
			if n != i+1 {
				t.Fatalf("EXISTS %d instead of %d", n, i+1)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("round %d: no EXISTS", i)
		}
		if err := idle.Close(); err != nil {
			t.Fatal(err)
		}
		if err := idle.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMailHooksAndRefusals(t *testing.T) {
	needsServers(t)
	t.Parallel()
	m := startMail(t, t.TempDir())
	events := make(chan string, 10)
	held := make(chan struct{})
	m.SetHooks(devenv.MailHooks{
		Stored:   func(d devenv.Delivery) { events <- "stored " + d.Recipient; <-held },
		Answered: func(d devenv.Delivery) { events <- "answered " + d.Mailbox },
	})
	sent := make(chan error, 1)
	go func() { sent <- send(m, "info+x@soffiah.test", "s") }()
	if got := <-events; got != "stored info+x@soffiah.test" {
		t.Error(got)
	}
	select {
	case err := <-sent:
		t.Errorf("answered while the hook still ran: %v", err)
	default:
	}
	close(held)
	if got := <-events; got != "answered info@soffiah.test" {
		t.Error(got)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	m.SetHooks(devenv.MailHooks{})
	for _, code := range []int{451, 550} {
		m.RejectNext(code)
		refusal, ok := send(m, privacy, "s").(*smtp.SMTPError)
		if !ok || refusal.Code != code {
			t.Errorf("got %v instead of %d", refusal, code)
		}
	}
	for _, address := range []string{"../evil@x.test", "a/b@x.test", ".@x.test", "a@../x", "@x.test"} {
		if err := send(m, address, "s"); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
	huge := strings.Repeat("x", 11<<20)
	if err := send(m, privacy, huge); err == nil {
		t.Error("a huge mail was accepted")
	}
	if n := len(state(t, m, "INBOX").Messages); n != 1 {
		t.Errorf("%d messages", n)
	}
}
