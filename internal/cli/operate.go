package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/vault"
)

func (p *program) server() *cobra.Command {
	var withWorker bool
	cmd := &cobra.Command{
		Use: "server", Short: "Serve the portal, the API and the team's pages", Args: noArgs,
		Long: `Serves two listeners: the public one (portal, and the intake endpoint for your own
application) and the team's one (pages, full API, metrics), by default on loopback.
Requests are taken in even while Temporal is down.`,
		Example: "  habeas server -c habeas.yaml\n  habeas server --with-worker   # one process for a small installation",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), func(ctx context.Context, program *app.Program) error {
				group, ctx := errgroup.WithContext(ctx)
				group.Go(func() error { return program.Serve(ctx) })
				if withWorker {
					group.Go(func() error { return program.Work(ctx) })
				}
				return group.Wait()
			})
		},
	}
	cmd.Flags().BoolVar(&withWorker, "with-worker", false, "run the worker in the same process")
	return cmd
}

func (p *program) worker() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "Carry requests out: watch mailboxes, send mail, work on stores", Args: noArgs,
		Example: "  habeas worker -c habeas.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), func(ctx context.Context, program *app.Program) error { return program.Work(ctx) })
		},
	}
}

func (p *program) run(ctx context.Context, do func(context.Context, *app.Program) error) error {
	cfg, err := p.loadConfig()
	if err != nil {
		return err
	}
	program, err := app.Open(ctx, cfg, app.Options{Log: p.logger(cfg), Now: p.now})
	if err != nil {
		return err
	}
	defer program.Close()
	return do(ctx, program)
}

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database to the schema of this version", Args: noArgs,
		Long: `Applies the migrations that are missing, in one transaction, and the first time marks
the database with the master key that is configured. Server and worker never migrate
by themselves.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadConfig()
			if err != nil {
				return err
			}
			applied, err := app.Migrate(cmd.Context(), cfg, p.now())
			if err != nil {
				return err
			}
			return p.print(map[string]int{"applied": applied}, func(w io.Writer) {
				if applied == 0 {
					fmt.Fprintln(w, "The database is up to date.")
					return
				}
				fmt.Fprintf(w, "Applied %d migration(s). The database is up to date.\n", applied)
			})
		},
	}
}

func (p *program) key() *cobra.Command {
	cmd := group(&cobra.Command{Use: "key", Short: "Make a master key"})
	cmd.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Write a new master key to FILE, readable by its owner only", Args: asUsage(cobra.ExactArgs(1)),
		Long: `Everything personal that Habeas keeps is sealed under the master key. Keep a copy of
it where the database's backups are not: without it they are worth nothing.`,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := vault.GenerateMaster(false)
			if err != nil {
				return err
			}
			// Never overwrite: an old key may be all that opens a database.
			f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("creating the key file: %w", err)
			}
			if _, err := fmt.Fprintln(f, text); err != nil {
				return errors.Join(fmt.Errorf("writing the key file: %w", err), f.Close())
			}
			if err := f.Close(); err != nil {
				return fmt.Errorf("writing the key file: %w", err)
			}
			return p.print(map[string]string{"file": args[0]}, func(w io.Writer) {
				fmt.Fprintf(w, "Wrote a new master key to %s. Keep a copy of it in a safe place.\n", args[0])
			})
		},
	})
	return cmd
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": "(devel)", "go": runtime.Version(), "revision": ""}
			if info, ok := debug.ReadBuildInfo(); ok {
				if info.Main.Version != "" {
					v["version"] = info.Main.Version
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v["revision"] = s.Value
					}
				}
			}
			return p.print(v, func(w io.Writer) { fmt.Fprintf(w, "habeas %s %s %s\n", v["version"], v["revision"], v["go"]) })
		},
	}
}
