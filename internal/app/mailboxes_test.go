package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/soffiah/habeas/internal/postgres/postgrestest"
)

// TestNobodyReadsTheMailbox: after a quarter of an hour log, metrics, the team's
// pages and the check say so, by the name of the mailbox and not by its address.
func TestNobodyReadsTheMailbox(t *testing.T) {
	f := install(t)
	f.write("url", postgrestest.URL(t))
	cfg := f.config()
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	if _, err := Migrate(t.Context(), cfg, now); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p, err := Open(t.Context(), cfg, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(mailboxMetrics{p})
	// says returns all that is said, and whether the check finds anything wrong with the watch.
	says := func() (said string, wrong bool) {
		log.Reset()
		p.logLate(t.Context())
		w := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		findings := checkOf(t.Context(), p, now)
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Part == "watch on privacy" })
		if i < 0 {
			t.Fatalf("the check says nothing of it: %v", findings)
		}
		return log.String() + strings.Join(p.alarms(t.Context()), "\n") + w.Body.String() + findings[i].Says, !findings[i].OK
	}
	read := func(at time.Time) {
		if err := p.db.MailboxRead(t.Context(), "privacy", at); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		what   string
		before func()
		wrong  bool
		says   []string
		not    string
	}{
		{"before the first start", func() {}, false, []string{"never been read", "not begun", `habeas_mailbox_late{mailbox="privacy"} 1`}, "level=WARN"},
		{"read a minute ago", func() { read(now.Add(-time.Minute)) }, false, []string{`habeas_mailbox_late{mailbox="privacy"} 0`, "habeas_mailbox_last_read_timestamp_seconds", "1m0s ago"}, "level=ERROR"},
		{"fourteen minutes later", func() { now = now.Add(14 * time.Minute) }, false, []string{`late{mailbox="privacy"} 0`}, "level=ERROR"},
		{"and another", func() { now = now.Add(time.Minute) }, true, []string{`late{mailbox="privacy"} 1`, "level=ERROR", "mailbox=privacy", "to its end for 16m", "Replies are not heard"}, "never been"},
		{"read again", func() { read(now) }, false, []string{`late{mailbox="privacy"} 0`}, "level=ERROR"},
	} {
		step.before()
		said, wrong := says()
		if wrong != step.wrong {
			t.Errorf("%s: the check finds it wrong: %v", step.what, wrong)
		}
		for _, want := range step.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not said:\n%s", step.what, want, said)
			}
		}
		if strings.Contains(said, step.not) || strings.Contains(said, "shop.example") {
			t.Errorf("%s: it says too much:\n%s", step.what, said)
		}
	}
}

// checkOf is what [Check] says of the database and of what it holds.
func checkOf(ctx context.Context, p *Program, now time.Time) []Finding {
	c := &checking{cfg: p.cfg, now: now}
	c.database(ctx, p.db.Master())
	return c.findings
}
