package mailout

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

// letter is a mail in the making. Its blocks are written once and rendered twice,
// so that text and HTML say the same.
type letter struct {
	v      *vocabulary
	f      Facts
	fills  *strings.Replacer
	blocks []block
}

// block is a heading, a paragraph, a list or a table; only one of them is set.
type block struct {
	Heading string
	Text    string
	Action  bool // Text is what the reader has to do; it stands out
	Items   []string
	Rows    []row
}

type row struct{ Label, Value string }

// Marks around a part of a sentence that stands out: a word to type, or a link.
// Facts cannot contain them, because clean takes control characters away.
const (
	wordMark = "\x00"
	linkMark = "\x01"
)

func newLetter(v *vocabulary, words Words, f Facts) *letter {
	l := &letter{v: v, f: f}
	authority := f.Authority.Name
	if f.Authority.URL != "" {
		authority = strings.TrimSpace(authority + " " + link(f.Authority.URL))
	}
	right := v.of(f.Right)
	said := func(sentence string) string { return fill(sentence, "controller", l.controller()) }
	l.fills = filler(
		"topic", said(right.Topic), "asked", said(right.Asked), "pending", right.Pending, "silence", right.Silence, "effect", right.Effect,
		"at_once", right.AtOnce, "begins", right.Begins, "undone", right.Undone, "done", right.Done, "request", v.Right[string(f.Right)],
		"controller", l.controller(), "name", f.Addressee, "contact", f.Controller.Contact,
		"data_protection", f.Controller.DataProtectionContact, "ways", l.ways(), "authority", authority,
		"confirm", word(words.confirms(f.Right)), "refuse", word(words.Refuse), "cancel", word(words.Cancel), "yes", word(words.Yes),
		"copy_url", link(f.CopyURL), "answer_url", link(f.AnswerURL),
		"expires", l.moment(f.ExpiresAt), "cooling_off_until", l.moment(f.CoolingOffUntil),
		"cooling_off_for", v.duration(f.CoolingOffFor),
		"backups_gone", l.dayOf(f.BackupsGoneAt), "evidence_until", l.dayOf(f.EvidenceUntil),
	)
	return l
}

func word(s string) string { return wordMark + s + wordMark }
func link(s string) string { return linkMark + s + linkMark }

func (l *letter) controller() string {
	if l.f.Controller.Name == "" {
		return l.v.ControllerUnknown
	}
	return l.f.Controller.Name
}

// ways are those to reach the controller where a mail cannot be answered.
func (l *letter) ways() string {
	c := l.f.Controller
	ways := []string{c.DataProtectionContact}
	if c.Address != "" {
		ways = append(ways, fill(l.v.Confirm["post"], "post", c.post()))
	}
	return strings.Join(ways, l.v.Or)
}

func (l *letter) moment(t time.Time) string { return l.v.moment(t.In(l.f.TimeZone)) }

func (l *letter) dayOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return l.v.day(t.In(l.f.TimeZone))
}

func (l *letter) say(sentence string) string { return l.fills.Replace(sentence) }

func (l *letter) heading(key string) {
	l.blocks = append(l.blocks, block{Heading: l.v.Heading[key]})
}

func (l *letter) paragraph(sentence string) {
	l.blocks = append(l.blocks, block{Text: l.say(sentence)})
}

func (l *letter) either(first bool, a, b string) {
	if first {
		l.paragraph(a)
	} else {
		l.paragraph(b)
	}
}

func (l *letter) action(sentence string) {
	l.blocks = append(l.blocks, block{Text: l.say(sentence), Action: true})
}

func (l *letter) items(items []string) {
	l.blocks = append(l.blocks, block{Items: items})
}

// list writes a heading and its items, or nothing where there are none.
func (l *letter) list(heading string, items []string) {
	if len(items) > 0 {
		l.heading(heading)
		l.items(items)
	}
}

func (l *letter) greet() {
	l.either(l.f.Addressee != "", l.v.Greeting, l.v.GreetingPlain)
}

func (l *letter) sentences(s sentences, dated bool) {
	for _, sentence := range s.Body {
		l.paragraph(sentence)
	}
	if s.Action != "" {
		l.action(s.Action)
	}
	if s.By != "" && dated {
		l.paragraph(s.By)
	}
	for _, sentence := range s.After {
		l.paragraph(sentence)
	}
}

func (l *letter) row(label, value string) row { return row{l.v.Label[label], value} }

