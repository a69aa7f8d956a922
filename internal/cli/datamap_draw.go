package cli

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/catalogue"
	"github.com/soffiah/habeas/internal/chart"
	"github.com/soffiah/habeas/internal/config"
)

func (p *program) datamapGraph() *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use: "graph [PATH...]", Short: "Draw a data map: stores, collections, and how one leads to another",
		Long: `Draws a data map as Mermaid text, or as an SVG picture: data stores as groups, references
as arrows, identities marked, and what an erasure does to rows by colour and letter.
PATH is a file or a folder; without one, the datasets of the configuration are drawn.`,
		Example: "  habeas datamap graph datasets/ > map.mmd\n  habeas datamap graph datasets/ --format svg -o map.svg",
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "mermaid" && format != "svg" {
				return usageError{fmt.Errorf("the format is %q: write mermaid or svg", format)}
			}
			m, err := p.readMap(args)
			if err != nil {
				return err
			}
			drawn := []byte(chart.Mermaid(m))
			if format == "svg" {
				drawn = chart.SVG(m)
			}
			return p.write(output, drawn)
		},
	}
	cmd.Flags().StringVar(&format, "format", "mermaid", "mermaid or svg")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (standard output if none is given)")
	return cmd
}

// datasetName is what a name of a dataset may be made of (fides_key).
var datasetName = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

func (p *program) datamapDraft() *cobra.Command {
	var store, dataset, schema, output string
	cmd := &cobra.Command{
		Use: "draft --store NAME", Short: "Write a first data map from a live data store", Args: noArgs,
		Long: `Reads the catalogue of a configured data store and a sample of its values, and writes a
first dataset: tables, keys and foreign keys as the store has them, and categories and
identities as far as names and values tell. What is guessed says so in a comment. Values
are never printed, nothing is changed, and a role that may only read is enough.

The draft erases nothing: every collection says erasure: leave until you decide.`,
		Example: "  habeas datamap draft --store app -c habeas.yaml -o datasets/app.yml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadConfig()
			if err != nil {
				return err
			}
			configured, err := storeNamed(cfg, store)
			if err != nil {
				return err
			}
			if dataset == "" {
				dataset = configured.Dataset
			}
			if !datasetName.MatchString(dataset) {
				return usageError{fmt.Errorf("the dataset %q is not a name: use letters, digits and _ . -", dataset)}
			}
			r, closer, err := app.OpenCatalogue(cmd.Context(), configured)
			if err != nil {
				return err
			}
			defer func() { _ = closer.Close() }()
			text, err := catalogue.Draft(cmd.Context(), r, store, dataset, schema, p.now())
			if err != nil {
				return err
			}
			return p.write(output, text)
		},
	}
	cmd.Flags().StringVar(&store, "store", "", "name of the data store in the configuration")
	cmd.Flags().StringVar(&dataset, "dataset", "", "fides_key of the dataset (that of the store's configuration if none is given)")
	cmd.Flags().StringVar(&schema, "schema", "", "schema to read (where the role looks by itself if none is given)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, which must not exist (standard output if none is given)")
	return cmd
}

// storeNamed returns a store of the configuration.
func storeNamed(cfg *config.Config, name string) (config.Store, error) {
	names := make([]string, len(cfg.Stores))
	for i, s := range cfg.Stores {
		if names[i] = s.Name; s.Name == name {
			return s, nil
		}
	}
	return config.Store{}, usageError{fmt.Errorf("the configuration has no store %q: name one of %q with --store", name, names)}
}

// write writes a text to a new file, or to standard output. What a person has
// worked on is never overwritten.
func (p *program) write(path string, content []byte) error {
	if path == "" {
		_, err := bytes.NewReader(content).WriteTo(p.out)
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	if _, err := f.Write(content); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
