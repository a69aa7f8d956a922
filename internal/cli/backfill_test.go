package cli_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

type backfilled struct {
	Since     string
	DryRun    bool `json:"dry_run"`
	Mailboxes []struct {
		Mailbox, Error    string
		Read, Known, Tied int
		Verdicts          map[string]int
		Requests          []struct {
			Folder string
			UID    int
		}
	}
}

// TestMailBackfill: old mail is read once, however often that is asked for, and a
// trial leaves no trace. One mailbox that cannot be read keeps no other from it.
func TestMailBackfill(t *testing.T) {
	t.Parallel()
	path := configuration(t)
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("url", postgrestest.URL(t))
	server, err := devenv.StartMail(t.Context(), t.TempDir(), devenv.MailOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put("password", devenv.MailPassword)
	put("wrong", "canary-password")
	settings, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := "{name: privacy, address: privacy@shop.example, imap: {address: \"127.0.0.1:1\", tls: none, username: privacy, password_file: password}}"
	both := strings.NewReplacer("127.0.0.1:1", server.IMAPAddr(), "username: privacy", "username: privacy@shop.example").Replace(old)
	both += "\n    - " + strings.NewReplacer("name: privacy", "name: locked", "address: privacy@", "address: locked@", "_file: password", "_file: wrong").Replace(both)
	put("habeas.yaml", strings.Replace(string(settings), old, both, 1))
	for i, mail := range []struct {
		age           int
		subject, text string
	}{
		{400, "Offers", "Everything must go."},
		{20, "My data", "Please delete my account and all my personal data."},
		{10, "Offers", "Everything must go."},
	} {
		raw := "From: ada@a.test\r\nTo: privacy@shop.example\r\nSubject: " + mail.subject + "\r\nMessage-ID: <" + string(rune('a'+i)) + "@a.test>\r\n\r\n" + mail.text + "\r\n"
		if _, err := server.Append("privacy@shop.example", "INBOX", time.Now().AddDate(0, 0, -mail.age), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, input{}, "migrate", "-c", path).ends(t, cli.ExitOK)
	since := time.Now().AddDate(0, 0, -30).Format(time.DateOnly)
	command := []string{"mail", "backfill", "-c", path, "--since", since, "--mailbox", "privacy"}
	for _, step := range []struct {
		flags    string
		known    int
		verdicts map[string]int
	}{
		{"--dry-run", 0, map[string]int{"new_request": 1, "not_for_us": 1}},
		{"", 0, map[string]int{"new_request": 1, "not_for_us": 1}},
		{"", 2, map[string]int{}},
		{"--dry-run", 2, map[string]int{}},
	} {
		r := run(t, input{}, append(append([]string{}, command...), strings.Fields("--json "+step.flags)...)...)
		r.ends(t, cli.ExitOK)
		var got backfilled
		r.json(t, &got)
		m := got.Mailboxes[0]
		if len(got.Mailboxes) != 1 || m.Read != 2 || m.Known != step.known || !maps.Equal(m.Verdicts, step.verdicts) || got.Since != since || got.DryRun != (step.flags != "") {
			t.Errorf("%q: %+v", step.flags, got)
		}
		if (len(m.Requests) == 1) != (step.known == 0) || len(m.Requests) == 1 && (m.Requests[0].Folder != "INBOX" || m.Requests[0].UID != 2) {
			t.Errorf("%q: requests %+v", step.flags, m.Requests)
		}
		if strings.Contains(r.out+r.err, "a.test") {
			t.Errorf("it tells who wrote: %s", r.out)
		}
	}
	run(t, input{}, append(command, "--dry-run")...).ends(t, cli.ExitOK, "privacy: 2 mails since "+since+", 2 of them on record", "Nothing was recorded.")

	// All mailboxes: of the one whose password is wrong it says so.
	r := run(t, input{}, "mail", "backfill", "-c", path, "--since", since)
	r.ends(t, cli.ExitFailed, "privacy: 2 mails", "mailbox locked", "refused the login")
	if strings.Contains(r.out+r.err, "canary") {
		t.Errorf("a password was printed: %s", r.err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, input{}, command...).ends(t, cli.ExitUnavailable, "connecting to the mail server")
	run(t, input{}, "mail", "backfill", "-c", path, "--since", since, "--mailbox", "other").ends(t, cli.ExitUsage, "privacy")
	for _, since := range []string{"", "yesterday", time.Now().AddDate(0, 0, 2).Format(time.DateOnly)} {
		run(t, input{}, "mail", "backfill", "-c", path, "--since", since).ends(t, cli.ExitUsage, "--since")
	}
}
