package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	// Names become parts of variables, codes and file names.
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// What Temporal and S3 allow in their names, and nothing that is a path.
	identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$`)
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// validate judges the settings as a whole.
func (l *loading) validate() {
	c := l.config
	oneOf(l, "installation.kind", c.Installation.Kind, Production, Demo)
	l.postgresURL("database.", "HABEAS_DATABASE_URL", c.Database.URL)
	l.temporal(&c.Temporal)
	if c.MasterKey.File == "" && c.MasterKey.Text == "" {
		l.Add("master_key.file", "is missing", "make a key with `habeas key new FILE` and name it here, or set HABEAS_MASTER_KEY")
	}
	l.listeners(c.Public, c.Team)
	for i, proxy := range c.TrustedProxies {
		l.network(fmt.Sprintf("trusted_proxies[%d]", i), proxy)
	}
	l.tokens(c.Tokens)
	l.mail(&c.Mail)
	l.stores(c.Installation.Kind, c.Stores)
	l.files("datasets", "dataset", c.Datasets)
	l.files("policies", "policy", c.Policies)
	oneOf(l, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(l, "log.format", c.Log.Format, "json", "text")
	l.within("limits.body_bytes", c.Limits.BodyBytes, 1<<10, 16<<20)
	l.within("limits.requests_per_hour_per_address", int64(c.Limits.RequestsPerHourPerAddress), 1, 100_000)
	l.within("limits.requests_per_hour_per_email", int64(c.Limits.RequestsPerHourPerEmail), 1, 100_000)
	l.within("limits.mail_acknowledgements_per_hour", int64(c.Limits.MailAcknowledgementsPerHour), 1, 100_000)
	l.within("limits.mail_acknowledgements_per_hour_per_domain", int64(c.Limits.MailAcknowledgementsPerHourPerDomain), 1, 100_000)
	l.within("limits.mail_unacknowledged_per_hour", int64(c.Limits.MailUnacknowledgedPerHour), 1, 100_000)
}

func (l *loading) temporal(t *Temporal) {
	l.hostPort("temporal.address", t.Address)
	l.matches("temporal.namespace", t.Namespace, identifier)
	l.matches("temporal.task_queue", t.TaskQueue, identifier)
	t.TLS.CAFile = l.file("temporal.tls.ca_file", t.TLS.CAFile, true)
	t.TLS.CertFile = l.file("temporal.tls.cert_file", t.TLS.CertFile, true)
	t.TLS.KeyFile = l.file("temporal.tls.key_file", t.TLS.KeyFile, true)
	set := t.TLS.CAFile + t.TLS.CertFile + t.TLS.KeyFile + t.TLS.ServerName
	if !t.TLS.Enabled && set != "" {
		l.Add("temporal.tls", "has settings but is not enabled", "write enabled: true, or remove them")
	}
	if (t.TLS.CertFile == "") != (t.TLS.KeyFile == "") {
		l.Add("temporal.tls", "has one of cert_file and key_file", "give both or neither")
	}
	if t.APIKey != "" && !t.TLS.Enabled {
		l.Add("temporal.api_key_file", "would send the key in clear", "write temporal.tls.enabled: true")
	}
}

func (l *loading) listeners(public, team Listener) {
	l.listen("public.listen", public.Listen)
	l.listen("team.listen", team.Listen)
	l.webAddress("public.url", public.URL)
	l.webAddress("team.url", team.URL)
	if public.Listen == team.Listen && port(team.Listen) != "0" {
		l.Add("team.listen", "is the same as public.listen", "strangers must not reach the team's pages: give them an address of their own")
	}
}

func (l *loading) tokens(tokens []Token) {
	names, digests := map[string]bool{}, map[string]bool{}
	for i, t := range tokens {
		at := fmt.Sprintf("tokens[%d].", i)
		l.matches(at+"name", t.Name, nameForm)
		l.once(at+"name", names, t.Name)
		oneOf(l, at+"role", t.Role, Intake, Viewer, Handler, Approver)
		if !sha256Form.MatchString(t.SHA256) {
			l.Add(at+"sha256", "is not a SHA-256 digest of 64 small hex digits", "make one with: printf %s \"$TOKEN\" | sha256sum | cut -c1-64")
			continue
		}
		l.once(at+"sha256", digests, t.SHA256)
	}
}

func (l *loading) mail(m *Mail) {
	if from, err := mail.ParseAddress(m.From); err != nil || strings.ContainsFunc(from.Name, unicode.IsControl) {
		l.Add("mail.from", "is not the sender of a mail", "write: Soffiah <privacy@example.org>")
	}
	l.server("mail.smtp.", m.SMTP.Address, m.SMTP.TLS)
	l.account("mail.smtp.", "HABEAS_SMTP_PASSWORD", login{&m.SMTP.Auth, m.SMTP.Username, m.SMTP.Password, &m.SMTP.OAuth2})
	if len(m.Mailboxes) == 0 {
		l.Add("mail.mailboxes", "is missing", "without a mailbox no reply confirms anything: name at least one")
	}
	names, addresses := map[string]bool{}, map[string]bool{}
	for i, box := range m.Mailboxes {
		at := fmt.Sprintf("mail.mailboxes[%d].", i)
		l.matches(at+"name", box.Name, nameForm)
		l.once(at+"name", names, box.Name)
		if parsed, err := mail.ParseAddress(box.Address); err != nil || parsed.Address != box.Address {
			l.Add(at+"address", "is not a mail address", "write privacy@example.org, without a name or brackets")
		}
		l.once(at+"address", addresses, strings.ToLower(box.Address))
		l.imap(at+"imap.", "HABEAS_MAILBOX_"+capitals(box.Name)+"_PASSWORD", &m.Mailboxes[i].IMAP)
		l.folders(at+"folders", box.Folders)
		l.folders(at+"junk", box.Junk)
		oneOf(l, at+"mark", box.Mark, MarkKeyword, MarkNothing)
		if box.MoveTo != "" {
			l.folder(at+"move_to", box.MoveTo)
		}
	}
	for i, id := range m.AuthservIDs {
		l.matches(fmt.Sprintf("mail.authserv_ids[%d]", i), id, identifier)
	}
	for i, host := range m.BorderHosts {
		l.matches(fmt.Sprintf("mail.border_hosts[%d]", i), host, identifier)
	}
	oneOf(l, "mail.border_layout", m.BorderLayout, BorderStandard, BorderExchange, BorderGmail)
	for i := range m.DKIM {
		at := fmt.Sprintf("mail.dkim[%d].", i)
		l.matches(at+"domain", m.DKIM[i].Domain, identifier)
		l.matches(at+"selector", m.DKIM[i].Selector, identifier)
		m.DKIM[i].KeyFile = l.file(at+"key_file", m.DKIM[i].KeyFile, true)
	}
}

func (l *loading) imap(at, variable string, account *IMAP) {
	l.server(at, account.Address, account.TLS)
	if account.Username == "" {
		l.Add(at+"username", "is missing", "")
	}
	l.account(at, variable, login{&account.Auth, account.Username, account.Password, &account.OAuth2})
}

func (l *loading) server(at, address string, tls TLS) {
	l.hostPort(at+"address", address)
	oneOf(l, at+"tls", tls, TLSImplicit, TLSStart, TLSNone)
	if tls == TLSNone && !ownNetwork(host(address)) {
		l.Add(at+"tls", "is none for a server outside of the own network", "write implicit or starttls")
	}
}

// login is what the settings say about how to log in to a mail server.
type login struct {
	auth     *Auth
	username string
	password Secret
	oauth2   *OAuth2
}

// account wants what the way of logging in needs, and nothing of the other way.
func (l *loading) account(at, variable string, in login) {
	oneOf(l, at+"auth", *in.auth, AuthPassword, AuthXOAuth2)
	if *in.auth == AuthXOAuth2 {
		if in.username == "" {
			l.Add(at+"username", "is missing", "name the account whose mailbox it is")
		}
		if in.password != "" {
			l.Add(at+"password_file", "is given, yet auth is xoauth2", "remove it, or unset "+variable)
		}
		l.oauth2(at+"oauth2.", in.oauth2)
		return
	}
	if *in.oauth2 != (OAuth2{}) {
		l.Add(at+"oauth2", "has settings, yet auth is not xoauth2", "write auth: xoauth2, or remove them")
	}
	switch {
	case in.username != "" && in.password == "":
		l.Add(at+"password_file", "is missing", "name a file with the password, or set "+variable)
	case in.username == "" && in.password != "":
		l.Add(at+"username", "is missing", "there is a password")
	}
}

func (l *loading) oauth2(at string, o *OAuth2) {
	o.TokenFile = l.file(at+"token_file", o.TokenFile, true)
	o.ClientSecretFile = l.file(at+"client_secret_file", o.ClientSecretFile, true)
	o.RefreshTokenFile = l.file(at+"refresh_token_file", o.RefreshTokenFile, true)
	grant := o.TokenURL + o.ClientID + o.ClientSecretFile + o.RefreshTokenFile + o.Scope
	switch {
	case o.TokenFile != "" && grant != "":
		l.Add(at+"token_file", "is given beside a grant", "keep token_file, or token_url and what belongs to it")
	case o.TokenFile != "":
	case grant == "":
		l.Add(at+"token_file", "is missing", "name a file that another program keeps fresh, or give token_url, client_id and client_secret_file or refresh_token_file")
	default:
		l.tokenURL(at+"token_url", o.TokenURL)
		if o.ClientID == "" {
			l.Add(at+"client_id", "is missing", "")
		}
		if o.ClientSecretFile == "" && o.RefreshTokenFile == "" {
			l.Add(at+"client_secret_file", "is missing", "name it, or refresh_token_file")
		}
	}
}

// tokenURL wants an address to which secrets can be sent.
func (l *loading) tokenURL(path, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !ownNetwork(u.Hostname())) {
		l.Add(path, "is not an https address", "such as https://login.microsoftonline.com/TENANT/oauth2/v2.0/token or https://oauth2.googleapis.com/token")
	}
}

func (l *loading) folders(path string, folders []string) {
	for i, folder := range folders {
		l.folder(fmt.Sprintf("%s[%d]", path, i), folder)
	}
}

func (l *loading) folder(path, name string) {
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl) {
		l.Add(path, "is not the name of a folder", "write INBOX")
	}
}

func (l *loading) files(path, what string, files []string) {
	if len(files) == 0 {
		l.Add(path, "is missing", "name at least one "+what+" file")
	}
	seen := map[string]bool{}
	for i, file := range files {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.once(at, seen, file)
		if file == "" {
			l.Add(at, "is not the name of a file", "")
		}
		files[i] = l.file(at, file, true)
	}
}

func (l *loading) network(path, s string) {
	_, prefixErr := netip.ParsePrefix(s)
	_, addressErr := netip.ParseAddr(s)
	if prefixErr != nil && addressErr != nil {
		l.Add(path, "is neither an address nor a network", "write 10.0.0.7 or 10.0.0.0/24")
	}
}

func (l *loading) matches(path, s string, form *regexp.Regexp) {
	switch {
	case s == "":
		l.Add(path, "is missing", "")
	case !form.MatchString(s) && form == nameForm:
		l.Add(path, "must be a name of small letters, digits and underscores", "such as billing")
	case !form.MatchString(s):
		l.Add(path, "must be a name of letters, digits, dots, dashes and underscores", "")
	}
}

func (l *loading) once(path string, seen map[string]bool, value string) {
	if seen[value] {
		l.Add(path, "is given twice", "")
	}
	seen[value] = true
}

func (l *loading) within(path string, n, least, most int64) {
	if n < least || n > most {
		l.Add(path, fmt.Sprintf("must lie between %d and %d", least, most), "")
	}
}

func oneOf[S ~string](l *loading, path string, value S, allowed ...S) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, word := range allowed {
		words[i] = string(word)
	}
	l.Add(path, "must be one of "+strings.Join(words, ", "), "")
}
