package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/internal/audit"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// demonstration is what `habeas demo --json` prints.
type demonstration struct {
	RequestID     string            `json:"request_id"`
	Reference     string            `json:"reference"`
	State         dsr.State         `json:"state"`
	Outcome       dsr.Outcome       `json:"outcome"`
	Policy        string            `json:"policy"`
	Events        []happening       `json:"events"`
	Mail          demoMail          `json:"mail"`
	Stores        []dsr.StoreResult `json:"stores"`
	Timings       demoTimings       `json:"timings_ms"`
	HistoryEvents int64             `json:"history_events"`
	Certificate   string            `json:"certificate"`
	Subject       map[string]string `json:"subject"`
	// OthersUntouched says that no row, object or mail of anybody else changed.
	OthersUntouched bool   `json:"others_untouched"`
	Kept            string `json:"kept,omitempty"`
}

type happening struct {
	At   time.Time     `json:"at"`
	Type dsr.EventType `json:"type"`
}

type demoMail struct {
	ConfirmationSentAt time.Time `json:"confirmation_sent_at"`
	ReplyDeliveredAt   time.Time `json:"reply_delivered_at"`
	ReplySeenAt        time.Time `json:"reply_seen_at"`
}

type demoTimings struct {
	ReplyToConfirmed float64 `json:"reply_to_confirmed"`
	ReplyToCompleted float64 `json:"reply_to_completed"`
}

// demoPolicy says in what the demonstration is less careful than Habeas is by itself.
const demoPolicy = "cooling-off 0, approval off, stores enabled, no minimum age of a reply, replies accepted without DKIM or SPF (a server at home vouches for nobody)"

func (p *program) demo() *cobra.Command {
	var keep string
	o := sandbox.Options{}
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a deletion from request to certificate on this machine", Args: noArgs,
		Long: `Starts Postgres, Temporal, a mail server and an object store on loopback, fills them with
a sample company, and carries one request for deletion through: filed, confirmed by a
reply to a mail, erased from four stores, read back, certified, answered. It ignores
any configuration of Habeas on this machine and every TEMPORAL_ variable.

The demo uses a policy with ` + demoPolicy + `.
The first run may have to build the Temporal server: some minutes, once.`,
		Example: "  habeas demo\n  habeas demo --keep /tmp/demo --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cleanup func()
			if o.Dir = keep; o.Dir == "" {
				dir, err := os.MkdirTemp("", "habeas-demo-")
				if err != nil {
					return fmt.Errorf("making a directory for the demo: %w", err)
				}
				o.Dir, cleanup = dir, func() { _ = os.RemoveAll(dir) }
				defer cleanup()
			}
			o.Progress = p.progress()
			d, err := p.demonstrate(cmd.Context(), o, keep != "")
			if err != nil {
				return err
			}
			return p.print(d, func(w io.Writer) { demoWords(w, d) })
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "keep all state (databases, mail, objects, logs, exports) in this directory")
	sandboxFlags(cmd, &o)
	return cmd
}

func sandboxFlags(cmd *cobra.Command, o *sandbox.Options) {
	cmd.Flags().StringVar(&o.PostgresURL, "postgres-url", "", "use this Postgres server; the database named must be empty or marked as demo")
	cmd.Flags().StringVar(&o.TemporalAddress, "temporal-address", "", "use this Temporal server")
}

// progress tells what is being done on stderr, so that --json stays pure.
func (p *program) progress() func(string, ...any) {
	begun := p.now()
	return func(format string, args ...any) {
		fmt.Fprintf(p.err, "%6.1fs  %s\n", p.now().Sub(begun).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (p *program) demonstrate(ctx context.Context, o sandbox.Options, kept bool) (demonstration, error) {
	o.Progress("Starting Postgres, Temporal, mail and objects on this machine (policy of the demo: %s)", demoPolicy)
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return demonstration{}, err
	}
	defer func() { _ = s.Close() }()
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run) }()
	story, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		if err := <-ended; run.Err() == nil {
			cancel(errors.Join(errors.New("the program ended early"), err))
		}
	}()
	d, err := tell(story, s, o.Progress, kept)
	if err != nil && context.Cause(story) != nil {
		err = context.Cause(story)
	}
	stop()
	<-watch
	if kept {
		d.Kept = s.Dir
	}
	return d, err
}

