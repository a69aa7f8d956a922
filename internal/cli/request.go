package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
)

// remote is where the commands about requests find the API.
type remote struct{ url, token string }

func (p *program) request() *cobra.Command {
	r := &remote{}
	cmd := group(&cobra.Command{
		Use: "request", Short: "File, see and decide requests",
		Long: `Speaks to the API of a running server. The address is that of the team's listener, the
token one of the configuration; both can come from HABEAS_URL and HABEAS_TOKEN.`,
	})
	p.remoteFlags(cmd, r)
	cmd.AddCommand(p.submit(r), p.list(r), p.show(r), p.supplement(r))
	for _, d := range []struct {
		action dsr.Action
		short  string
	}{
		{dsr.Approve, "Approve what the request waits for; --about names it"},
		{dsr.Reject, "Refuse the request; --reason is told to the person"},
		{dsr.Cancel, "Withdraw the request for the person"},
		{dsr.Pause, "Hold every further step; the statutory clock runs on"},
		{dsr.Resume, "End a pause"},
		{dsr.Retry, "Try a store, or a mail, again at once"},
		{dsr.Ask, "Ask the person once more for an explicit answer"},
		{dsr.Resolve, "Say that a person has done what was asked; --reason says how"},
	} {
		cmd.AddCommand(p.decide(r, d.action, d.short))
	}
	return cmd
}

// remoteFlags lets every command below cmd say where the API is.
func (p *program) remoteFlags(cmd *cobra.Command, r *remote) {
	cmd.PersistentFlags().StringVar(&r.url, "url", p.env("HABEAS_URL", "http://127.0.0.1:8081"), "address of the team's listener (HABEAS_URL)")
	cmd.PersistentFlags().StringVar(&r.token, "token", "", "API token (HABEAS_TOKEN)")
}

func (p *program) env(name, otherwise string) string {
	for _, v := range p.environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok && value != "" {
			return value
		}
	}
	return otherwise
}

