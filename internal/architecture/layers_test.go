// Package architecture holds the house to its plan (ARCHITECTURE.md): imports run
// downwards only, and each outside library is known where it belongs and nowhere
// else.
package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/soffiah/habeas/"

// levels gives every package its level: it may import lower ones only. A new
// package must be given its place here and in ARCHITECTURE.md.
var levels = map[string]int{
	"internal/dsr": 0, "internal/strictyaml": 0, "internal/vault": 0, "internal/law": 0, "internal/detect": 0, "examples/soffiah": 0,
	"internal/accesstoken": 0,

	"internal/datamap": 1, "internal/audit": 1, "internal/identity": 1, "internal/policy": 1, "internal/config": 1,
	"internal/reply": 1, "internal/mailout": 1, "internal/mailin": 1, "internal/clearance": 1, "internal/temporalx": 1, "client": 1,

	"internal/store": 2, "internal/catalogue": 2, "internal/chart": 2, "internal/web/access": 2, "internal/web/problem": 2, "internal/web/assets": 2,

	"internal/record": 3, "internal/trace": 3, "internal/store/sqlstore": 3, "internal/store/encode": 3, "internal/store/s3": 3, "internal/store/imap": 3,
	"internal/store/storetest": 3, "internal/web/guard": 3,

	"internal/plan": 4, "internal/store/postgres": 4, "internal/store/mysql": 4, "internal/letters": 4, "internal/postgres": 4, "internal/web/api": 4, "internal/web/portal": 4,

	"internal/web/dashboard": 5, "internal/inbox": 5, "activities": 5,
	"workflows": 6, "internal/web": 6,
	"worker": 7, "internal/requests": 7,
	"internal/app": 8,

	// Everything on one machine, for demo, dev and tests.
	"internal/devenv": 5, "internal/devenv/person": 6, "internal/devenv/mailservers": 6, "internal/devenv/soffiah": 7, "internal/postgres/postgrestest": 6, "internal/store/mysql/mysqltest": 6,
	"internal/sandbox": 9, "internal/cli": 10, "cmd/habeas": 11,
	"internal/bench": 10, "internal/e2e": 10, "internal/architecture": 10,
}

// homes says which packages may know an outside library.
var homes = map[string][]string{
	"github.com/gin-gonic/gin":       {"internal/web"},
	"go.temporal.io/":                {"workflows", "activities", "worker", "internal/requests", "internal/temporalx", "internal/app", "internal/devenv", "internal/bench"},
	"github.com/jackc/pgx/":          {"internal/postgres", "internal/store/postgres", "internal/devenv", "internal/bench", "internal/e2e"},
	"github.com/go-sql-driver/":      {"internal/store/mysql"},
	"github.com/emersion/go-imap/":   {"internal/mailin", "internal/store/imap", "internal/devenv", "internal/bench"},
	"github.com/emersion/go-message": {"internal/reply", "internal/devenv"},
	"github.com/emersion/go-msgauth": {"internal/reply"},
	"github.com/emersion/go-smtp":    {"internal/devenv"},
	"golang.org/x/oauth2":            {"internal/accesstoken"},
	"github.com/wneessen/go-mail":    {"internal/mailout"},
	"github.com/minio/":              {"internal/store/s3", "internal/devenv", "internal/bench"},
	"github.com/spf13/cobra":         {"internal/cli"},
	"github.com/johannesboyne/":      {"internal/devenv"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsRunDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		level, known := levels[name]
		if !known {
			t.Errorf("%s has no level: give it its place in this test and in ARCHITECTURE.md", name)
			continue
		}
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module)
			if ours && levels[other] >= level {
				t.Errorf("%s (level %d) imports %s (level %d)", name, level, other, levels[other])
			}
		}
	}
}

func TestLibrariesStayAtHome(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			for library, allowed := range homes {
				if strings.HasPrefix(imported, library) && !slices.ContainsFunc(allowed, func(home string) bool {
					return name == home || strings.HasPrefix(name, home+"/")
				}) {
					t.Errorf("%s imports %s, which belongs in %s", name, imported, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

// Workflows decide and do no I/O: not even in what they import is there a
// database, an HTTP server or a mailbox. The domain knows the standard library only.
func TestPurity(t *testing.T) {
	t.Parallel()
	forbidden := map[string][]string{
		"workflows":       {"github.com/jackc/pgx/", "github.com/gin-gonic/gin", "github.com/emersion/go-imap/", "github.com/minio/"},
		"internal/dsr":    {"."},
		"internal/law":    {"."},
		"internal/vault":  {"."},
		"internal/record": {"github.com/jackc/pgx/", "go.temporal.io/"},
	}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, dep := range p.Deps {
			for _, f := range forbidden[name] {
				first, _, _ := strings.Cut(dep, "/")
				outside := strings.Contains(first, ".") && !strings.HasPrefix(dep, module)
				if f == "." && outside || f != "." && strings.HasPrefix(dep, f) {
					t.Errorf("%s depends on %s", name, dep)
				}
			}
		}
	}
}
