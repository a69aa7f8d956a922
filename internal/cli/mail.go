package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

func (p *program) mail() *cobra.Command {
	cmd := &cobra.Command{Use: "mail", Short: "See how mails are judged and written, and read old mail"}
	cmd.AddCommand(p.explain(), p.preview(), p.backfill())
	return cmd
}

// explaining is what the flags of explain give.
type explaining struct{ language, token, sentTo, authserv string }

func (p *program) explain() *cobra.Command {
	x := explaining{}
	cmd := &cobra.Command{
		Use: "explain FILE...", Short: "Say how Habeas judges message files, and why", Args: asUsage(cobra.MinimumNArgs(1)),
		Long: `Judges each file as if it were a reply: the verdict, the text that counts, each rule that
fired, and authentication as read. Whatever is not given counts as satisfied and is
listed as assumed. With --json it prints one object per line and file.`,
		Example: "  habeas mail explain reply.eml\n  habeas mail explain --json --lang fr mails/*.eml",
		RunE:    func(cmd *cobra.Command, files []string) error { return p.explainFiles(cmd, files, x) },
	}
	cmd.Flags().StringVar(&x.language, "lang", "", "language of the mail that was answered")
	cmd.Flags().StringVar(&x.token, "token", "", "the token that the mail carried")
	cmd.Flags().StringVar(&x.sentTo, "sent-to", "", "the address that it was sent to")
	cmd.Flags().StringVar(&x.authserv, "authserv-id", "", "the name with which our mail server signs its results")
	return cmd
}

func (p *program) explainFiles(cmd *cobra.Command, files []string, x explaining) error {
	out := json.NewEncoder(p.out)
	out.SetEscapeHTML(false)
	unread := 0
	for _, file := range files {
		// One path that is no file must not keep the other thousands from being judged.
		e := reply.Explanation{File: file, Verdict: reply.Unclear, Reasons: []string{"unreadable: the file cannot be read"}}
		if raw, err := os.ReadFile(file); err != nil {
			unread++
		} else {
			e = x.explain(cmd, file, raw)
		}
		if p.json {
			if err := out.Encode(e); err != nil {
				return fmt.Errorf("writing the explanation: %w", err)
			}
			continue
		}
		explainWords(p.out, e)
	}
	if unread > 0 {
		return fmt.Errorf("%d of %d files could not be read", unread, len(files))
	}
	return nil
}

func (x explaining) explain(cmd *cobra.Command, file string, raw []byte) reply.Explanation {
	cfg := reply.Config{}
	in := reply.Input{Raw: raw}
	if x.authserv != "" {
		cfg.AuthservIDs = []string{x.authserv}
	}
	if x.token != "" || x.sentTo != "" || x.language != "" {
		in.Expect = &reply.Expectation{Token: strings.ToLower(x.token), SentTo: x.sentTo, Language: x.language}
		cfg.Domains = domainsOf(raw, x.token)
	}
	return reply.NewJudge(cfg).Explain(cmd.Context(), file, in)
}

