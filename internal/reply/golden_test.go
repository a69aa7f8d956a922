package reply

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden explanations anew")

// TestGolden explains the mails of testdata/golden and compares with the JSON
// beside them.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.eml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden mails: %v", err)
	}
	j := NewJudge(Config{})
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(j.Explain(context.Background(), filepath.Base(file), Input{Raw: raw})); err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".eml") + ".json"
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
	}
}

// TestExplanationKeys holds the JSON to what "habeas mail explain" promises.
func TestExplanationKeys(t *testing.T) {
	t.Parallel()
	e := NewJudge(Config{}).Explain(context.Background(), "x.eml", Input{Raw: []byte("\x00\xff no mail")})
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	auth, _ := keys["auth"].(map[string]any)
	for _, k := range []string{"file", "verdict", "automatic", "fresh_text", "reasons"} {
		if _, ok := keys[k]; !ok {
			t.Errorf("%s is missing in %s", k, b)
		}
	}
	for _, k := range []string{"spf", "dkim", "dmarc", "aligned"} {
		if _, ok := auth[k]; !ok {
			t.Errorf("auth.%s is missing in %s", k, b)
		}
	}
	if e.Verdict != Unclear || len(e.Reasons) == 0 {
		t.Errorf("what is no mail is %s %v", e.Verdict, e.Reasons)
	}
}
