package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// Whatever is wrong with what comes in, by HTTP or by mail, is refused with a clear
// 4xx or recorded and nothing more.
func TestBadInput(t *testing.T) {
	i := install(t, sandbox.Options{})
	i.run()
	t.Run("api", func(t *testing.T) { inTest(i, t).badAPI() })
	t.Run("portal", func(t *testing.T) { inTest(i, t).badPortal() })
	t.Run("unknown token", func(t *testing.T) { inTest(i, t).unknownToken(i.Company.Account(1)) })
	t.Run("forged sender without token", func(t *testing.T) { inTest(i, t).forgedSender(i.Company.Account(2)) })
	t.Run("stolen token", func(t *testing.T) { inTest(i, t).stolenToken(i.Company.Account(3)) })
	t.Run("replay", func(t *testing.T) { inTest(i, t).replay(i.Company.Account(4)) })
	t.Run("hostile words", func(t *testing.T) { inTest(i, t).hostileWords(i.Company.Account(5)) })
}

// injection is how a value would add a recipient to a mail.
const injection = "x\r\nBcc: thief@elsewhere.test"

// intake is a request as JSON, with some members set to something else.
func intake(a soffiah.Account, elements, members map[string]any) map[string]any {
	all := map[string]any{"account_name": a.AccountName, "email": a.Email, "business_id": a.BusinessID, "mailing_address": a.MailingAddress}
	maps.Copy(all, elements)
	body := map[string]any{"right": "erasure", "name": a.FullName, "language": "en", "elements": all}
	maps.Copy(body, members)
	return body
}

func (i installation) badAPI() {
	a := i.Company.Subject()
	before := i.requests()
	bodies := map[string]any{
		"unknown right": intake(a, nil, map[string]any{"right": "everything"}), "no right": intake(a, nil, map[string]any{"right": ""}),
		"unknown member": intake(a, nil, map[string]any{"admin": true}), "no elements": map[string]any{"right": "erasure"},
		"a number for a name": intake(a, nil, map[string]any{"name": 7}), "a list": []int{1}, "nothing": nil,
	}
	for n, address := range []string{
		"", "a", "a@", "@b.test", "a@b", "a b@c.test", "a@b.test, c@d.test", "<a@b.test>", "a@[127.0.0.1]", "\"a\"@b.test", "a@b..test", "a@b.test\n", "é@b.test", "a\x00@b.test",
	} {
		bodies[fmt.Sprintf("malformed address %d", n)] = intake(a, map[string]any{"email": address}, nil)
	}
	long := strings.Repeat("x", 20_000)
	for _, field := range []string{"account_name", "email", "business_id", "mailing_address"} {
		bodies["injection in "+field] = intake(a, map[string]any{field: injection}, nil)
		bodies["too long a "+field] = intake(a, map[string]any{field: long}, nil)
	}
	for _, field := range []string{"name", "language", "idempotency_key", "right"} {
		bodies["injection in "+field] = intake(a, nil, map[string]any{field: injection})
		bodies["too long a "+field] = intake(a, nil, map[string]any{field: long})
	}
	bodies["too long a message"] = intake(a, nil, map[string]any{"message": long})
	for name, body := range bodies {
		text, err := json.Marshal(body)
		if err != nil {
			i.t.Fatal(err)
		}
		i.refused(name, i.post(string(text), i.Token, "application/json"), 400, 422)
	}
	valid, err := json.Marshal(intake(a, nil, nil))
	if err != nil {
		i.t.Fatal(err)
	}
	i.refused("too large a body", i.post(`{"right":"`+strings.Repeat("x", 1<<20)+`"}`, i.Token, "application/json"), 413)
	i.refused("half of a body", i.post(string(valid[:40]), i.Token, "application/json"), 400)
	i.refused("two bodies", i.post(string(valid)+string(valid), i.Token, "application/json"), 400)
	i.refused("another type", i.post(string(valid), i.Token, "text/plain"), 415)
	i.refused("no token", i.post(string(valid), "", "application/json"), 401)
	i.refused("a wrong token", i.post(string(valid), "wrong", "application/json"), 401)
	if after := i.requests(); after != before {
		i.t.Errorf("%d requests were recorded", after-before)
	}
}

