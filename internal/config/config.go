package config

import (
	"go.yaml.in/yaml/v3"
)

// Config is all settings of a process. Paths of files are absolute, or relative
// to the folder given to [Parse] where that is relative.
type Config struct {
	Installation Installation `yaml:"installation"`
	Database     Database     `yaml:"database"`
	Temporal     Temporal     `yaml:"temporal"`
	MasterKey    MasterKey    `yaml:"master_key"`
	Public       Listener     `yaml:"public"`
	Team         Listener     `yaml:"team"`
	// TrustedProxies are addresses and networks whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	Tokens         []Token  `yaml:"tokens"`
	Mail           Mail     `yaml:"mail"`
	Stores         []Store  `yaml:"stores"`
	// Datasets and Policies are files.
	Datasets []string `yaml:"datasets"`
	Policies []string `yaml:"policies"`
	Log      Log      `yaml:"log"`
	Limits   Limits   `yaml:"limits"`
}

// Installation says what this installation is for.
type Installation struct {
	Kind Kind `yaml:"kind"`
}

// Kind is what an installation is for.
type Kind string

// The kinds of installation. A demonstration takes master keys and policies
// made for demonstrations, and is marked in its database.
const (
	Production Kind = "production"
	Demo       Kind = "demo"
)

// Database is where Habeas keeps what it knows.
type Database struct {
	// URL is a postgres:// address. In the file only without a password.
	URL     SecretURL `yaml:"url"`
	URLFile string    `yaml:"url_file"`
}

// Temporal is the workflow engine.
type Temporal struct {
	Address    string      `yaml:"address"`
	Namespace  string      `yaml:"namespace"`
	TaskQueue  string      `yaml:"task_queue"`
	TLS        TemporalTLS `yaml:"tls"`
	APIKey     Secret      `yaml:"-"`
	APIKeyFile string      `yaml:"api_key_file"`
}

