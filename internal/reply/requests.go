package reply

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/soffiah/habeas/internal/dsr"
)

// Confidences of the ways in which a right is recognised.
const (
	byName    = 0.95 // the text names the right or its article
	byMeaning = 0.8  // a verb and its object stand close together
)

// near is how many words may stand between a verb and its object.
const near = 6

// Recognise returns the rights that a text invokes in plain words, the most
// certain first. A phrase with a negation just before it does not count. The
// text may be in any of the languages that Habeas reads.
func Recognise(text string) []Finding {
	words := strings.Fields(fold(plainWords(text[:min(len(text), maxRecognised)])))
	index := signIndex()
	best := map[dsr.Right]Finding{}
	note := func(f Finding) {
		if f.Confidence > best[f.Right].Confidence {
			best[f.Right] = f
		}
	}
	for i, w := range words {
		if negated(words[:i]) {
			continue
		}
		if right, n := article(words[i:]); n > 0 {
			note(Finding{right, "", byName, words[i : i+n]})
		}
		for _, p := range index.phrases[w] {
			if n := len(p.words); i+n <= len(words) && slices.Equal(words[i:i+n], p.words) {
				note(Finding{p.sign.right, p.sign.language, byName, words[i : i+n]})
			}
		}
		for _, s := range index.verbs(w) {
			if object := nearby(words, i, s.objects); object != "" {
				note(Finding{s.right, s.language, byMeaning, []string{w, object}})
			}
		}
	}
	findings := slices.Collect(maps.Values(best))
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Right, b.Right))
	})
	return findings
}

// maxRecognised is how many bytes of a text are searched for rights.
const maxRecognised = 32 << 10

// article reads "Article 17 … GDPR" and returns how many words that takes.
func article(words []string) (dsr.Right, int) {
	if len(words) < 3 || !articleWords[words[0]] || articles[words[1]] == "" {
		return "", 0
	}
	for n := 2; n < min(len(words), 8); n++ {
		if lawNames[words[n]] {
			return articles[words[1]], n + 1
		}
	}
	return "", 0
}

// signs is rightSigns made ready for looking up by words.
type signs struct {
	phrases map[string][]signPhrase // by first word
	exact   map[string][]*rightSign
	stems   map[string][]signStem // by the first letters
}

type signPhrase struct {
	words []string
	sign  *rightSign
}

type signStem struct {
	stem string
	sign *rightSign
}

// stemKey is how many letters of a stem it is looked up by; no stem is shorter.
const stemKey = 3

var signIndex = sync.OnceValue(func() *signs {
	index := &signs{map[string][]signPhrase{}, map[string][]*rightSign{}, map[string][]signStem{}}
	for _, s := range namedRights {
		if s.objects == nil {
			s.objects = ownData[s.language]
		}
		for _, p := range s.phrases {
			words := strings.Fields(p)
			index.phrases[words[0]] = append(index.phrases[words[0]], signPhrase{words, &s})
		}
		for _, v := range s.verbs {
			if stem, open := strings.CutSuffix(v, "*"); open {
				index.stems[stem[:stemKey]] = append(index.stems[stem[:stemKey]], signStem{stem, &s})
			} else {
				index.exact[v] = append(index.exact[v], &s)
			}
		}
	}
	return index
})

// verbs returns the signs that have word as a verb.
func (x *signs) verbs(word string) []*rightSign {
	found := x.exact[word]
	if len(word) < stemKey {
		return found
	}
	for _, s := range x.stems[word[:stemKey]] {
		if strings.HasPrefix(word, s.stem) {
			found = append(slices.Clip(found), s.sign)
		}
	}
	return found
}

// nearby returns the first of the objects within reach of word i, "" if there is none.
func nearby(words []string, i int, objects []string) string {
	for k := max(0, i-near); k < min(len(words), i+near+1); k++ {
		for _, o := range objects {
			stem, open := strings.CutSuffix(o, "*")
			if k != i && (words[k] == o || open && strings.HasPrefix(words[k], stem)) {
				return words[k]
			}
		}
	}
	return ""
}

var negations = phraseSet("not", "don", "dont", "never", "no", "nicht", "kein", "keine", "nie", "pas", "ne", "non", "jamais", "nunca", "niet", "geen", "nao", "não", "inte", "ej", "ikke", "aldrig", "without", "ohne", "sans", "sin", "senza", "zonder", "sem", "bez", "utan", "uden", "cannot", "didn", "doesn")

// negated reports a negation among the last three words.
func negated(before []string) bool {
	for _, w := range before[max(0, len(before)-3):] {
		if negations[w] {
			return true
		}
	}
	return false
}