func (l *letter) rightRow() row {
	names := []string{l.v.Right[string(l.f.Right)]}
	if len(l.f.Rights) > 1 {
		names = nil
		for _, r := range l.f.Rights {
			names = append(names, l.v.Right[string(r)])
		}
	}
	return l.row("request", capitalised(strings.Join(names, "; ")))
}

func (l *letter) dateRow(label string, t time.Time) row {
	if t.IsZero() {
		return row{}
	}
	return l.row(label, l.v.day(t.In(l.f.TimeZone)))
}

// details writes the rows that have a value.
func (l *letter) details(rows ...row) {
	var told []row
	for _, r := range rows {
		if r.Value != "" {
			told = append(told, r)
		}
	}
	if len(told) > 0 {
		l.heading("details")
		l.blocks = append(l.blocks, block{Rows: told})
	}
}

// accountDetails is for mails to an address on the account.
func (l *letter) accountDetails() {
	l.details(l.row("reference", l.f.Reference), l.rightRow(), l.row("account", l.f.AccountName),
		l.row("requested_by", l.f.RequestedBy), l.dateRow("received", l.f.ReceivedAt), l.dateRow("due", l.f.DueAt))
}

// endedDetails is for mails that end a request.
func (l *letter) endedDetails() {
	l.details(l.row("reference", l.f.Reference), l.rightRow(), l.row("account", l.f.AccountName), l.dateRow("received", l.f.ReceivedAt))
}

// evidenceOfRequest is for requests that end without an erasure.
func (l *letter) evidenceOfRequest() {
	if l.f.EvidenceUntil != nil {
		l.heading("later")
		l.paragraph(l.v.EvidenceOfRequest)
	}
}

// remedies names the supervisory authority (Art. 77 GDPR) and, where a request
// ends, the judicial remedy (Art. 79 GDPR).
func (l *letter) remedies(court bool) {
	l.heading("remedies")
	l.either(l.f.Authority != Authority{}, l.v.Remedies["authority"], l.v.Remedies["authority_unknown"])
	if court {
		l.paragraph(l.v.Remedies["court"])
	}
}

func (l *letter) reasons() []string {
	var told []string
	for _, r := range l.f.Reasons {
		if words, ok := l.v.Reason[r]; ok {
			r = words
		}
		told = append(told, r)
	}
	return told
}

func (l *letter) erased() []string {
	if len(l.f.Erased) == 0 {
		return []string{l.v.AllData}
	}
	return l.lines(l.f.Erased)
}

func (l *letter) kept() []string { return l.lines(l.f.Kept) }

// lines writes one item for each kind of data, adding up what reads the same.
// Kinds that were not counted and stay on one basis share an item.
func (l *letter) lines(in []Line) []string {
	type key struct{ what, until, basis string }
	rows, others := map[key]int64{}, map[key][]string{}
	var order []key
	for _, line := range in {
		if l.vague(line, in) {
			continue
		}
		k := key{what: l.v.category(line.What), basis: line.Basis}
		if kept := l.v.kept(line); kept != "" {
			k.until = ", " + kept
		}
		same := slices.IndexFunc(order, func(o key) bool {
			return line.Rows == 0 && line.Basis != "" && rows[o] == 0 && o.until == k.until && o.basis == k.basis
		})
		if same >= 0 {
			if o := order[same]; o.what != k.what && !slices.Contains(others[o], k.what) {
				others[o] = append(others[o], k.what)
			}
			continue
		}
		if _, seen := rows[k]; !seen {
			order = append(order, k)
		}
		rows[k] += line.Rows
	}
	var items []string
	for _, k := range order {
		item := capitalised(strings.Join(append([]string{k.what}, others[k]...), ", "))
		if n := rows[k]; n > 0 {
			item += " (" + l.v.count(l.v.Records, n) + ")"
		}
		item += k.until
		if k.basis != "" {
			item += l.v.Colon + " " + k.basis
		}
		items = append(items, item)
	}
	return items
}

// vague reports whether a line that was not counted says only "personal data", next
// to one that says which on the same basis.
func (l *letter) vague(line Line, among []Line) bool {
	personal := l.v.Category["user"]
	return line.Rows == 0 && l.v.category(line.What) == personal && slices.ContainsFunc(among, func(other Line) bool {
		return other.Basis == line.Basis && l.v.category(other.What) != personal
	})
}

