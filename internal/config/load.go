package config

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/soffiah/habeas/internal/strictyaml"
)

// Load reads the settings file at path. environ is that of [os.Environ]. Files
// that the settings name are looked for beside the settings file.
func Load(path string, environ []string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings (name them with --config or %s): %w", ConfigVariable, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the folder of the settings: %w", err)
	}
	return Parse(path, data, dir, environ)
}

// Parse reads settings. name is how errors call the file; files that the
// settings name are looked for in dir. The error is [strictyaml.Problems]:
// everything that is wrong, at once.
func Parse(name string, data []byte, dir string, environ []string) (*Config, error) {
	l := &loading{
		Document: strictyaml.Open(name, data),
		config:   defaults(),
		dir:      dir,
		env:      newEnvironment(environ),
	}
	l.applyVariables()
	l.refuseMasterKey()
	l.Decode(l.config)
	l.fillLists()
	l.readSecrets()
	l.validate()
	l.refuseUnknownVariables()
	if err := l.Err(); err != nil {
		return nil, err
	}
	return l.config, nil
}

// loading is one reading of settings.
type loading struct {
	*strictyaml.Document
	config *Config
	dir    string
	env    *environment
}

// applyVariables puts variables in the place of keys. Secrets follow in
// readSecrets.
func (l *loading) applyVariables() {
	for _, v := range Variables() {
		value := l.env.values[v.Name]
		switch {
		case v.Secret || strings.Contains(v.Path, "[]"):
			continue
		case value == "":
		case v.List:
			l.SetList(v.Path, splitList(value), origin(v.Name))
		default:
			l.Set(v.Path, value, origin(v.Name))
		}
		l.env.get(v.Name)
	}
}

func splitList(value string) []string {
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// fillLists gives the members of lists their defaults.
func (l *loading) fillLists() {
	for i := range l.config.Mail.Mailboxes {
		m := &l.config.Mail.Mailboxes[i]
		m.IMAP.TLS, m.IMAP.Auth = or(m.IMAP.TLS, TLSImplicit), or(m.IMAP.Auth, AuthPassword)
		if len(m.Folders) == 0 {
			m.Folders = []string{"INBOX"}
		}
		m.Mark = or(m.Mark, MarkKeyword)
	}
	for i := range l.config.Stores {
		s := &l.config.Stores[i]
		s.Mode = or(s.Mode, Observe)
		if s.Kind == IMAPMail {
			s.IMAP.TLS, s.IMAP.Auth = or(s.IMAP.TLS, TLSImplicit), or(s.IMAP.Auth, AuthPassword)
		}
	}
}

func or[S ~string](value, otherwise S) S {
	if value == "" {
		return otherwise
	}
	return value
}

// refuseMasterKey looks for a master key in any place of the file.
func (l *loading) refuseMasterKey() {
	for path, value := range l.Values() {
		if strings.HasPrefix(value, "habeas-master-key:") || strings.HasPrefix(value, "habeas-demo-key:") {
			l.Add(path, "holds a master key, which must never stand in this file",
				"this key is no longer secret: make a new one with `habeas key new FILE` and name that file in master_key.file")
		}
	}
}

// readSecrets reads what comes from files or the environment.
func (l *loading) readSecrets() {
	c := l.config
	l.config.MasterKey.Text = Secret(l.env.get("HABEAS_MASTER_KEY"))
	c.MasterKey.File = l.file("master_key.file", c.MasterKey.File, c.MasterKey.Text == "")
	c.Database.URL = l.secretURL("HABEAS_DATABASE_URL", "database.url", c.Database.URL, c.Database.URLFile)
	c.Temporal.APIKey = l.secret("HABEAS_TEMPORAL_API_KEY", "temporal.api_key_file", c.Temporal.APIKeyFile)
	c.Mail.SMTP.Password = l.secret("HABEAS_SMTP_PASSWORD", "mail.smtp.password_file", c.Mail.SMTP.PasswordFile)
	for i := range c.Mail.Mailboxes {
		m := &c.Mail.Mailboxes[i]
		m.IMAP.Password = l.secret("HABEAS_MAILBOX_"+capitals(m.Name)+"_PASSWORD",
			fmt.Sprintf("mail.mailboxes[%d].imap.password_file", i), m.IMAP.PasswordFile)
	}
	for i := range c.Tokens {
		t := &c.Tokens[i]
		if t.SHA256 == "" {
			t.SHA256 = string(l.secret("", fmt.Sprintf("tokens[%d].sha256_file", i), t.SHA256File))
		}
	}
	for i := range c.Stores {
		s, at, env := &c.Stores[i], fmt.Sprintf("stores[%d].", i), "HABEAS_STORE_"+capitals(c.Stores[i].Name)
		s.URL = l.secretURL(env+"_URL", at+"url", s.URL, s.URLFile)
		s.SecretKey = l.secret(env+"_SECRET_KEY", at+"secret_key_file", s.SecretKeyFile)
		s.IMAP.Password = l.secret(env+"_PASSWORD", at+"imap.password_file", s.IMAP.PasswordFile)
	}
}

func capitals(name string) string { return strings.ToUpper(name) }

// secret returns the value of a variable, or else what the file holds.
func (l *loading) secret(variable, path, file string) Secret {
	if value := l.env.get(variable); value != "" {
		return Secret(value)
	}
	if file == "" {
		return ""
	}
	return Secret(l.readFile(path, file))
}

// secretURL is secret for an address that may also stand in the settings, as
// long as it holds no password.
func (l *loading) secretURL(variable, path string, inline SecretURL, file string) SecretURL {
	if inline.holdsPassword() {
		l.Add(path, "holds a password, which must not stand in this file", fmt.Sprintf("put the address in a file and name it in %s_file, or set %s", path, variable))
	}
	if inline != "" && file != "" {
		l.Add(path+"_file", "is given beside "+path, "keep one of them")
	}
	if secret := l.secret(variable, path+"_file", file); secret != "" {
		return SecretURL(secret)
	}
	return inline
}

// The greatest size of a file with a secret.
const maxSecret = 64 << 10

// readFile returns the text of a file without the white space around it.
func (l *loading) readFile(path, file string) string {
	file = l.file(path, file, true)
	if file == "" {
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		l.Add(path, "names a file that cannot be read", "give the user of this process the right to read it")
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret))
	trimmed := strings.TrimSpace(string(text))
	if err != nil || trimmed == "" {
		l.Add(path, "names a file in which nothing stands", "write the secret into it, and nothing else")
	}
	return trimmed
}

// file returns where a file is. If it is needed it must exist; a device or pipe
// is refused, because reading it may never end.
func (l *loading) file(path, file string, needed bool) string {
	if file == "" {
		return ""
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(l.dir, file)
	}
	info, err := os.Stat(file)
	switch {
	case !needed:
	case err != nil:
		l.Add(path, "names a file that does not exist", "paths start at the folder of this file")
		return ""
	case !info.Mode().IsRegular():
		l.Add(path, "names something that is not a file", "")
		return ""
	}
	return file
}

func (l *loading) refuseUnknownVariables() {
	for _, name := range slices.Sorted(maps.Keys(l.env.values)) {
		if !l.env.read[name] && !foreign.MatchString(name) {
			l.AddIn(origin(name), "is not a variable that Habeas reads", "remove it, or correct its name; names of data stores and mailboxes stand in it in capitals")
		}
	}
}
