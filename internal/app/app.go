// Package app composes Habeas from its parts: it opens what the configuration
// names and runs the server, the worker, or both. It is the only package that
// knows every kind of store and every adapter.
package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/accesstoken"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/inbox"
	"github.com/soffiah/habeas/internal/letters"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/internal/vault"
)

// Program is an installation of Habeas with everything that server and worker
// share opened.
type Program struct {
	cfg      *config.Config
	log      *slog.Logger
	now      func() time.Time
	db       *postgres.DB
	policies *policy.Set
	datamap  *datamap.Map
	letters  *letters.Writer
}

// Options are what a program takes from its surroundings.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
}

// Open reads policies and data map and opens the database. It refuses to start
// with a schema, a master key or a data map that does not fit.
func Open(ctx context.Context, cfg *config.Config, o Options) (*Program, error) {
	p := &Program{cfg: cfg, log: o.Log, now: o.Now}
	var err error
	if p.policies, err = policy.LoadSet(cfg.Policies); err != nil {
		return nil, fmt.Errorf("reading the policies: %w", err)
	}
	if err := forProduction(cfg, p.policies); err != nil {
		return nil, err
	}
	if p.datamap, err = loadMap(cfg.Datasets); err != nil {
		return nil, err
	}
	if err := fits(p.datamap, p.policies); err != nil {
		return nil, err
	}
	if p.letters, err = writer(cfg); err != nil {
		return nil, err
	}
	master, err := LoadMaster(cfg)
	if err != nil {
		return nil, err
	}
	if p.db, err = postgres.Open(ctx, cfg.Database.URL.Reveal(), master, o.Now); err != nil {
		return nil, err
	}
	return p, nil
}

// Close releases the database.
func (p *Program) Close() { p.db.Close() }

// LoadMaster loads the master key of the installation. A demo key opens only a
// demo installation.
func LoadMaster(cfg *config.Config) (*vault.Master, error) {
	master, err := vault.LoadMaster(cfg.MasterKey.Text.Reveal(), cfg.MasterKey.File)
	if err != nil {
		return nil, err
	}
	if master.Demo() != (cfg.Installation.Kind == config.Demo) {
		return nil, errors.New("a demo key opens a demo installation and nothing else: make a key with `habeas key new FILE`")
	}
	return master, nil
}

// Migrate brings the database of a configuration to the schema of this program.
func Migrate(ctx context.Context, cfg *config.Config, now time.Time) (int, error) {
	master, err := LoadMaster(cfg)
	if err != nil {
		return 0, err
	}
	return postgres.Migrate(ctx, cfg.Database.URL.Reveal(), postgres.Kind(cfg.Installation.Kind), master, now)
}

func loadMap(paths []string) (*datamap.Map, error) {
	files := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the data map: %w", err)
		}
		files[path] = data
	}
	m, err := datamap.Load(files)
	if err != nil {
		return nil, fmt.Errorf("reading the data map: %w", err)
	}
	if err := m.Complete(); err != nil {
		return nil, fmt.Errorf("reading the data map: %w", err)
	}
	return m, nil
}

// fits makes sure that every retention rule of the data map is in every version
// of the policy, and is one that law and policy let a request not override.
func fits(m *datamap.Map, policies *policy.Set) error {
	var wrong []error
	for _, c := range m.Collections() {
		if c.RetentionRule == "" {
			continue
		}
		for _, p := range policies.Versions() {
			rule, err := p.RetentionRule(c.RetentionRule)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("collection %s: %w", c.Address(), err))
			} else if rule.ErasableOnRequest {
				wrong = append(wrong, fmt.Errorf("collection %s is retained under %s, which version %s of the policy lets people have erased: let the data map erase it", c.Address(), rule.ID, p.Version()))
			}
		}
	}
	return errors.Join(wrong...)
}

// forProduction refuses policies made for demonstrations anywhere else.
func forProduction(cfg *config.Config, policies *policy.Set) error {
	for _, p := range policies.Versions() {
		if p.Demo() && cfg.Installation.Kind != config.Demo {
			return fmt.Errorf("version %s of the policy is made for demonstrations: remove `demo: true` and mend what is then wrong", p.Version())
		}
	}
	return nil
}

// writer is who writes the mails: the first mailbox, so that replies reach it.
func writer(cfg *config.Config) (*letters.Writer, error) {
	if len(cfg.Mail.Mailboxes) == 0 {
		return nil, errors.New("mail.mailboxes is empty: replies would reach nobody")
	}
	from, err := mail.ParseAddress(cfg.Mail.From)
	if err != nil {
		return nil, errors.New("mail.from is not a mail address")
	}
	return &letters.Writer{
		From: mail.Address{Name: from.Name, Address: cfg.Mail.Mailboxes[0].Address}, Form: cfg.Public.URL,
	}, nil
}

