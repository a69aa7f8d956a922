package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// Every reason to ask a person, every action and every right is told in words.
// The reasons are read from the source of the domain, which has no list of them.
func TestEverythingHasWords(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../dsr/state.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || kind.Name != "Attention" {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if word != "" && attentionText(dsr.Attention(word)) == "" {
			t.Errorf("nothing is said about %s", word)
		}
		return true
	})
	if found != len(attentions())+1 {
		t.Errorf("%d reasons in the domain, %d told", found-1, len(attentions()))
	}
	for _, a := range dsr.Actions() {
		if actionText(a) == "" {
			t.Errorf("nothing is said about %s", a)
		}
	}
	for _, r := range dsr.Rights() {
		if !strings.Contains(rightName(r), "Art.") {
			t.Errorf("%s has no article", r)
		}
	}
}

func TestDaysLeft(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	// Half past midnight in Paris is still the day before in UTC.
	d := Dashboard{Zone: paris, Now: func() time.Time { return time.Date(2026, 3, 4, 23, 30, 0, 0, time.UTC) }}
	end := func(day int) time.Time { return time.Date(2026, 3, day, 23, 59, 59, 0, paris) }
	tests := []struct {
		due          time.Time
		state        dsr.State
		text, urgent string
	}{
		{end(25), dsr.Erasing, "20 days left", ""},
		{end(12), dsr.Erasing, "7 days left", "near"},
		{end(6), dsr.Erasing, "1 day left", "near"},
		{end(5), dsr.Erasing, "due today", "late"},
		{end(4), dsr.Erasing, "1 day overdue", "late"},
		{end(1), dsr.Erasing, "4 days overdue", "late"},
		{end(1), dsr.Completed, "", ""},
		{time.Date(2026, 4, 5, 0, 0, 0, 0, paris), dsr.Erasing, "31 days left", ""}, // over the change of the clocks
	}
	for _, tt := range tests {
		if got := d.summary(dsr.Summary{State: tt.state, DueAt: tt.due}); got.Due != tt.text || got.Urgency != tt.urgent {
			t.Errorf("due %v: %q %q, want %q %q", tt.due, got.Due, got.Urgency, tt.text, tt.urgent)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1000: "-1\u202f000"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}