func capitals(items []string) []string {
	items = slices.Clone(items)
	for i, item := range items {
		items[i] = capitalised(item)
	}
	return items
}

func capitalised(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// footer says who writes.
func (l *letter) footer() []string {
	c := l.f.Controller
	lines := []string{c.post()}
	if c.DataProtectionContact != "" {
		lines = append(lines, l.say(l.v.Footer["data_protection"]))
	}
	if c.Contact != "" && c.Contact != c.DataProtectionContact {
		lines = append(lines, l.say(l.v.Footer["contact"]))
	}
	if c.Website != "" {
		lines = append(lines, link(c.Website))
	}
	lines = append(lines, l.v.Footer["automatic"])
	var told []string
	for _, s := range lines {
		if s != "" {
			told = append(told, s)
		}
	}
	return told
}

// span is a run of text with one look.
type span struct {
	Text       string
	Word, Link bool
}

// spans splits a marked sentence into runs.
func spans(s string) []span {
	var out []span
	for i, part := range strings.Split(s, wordMark) {
		if i%2 == 1 {
			out = append(out, span{Text: part, Word: true})
			continue
		}
		for j, sub := range strings.Split(part, linkMark) {
			if sub != "" {
				out = append(out, span{Text: sub, Link: j%2 == 1})
			}
		}
	}
	return out
}

func unmarked(s string) string {
	return strings.NewReplacer(wordMark, "", linkMark, "").Replace(s)
}

// textWidth is how many columns a line of the text part has at most, unless one
// word is longer (RFC 5322, section 2.1.1 wants no more than 78).
const textWidth = 78

// plain returns a marked text as the text part has it: broken at spaces into
// lines, the first after the bullet and the others below the first. What is to be
// typed stays in one line.
func plain(bullet, marked string) string {
	var out strings.Builder
	indent := strings.Repeat(" ", len(bullet))
	for i, part := range strings.Split(marked, wordMark) {
		if i%2 == 1 {
			part = strings.ReplaceAll(part, " ", wordMark)
		}
		out.WriteString(part)
	}
	whole := strings.ReplaceAll(out.String(), linkMark, "")
	out.Reset()
	for i, line := range strings.Split(whole, "\n") {
		lead, width := bullet, 0
		if i > 0 {
			out.WriteByte('\n')
			lead = indent
		}
		for n, w := range strings.Split(line, " ") {
			long := utf8.RuneCountInString(w)
			switch {
			case n == 0:
				out.WriteString(lead)
				width = len(lead)
			case width+1+long > textWidth:
				out.WriteString("\n" + indent)
				width = len(indent)
			default:
				out.WriteByte(' ')
				width++
			}
			out.WriteString(w)
			width += long
		}
	}
	return strings.ReplaceAll(out.String(), wordMark, " ")
}

// layouts are the two forms of every mail, parsed once.
var layouts = sync.OnceValues(func() (l struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}, err error) {
	l.text, err = texttemplate.New("layout.txt").Funcs(texttemplate.FuncMap{"plain": plain}).
		ParseFS(templateFiles, "templates/layout.txt")
	if err != nil {
		return l, err
	}
	l.html, err = htmltemplate.New("layout.html").Funcs(htmltemplate.FuncMap{"spans": spans}).
		ParseFS(templateFiles, "templates/layout.html")
	return l, err
})

func (l *letter) render(lang, subject string) (Content, error) {
	parsed, err := layouts()
	if err != nil {
		return Content{}, fmt.Errorf("reading the layout of mails: %w", err)
	}
	page := struct {
		Language, Subject, From, Colon string
		Blocks                         []block
		Footer                         []string
	}{lang, subject, l.f.Controller.Name, l.v.Colon, l.blocks, l.footer()}
	var text, html bytes.Buffer
	if err := parsed.text.Execute(&text, page); err != nil {
		return Content{}, fmt.Errorf("composing the text of a mail: %w", err)
	}
	if err := parsed.html.Execute(&html, page); err != nil {
		return Content{}, fmt.Errorf("composing the HTML of a mail: %w", err)
	}
	return Content{Subject: subject, Text: tidy(text.String()), HTML: html.String()}, nil
}

// tidy leaves at most one blank line between paragraphs and none at the end.
func tidy(s string) string {
	for strings.Contains(s, "\n\n\n") {
		s = strings.ReplaceAll(s, "\n\n\n", "\n\n")
	}
	return strings.TrimSpace(s) + "\n"
}
