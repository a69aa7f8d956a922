package config

import (
	"regexp"
	"strings"
)

// Variable is a variable of the environment that Habeas reads.
type Variable struct {
	Name string
	// Path is the key that the variable stands for. The secrets that no key may
	// hold stand for the key of their file.
	Path   string
	Secret bool
	// List says that the value is a list, separated by commas.
	List bool
}

// Variables returns every variable of the environment that Habeas reads. In
// those of data stores and mailboxes, NAME stands for the name in capitals.
func Variables() []Variable {
	return []Variable{
		{Name: "HABEAS_INSTALLATION", Path: "installation.kind"},
		{Name: "HABEAS_DATABASE_URL", Path: "database.url", Secret: true},
		{Name: "HABEAS_DATABASE_URL_FILE", Path: "database.url_file"},
		{Name: "HABEAS_TEMPORAL_ADDRESS", Path: "temporal.address"},
		{Name: "HABEAS_TEMPORAL_NAMESPACE", Path: "temporal.namespace"},
		{Name: "HABEAS_TEMPORAL_TASK_QUEUE", Path: "temporal.task_queue"},
		{Name: "HABEAS_TEMPORAL_API_KEY", Path: "temporal.api_key_file", Secret: true},
		{Name: "HABEAS_TEMPORAL_API_KEY_FILE", Path: "temporal.api_key_file"},
		{Name: "HABEAS_MASTER_KEY", Path: "master_key.file", Secret: true},
		{Name: "HABEAS_MASTER_KEY_FILE", Path: "master_key.file"},
		{Name: "HABEAS_PUBLIC_LISTEN", Path: "public.listen"},
		{Name: "HABEAS_PUBLIC_URL", Path: "public.url"},
		{Name: "HABEAS_TEAM_LISTEN", Path: "team.listen"},
		{Name: "HABEAS_TEAM_URL", Path: "team.url"},
		{Name: "HABEAS_TRUSTED_PROXIES", Path: "trusted_proxies", List: true},
		{Name: "HABEAS_MAIL_FROM", Path: "mail.from"},
		{Name: "HABEAS_SMTP_ADDRESS", Path: "mail.smtp.address"},
		{Name: "HABEAS_SMTP_TLS", Path: "mail.smtp.tls"},
		{Name: "HABEAS_SMTP_USERNAME", Path: "mail.smtp.username"},
		{Name: "HABEAS_SMTP_PASSWORD", Path: "mail.smtp.password_file", Secret: true},
		{Name: "HABEAS_SMTP_PASSWORD_FILE", Path: "mail.smtp.password_file"},
		{Name: "HABEAS_LOG_LEVEL", Path: "log.level"},
		{Name: "HABEAS_LOG_FORMAT", Path: "log.format"},
		{Name: "HABEAS_MAILBOX_NAME_PASSWORD", Path: "mail.mailboxes[].imap.password_file", Secret: true},
		{Name: "HABEAS_STORE_NAME_URL", Path: "stores[].url", Secret: true},
		{Name: "HABEAS_STORE_NAME_SECRET_KEY", Path: "stores[].secret_key_file", Secret: true},
		{Name: "HABEAS_STORE_NAME_PASSWORD", Path: "stores[].imap.password_file", Secret: true},
	}
}

// ConfigVariable names the settings file where no flag does; the command line
// reads it.
const ConfigVariable = "HABEAS_CONFIG"

// Variables with our prefix that other parts read (the folder of downloads of
// internal/devenv among them), or that Kubernetes sets for a service named habeas.
var foreign = regexp.MustCompile(
	`^HABEAS_(CONFIG|CACHE|(\w+_)?SERVICE_(HOST|PORT(_\w+)?)|(\w+_)?PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// environment is the variables with our prefix, and which of them were read.
type environment struct {
	values map[string]string
	read   map[string]bool
}

func newEnvironment(environ []string) *environment {
	e := &environment{map[string]string{}, map[string]bool{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "HABEAS_") && value != "" {
			e.values[name] = value
		}
	}
	return e
}

// get returns the value of a variable, "" if it is not set.
func (e *environment) get(name string) string {
	e.read[name] = true
	return e.values[name]
}

func origin(variable string) string { return "environment variable " + variable }