// tell carries one request through and looks at what became of it.
func tell(ctx context.Context, s *sandbox.Sandbox, say func(string, ...any), kept bool) (demonstration, error) {
	if err := s.Ready(ctx); err != nil {
		return demonstration{}, err
	}
	subject := s.Company.Subject()
	say("Habeas is up: portal %s, team %s. The sample company has %d accounts", s.Config.Public.URL, s.Config.Team.URL, s.Company.Accounts())
	before, err := s.Company.Fingerprint(ctx, subject.ID)
	if err != nil {
		return demonstration{}, err
	}
	receipt, err := s.File(ctx, subject)
	if err != nil {
		return demonstration{}, err
	}
	say("A person asks for the deletion of their account: request %s, answer due by %s", receipt.Reference, day(receipt.DueAt))
	d := demonstration{RequestID: receipt.RequestID, Reference: receipt.Reference, Policy: demoPolicy, Subject: subject.Personal()}
	replied := make(chan error, 1)
	go func() {
		var err error
		d.Mail.ReplyDeliveredAt, err = s.Confirm(ctx, subject, receipt.Reference)
		if err == nil {
			say("The person reads the confirmation mail and replies: %q", mailout.WordsIn(subject.Language).Confirm)
		}
		replied <- err
	}()
	details, err := s.Follow(ctx, receipt.RequestID, func(e dsr.Event) { say("%s", eventWords(e)) }, dsr.Completed)
	if err != nil {
		return d, err
	}
	if err := <-replied; err != nil {
		return d, err
	}
	d.fill(details)
	if d.HistoryEvents, err = s.HistoryEvents(ctx, receipt.RequestID); err != nil {
		return d, err
	}
	if err := d.certify(ctx, s, kept); err != nil {
		return d, err
	}
	after, err := s.Company.Fingerprint(ctx, subject.ID)
	d.OthersUntouched = before == after
	if err == nil && !d.OthersUntouched {
		err = errors.New("data of other people has changed")
	}
	return d, err
}

// fill takes over what the request says of itself.
func (d *demonstration) fill(details dsr.Details) {
	d.State, d.Outcome, d.Stores = details.State, details.Outcome, details.Stores
	for _, e := range details.Events {
		d.Events = append(d.Events, happening{e.At, e.Type})
		switch e.Type {
		case dsr.EventConfirmationSent:
			d.Mail.ConfirmationSentAt = e.At
		case dsr.EventConfirmed:
			d.Timings.ReplyToConfirmed = milliseconds(e.At.Sub(d.Mail.ReplyDeliveredAt))
		case dsr.EventCompleted:
			d.Timings.ReplyToCompleted = milliseconds(e.At.Sub(d.Mail.ReplyDeliveredAt))
		}
	}
	for _, r := range details.Replies {
		d.Mail.ReplySeenAt = r.SeenAt
	}
}

func milliseconds(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }

// certify fetches the certificate, verifies it and keeps it as a file.
func (d *demonstration) certify(ctx context.Context, s *sandbox.Sandbox, kept bool) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	document, err := c.Certificate(ctx, d.RequestID)
	if err != nil {
		return err
	}
	if _, err := audit.Verify(document, nil); err != nil {
		return err
	}
	dir := os.TempDir()
	if kept {
		dir = filepath.Join(s.Dir, "exports")
	}
	d.Certificate = filepath.Join(dir, "habeas-certificate-"+d.Reference+".json")
	if err := os.WriteFile(d.Certificate, document, 0o600); err != nil {
		return fmt.Errorf("keeping the certificate: %w", err)
	}
	return nil
}

func demoWords(w io.Writer, d demonstration) {
	fmt.Fprintf(w, "\nRequest %s is %s (%s).\n\n", d.Reference, d.State, strings.ReplaceAll(string(d.Outcome), "_", " "))
	resultWords(w, d.Stores)
	fmt.Fprintf(w, "\nEvery collection was read back: %d rows are left that should be gone.\n", residual(d.Stores))
	fmt.Fprintln(w, "Not one row, object or mail of anybody else has changed.")
	fmt.Fprintf(w, "From the reply to the confirmation %.0f ms, to the certified end %.0f ms; %d events in Temporal.\n",
		d.Timings.ReplyToConfirmed, d.Timings.ReplyToCompleted, d.HistoryEvents)
	fmt.Fprintf(w, "Certificate: %s\n", d.Certificate)
	if d.Kept != "" {
		fmt.Fprintf(w, "All state was kept in %s\n", d.Kept)
	}
}
