package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/client"
)

func (p *program) store() *cobra.Command {
	r := &remote{}
	cmd := group(&cobra.Command{
		Use: "store", Short: "See which data stores may be written to, and decide it",
		Long: `A data store is new as observed: it is searched and planned for, and never written to,
until an approver who has read a plan of it enables it. Speaks to the API of a running
server, like ` + "`habeas request`" + `.`,
	})
	p.remoteFlags(cmd, r)
	cmd.AddCommand(p.storeList(r), p.storeEnable(r), p.storeObserve(r))
	return cmd
}

func (p *program) storeList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the data stores of the configuration", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			all, err := c.Stores(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(map[string][]client.Clearance{"stores": all}, func(w io.Writer) { clearanceWords(w, all) })
		},
	}
}

func clearanceWords(w io.Writer, all []client.Clearance) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORE\tDATASET\tMODE\tBY\tSINCE\tPLAN")
	for _, c := range all {
		mode, since := "observe", ""
		if c.Enabled {
			mode = "enabled"
		}
		if c.At != nil {
			since = day(*c.At)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Store, c.Dataset, mode, c.Actor, since, c.PlanID)
	}
	_ = t.Flush()
}

func (p *program) storeEnable(r *remote) *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use: "enable NAME --plan ID", Short: "Let Habeas write to a data store; --plan names the plan that you have read",
		Long: `Lets Habeas erase and anonymise in a data store. --plan names the plan of a request that
you have read before (` + "`habeas request show`" + ` prints it); it must say what would become of rows
of this store. Who decided so stays on record. Needs a token of the role approver.`,
		Example: "  habeas store enable app --plan 0197a000-0000-7000-8000-000000000001",
		Args:    asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if plan == "" {
				return usageError{errors.New("--plan is missing: name the plan that you have read")}
			}
			c, err := p.client(r)
			if err != nil {
				return err
			}
			cleared, err := c.EnableStore(cmd.Context(), args[0], plan)
			if err != nil {
				return err
			}
			return p.print(cleared, func(w io.Writer) {
				fmt.Fprintf(w, "Habeas may write to %s from now on. Retry the requests that wait for it.\n", cleared.Store)
			})
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "id of the plan that you have read")
	return cmd
}

func (p *program) storeObserve(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "observe NAME", Short: "Take back that Habeas may write to a data store",
		Long:    "Takes effect with the next step of every request; what is being erased at this moment is finished.",
		Example: "  habeas store observe app",
		Args:    asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			cleared, err := c.ObserveStore(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.print(cleared, func(w io.Writer) { fmt.Fprintf(w, "%s is only observed from now on.\n", cleared.Store) })
		},
	}
}
