package bench_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/bench"
	"github.com/soffiah/habeas/internal/mailin"
)

// The target is that waiting replies are fetched, parsed, judged, sealed and stored
// at 0.15 of the speed at which the same mailbox can be fetched into memory and its
// bytes be copied into Postgres. The test holds half of that.
const (
	ingestTarget = 1 / 0.15
	ingestBound  = 2 * ingestTarget
)

// TestIngest holds the ratio at a small size. With the race detector it only makes
// sure that every reply is taken in and told; .ci/run runs it without as well.
func TestIngest(t *testing.T) {
	n := 500
	if raced {
		n = 60
	}
	r := measureIngest(t, n, bench.MinPairs)
	t.Logf("ratio %.2f, p50 %v, floor %v", r.Median(), bench.Median(r.Subject), bench.Median(r.Floor))
	if !raced && r.Median() > ingestBound {
		t.Errorf("taking replies in takes %.2f times as long as the floor, at most %.1f are allowed: %v", r.Median(), ingestBound, r)
	}
}

// BenchmarkIngest measures 10,000 waiting replies of 4.5 KB, each to a request of its own.
func BenchmarkIngest(b *testing.B) {
	const n = 10_000
	r := measureIngest(b, n, bench.MinPairs)
	b.ReportMetric(0, "ns/op")
	r.Report(b)
	b.ReportMetric(n/bench.Median(r.Subject).Seconds(), "mails/s")
	b.ReportMetric(n/bench.Median(r.Floor).Seconds(), "floor-mails/s")
	b.ReportMetric(ingestTarget, "ratio-target")
}

func measureIngest(tb testing.TB, n, pairs int) bench.Ratio {
	tb.Helper()
	o := newPostOffice(tb, n)
	for _, r := range o.replies {
		o.deliver(tb, r)
	}
	_, err := o.db.SQL.Exec(tb.Context(), `CREATE TABLE floor (raw bytea NOT NULL)`)
	must(tb, err)
	r, err := bench.Pairs(pairs,
		func(pair int) (time.Duration, error) { return o.takeIn(tb.Context(), pair) },
		func(int) (time.Duration, error) { return o.copyIn(tb.Context()) })
	must(tb, err)
	return r
}

// takeIn reads the whole mailbox as it is read in earnest. Under another name it is
// another mailbox, so that every pair stores every mail.
func (o *postOffice) takeIn(ctx context.Context, pair int) (time.Duration, error) {
	name := fmt.Sprintf("pair%d", pair)
	ctx, cancel := context.WithTimeout(ctx, pairWithin)
	defer cancel()
	began := time.Now()
	err := o.watch(ctx, name, func(e mailin.Event) {
		if e.Kind == mailin.CaughtUp {
			cancel()
		}
	})
	took := time.Since(began)
	if ctx.Err() == context.DeadlineExceeded {
		return took, fmt.Errorf("the mailbox was not read to its end: %w", err)
	}
	var confirmed, told int
	err = o.db.SQL.QueryRow(context.WithoutCancel(ctx), `SELECT (SELECT count(*) FROM message WHERE mailbox = $1 AND verdict = 'confirm' AND raw IS NOT NULL),
		(SELECT count(*) FROM signal s JOIN message m ON m.id::text = s.payload->>'message' WHERE m.mailbox = $1)`, name).Scan(&confirmed, &told)
	if err == nil && (confirmed != len(o.replies) || told != confirmed) {
		err = fmt.Errorf("of %d replies %d are stored as confirmations and %d told", len(o.replies), confirmed, told)
	}
	return took, err
}

// copyIn fetches the mailbox into memory, 500 messages with one command, and copies
// the bytes into Postgres.
func (o *postOffice) copyIn(ctx context.Context) (time.Duration, error) {
	if _, err := o.db.SQL.Exec(ctx, `TRUNCATE floor`); err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, o.db.URL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	began := time.Now()
	raws, err := o.fetchAll()
	if err != nil {
		return 0, err
	}
	rows, err := conn.CopyFrom(ctx, pgx.Identifier{"floor"}, []string{"raw"}, pgx.CopyFromSlice(len(raws), func(i int) ([]any, error) { return []any{raws[i]}, nil }))
	took := time.Since(began)
	if err == nil && int(rows) != len(o.replies) {
		err = fmt.Errorf("%d of %d messages were copied", rows, len(o.replies))
	}
	return took, err
}

func (o *postOffice) fetchAll() ([][]byte, error) {
	const chunk = 500
	c, err := imapclient.DialInsecure(o.addr, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if err := c.Login(account, password).Wait(); err != nil {
		return nil, err
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return nil, err
	}
	section := &imap.FetchItemBodySection{Peek: true}
	var raws [][]byte
	for first := 1; first <= len(o.replies); first += chunk {
		set := imap.UIDSet{{Start: imap.UID(first), Stop: imap.UID(first + chunk - 1)}}
		rows, err := c.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			raws = append(raws, row.FindBodySection(section))
		}
	}
	return raws, nil
}
