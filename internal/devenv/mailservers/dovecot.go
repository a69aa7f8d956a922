package mailservers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/soffiah/habeas/internal/devenv"
)

// Dovecot is an IMAP and LMTP server.
type Dovecot struct {
	dir        string
	as         account
	imap, lmtp string
	submission string // where Sieve sends mail; nowhere if empty
	running    *guarded
	delivered  int
}

// newDovecot prepares a server in a folder of its own.
func newDovecot(t testing.TB, dir string) *Dovecot {
	t.Helper()
	need(t, "dovecot", "doveadm", "sievec", "setsid")
	if out, err := exec.CommandContext(t.Context(), find("dovecot"), "--version").Output(); err != nil || !bytes.HasPrefix(out, []byte("2.3.")) {
		t.Skipf("the settings here are for Dovecot 2.3 and this machine has %s (%v): use Debian 12", bytes.TrimSpace(out), err)
	}
	d := &Dovecot{dir: dir, as: unprivileged(t)}
	d.as.mkdir(t, dir, filepath.Join(dir, "home"))
	for name, addr := range map[string]*string{"imap": &d.imap, "lmtp": &d.lmtp} {
		var err error
		if *addr, err = devenv.ReserveAddress(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// IMAPAddr returns host and port of the IMAP server, without TLS.
func (d *Dovecot) IMAPAddr() string { return d.imap }

// LMTPAddr returns host and port of the LMTP server.
func (d *Dovecot) LMTPAddr() string { return d.lmtp }

// Dir returns the folder of everything it keeps.
func (d *Dovecot) Dir() string { return d.dir }

func (d *Dovecot) config() string { return filepath.Join(d.dir, "dovecot.conf") }
func (d *Dovecot) log() string    { return filepath.Join(d.dir, "dovecot.log") }

func (d *Dovecot) start(t testing.TB) {
	t.Helper()
	d.as.write(t, d.config(), d.settings())
	t.Cleanup(func() { d.Stop(t) })
	d.Start(t)
}

// Start starts a stopped server anew, with its mailboxes and on its ports.
func (d *Dovecot) Start(t testing.TB) {
	t.Helper()
	// The file of its log belongs to its user, that of what it says before to ours.
	d.running = run(t, d.as, filepath.Join(d.dir, "output.log"), find("dovecot"), "-F", "-c", d.config())
	await(t, startWithin, "Dovecot", d.log(), func() bool { return greets(d.imap, "* OK") && greets(d.lmtp, "220 ") })
}

// greets reports whether a server answers a connection.
func greets(addr, with string) bool {
	conn, err := net.DialTimeout("tcp", addr, startWithin)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	greeting := make([]byte, len(with))
	_, err = conn.Read(greeting)
	return err == nil && string(greeting) == with
}

// Stop ends the server with all its sessions; it can be started again. Mail for it
// waits with Postfix.
func (d *Dovecot) Stop(t testing.TB) {
	t.Helper()
	if d.running != nil {
		d.running.stop(t)
		d.running = nil
	}
}

// settings are those of a server that needs no rights. Its own users stand for all
// that Dovecot would separate, and it cannot lock itself up (chroot).
func (d *Dovecot) settings() string {
	_, imap, _ := net.SplitHostPort(d.imap)
	_, lmtp, _ := net.SplitHostPort(d.lmtp)
	return strings.NewReplacer(
		"$DIR", d.dir, "$USER", d.as.user, "$GROUP", d.as.group, "$UID", strconv.Itoa(d.as.uid), "$GID", strconv.Itoa(d.as.gid),
		"$IMAP", imap, "$LMTP", lmtp, "$SUBMISSION", d.submission, "$PASSWORD", devenv.MailPassword,
	).Replace(`
base_dir = $DIR/run
state_dir = $DIR/state
log_path = $DIR/dovecot.log
default_internal_user = $USER
default_internal_group = $GROUP
default_login_user = $USER
first_valid_uid = 1
protocols = imap lmtp
hostname = mailbox.soffiah.test
postmaster_address = postmaster@soffiah.test
ssl = no
disable_plaintext_auth = no
auth_username_format = %Lu
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
mail_max_userip_connections = 50
submission_host = $SUBMISSION
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = password=$PASSWORD
}
userdb {
  driver = static
  args = uid=$UID gid=$GID home=$DIR/home/%Lu allow_all_users=yes
}
namespace inbox {
  inbox = yes
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
  mailbox Sent {
    auto = create
    special_use = \Sent
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = $IMAP
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $LMTP
  }
}
protocol lmtp {
  mail_plugins = sieve
}
plugin {
  sieve = ~/.dovecot.sieve
}
`)
}

// Deliver hands a mail to the mailbox of an address by LMTP, as Postfix does.
func (d *Dovecot) Deliver(t testing.TB, from, to, message string) {
	t.Helper()
	conn, err := net.Dial("tcp", d.lmtp)
	if err != nil {
		t.Fatal(err)
	}
	client := smtp.NewClientLMTP(conn)
	defer func() { _ = client.Close() }()
	if err := client.SendMail(from, []string{to}, strings.NewReader(message)); err != nil {
		t.Fatalf("delivering a mail: %v", err)
	}
}

// home is the folder of the mailbox of an address.
func (d *Dovecot) home(address string) string {
	return filepath.Join(d.dir, "home", strings.ToLower(address))
}

// Fill puts mails into the INBOX of an address as files, which is quicker than
// delivering them.
func (d *Dovecot) Fill(t testing.TB, address string, mails func(yield func([]byte) bool)) {
	t.Helper()
	maildir := filepath.Join(d.home(address), "Maildir")
	d.as.mkdir(t, d.home(address), maildir, filepath.Join(maildir, "cur"), filepath.Join(maildir, "new"), filepath.Join(maildir, "tmp"))
	for mail := range mails {
		d.delivered++
		d.as.write(t, filepath.Join(maildir, "new", fmt.Sprintf("%d.M%06d.filled", 1_700_000_000+d.delivered, d.delivered)), string(mail))
	}
}

// Sieve sets the script that runs over the mail for an address.
func (d *Dovecot) Sieve(t testing.TB, address, script string) {
	t.Helper()
	d.as.mkdir(t, d.home(address))
	d.as.write(t, filepath.Join(d.home(address), ".dovecot.sieve"), script)
}

// Renumber takes away from an INBOX what its UIDs and its UIDVALIDITY rest on, as
// happens when a mailbox is restored or repaired.
func (d *Dovecot) Renumber(t testing.TB, address string) {
	t.Helper()
	maildir := filepath.Join(d.home(address), "Maildir")
	files, err := filepath.Glob(filepath.Join(maildir, "dovecot.index*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no index in %s: %v", maildir, err)
	}
	for _, file := range append(files, filepath.Join(maildir, "dovecot-uidlist")) {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// Kick ends the sessions of an address in order, as an administrator does.
func (d *Dovecot) Kick(t testing.TB, address string) {
	t.Helper()
	if out, err := d.doveadm(t, "kick", address).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Hangup makes the server read its settings anew, which ends idle sessions.
func (d *Dovecot) Hangup(t testing.TB) {
	t.Helper()
	if out, err := d.doveadm(t, "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Crash kills the processes that serve an address by SIGKILL.
func (d *Dovecot) Crash(t testing.TB, address string) {
	t.Helper()
	out, err := d.doveadm(t, "-f", "tab", "who", "-1", address).Output()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) < 3 || fields[0] != strings.ToLower(address) {
			continue
		}
		if pid, err := strconv.Atoi(fields[2]); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Fatalf("no session to kill: %s", out)
	}
}

func (d *Dovecot) doveadm(t testing.TB, args ...string) *exec.Cmd {
	return exec.CommandContext(t.Context(), find("doveadm"), append([]string{"-c", d.config()}, args...)...)
}

// AwaitLog waits until the server has written a text to its log.
func (d *Dovecot) AwaitLog(t testing.TB, text string) {
	t.Helper()
	await(t, startWithin, fmt.Sprintf("%q in the log", text), d.log(), func() bool { return logged(d.log(), text) })
}