func (i installation) post(body, token, contentType string) *http.Response {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, i.Config.Team.URL+"/api/v1/requests", strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	return res
}

// refused checks the status of an answer, and that it says a code and what to do
// without repeating what was sent.
func (i installation) refused(name string, res *http.Response, statuses ...int) {
	i.t.Helper()
	text := i.read(res)
	var answer struct {
		Error struct{ Code, Message string }
	}
	if !slices.Contains(statuses, res.StatusCode) || json.Unmarshal([]byte(text), &answer) != nil || answer.Error.Code == "" || answer.Error.Message == "" {
		i.t.Errorf("%s: %d %.200s", name, res.StatusCode, text)
	}
	if strings.Contains(text, "thief") || strings.Contains(text, "xxxxxxxx") {
		i.t.Errorf("%s: the answer repeats what was sent: %.200s", name, text)
	}
}

func (i installation) requests() int {
	i.t.Helper()
	return query[int](i.t, i.ownURL(), "SELECT count(*) FROM request")
}

func (i installation) badPortal() {
	a := i.Company.Subject()
	before := i.requests()
	fields := map[string]string{"right": "erasure", "account_name": a.AccountName, "email": a.Email, "name": a.FullName}
	i.portal("no form token", fields, map[string]string{"form": ""})
	i.portal("a wrong form token", fields, map[string]string{"form": "x.y.z"})
	i.portal("a filled trap", fields, map[string]string{"website": "https://elsewhere.test"})
	i.portal("an unknown right", fields, map[string]string{"right": "everything"})
	i.portal("a malformed address", fields, map[string]string{"email": "nobody"})
	i.portal("too large a body", fields, map[string]string{"message": strings.Repeat("x", 1<<20)})
	for _, field := range []string{"account_name", "email", "business_id", "mailing_address", "name"} {
		i.portal("injection in "+field, fields, map[string]string{field: injection})
	}
	if after := i.requests(); after != before {
		i.t.Errorf("%d requests were recorded", after-before)
	}
}

// portal sends the public form with some fields set to something else.
func (i installation) portal(name string, fields, wrong map[string]string) {
	i.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		i.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	page, err := browser.Get(i.Config.Public.URL + "/")
	if err != nil {
		i.t.Fatal(err)
	}
	form := i.hidden(page)
	for _, values := range []map[string]string{fields, wrong} {
		for field, value := range values {
			form.Set(field, value)
		}
	}
	res, err := browser.PostForm(i.Config.Public.URL+"/requests", form)
	if err != nil {
		i.t.Fatal(err)
	}
	if text := i.read(res); res.StatusCode < 400 || res.StatusCode > 499 || shownReference.MatchString(text) {
		i.t.Errorf("%s: %d", name, res.StatusCode)
	}
}

// asked files a request and returns it with its confirmation mail.
func (i installation) asked(a soffiah.Account) (dsr.Receipt, person.Mail) {
	i.t.Helper()
	receipt := i.file(a)
	return receipt, i.await(a, receipt.Reference, mailout.Confirmation)
}

// send writes to the company and waits until the mail was read and recorded.
func (i installation) send(from, to, subject, text string, more ...string) []byte {
	i.t.Helper()
	message := fmt.Appendf(nil, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d@elsewhere.test>\r\n%s\r\n%s\r\n",
		from, to, subject, time.Now().Format(time.RFC1123Z), time.Now().UnixNano(), strings.Join(more, ""), text)
	i.deliverRaw("somebody@elsewhere.test", to, message)
	return message
}

func (i installation) deliverRaw(from, to string, message []byte) {
	i.t.Helper()
	sender := &person.Person{Address: from, SMTPAddr: i.Mail.SMTPAddr()}
	if _, err := sender.Send(i.t.Context(), to, message); err != nil {
		i.t.Fatal(err)
	}
	i.untilRead()
}

