package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	sample "github.com/soffiah/habeas/examples/soffiah"
	"github.com/soffiah/habeas/internal/config"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/vault"
)

// configure writes the configuration of this environment as files and reads it
// back as the program does, without any variable of the machine.
func (s *Sandbox) configure(o Options) error {
	datasets, err := s.writeSample(o)
	if err != nil {
		return err
	}
	settings, err := s.settings(o, datasets)
	if err != nil {
		return err
	}
	s.ConfigFile = filepath.Join(s.Dir, "config", "habeas.yaml")
	if err := writeYAML(s.ConfigFile, settings); err != nil {
		return err
	}
	s.Config, err = config.Load(s.ConfigFile, nil)
	return err
}

// Attach reads the configuration and the API token of an environment that runs in
// another process.
func Attach(dir string) (*config.Config, string, error) {
	cfg, err := config.Load(filepath.Join(dir, "config", "habeas.yaml"), nil)
	if err != nil {
		return nil, "", fmt.Errorf("is `habeas dev` running on this directory? %w", err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "secrets", "api-token"))
	if err != nil {
		return nil, "", fmt.Errorf("reading the API token: %w", err)
	}
	return cfg, strings.TrimSpace(string(token)), nil
}

// writeSample writes the sample policy and data map into the state directory.
func (s *Sandbox) writeSample(o Options) (datasets []string, err error) {
	err = fs.WalkDir(sample.Files, "datasets", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := sample.Files.ReadFile(path)
		if err != nil {
			return err
		}
		datasets = append(datasets, filepath.Base(path))
		return os.WriteFile(filepath.Join(s.Dir, "config", filepath.Base(path)), data, 0o600)
	})
	if err != nil {
		return nil, fmt.Errorf("writing the data map: %w", err)
	}
	data, err := sample.Files.ReadFile("policy.yaml")
	if err != nil {
		return nil, fmt.Errorf("reading the sample policy: %w", err)
	}
	var policy map[string]any
	if err := yaml.Unmarshal(data, &policy); err != nil {
		return nil, fmt.Errorf("reading the sample policy: %w", err)
	}
	// YAML reads a day as a moment; policies are written with days.
	if from, ok := policy["effective_from"].(time.Time); ok {
		policy["effective_from"] = from.Format(time.DateOnly)
	}
	if confirmation, ok := policy["confirmation"].(map[string]any); ok {
		// Our own mail server vouches for nobody.
		confirmation["accept_unauthenticated"] = o.MailServers == nil
		if !o.Cautious {
			confirmation["minimum_reply_age"] = "PT0S"
		}
	}
	if !o.Cautious {
		policy["demo"] = true
		policy["cooling_off"] = map[string]any{"erasure": "PT0S"}
		policy["approval"] = map[string]any{"erasure": false}
	}
	if o.Policy != nil {
		o.Policy(policy)
	}
	return datasets, writeYAML(filepath.Join(s.Dir, "config", "policy.yaml"), policy)
}

// settings is the configuration as it would be written by hand.
func (s *Sandbox) settings(o Options, datasets []string) (map[string]any, error) {
	key, err := s.secret("master-key", func() (string, error) { return vault.GenerateMaster(true) })
	if err != nil {
		return nil, err
	}
	if err := s.keepToken(); err != nil {
		return nil, err
	}
	own := o.PostgresURL
	if own == "" {
		own = s.Own.URL("habeas")
	}
	ownFile, err := s.fixedSecret("habeas-url", own)
	if err != nil {
		return nil, err
	}
	public, err := devenv.ReserveAddress(filepath.Join(s.Dir, "config"), "public-port")
	if err != nil {
		return nil, err
	}
	team, err := devenv.ReserveAddress(filepath.Join(s.Dir, "config"), "team-port")
	if err != nil {
		return nil, err
	}
	servers := o.MailServers
	if servers == nil {
		servers = &MailServers{SMTP: s.Mail.SMTPAddr(), IMAP: s.Mail.IMAPAddr(), Folders: []string{"INBOX"}}
	}
	stores, err := s.stores(o, servers.IMAP)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(s.Token))
	return map[string]any{
		"installation": map[string]any{"kind": "demo"},
		"database":     map[string]any{"url_file": ownFile},
		"temporal":     map[string]any{"address": s.Temporal.Address(), "namespace": "default"},
		"master_key":   map[string]any{"file": key},
		"public":       map[string]any{"listen": public, "url": "http://" + public},
		"team":         map[string]any{"listen": team, "url": "http://" + team},
		"tokens":       []any{map[string]any{"name": "demo", "role": "approver", "sha256": hex.EncodeToString(digest[:])}},
		"mail":         s.mail(servers),
		"stores":       stores,
		"datasets":     datasets,
		"policies":     []string{"policy.yaml"},
		"limits":       map[string]any{"requests_per_hour_per_address": 1000, "requests_per_hour_per_email": 1000},
	}, nil
}

