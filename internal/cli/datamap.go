package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/datamap"
)

func (p *program) datamap() *cobra.Command {
	cmd := group(&cobra.Command{Use: "datamap", Short: "Check, draft and draw the data map"})
	cmd.AddCommand(p.datamapCheck(), p.datamapDraft(), p.datamapGraph())
	return cmd
}

// mapReport is what `datamap check --json` prints.
type mapReport struct {
	OK          bool                `json:"ok"`
	Datasets    int                 `json:"datasets"`
	Collections int                 `json:"collections"`
	Live        bool                `json:"live"`
	Findings    []catalogue.Finding `json:"findings"`
}

func (p *program) datamapCheck() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use: "check [PATH...]", Short: "Validate the files of a data map, and hold them against live stores",
		Long: `Validates the files of a data map and reports everything that is wrong at once, each
with file, line and a hint. PATH is a file or a folder; without one, the datasets of the
configuration are checked.

With --live the map is held against the configured stores too: missing tables and
columns, types and keys that differ, foreign keys that the map lacks or contradicts, and
columns that look personal and are not in the map, by their names and by a sample of
their values. Values are never printed, nothing is changed, and a role that may only
read is enough.

Ends with 0 if the map is right, 1 if something is wrong, 2 if the command line or the
configuration is, 5 if a store does not answer. Notes alone do not fail it.`,
		Example: "  habeas datamap check datasets/\n  habeas datamap check --live -c habeas.yaml --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := p.checkMap(cmd.Context(), args, live)
			if err != nil {
				return err
			}
			if err := p.print(report, func(w io.Writer) { mapWords(w, report) }); err != nil {
				return err
			}
			if !report.OK {
				return errors.New("the data map is not right; see above")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "hold the map against the configured stores")
	return cmd
}

func (p *program) checkMap(ctx context.Context, paths []string, live bool) (mapReport, error) {
	report := mapReport{Live: live, Findings: []catalogue.Finding{}}
	files, err := p.mapFiles(paths)
	if err != nil {
		return report, err
	}
	m, err := datamap.Load(files)
	report.Findings = append(report.Findings, catalogue.Problems(catalogue.Invalid, err)...)
	if err == nil {
		report.Datasets, report.Collections = len(m.Datasets), len(m.Collections())
		report.Findings = append(report.Findings, catalogue.Plan(m)...)
	}
	if live && m != nil {
		cfg, err := p.loadConfig()
		if err != nil {
			return report, err
		}
		found, err := app.CompareStores(ctx, cfg, m, p.now())
		if err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, found...)
	}
	slices.SortStableFunc(report.Findings, func(a, b catalogue.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	report.OK = !slices.ContainsFunc(report.Findings, func(f catalogue.Finding) bool { return f.Level == catalogue.Error })
	return report, nil
}

// mapFiles reads the files of a data map: those named, or all YAML files of a
// folder that is named, or those of the configuration.
func (p *program) mapFiles(paths []string) (map[string][]byte, error) {
	if len(paths) == 0 {
		cfg, err := p.loadConfig()
		if err != nil {
			return nil, err
		}
		paths = cfg.Datasets
	}
	files := map[string][]byte{}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			ext := strings.ToLower(filepath.Ext(name))
			if err != nil || entry.IsDir() || name != path && ext != ".yml" && ext != ".yaml" {
				return err
			}
			files[name], err = os.ReadFile(name)
			return err
		})
		if err != nil {
			return nil, usageError{fmt.Errorf("reading the data map: %w", err)}
		}
	}
	if len(files) == 0 {
		return nil, usageError{fmt.Errorf("there is no file with the ending .yml or .yaml in %s", strings.Join(paths, ", "))}
	}
	return files, nil
}

// readMap reads a data map that is right.
func (p *program) readMap(paths []string) (*datamap.Map, error) {
	files, err := p.mapFiles(paths)
	if err != nil {
		return nil, err
	}
	m, err := datamap.Load(files)
	if err != nil {
		return nil, fmt.Errorf("the data map is not right:\n%w", err)
	}
	return m, nil
}

func mapWords(w io.Writer, r mapReport) {
	wrong := 0
	for _, f := range r.Findings {
		if f.Level == catalogue.Error {
			wrong++
		}
		fmt.Fprintf(w, "%s%s: %s%s\n", place(f), f.Level, subject(f), f.Problem)
		if f.Hint != "" {
			fmt.Fprintf(w, "    → %s\n", f.Hint)
		}
	}
	if wrong > 0 {
		fmt.Fprintf(w, "\n%d thing(s) wrong, %d note(s).\n", wrong, len(r.Findings)-wrong)
		return
	}
	against := ""
	if r.Live {
		against = ", as the stores say too"
	}
	fmt.Fprintf(w, "The data map is right%s: %d dataset(s), %d collection(s), %d note(s).\n", against, r.Datasets, r.Collections, len(r.Findings))
}

// place writes where in the files something stands, if it does.
func place(f catalogue.Finding) string {
	if f.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", f.File, f.Line)
}

// subject writes what of a store or a map a finding is about.
func subject(f catalogue.Finding) string {
	var parts []string
	for _, part := range []string{f.Dataset, f.Collection, f.Field} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ".") + ": "
}