// domainsOf returns the domains at which a token stands in a mail: for a file
// looked at by hand, these are taken for ours.
func domainsOf(raw []byte, token string) []string {
	if token == "" {
		return nil
	}
	var domains []string
	at := regexp.MustCompile(`(?i)[cb]\.` + regexp.QuoteMeta(token) + `@([a-z0-9.-]+)`)
	for _, match := range at.FindAllSubmatch(raw, 100) {
		if d := strings.ToLower(string(match[1])); !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

func explainWords(w io.Writer, e reply.Explanation) {
	fmt.Fprintf(w, "%s: %s\n", e.File, e.Verdict)
	for _, line := range strings.Split(e.FreshText, "\n") {
		fmt.Fprintf(w, "  | %s\n", line)
	}
	for _, reason := range e.Reasons {
		fmt.Fprintf(w, "  - %s\n", reason)
	}
	fmt.Fprintf(w, "  spf=%s dkim=%s dmarc=%s aligned=%t\n", e.Auth.SPF, e.Auth.DKIM, e.Auth.DMARC, e.Auth.Aligned)
}

func (p *program) preview() *cobra.Command {
	var language, right string
	var html bool
	names := make([]string, 0, len(mailout.Purposes()))
	for _, purpose := range mailout.Purposes() {
		names = append(names, string(purpose))
	}
	cmd := &cobra.Command{
		Use: "preview TEMPLATE", Short: "Show a mail as it would be written", Args: asUsage(cobra.ExactArgs(1)), ValidArgs: names,
		Long: `Shows a mail with made-up facts in the words of the sample policy. Templates:
` + strings.Join(names, ", ") + `. Languages: ` + strings.Join(mailout.Languages(), ", ") + ".\nRights: " + words(dsr.Rights()) + ".",
		Example: "  habeas mail preview confirmation --lang fr --right access\n  habeas mail preview answer --html > answer.html",
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(names, args[0]) {
				return usageError{fmt.Errorf("there is no template %q; there are %s", args[0], strings.Join(names, ", "))}
			}
			if !slices.Contains(mailout.Languages(), language) {
				return usageError{fmt.Errorf("there are no templates in %q; there are %s", language, strings.Join(mailout.Languages(), ", "))}
			}
			if !dsr.Right(right).Valid() {
				return usageError{fmt.Errorf("there is no right %q; there are %s", right, words(dsr.Rights()))}
			}
			facts, err := previewFacts(p.now(), dsr.Right(right), language)
			if err != nil {
				return err
			}
			if mailout.Purpose(args[0]) == mailout.Details {
				facts.Missing, facts.AnswerURL = []string{"account_name"}, "https://privacy.example/details/mfrggzdfmztwq2lkmfrggzdfmz"
			}
			content, err := mailout.Compose(mailout.Purpose(args[0]), language, facts)
			if err != nil {
				return err
			}
			return p.print(map[string]string{"subject": content.Subject, "text": content.Text, "html": content.HTML}, func(w io.Writer) {
				if html {
					fmt.Fprint(w, content.HTML)
					return
				}
				fmt.Fprintf(w, "Subject: %s\n\n%s", content.Subject, content.Text)
			})
		},
	}
	cmd.Flags().StringVar(&language, "lang", "en", "language")
	cmd.Flags().StringVar(&right, "right", string(dsr.Erasure), "what the request asks for")
	cmd.Flags().BoolVar(&html, "html", false, "print the HTML part")
	return cmd
}

func words(rights []dsr.Right) string {
	var all []string
	for _, r := range rights {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

// previewFacts makes up a request under the sample policy.
func previewFacts(now time.Time, right dsr.Right, language string) (mailout.Facts, error) {
	data, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		return mailout.Facts{}, fmt.Errorf("reading the sample policy: %w", err)
	}
	p, err := policy.Parse("policy.yaml", data)
	if err != nil {
		return mailout.Facts{}, fmt.Errorf("reading the sample policy: %w", err)
	}
	invoices, err := p.RetentionRule("invoices")
	if err != nil {
		return mailout.Facts{}, err
	}
	until, evidence, backups := invoices.Period.AddTo(now), p.EvidenceKept().AddTo(now), p.BackupsGoneAfter().AddTo(now)
	if !until.After(now) {
		return mailout.Facts{}, errors.New("the sample policy keeps invoices for no time")
	}
	facts := letters.Facts(p, record.Request{
		Reference: "H-7K3M-9QXT", Right: right, ReceivedAt: now, DueAt: p.LegalDue(now, false, 0), Intake: dsr.Intake{Name: "Camille Martin"},
	})
	facts.AccountName, facts.RequestedBy = "atelier-martin", "Camille Martin"
	facts.Erased = []mailout.Line{{What: "user.contact.email", Rows: 1}, {What: "user.content", Rows: 214}, {What: "user.device.ip_address", Rows: 608}}
	facts.Kept = []mailout.Line{{What: "user.payment", Rows: 42, Until: &until, Basis: p.GroundIn(invoices.Ground(), language)}}
	facts.Ends, facts.CopyURL = p.EndsWithErasure(language), "https://privacy.soffiah.com/"
	facts.ExpiresAt = p.ConfirmationExpiry(right, now, facts.DueAt)
	facts.CoolingOffUntil = p.CoolingOff(dsr.Erasure).AddTo(now)
	facts.CoolingOffFor = facts.CoolingOffUntil.Sub(now)
	facts.Reasons = []string{mailout.ReasonNotConfirmed}
	for _, r := range p.Recipients() {
		facts.Recipients = append(facts.Recipients, r.Name)
	}
	facts.BackupsGoneAt, facts.EvidenceUntil = &backups, &evidence
	return facts, nil
}
