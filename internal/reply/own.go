package reply

import (
	"iter"
	"regexp"
	"strings"
)

// ownText is the mail that was answered, in a form in which quotations of it
// are found however a client wrapped them.
type ownText struct {
	words    string          // all of it, as quoteWords writes it
	shingles map[string]bool // its runs of three words
}

func newOwnText(subject, text string) *ownText {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	own := &ownText{words: quoteWords(subject + "\n" + text), shingles: map[string]bool{}}
	for s := range shingles(own.words) {
		own.shingles[s] = true
	}
	return own
}

// shingles yields every run of three words.
func shingles(words string) iter.Seq[string] {
	return func(yield func(string) bool) {
		var starts [3]int // of the last words
		for n, i := 1, 0; i <= len(words); i++ {
			if i < len(words) && words[i] != ' ' {
				continue
			}
			if n >= 3 && !yield(words[starts[(n-3)%3]:i]) {
				return
			}
			starts[n%3] = i + 1
			n++
		}
	}
}

// notWords is what clients add to or drop from text they quote: addresses of
// links, and stand-ins for images.
var notWords = regexp.MustCompile(`(?i)<?(?:https?://|mailto:)[^\s<>]+>?|\[(?:image|cid|bild|imagen|immagine|afbeelding|imagem|obraz|billede)\b[^\]]*\]|<[^\s<>]+@[^\s<>]+>|` + foreignMark)

// quoteWords is [plainWords] without what clients change in quotations.
func quoteWords(s string) string {
	if !linked(s) {
		return plainWords(s)
	}
	// Most lines of a long text hold nothing of it, and looking closely is slow. Only
	// brackets can reach beyond their line.
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.LastIndexByte(line, '[') > strings.LastIndexByte(line, ']') {
			return plainWords(notWords.ReplaceAllString(s, " "))
		}
		if linked(line) || strings.Contains(strings.ToLower(line), "mailto:") {
			line = notWords.ReplaceAllString(line, " ")
		}
		b.WriteString(line)
	}
	return plainWords(b.String())
}

// linked reports whether there may be something in s that [notWords] takes out.
func linked(s string) bool {
	return strings.ContainsAny(s, "<[") || strings.Contains(s, "://") || strings.Contains(s, foreignMark)
}

// longLine is the length in bytes from which a line that stands in our mail is
// taken for a repetition of it wherever it stands.
const longLine = 40

// repeats reports whether an unmarked line repeats our mail. A short one does
// so only next to another line that it also follows or precedes in our mail:
// the words to type for a yes stand in our mail too.
func (o *ownText) repeats(words, before, after string) bool {
	if words == "" || !hasPhrase(o.words, words) {
		return false
	}
	if len(words) >= longLine {
		return true
	}
	return before != "" && hasPhrase(o.words, before+" "+words) || after != "" && hasPhrase(o.words, words+" "+after)
}

// resembles reports whether a line of a quotation is ours, or nearly: clients
// and gateways change links and add marks.
func (o *ownText) resembles(words string) bool {
	if words == "" || hasPhrase(o.words, words) {
		return true
	}
	known, all := 0, 0
	for shingle := range shingles(words) {
		all++
		if o.shingles[shingle] {
			known++
		}
	}
	return all >= 3 && known*10 >= all*7
}
