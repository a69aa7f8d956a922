package reply

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// The attack and failure table, row by row, as far as judging is concerned.

const otherToken = "zyxwvutsrqponmlkjihgfedcba"

// genuine is a mail that confirms. Tests change one thing about it.
type genuine struct {
	top, authres, border, from, to, more, subject, inReplyTo, contentType, body string
	sign                                                                        []string // header fields to sign; nil: no signature
	expect                                                                      func(*Expectation)
	config                                                                      func(*Config)
	junk                                                                        bool
}

func genuineMail() genuine {
	return genuine{
		top:         "Return-Path: <kim.sample@example.org>\r\nDelivered-To: privacy+c." + token + "@acme.test\r\n",
		authres:     "Authentication-Results: mx.acme.test; dmarc=pass header.from=example.org; spf=pass smtp.mailfrom=example.org\r\n",
		border:      "Received: from mail.example.org (mail.example.org [192.0.2.1]) by mx.acme.test with ESMTPS id 1; Tue, 03 Nov 2026 12:00:00 +0000\r\n",
		from:        "From: Kim Sample <kim.sample@example.org>\r\n",
		to:          "To: Acme Privacy <privacy+c." + token + "@acme.test>\r\n",
		subject:     "Subject: Re: Please confirm the deletion of your account\r\n",
		inReplyTo:   "In-Reply-To: <c." + token + "@acme.test>\r\n",
		contentType: "Content-Type: text/plain; charset=utf-8\r\n",
		body:        "Yes\r\n",
	}
}

func (g genuine) raw(t testing.TB) []byte {
	t.Helper()
	own := g.from + g.to + g.more + g.subject + g.inReplyTo + "Message-ID: <1@example.org>\r\nDate: Tue, 03 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n" + g.contentType + "\r\n" + g.body
	if g.sign != nil {
		own = signed(t, own, g.sign)
	}
	return []byte(g.top + g.authres + g.border + own)
}

var signingKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func signed(t testing.TB, raw string, fields []string) string {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(raw), &dkim.SignOptions{Domain: "example.org", Selector: "s1", Signer: signingKey, HeaderKeys: fields,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// signingDNS answers for the key of signed.
func signingDNS(_ context.Context, name string) ([]string, error) {
	if name != "s1._domainkey.example.org" {
		return nil, errors.New("no such name")
	}
	return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(signingKey.Public().(ed25519.PublicKey))}, nil
}

func (g genuine) judge(t testing.TB) Judgement {
	t.Helper()
	cfg := Config{Domains: []string{"acme.test"}, OwnAddresses: []string{"privacy@acme.test"}, AuthservIDs: []string{"mx.acme.test"}, BorderHosts: []string{"mx.acme.test"}}
	if g.config != nil {
		g.config(&cfg)
	}
	expect := locales[0].expectation()
	if g.expect != nil {
		g.expect(expect)
	}
	if expect.Token == "" {
		expect = nil
	}
	return NewJudge(cfg).Judge(context.Background(), Input{Raw: g.raw(t), Expect: expect, Junk: g.junk, ReceivedAt: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)})
}

func withDNS(c *Config) { c.LookupTXT = signingDNS }

func withoutResults(g *genuine) { g.authres = "" }

