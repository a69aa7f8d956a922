package reply

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/independent holds phrases in the form of testdata/phrases, written
// by somebody who had not seen the tables. docs/MAIL.md has what came of them on
// the first run. The tables have been widened since with these in view, so this
// test guards what was reached and measures no recall of anything unseen.

// independent reads testdata/independent/name.txt.
func independent(t testing.TB, name string) map[string][]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "independent", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readPhrases(t, bufio.NewScanner(f))
}

func TestMatrixOfIndependentPhrases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		want  Verdict // "" where anything but a confirmation will do
		least float64
	}{{"yes", Confirm, 0.97}, {"no", Cancel, 0.90}, {"wait", Pause, 0.80}, {"doubt", "", 0}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			judge, list := matrixJudge(), independent(t, tc.name)
			total, hits, confirmed := 0, 0, 0
			everyReply(list, 3, func(name, phrase string, l locale, raw []byte) {
				total++
				got := judge.Judge(context.Background(), Input{Raw: raw, Expect: l.expectation()})
				if got.Verdict == tc.want {
					hits++
				} else if tc.want != "" {
					t.Logf("%s %q: %s, fresh %q", name, phrase, got.Verdict, got.FreshText)
				}
				if tc.want != Confirm && got.Verdict == Confirm {
					confirmed++
					t.Errorf("%s %q: confirmed, fresh %q", name, phrase, got.FreshText)
				}
			})
			t.Logf("%s: %d of %d %s (%.1f %%), %d confirmed that must not", tc.name, hits, total, tc.want, 100*float64(hits)/float64(total), confirmed)
			if float64(hits) < tc.least*float64(total) {
				t.Errorf("%s: %d of %d, want %.0f %%", tc.name, hits, total, 100*tc.least)
			}
		})
	}
}

// TestEveryIndependentPhraseMeetsEveryClient: what must not confirm does not,
// phrase by phrase, in every client and place.
func TestEveryIndependentPhraseMeetsEveryClient(t *testing.T) {
	t.Parallel()
	lists := []map[string][]string{independent(t, "doubt"), independent(t, "no"), independent(t, "wait")}
	for _, l := range locales {
		t.Run(l.tag, func(t *testing.T) {
			t.Parallel()
			judge, total := matrixJudge(), 0
			for _, c := range clients {
				for _, at := range c.places {
					for _, phrase := range slices.Concat(lists[0][l.tag], lists[1][l.tag], lists[2][l.tag]) {
						total++
						got := judge.Judge(context.Background(), Input{Raw: write(l, c.write(l, phrase, at), total), Expect: l.expectation()})
						if got.Verdict == Confirm {
							t.Errorf("%s/%s %q: confirmed, fresh %q", c.name, at, phrase, got.FreshText)
						}
					}
				}
			}
			t.Logf("%d mails, none may confirm", total)
		})
	}
}

// TestTrapsOnAPlainYes: what is put around a plain yes and may take it back
// leaves no confirmation.
func TestTrapsOnAPlainYes(t *testing.T) {
	t.Parallel()
	yes := phrases(t, "yes")
	judge := matrixJudge()
	traps := []string{"%s...", "%s…", "%s ;)", "%s :-/", "%s ^^", "%s -_-", "(%s)", "[ ] %s", "~~%s~~", "%s?", "%s\n\nPS: later", "%s\n-- \n1.1.2027", "%s 👎", "%s (...)", "%s / ?", "%s\n[x]", "%s <3", "%s %%"}
	for _, l := range locales {
		for _, phrase := range yes[l.tag] {
			for _, trap := range traps {
				text := strings.Replace(strings.ReplaceAll(trap, "%%", "%"), "%s", phrase, 1)
				got := judge.Judge(context.Background(), Input{Raw: write(l, body{plain: text}, 0), Expect: l.expectation()})
				if got.Verdict == Confirm {
					t.Errorf("%s %q: confirmed, fresh %q", l.tag, text, got.FreshText)
				}
			}
		}
	}
}

// TestMatrixPerClass counts, for all phrases together, what each class was
// judged to be, and from that precision and recall.
func TestMatrixPerClass(t *testing.T) {
	t.Parallel()
	judge := matrixJudge()
	wanted := map[string]Verdict{"yes": Confirm, "no": Cancel, "wait": Pause}
	judged, right, all := map[Verdict]int{}, map[Verdict]int{}, map[Verdict]int{}
	for _, class := range []string{"yes", "no", "wait", "doubtful"} {
		other := strings.Replace(class, "doubtful", "doubt", 1)
		counts := map[Verdict]int{}
		for _, list := range []map[string][]string{phrases(t, class), independent(t, other)} {
			everyReply(list, 3, func(_, _ string, l locale, raw []byte) {
				v := judge.Judge(context.Background(), Input{Raw: raw, Expect: l.expectation()}).Verdict
				counts[v]++
				judged[v]++
				all[wanted[class]]++
				if v == wanted[class] {
					right[v]++
				}
			})
		}
		t.Logf("%s: %v", class, counts)
	}
	for _, v := range []Verdict{Confirm, Cancel, Pause} {
		t.Logf("%s: precision %d of %d (%.2f %%), recall %d of %d (%.2f %%)", v, right[v], judged[v], 100*float64(right[v])/float64(judged[v]), right[v], all[v], 100*float64(right[v])/float64(all[v]))
	}
	if right[Confirm] != judged[Confirm] {
		t.Errorf("%d of %d confirmations are none", judged[Confirm]-right[Confirm], judged[Confirm])
	}
	if judged[Automatic] != 0 {
		t.Errorf("%d people taken for machines", judged[Automatic])
	}
}
