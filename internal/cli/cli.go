// Package cli is the command line of Habeas. Each command says what it did, in
// words or with --json as one JSON document, and ends with an exit code that a
// script can rely on.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Exit codes.
const (
	ExitOK          = 0
	ExitFailed      = 1 // it was tried and failed
	ExitUsage       = 2 // the command line or the configuration is wrong
	ExitNotFound    = 3 // there is no such request, or no data of such a person
	ExitConflict    = 4 // the request can't take this decision now
	ExitUnavailable = 5 // a server did not answer; the same command may succeed later
)

// program is one run of the command line.
type program struct {
	stdin    io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time
	config   string
	json     bool
}

// Main runs the command line args and returns the exit code.
func Main(args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{stdin: stdin, out: stdout, err: stderr, environ: environ, now: time.Now}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return ExitOK
	}
	p.complain(err)
	return exitCode(err)
}

// complain says what went wrong: to people on stderr, to programs as JSON.
func (p *program) complain(err error) {
	if p.json {
		_ = json.NewEncoder(p.err).Encode(map[string]any{"error": err.Error(), "exit_code": exitCode(err)})
		return
	}
	fmt.Fprintf(p.err, "habeas: %s\n", err)
}

// usageError is a command line or configuration that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	var api *client.Error
	var unreached *url.Error
	switch {
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &unreached), errors.Is(err, dsr.ErrUnavailable), errors.Is(err, store.ErrUnavailable):
		return ExitUnavailable
	case errors.Is(err, errNothingFound):
		return ExitNotFound
	case errors.As(err, &api):
		switch api.Status {
		case http.StatusNotFound:
			return ExitNotFound
		case http.StatusConflict:
			return ExitConflict
		case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests:
			return ExitUnavailable
		case http.StatusUnprocessableEntity, http.StatusBadRequest:
			return ExitUsage
		}
	}
	return ExitFailed
}

func (p *program) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "habeas",
		Short: "A data-subject-rights request engine",
		Long: `Habeas takes in requests of data subjects, has deletions confirmed by a reply to a
mail, finds the data in all stores, erases it, reads it back, certifies it and answers.

See it work:      habeas demo
Try it yourself:  habeas dev`,
		SilenceErrors: true, SilenceUsage: true,
	})
	root.PersistentFlags().StringVarP(&p.config, "config", "c", "", "configuration file (HABEAS_CONFIG; habeas.yaml if neither is given)")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "print one JSON document instead of words")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.server(), p.worker(), p.migrate(), p.check(), p.datamap(), p.previewRight(), p.key(), p.request(), p.store(), p.certificate(), p.mail(), p.dev(), p.demo(), p.version())
	return root
}

// group is a command that only holds others. By itself it prints its help; what it
// does not hold is a usage error, which cobra would take for a call for help.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// noArgs refuses arguments, as a usage error.
func noArgs(cmd *cobra.Command, args []string) error { return asUsage(cobra.NoArgs)(cmd, args) }

func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
}

// loadConfig reads the configuration, with the environment on top.
func (p *program) loadConfig() (*config.Config, error) {
	path := p.config
	if path == "" {
		path = p.env(config.ConfigVariable, "habeas.yaml")
	}
	// The variables of the commands about requests are no settings.
	environ := slices.DeleteFunc(slices.Clone(p.environ), func(v string) bool {
		return strings.HasPrefix(v, "HABEAS_URL=") || strings.HasPrefix(v, "HABEAS_TOKEN=")
	})
	cfg, err := config.Load(path, environ)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// logger returns the log of a server process.
func (p *program) logger(cfg *config.Config) *slog.Logger {
	var level slog.Level
	// The configuration has been validated: an unknown level can't occur.
	_ = level.UnmarshalText([]byte(cfg.Log.Level))
	options := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(p.err, options))
	}
	return slog.New(slog.NewJSONHandler(p.err, options))
}

// print writes v as JSON, or calls words to say it.
func (p *program) print(v any, words func(w io.Writer)) error {
	if !p.json {
		words(p.out)
		return nil
	}
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
