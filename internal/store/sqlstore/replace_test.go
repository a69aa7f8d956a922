package sqlstore

import (
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
)

func text(s string) *string { return &s }

func shown(s *string) string {
	if s == nil {
		return "NULL"
	}
	return *s
}

// TestReplacements: what each strategy makes of a value, and that it leaves
// alone what it has made.
func TestReplacements(t *testing.T) {
	t.Parallel()
	keep := func(k string) datamap.Replacement { return datamap.Replacement{Strategy: datamap.Partial, Keep: k} }
	words := Column{Kind: TextKind}
	needed := Column{Kind: TextKind, NotNull: true}
	for _, test := range []struct {
		x           datamap.Replacement
		c           Column
		value, want string
	}{
		{keep(datamap.KeepYear), Column{Kind: DateKind}, "1984-07-15", "1984-01-01"},
		{keep(datamap.KeepMonth), Column{Kind: DateKind}, "1984-07-15", "1984-07-01"},
		{keep(datamap.KeepYear), Column{Kind: TimeKind}, "1984-07-15 12:13:14.5+00", "1984-01-01 00:00:00+00"},
		{keep(datamap.KeepMonth), Column{Kind: TimeKind}, "1984-07-15 12:13:14", "1984-07-01 00:00:00"},
		{keep(datamap.KeepYear), Column{Kind: DateKind}, "infinity", "infinity"},
		{keep(datamap.KeepYear), words, "1984-07-15T12:13:14Z", "1984-01-01"},
		{keep(datamap.KeepYear), words, "15.7.1984", "NULL"},
		{keep(datamap.KeepYear), needed, "15.7.1984", ""},
		{keep(datamap.KeepNetwork), Column{Kind: AddressKind, Type: "inet"}, "10.1.2.3/32", "10.1.2.0/32"},
		{keep(datamap.KeepNetwork), Column{Kind: AddressKind, Type: "cidr"}, "10.1.2.3/32", "10.1.2.0/24"},
		{keep(datamap.KeepNetwork), words, "10.1.2.3", "10.1.2.0"},
		{keep(datamap.KeepNetwork), words, "2001:db8:1:2::3", "2001:db8:1::"},
		{keep(datamap.KeepNetwork), words, "::ffff:10.1.2.3", "10.1.2.0"},
		{keep(datamap.KeepNetwork), words, "unknown", "NULL"},
		{keep(datamap.KeepRegion), words, "12 St James's Sq, London SW1", ", London SW"},
		{keep(datamap.KeepRegion), words, "12 rue X\n75001 Paris", ", Paris"},
		{keep(datamap.KeepRegion), words, "12 Main Street", "NULL"},
		{keep(datamap.KeepRegion), Column{Kind: TextKind, MaxLength: 4}, "1,Rome", "NULL"},
		{keep(datamap.KeepDomain), words, "ada@example.org", "@example.org"},
		{keep(datamap.KeepDomain), words, "ada", "NULL"},
		{datamap.Replacement{Strategy: datamap.Partial, Keep: datamap.KeepPrefix, Length: 2}, words, "žluťoučký", "žl"},
		{datamap.Replacement{Strategy: datamap.Hash}, words, "ada", "sha256:" + strings.Repeat("?", 64)},
		{datamap.Replacement{Strategy: datamap.HMAC}, words, "ada", "hmac-sha256:" + strings.Repeat("?", 64)},
		{datamap.Replacement{Strategy: datamap.Pseudonym}, words, "ada", "p-" + strings.Repeat("?", 26)},
		{datamap.Replacement{Strategy: datamap.Pseudonym}, Column{Kind: UUIDKind}, "0f8fad5b-d9cb-469f-a165-70867728950e", "????????-????-8???-????-????????????"},
		{datamap.Replacement{Strategy: datamap.Random}, words, "Ada-99 ž", "???-?? ?"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: IntegerKind}, "2147483647", "1?????????"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: IntegerKind}, "-7", "-1"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: IntegerKind}, "0", "0"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: NumberKind}, "0.25", "0.1?"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: NumberKind}, "NaN", "0"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: DateKind}, "1984-07-15", "????-??-??"},
		{datamap.Replacement{Strategy: datamap.Random}, Column{Kind: UUIDKind}, "0f8fad5b-d9cb-469f-a165-70867728950e", "????????-????-4???-????-????????????"},
		{datamap.Replacement{Strategy: datamap.Hash}, words, "", ""},
		{datamap.Replacement{Strategy: datamap.Null}, words, "ada", "NULL"},
	} {
		r := replacer{field: &datamap.Field{Name: "f", Anonymise: &test.x}, column: test.c, secret: []byte("secret")}
		got := r.of(text(test.value), "key")
		if !alikeTo(shown(got), test.want) {
			t.Errorf("%s %s of %q: got %q, want %q", test.x.Strategy, test.x.Keep, test.value, shown(got), test.want)
		}
		if again := r.of(got, "key"); shown(again) != shown(got) {
			t.Errorf("%s %s of %q: replaced again %q is %q", test.x.Strategy, test.x.Keep, test.value, shown(got), shown(again))
		}
		if r.of(nil, "key") != nil {
			t.Errorf("%s: null was replaced", test.x.Strategy)
		}
	}
}

