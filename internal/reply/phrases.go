package reply

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// meaning is a set of what phrases say; the empty set is politeness, which
// says nothing either way.
type meaning uint8

const (
	saysYes meaning = 1 << iota
	saysNo
	saysWait
	// hedges are words that turn a plain yes into irony as easily as they
	// strengthen it ("yes, sure"), or that answer another question than the one
	// asked ("yes, that was me"). Beside words that name the deletion they count
	// for nothing; without these they take a yes its force.
	hedges
)

// vocabulary is what people say in one language. Every entry is a phrase that
// means the same whatever other entries stand beside it; the text as a whole
// must consist of such phrases.
//
// In an entry "(a|b)" stands for either, "(a|)" for a or nothing, and "{x}" for
// an entry of the part x. The objects are the part "object", the nouns the part
// "noun", those of them that name the deletion the part "named"; "{o}" and "{d}" stand for one of these or for nothing.
type vocabulary struct {
	language string
	// homographs are English words that mean something else in this language.
	homographs []string
	// parts are what entries are composed of; a part may hold those before it.
	parts          []part
	objects, nouns []string
	yes, no, wait  []string
	// polite are greetings and thanks, and agreement that is none unless a yes
	// stands beside it: "agreed", "go ahead".
	polite []string
	hedge  []string
	// doubt are phrases that look like another entry and may mean something
	// else: "please confirm" may ask us for a confirmation.
	doubt []string
	// erases are the beginnings of the words that name the deletion.
	erases []string
}

// part is a named set of entries.
type part struct {
	name    string
	entries []string
}

// maxPlain is the length in bytes beyond which a text is not compared: nobody
// needs so many words for a plain yes.
const maxPlain = 200

// grammar is a vocabulary made ready for comparing: its phrases, and the parts
// they are composed of, as trees of words.
type grammar struct {
	phrases *branch
	parts   []*branch // a part stands after those it holds
	erases  []string
}

// branch is what has been read of an entry, and what can follow.
type branch struct {
	words map[string]*branch
	parts map[int]*branch // by index in grammar.parts
	ends  bool
	said  meaning
}

// table is what is understood of a person who was written to in a language.
type table struct {
	language string
	grammars []*grammar
}

// tables returns the compiled tables by language. They are made once and
// never changed.
var tables = sync.OnceValue(func() map[string]*table {
	english := vocabularies[0]
	all := make(map[string]*table, len(vocabularies))
	for _, v := range vocabularies {
		t := &table{v.language, []*grammar{compile(v, nil)}}
		if v.language != english.language {
			t.grammars = append(t.grammars, compile(english, phraseSet(v.homographs...)))
		}
		all[v.language] = t
	}
	return all
})

// with returns v with the entries of more.
func (v vocabulary) with(more vocabulary) vocabulary {
	v.parts, v.erases = slices.Concat(v.parts, more.parts), slices.Concat(v.erases, more.erases)
	v.objects, v.nouns = slices.Concat(v.objects, more.objects), slices.Concat(v.nouns, more.nouns)
	v.yes, v.no, v.wait = slices.Concat(v.yes, more.yes), slices.Concat(v.no, more.no), slices.Concat(v.wait, more.wait)
	v.polite, v.hedge, v.doubt = slices.Concat(v.polite, more.polite), slices.Concat(v.hedge, more.hedge), slices.Concat(v.doubt, more.doubt)
	return v
}

// naming returns the nouns that name the deletion.
func (v vocabulary) naming() []string {
	return slices.DeleteFunc(slices.Clone(v.nouns), func(noun string) bool {
		return !strings.Contains(noun, "{e}") && !slices.ContainsFunc(v.erases, func(stem string) bool { return strings.Contains(noun, stem) })
	})
}

// compile makes the grammar of a vocabulary, without the phrases in except.
func compile(v vocabulary, except map[string]bool) *grammar {
	v = v.with(composed[v.language]).with(moreComposed[v.language])
	g := &grammar{phrases: &branch{}}
	for _, stem := range v.erases {
		g.erases = append(g.erases, fold(plainWords(stem)))
	}
	index := map[string]int{}
	for i, p := range append(v.parts, part{"object", v.objects}, part{"named", v.naming()}, part{"noun", v.nouns}) {
		b := &branch{}
		for _, entry := range p.entries {
			b.add(entry, 0, index, nil)
		}
		g.parts = append(g.parts, b)
		index[p.name] = i
	}
	for _, list := range []struct {
		said    meaning
		entries []string
	}{{saysYes, v.yes}, {saysNo, v.no}, {saysWait, v.wait}, {0, v.polite}, {hedges, v.hedge}, {saysYes | saysNo | saysWait, v.doubt}} {
		for _, entry := range list.entries {
			g.phrases.add(entry, list.said, index, except)
		}
	}
	return g
}

var optionalParts = strings.NewReplacer("{o}", "({object}|)", "{d}", "({noun}|)")

// add puts every phrase that an entry stands for into the tree.
func (b *branch) add(entry string, said meaning, parts map[string]int, except map[string]bool) {
	for _, phrase := range alternatives(optionalParts.Replace(entry)) {
		if except[fold(plainWords(phrase))] {
			continue
		}
		at := b
		for _, w := range strings.Fields(phrase) {
			at = at.grow(w, parts)
		}
		if at != b {
			at.ends = true
			at.said |= said
		}
	}
}

