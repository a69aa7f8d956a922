package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/trace"
)

// errNothingFound is how a preview ends that found no row.
var errNothingFound = errors.New("nothing was found")

// previewReport is what `preview --json` prints. Without rows it holds no value of
// any row, and it is the same as long as data, policy and data map are.
type previewReport struct {
	Right dsr.Right `json:"right"`
	// Identities are the keys of what was given; the values are not repeated.
	Identities    []string `json:"identities"`
	PolicyVersion string   `json:"policy_version"`
	PolicyDigest  string   `json:"policy_digest"`
	MapDigest     string   `json:"map_digest"`
	// Offered says that the policy offers the right.
	Offered bool            `json:"offered"`
	Stores  []app.StoreMode `json:"stores"`
	// Candidates counts the accounts that agree with any of what was given. Plans are
	// one for each that agrees with all of it.
	Candidates int           `json:"candidates"`
	Plans      []previewPlan `json:"plans"`
}

// previewPlan is the plan of one person.
type previewPlan struct {
	// Account is the collection of the account, empty where none was found.
	Account string `json:"account,omitempty"`
	// Digest is what an approver of the same plan would sign.
	Digest string         `json:"digest"`
	Lines  []dsr.PlanLine `json:"lines"`
	made   record.Plan
}

// found reports whether there is any row.
func (r previewReport) found() bool {
	return slices.ContainsFunc(r.Plans, func(p previewPlan) bool {
		return slices.ContainsFunc(p.Lines, func(l dsr.PlanLine) bool { return l.RowsMatched+l.RowsShared > 0 })
	})
}

// previewInput is what is asked for.
type previewInput struct {
	right string
	given []string
	rows  bool
	limit int
}

func (p *program) previewRight() *cobra.Command {
	in := previewInput{}
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what a right would do to a person's data, and change nothing", Args: noArgs,
		Long: `Finds a person's data in the configured stores and shows, for each collection, how many
rows there are, how they were found, what carrying out the right would do to them, what
would be kept on which basis until when, and what is other people's too. Nothing is
changed, a role that may only read is enough, and no server needs to run. The plan of a
request is made in the same way, under the policy that was in force when it came.

--identity is a value by which the person is known, by a key of the data map. Accounts
that agree with all of what is given are shown one by one and never together. Where no
account is found, one identity alone shows what bears it.

Values of rows are printed only with --rows, and those of secret fields never.

Ends with 0 if something was found, 3 if nothing was, 1 if it failed, 2 if the command
line or the configuration is wrong, 5 if a store does not answer.`,
		Example: "  habeas preview --right erasure --identity email=marie@lumiere.example\n" +
			"  habeas preview --right access --identity email=marie@lumiere.example --identity account_name=lumiere --rows --limit 10",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && !in.rows {
				return usageError{errors.New("--limit is for --rows")}
			}
			return p.runPreview(cmd.Context(), in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.right, "right", "", "access, erasure, rectification or restriction")
	f.StringArrayVar(&in.given, "identity", nil, "a value by which the person is known, as KEY=VALUE; may be repeated")
	f.BoolVar(&in.rows, "rows", false, "print the rows too: personal data")
	f.IntVar(&in.limit, "limit", 100, "how many rows of each collection at most, 0 for all")
	return cmd
}

func (p *program) runPreview(ctx context.Context, in previewInput) error {
	right := dsr.Right(in.right)
	if !slices.Contains(plan.Rights(), right) {
		return usageError{errors.New("--right is missing or not one of access, erasure, rectification, restriction")}
	}
	if in.limit < 0 {
		return usageError{errors.New("--limit is below zero")}
	}
	given, err := identities(in.given)
	if err != nil {
		return err
	}
	cfg, err := p.loadConfig()
	if err != nil {
		return err
	}
	opened, err := app.OpenPreview(ctx, cfg, p.now)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := known(given, opened.Map.Identities()); err != nil {
		return err
	}
	report, err := previewOf(ctx, opened, right, given)
	if err != nil {
		return err
	}
	if err := p.printPreview(ctx, opened, report, in); err != nil {
		return err
	}
	if !report.found() {
		return errNothingFound
	}
	return nil
}

// identities reads KEY=VALUE, each key once.
func identities(all []string) (map[string]string, error) {
	given := map[string]string{}
	for _, one := range all {
		key, value, ok := strings.Cut(one, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			return nil, usageError{errors.New("an --identity is not KEY=VALUE, such as email=marie@lumiere.example")}
		}
		if given[key] != "" {
			return nil, usageError{fmt.Errorf("--identity gives %s twice: they may be two people", key)}
		}
		given[key] = value
	}
	if len(given) == 0 {
		return nil, usageError{errors.New("--identity is missing: say by what the person is known, such as email=marie@lumiere.example")}
	}
	return given, nil
}

// known refuses identity keys that the data map does not have, and those that tell
// nobody apart.
func known(given map[string]string, keys []string) error {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(keys, key) {
			return usageError{fmt.Errorf("the data map has no identity %q; it has: %s", key, strings.Join(keys, ", "))}
		}
	}
	if _, ok := given[trace.MailingAddress]; ok && len(given) == 1 {
		return usageError{fmt.Errorf("several people share a %s: give another --identity too", trace.MailingAddress)}
	}
	return nil
}

func previewOf(ctx context.Context, opened *app.Preview, right dsr.Right, given map[string]string) (previewReport, error) {
	report := previewReport{
		Right: right, Identities: slices.Sorted(maps.Keys(given)), PolicyVersion: opened.Policy.Version(), PolicyDigest: opened.Policy.Digest(),
		MapDigest: opened.Map.Digest(), Offered: opened.Policy.Offers(right), Stores: opened.Modes, Plans: []previewPlan{},
	}
	subjects, candidates, err := opened.Subjects(ctx, given)
	if err != nil {
		return report, err
	}
	report.Candidates = candidates
	for _, who := range subjects {
		made, err := opened.Make(ctx, opened.Policy, right, who)
		if err != nil {
			return report, err
		}
		one := previewPlan{Digest: made.Digest(), Lines: made.Lines, made: made}
		if who.Account != nil {
			one.Account = who.Account.Address.String()
		}
		report.Plans = append(report.Plans, one)
	}
	return report, nil
}

// printPreview prints the report, and rows where they are wanted.
func (p *program) printPreview(ctx context.Context, opened *app.Preview, r previewReport, in previewInput) error {
	if p.json {
		if in.rows {
			return rowsJSON(ctx, p.out, opened, r, in.limit)
		}
		return p.print(r, func(io.Writer) {})
	}
	previewWords(p.out, r)
	for i, one := range r.Plans {
		planWords(p.out, r, i)
		if !in.rows {
			continue
		}
		if err := rowsWords(ctx, p.out, opened, one, in.limit); err != nil {
			return err
		}
	}
	return nil
}
