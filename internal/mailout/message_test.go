package mailout_test

import (
	"bytes"
	"errors"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/mailout"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"anna@lilas.example": true, "a.b+c.d_e@x-1.example": true, "o'neill@lilas.example": true, "root@localhost": true,
		"anna@müller.example": true, "用户@例子.example": true, strings.Repeat("a", 64) + "@lilas.example": true,

		"": false, "anna": false, "@lilas.example": false, "anna@": false, "anna@@lilas.example": false,
		".anna@lilas.example": false, "anna.@lilas.example": false, "an..na@lilas.example": false,
		`"anna"@lilas.example`: false, `"a b"@lilas.example`: false, `"x> SIZE=1"@lilas.example`: false,
		"anna@lilas.example\r\nRCPT TO:<x@evil.example>": false, "anna@lilas.example\x00": false, "an na@lilas.example": false,
		"anna@lilas.example, x@evil.example": false, "Anna <anna@lilas.example>": false, "<anna@lilas.example>": false,
		"anna@[127.0.0.1]": false, "anna@li_las.example": false, "anna@-lilas.example": false, "anna@lilas..example": false,
		"anna@lilas.example.": false, "an\u200bna@lilas.example": false, "\u202eanna@lilas.example": false, "an\xffna@lilas.example": false,
		strings.Repeat("a", 65) + "@lilas.example": false, "a@" + strings.Repeat("b", 64) + ".example": false,
		"a@" + strings.Repeat("b.", 130) + "example": false,
	} {
		if err := mailout.CheckAddress(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		} else if err != nil && len(address) > 3 && strings.Contains(err.Error(), "anna") {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
}

func TestMessagesThatCannotBeMails(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mailout.Message){
		"two recipients":              func(m *mailout.Message) { m.To += ", x@evil.example" },
		"no recipient":                func(m *mailout.Message) { m.To = "" },
		"no envelope sender":          func(m *mailout.Message) { m.EnvelopeFrom = "" },
		"parameters in the envelope":  func(m *mailout.Message) { m.EnvelopeFrom = "a@b.example> SIZE=1" },
		"a line break in the sender":  func(m *mailout.Message) { m.From = "A\r\nBcc: x@evil.example\r\n <a@b.example>" },
		"an encoded line break":       func(m *mailout.Message) { m.From = "=?utf-8?q?A=0D=0ABcc:_x?= <a@b.example>" },
		"two senders":                 func(m *mailout.Message) { m.From = "a@b.example, c@d.example" },
		"a line break in the subject": func(m *mailout.Message) { m.Subject = "x\r\nBcc: x@evil.example" },
		"a bare LF in the subject":    func(m *mailout.Message) { m.Subject = "x\nBcc: x@evil.example" },
		"a NUL in the subject":        func(m *mailout.Message) { m.Subject = "x\x00" },
		"a line separator":            func(m *mailout.Message) { m.Subject = "x\u2028y" },
		"a long subject":              func(m *mailout.Message) { m.Subject = strings.Repeat("x", 251) },
		"a reply to two":              func(m *mailout.Message) { m.ReplyTo = "a@b.example, c@d.example" },
		"brackets in the id":          func(m *mailout.Message) { m.MessageID = "<x@acme.example>" },
		"a line break in the id":      func(m *mailout.Message) { m.MessageID = "x@acme.example\r\nBcc: x" },
		"no id":                       func(m *mailout.Message) { m.MessageID = "" },
		"two ids answered":            func(m *mailout.Message) { m.InReplyTo = "a@b> <c@d" },
		"a language that is none":     func(m *mailout.Message) { m.Language = "en\r\nBcc: x" },
		"an unknown purpose":          func(m *mailout.Message) { m.Purpose = "advertisement" },
		"no date":                     func(m *mailout.Message) { m.Date = time.Time{} },
		"a huge text":                 func(m *mailout.Message) { m.Text = strings.Repeat("x", 1<<20+1) },
		"a text that is not UTF-8":    func(m *mailout.Message) { m.HTML = "\xff" },
	} {
		m := letter(t, mailout.Confirmation, "en")
		change(&m)
		_, err := m.Bytes("i-1", nil)
		if !errors.Is(err, mailout.ErrInvalidMessage) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "example") {
			t.Errorf("%s: the error repeats a value: %v", name, err)
		}
	}
}