// alikeTo compares with a text in which ? is any character.
func alikeTo(s, want string) bool {
	a, b := []rune(s), []rune(want)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if b[i] != '?' && a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestRandomSaysNothing: what comes out depends on the row and on the form of
// the value, and not on the value itself.
func TestRandomSaysNothing(t *testing.T) {
	t.Parallel()
	r := replacer{field: &datamap.Field{Name: "f", Anonymise: &datamap.Replacement{Strategy: datamap.Random}}, column: Column{Kind: TextKind}, secret: []byte("secret")}
	if shown(r.of(text("ada"), "1")) != shown(r.of(text("bob"), "1")) {
		t.Error("two values of one form are told apart")
	}
	if shown(r.of(text("ada lovelace"), "1")) == shown(r.of(text("ada lovelace"), "2")) {
		t.Error("two rows come out alike")
	}
}

// TestPseudonymsAreKeyed: the same for the same, another under another secret.
func TestPseudonymsAreKeyed(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{datamap.HMAC, datamap.Pseudonym} {
		of := func(secret, identity, value string) string {
			r := replacer{field: &datamap.Field{Identity: identity, Anonymise: &datamap.Replacement{Strategy: strategy}}, column: Column{Kind: TextKind}, secret: []byte(secret)}
			return shown(r.of(&value, "key"))
		}
		if of("a", "", "ada") == of("b", "", "ada") || of("a", "", "ada") == of("a", "", "eve") {
			t.Errorf("%s: two come out alike", strategy)
		}
		if of("a", "", "ada") != of("a", "name", "ada") {
			t.Errorf("%s: the same value comes out in two ways", strategy)
		}
	}
}

func TestWholeWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, word string
		want       bool
	}{
		{"ann", "ann", true}, {"joanna", "ann", false}, {"ann, joanna", "ann", true}, {"joanna ann", "ann", true}, {"ann's", "ann", true},
		{"nada@example.org", "ada@example.org", false}, {"<ada@example.org>", "ada@example.org", true}, {"x.ada@example.org", "ada@example.org", true},
		{`{"a":"x\nann"}`, "ann", true}, {`say \"ann\"`, "ann", true}, {"ann_b", "ann", false}, {"žann", "ann", false}, {"100% sure", "100%", true}, {"1100%", "100%", false}, {"", "a", false},
	} {
		if got := hasWord(test.text, test.word); got != test.want {
			t.Errorf("%q in %q: %v", test.word, test.text, got)
		}
	}
}

// TestNeedles: a value is found however JSON and Unicode write it.
func TestNeedles(t *testing.T) {
	t.Parallel()
	var got []string
	for _, n := range newNeedles([]store.Wanted{{Identity: "name", Value: " Žo\"e "}, {Value: ""}, {Value: "a\x00"}}) {
		got = append(got, n.text)
	}
	for _, want := range []string{"žo\"e", "z\u030co\"e", `žo\"e`, `\u017eo\"e`} {
		found := false
		for _, text := range got {
			found = found || text == want
		}
		if !found {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

func TestQueryNumbersValuesAsTheyStand(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dialect Dialect
		sql     string
		args    int
	}{"numbered": {numbered{}, "b=$1 a=$2 b=$1", 2}, "marks": {marks{}, "b=? a=? b=?", 3}} {
		q := NewQuery(test.dialect)
		a, b := q.Arg("a"), q.Arg("b")
		sql, args := q.SQL("b=" + b + " a=" + a + " b=" + b)
		if sql != test.sql || len(args) != test.args || args[0] != "b" || args[1] != "a" {
			t.Errorf("%s: got %q with %v", name, sql, args)
		}
	}
}

type numbered struct{ Dialect }

func (numbered) Placeholder(n int) string { return "$" + string(rune('0'+n)) }

type marks struct{ Dialect }

func (marks) Placeholder(int) string { return "?" }
