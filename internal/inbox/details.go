package inbox

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// This file reads the elements of identification with which people answer: lines
// that begin with a label of ours, in any language of the templates, wherever they
// stand in the mail, since many fill them in inside of the quotation. What is
// read may be wrong, and does no harm then: it is compared with what is on file,
// and a confirmation goes to the address on file alone.

// details reads the elements with which a mail answers the one that asked for
// them. It returns nil where a person must read it: where it may come from
// somebody else, is not clear, or says more than that.
func details(raw []byte, j reply.Judgement, owner record.TokenOwner, token reply.TokenCandidate) *dsr.Elements {
	against := []reply.Code{
		reply.AuthFailed, reply.OddSender, reply.WrongSender, reply.NoToken, reply.TokenConflict, reply.TokenExpired, reply.Malformed,
		reply.PartsDisagree, reply.Unreadable, reply.Forwarded, reply.PlainYes, reply.PlainNo, reply.PlainPause,
	}
	if owner.Purpose != mailout.Details || token.Kind != reply.ConfirmToken || token.Source == reply.FromBody ||
		j.Verdict != reply.Unclear || slices.ContainsFunc(against, j.Has) {
		return nil
	}
	wanted := asked(owner.Mail)
	found, _, clear := readDetails(reply.Text(raw), wanted)
	_, rest, _ := readDetails(j.FreshText, wanted)
	if !clear {
		return nil
	}
	if found == (dsr.Elements{}) {
		found, rest = unlabelled(rest, wanted), ""
	}
	if found == (dsr.Elements{}) || found.Validate(nil) != nil || len(strings.Fields(rest)) > mostBeside || !reply.Harmless(rest) {
		return nil
	}
	return &found
}

const (
	// longestLine is how long a line with a label may be, in bytes.
	longestLine = 4000
	// mostBeside is how many words may stand beside an answer, such as a greeting.
	mostBeside = 12
	// mostUnlabelled is how long an answer without a label may be, in characters;
	// fewWords and manyWords are how many words it may have.
	mostUnlabelled = 80
	fewWords       = 5
	manyWords      = 15
)

// asked returns the elements that a mail of ours asks for.
func asked(m mailout.Message) []string {
	var wanted []string
	for _, name := range dsr.ElementFields() {
		label := mailout.ElementLabel(m.Language, name)
		for line := range strings.Lines(m.Text) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, label) && strings.HasSuffix(line, mailout.Blank) {
				wanted = append(wanted, name)
			}
		}
	}
	return wanted
}

// readDetails reads labelled lines of a text for the wanted elements. rest is what
// else the text says; clear is false where two lines contradict each other.
func readDetails(text string, wanted []string) (found dsr.Elements, rest string, clear bool) {
	clear = true
	var others []string
	for line := range strings.Lines(text) {
		name, value, labelled := readLine(line, wanted)
		if !labelled {
			others = append(others, strings.TrimSpace(line))
			continue
		}
		switch before := found.ByName()[name]; {
		case value == "":
		case before == "":
			found.Set(name, value)
		case before != value:
			clear = false
		}
	}
	return found, strings.TrimSpace(strings.Join(others, "\n")), clear
}

// readLine reads one line: "Account name: lumiere", or "My account name is lumiere".
func readLine(line string, wanted []string) (name, value string, labelled bool) {
	if len(line) > longestLine {
		return "", "", false
	}
	line = strings.TrimFunc(line, beside)
	folded := foldRunes(line)
	for _, language := range mailout.Languages() {
		for _, name := range wanted {
			label := foldRunes(mailout.ElementLabel(language, name))
			at := indexRunes(folded, label)
			if at < 0 || len(label) == 0 {
				continue
			}
			before, after := string(folded[:at]), string([]rune(line)[at+len(label):])
			after = strings.TrimLeftFunc(after, beside)
			if separator, size := utf8.DecodeRuneInString(after); strings.ContainsRune(":=：", separator) && strings.TrimSpace(before) == "" {
				return name, bare(after[size:]), true
			}
			verb, value, _ := strings.Cut(after, " ")
			if slices.Contains([]string{"is", "ist", "lautet", "est", "es"}, strings.ToLower(strings.TrimSuffix(verb, ":"))) && len(strings.Fields(before)) <= 2 {
				return name, bare(value), true
			}
		}
	}
	return "", "", false
}

// beside are the characters that clients and people put around a label.
func beside(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(">|*•·-–", r) }

// bare takes off what is left of the blank to fill in, and the marks that clients
// put around words.
func bare(value string) string {
	value = strings.TrimFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == '*' || r == '…' })
	for _, blank := range []string{"__", "..."} {
		for strings.HasPrefix(value, blank) {
			value = strings.TrimLeft(value, blank[:1]+" ")
		}
		for strings.HasSuffix(value, blank) {
			value = strings.TrimRight(value, blank[:1]+" ")
		}
	}
	for _, pair := range []string{`""`, "“”", "„“", "«»", "‹›", "<>", "''", "‘’"} {
		marks := []rune(pair)
		if inner, ok := strings.CutPrefix(value, string(marks[0])); ok {
			if inner, ok = strings.CutSuffix(inner, string(marks[1])); ok {
				return strings.TrimSpace(inner)
			}
		}
	}
	return value
}

// foldRunes makes letters small and apostrophes and blanks alike, rune by rune, so
// that places stay the same.
func foldRunes(s string) []rune {
	folded := []rune(s)
	for i, r := range folded {
		switch {
		case r == '’' || r == '‘' || r == '`':
			folded[i] = '\''
		case unicode.IsSpace(r):
			folded[i] = ' '
		default:
			folded[i] = unicode.ToLower(r)
		}
	}
	return folded
}

// indexRunes returns where part begins in s, as whole words, -1 if it does not.
func indexRunes(s, part []rune) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if slices.Equal(s[i:i+len(part)], part) && (i == 0 || !unicode.IsLetter(s[i-1])) {
			return i
		}
	}
	return -1
}

// unlabelled takes the only line of an answer for the only element that was asked
// for.
func unlabelled(fresh string, wanted []string) dsr.Elements {
	var found dsr.Elements
	fresh = strings.TrimSpace(fresh)
	if len(wanted) != 1 || strings.ContainsAny(fresh, "\n?:") || utf8.RuneCountInString(fresh) > mostUnlabelled || !reply.Harmless(fresh) {
		return found
	}
	most := fewWords
	if wanted[0] == "mailing_address" {
		most = manyWords
	}
	if n := len(strings.Fields(fresh)); n > 0 && n <= most {
		found.Set(wanted[0], bare(fresh))
	}
	return found
}
