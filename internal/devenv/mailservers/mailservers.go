// Package mailservers starts the Dovecot and the Postfix of the system for a test:
// what Habeas meets in earnest, where [devenv.Mail] is obliging.
//
// Postfix takes mail for every address and hands it to Dovecot by LMTP, which
// makes the mailbox of an address at its first mail or login; the password of all
// is [devenv.MailPassword]. "info+detail@host" is delivered to "info@host", with
// the whole address in Delivered-To. Nothing is relayed: what leaves Postfix goes
// to Dovecot, or to the server of a [Gone] or [Full] domain, which refuses it.
//
// Postfix is the border. Above its Received field it writes what a filter for DMARC
// would find out (RFC 8601), for which it goes by the envelope: a sender at any
// domain passes, one at "victim.test." + [Forger] fails for pretending to be of
// victim.test, and of one at [Stranger] it says nothing.
//
// Both listen on free ports of loopback, keep everything below a folder of their
// own, end with the test, and die with its process. Dovecot runs as the user of
// the test or, if that is root, as nobody. Postfix has to be started by root.
package mailservers

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Domains whose mail Postfix treats in a way of its own.
const (
	Gone     = "gone.test"     // takes no mail for anybody: 550 5.1.1
	Full     = "full.test"     // takes no mail now: 452 4.2.2
	Forger   = "forger.test"   // mail from its subdomains fails DMARC
	Stranger = "stranger.test" // nothing is said of mail from it
)

// Host is the name of Postfix in Received and in Authentication-Results.
const Host = "mx.soffiah.test"

// startWithin bounds the start of a server, stopWithin its end: Dovecot takes eight
// seconds to let idle clients go.
const (
	startWithin = 20 * time.Second
	stopWithin  = 30 * time.Second
)

// Servers is a Dovecot and the Postfix before it.
type Servers struct {
	*Dovecot
	*Postfix
}

// Start starts both for a test.
func Start(t testing.TB) *Servers {
	t.Helper()
	need(t, "postfix", "postconf")
	if os.Geteuid() != 0 {
		t.Skip("only root can start Postfix: run this test as root")
	}
	dir := Folder(t)
	dovecot := newDovecot(t, filepath.Join(dir, "dovecot"))
	postfix := newPostfix(t, filepath.Join(dir, "postfix"), dovecot.LMTPAddr())
	dovecot.submission = postfix.SMTPAddr()
	dovecot.start(t)
	postfix.start(t)
	return &Servers{dovecot, postfix}
}

// StartDovecot starts Dovecot alone for a test; mail reaches it by
// [Dovecot.Deliver].
func StartDovecot(t testing.TB) *Dovecot {
	t.Helper()
	d := newDovecot(t, filepath.Join(Folder(t), "dovecot"))
	d.start(t)
	return d
}

// need skips a test where a server is not installed.
func need(t testing.TB, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts mail servers")
	}
	for _, program := range programs {
		if find(program) == "" {
			t.Skip("this machine has no " + program + ": apt-get install dovecot-imapd dovecot-lmtpd dovecot-sieve postfix")
		}
	}
}

// find returns the path of a program, empty if there is none. The servers stand
// where an ordinary user's PATH does not look.
func find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", program)); err == nil {
		return path
	}
	return ""
}

// Folder makes a folder for a test that other users may enter, which t.TempDir is not,
// with a name so short that sockets below it can be named.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(open(os.TempDir()), "mail-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// open returns a folder for temporary files if everybody may enter it and what is
// above it, else /tmp.
func open(dir string) string {
	for above := dir; above != "/" && above != "."; above = filepath.Dir(above) {
		if info, err := os.Stat(above); err != nil || info.Mode().Perm()&0o001 == 0 {
			return "/tmp"
		}
	}
	return dir
}

// account is the user as whom a server runs.
type account struct {
	user, group string
	uid, gid    int
}

// unprivileged is this process's own user, or nobody if that is root.
func unprivileged(t testing.TB) account {
	t.Helper()
	u, err := user.Current()
	if err == nil && u.Uid == "0" {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	return lookUp(t, u)
}

func lookUp(t testing.TB, u *user.User) account {
	t.Helper()
	g, groupErr := user.LookupGroupId(u.Gid)
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(groupErr, uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return account{u.Username, g.Name, uid, gid}
}

// mkdir makes folders that belong to the user.
func (a account) mkdir(t testing.TB, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chown(dir, a.uid, a.gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// write writes a file that belongs to the user.
func (a account) write(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chown(path, a.uid, a.gid)); err != nil {
		t.Fatal(err)
	}
}

// await looks until a server is as wanted. When it does not come to that, the test
// ends with the end of the server's log.
func await(t testing.TB, within time.Duration, what, log string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log) // there may be none yet
			t.Fatalf("waiting for %s took longer than %v; the log ends with\n%s", what, within, text[max(0, len(text)-4000):])
		}
	}
}

// logged reports whether a log holds a text.
func logged(log, text string) bool {
	all, err := os.ReadFile(log)
	return err == nil && strings.Contains(string(all), text)
}