func (p *program) client(r *remote) (*client.Client, error) {
	token := r.token
	if token == "" {
		token = p.env("HABEAS_TOKEN", "")
	}
	if token == "" {
		return nil, usageError{errors.New("no token: give --token or set HABEAS_TOKEN")}
	}
	c, err := client.New(r.url, token)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func (p *program) submit(r *remote) *cobra.Command {
	in := dsr.Intake{}
	right := ""
	cmd := &cobra.Command{
		Use: "submit", Short: "File a request that reached you otherwise", Args: noArgs,
		Example: "  habeas request submit --right erasure --account-name lumiere --email marie@lumiere.example",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			in.Right = dsr.Right(right)
			if in.IdempotencyKey == "" {
				in.IdempotencyKey = uuid.NewString()
			}
			receipt, err := c.Submit(cmd.Context(), in)
			if err != nil {
				return err
			}
			return p.print(receipt, func(w io.Writer) {
				fmt.Fprintf(w, "Filed request %s (%s). An answer is due by %s.\n", receipt.Reference, receipt.RequestID, day(receipt.DueAt))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&right, "right", "erasure", "the right that is invoked")
	f.StringVar(&in.Elements.AccountName, "account-name", "", "account name")
	f.StringVar(&in.Elements.Email, "email", "", "mail address of the person")
	f.StringVar(&in.Elements.BusinessID, "business-id", "", "business identification")
	f.StringVar(&in.Elements.MailingAddress, "mailing-address", "", "postal address")
	f.StringVar(&in.Name, "name", "", "how the person wishes to be addressed")
	f.StringVar(&in.Message, "message", "", "the person's own words")
	f.StringVar(&in.Language, "language", "", "language of the answer, such as fr")
	f.StringVar(&in.IdempotencyKey, "idempotency-key", "", "makes a repeated submission the same request")
	return cmd
}

func (p *program) supplement(r *remote) *cobra.Command {
	details := client.Elements{}
	cmd := &cobra.Command{
		Use: "supplement ID", Short: "Add what identifies the person, for a request by mail that lacks it", Args: asUsage(cobra.ExactArgs(1)),
		Long: `Adds elements of identification that you learned otherwise to a request which waits for
them, or which a person deals with by hand. What was given before is replaced.`,
		Example: "  habeas request supplement H-7K3M-9QXT --account-name lumiere",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			d, err := c.Supplement(cmd.Context(), args[0], details)
			if err != nil {
				return err
			}
			return p.print(d, func(w io.Writer) {
				fmt.Fprintf(w, "Recorded. Request %s goes on once nothing is missing.\n", d.Reference)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&details.AccountName, "account-name", "", "account name")
	f.StringVar(&details.BusinessID, "business-id", "", "business identification")
	f.StringVar(&details.MailingAddress, "mailing-address", "", "postal address")
	return cmd
}

func (p *program) list(r *remote) *cobra.Command {
	var state, attention string
	filter := dsr.ListFilter{}
	cmd := &cobra.Command{
		Use: "list", Short: "List requests, newest first", Args: noArgs,
		Example: "  habeas request list --open\n  habeas request list --attention unclear_reply --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			filter.State, filter.Attention = dsr.State(state), dsr.Attention(attention)
			page, err := c.List(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return p.print(page, func(w io.Writer) { listWords(w, page) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only requests in this state")
	f.StringVar(&attention, "attention", "", "only requests that need this attention")
	f.BoolVar(&filter.Open, "open", false, "only requests that have not ended")
	f.IntVar(&filter.Limit, "limit", 50, "how many, 200 at most")
	f.StringVar(&filter.Before, "before", "", "the cursor that the page before ended with")
	return cmd
}

func listWords(w io.Writer, page client.Page) {
	if len(page.Requests) == 0 {
		fmt.Fprintln(w, "No requests.")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REFERENCE\tRIGHT\tSTATE\tATTENTION\tRECEIVED\tDUE")
	for _, r := range page.Requests {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Reference, r.Right, r.State, r.Attention, day(r.ReceivedAt), day(r.DueAt))
	}
	_ = t.Flush()
	if page.Next != "" {
		fmt.Fprintf(w, "More: --before %s\n", page.Next)
	}
}

func (p *program) show(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one request, by id or reference", Args: asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			d, err := c.Show(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.print(d, func(w io.Writer) { showWords(w, d) })
		},
	}
}

func showWords(w io.Writer, d client.Details) {
	fmt.Fprintf(w, "%s  %s  %s\nid %s\nreceived %s, due %s\n", d.Reference, d.Right, d.State, d.ID, day(d.ReceivedAt), day(d.DueAt))
	if d.Attention != "" {
		fmt.Fprintf(w, "needs attention: %s\n", d.Attention)
	}
	if len(d.Awaiting) > 0 {
		fmt.Fprintf(w, "you can: %v\n", d.Awaiting)
	}
	if d.PlanID != "" {
		fmt.Fprintf(w, "plan: %s\n", d.PlanID)
	}
	for _, name := range storesOf(d.Plan) {
		fmt.Fprintf(w, "\n%s\n", name)
		storeWords(w, d.Right, d.Plan, name)
	}
	if len(d.Plan) > 0 {
		fmt.Fprintln(w)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range d.Events {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.At.Local().Format(time.DateTime), e.Type, e.Actor)
	}
	_ = t.Flush()
}

// storesOf returns the stores of a plan in its order.
func storesOf(lines []dsr.PlanLine) []string {
	var names []string
	for _, l := range lines {
		names = append(names, l.Store)
	}
	return slices.Compact(names)
}

func (p *program) decide(r *remote, action dsr.Action, short string) *cobra.Command {
	d := dsr.Decision{Action: action}
	cmd := &cobra.Command{
		Use: string(action) + " ID", Short: short, Args: asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client(r)
			if err != nil {
				return err
			}
			if d.ID == "" {
				d.ID = uuid.NewString()
			}
			view, err := c.Decide(cmd.Context(), args[0], d)
			if err != nil {
				return err
			}
			return p.print(view, func(w io.Writer) {
				fmt.Fprintf(w, "Recorded: %s by %s. The request has taken it.\n", view.Action, view.Actor)
			})
		},
	}
	cmd.Flags().StringVar(&d.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&d.ID, "id", "", "a UUID that makes a repeated decision the same one")
	switch action {
	case dsr.Approve:
		cmd.Flags().StringVar(&d.About, "about", "", "what is approved: the plan id, or the id of a reply")
	case dsr.Retry:
		cmd.Flags().StringVar(&d.Store, "store", "", "the store to try again")
	}
	return cmd
}

func (p *program) certificate() *cobra.Command {
	cmd := group(&cobra.Command{Use: "certificate", Short: "Verify certificates"})
	cmd.AddCommand(&cobra.Command{
		Use: "verify FILE", Short: "Check the signature and the chain of events of a certificate", Args: asUsage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.verify(cmd.Context(), args[0]) },
	})
	return cmd
}

func (p *program) verify(_ context.Context, path string) error {
	document, err := readFile(path, p.stdin)
	if err != nil {
		return err
	}
	c, err := audit.Verify(document, nil)
	if err != nil {
		return err
	}
	return p.print(map[string]any{"valid": true, "reference": c.Reference, "outcome": c.Outcome, "verified_at": c.VerifiedAt}, func(w io.Writer) {
		fmt.Fprintf(w, "The certificate of %s is what its key signed, and its %d events form an unbroken chain.\n", c.Reference, len(c.Events))
	})
}

func day(t time.Time) string { return t.Local().Format(time.DateOnly) }
