// Package sandbox is a whole installation of Habeas on one machine, with the
// sample company and everything it needs, for demo, dev, tests and benchmarks.
// It writes an ordinary configuration and hands it to the ordinary program:
// nothing in the product knows that it runs here. No configuration and no
// variable of the machine reaches it, and no mail leaves loopback.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
)

// Mailbox is the address of the sample company to which people write.
const Mailbox = "info@soffiah.test"

// Options are the choices of a sandbox.
type Options struct {
	// Dir is where all state rests; it continues where it was.
	Dir      string
	Progress devenv.Progress
	// PostgresURL and TemporalAddress name servers to use in place of our own. The
	// database of the URL must be empty or marked as demo: it takes what Habeas
	// knows. Two more are made beside it for the sample company.
	PostgresURL     string
	TemporalAddress string
	// MailServers, if not nil, take the place of our own mail server in all that
	// Habeas sends, watches and erases. The company's old correspondence stays with
	// ours.
	MailServers *MailServers
	TemporalUI  bool
	// Cautious keeps the cooling-off, the approval and the other safeties of the
	// sample policy, which a demonstration goes without, and lets no store be written
	// to before an approver has enabled it.
	Cautious bool
	// Policy, if not nil, changes the sample policy, as its YAML says it, after
	// everything else was decided.
	Policy func(policy map[string]any)
	// Accounts is the number of accounts of the sample company, 300 if zero.
	Accounts int
	// Log takes the log of the program; a file in Dir if nil.
	Log *slog.Logger
	Now func() time.Time
}

// MailServers are an SMTP and an IMAP server without TLS, of which the password of
// every mailbox is [devenv.MailPassword].
type MailServers struct {
	SMTP, IMAP string // host:port
	// Border is the name of the SMTP server in Received and Authentication-Results.
	// Since it vouches for senders, replies for which it does not count as the sample
	// policy says.
	Border string
	// Others are mailboxes to watch beside [Mailbox].
	Others []string
	// Folders are watched in each of them.
	Folders []string
}

// Sandbox is a running environment. The program itself runs while [Sandbox.Run] does.
type Sandbox struct {
	Dir string
	// ConfigFile is the configuration with which `habeas server` and `habeas worker`
	// run in this environment too.
	ConfigFile string
	Config     *config.Config
	// Token is an API token of the role approver.
	Token   string
	Company *soffiah.Company
	Mail    *devenv.Mail
	Objects *devenv.Objects
	// Own holds what Habeas knows (nil if named by URL), Stores the sample company's databases.
	Own      *devenv.Postgres
	Stores   *devenv.Postgres
	Temporal *devenv.Temporal

	log     *slog.Logger
	now     func() time.Time
	closers []func() error
}

// Start starts the environment and prepares the database. It does not run the
// program yet. ctx bounds the life of everything started.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	s := &Sandbox{Dir: dir, log: o.Log, now: o.Now}
	if err := s.start(ctx, o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Sandbox) start(ctx context.Context, o Options) error {
	for _, sub := range []string{"secrets", "config", "logs", "exports"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, sub), 0o700); err != nil {
			return fmt.Errorf("creating the state directory: %w", err)
		}
	}
	if s.log == nil {
		file, err := os.OpenFile(filepath.Join(s.Dir, "logs", "habeas.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("opening the log: %w", err)
		}
		s.closers = append(s.closers, file.Close)
		s.log = slog.New(slog.NewJSONHandler(file, nil))
	}
	if err := s.startServers(ctx, o); err != nil {
		return err
	}
	if err := s.configure(o); err != nil {
		return err
	}
	if _, err := app.Migrate(ctx, s.Config, s.now()); err != nil {
		return fmt.Errorf("preparing the database of Habeas: %w", err)
	}
	return nil
}

// temporalSettings makes a development server answer as quickly as a cluster does.
// It has a single shard, which by default looks for work 20 times a second at
// most, and its task queues have four partitions, for which one worker's pollers
// are few: a task can wait two seconds for one of them.
func temporalSettings() []string {
	return []string{
		"history.transferProcessorMaxPollRPS=1000", "history.timerProcessorMaxPollRPS=1000",
		"matching.numTaskqueueReadPartitions=1", "matching.numTaskqueueWritePartitions=1",
	}
}

// startServers starts everything side by side, and fills the sample company as
// soon as its stores are up.
func (s *Sandbox) startServers(ctx context.Context, o Options) error {
	var group errgroup.Group
	group.Go(func() (err error) {
		s.Temporal, err = devenv.StartTemporal(ctx, filepath.Join(s.Dir, "temporal"), o.Progress, devenv.TemporalOptions{
			Address: o.TemporalAddress, UI: o.TemporalUI,
			Settings: temporalSettings(),
		})
		return err
	})
	if o.PostgresURL == "" {
		group.Go(func() (err error) {
			s.Own, err = devenv.StartPostgres(ctx, filepath.Join(s.Dir, "postgres"), o.Progress, devenv.PostgresOptions{})
			if err == nil {
				err = s.Own.CreateDatabase(ctx, "habeas")
			}
			return err
		})
	}
	group.Go(func() error { return s.startCompany(ctx, o) })
	return group.Wait()
}

func (s *Sandbox) startCompany(ctx context.Context, o Options) (err error) {
	if s.Mail, err = devenv.StartMail(ctx, filepath.Join(s.Dir, "mail"), devenv.MailOptions{Host: "mx.soffiah.test", Now: o.Now}); err != nil {
		return err
	}
	if s.Objects, err = devenv.StartObjects(ctx, filepath.Join(s.Dir, "objects")); err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, "company-postgres")
	if o.PostgresURL != "" {
		s.Stores, err = devenv.UsePostgres(ctx, dir, o.PostgresURL)
	} else {
		s.Stores, err = devenv.StartPostgres(ctx, dir, o.Progress, devenv.PostgresOptions{})
	}
	if err != nil {
		return err
	}
	o.Progress("filling the sample company")
	s.Company, err = soffiah.Seed(ctx, s.Stores, s.Objects, s.Mail, soffiah.Options{Accounts: o.Accounts, Now: o.Now()})
	return err
}

// Open opens the program of this environment.
func (s *Sandbox) Open(ctx context.Context) (*app.Program, error) {
	return app.Open(ctx, s.Config, app.Options{Log: s.log, Now: s.now})
}

// Run runs server and worker until the context ends.
func (s *Sandbox) Run(ctx context.Context) error {
	program, err := s.Open(ctx)
	if err != nil {
		return err
	}
	defer program.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return program.Serve(ctx) })
	group.Go(func() error { return program.Work(ctx) })
	return group.Wait()
}

// Close stops everything that was started. The state stays.
func (s *Sandbox) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var failed []error
	if s.Temporal != nil {
		failed = append(failed, s.Temporal.Close(ctx))
	}
	for _, server := range []*devenv.Postgres{s.Own, s.Stores} {
		if server != nil {
			failed = append(failed, server.Close(ctx))
		}
	}
	if s.Mail != nil {
		failed = append(failed, s.Mail.Close())
	}
	if s.Objects != nil {
		failed = append(failed, s.Objects.Close())
	}
	for _, closer := range s.closers {
		failed = append(failed, closer())
	}
	return errors.Join(failed...)
}
