package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/soffiah/habeas/internal/inbox"
)

// tellEvery is how often a worker says in its log which mailboxes nobody reads. It
// begins after that time, so that watches which have just begun have come to an end.
const tellEvery = 5 * time.Minute

// Backfill reads old mail of one mailbox; see [inbox.Inbox.Backfill].
func (p *Program) Backfill(ctx context.Context, mailbox string, since time.Time, dryRun bool, progress func(read int)) (inbox.Backfilled, error) {
	return p.newInbox().Backfill(ctx, mailbox, since, dryRun, progress)
}

// Mailboxes returns the names of the mailboxes that are watched.
func (p *Program) Mailboxes() []string {
	var names []string
	for _, m := range p.cfg.Mail.Mailboxes {
		names = append(names, m.Name)
	}
	return names
}

// late returns the mailboxes that nobody reads.
func (p *Program) late(ctx context.Context) ([]inbox.Late, error) {
	reads, err := p.db.MailboxReads(ctx)
	if err != nil {
		return nil, err
	}
	return inbox.LateOnes(p.Mailboxes(), reads, p.now()), nil
}

// alarms says to the team what they should have mended. That the database does not
// answer shows on every page.
func (p *Program) alarms(ctx context.Context) []string {
	late, err := p.late(ctx)
	if err != nil {
		return nil
	}
	var said []string
	for _, l := range late {
		said = append(said, "Replies are not heard: "+l.String()+". See that the worker runs and can log in to it.")
	}
	return said
}

// tellLate says in the log which mailboxes nobody reads, until the context ends.
func (p *Program) tellLate(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			p.logLate(ctx)
		}
	}
}

func (p *Program) logLate(ctx context.Context) {
	late, err := p.late(ctx)
	if err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "not known when mailboxes were read", slog.String("error", err.Error()))
	}
	for _, l := range late {
		p.log.LogAttrs(ctx, slog.LevelError, "replies are not heard: nobody reads a mailbox", slog.String("mailbox", l.Mailbox), slog.Duration("for", l.For))
	}
}

// mailboxMetrics tells when mailboxes were read, as the database knows it: every
// server can tell, and that no worker runs does not hide it.
type mailboxMetrics struct{ program *Program }

// scrapeWithin bounds the question to the database.
const scrapeWithin = 2 * time.Second

func lastReadDesc() *prometheus.Desc {
	return prometheus.NewDesc("habeas_mailbox_last_read_timestamp_seconds", "When a mailbox was last read to its end; 0 if never.", []string{"mailbox"}, nil)
}

func lateDesc() *prometheus.Desc {
	return prometheus.NewDesc("habeas_mailbox_late", "1 if a mailbox has not been read to its end for 15 minutes.", []string{"mailbox"}, nil)
}

// Describe implements [prometheus.Collector].
func (mailboxMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- lastReadDesc()
	to <- lateDesc()
}

// Collect implements [prometheus.Collector].
func (m mailboxMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	reads, err := m.program.db.MailboxReads(ctx)
	if err != nil {
		// An invalid metric would take all others with it.
		return
	}
	late := map[string]float64{}
	for _, l := range inbox.LateOnes(m.program.Mailboxes(), reads, m.program.now()) {
		late[l.Mailbox] = 1
	}
	for _, name := range m.program.Mailboxes() {
		at := 0.0
		if read, known := reads[name]; known {
			at = float64(read.UnixMilli()) / 1000
		}
		to <- prometheus.MustNewConstMetric(lastReadDesc(), prometheus.GaugeValue, at, name)
		to <- prometheus.MustNewConstMetric(lateDesc(), prometheus.GaugeValue, late[name], name)
	}
}
