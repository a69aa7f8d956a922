package reply

import (
	"context"
	"net/mail"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// maxLookup bounds the DNS look-ups for one mail.
const maxLookup = 5 * time.Second

// Judge judges one mail. It always returns a judgement; whatever cannot be
// read is [Unclear].
func (j *Judge) Judge(ctx context.Context, in Input) (result Judgement) {
	defer func() {
		// Parsers that are not ours have met mails that nobody foresaw.
		if recover() != nil {
			result = Judgement{Verdict: Unclear, ReceivedAt: in.ReceivedAt, Reasons: []Reason{{Malformed, "the mail cannot be taken apart"}}}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, maxLookup)
	defer cancel()
	doc := parse(in.Raw, j.cfg.Now)
	c := &judging{judge: j, in: in, doc: doc, sender: readSender(doc)}
	c.Subject, _ = doc.header.Text("Subject")
	c.MessageID = strings.TrimSpace(doc.header.Get("Message-Id"))
	c.From, c.ReceivedAt = c.sender.address, j.borderTime(doc.header, in.ReceivedAt)
	_, domain, _ := cutLast(c.sender.address, '@')
	c.Auth = j.authenticate(ctx, doc, in, asciiDomain(domain))
	c.document()
	c.text()
	if how := j.automatic(doc, canonicalAddress(c.From), c.Subject); how != "" {
		c.machine(how)
		return c.Judgement
	}
	c.token()
	c.from()
	c.authentic()
	c.subject()
	c.decide()
	return c.Judgement
}

// judging is one mail being judged. Doubts are reasons that stand against
// acting on the text without a person.
type judging struct {
	Judgement
	judge  *Judge
	in     Input
	doc    *document
	sender sender
	said   meaning
	doubts int
	// lapsed counts the doubts that stand against a yes, yet not against a no:
	// what can no longer be confirmed can still be cancelled.
	lapsed int
}

func (c *judging) reason(code Code, detail string) {
	c.Reasons = append(c.Reasons, Reason{code, detail})
}

func (c *judging) doubt(code Code, detail string) {
	c.doubts++
	c.reason(code, detail)
}

// sender is what the From field says.
type sender struct {
	address string
	names   map[string]bool // words of the display name
	odd     string          // why the field is not as that of a person's own mail
}

func readSender(doc *document) sender {
	h := doc.header
	s := sender{names: map[string]bool{}}
	values := []string{}
	for f := h.FieldsByKey("From"); f.Next(); {
		values = append(values, f.Value())
	}
	if len(values) != 1 {
		s.odd = "there is not exactly one From field"
	}
	if len(values) == 0 {
		return s
	}
	list, err := mail.ParseAddressList(values[0])
	if err != nil || len(list) == 0 {
		s.odd = "the From field is no address"
		return s
	}
	s.address = list[0].Address
	for _, w := range strings.Fields(plainWords(list[0].Name)) {
		s.names[w] = true
	}
	switch local, _, _ := cutLast(s.address, '@'); {
	case s.odd != "":
	case len(list) != 1 || outsideQuotes(values[0], ':') || outsideQuotes(values[0], ';'):
		s.odd = "the From field names a group or several senders"
	case strings.ContainsAny(local, "\" \t\\(),:;<>@[]"):
		s.odd = "the sender's local part is quoted"
	case strings.Contains(h.Get("Return-Path"), `"`):
		s.odd = "the envelope sender's local part is quoted"
	case h.Has("Sender") && !sameAddress(h.Get("Sender"), s.address):
		s.odd = "Sender is somebody else than From"
	case h.Has("Resent-From") || h.Has("Resent-Sender") || h.Has("Resent-To"):
		s.odd = "the mail has been resent"
	}
	return s
}

func sameAddress(field, address string) bool {
	a, err := mail.ParseAddress(field)
	return err == nil && canonicalAddress(a.Address) == canonicalAddress(address)
}

// outsideQuotes reports whether c stands in s outside quoted strings and comments.
func outsideQuotes(s string, c byte) bool {
	sc := &authScanner{s: s}
	for sc.skip() == nil && sc.pos < len(sc.s) {
		switch sc.s[sc.pos] {
		case '"':
			if _, err := sc.quoted(); err != nil {
				return false
			}
		case c:
			return true
		default:
			sc.pos++
		}
	}
	return false
}

// document turns what was noted while parsing into doubts.
func (c *judging) document() {
	d := c.doc
	for _, x := range []struct {
		is     bool
		code   Code
		detail string
	}{
		{d.malformed, Malformed, "the mail does not follow RFC 5322 and RFC 2045, or is ambiguous"},
		{d.over || c.in.Truncated, OverLimit, "the mail is larger or deeper than what is read"},
		{d.encrypted, Unreadable, "the mail is encrypted or wrapped"},
		{d.unreadable, Unreadable, "a text is in an unknown character set or encoding"},
		{d.attachment, Attachment, "attachments are not opened"},
		{d.embedded, Forwarded, "the mail contains another mail"},
		{d.reaction, Reaction, "an emoji is no answer (RFC 9078)"},
	} {
		if x.is {
			c.doubt(x.code, x.detail)
		}
	}
}

// text reads the bodies and what they say.
func (c *judging) text() {
	var own *ownText
	language := ""
	if e := c.in.Expect; e != nil {
		own = newOwnText(e.SentSubject, e.SentText)
		if language = e.Language; language == "" && !c.in.Assume {
			language = "en"
		}
	}
	var read []stripped
	if c.doc.plain != "" {
		read = append(read, strip(plainLines(c.doc.plain), own, c.sender.names))
	}
	if c.doc.html != "" {
		lines, ok := htmlLines(c.doc.html)
		if !ok {
			c.doubt(OverLimit, "the HTML is nested too deeply")
		}
		read = append(read, strip(lines, own, c.sender.names))
	}
	seen := map[Code]bool{}
	for i, s := range read {
		said, tongue := meaningOf(s.fresh, language)
		if i == 0 {
			c.said, c.Language, c.FreshText = said, tongue, s.fresh
		} else if said != c.said {
			c.said = 0
			c.doubt(PartsDisagree, "the text part and the HTML part say different things")
		}
		for _, code := range s.doubts {
			if !seen[code] {
				seen[code] = true
				c.doubt(code, doubtDetails[code])
			}
		}
	}
	if c.FreshText == "" && len(read) > 0 {
		c.FreshText = read[len(read)-1].fresh
	}
}

var doubtDetails = map[Code]string{
	OverLimit:     "the text has too many lines",
	Forwarded:     "the text forwards another mail",
	TailVeto:      "what was cut off as signature might change the meaning",
	ForeignQuote:  "the quotation contains words that are not ours",
	OtherQuestion: "the text stands below a question of ours that is not the one",
	BelowUnmarked: "the text stands below an unmarked quotation",
}

// machine judges a mail that a machine wrote.
func (c *judging) machine(how string) {
	c.Automatic, c.Verdict = true, Automatic
	c.reason(AutomaticMail, how)
	if kind, status := bounce(c.doc, c.Subject, c.From); kind != NoBounce {
		c.Verdict, c.Bounce, c.BounceStatus = Bounce, kind, status
		c.reason(Undelivered, string(kind))
	}
}

// token checks where the token stands and whether it still counts.
func (c *judging) token() {
	e := c.in.Expect
	if e == nil || e.Token == "" {
		if c.in.Assume {
			c.reason(Assumed, "the token is that of an open request")
		} else {
			c.doubt(NoToken, "")
		}
		if e == nil {
			return
		}
	} else {
		c.tokenPlace(e.Token)
	}
	switch {
	case !e.ExpiresAt.IsZero() && c.ReceivedAt.After(e.ExpiresAt):
		c.lapsed++
		c.reason(TokenExpired, "")
	case e.Answered:
		c.lapsed++
		c.reason(TokenAnswered, "")
	}
	if e.MinimumAge > 0 && c.ReceivedAt.Before(e.SentAt.Add(e.MinimumAge)) {
		c.lapsed++
		c.reason(TooQuick, "")
	}
}

// tokenPlace demands that the sender vouched for the token: it must stand in
// To or Cc, or in a field that names the mail answered and is signed. A token
// that only the envelope names could have been put there by anybody who sends
// an old "yes" of the same person once more.
func (c *judging) tokenPlace(token string) {
	where, conflict := sources(headerTokens(c.doc.header, c.judge.domains), token)
	own := c.Auth.own
	switch {
	case len(where) == 0:
		c.doubt(NoToken, "the mail does not carry the token in its header")
		return
	case conflict:
		c.doubt(TokenConflict, "the mail carries the tokens of different requests")
		return
	case where[FromTo] && (own == nil || own["to"] || own["cc"] || c.Auth.DMARC == "pass" && c.Auth.envelope):
	case where[FromInReplyTo] && own["in-reply-to"], where[FromReferences] && own["references"]:
	case c.assumesAuthentic() && (where[FromInReplyTo] || where[FromReferences]):
		c.reason(Assumed, "the sender's signature covers the field in which the token stands")
	default:
		c.doubt(TokenUnprotected, "the sender's signature does not cover the field in which the token stands")
	}
}

// from checks that the mail comes from the address that was asked.
func (c *judging) from() {
	if c.sender.odd != "" {
		c.doubt(OddSender, c.sender.odd)
		return
	}
	e := c.in.Expect
	switch {
	case e != nil && e.SentTo != "":
		if canonicalAddress(c.From) != canonicalAddress(e.SentTo) {
			c.doubt(WrongSender, "the mail comes from another address than the one that was asked")
		}
	case c.in.Assume:
		c.reason(Assumed, "the sender is the person who was asked")
	case e != nil:
		c.doubt(WrongSender, "it is not known who was asked")
	}
}

// assumesAuthentic reports whether nothing is given by which authenticity could
// be judged, and it counts as satisfied.
func (c *judging) assumesAuthentic() bool {
	given := len(c.judge.authserv) > 0 || c.judge.cfg.Layout == LayoutExchange || c.judge.cfg.LookupTXT != nil
	return c.in.Assume && !given
}

// authentic weighs what is known about authenticity.
func (c *judging) authentic() {
	switch {
	case c.Auth.DMARC == "fail":
		c.doubt(AuthFailed, "DMARC failed")
	case c.Auth.broken:
		c.doubt(AuthFailed, "our border's Authentication-Results cannot be understood")
	case c.Auth.Aligned:
		c.reason(AuthPassed, "")
	case c.assumesAuthentic():
		c.reason(Assumed, "the mail is authentic")
	case c.judge.cfg.AcceptUnauthenticated:
		c.reason(AuthAccepted, "")
	default:
		c.doubt(AuthNone, "")
	}
	// Whoever filters our mail took it for somebody else's: a no may count all the same.
	if c.in.Junk && c.Auth.DMARC != "pass" {
		c.lapsed++
		c.reason(InJunk, "")
	}
}

// subject looks for a subject that the person changed.
func (c *judging) subject() {
	rest, forward := trimReplyPrefixes(c.Subject)
	if forward {
		c.doubt(Forwarded, "the subject says that the mail is forwarded")
		return
	}
	e := c.in.Expect
	if e == nil || e.SentSubject == "" {
		return
	}
	sent, _ := trimReplyPrefixes(e.SentSubject)
	if got := plainWords(rest); got != plainWords(sent) && limits(rest) {
		c.doubt(ChangedSubject, "the subject was changed and might change the meaning")
	}
}

// replyPrefixes and forwardPrefixes are what clients put before a subject.
var (
	replyPrefixes   = map[string]bool{"re": true, "aw": true, "sv": true, "antw": true, "odp": true, "res": true, "r": true, "ref": true, "rif": true, "vs": true, "antwort": true, "réf": true}
	forwardPrefixes = map[string]bool{"fwd": true, "fw": true, "wg": true, "tr": true, "rv": true, "enc": true, "doorst": true, "vb": true, "pd": true, "i": true, "vl": true, "inoltro": true, "weitergeleitet": true}
)

// trimReplyPrefixes takes "Re:" and its like off, and reports whether the
// outermost prefix says that the mail is forwarded.
func trimReplyPrefixes(subject string) (rest string, forward bool) {
	rest = strings.TrimSpace(subject)
	for n := range 10 {
		prefix, after, found := strings.Cut(rest, ":")
		prefix, _, _ = strings.Cut(prefix, "[")
		prefix = strings.ToLower(strings.TrimSpace(prefix))
		switch {
		case found && replyPrefixes[prefix]:
		case found && forwardPrefixes[prefix]:
			forward = forward || n == 0
		default:
			return rest, forward
		}
		rest = strings.TrimSpace(after)
	}
	return rest, forward
}

// decide comes to the verdict.
func (c *judging) decide() {
	known := c.in.Expect != nil || c.in.Assume
	if c.in.Assume && (c.in.Expect == nil || c.in.Expect.Language == "") {
		c.reason(Assumed, "the text may be in any language that is read")
	}
	if !known {
		// "Delete my account" is an answer only where something was asked.
		// The subject of a reply is somebody else's words.
		text := c.FreshText
		if rest, forward := trimReplyPrefixes(c.Subject); !forward && rest == strings.TrimSpace(c.Subject) {
			text = rest + "\n" + text
		}
		c.Requests = Recognise(text)
	}
	plain, code, against := Unclear, NotPlain, c.doubts
	switch c.said {
	case saysYes:
		plain, code, against = Confirm, PlainYes, c.doubts+c.lapsed
	case saysNo:
		plain, code = Cancel, PlainNo
	case saysWait:
		plain, code = Pause, PlainPause
	}
	if plain == Unclear || len(c.Requests) > 0 {
		c.notPlain(known)
		return
	}
	c.reason(code, c.Language)
	c.Verdict = Unclear
	c.Late = known && plain == Confirm && c.doubts == 0 && c.lapsed > 0 && !c.Has(TooQuick)
	if known && against == 0 {
		c.Verdict = plain
	}
}

// notPlain classifies what is more, or other, than a plain answer.
func (c *judging) notPlain(known bool) {
	fresh := strings.TrimSpace(c.FreshText)
	if c.Verdict = Unclear; known {
		c.Requests = Recognise(c.FreshText)
	}
	switch {
	case fresh == "":
		c.reason(Empty, "")
	case len(c.Requests) > 0 && (!known || c.Requests[0].Right != dsr.Erasure):
		c.Verdict = NewRequest
		c.reason(RecognisedRequest, string(c.Requests[0].Right))
		return
	case strings.Contains(fresh, "?"):
		c.Verdict = Question
		c.reason(AsksSomething, "")
	default:
		c.reason(NotPlain, "")
	}
	// A mail with a token nobody knows may still be an answer to us.
	if !known && len(headerTokens(c.doc.header, c.judge.domains)) == 0 && !c.doc.over && !c.doc.malformed && !c.doc.encrypted {
		c.Verdict = NotForUs
		c.reason(NothingRecognised, "")
	}
}
