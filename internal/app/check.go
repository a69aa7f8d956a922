package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/inbox"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/policy"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/internal/vault"
)

// Finding is what looking at one part of an installation found.
type Finding struct {
	Part string `json:"part"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	// Hint says how to mend it.
	Hint string `json:"hint,omitempty"`
}

// checkWithin bounds the test of one part.
const checkWithin = 20 * time.Second

// checking is one run of [Check].
type checking struct {
	cfg      *config.Config
	now      time.Time
	findings []Finding
	// cleared are the stores of the configuration, as far as the database tells.
	cleared []dsr.Clearance
}

// Check tests every part that a configuration names and says what is wrong with
// each and how to mend it. It changes nothing and sends no mail.
func Check(ctx context.Context, cfg *config.Config, now time.Time) []Finding {
	c := &checking{cfg: cfg, now: now}
	master := c.master()
	if master != nil {
		c.database(ctx, master)
		c.temporal(ctx, master)
	}
	c.mail(ctx)
	policies := c.policies()
	c.stores(ctx, master, c.dataMap(policies))
	return c.findings
}

func (c *checking) found(part string, err error, says, hint string) bool {
	if err != nil {
		c.findings = append(c.findings, Finding{Part: part, Says: err.Error(), Hint: hint})
		return false
	}
	c.findings = append(c.findings, Finding{Part: part, OK: true, Says: says})
	return true
}

func (c *checking) master() *vault.Master {
	master, err := LoadMaster(c.cfg)
	c.found("master key", err, "loaded", "restore the key that this installation was migrated with")
	return master
}

func (c *checking) database(ctx context.Context, master *vault.Master) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	db, err := postgres.Open(ctx, c.cfg.Database.URL.Reveal(), master, func() time.Time { return c.now })
	if err == nil {
		defer db.Close()
		c.cleared, err = clearances(c.cfg.Stores, db).List(ctx)
	}
	if c.found("database", err, "schema and master key fit", "check database.url, then run `habeas migrate`") {
		c.watches(ctx, db)
	}
}

// watches says which mailboxes are not being read. Before the first start none is.
func (c *checking) watches(ctx context.Context, db *postgres.DB) {
	reads, err := db.MailboxReads(ctx)
	if err != nil {
		c.found("watches", err, "", "")
		return
	}
	for _, m := range c.cfg.Mail.Mailboxes {
		part := "watch on " + m.Name
		at, known := reads[m.Name]
		switch late := inbox.LateOnes([]string{m.Name}, reads, c.now); {
		case !known:
			c.found(part, nil, "not begun: start `habeas worker`", "")
		case len(late) > 0:
			c.found(part, errors.New(late[0].String()), "", "see that `habeas worker` runs, and what it logs about this mailbox")
		default:
			c.found(part, nil, fmt.Sprintf("read to its end %v ago", c.now.Sub(at).Round(time.Second)), "")
		}
	}
}

func (c *checking) temporal(ctx context.Context, master *vault.Master) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	o, err := temporalOptions(c.cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), "check")
	if err == nil {
		client, dialErr := temporalx.Dial(ctx, o, master)
		if err = dialErr; err == nil {
			err = temporalx.Ready(ctx, client, o.Namespace)
			client.Close()
		}
	}
	c.found("temporal", err, "namespace "+o.Namespace+" answers", "check temporal.address; make the namespace with `temporal operator namespace create -n "+o.Namespace+"`")
}

func (c *checking) mail(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*checkWithin)
	defer cancel()
	smtp, err := sender(c.cfg, "")
	if err == nil {
		err = smtp.Check(ctx)
		_ = smtp.Close()
	}
	c.found("smtp", err, "takes mail", loginHint("check mail.smtp", c.cfg.Mail.SMTP.Auth))
	for _, m := range c.cfg.Mail.Mailboxes {
		err := mailin.Check(ctx, mailinConfig(m))
		c.found("mailbox "+m.Name, err, "can be read", loginHint("check mail.mailboxes", m.IMAP.Auth))
	}
}

// loginHint says what else to look at where an access token takes the place of a
// password: providers refuse tokens without saying why.
func loginHint(hint string, auth config.Auth) string {
	if auth != config.AuthXOAuth2 {
		return hint
	}
	return hint + "; the token must be for this account and protocol. Microsoft 365: scope https://outlook.office365.com/.default, the permissions " +
		"IMAP.AccessAsApp and SMTP.SendAsApp with an administrator's consent, a service principal with rights to the mailbox, and SMTP AUTH switched on " +
		"for it. Google: scope https://mail.google.com/ and IMAP switched on"
}

func (c *checking) policies() *policy.Set {
	set, err := policy.LoadSet(c.cfg.Policies)
	if err == nil {
		_, err = set.At(c.now)
	}
	if err == nil {
		err = forProduction(c.cfg, set)
	}
	if !c.found("policy", err, "in force", "") {
		return nil
	}
	return set
}

func (c *checking) dataMap(policies *policy.Set) *datamap.Map {
	m, err := loadMap(c.cfg.Datasets)
	if err == nil && policies != nil {
		err = fits(m, policies)
	}
	if !c.found("data map", err, "complete", "") {
		return nil
	}
	return m
}

func (c *checking) stores(ctx context.Context, master *vault.Master, m *datamap.Map) {
	for _, configured := range c.cfg.Stores {
		c.store(ctx, master, configured, m)
	}
	if m == nil {
		return
	}
	for _, d := range m.Datasets {
		held := false
		for _, s := range c.cfg.Stores {
			held = held || s.Dataset == d.Key
		}
		if !held {
			c.found("dataset "+d.Key, fmt.Errorf("no store holds it"), "", "add a store with dataset: "+d.Key)
		}
	}
}

func (c *checking) store(ctx context.Context, master *vault.Master, configured config.Store, m *datamap.Map) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	part := "store " + configured.Name
	s, err := openStore(ctx, master, configured)
	if !c.found(part, err, "configured", "") || m == nil {
		return
	}
	defer func() { _ = s.Close() }()
	var collections []*datamap.Collection
	for _, d := range m.Datasets {
		if d.Key == configured.Dataset {
			collections = d.Collections
		}
	}
	faults, err := s.Check(ctx, collections)
	if err != nil {
		c.found(part, err, "", "check the settings of the store")
		return
	}
	for _, f := range faults {
		c.found(part+" "+f.Collection, fmt.Errorf("%s %s", f.Field, f.Problem), "", f.Hint)
	}
	if len(faults) == 0 {
		says := "matches the data map"
		if !slices.ContainsFunc(c.cleared, func(s dsr.Clearance) bool { return s.Store == configured.Name && s.Enabled }) {
			says += "; observed: searched and planned for, never written to until an approver who has read a plan enables it with `habeas store enable " + configured.Name + " --plan ID`"
		}
		c.found(part, nil, says, "")
	}
}