// untilRead waits until every mail in the company's INBOX was recorded.
func (i installation) untilRead() {
	i.t.Helper()
	files, err := i.Mail.Messages(sandbox.Mailbox, "INBOX")
	if err != nil {
		i.t.Fatal(err)
	}
	last := int64(slices.Max(slices.Collect(maps.Keys(files))))
	for deadline := time.Now().Add(30 * time.Second); query[int64](i.t, i.ownURL(), "SELECT max(last_uid) FROM mailbox_cursor") < last; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.t.Fatal("the mail was not read")
		}
	}
}

// unmoved checks that a request still waits for its confirmation, and has heard
// of so many replies.
func (i installation) unmoved(requestID string, replies int) {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	d, err := c.Show(i.t.Context(), requestID)
	if err != nil {
		i.t.Fatal(err)
	}
	if d.State != dsr.AwaitingConfirmation || d.Attention != dsr.NoAttention || len(d.Replies) != replies {
		i.t.Errorf("the request is %s, attention %q, with %d replies", d.State, d.Attention, len(d.Replies))
	}
}

// unknownToken answers with a token that never was, and with none.
func (i installation) unknownToken(a soffiah.Account) {
	receipt, m := i.asked(a)
	mails := query[int](i.t, i.ownURL(), "SELECT count(*) FROM message")
	yes := mailout.WordsIn(a.Language).Confirm
	for _, to := range []string{
		"info+c." + strings.Repeat("a", 26) + "@soffiah.test", "info+c.@soffiah.test", "info+c.x@soffiah.test", "info+" + strings.Repeat("a", 50) + "@soffiah.test",
	} {
		i.send("<"+a.Email+">", to, "Re: "+m.Subject, yes)
	}
	i.unmoved(receipt.RequestID, 0)
	got := query[int](i.t, i.ownURL(), "SELECT count(*) FROM message")
	kept := query[int](i.t, i.ownURL(), "SELECT count(*) FROM message WHERE request_id IS NULL AND (raw IS NOT NULL OR fresh_text IS NOT NULL)")
	if got-mails != 4 || kept != 0 {
		i.t.Errorf("%d of 4 mails were recorded, %d with content", got-mails, kept)
	}
}

// forgedSender writes as the data subject and knows the reference, but no token.
func (i installation) forgedSender(a soffiah.Account) {
	receipt, m := i.asked(a)
	i.send("<"+a.Email+">", sandbox.Mailbox, "Re: "+m.Subject, mailout.WordsIn(a.Language).Confirm)
	// A token below the header proves nothing.
	i.send("<"+a.Email+">", sandbox.Mailbox, "Re: "+m.Subject, mailout.WordsIn(a.Language).Confirm+"\r\n\r\n> "+m.Header.Get("Reply-To"))
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	d, err := c.Show(i.t.Context(), receipt.RequestID)
	if _, confirmed := event(d.Events, dsr.EventConfirmed); err != nil || confirmed || d.State != dsr.AwaitingConfirmation {
		i.t.Errorf("the request is %s, confirmed: %v (%v)", d.State, confirmed, err)
	}
}

// stolenToken answers with the token, but from another address.
func (i installation) stolenToken(a soffiah.Account) {
	receipt, m := i.asked(a)
	address, err := m.Header.AddressList("Reply-To")
	if err != nil {
		i.t.Fatal(err)
	}
	i.send("Thief <thief@elsewhere.test>", address[0].Address, "Re: "+m.Subject, mailout.WordsIn(a.Language).Confirm)
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	var d dsr.Details
	for deadline := time.Now().Add(30 * time.Second); d.Attention == dsr.NoAttention && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if d, err = c.Show(i.t.Context(), receipt.RequestID); err != nil {
			i.t.Fatal(err)
		}
	}
	if _, confirmed := event(d.Events, dsr.EventConfirmed); confirmed || d.State != dsr.AwaitingConfirmation || !slices.Contains(d.Awaiting, dsr.Approve) {
		i.t.Errorf("the request is %s, attention %q, waits for %v", d.State, d.Attention, d.Awaiting)
	}
	i.t.Logf("attention: %s", d.Attention)
	// The account's holder still has the say.
	i.confirm(a, m)
	i.follow(receipt.RequestID, time.Minute, dsr.Completed)
}