// grow returns the branch after b for a word, or for a part.
func (b *branch) grow(w string, parts map[string]int) *branch {
	if name, found := strings.CutPrefix(w, "{"); found {
		i := parts[strings.TrimSuffix(name, "}")]
		if b.parts == nil {
			b.parts = map[int]*branch{}
		}
		if b.parts[i] == nil {
			b.parts[i] = &branch{}
		}
		return b.parts[i]
	}
	for word := range strings.FieldsSeq(fold(plainWords(w))) {
		if b.words == nil {
			b.words = map[string]*branch{}
		}
		if b.words[word] == nil {
			b.words[word] = &branch{}
		}
		b = b.words[word]
	}
	return b
}

// alternatives returns the phrases an entry stands for.
func alternatives(entry string) []string {
	before, rest, found := strings.Cut(entry, "(")
	if !found {
		return []string{entry}
	}
	choices, after, _ := strings.Cut(rest, ")")
	var all []string
	for choice := range strings.SplitSeq(choices, "|") {
		all = append(all, alternatives(before+choice+after)...)
	}
	return all
}

// reading is a text being compared with a grammar.
type reading struct {
	words []string
	// spans[part][i] are, as bits, the positions up to which the words from i
	// on can be read as the part.
	spans [][]uint64
}

// maxWords bounds the words of a text, as positions are bits of a uint64.
const maxWords = 63

// found calls f for every position up to which the words from i on can be read
// as what follows b.
func (r *reading) found(b *branch, i int, f func(end int, said meaning)) {
	if b.ends {
		f(i, b.said)
	}
	if i < len(r.words) && b.words[r.words[i]] != nil {
		r.found(b.words[r.words[i]], i+1, f)
	}
	for p, next := range b.parts {
		for ends := r.spans[p][i]; ends != 0; ends &= ends - 1 {
			r.found(next, bits.TrailingZeros64(ends), f)
		}
	}
}

// read returns the words as read with a grammar's parts.
func (g *grammar) read(words []string) *reading {
	r := &reading{words, make([][]uint64, len(g.parts))}
	for p, b := range g.parts {
		r.spans[p] = make([]uint64, len(words)+1)
		for i := range words {
			r.found(b, i, func(end int, _ meaning) { r.spans[p][i] |= 1 << end })
		}
	}
	return r
}

// names reports whether a word names the deletion.
func (g *grammar) names(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return slices.ContainsFunc(g.erases, func(stem string) bool { return strings.HasPrefix(w, stem) })
	})
}

// means returns what the words say as a whole: exactly saysYes, saysNo or
// saysWait, or 0 if they are not plain.
func (t *table) means(words []string) meaning {
	if len(words) > maxWords {
		return 0
	}
	named := false
	// sets[i] holds, as bits, the sets of meanings with which the first i words
	// can be read as phrases.
	sets := make([]uint16, len(words)+1)
	sets[0] = 1
	var texts []*reading
	for _, g := range t.grammars {
		texts = append(texts, g.read(words))
		named = named || g.names(words)
	}
	for i := range words {
		if sets[i] == 0 {
			continue
		}
		for k, g := range t.grammars {
			texts[k].found(g.phrases, i, func(end int, said meaning) {
				for m := range meaning(16) {
					if sets[i]&(1<<m) != 0 {
						sets[end] |= 1 << (m | said)
					}
				}
			})
		}
	}
	return settled(sets[len(words)], named)
}

// settled returns what all readings of a text agree on. A yes must be the only
// meaning of every reading; a no or a wait, from which nothing irreversible
// follows, must be in every reading and alone in one ("do not" + "delete" is
// also "do not delete"). "Stop, do not delete" is a no, "no, not yet" is
// neither.
func settled(readings uint16, named bool) meaning {
	common, exact := saysYes|saysNo|saysWait, meaning(0)
	alone := map[meaning]bool{}
	for m := range meaning(16) {
		if readings&(1<<m) != 0 {
			said := m &^ hedges
			if m == saysYes|hedges && !named {
				said = 0
			}
			common &= said
			exact |= said
			alone[said] = true
		}
	}
	switch {
	case exact == saysYes && common == saysYes:
		return saysYes
	case common&saysNo != 0 && (alone[saysNo] || named && alone[saysNo|saysWait]):
		return saysNo
	case common&saysWait != 0 && alone[saysWait]:
		return saysWait
	}
	return 0
}

// languages returns the tables for a BCP 47 tag: its own, in which English is
// contained; English alone for a language that has none; all for no tag.
func languages(tag string) []*table {
	all := tables()
	if tag == "" {
		var every []*table
		for _, v := range vocabularies {
			every = append(every, all[v.language])
		}
		return every
	}
	primary, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	if t, ok := all[primary]; ok {
		return []*table{t}
	}
	return []*table{all["en"]}
}

// meaningOf returns what a text says in the language of the tag or in English,
// and in which language that was recognised.
func meaningOf(text, tag string) (meaning, string) {
	if text == "" || len(text) > maxPlain {
		return 0, ""
	}
	words := strings.Fields(fold(plainWords(text)))
	if len(words) == 0 {
		return 0, ""
	}
	said, language := agreed(words, tag)
	if short := shortened(words); said == 0 && !slices.Equal(short, words) {
		// "Nooo": drawn out it is still a no, while a drawn-out yes may be a groan.
		if said, language = agreed(short, tag); said == saysYes {
			return 0, ""
		}
	}
	if said == saysYes && (repeats(words) || !plainlyMarked(text)) {
		return 0, ""
	}
	return said, language
}

// agreed returns what the words say in the tables for a tag, if these agree.
func agreed(words []string, tag string) (said meaning, language string) {
	for _, t := range languages(tag) {
		switch m := t.means(words); {
		case m == 0:
		case said != 0 && m != said:
			return 0, ""
		case said == 0:
			said, language = m, t.language
		}
	}
	return said, language
}