// TemporalTLS says how the connection to Temporal is secured.
type TemporalTLS struct {
	Enabled    bool   `yaml:"enabled"`
	ServerName string `yaml:"server_name"`
	CAFile     string `yaml:"ca_file"`
	// CertFile and KeyFile are the client's certificate, both or neither.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// MasterKey says where the master key is. Text comes from the environment only
// and wins over File.
type MasterKey struct {
	Text Secret `yaml:"-"`
	File string `yaml:"file"`
}

// Listener is an HTTP server of Habeas.
type Listener struct {
	// Listen is host:port; an empty host means every interface.
	Listen string `yaml:"listen"`
	// URL is how people reach it. Links in mails and pages are built from it alone.
	URL string `yaml:"url"`
}

// Token lets a program or person in. SHA256 is the hex digest of the token, so
// that the file does not hold it.
type Token struct {
	Name       string `yaml:"name"`
	Role       Role   `yaml:"role"`
	SHA256     string `yaml:"sha256"`
	SHA256File string `yaml:"sha256_file"`
}

// Role is what the holder of a token may do; internal/web/access has the table.
type Role string

// The roles, from the least to the most.
const (
	Intake   Role = "intake"   // file requests
	Viewer   Role = "viewer"   // see requests
	Handler  Role = "handler"  // decide about requests
	Approver Role = "approver" // sign plans
)

// Mail is how Habeas writes and reads mail.
type Mail struct {
	// From is the sender of every mail, as in: Soffiah <privacy@example.org>.
	From      string    `yaml:"from"`
	SMTP      SMTP      `yaml:"smtp"`
	Mailboxes []Mailbox `yaml:"mailboxes"`
	// AuthservIDs are the names with which our own mail servers sign what they
	// find out about a sender (RFC 8601 section 2.5). Results of others are ignored.
	AuthservIDs []string `yaml:"authserv_ids"`
	// BorderHosts are the names by which our receiving mail servers call themselves
	// in Received fields. What stands below theirs came with the mail.
	BorderHosts []string `yaml:"border_hosts"`
	// BorderLayout says where they write their results.
	BorderLayout BorderLayout `yaml:"border_layout"`
	// DKIM are the keys with which Habeas signs its mails; without any the server
	// that sends them should.
	DKIM []DKIM `yaml:"dkim"`
}

// BorderLayout is where the receiving mail servers write Authentication-Results.
type BorderLayout string

// The layouts of border mail servers.
const (
	BorderStandard BorderLayout = "standard"        // above their Received field, with their name
	BorderExchange BorderLayout = "exchange-online" // topmost, without a name
	BorderGmail    BorderLayout = "gmail"           // below their Received field
)

// DKIM is a key that signs mails (RFC 6376), a PEM file of an RSA or Ed25519 key.
type DKIM struct {
	Domain   string `yaml:"domain"`
	Selector string `yaml:"selector"`
	KeyFile  string `yaml:"key_file"`
}

// TLS is how a connection to a mail server is secured.
type TLS string

// The ways to secure a mail connection. None must be asked for, and is refused
// for servers outside of the own network.
const (
	TLSImplicit TLS = "implicit" // from the first byte (RFC 8314)
	TLSStart    TLS = "starttls" // or not at all
	TLSNone     TLS = "none"
)

// Auth is how Habeas logs in to a mail server.
type Auth string

// The ways to log in.
const (
	AuthPassword Auth = "password" // the default
	AuthXOAuth2  Auth = "xoauth2"  // an access token, as Microsoft 365 and Google want it
)

// OAuth2 says where access tokens come from: from a file that another program
// keeps fresh, or from the provider (RFC 6749) under a grant. All files are read
// anew whenever they are needed.
type OAuth2 struct {
	TokenFile string `yaml:"token_file"`

	TokenURL         string `yaml:"token_url"`
	ClientID         string `yaml:"client_id"`
	ClientSecretFile string `yaml:"client_secret_file"`
	// RefreshTokenFile holds what an account has granted; without it Habeas asks as
	// a program (client credentials).
	RefreshTokenFile string `yaml:"refresh_token_file"`
	// Scope is what the token is for; several are parted by spaces.
	Scope string `yaml:"scope"`
}

// SMTP is the server to which mails are handed.
type SMTP struct {
	Address      string `yaml:"address"`
	TLS          TLS    `yaml:"tls"`
	Auth         Auth   `yaml:"auth"`
	Username     string `yaml:"username"`
	Password     Secret `yaml:"-"`
	PasswordFile string `yaml:"password_file"`
	OAuth2       OAuth2 `yaml:"oauth2,omitempty"`
}

// IMAP is a server and an account on it.
type IMAP struct {
	Address      string `yaml:"address"`
	TLS          TLS    `yaml:"tls"`
	Auth         Auth   `yaml:"auth"`
	Username     string `yaml:"username"`
	Password     Secret `yaml:"-"`
	PasswordFile string `yaml:"password_file"`
	OAuth2       OAuth2 `yaml:"oauth2,omitempty"`
}

// Mailbox is a mailbox that is watched for replies and requests.
type Mailbox struct {
	Name string `yaml:"name"`
	// Address is the mail address that is delivered to it. Replies go to
	// plus-addresses of it.
	Address string `yaml:"address"`
	IMAP    IMAP   `yaml:"imap"`
	// Folders are INBOX if none is named. "*" stands for all others but those of
	// sent, unfinished and deleted mail.
	Folders []string `yaml:"folders"`
	// Junk are folders of suspected spam beside the one that the server names. They
	// are watched too.
	Junk []string `yaml:"junk"`
	// Mark says how people see in the mailbox that a mail was dealt with.
	Mark Mark `yaml:"mark"`
	// MoveTo, if not empty, is the folder to which such mails are moved.
	MoveTo string `yaml:"move_to"`
}

// Mark is what shows people that a mail was dealt with.
type Mark string

// The marks. No mail is ever marked as read.
const (
	MarkKeyword Mark = "keyword" // the keyword $DSRDone, where the folder keeps keywords; the default
	MarkNothing Mark = "nothing"
)

// StoreKind is the kind of a data store.
type StoreKind string

// The kinds of data store.
const (
	Postgres StoreKind = "postgres"
	MySQL    StoreKind = "mysql" // MariaDB too
	S3       StoreKind = "s3"
	IMAPMail StoreKind = "imap"
)

// Mode says whether a data store is written to.
type Mode string

// The modes of a store.
const (
	Observe Mode = "observe" // search and plan only, until an approver enables the store; the default
	Enabled Mode = "enabled" // erase as well, without asking anybody: for demonstrations only
)

// Store is a data store. Which settings it has depends on its kind.
type Store struct {
	Name string    `yaml:"name"`
	Kind StoreKind `yaml:"kind"`
	// Dataset is the fides_key of the dataset that describes the store.
	Dataset string `yaml:"dataset"`
	Mode    Mode   `yaml:"mode"`

	// Of kinds postgres and mysql. In the file only without a password.
	URL     SecretURL `yaml:"url,omitempty"`
	URLFile string    `yaml:"url_file,omitempty"`
	// AcceptedTriggers are triggers, as "table.trigger", that a person has read and
	// found to destroy or copy no personal data. All others stop a plan.
	AcceptedTriggers []string `yaml:"accepted_triggers,omitempty"`
	// BatchRows is how many rows one transaction changes at most, LockSeconds how long
	// it waits for a lock, StatementSeconds how long one statement may take. 0 stands
	// for 5000 rows, 5 and 60 seconds.
	BatchRows        int `yaml:"batch_rows,omitempty"`
	LockSeconds      int `yaml:"lock_seconds,omitempty"`
	StatementSeconds int `yaml:"statement_seconds,omitempty"`

	// Of kind s3. Endpoint is a web address.
	Endpoint      string `yaml:"endpoint,omitempty"`
	Region        string `yaml:"region,omitempty"`
	Bucket        string `yaml:"bucket,omitempty"`
	AccessKey     string `yaml:"access_key,omitempty"`
	SecretKey     Secret `yaml:"-"`
	SecretKeyFile string `yaml:"secret_key_file,omitempty"`

	// Of kind imap.
	IMAP    IMAP     `yaml:"imap,omitempty"`
	Folders []string `yaml:"folders,omitempty"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // json or text
}

// Limits bound what strangers can ask of Habeas.
type Limits struct {
	BodyBytes int64 `yaml:"body_bytes"`
	// Requests per hour from one network address, and about one mail address.
	RequestsPerHourPerAddress int `yaml:"requests_per_hour_per_address"`
	RequestsPerHourPerEmail   int `yaml:"requests_per_hour_per_email"`
	// Acknowledgements of requests by mail per hour, in all and to one domain; one
	// address gets one a day in any case.
	MailAcknowledgementsPerHour          int `yaml:"mail_acknowledgements_per_hour"`
	MailAcknowledgementsPerHourPerDomain int `yaml:"mail_acknowledgements_per_hour_per_domain"`
	// Requests by mail per hour that are put before people without having been
	// acknowledged; what comes beyond stays in the mailbox.
	MailUnacknowledgedPerHour int `yaml:"mail_unacknowledged_per_hour"`
}

// defaults is what holds where neither the file nor the environment speaks.
func defaults() *Config {
	return &Config{
		Installation: Installation{Kind: Production},
		Temporal:     Temporal{Address: "127.0.0.1:7233", Namespace: "habeas", TaskQueue: "habeas"},
		Public:       Listener{Listen: ":8080"},
		Team:         Listener{Listen: "127.0.0.1:8081", URL: "http://127.0.0.1:8081"},
		Mail:         Mail{SMTP: SMTP{TLS: TLSStart, Auth: AuthPassword}, BorderLayout: BorderStandard},
		Log:          Log{Level: "info", Format: "json"},
		Limits: Limits{
			BodyBytes:                 64 << 10,
			RequestsPerHourPerAddress: 20,
			RequestsPerHourPerEmail:   5,

			MailAcknowledgementsPerHour:          100,
			MailAcknowledgementsPerHourPerDomain: 20,
			MailUnacknowledgedPerHour:            50,
		},
	}
}

// Redacted returns the settings in force as YAML, without secrets.
func (c *Config) Redacted() (string, error) {
	text, err := yaml.Marshal(c)
	return string(text), err
}