// FuzzHeaders: no value of a message adds a header, a recipient or a line.
func FuzzHeaders(f *testing.F) {
	f.Add("Acme <a@b.example>", "c@d.example", "e@f.example", "g@h.example", "i@j.example", "[1] Subject – été", "fr")
	f.Add("\"A\r\nBcc: x\" <a@b.example>", "c@d.example\r\nBcc: x@y.example", "", "<g@h>", "i j@k", "x\r\n\r\nbody", "en\n")
	f.Add("=?utf-8?b?DQpCY2M6IHg=?= <a@b.example>", "c@d.example", "e@f", "g@h", "i@j", strings.Repeat("é ", 240), "de-AT")
	f.Fuzz(func(t *testing.T, from, to, replyTo, envelopeFrom, id, subject, lang string) {
		m := mailout.Message{
			From: from, To: to, ReplyTo: replyTo, EnvelopeFrom: envelopeFrom, MessageID: id, InReplyTo: id, Subject: subject,
			Language: lang, Text: "text\n", HTML: "<p>text</p>\n", Purpose: mailout.Answer, Date: time.Unix(1_800_000_000, 0),
		}
		raw, err := m.Bytes("i-1", nil)
		if err != nil {
			if !errors.Is(err, mailout.ErrInvalidMessage) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		msg, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("not a mail: %v\n%s", err, raw)
		}
		allowed := "From To Reply-To Message-Id In-Reply-To References Subject Date Mime-Version Content-Type Content-Language " +
			"Auto-Submitted X-Auto-Response-Suppress X-Habeas-Purpose X-Habeas-Instance"
		for name, values := range msg.Header {
			if len(values) != 1 || !strings.Contains(" "+allowed+" ", " "+name+" ") {
				t.Errorf("header %s: %q", name, values)
			}
		}
		if list, err := msg.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to {
			t.Errorf("To is %v, %v", list, err)
		}
		for line := range strings.SplitSeq(string(raw), "\r\n") {
			if strings.ContainsAny(line, "\r\n\x00") || len(line) > 998 { // RFC 5322, section 2.1.1
				t.Errorf("the line %q", line)
			}
		}
		for _, path := range []string{mailout.EnvelopePath(to), mailout.EnvelopePath(envelopeFrom)} {
			if strings.ContainsAny(path[1:len(path)-1], " \t\r\n<>\"\\") {
				t.Errorf("the path %q", path)
			}
		}
	})
}

// FuzzCompose: no fact breaks a mail or reaches its subject with a line break.
func FuzzCompose(f *testing.F) {
	f.Add("Anna", "Acme", "R-1", "reason", uint8(2))
	f.Add("a", strings.Repeat("b", 3000), strings.Repeat("c", 3000), "d", uint8(4))
	f.Add("{confirm}", "A\r\nBcc: x", "\x00\x01", "<b>\u202e", uint8(9))
	f.Fuzz(func(t *testing.T, name, controller, reference, words string, p uint8) {
		facts := everything()
		facts.Addressee, facts.Controller.Name, facts.Reference = name, controller, reference
		facts.Reasons, facts.AccountName, facts.Kept = []string{words}, words, []mailout.Line{{What: words, Basis: words}}
		all := mailout.Purposes()
		c := compose(t, all[int(p)%len(all)], "fr", facts)
		m := letter(t, mailout.Answer, "fr")
		m.Subject, m.Text, m.HTML = c.Subject, c.Text, c.HTML
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(c.Text, "\x00\x01\r") || strings.ContainsAny(c.HTML, "\x00\x01\r") {
			t.Error("a control character came through")
		}
	})
}
