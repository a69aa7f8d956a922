package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/app"
)

func (p *program) check() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Test every configured part and say how to mend what is wrong", Args: noArgs,
		Long: `Tests the configuration, the master key, the database, Temporal, the mail servers, every
data store, the policies and the data map. Nothing is changed and no mail is sent.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadConfig()
			if err != nil {
				return err
			}
			findings := app.Check(cmd.Context(), cfg, p.now())
			if err := p.print(findings, func(w io.Writer) { checkWords(w, findings) }); err != nil {
				return err
			}
			for _, f := range findings {
				if !f.OK {
					return errors.New("not everything works; see above")
				}
			}
			return nil
		},
	}
}

func checkWords(w io.Writer, findings []app.Finding) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		mark := "ok"
		if !f.OK {
			mark = "WRONG"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", mark, f.Part, f.Says)
		if f.Hint != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Hint)
		}
	}
	_ = t.Flush()
}

// readFile reads a file, or standard input for "-".
func readFile(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("reading %s: %w", path, err)}
	}
	return data, nil
}
