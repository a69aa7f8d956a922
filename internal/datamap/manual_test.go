package datamap

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestManual: what the manual shows loads, and it names all that our key knows.
func TestManual(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/DATAMAP.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, part := range strings.Split(string(content), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		m, err := Load(map[string][]byte{"manual.yml": []byte(text)})
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		shown++
		if route := m.Route(m.Identities()); len(route.Broken)+len(route.Blocked) > 0 {
			t.Errorf("what is shown cannot be followed:\n%s", text)
		}
	}
	if shown != 3 {
		t.Errorf("got %d examples that load, want 3", shown)
	}
	for _, name := range slices.Concat(datasetNames, collectionNames, fieldNames, anonymiseNames, rectifyNames, restrictionNames, strategies, parts, valueKinds, dataTypes) {
		if !strings.Contains(string(content), "`"+name) && !strings.Contains(string(content), name+":") && !strings.Contains(string(content), "`\""+name) {
			t.Errorf("the manual does not explain %q", name)
		}
	}
}
