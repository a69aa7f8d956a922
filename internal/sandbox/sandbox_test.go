package sandbox

import (
	"errors"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gomail "github.com/emersion/go-message/mail"
	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/policy"
)

// folders is a sandbox of which nothing runs.
func folders(t *testing.T) *Sandbox {
	t.Helper()
	t.Parallel()
	s := &Sandbox{Dir: t.TempDir(), now: time.Now}
	for _, sub := range []string{"secrets", "config"} {
		if err := os.Mkdir(filepath.Join(s.Dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// sampleOf writes the sample and reads it back as the program does.
func sampleOf(t *testing.T, s *Sandbox, o Options) (*policy.Policy, *datamap.Map) {
	t.Helper()
	names, err := s.writeSample(o)
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.LoadSet([]string{filepath.Join(s.Dir, "config", "policy.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(s.Dir, "config", name)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := datamap.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return set.Versions()[0], m
}

// TestPolicyOfTheDemo: less careful than Habeas is by itself in what the demo
// says, and in nothing else; --cautious keeps all of it but what loopback cannot do.
func TestPolicyOfTheDemo(t *testing.T) {
	s := folders(t)
	demo, m := sampleOf(t, s, Options{})
	if err := m.Complete(); err != nil {
		t.Error(err)
	}
	careful, _ := sampleOf(t, s, Options{Cautious: true})
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		p                                 *policy.Policy
		demo, approval, confirmed         bool
		coolingOff, minimumAge, expiresIn time.Duration
	}{
		"demo":     {demo, true, false, true, 0, 0, 21 * 24 * time.Hour},
		"cautious": {careful, false, true, true, 72 * time.Hour, 5 * time.Second, 21 * 24 * time.Hour},
	} {
		confirmation := c.p.Confirmation()
		if c.p.Demo() != c.demo || c.p.ApprovalRequired(dsr.Erasure) != c.approval || c.p.ConfirmationRequired(dsr.Erasure) != c.confirmed || !confirmation.AcceptUnauthenticated {
			t.Errorf("%s: demo %v, approval %v, %+v", name, c.p.Demo(), c.p.ApprovalRequired(dsr.Erasure), confirmation)
		}
		for what, d := range map[string][2]time.Duration{
			"cooling-off": {c.p.CoolingOff(dsr.Erasure).AddTo(now).Sub(now), c.coolingOff}, "minimum age": {confirmation.MinimumReplyAge.AddTo(now).Sub(now), c.minimumAge},
			"expiry": {confirmation.ExpiresAfter.AddTo(now).Sub(now), c.expiresIn},
		} {
			if d[0] != d[1] {
				t.Errorf("%s: %s is %s, want %s", name, what, d[0], d[1])
			}
		}
	}
	if diff := cmp.Diff(careful.RetentionRules(), demo.RetentionRules()); diff != "" {
		t.Errorf("the demo keeps data otherwise\n%s", diff)
	}
	if demo.Version() != careful.Version() || !demo.EffectiveFrom().Equal(careful.EffectiveFrom()) || len(demo.Rights()) != len(careful.Rights()) {
		t.Error("the demo has another policy")
	}
}

// TestSecretsAreMadeOnce: a restart goes on with those of the first start.
func TestSecretsAreMadeOnce(t *testing.T) {
	s := folders(t)
	made := 0
	generate := func() (string, error) { made++; return "secret", nil }
	for range 2 {
		path, err := s.secret("name", generate)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 || made != 1 {
			t.Errorf("mode %v, made %d times, %v", info.Mode(), made, err)
		}
	}
	failed := errors.New("no")
	if _, err := s.secret("other", func() (string, error) { return "", failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	for _, value := range []string{"one", "two"} {
		path, err := s.fixedSecret("changing", value)
		data, readErr := os.ReadFile(path)
		if err = errors.Join(err, readErr); err != nil || string(data) != value+"\n" {
			t.Errorf("%q, %v", data, err)
		}
	}
	if err := s.keepToken(); err != nil {
		t.Fatal(err)
	}
	again := &Sandbox{Dir: s.Dir}
	if err := again.keepToken(); err != nil || again.Token != s.Token || len(s.Token) < 26 {
		t.Errorf("token %q became %q, %v", s.Token, again.Token, err)
	}
}

func TestAttachWhereNothingRuns(t *testing.T) {
	t.Parallel()
	if _, _, err := Attach(t.TempDir()); err == nil || !strings.Contains(err.Error(), "habeas dev") {
		t.Errorf("got %v", err)
	}
}

func TestIntake(t *testing.T) {
	t.Parallel()
	a := soffiah.Account{ID: "7", AccountName: "lumiere", Email: "marie@lumiere.test", BusinessID: "FR1", MailingAddress: "Paris", FullName: "Marie", Language: "fr"}
	got := Intake(a)
	want := dsr.Intake{
		Right: dsr.Erasure, Name: "Marie", Language: "fr", IdempotencyKey: got.IdempotencyKey,
		Elements: dsr.Elements{AccountName: "lumiere", Email: "marie@lumiere.test", BusinessID: "FR1", MailingAddress: "Paris"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got.Channel = dsr.API
	if err := got.Validate([]string{"email", "account_name"}, dsr.Rights()); err != nil {
		t.Error(err)
	}
}

func TestAbout(t *testing.T) {
	t.Parallel()
	written := func(purpose, subject string) person.Mail {
		var h gomail.Header
		h.Set("X-Habeas-Purpose", purpose)
		return person.Mail{Header: h, Subject: subject}
	}
	match := About("H-7K3M-9QXT", mailout.Confirmation)
	for _, c := range []struct {
		mail person.Mail
		want bool
	}{
		{written("confirmation", "[H-7K3M-9QXT] Please confirm"), true}, {written("reminder", "[H-7K3M-9QXT] Please confirm"), false},
		{written("confirmation", "[H-0000-0000] Please confirm"), false}, {written("", ""), false},
	} {
		if got := match(c.mail); got != c.want {
			t.Errorf("%q %q: %v", c.mail.Header.Get("X-Habeas-Purpose"), c.mail.Subject, got)
		}
	}
}

// TestMailboxCannotLeaveLoopback: the sample company's address is in a domain that
// nobody can own (RFC 6761 section 6.2).
func TestMailboxCannotLeaveLoopback(t *testing.T) {
	t.Parallel()
	a, err := mail.ParseAddress(Mailbox)
	if err != nil || !strings.HasSuffix(a.Address, ".test") {
		t.Errorf("%v, %v", a, err)
	}
}
