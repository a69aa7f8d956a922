package reply

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The matrix: what people answer × how their mail client wraps it × where they
// write it. Phrases are in testdata/phrases, one "language<TAB>phrase" a line,
// "\n" for a line break.

// place is where somebody writes an answer.
type place string

const (
	top    place = "top"
	bottom place = "bottom"
	inline place = "inline"
)

// body is what a client makes of an answer: a text part, an HTML part, or both.
type body struct{ plain, html string }

// client is how one mail client answers a mail.
type client struct {
	name   string
	places []place
	write  func(l locale, answer string, at place) body
}

func lines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// marked quotes text with "> ", wrapped as clients wrap it; with an answer put
// in after the first paragraph if inline is asked for.
func marked(text string, width int, answer string) string {
	var b strings.Builder
	inserted := answer == ""
	for _, l := range lines(text) {
		for _, w := range wrap(l, width) {
			b.WriteString(strings.TrimRight("> "+w, " ") + "\n")
		}
		if !inserted && strings.Contains(l, "2026") {
			b.WriteString("\n" + answer + "\n\n")
			inserted = true
		}
	}
	return b.String()
}

func wrap(l string, width int) []string {
	if len(l) <= width {
		return []string{l}
	}
	var out []string
	line := ""
	for _, w := range strings.Fields(l) {
		if line != "" && len(line)+1+len(w) > width {
			out = append(out, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return append(out, line)
}

func asHTML(s string) string {
	return strings.ReplaceAll(html.EscapeString(strings.TrimRight(s, "\n")), "\n", "<br>\n")
}

func divs(s string) string {
	var b strings.Builder
	for _, l := range lines(s) {
		if l == "" {
			l = "\x00"
		}
		b.WriteString("<div dir=\"ltr\">" + strings.ReplaceAll(html.EscapeString(l), "\x00", "<br>") + "</div>\n")
	}
	return b.String()
}

// quoting arranges answer, attribution and quotation.
func quoting(answer, attribution, text string, at place, width int) string {
	switch at {
	case bottom:
		return attribution + "\n" + marked(text, width, "") + "\n" + answer + "\n"
	case inline:
		return attribution + "\n" + marked(text, width, answer)
	}
	return answer + "\n\n" + attribution + "\n\n" + marked(text, width, "")
}

func headerBlock(l locale, sep, bold string) string {
	return fmt.Sprintf("%s%s%s:%s %s\n%s%s:%s %s\n%s%s:%s %s\n%s%s:%s %s\n\n", sep, bold, l.from, bold, own, bold, l.date, bold, l.when, bold, l.to, bold, sentTo, bold, l.subject, bold, l.sentSubject)
}

func htmlHeaderBlock(l locale) string {
	b := ""
	for _, f := range [][2]string{{l.from, own}, {l.date, l.when}, {l.to, sentTo}, {l.subject, l.sentSubject}} {
		b += "<b>" + f[0] + ":</b> " + html.EscapeString(f[1]) + "<br>"
	}
	return b
}

var (
	onlyTop    = []place{top}
	everywhere = []place{top, bottom, inline}
)

var clients = []client{
	{"gmail-web", everywhere, func(l locale, answer string, at place) body {
		attr := fmt.Sprintf(l.gmail, own)
		plain := quoting(answer, attr, l.sent, at, 72)
		quote := `<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">`
		attrHTML := `<div dir="ltr" class="gmail_attr">` + html.EscapeString(attr) + `<br></div>`
		first, rest, _ := strings.Cut(l.sent, "\n\n")
		switch at {
		case bottom:
			return body{plain, `<div dir="ltr"><div class="gmail_quote">` + attrHTML + quote + asHTML(l.sent) + `</blockquote><div><br></div>` + divs(answer) + `</div></div>`}
		case inline:
			return body{plain, `<div dir="ltr"><div class="gmail_quote">` + attrHTML + quote + asHTML(first) + `</blockquote><div><br></div>` + divs(answer) + quote + asHTML(rest) + `</blockquote></div></div>`}
		}
		return body{plain, divs(answer) + `<br><div class="gmail_quote gmail_quote_container">` + attrHTML + quote + asHTML(l.sent) + `</blockquote></div>`}
	}},
	{"gmail-android", onlyTop, func(l locale, answer string, _ place) body {
		attr := fmt.Sprintf(l.gmail, strings.Replace(own, "<", "<\n", 1))
		return body{plain: answer + "\n\n" + attr + "\n\n" + marked(l.sent, 72, "")}
	}},
	{"outlook-desktop", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n\n" + headerBlock(l, "", "") + l.sent, html: `<html><head><style>p{margin:0}</style></head><body><div class="WordSection1">` +
			`<p class="MsoNormal">` + strings.ReplaceAll(html.EscapeString(answer), "\n", `<o:p></o:p></p><p class="MsoNormal">`) + `<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p>` +
			`<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">` + htmlHeaderBlock(l) + `</p></div>` + divs(l.sent) + `</div></body></html>`}
	}},
	{"outlook-desktop-plain", everywhere, func(l locale, answer string, at place) body {
		if at == top {
			return body{plain: answer + "\n\n" + l.original + "\n" + headerBlock(l, "", "") + l.sent}
		}
		return body{plain: quoting(answer, fmt.Sprintf(l.thunderbird, own), l.sent, at, 70)}
	}},
	{"outlook-web", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n" + headerBlock(l, "________________________________\n", "") + l.sent, html: `<html><body>` + divs(answer) +
			`<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr">` + htmlHeaderBlock(l) + `</div>` + divs(l.sent) + `</body></html>`}
	}},
	{"outlook-ios", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n\n" + l.outlook + "\n" + headerBlock(l, "________________________________\n", "") + l.sent, html: `<html><body>` + divs(answer) +
			`<div id="ms-outlook-mobile-signature"><a href="https://aka.ms/o0ukef">` + html.EscapeString(strings.Split(l.outlook, "<")[0]) + `</a></div><div id="mail-editor-reference-message-container"><hr><div id="divRplyFwdMsg">` + htmlHeaderBlock(l) + `</div>` + divs(l.sent) + `</div></body></html>`}
	}},
	{"apple-mail", everywhere, func(l locale, answer string, at place) body {
		attr := fmt.Sprintf(l.apple, own)
		plain := quoting(answer, attr, l.sent, at, 10_000)
		if at != top {
			return body{plain: plain}
		}
		return body{plain, `<html><body>` + divs(answer) + `<div><br><blockquote type="cite"><div>` + html.EscapeString(attr) + `</div><br class="Apple-interchange-newline"><div>` + divs(l.sent) + `</div></blockquote></div><br></body></html>`}
	}},
	{"ios-mail", onlyTop, func(l locale, answer string, _ place) body {
		attr := fmt.Sprintf(l.apple, own)
		return body{answer + "\n\n" + l.iphone + "\n\n> " + attr + "\n> \n" + marked(l.sent, 10_000, ""), `<html><body dir="auto">` + divs(answer) + `<div dir="ltr"><br id="lineBreakAtBeginningOfSignature">` + html.EscapeString(l.iphone) + `</div><div dir="ltr"><br><blockquote type="cite">` + html.EscapeString(attr) + `<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">` + divs(l.sent) + `</div></blockquote></body></html>`}
	}},
	{"samsung", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n\n" + l.samsung + "\n\n" + strings.ReplaceAll(l.original, "-----", "-------- ") + "\n" + headerBlock(l, "", "") + l.sent}
	}},
	{"thunderbird", everywhere, func(l locale, answer string, at place) body {
		return body{plain: quoting(answer, fmt.Sprintf(l.thunderbird, "Acme Privacy"), l.sent, at, 72)}
	}},
	{"thunderbird-html", onlyTop, func(l locale, answer string, _ place) body {
		return body{html: `<!DOCTYPE html><html><body><p>` + strings.ReplaceAll(html.EscapeString(answer), "\n", "<br>") + `</p><div class="moz-cite-prefix">` + html.EscapeString(fmt.Sprintf(l.thunderbird, "Acme Privacy")) + `<br></div><blockquote type="cite" cite="mid:x"><pre class="moz-quote-pre" wrap="">` + html.EscapeString(l.sent) + `</pre></blockquote></body></html>`}
	}},
	{"yahoo-web", onlyTop, func(l locale, answer string, _ place) body {
		attr := fmt.Sprintf(l.proton, own)
		var plain strings.Builder
		for _, x := range lines(l.sent) {
			plain.WriteString("  " + x + "\n")
		}
		return body{answer + "\n\n    " + attr + "  \n \n" + plain.String(), `<html><body><div class="ydp1yahoo-style-wrap">` + divs(answer) + `</div><div id="ydp2yahoo_quoted_1" class="ydp2yahoo_quoted"><div><div>` + html.EscapeString(attr) + `</div><div><br></div>` + divs(l.sent) + `</div></div></body></html>`}
	}},
	{"yahoo-android", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n\n" + l.yahoo + " \n \n  " + fmt.Sprintf(l.gmail, "Acme Privacy<privacy+c.abcdefghijklmnopqrstuvwxyz@acme.test>") + "   " + l.sent}
	}},
	{"proton", everywhere, func(l locale, answer string, at place) body {
		return body{plain: quoting(answer+"\n\nSent with Proton Mail secure email.", fmt.Sprintf(l.proton, own), l.sent, at, 10_000)}
	}},
	{"gmx-web", onlyTop, func(l locale, answer string, _ place) body {
		return body{html: `<html><body><div style="font-family: Verdana;">` + divs(answer) + `<div><div style="margin: 10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5;" name="quote"><div style="margin:0 0 10px 0;">` + htmlHeaderBlock(l) + `</div><div name="quoted-content">` + divs(l.sent) + `</div></div></div></div></body></html>`}
	}},
	{"gmx-app", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n-- \n" + l.gmx + "\n\n" + fmt.Sprintf(l.apple, own) + "\n\n" + marked(l.sent, 72, "")}
	}},
	{"windows-mail", onlyTop, func(l locale, answer string, _ place) body {
		return body{plain: answer + "\n\n" + l.windows + "\n\n" + headerBlock(l, "", "") + l.sent}
	}},
	{"no-quote", onlyTop, func(_ locale, answer string, _ place) body { return body{plain: answer} }},
	{"unmarked-quote", onlyTop, func(l locale, answer string, _ place) body { return body{plain: answer + "\n\n" + l.sent} }},
}

