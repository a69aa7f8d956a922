package reply

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// plainWords brings a text into the form in which texts are compared: NFKC,
// lower case, words parted by one space, punctuation dropped. A question mark
// is a word of its own, for it turns a yes into a doubt; so is every symbol
// that is no punctuation, emoji and the mark of an image for instance. Invisible
// characters that only shape text are dropped, those that reorder it are kept
// and match nothing.
func plainWords(s string) string {
	if isPlainASCII(s) {
		return plainASCII(s)
	}
	s = norm.NFKC.String(s)
	var b strings.Builder
	b.Grow(len(s))
	space := false
	word := func(r rune) {
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	for _, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			word(unicode.ToLower(r))
		case r == '?' || r == '¿' || r == '؟':
			space = true
			word('?')
			space = true
		case isInvisible(r):
		case unicode.IsSpace(r) || unicode.IsPunct(r) || r == '`' || r == '´' || r == '|' || r == '~' || r == '^' || r == '+' || r == '=' || r == '<' || r == '>' || r == '$':
			space = true
		default:
			space = true
			word(r)
			space = true
		}
	}
	return norm.NFC.String(b.String())
}

// isInvisible reports characters that change neither letters nor their order:
// soft hyphen, zero-width space and joiners, byte order mark, and the variation
// selectors that follow symbols.
func isInvisible(r rune) bool {
	switch r {
	case 0xad, 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff, 0x200e:
		return true
	}
	return false
}

func isPlainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] < 0x20 && s[i] != '\n' && s[i] != '\r' && s[i] != '\t' {
			return false
		}
	}
	return true
}

// plainASCII is plainWords for the usual case.
func plainASCII(s string) string {
	b := make([]byte, 0, len(s))
	space := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z' || isDigit(c):
		case c == '?':
			if len(b) > 0 {
				b = append(b, ' ')
			}
			b = append(b, '?')
			space = true
			continue
		default:
			space = true
			continue
		}
		if space && len(b) > 0 {
			b = append(b, ' ')
		}
		space = false
		b = append(b, c)
	}
	return string(b)
}

// hasPhrase reports whether words holds the phrase at word boundaries.
func hasPhrase(words, phrase string) bool {
	if phrase == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(words[from:], phrase)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(phrase)
		if (i == 0 || words[i-1] == ' ') && (end == len(words) || words[end] == ' ') {
			return true
		}
		from = i + 1
	}
}

// fold takes the accents off, as people do who write in a hurry. Comparing
// folded text with folded tables can only ever match a table's own words.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r) && r < 0x370:
		case r == 'ł':
			b.WriteByte('l')
		case r == 'ø':
			b.WriteByte('o')
		case r == 'ß':
			b.WriteString("ss")
		case r == 'æ':
			b.WriteString("ae")
		case r == 'œ':
			b.WriteString("oe")
		case r == 'đ':
			b.WriteByte('d')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// repeats reports whether a word stands twice in a row: "ja, ja" puts off as
// often as it agrees.
func repeats(words []string) bool {
	for i := 1; i < len(words); i++ {
		if words[i] == words[i-1] {
			return true
		}
	}
	return false
}

// shortened returns words with letters that stand three times or more in a row
// written once.
func shortened(words []string) []string {
	short := make([]string, len(words))
	for k, w := range words {
		runes := []rune(w)
		var b strings.Builder
		for i := 0; i < len(runes); {
			n := 1
			for i+n < len(runes) && runes[i+n] == runes[i] {
				n++
			}
			b.WriteString(string(runes[i : i+1]))
			if n == 2 {
				b.WriteRune(runes[i])
			}
			i += n
		}
		short[k] = b.String()
	}
	return short
}

// plainlyMarked reports whether a text has only the punctuation of a plain
// sentence. Dots in a row, faces, brackets, boxes and words in quotation marks
// doubt, tick or mock, where the words alone would be a yes.
func plainlyMarked(text string) bool {
	for l := range strings.SplitSeq(norm.NFKC.String(text), "\n") {
		l = strings.TrimSpace(l)
		if inner := strings.Trim(l, "\"'“”„‟«»‹›‘’ "); strings.ContainsAny(inner, "\"“”„‟«»‹›") {
			return false
		}
		var last rune
		for _, r := range l {
			switch {
			case unicode.IsSpace(r) || isInvisible(r):
				continue
			case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || r == '¡': // which opens a sentence
				last = 0
				continue
			case !strings.ContainsRune(plainMarks, r):
				return false
			case last != 0 && (last != r || !strings.ContainsRune("!-*", r)) && !strings.ContainsRune(quoteMarks, r) && !strings.ContainsRune(quoteMarks, last):
				return false
			}
			last = r
		}
	}
	return true
}

// quoteMarks and plainMarks are the punctuation that a plain yes may hold.
const (
	quoteMarks = "\"'“”„‟«»‹›‘’"
	plainMarks = ".,:;!¡-–—*/&" + quoteMarks
)
