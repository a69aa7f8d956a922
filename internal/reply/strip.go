package reply

import "strings"

// stripped is what remains of a body when everything is taken off that the
// person did not write, with the doubts that arose.
type stripped struct {
	fresh  string
	doubts []Code
}

// What a body may hold to be read at all; more than a few lines of a person's
// own words are never a plain yes.
const maxLines = 4000

// stripper takes off, step by step, what is not fresh.
type stripper struct {
	lines []line
	own   *ownText
	names map[string]bool // the words of the sender's display name
	// removed collects what was cut off without being known word for word.
	removed []string
	doubts  []Code
}

// strip returns the fresh text of lines. own is the mail that was answered,
// nil if it is not known.
func strip(lines []line, own *ownText, names map[string]bool) stripped {
	s := &stripper{lines: lines, own: own, names: names}
	if len(lines) > maxLines {
		s.lines = lines[:maxLines]
		s.doubt(OverLimit)
	}
	s.quotations()
	s.unmarked()
	s.checkQuotations()
	s.answers()
	s.signature()
	s.tails()
	s.greeting()
	s.closing()
	s.trailingName()
	s.signOff()
	for _, text := range s.removed {
		if limits(text) {
			s.doubt(TailVeto)
			break
		}
	}
	return stripped{fresh: s.text(), doubts: s.doubts}
}

func (s *stripper) doubt(c Code) {
	for _, d := range s.doubts {
		if d == c {
			return
		}
	}
	s.doubts = append(s.doubts, c)
}

// typedLines returns the indexes of the lines that still count as fresh and are not blank.
func (s *stripper) typedLines() []int {
	var at []int
	for i, l := range s.lines {
		if l.kind == typed && l.text != "" {
			at = append(at, i)
		}
	}
	return at
}

func (s *stripper) text() string {
	var texts []string
	for _, i := range s.typedLines() {
		texts = append(texts, s.lines[i].text)
	}
	return strings.Join(texts, "\n")
}

// cutFrom marks everything from line i on as the mail answered.
func (s *stripper) cutFrom(i int) {
	for ; i < len(s.lines); i++ {
		if s.lines[i].kind == typed {
			s.lines[i].kind = below
		}
	}
}

// quotations finds where quotations begin that carry no marks: attributions,
// header blocks, separators.
func (s *stripper) quotations() {
	for i := 0; i < len(s.lines); i++ {
		l := s.lines[i]
		if l.kind == quoted || l.kind == below {
			if isForward(l.text) {
				s.doubt(Forwarded)
			}
			continue
		}
		if l.kind != typed || l.text == "" {
			continue
		}
		if isForward(l.text) {
			s.doubt(Forwarded)
			s.cutFrom(i)
			return
		}
		if isOriginalSeparator(l.text) || isRule(l.text) && s.headerBlock(s.nextText(i+1)) || s.headerBlock(i) {
			s.cutFrom(i)
			return
		}
		n := s.attribution(i)
		if n == 0 {
			if at := attributionEndsAt(l.text); at > 0 {
				// Some phones put the mail answered on the same line.
				s.lines[i] = line{l.text[at:], below}
				s.cutFrom(i + 1)
				return
			}
			continue
		}
		for k := i; k < i+n; k++ {
			s.lines[k].kind = attribution
		}
		if next := s.nextText(i + n); next < len(s.lines) && s.lines[next].kind != quoted {
			s.cutFrom(i + n)
			return
		}
	}
}

// nextText returns the index of the first line from i on that is not blank.
func (s *stripper) nextText(i int) int {
	for i < len(s.lines) && s.lines[i].text == "" {
		i++
	}
	return i
}

// attributionLines is over how many lines clients wrap an attribution.
const attributionLines = 4

// attribution returns how many lines from i on introduce a quotation, 0 for none.
func (s *stripper) attribution(i int) int {
	joined := ""
	for n := 1; n <= attributionLines && i+n <= len(s.lines); n++ {
		l := s.lines[i+n-1]
		if l.kind != typed || l.text == "" {
			return 0
		}
		joined = strings.TrimSpace(joined + " " + l.text)
		if isAttribution(joined, n == 1) {
			return n
		}
	}
	return 0
}

// headerBlock reports whether the lines from i on state sender, date,
// recipient or subject of a mail, three of these at least.
func (s *stripper) headerBlock(i int) bool {
	fields, misses := 0, 0
	for n := i; n < len(s.lines) && n < i+12; n++ {
		l := s.lines[n]
		if l.kind != typed {
			break
		}
		if l.text == "" {
			if n == i {
				return false
			}
			continue
		}
		f := headerLabel(l.text)
		switch {
		case f != 0:
			fields |= f
		case n == i:
			return false
		default:
			misses++ // a folded line
		}
		if misses > 2 {
			break
		}
	}
	found := 0
	for f := fields &^ labelOther; f != 0; f &= f - 1 {
		found++
	}
	return found >= 3
}

