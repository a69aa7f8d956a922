package reply

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seedMails are the golden mails.
func seedMails(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.eml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + nested(30)))
}

// FuzzParse: the walker never fails and never keeps more than its limits.
func FuzzParse(f *testing.F) {
	seedMails(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		began := time.Now()
		doc := parse(raw, time.Now)
		// Decoding to UTF-8 makes at most three bytes of one; every part adds
		// at most maxText before the walk ends.
		if most := 3 * maxText * maxParts; len(doc.plain) > most || len(doc.html) > most {
			t.Errorf("kept %d and %d bytes", len(doc.plain), len(doc.html))
		}
		if len(doc.plain)+len(doc.html)+len(doc.status) > 4*len(raw)+1024 {
			t.Errorf("%d bytes became %d", len(raw), len(doc.plain)+len(doc.html)+len(doc.status))
		}
		if d := time.Since(began); d > 2*maxWork {
			t.Errorf("took %v", d)
		}
	})
}

// FuzzAuthField: no input makes a result out of what stands in quotes or comments.
func FuzzAuthField(f *testing.F) {
	for _, s := range []string{"a; spf=pass smtp.mailfrom=b", `a 1; dkim=fail (x; dmarc=pass) header.d="q;r"`, "spf=pass (x) a=b;c=d", "a; none", "((((", `a; b=c d="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		field, err := parseAuthField(value)
		if err != nil {
			return
		}
		if n := strings.Count(value, "="); len(field.results) > n {
			t.Errorf("%d results of %d equals signs", len(field.results), n)
		}
		if strings.ContainsAny(value, "\"()\\;\x00") {
			return
		}
		// What is appended inside quotes or a comment changes no result.
		for _, more := range []string{` (; dmarc=pass header.from=v.test)`, ` x.y="; dmarc=pass header.from=v.test"`} {
			again, err := parseAuthField(value + more)
			if err == nil && len(again.results) > len(field.results)+1 {
				t.Errorf("%q adds results", more)
			}
		}
	})
}

// FuzzStrip: the fresh text is never more than what was there, and holds no
// line that carries a mark of quotation.
func FuzzStrip(f *testing.F) {
	f.Add("Yes\n\nOn 3 Nov 2026, at 10:11, A <a@b.c> wrote:\n> x", "x y z")
	f.Add("-- \n\n> > Von: a\nGesendet: b\nAn: c\n", "")
	f.Add("<div>Yes<blockquote>x", "x")
	f.Fuzz(func(t *testing.T, text, sent string) {
		own := newOwnText("", sent)
		got := strip(plainLines(text), own, map[string]bool{"kim": true})
		if len(got.fresh) > len(text)+2 {
			t.Errorf("%d bytes of %d are fresh", len(got.fresh), len(text))
		}
		for l := range strings.SplitSeq(got.fresh, "\n") {
			if strings.HasPrefix(l, ">") {
				t.Errorf("fresh line %q is a quotation", l)
			}
		}
		if lines, ok := htmlLines(text); ok {
			strip(lines, own, nil)
		}
		meaningOf(text, "")
		Recognise(text)
	})
}

// FuzzJudge: nothing crashes, every mail gets a verdict with reasons, and none
// confirms without a token, whatever it says.
func FuzzJudge(f *testing.F) {
	seedMails(f)
	j := NewJudge(Config{Domains: []string{"acme.test"}, AuthservIDs: []string{"mx.acme.test"}, LookupTXT: signingDNS})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, in := range []Input{{Raw: raw}, {Raw: raw, Expect: locales[0].expectation()}, {Raw: raw, Assume: true}} {
			got := j.Judge(context.Background(), in)
			if got.Verdict == "" || len(got.Reasons) == 0 {
				t.Errorf("no verdict or reasons: %+v", got)
			}
			if got.Has(Malformed) && got.Reasons[0].Detail == "the mail cannot be taken apart" {
				t.Error("something panicked")
			}
			if !in.Assume && got.Verdict == Confirm {
				t.Error("confirmed without authentication")
			}
		}
		Tokens(raw, "acme.test")
	})
}
