package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/cli"
	"github.com/soffiah/habeas/internal/mailout"
)

func TestMailExplain(t *testing.T) {
	t.Parallel()
	yes := write(t, "yes.eml", "From: ada@a.test\r\nTo: info@b.test\r\nSubject: Re: Please confirm\r\n\r\nYES DELETE\r\n")
	away := write(t, "away.eml", "From: ada@a.test\r\nTo: info@b.test\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nYes, I confirm.\r\n")
	run(t, input{}, "mail", "explain", yes, away).ends(t, cli.ExitOK, yes+": confirm", "YES DELETE", "assumed", away+": automatic")

	// One path that is no file keeps none of the others from being judged.
	r := run(t, input{}, "mail", "explain", "--json", yes, filepath.Join(t.TempDir(), "absent"), away)
	if r.code != cli.ExitFailed {
		t.Errorf("exit code %d", r.code)
	}
	var verdicts []string
	for line := range strings.Lines(r.out) {
		var e struct {
			File, Verdict string
			Automatic     bool
			Fresh         string   `json:"fresh_text"`
			Reasons       []string `json:"reasons"`
			Auth          map[string]any
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e.Reasons) == 0 {
			t.Errorf("%v: %s", err, line)
		}
		verdicts = append(verdicts, e.Verdict)
	}
	if got := strings.Join(verdicts, " "); got != "confirm unclear automatic" {
		t.Errorf("verdicts %s", got)
	}
	if complaint := r.complaint(t); !strings.Contains(complaint, "1 of 3") {
		t.Error(complaint)
	}
}

func TestMailPreview(t *testing.T) {
	t.Parallel()
	for _, purpose := range mailout.Purposes() {
		for _, language := range mailout.Languages() {
			run(t, input{}, "mail", "preview", string(purpose), "--lang", language).ends(t, cli.ExitOK, "Subject: [H-7K3M-9QXT]")
		}
	}
	// Only the mail that asks for details leads to a form.
	if r := run(t, input{}, "mail", "preview", "confirmation"); strings.Contains(r.out, "/details/") {
		t.Error("the confirmation leads to the form for details")
	}
	run(t, input{}, "mail", "preview", "details").ends(t, cli.ExitOK, "/details/", "Account name: ____")
	run(t, input{}, "mail", "preview", "answer", "--html").ends(t, cli.ExitOK, "<!DOCTYPE html>")
	run(t, input{}, "mail", "preview", "confirmation", "--lang", "fr", "--right", "access").ends(t, cli.ExitOK, "JE CONFIRME", "copie")
	run(t, input{}, "mail", "preview", "answer", "--right", "eating").ends(t, cli.ExitUsage, "there is no right", "access")
	run(t, input{}, "mail", "preview", "poem").ends(t, cli.ExitUsage, "there is no template", "confirmation")
	run(t, input{}, "mail", "preview", "answer", "--lang", "la").ends(t, cli.ExitUsage, "en, fr, de, es")
}
