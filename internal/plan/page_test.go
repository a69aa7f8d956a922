package plan_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/dsr"
)

// TestPage: docs/PLAN.md explains all that a line of a plan says beside its names.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/PLAN.md")
	if err != nil {
		t.Fatal(err)
	}
	line := reflect.TypeFor[dsr.PlanLine]()
	for i := range line.NumField() {
		name, _, _ := strings.Cut(line.Field(i).Tag.Get("json"), ",")
		if name != "store" && name != "collection" && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("it does not explain %s", name)
		}
	}
	for _, word := range []string{string(dsr.SharedRows), string(dsr.SharedIdentity), string(dsr.NotOwned), string(dsr.Export), string(dsr.Rectify), string(dsr.Mark)} {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("it does not explain %s", word)
		}
	}
}