// mail says how mail is sent and watched.
func (s *Sandbox) mail(servers *MailServers) map[string]any {
	var mailboxes []any
	for i, address := range append([]string{Mailbox}, servers.Others...) {
		name := "privacy"
		if i > 0 {
			name = fmt.Sprintf("privacy_%d", i+1)
		}
		mailboxes = append(mailboxes, map[string]any{
			"name": name, "address": address, "imap": s.imap(servers.IMAP, address), "folders": servers.Folders,
		})
	}
	settings := map[string]any{
		"from":      "Soffiah <" + Mailbox + ">",
		"smtp":      map[string]any{"address": servers.SMTP, "tls": "none"},
		"mailboxes": mailboxes,
	}
	if servers.Border != "" {
		settings["authserv_ids"], settings["border_hosts"] = []string{servers.Border}, []string{servers.Border}
	}
	return settings
}

// mailPassword is the name of the secret that opens every mailbox.
const mailPassword = "mail-password"

func (s *Sandbox) imap(server, address string) map[string]any {
	return map[string]any{"address": server, "tls": "none", "username": address, "password_file": filepath.Join(s.Dir, "secrets", mailPassword)}
}

// stores is the sample company's stores, with the mailbox on an IMAP server.
func (s *Sandbox) stores(o Options, imap string) (stores []any, err error) {
	files, mode := map[string]string{}, "enabled"
	if o.Cautious {
		mode = "observe"
	}
	for name, value := range map[string]string{
		"app-url": s.Company.AppURL, "billing-url": s.Company.BillingURL, mailPassword: devenv.MailPassword, "s3-secret-key": s.Objects.SecretKey(),
	} {
		if files[name], err = s.fixedSecret(name, value); err != nil {
			return nil, err
		}
	}
	return []any{
		map[string]any{"name": "app", "kind": "postgres", "dataset": "soffiah_app", "mode": mode, "url_file": files["app-url"]},
		map[string]any{"name": "billing", "kind": "postgres", "dataset": "soffiah_billing", "mode": mode, "url_file": files["billing-url"]},
		map[string]any{
			"name": "uploads", "kind": "s3", "dataset": "soffiah_uploads", "mode": mode, "bucket": "soffiah-uploads", "region": "us-east-1",
			"endpoint": "http://" + strings.TrimPrefix(s.Objects.Endpoint(), "http://"), "access_key": s.Objects.AccessKey(), "secret_key_file": files["s3-secret-key"],
		},
		map[string]any{"name": "correspondence", "kind": "imap", "dataset": "soffiah_correspondence", "mode": mode, "imap": s.imap(imap, Mailbox)},
	}, nil
}

// keepToken makes the API token the first time and reads it afterwards.
func (s *Sandbox) keepToken() error {
	file, err := s.secret("api-token", func() (string, error) { return rand.Text(), nil })
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the API token: %w", err)
	}
	s.Token = strings.TrimSpace(string(data))
	return nil
}

// secret returns the file of a secret that is made once and kept.
func (s *Sandbox) secret(name string, generate func() (string, error)) (string, error) {
	file := filepath.Join(s.Dir, "secrets", name)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	value, err := generate()
	if err != nil {
		return "", err
	}
	return s.fixedSecret(name, value)
}

// fixedSecret writes a secret that others have made.
func (s *Sandbox) fixedSecret(name, value string) (string, error) {
	file := filepath.Join(s.Dir, "secrets", name)
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("writing a secret: %w", err)
	}
	return file, nil
}

func writeYAML(path string, v any) error {
	data, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
