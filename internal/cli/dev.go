package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

func (p *program) dev() *cobra.Command {
	o := sandbox.Options{TemporalUI: true}
	cmd := &cobra.Command{
		Use: "dev", Short: "Run Habeas with the sample company on this machine until Ctrl-C", Args: noArgs,
		Long: `Starts what demo starts and stays up, with state that a restart continues from. Play the
data subject with any mail client (SMTP and IMAP on loopback, any address, password
"` + devenv.MailPassword + `"), or with: habeas dev reply REQUEST_ID`,
		Example: "  habeas dev\n  habeas dev --dir /tmp/habeas\n  habeas dev reply H-7K3M-9QXT --text \"YES DELETE\"",
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.develop(cmd.Context(), o) },
	}
	cmd.PersistentFlags().StringVar(&o.Dir, "dir", devDir(), "where the state is")
	cmd.Flags().BoolVar(&o.Cautious, "cautious", false, "keep cooling-off, approval, minimum age of a reply and stores that are only observed, as Habeas has them by itself")
	sandboxFlags(cmd, &o)
	cmd.AddCommand(p.devReply(&o))
	return cmd
}

// devDir is where dev keeps its state: in the cache of the user.
func devDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "habeas", "dev")
}

// addresses is what dev prints, and what `dev reply` finds it by.
type addresses struct {
	Portal   string `json:"portal"`
	Team     string `json:"team"`
	API      string `json:"api"`
	Token    string `json:"token"`
	SMTP     string `json:"smtp"`
	IMAP     string `json:"imap"`
	Objects  string `json:"objects"`
	Temporal string `json:"temporal"`
	UI       string `json:"temporal_ui,omitempty"`
	Dir      string `json:"dir"`
	Subject  string `json:"sample_account"`
	Email    string `json:"sample_email"`
}

func (p *program) develop(ctx context.Context, o sandbox.Options) error {
	o.Progress = p.progress()
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	run, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(run) }()
	ready := make(chan error, 1)
	go func() { ready <- s.Ready(run) }()
	select {
	case err := <-ended:
		return err
	case err := <-ready:
		if err != nil {
			return err
		}
	}
	subject := s.Company.Subject()
	a := addresses{
		Portal: s.Config.Public.URL, Team: s.Config.Team.URL, API: s.Config.Team.URL + "/api/v1", Token: s.Token,
		SMTP: s.Mail.SMTPAddr(), IMAP: s.Mail.IMAPAddr(), Objects: s.Config.Stores[2].Endpoint,
		Temporal: s.Temporal.Address(), UI: s.Temporal.UI(), Dir: s.Dir, Subject: subject.AccountName, Email: subject.Email,
	}
	if err := p.print(a, func(w io.Writer) { devWords(w, a) }); err != nil {
		return err
	}
	err = <-ended
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func devWords(w io.Writer, a addresses) {
	fmt.Fprintf(w, `
Habeas is up. Its policy here is that of a demonstration unless --cautious is given.

  portal     %s
  team       %s   (sign in with the token)
  API        %s
  token      %s
  mail       SMTP %s, IMAP %s, any address, password "%s"
  objects    %s
  Temporal   %s %s
  state      %s

Try: file a deletion in the portal for account %q with address %s,
then answer the confirmation mail:  habeas dev reply REFERENCE
Stop with Ctrl-C; the next start goes on where this one was.
`, a.Portal, a.Team, a.API, a.Token, a.SMTP, a.IMAP, devenv.MailPassword, a.Objects, a.Temporal, a.UI, a.Dir, a.Subject, a.Email)
}

func (p *program) devReply(o *sandbox.Options) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use: "reply REQUEST_ID", Short: "Answer the newest mail about a request as the data subject would", Args: asUsage(cobra.ExactArgs(1)),
		Long: `Needs a running "habeas dev" on the same --dir. Without --text it types the phrase that the
confirmation mail asks for.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, token, err := sandbox.Attach(o.Dir)
			if err != nil {
				return err
			}
			c, err := client.New(cfg.Team.URL, token)
			if err != nil {
				return err
			}
			d, err := c.Show(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if d.Intake == nil {
				return errors.New("the request has lost its evidence: nobody can answer it any more")
			}
			who := &person.Person{
				Address: d.Intake.Elements.Email, Name: d.Intake.Name, Password: devenv.MailPassword,
				IMAPAddr: cfg.Mail.Mailboxes[0].IMAP.Address, SMTPAddr: cfg.Mail.SMTP.Address,
			}
			m, err := who.Await(cmd.Context(), func(m person.Mail) bool {
				purpose := mailout.Purpose(m.Header.Get("X-Habeas-Purpose"))
				return strings.Contains(m.Subject, d.Reference) && (purpose == mailout.Confirmation || purpose == mailout.AddressCheck)
			})
			if err != nil {
				return err
			}
			purpose := mailout.Purpose(m.Header.Get("X-Habeas-Purpose"))
			if text == "" {
				text = asked(purpose, m.Header.Get("Content-Language"))
			}
			if _, err := who.Reply(cmd.Context(), m, text); err != nil {
				return err
			}
			return p.print(map[string]string{"replied": d.Reference}, func(w io.Writer) {
				fmt.Fprintf(w, "Replied to the %s mail of %s.\n", purpose, d.Reference)
			})
		},
	}
	cmd.Flags().StringVar(&text, "text", "", "what to write; the phrase asked for if empty")
	return cmd
}

// asked is what a mail asks its reader to type.
func asked(purpose mailout.Purpose, language string) string {
	words := mailout.WordsIn(language)
	if purpose == mailout.AddressCheck {
		return words.Yes
	}
	return words.Confirm
}
