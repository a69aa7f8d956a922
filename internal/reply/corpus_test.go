package reply

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const corpora = "../../../shared/mail"

// eachCorpusMail calls f with every file of one corpus, or skips the test.
func eachCorpusMail(t testing.TB, corpus string, f func(path string, raw []byte)) {
	t.Helper()
	root := filepath.Join(corpora, corpus)
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the corpora of real mail are not here: %s is missing", root)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "SOURCE") || strings.HasPrefix(d.Name(), "LICENSE") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			f(path, raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// notAutomatic are the files of the bounce corpus that no machine wrote: two
// that are there as counter-examples, and a bounce that a person forwarded.
var notAutomatic = []string{"is-not-bounce-01.eml", "is-not-bounce-02.eml", "lhost-sendmail-14.eml"}

func TestCorpusOfBounces(t *testing.T) {
	t.Parallel()
	j := NewJudge(Config{})
	machines, found, bounces := 0, 0, 0
	eachCorpusMail(t, "sisimai", func(path string, raw []byte) {
		got := j.Judge(context.Background(), Input{Raw: raw, Assume: true})
		if slices.Contains(notAutomatic, filepath.Base(path)) {
			if got.Automatic {
				t.Errorf("%s: taken for a machine's: %v", path, got.ReasonLines())
			}
			return
		}
		machines++
		if got.Automatic {
			found++
		} else {
			t.Logf("%s: %s %v", path, got.Verdict, got.ReasonLines())
		}
		if got.Bounce != NoBounce {
			bounces++
		}
	})
	t.Logf("%d of %d recognised as automatic, %d as bounces", found, machines, bounces)
	if float64(found) < 0.98*float64(machines) {
		t.Errorf("%d of %d recognised as automatic, want 98 %%", found, machines)
	}
}

// TestCorporaConfirmNothing tries every file as the mail it is, and its text
// as the body of a reply that is beyond doubt otherwise.
func TestCorporaConfirmNothing(t *testing.T) {
	t.Parallel()
	j := NewJudge(Config{})
	files := 0
	eachCorpusMail(t, ".", func(path string, raw []byte) {
		files++
		if got := j.Explain(context.Background(), path, Input{Raw: raw}); got.Verdict == Confirm {
			t.Errorf("%s: confirmed, fresh %q", path, got.FreshText)
		}
		if strings.Contains(path, "/trimmed/") {
			return // expected results, one of which is "Yes."
		}
		bare := append([]byte("From: kim@example.org\r\nSubject: Re: x\r\n\r\n"), raw...)
		if got := j.Judge(context.Background(), Input{Raw: bare, Assume: true}); got.Verdict == Confirm {
			t.Errorf("%s as a body: confirmed, fresh %q", path, got.FreshText)
		}
	})
	t.Logf("%d files, none confirms", files)
}

// TestCorpusOfStrippedReplies compares with what other parsers take for the
// fresh text of real replies in plain text.
func TestCorpusOfStrippedReplies(t *testing.T) {
	t.Parallel()
	total, equal := 0, 0
	eachCorpusMail(t, "discourse-email_reply_trimmer/test/emails", func(path string, raw []byte) {
		want, err := os.ReadFile(filepath.Join(corpora, "discourse-email_reply_trimmer/test/trimmed", filepath.Base(path)))
		if err != nil {
			return
		}
		total++
		got := strip(plainLines(string(raw)), nil, nil).fresh
		if plainWords(got) == plainWords(string(want)) {
			equal++
			return
		}
		// Less than the person wrote would be a danger, more is only a review.
		if len(plainWords(got)) < len(plainWords(string(want)))/2 {
			t.Logf("%s: got %.80q, want %.80q", filepath.Base(path), got, want)
		}
	})
	t.Logf("%d of %d as the corpus has it", equal, total)
}
