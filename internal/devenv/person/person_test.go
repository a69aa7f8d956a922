package person_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/person"
)

const confirmation = "From: Privacy <info@soffiah.test>\r\nTo: ada@example.test\r\n" +
	"Reply-To: info+c.token@soffiah.test\r\nMessage-ID: <two@soffiah.test>\r\nReferences: <one@soffiah.test>\r\n" +
	"X-Habeas-Purpose: confirm\r\nSubject: Please confirm\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nFirst line\r\nZweite Zeile: ä\r\n" +
	"--b\r\nContent-Type: text/html\r\n\r\n<p>First line</p>\r\n--b--\r\n"

func confirms(m person.Mail) bool { return m.Header.Get("X-Habeas-Purpose") == "confirm" }

func TestPersonReplies(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	server, err := devenv.StartMail(t.Context(), t.TempDir(), devenv.MailOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	at := func(name, address string) *person.Person {
		return &person.Person{Address: address, Name: name, Password: devenv.MailPassword, IMAPAddr: server.IMAPAddr(), SMTPAddr: server.SMTPAddr()}
	}
	ada, privacy := at("Ada Łovelace", "ada@example.test"), at("Privacy", "info@soffiah.test")
	type answer struct {
		mail person.Mail
		err  error
	}
	awaited := make(chan answer, 1)
	go func() {
		m, err := ada.Await(t.Context(), confirms)
		awaited <- answer{m, err}
	}()
	for _, text := range []string{"Subject: other\r\n\r\nno\r\n", confirmation} {
		if _, err := privacy.Send(t.Context(), "ada@example.test", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	got := <-awaited
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.mail.Subject != "Please confirm" || got.mail.Received.IsZero() {
		t.Errorf("got %+v", got.mail)
	}
	if _, err := ada.Reply(t.Context(), got.mail, "Yes, delete.\n\nAda"); err != nil {
		t.Fatal(err)
	}
	reply, err := privacy.Await(t.Context(), func(person.Mail) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"Delivered-To": "info+c.token@soffiah.test", "Return-Path": "<ada@example.test>",
		"Subject": "Re: Please confirm", "In-Reply-To": "<two@soffiah.test>",
		"References": "<one@soffiah.test> <two@soffiah.test>",
	} {
		if got := reply.Header.Get(field); got != want {
			t.Errorf("%s is %q instead of %q", field, got, want)
		}
	}
	if from, err := reply.Header.AddressList("From"); err != nil || from[0].Name != "Ada Łovelace" {
		t.Errorf("From is %v, %v", from, err)
	}
	text := strings.ReplaceAll(reply.Text, "\r\n", "\n")
	if !strings.HasPrefix(text, "Yes, delete.\n\nAda\n\nOn ") ||
		!strings.HasSuffix(text, " wrote:\n> First line\n> Zweite Zeile: ä\n") {
		t.Errorf("the text is\n%s", text)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := ada.Await(impatient, confirms); err == nil {
		t.Error("the same mail was given out twice")
	}
}
