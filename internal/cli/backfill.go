package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/inbox"
	"github.com/soffiah/habeas/internal/mailin"
)

// backfilling is what the flags of backfill give.
type backfilling struct {
	since, mailbox string
	dryRun         bool
}

func (p *program) backfill() *cobra.Command {
	b := backfilling{}
	cmd := &cobra.Command{
		Use: "backfill --since DATE", Short: "Read mail that came before Habeas watched the mailbox", Args: noArgs,
		Long: `Reads what the watched folders have received since a day, and records it as if it had
just come: answers to open requests count, by the time at which they were received.
Unlike new mail it is never acknowledged, marked or moved, and the watch goes on where
it was. What is on record already is passed over, so that the command can be repeated
and can run beside the worker. Mails that look like requests and belong to none are
listed by folder and UID: a person should read them.

With --dry-run every mail is judged and nothing is recorded.`,
		Example: `  habeas mail backfill --since 2026-01-01 --dry-run
  habeas mail backfill --since 2026-01-01 --mailbox privacy --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runBackfill(cmd.Context(), b) },
	}
	cmd.Flags().StringVar(&b.since, "since", "", "first day of receipt, as in 2026-01-31")
	cmd.Flags().StringVar(&b.mailbox, "mailbox", "", "name of one mailbox of the configuration; all if left out")
	cmd.Flags().BoolVar(&b.dryRun, "dry-run", false, "judge and count, and record nothing")
	return cmd
}

// backfilledMailbox is what came of one mailbox, as --json prints it.
type backfilledMailbox struct {
	Mailbox string `json:"mailbox"`
	inbox.Backfilled
	Error string `json:"error,omitempty"`
}

type backfillResult struct {
	Since     string              `json:"since"`
	DryRun    bool                `json:"dry_run"`
	Mailboxes []backfilledMailbox `json:"mailboxes"`
}

func (p *program) runBackfill(ctx context.Context, b backfilling) error {
	since, err := time.Parse(time.DateOnly, b.since)
	if err != nil || since.After(p.now()) {
		return usageError{errors.New("--since is not a day of the past: write it as in 2026-01-31")}
	}
	return p.run(ctx, func(ctx context.Context, program *app.Program) error {
		names := program.Mailboxes()
		if b.mailbox != "" {
			if !slices.Contains(names, b.mailbox) {
				return usageError{fmt.Errorf("there is no mailbox %q in the configuration; there are %s", b.mailbox, strings.Join(names, ", "))}
			}
			names = []string{b.mailbox}
		}
		result := backfillResult{Since: b.since, DryRun: b.dryRun}
		var failures []error
		for _, name := range names {
			progress, done := p.reading(name)
			found, err := program.Backfill(ctx, name, since, b.dryRun, progress)
			done()
			one := backfilledMailbox{Mailbox: name, Backfilled: found}
			if err != nil {
				one.Error = err.Error()
				failures = append(failures, fmt.Errorf("mailbox %s: %w", name, unreachable(err)))
			}
			result.Mailboxes = append(result.Mailboxes, one)
		}
		return errors.Join(append(failures, p.print(result, func(w io.Writer) { backfillWords(w, result) }))...)
	})
}

// unreachable marks what may pass, so that the exit code tells.
func unreachable(err error) error {
	if errors.As(err, new(*net.OpError)) || errors.Is(err, mailin.ErrSilent) {
		return fmt.Errorf("%w: %w", dsr.ErrUnavailable, err)
	}
	return err
}

// reading shows on a terminal how many mails of a mailbox have been read, until done
// is called.
func (p *program) reading(mailbox string) (progress func(read int), done func()) {
	f, ok := p.err.(*os.File)
	if !ok {
		return func(int) {}, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int) {}, func() {}
	}
	const clear = "\r\x1b[K"
	return func(read int) { fmt.Fprintf(f, "%s%s: %d mails read", clear, mailbox, read) }, func() { fmt.Fprint(f, clear) }
}

func backfillWords(w io.Writer, result backfillResult) {
	for _, m := range result.Mailboxes {
		fmt.Fprintf(w, "%s: %d mails since %s, %d of them on record before\n", m.Mailbox, m.Read, result.Since, m.Known)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, verdict := range slices.Sorted(maps.Keys(m.Verdicts)) {
			fmt.Fprintf(t, "  %s\t%d\n", verdict, m.Verdicts[verdict])
		}
		_ = t.Flush()
		if m.Tied > 0 {
			fmt.Fprintf(w, "  %d belong to requests on record.\n", m.Tied)
		}
		if len(m.Requests) > 0 {
			fmt.Fprintln(w, "  These look like requests and belong to none; a person should read them:")
		}
		for _, r := range m.Requests {
			fmt.Fprintf(w, "    %s, UID %d, received %s\n", r.Folder, r.UID, r.ReceivedAt.UTC().Format("2006-01-02 15:04"))
		}
	}
	if result.DryRun {
		fmt.Fprintln(w, "Nothing was recorded.")
	}
}