// write makes a whole mail of a body, in one of several encodings.
func write(l locale, b body, n int) []byte {
	var m bytes.Buffer
	fmt.Fprintf(&m, "Return-Path: <%s>\r\nDelivered-To: privacy+c.%s@acme.test\r\nAuthentication-Results: mx.acme.test; dmarc=pass header.from=example.org\r\nReceived: from mail.example.org by mx.acme.test with ESMTPS; Tue, 03 Nov 2026 12:00:00 +0000\r\n", sentTo, token)
	fmt.Fprintf(&m, "From: Kim Sample <%s>\r\nTo: Acme Privacy <privacy+c.%s@acme.test>\r\nSubject: %s\r\nMessage-ID: <%d@example.org>\r\nIn-Reply-To: <c.%s@acme.test>\r\nDate: Tue, 03 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n", sentTo, token, mime.QEncoding.Encode("utf-8", l.rePrefix+l.sentSubject), n, token)
	part := func(kind, text string) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
		switch n % 3 {
		case 0:
			fmt.Fprintf(&m, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n", kind, text)
		case 1:
			fmt.Fprintf(&m, "Content-Type: %s; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", kind)
			w := quotedprintable.NewWriter(&m)
			_, _ = w.Write([]byte(text))
			_ = w.Close()
			m.WriteString("\r\n")
		case 2:
			fmt.Fprintf(&m, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", kind)
			for enc := base64.StdEncoding.EncodeToString([]byte(text)); enc != ""; {
				k := min(76, len(enc))
				m.WriteString(enc[:k] + "\r\n")
				enc = enc[k:]
			}
		}
	}
	switch {
	case b.html == "":
		part("text/plain", b.plain)
	case b.plain == "":
		part("text/html", b.html)
	default:
		m.WriteString("Content-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\n")
		part("text/plain", b.plain)
		m.WriteString("--=_b\r\n")
		part("text/html", b.html)
		m.WriteString("--=_b--\r\n")
	}
	return m.Bytes()
}

func (l locale) expectation() *Expectation {
	return &Expectation{Token: token, SentTo: sentTo, Language: l.tag, SentSubject: l.sentSubject, SentText: l.sent,
		SentAt: time.Date(2026, 11, 3, 10, 11, 0, 0, time.UTC), ExpiresAt: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), MinimumAge: 5 * time.Second}
}

