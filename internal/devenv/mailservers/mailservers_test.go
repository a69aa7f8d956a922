package mailservers_test

import (
	"bufio"
	"errors"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/mailservers"
	"github.com/soffiah/habeas/internal/devenv/person"
)

const privacy = "info@soffiah.test"

func mailbox(s *mailservers.Servers, address string) *person.Person {
	return &person.Person{Address: address, Password: devenv.MailPassword, IMAPAddr: s.IMAPAddr(), SMTPAddr: s.SMTPAddr()}
}

// exchange sends a mail and returns the next one in the privacy mailbox.
func exchange(t *testing.T, s *mailservers.Servers, reader *person.Person, from, to, text string) person.Mail {
	t.Helper()
	if _, err := mailbox(s, from).Send(t.Context(), to, []byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	m, err := reader.Await(t.Context(), func(person.Mail) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMailLooksAsInTheWorld: what the tests of other packages rest on.
func TestMailLooksAsInTheWorld(t *testing.T) {
	t.Parallel()
	s := mailservers.Start(t)
	reader := mailbox(s, privacy)
	const forged = "Authentication-Results: mx.soffiah.test; dmarc=pass header.from=victim.test"
	for from, stamp := range map[string]string{
		"ada@example.test":          "mx.soffiah.test; spf=pass smtp.mailfrom=example.test; dmarc=pass header.from=example.test",
		"x@stranger.test":           "",
		"x@victim.test.forger.test": "mx.soffiah.test; spf=pass smtp.mailfrom=x@victim.test.forger.test; dmarc=fail (p=none; envelope x@victim.test.forger.test) header.from=victim.test",
		`"x; dmarc=pass header.from=victim.test; y"@victim.test.forger.test`: `mx.soffiah.test; spf=pass smtp.mailfrom="x; dmarc=pass header.from=victim.test; y"@victim.test.forger.test; ` +
			`dmarc=fail (p=none; envelope "x; dmarc=pass header.from=victim.test; y"@victim.test.forger.test) header.from=victim.test`,
	} {
		m := exchange(t, s, reader, from, "info+c.token@soffiah.test", "From: ada@example.test\n"+forged+"\n\nYes.\n")
		if got := m.Header.Get("Delivered-To"); got != "info+c.token@soffiah.test" {
			t.Errorf("delivered to %s", got)
		}
		border := strings.Index(string(m.Raw), "by mx.soffiah.test")
		above, below := string(m.Raw[:border]), string(m.Raw[border:])
		if !strings.Contains(below, forged) {
			t.Errorf("from %s: the forged results are not below the border:\n%s", from, m.Raw)
		}
		parsed, err := mail.ReadMessage(strings.NewReader(above[:strings.LastIndex(above, "Received:")] + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Header.Get("Authentication-Results"); got != stamp {
			t.Errorf("from %s: %q above the border, want %q", from, got, stamp)
		}
	}
}

func TestMailThatCannotBeDelivered(t *testing.T) {
	t.Parallel()
	s := mailservers.Start(t)
	reader := mailbox(s, privacy)
	for domain, status := range map[string]string{mailservers.Gone: "Action: failed\r\nStatus: 5.1.1", mailservers.Full: "Action: delayed\r\nStatus: 4.2.2"} {
		m := exchange(t, s, reader, "info+b.token@soffiah.test", "ada@"+domain, "From: info@soffiah.test\n\nHello.\n")
		if m.Header.Get("Delivered-To") != "info+b.token@soffiah.test" || m.Header.Get("Return-Path") != "<>" || !strings.Contains(string(m.Raw), status) {
			t.Errorf("%s returns\n%s", domain, m.Raw)
		}
	}
}

// TestStoppedMailboxLosesNothing: Postfix keeps what Dovecot cannot take.
func TestStoppedMailboxLosesNothing(t *testing.T) {
	t.Parallel()
	s := mailservers.Start(t)
	reader := mailbox(s, privacy)
	exchange(t, s, reader, "ada@example.test", privacy, "Subject: one\n\n1\n")
	s.Dovecot.Stop(t)
	if _, err := mailbox(s, "ada@example.test").Send(t.Context(), privacy, []byte("Subject: two\r\n\r\n2\r\n")); err != nil {
		t.Fatal(err)
	}
	s.Dovecot.Start(t)
	if m, err := reader.Await(t.Context(), func(m person.Mail) bool { return m.Subject == "two" }); err != nil || m.UID != 2 {
		t.Errorf("got UID %d, %v", m.UID, err)
	}
}

// elsewhere tells the process that a test starts to be the servers of a test.
const elsewhere = "HABEAS_TEST_MAILSERVERS"

// TestDovecotOfAnOrdinaryUser runs this test again as a user who is not root.
func TestDovecotOfAnOrdinaryUser(t *testing.T) {
	if os.Getenv(elsewhere) == "" && os.Geteuid() == 0 {
		again := child(t, "TestDovecotOfAnOrdinaryUser")
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, errUID := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(nobody.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			t.Fatal(err)
		}
		again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestDovecotOfAnOrdinaryUser") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	d := mailservers.StartDovecot(t)
	d.Deliver(t, "ada@example.test", "info+c.token@soffiah.test", "Subject: hello\r\n\r\nHello.\r\n")
	reader := &person.Person{Address: privacy, Password: devenv.MailPassword, IMAPAddr: d.IMAPAddr()}
	m, err := reader.Await(t.Context(), func(person.Mail) bool { return true })
	if err != nil || m.Header.Get("Delivered-To") != "info+c.token@soffiah.test" || m.Header.Get("Return-Path") != "<ada@example.test>" {
		t.Errorf("got %s, %v", m.Raw, err)
	}
	running := processesIn(t, d.Dir())
	for _, pid := range running {
		if info, err := os.Stat(filepath.Join("/proc", pid)); err == nil && info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("process %s runs as root", pid)
		}
	}
	if len(running) < 3 {
		t.Errorf("processes %v", running)
	}
}

// TestNothingIsLeftRunning: not even by a process that is killed.
func TestNothingIsLeftRunning(t *testing.T) {
	if os.Getenv(elsewhere) != "" {
		s := mailservers.Start(t)
		_, _ = os.Stdout.WriteString("DIR " + filepath.Dir(s.Dovecot.Dir()) + "\n")
		<-t.Context().Done() // never: it is killed here
	}
	t.Parallel()
	mailservers.Start(t) // skips where it cannot be done
	parent := child(t, "TestNothingIsLeftRunning")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	dir := ""
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		_, dir, _ = strings.Cut(lines.Text(), "DIR ")
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	before := processesIn(t, dir)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	if dir == "" || len(before) < 6 {
		t.Fatalf("processes %v in %q", before, dir)
	}
	for deadline := time.Now().Add(15 * time.Second); len(processesIn(t, dir)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v", processesIn(t, dir))
		}
	}
}

// child is this program again, for one test, in a folder that everybody may enter.
func child(t *testing.T, test string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := mailservers.Folder(t)
	program, err := os.ReadFile(self)
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "test"), program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.v", "-test.run=^"+test+"$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), elsewhere+"=1")
	return cmd
}

// processesIn returns the processes that work in a folder or below it.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range all {
		cwd, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(cwd, dir+"/") {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}