// unmarked takes off what repeats our mail without any mark. Fresh text below
// such lines is read by a person: it may be part of anything.
func (s *stripper) unmarked() {
	if s.own == nil {
		return
	}
	at := s.typedLines()
	words := make([]string, len(at))
	for k, i := range at {
		words[k] = quoteWords(s.lines[i].text)
	}
	seen := false
	for k, i := range at {
		before, after := "", ""
		if k > 0 {
			before = words[k-1]
		}
		if k+1 < len(at) {
			after = words[k+1]
		}
		switch {
		case s.own.repeats(words[k], before, after):
			s.lines[i].kind = quoted
			seen = true
		case seen:
			s.doubt(BelowUnmarked)
		}
	}
}

// checkQuotations looks in the quotations for what is not ours. Where our mail
// is not known they are taken for what they claim to be.
func (s *stripper) checkQuotations() {
	if s.own == nil {
		return
	}
	for i, l := range s.lines {
		if l.kind != quoted && l.kind != below && l.kind != attribution {
			continue
		}
		switch {
		case l.kind == attribution && len(l.text) <= maxAttribution:
		case l.kind != attribution && (s.own.resembles(quoteWords(l.text)) || s.introduces(i)):
		default:
			s.doubt(ForeignQuote)
			return
		}
	}
}

// answers looks at what stands right above fresh text within a quotation: a
// "yes" below "Do you have questions?" is no yes to the deletion.
func (s *stripper) answers() {
	paragraph := ""
	for i, l := range s.lines {
		switch {
		case l.kind == quoted && l.text != "":
			if i > 0 && (s.lines[i-1].kind != quoted || s.lines[i-1].text == "") {
				paragraph = ""
			}
			paragraph += " " + l.text
		case l.kind == typed && l.text != "":
			if asksOther(paragraph) {
				s.doubt(OtherQuestion)
			}
			paragraph = ""
		}
	}
}

// introduces reports whether line i of a quotation is a header field, an
// attribution or a separator, as clients put them there.
func (s *stripper) introduces(i int) bool {
	text := s.lines[i].text
	if headerLabel(text) != 0 || isOriginalSeparator(text) || isRule(text) {
		return true
	}
	for first := max(0, i-3); first <= i; first++ {
		joined := ""
		for n := first; n < len(s.lines) && n < first+4; n++ {
			joined = strings.TrimSpace(joined + " " + s.lines[n].text)
			if n >= i && isAttribution(joined, n == first) {
				return true
			}
		}
	}
	return false
}

// signature takes off what follows a signature mark.
func (s *stripper) signature() {
	cut := false
	for i, l := range s.lines {
		switch {
		case l.kind == signature:
			s.removed = append(s.removed, l.text)
			continue
		case l.kind != typed || l.text == "":
			continue
		case !cut && isSignatureMark(l.text):
			cut = true
		}
		if cut {
			s.removed = append(s.removed, l.text)
			s.lines[i].kind = signature
		}
	}
}

// tails takes off the lines that mail apps add.
func (s *stripper) tails() {
	for _, i := range s.typedLines() {
		if isAppTail(s.lines[i].text) {
			s.lines[i].kind = signature
		}
	}
}

// greeting takes off a salutation in the first line.
func (s *stripper) greeting() {
	at := s.typedLines()
	if len(at) > 1 && isGreeting(s.lines[at[0]].text) {
		s.lines[at[0]].kind = signature
	}
}

// closing takes off a complimentary close and the name, title and numbers below it.
func (s *stripper) closing() {
	at := s.typedLines()
	for k, i := range at {
		if k == 0 || !isClosing(s.lines[i].text) {
			continue
		}
		rest := at[k+1:]
		if len(rest) > 6 {
			return
		}
		for _, r := range rest {
			if !isNameLike(s.lines[r].text) && !isClosing(s.lines[r].text) {
				return
			}
		}
		for _, r := range at[k:] {
			s.removed = append(s.removed, s.lines[r].text)
			s.lines[r].kind = signature
		}
		return
	}
}

// signOff takes off a close and a name that end the last line.
func (s *stripper) signOff() {
	at := s.typedLines()
	if len(at) == 0 {
		return
	}
	last := at[len(at)-1]
	text := s.lines[last].text
	if n := signOffAt(text); n > 0 {
		s.removed = append(s.removed, text[n:])
		s.lines[last].text = strings.TrimSpace(text[:n])
	}
}

// trailingName takes off a last line that holds only words of the sender's name.
func (s *stripper) trailingName() {
	at := s.typedLines()
	if len(at) < 2 {
		return
	}
	last := at[len(at)-1]
	words := strings.Fields(plainWords(s.lines[last].text))
	for _, w := range words {
		if !s.names[w] {
			return
		}
	}
	if len(words) > 0 {
		s.removed = append(s.removed, s.lines[last].text)
		s.lines[last].kind = signature
	}
}