func TestAttackTable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*genuine)
		want   Verdict
		code   Code
	}{
		{"a genuine yes", func(*genuine) {}, Confirm, AuthPassed},
		{"spoofed From, no token", func(g *genuine) {
			g.expect = func(e *Expectation) { e.Token = "" }
			g.to, g.inReplyTo, g.top = "To: privacy@acme.test\r\n", "", ""
		}, Unclear, NoToken},
		{"spoofed From, stolen token, DMARC fails", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=fail header.from=example.org\r\n"
		}, Unclear, AuthFailed},
		{"stolen token, nobody vouches", withoutResults, Unclear, AuthNone},
		{"nobody vouches, policy accepts that", func(g *genuine) {
			withoutResults(g)
			g.config = func(c *Config) { c.AcceptUnauthenticated = true }
		}, Confirm, AuthAccepted},
		{"DMARC fails, policy accepts the unauthenticated", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=fail header.from=example.org\r\n"
			g.config = func(c *Config) { c.AcceptUnauthenticated = true }
		}, Unclear, AuthFailed},
		{"pass and fail, fail wins", func(g *genuine) {
			g.authres += "Authentication-Results: mx.acme.test; dmarc=fail header.from=example.org\r\n"
		}, Unclear, AuthFailed},
		{"results forged in the message, below the border", func(g *genuine) { g.border, g.authres = g.border+g.authres, "" }, Unclear, AuthNone},
		{"results of somebody else's server", func(g *genuine) {
			g.authres = strings.Replace(g.authres, "mx.acme.test", "mx.evil.test", 1)
		}, Unclear, AuthNone},
		{"results without the border's Received", func(g *genuine) {
			g.border = "Received: from x by relay.evil.test with ESMTP; Tue, 03 Nov 2026 12:00:00 +0000\r\n"
		}, Unclear, AuthNone},
		{"no authserv-id configured", func(g *genuine) { g.config = func(c *Config) { c.AuthservIDs = nil } }, Unclear, AuthNone},
		{"pass for another From domain", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=pass header.from=evil.test\r\n"
		}, Unclear, AuthNone},
		{"result injected by a quoted local part", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; spf=pass smtp.mailfrom=\"x; dmarc=pass header.from=example.org; y\"@evil.test; dmarc=fail header.from=example.org\r\n"
		}, Unclear, AuthFailed},
		{"result injected by a comment", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dkim=fail (x; dmarc=pass header.from=example.org)\r\n"
		}, Unclear, AuthNone},
		{"our border's field is broken", func(g *genuine) {
			g.authres += "Authentication-Results: mx.acme.test; dmarc=pass (open\r\n"
		}, Unclear, AuthFailed},
		{"quoted local part in Return-Path", func(g *genuine) {
			g.top = strings.Replace(g.top, "<kim.sample@example.org>", `<"kim; x"@example.org>`, 1)
		}, Unclear, OddSender},
		{"own DKIM check instead of results", func(g *genuine) {
			withoutResults(g)
			g.sign, g.config = []string{"From", "To", "Subject"}, withDNS
		}, Confirm, AuthPassed},
		{"DKIM with the body changed", func(g *genuine) {
			withoutResults(g)
			g.config = withDNS
			g.from = strings.TrimSuffix(signedHead(g), "")
		}, Unclear, AuthNone},
		{"DKIM replay to another request: To is not signed", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=pass header.from=example.org; spf=fail smtp.mailfrom=evil.test\r\n"
			g.sign, g.config = []string{"From", "Subject"}, withDNS
		}, Unclear, TokenUnprotected},
		{"DKIM replay from a server with an SPF record of its own", func(g *genuine) {
			g.authres = "Authentication-Results: mx.acme.test; dmarc=pass header.from=example.org; spf=pass smtp.mailfrom=x@evil.test\r\n"
			g.sign, g.config = []string{"From", "Subject"}, withDNS
		}, Unclear, TokenUnprotected},
		{"To is not signed, but the mail comes from the sender's servers", func(g *genuine) {
			g.sign, g.config = []string{"From", "Subject"}, withDNS
		}, Confirm, AuthPassed},
		{"a person writes about an absence", func(g *genuine) {
			g.subject = "Subject: Absence de réponse\r\n"
		}, Confirm, AuthPassed},
		{"DKIM replay: a To put above the signed one", func(g *genuine) {
			withoutResults(g)
			g.sign, g.config = []string{"From", "To"}, withDNS
			g.border += g.to
			g.to = "To: friend@evil.test\r\n"
		}, Unclear, Malformed},
		{"DKIM replay: only the envelope names the token", func(g *genuine) {
			g.to, g.inReplyTo = "To: friend@evil.test\r\n", ""
		}, Unclear, TokenUnprotected},
		{"token only in In-Reply-To, signed", func(g *genuine) {
			g.to, g.top = "To: privacy@acme.test\r\n", "Return-Path: <kim.sample@example.org>\r\n"
			g.sign, g.config = []string{"From", "To", "In-Reply-To"}, withDNS
		}, Confirm, AuthPassed},
		{"token only in In-Reply-To, not signed", func(g *genuine) {
			g.to, g.top = "To: privacy@acme.test\r\n", "Return-Path: <kim.sample@example.org>\r\n"
			g.sign, g.config = []string{"From", "To"}, withDNS
		}, Unclear, TokenUnprotected},
		{"tokens of two requests", func(g *genuine) {
			g.more = "Cc: privacy+c." + otherToken + "@acme.test\r\n"
		}, Unclear, TokenConflict},
		{"the token of another request", func(g *genuine) {
			g.expect = func(e *Expectation) { e.Token = otherToken }
		}, Unclear, NoToken},
		{"token in upper case", func(g *genuine) {
			g.to = strings.ToUpper(g.to)
		}, Confirm, AuthPassed},
		{"replayed: the token has been used", func(g *genuine) {
			g.expect = func(e *Expectation) { e.Answered = true }
		}, Unclear, TokenAnswered},
		{"a no after the yes cancels", func(g *genuine) {
			g.body = "No\r\n"
			g.expect = func(e *Expectation) { e.Answered = true; e.ExpiresAt = e.SentAt }
		}, Cancel, PlainNo},
		{"forwarded by a third party", func(g *genuine) {
			g.from = "From: Assistant <assistant@example.org>\r\n"
		}, Unclear, WrongSender},
		{"reply from an alias", func(g *genuine) {
			g.from = "From: Kim Sample <kim@example.org>\r\n"
		}, Unclear, WrongSender},
		{"the address in other letters", func(g *genuine) {
			g.from = "From: \"Kim Sample\" <Kim.Sample@EXAMPLE.org>\r\n"
		}, Confirm, AuthPassed},
		{"the address in the display name only", func(g *genuine) {
			g.from = "From: \"kim.sample@example.org\" <x@evil.test>\r\n"
		}, Unclear, WrongSender},
		{"two From fields", func(g *genuine) { g.from += "From: x@evil.test\r\n" }, Unclear, OddSender},
		{"two addresses in From", func(g *genuine) {
			g.from = "From: kim.sample@example.org, x@evil.test\r\n"
		}, Unclear, OddSender},
		{"a group in From", func(g *genuine) { g.from = "From: us: kim.sample@example.org;\r\n" }, Unclear, OddSender},
		{"another Sender", func(g *genuine) { g.more = "Sender: x@evil.test\r\n" }, Unclear, OddSender},
		{"resent", func(g *genuine) { g.more = "Resent-From: x@evil.test\r\n" }, Unclear, OddSender},
		{"a list as account address", func(g *genuine) { g.more = "List-Id: <all.example.org>\r\n" }, Automatic, AutomaticMail},
		{"vacation that says yes", func(g *genuine) {
			g.more, g.body = "Auto-Submitted: auto-replied (vacation)\r\n", "Yes, I confirm\r\n"
		}, Automatic, AutomaticMail},
		{"vacation of iCloud", func(g *genuine) { g.more = "X-Apple-Action: VACATION\r\n" }, Automatic, AutomaticMail},
		{"vacation of old Outlook, subject only", func(g *genuine) {
			g.subject = "Subject: Abwesenheitsnotiz: Please confirm\r\n"
		}, Automatic, AutomaticMail},
		{"empty envelope sender", func(g *genuine) {
			g.top = strings.Replace(g.top, "<kim.sample@example.org>", "<>", 1)
		}, Automatic, AutomaticMail},
		{"auto-reply loop: our own mail comes back", func(g *genuine) { g.more = "X-Habeas-Instance: a\r\n" }, Automatic, AutomaticMail},
		{"auto-reply loop: a mail of another installation", func(g *genuine) { g.more = "X-Habeas-Purpose: acknowledgement\r\n" }, Automatic, AutomaticMail},
		{"our own mail, from a plus-address of ours", func(g *genuine) {
			g.from = "From: Privacy+c." + token + "@acme.test\r\n"
		}, Automatic, AutomaticMail},
		{"a colleague writes from our own address", func(g *genuine) {
			g.from = "From: privacy@acme.test\r\n"
		}, Automatic, AutomaticMail},
		{"sent to the return path", func(g *genuine) {
			g.top = "Return-Path: <kim.sample@example.org>\r\nDelivered-To: privacy+b." + token + "@acme.test\r\n"
		}, Automatic, AutomaticMail},
		{"Auto-Submitted: no is a person", func(g *genuine) { g.more = "Auto-Submitted: no\r\n" }, Confirm, AuthPassed},
		{"an emoji reaction", func(g *genuine) {
			g.contentType = "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: reaction\r\n"
		}, Unclear, Reaction},
		{"with an attachment", func(g *genuine) {
			g.contentType = "Content-Type: multipart/mixed; boundary=b\r\n"
			g.body = "--b\r\n\r\nYes\r\n--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b--\r\n"
		}, Unclear, Attachment},
		{"a forwarded mail attached", func(g *genuine) {
			g.contentType = "Content-Type: multipart/mixed; boundary=b\r\n"
			g.body = "--b\r\n\r\nYes\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n--b--\r\n"
		}, Unclear, Forwarded},
		{"forwarded by its subject", func(g *genuine) {
			g.subject = "Subject: WG: Please confirm the deletion of your account\r\n"
		}, Unclear, Forwarded},
		{"the subject takes the yes back", func(g *genuine) {
			g.subject = "Subject: Do not do this, I was joking\r\n"
		}, Unclear, ChangedSubject},
		{"text and HTML disagree", func(g *genuine) {
			g.contentType = "Content-Type: multipart/alternative; boundary=b\r\n"
			g.body = "--b\r\nContent-Type: text/plain\r\n\r\nYes\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>No</p>\r\n--b--\r\n"
		}, Unclear, PartsDisagree},
		{"a yes that is struck through", func(g *genuine) {
			g.contentType, g.body = "Content-Type: text/html\r\n", "<p><s>Yes</s></p>\r\n"
		}, Unclear, NotPlain},
		{"a hidden yes", func(g *genuine) {
			g.contentType, g.body = "Content-Type: text/html\r\n", "<div style=\"display: none\">Yes</div>\r\n"
		}, Unclear, Empty},
		{"a picture beside the yes", func(g *genuine) {
			g.contentType, g.body = "Content-Type: text/html\r\n", "<div>Yes <img src=\"https://x.test/not.png\"></div>\r\n"
		}, Unclear, NotPlain},
		{"encrypted", func(g *genuine) {
			g.contentType = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
		}, Unclear, Unreadable},
		{"unknown charset", func(g *genuine) { g.contentType = "Content-Type: text/plain; charset=utf-7\r\n" }, Unclear, Unreadable},
		{"two Content-Type fields", func(g *genuine) { g.contentType += "Content-Type: text/html\r\n" }, Unclear, Malformed},
		{"MIME bomb", func(g *genuine) {
			g.contentType = "Content-Type: multipart/mixed; boundary=b0\r\n"
			g.body = nested(1000)
		}, Unclear, OverLimit},
		{"HTML bomb", func(g *genuine) {
			g.contentType, g.body = "Content-Type: text/html\r\n", strings.Repeat("<div>", 3000)+"Yes\r\n"
		}, Unclear, OverLimit},
		{"huge text", func(g *genuine) { g.body = "Yes\r\n" + strings.Repeat("\r\n", maxText) }, Unclear, OverLimit},
		{"the mailbox was down; received in time by the border", func(g *genuine) {
			g.expect = func(e *Expectation) { e.ExpiresAt = time.Date(2026, 11, 3, 12, 0, 1, 0, time.UTC) }
		}, Confirm, AuthPassed},
		{"received after expiry", func(g *genuine) {
			g.expect = func(e *Expectation) { e.ExpiresAt = time.Date(2026, 11, 3, 11, 0, 0, 0, time.UTC) }
		}, Unclear, TokenExpired},
		{"the sender's clock does not matter", func(g *genuine) {
			g.more = "X-Date: Tue, 03 Nov 2099 12:00:00 +0000\r\n"
		}, Confirm, AuthPassed},
		{"faster than a person", func(g *genuine) {
			g.expect = func(e *Expectation) {
				e.SentAt, e.MinimumAge = time.Date(2026, 11, 3, 11, 59, 58, 0, time.UTC), 5*time.Second
			}
		}, Unclear, TooQuick},
		{"a condition in the signature", func(g *genuine) { g.body = "Yes\r\n-- \r\nKim\r\nbut keep my invoices\r\n" }, Unclear, TailVeto},
		{"a condition inside the quotation", func(g *genuine) {
			g.body = "Yes\r\n\r\nOn 3 Nov 2026, at 10:11, Acme <privacy@acme.test> wrote:\r\n> Nothing will be deleted unless you say so.\r\n> keep the pictures of my cat\r\n"
		}, Unclear, ForeignQuote},
		{"our own mail, unmarked, and nothing else", func(g *genuine) {
			g.body = strings.ReplaceAll(locales[0].sent, "\n", "\r\n")
		}, Unclear, Empty},
		{"a yes below our own mail, unmarked", func(g *genuine) {
			g.body = strings.ReplaceAll(locales[0].sent, "\n", "\r\n") + "\r\nYes\r\n"
		}, Unclear, BelowUnmarked},
		{"a yes to another question in our mail", func(g *genuine) {
			g.body = "On 3 Nov 2026, at 10:11, Acme <privacy@acme.test> wrote:\r\n> Do you have questions? Write to privacy@acme.test.\r\n\r\nYes\r\n\r\n> Acme Ltd, Data Protection\r\n"
		}, Unclear, OtherQuestion},
		{"thanks in Danish, the mail's language not being known", func(g *genuine) {
			g.body = "Tak\r\n"
			g.expect = func(e *Expectation) { e.Language = "" }
		}, Unclear, NotPlain},
		{"base64 that is cut off", func(g *genuine) {
			g.contentType, g.body = "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", "WWVzDQp\r\n"
		}, Unclear, Malformed},
		{"contains a new request", func(g *genuine) {
			g.body = "Please send me a copy of my data first.\r\n"
		}, NewRequest, RecognisedRequest},
		{"a question", func(g *genuine) { g.body = "What about my invoices?\r\n" }, Question, AsksSomething},
		{"stop", func(g *genuine) { g.body = "STOP\r\n" }, Pause, PlainPause},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := genuineMail()
			tc.change(&g)
			got := g.judge(t)
			if got.Verdict != tc.want || !got.Has(tc.code) {
				t.Errorf("got %s %v, fresh %q, auth %+v; want %s with %s", got.Verdict, got.ReasonLines(), got.FreshText, got.Auth, tc.want, tc.code)
			}
			if got.Automatic != (tc.want == Automatic) {
				t.Errorf("automatic is %v", got.Automatic)
			}
			for _, secret := range []string{"kim", "sample", "example.org", token} {
				if strings.Contains(strings.ToLower(strings.Join(got.ReasonLines(), " ")), secret) {
					t.Errorf("the reasons tell %q: %v", secret, got.ReasonLines())
				}
			}
		})
	}
}