func matrixJudge() *Judge {
	return NewJudge(Config{Domains: []string{"acme.test"}, OwnAddresses: []string{"privacy@acme.test"}, AuthservIDs: []string{"mx.acme.test"}, BorderHosts: []string{"mx.acme.test"}})
}

// phrases reads testdata/phrases/name.txt.
func phrases(t testing.TB, name string) map[string][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "phrases", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readPhrases(t, bufio.NewScanner(f))
}

// readPhrases reads "language<TAB>phrase" lines.
func readPhrases(t testing.TB, sc *bufio.Scanner) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for sc.Scan() {
		language, phrase, found := strings.Cut(sc.Text(), "\t")
		if found && !strings.HasPrefix(language, "#") {
			all[language] = append(all[language], strings.ReplaceAll(phrase, `\n`, "\n"))
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// dressings are what stands around an answer.
var dressings = []func(l locale, answer string) string{
	func(_ locale, a string) string { return a },
	func(l locale, a string) string { return a + "\n\n" + l.close + "\n" + l.name },
	func(l locale, a string) string { return l.hello + "\n\n" + a + "\n\n" + l.close + ",\n" + l.name },
	func(l locale, a string) string { return a + "\n\n" + l.name },
	func(l locale, a string) string { return a + "\n\n" + l.iphone },
	func(l locale, a string) string { return l.hello + "\n" + a },
}

// everyReply calls f with phrases in each client and place, dressed in turn,
// in several rounds, so that each phrase meets several clients.
func everyReply(phrases map[string][]string, rounds int, f func(name, phrase string, l locale, raw []byte)) {
	n := 0
	for round := range rounds {
		for _, l := range locales {
			list := phrases[l.tag]
			for _, c := range clients {
				for _, at := range c.places {
					phrase := list[(n+round*len(list)/rounds)%len(list)]
					dressed := dressings[(n+round)%len(dressings)](l, phrase)
					f(fmt.Sprintf("%s/%s/%s/%d", l.tag, c.name, at, (n+round)%len(dressings)), phrase, l, write(l, c.write(l, dressed, at), n))
					n++
				}
			}
		}
	}
}

func TestMatrixOfGenuineReplies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		phrases string
		verdict Verdict
		least   float64
	}{{"yes", Confirm, 0.97}, {"no", Cancel, 0.97}, {"wait", Pause, 0.97}} {
		total, hits := 0, 0
		j := matrixJudge()
		everyReply(phrases(t, tc.phrases), 2, func(name, phrase string, l locale, raw []byte) {
			total++
			got := j.Judge(context.Background(), Input{Raw: raw, Expect: l.expectation()})
			if got.Verdict == tc.verdict {
				hits++
				return
			}
			t.Logf("%s %q: %s %v fresh %q", name, phrase, got.Verdict, got.ReasonLines(), got.FreshText)
			if got.Verdict == Confirm {
				t.Errorf("%s %q: confirmed", name, phrase)
			}
		})
		t.Logf("%s: %d of %d recognised (%.1f %%)", tc.phrases, hits, total, 100*float64(hits)/float64(total))
		if total < 400 || float64(hits) < tc.least*float64(total) {
			t.Errorf("%s: %d of %d", tc.phrases, hits, total)
		}
	}
}

func TestMatrixOfWhatMustNotConfirm(t *testing.T) {
	t.Parallel()
	total := 0
	j := matrixJudge()
	everyReply(phrases(t, "doubtful"), 5, func(name, phrase string, l locale, raw []byte) {
		total++
		got := j.Judge(context.Background(), Input{Raw: raw, Expect: l.expectation()})
		if got.Verdict == Confirm {
			t.Errorf("%s %q: confirmed, fresh %q", name, phrase, got.FreshText)
		}
	})
	t.Logf("%d mails that must not confirm", total)
}
