package mailservers

import (
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/devenv"
)

// Postfix is the SMTP server in front of a Dovecot.
type Postfix struct {
	dir       string
	smtp      string
	lmtp      string
	elsewhere string
}

func newPostfix(t testing.TB, dir, lmtp string) *Postfix {
	t.Helper()
	p := &Postfix{dir: dir, lmtp: lmtp}
	for _, sub := range []string{"conf", "queue/pid"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if p.smtp, err = devenv.ReserveAddress(dir, "smtp"); err != nil {
		t.Fatal(err)
	}
	return p
}

// SMTPAddr returns host and port of the server, without TLS.
func (p *Postfix) SMTPAddr() string { return p.smtp }

func (p *Postfix) conf() string { return filepath.Join(p.dir, "conf") }
func (p *Postfix) log() string  { return filepath.Join(p.dir, "postfix.log") }

func (p *Postfix) start(t testing.TB) {
	t.Helper()
	p.elsewhere = startElsewhere(t)
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	// "postfix check" makes the same folders and takes two seconds.
	for _, sub := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "public", "saved", "trace"} {
		lookUp(t, owner).mkdir(t, filepath.Join(p.dir, "queue", sub))
	}
	lookUp(t, owner).mkdir(t, filepath.Join(p.dir, "data"))
	daemons, err := exec.CommandContext(t.Context(), find("postconf"), "-d", "-h", "daemon_directory").Output()
	if err != nil {
		t.Fatal(err)
	}
	libexec := strings.TrimSpace(string(daemons))
	for name, text := range map[string]string{"main.cf": p.settings(), "master.cf": p.services(), "stamp": stamps} {
		path, old := filepath.Join(p.conf(), name), time.Now().Add(-time.Minute)
		// Postfix waits until a file looks as if nobody were writing it.
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	server := run(t, account{}, filepath.Join(p.dir, "output.log"), filepath.Join(libexec, "master"), "-c", p.conf())
	t.Cleanup(func() { server.stop(t) })
	await(t, startWithin, "Postfix", p.log(), func() bool { return greets(p.smtp, "220 ") })
}

// settings are those of a server that knows every address and asks no DNS. A mail
// that cannot be delivered is tried again every second, and its sender told after
// one.
func (p *Postfix) settings() string {
	return strings.NewReplacer("$DIR", p.dir, "$HOST", Host, "$LMTP", p.lmtp, "$ELSEWHERE", bracketed(p.elsewhere), "$GONE", Gone, "$FULL", Full).Replace(`
compatibility_level = 3.6
queue_directory = $DIR/queue
data_directory = $DIR/data
maillog_file = $DIR/postfix.log
maillog_file_prefixes = $DIR
myhostname = $HOST
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
recipient_delimiter = +
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:$LMTP
transport_maps = inline:{ {$GONE = smtp:$ELSEWHERE}, {$FULL = smtp:$ELSEWHERE} }
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_sender_restrictions = check_sender_access regexp:$DIR/conf/stamp
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
delay_warning_time = 1s
`)
}

// bracketed is an address without the look-up of an MX record.
func bracketed(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "[" + host + "]:" + port
}

// stamps says what is written above the Received field of a mail (access(5)). The
// sender stands in it as it is, as filters write it: what came before its @ can be
// a quoted-string that holds anything, and stands in a comment too.
const stamps = `/^(.*)@(.+)\.forger\.test$/ PREPEND Authentication-Results: ` + Host + `; spf=pass smtp.mailfrom=$1@$2.forger.test; dmarc=fail (p=none; envelope $1@$2.forger.test) header.from=$2
/@stranger\.test$/ DUNNO
/@(.+)$/ PREPEND Authentication-Results: ` + Host + `; spf=pass smtp.mailfrom=$1; dmarc=pass header.from=$1
`

// services are the processes of a server that takes mail on one port, none of them
// locked up (master(5): service, type, private, unprivileged, chroot, wake-up,
// limit, command).
func (p *Postfix) services() string {
	return p.smtp + ` inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
}

// startElsewhere starts the server of the domains that take no mail.
func startElsewhere(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return refusing{}, nil }))
	server.Domain = "mx.elsewhere.test"
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return ln.Addr().String()
}

// refusing is a session that takes no mail.
type refusing struct{}

func (refusing) Mail(string, *smtp.MailOptions) error { return nil }

func (refusing) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasSuffix(to, "@"+Full) {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "Mailbox full"}
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "User unknown"}
}

func (refusing) Data(io.Reader) error { return errors.New("there is no recipient") }
func (refusing) Reset()               {}
func (refusing) Logout() error        { return nil }