// signedHead returns a From field behind a signature made over another body.
func signedHead(g *genuine) string {
	raw := g.from + g.to + "\r\nanother body\r\n"
	var out bytes.Buffer
	if err := dkim.Sign(&out, strings.NewReader(raw), &dkim.SignOptions{Domain: "example.org", Selector: "s1", Signer: signingKey, HeaderKeys: []string{"From", "To"}}); err != nil {
		return err.Error()
	}
	head, _, _ := strings.Cut(out.String(), "From:")
	return head + g.from
}

// nested is a multipart body of n levels.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
	}
	fmt.Fprintf(&b, "--b%d\r\n\r\nYes\r\n", n)
	return b.String()
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	pass := "Authentication-Results: spf=pass smtp.mailfrom=example.org; dmarc=pass action=none header.from=example.org;compauth=pass reason=100\r\n"
	for name, tc := range map[string]struct {
		change func(*genuine)
		want   Code
	}{
		"Exchange Online": {func(g *genuine) {
			g.authres = pass
			g.config = func(c *Config) { c.Layout = LayoutExchange; c.AuthservIDs = nil }
		}, AuthPassed},
		"Exchange Online, forged second field": {func(g *genuine) {
			g.authres = strings.ReplaceAll(pass, "dmarc=pass", "dmarc=none") + pass
			g.config = func(c *Config) { c.Layout = LayoutExchange; c.AuthservIDs = nil }
		}, AuthNone},
		"without an id, but not Exchange": {func(g *genuine) { g.authres = pass }, AuthNone},
		"Gmail, below its Received": {func(g *genuine) {
			g.border, g.authres = g.border+g.authres, ""
			g.config = func(c *Config) { c.Layout = LayoutGmail }
		}, AuthPassed},
		"Gmail, forged below the sender's Received": {func(g *genuine) {
			g.border, g.authres = g.border+"Received: from a by b; x\r\n"+g.authres, ""
			g.config = func(c *Config) { c.Layout = LayoutGmail }
		}, AuthNone},
	} {
		g := genuineMail()
		tc.change(&g)
		if got := g.judge(t); !got.Has(tc.want) {
			t.Errorf("%s: %v", name, got.ReasonLines())
		}
	}
}