// sender sends mails over SMTP as configured, marked as those of an installation.
func sender(cfg *config.Config, installation string) (*mailout.Sender, error) {
	smtp := cfg.Mail.SMTP
	host, portText, err := net.SplitHostPort(smtp.Address)
	if err != nil {
		return nil, fmt.Errorf("mail.smtp.address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, errors.New("mail.smtp.address has no port number")
	}
	out := mailout.SMTPConfig{Host: host, Port: port, TLS: mailout.TLSMandatory, Instance: installation, Username: smtp.Username, Password: smtp.Password.Reveal()}
	switch smtp.TLS {
	case config.TLSImplicit:
		out.TLS = mailout.TLSImplicit
	case config.TLSNone:
		out.TLS = mailout.TLSNone
	}
	switch {
	case smtp.Auth == config.AuthXOAuth2:
		out.Auth, out.Token = mailout.AuthXOAuth2, tokens(smtp.OAuth2)
	case smtp.Username != "":
		out.Auth = mailout.AuthAuto
	}
	for _, k := range cfg.Mail.DKIM {
		pem, err := os.ReadFile(k.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading the DKIM key of %s: %w", k.Domain, err)
		}
		key, err := mailout.ParseDKIMKey(k.Domain, k.Selector, pem)
		if err != nil {
			return nil, err
		}
		out.DKIM = append(out.DKIM, key)
	}
	return mailout.NewSender(out)
}

// newInbox watches the configured mailboxes.
func (p *Program) newInbox() *inbox.Inbox {
	in := &inbox.Inbox{Records: p.db, Log: p.log, Safeties: p.safeties, Mailboxes: map[string]mailin.Config{}}
	limits := p.cfg.Limits
	in.Cases = &inbox.Cases{
		Policies: p.policies, Letters: p.letters, Now: p.now,
		Limits: record.CaseLimits{
			AcknowledgedPerHour: limits.MailAcknowledgementsPerHour, AcknowledgedPerHourPerDomain: limits.MailAcknowledgementsPerHourPerDomain,
			UnacknowledgedPerHour: limits.MailUnacknowledgedPerHour, PerSenderPerHour: limits.RequestsPerHourPerEmail,
		},
	}
	judge := reply.Config{
		AuthservIDs: p.cfg.Mail.AuthservIDs, BorderHosts: p.cfg.Mail.BorderHosts, Layout: layout(p.cfg.Mail.BorderLayout),
		LookupTXT: net.DefaultResolver.LookupTXT, Now: p.now,
	}
	for _, m := range p.cfg.Mail.Mailboxes {
		watched := mailinConfig(m)
		watched.Now = p.now
		in.Mailboxes[m.Name] = watched
		_, domain, _ := strings.Cut(m.Address, "@")
		in.Domains = append(in.Domains, domain)
		judge.OwnAddresses = append(judge.OwnAddresses, m.Address)
		in.Cases.Own = append(in.Cases.Own, m.Address)
	}
	judge.Domains = in.Domains
	in.Judge = reply.NewJudge(judge)
	judge.AcceptUnauthenticated = true
	in.Lenient = reply.NewJudge(judge)
	return in
}

// safeties returns what a version of the policy says about replies; of one that
// was taken out of the configuration, the most careful.
func (p *Program) safeties(version string) inbox.Safeties {
	judged, err := p.policies.Version(version)
	if err != nil {
		return inbox.Safeties{MinimumAge: time.Minute}
	}
	c := judged.Confirmation()
	return inbox.Safeties{AcceptUnauthenticated: c.AcceptUnauthenticated, MinimumAge: c.MinimumReplyAge.AddTo(p.now()).Sub(p.now())}
}

func layout(l config.BorderLayout) reply.Layout {
	if l == config.BorderStandard {
		return reply.LayoutStandard
	}
	return reply.Layout(l)
}

func mailinConfig(m config.Mailbox) mailin.Config {
	return mailin.Config{
		Addr: m.IMAP.Address, TLS: mailin.TLSMode(m.IMAP.TLS), Username: m.IMAP.Username, Password: m.IMAP.Password.Reveal(), Folders: m.Folders,
		SASL: saslOf(m.IMAP), Junk: m.Junk, Mark: m.Mark == config.MarkKeyword, MoveTo: m.MoveTo,
	}
}

// tokens returns the access tokens of an account.
func tokens(o config.OAuth2) accesstoken.Source {
	if o.TokenFile != "" {
		return accesstoken.File(o.TokenFile)
	}
	return accesstoken.Grant{
		TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecretFile: o.ClientSecretFile, RefreshTokenFile: o.RefreshTokenFile, Scope: o.Scope,
	}.Source()
}

// saslOf returns how to log in with a token, nil for an account with a password.
func saslOf(account config.IMAP) func(context.Context) (sasl.Client, error) {
	if account.Auth != config.AuthXOAuth2 {
		return nil
	}
	token := tokens(account.OAuth2)
	return func(ctx context.Context) (sasl.Client, error) {
		t, err := token(ctx)
		if err != nil {
			return nil, err
		}
		return mailin.XOAuth2(account.Username, t), nil
	}
}

// temporalOptions says how to reach Temporal.
func temporalOptions(cfg *config.Config, log *slog.Logger, role string) (temporalx.Options, error) {
	t := cfg.Temporal
	o := temporalx.Options{Address: t.Address, Namespace: t.Namespace, APIKey: t.APIKey.Reveal(), Log: log, Role: role}
	if !t.TLS.Enabled {
		return o, nil
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLS.ServerName}
	if t.TLS.CAFile != "" {
		pem, err := os.ReadFile(t.TLS.CAFile)
		if err != nil {
			return o, fmt.Errorf("reading temporal.tls.ca_file: %w", err)
		}
		o.TLS.RootCAs = x509.NewCertPool()
		if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return o, errors.New("temporal.tls.ca_file holds no certificate")
		}
	}
	if t.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.TLS.CertFile, t.TLS.KeyFile)
		if err != nil {
			return o, fmt.Errorf("reading temporal.tls.cert_file: %w", err)
		}
		o.TLS.Certificates = []tls.Certificate{pair}
	}
	return o, nil
}

// closeAll closes what was opened, last first.
func closeAll[T io.Closer](all []T) {
	for i := len(all) - 1; i >= 0; i-- {
		// Nothing is lost: stores are only read and written inside of transactions.
		_ = all[i].Close()
	}
}

var _ activities.Watcher = (*inbox.Inbox)(nil)