// replay delivers the reply that confirmed again, at once and after the end.
func (i installation) replay(a soffiah.Account) {
	receipt, m := i.asked(a)
	address, err := m.Header.AddressList("Reply-To")
	if err != nil {
		i.t.Fatal(err)
	}
	message := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: Re: %s\r\nDate: %s\r\nMessage-ID: <same@elsewhere.test>\r\nIn-Reply-To: %s\r\n\r\n%s\r\n",
		a.Email, address[0].Address, m.Subject, time.Now().Format(time.RFC1123Z), m.Header.Get("Message-Id"), mailout.WordsIn(a.Language).Confirm)
	// Paused, so that the second mail is there before the mailbox is erased.
	i.decide(receipt.RequestID, dsr.Pause)
	i.deliverRaw(a.Email, address[0].Address, message)
	i.deliverRaw(a.Email, address[0].Address, message)
	i.decide(receipt.RequestID, dsr.Resume)
	d := i.follow(receipt.RequestID, time.Minute, dsr.Completed)
	i.deliverRaw(a.Email, address[0].Address, message)
	i.ended(receipt.RequestID, d.Attention)
	// Another mail with the token of a request that has ended: a person may read it.
	i.deliverRaw(a.Email, address[0].Address, bytes.Replace(message, []byte("<same@"), []byte("<other@"), 1))
	after := i.ended(receipt.RequestID, d.Attention, dsr.UnclearReply)
	if n := len(slices.DeleteFunc(types(after.Events), func(e dsr.EventType) bool { return e != dsr.EventConfirmed })); n != 1 {
		i.t.Errorf("confirmed %d times", n)
	}
	if n := query[int](i.t, i.ownURL(), "SELECT count(*) FROM message WHERE request_id = $1 AND verdict = 'duplicate'", receipt.RequestID); n != 2 {
		i.t.Errorf("%d of 2 copies were recorded as such", n)
	}
	if n := len(i.received(a, mailout.Confirmation)); n != 1 {
		i.t.Errorf("%d confirmation mails", n)
	}
}

// ended checks that a request is completed and has one of the attentions.
func (i installation) ended(requestID string, attentions ...dsr.Attention) dsr.Details {
	i.t.Helper()
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	d, err := c.Show(i.t.Context(), requestID)
	if err != nil || d.State != dsr.Completed || !slices.Contains(attentions, d.Attention) {
		i.t.Errorf("the request is %s, attention %q (%v)", d.State, d.Attention, err)
	}
	return d
}

func (i installation) decide(requestID string, action dsr.Action) {
	i.t.Helper()
	c, err := i.Client()
	if err == nil {
		_, err = c.Decide(i.t.Context(), requestID, dsr.Decision{Action: action})
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

// hostileWords files a request whose free text would be a header, a page or a
// template, and looks at the mails that come of it.
func (i installation) hostileWords(a soffiah.Account) {
	in := sandbox.Intake(a)
	in.Name, in.Message = "<script>alert(1)</script> {{.}} =?utf-8?q?x?=", "Bcc: thief@elsewhere.test\n.\nRCPT TO:<thief@elsewhere.test>\n"
	c, err := i.Client()
	if err != nil {
		i.t.Fatal(err)
	}
	receipt, err := c.Submit(i.t.Context(), in)
	if err != nil {
		i.t.Fatal(err)
	}
	m := i.await(a, receipt.Reference, mailout.Confirmation)
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != a.Email || m.Header.Get("Bcc") != "" {
		i.t.Errorf("the mail goes to %v (%v)", to, err)
	}
	if _, page, ok := bytes.Cut(m.Raw, []byte("Content-Type: text/html")); !ok || bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("&lt;script")) {
		i.t.Error("the page in the mail carries the words as they are")
	}
	files, err := i.Mail.Messages("thief@elsewhere.test", "INBOX")
	if err != nil || len(files) != 0 {
		i.t.Errorf("%d mails went to somebody else (%v)", len(files), err)
	}
	page, err := http.Get(i.Config.Public.URL + "/?" + url.Values{"lang": {"<script>"}}.Encode())
	if err != nil {
		i.t.Fatal(err)
	}
	if strings.Contains(i.read(page), "<script>") {
		i.t.Error("the portal repeats a script")
	}
}
