package bench_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/sandbox"
)

// What is added to every account of a heavy stage, so that it resembles the heavy
// user of the sample company: 5,000 rows and 400 objects.
const (
	heavyUploads = 200 // each with a preview
	heavyPosts   = 200
	heavyLog     = 1600
	heavyEvents  = 3000
)

// stage is a running installation with pairs of accounts of the same size, and
// direct ways to its servers for the floor.
type stage struct {
	*sandbox.Sandbox
	temporal     client.Client
	app, billing *pgxpool.Pool
	objects      *minio.Client
	// accounts holds two of about the same size for each pair.
	accounts [][2]soffiah.Account
}

// newStage starts an installation with accounts for n pairs and the warm-up.
func newStage(tb testing.TB, n int, heavy bool) *stage {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	s := &stage{}
	var err error
	// The heavy user and the three accounts of the team stay out of it.
	s.Sandbox, err = sandbox.Start(ctx, sandbox.Options{Dir: tb.TempDir(), Accounts: 2*(n+1) + 4})
	must(tb, err)
	tb.Cleanup(func() { must(tb, s.Close()) })
	s.connect(ctx, tb)
	s.pairUp(ctx, tb, n+1)
	s.furnish(ctx, tb, heavy)
	s.run(ctx, tb)
	return s
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// connect opens what the floor works with: the same servers and the same rights.
func (s *stage) connect(ctx context.Context, tb testing.TB) {
	var err error
	s.temporal, err = client.DialContext(ctx, client.Options{
		HostPort: s.Config.Temporal.Address, Namespace: s.Config.Temporal.Namespace, Identity: "bench",
		Logger: tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	must(tb, err)
	tb.Cleanup(s.temporal.Close)
	for pool, url := range map[**pgxpool.Pool]string{&s.app: s.Company.AppURL, &s.billing: s.Company.BillingURL} {
		*pool, err = pgxpool.New(ctx, url)
		must(tb, err)
		tb.Cleanup((*pool).Close)
	}
	s.objects, err = minio.New(strings.TrimPrefix(s.Objects.Endpoint(), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(s.Objects.AccessKey(), s.Objects.SecretKey(), ""), Region: "us-east-1",
	})
	must(tb, err)
}

// pairUp makes pairs of accounts that are next to each other in size.
func (s *stage) pairUp(ctx context.Context, tb testing.TB, n int) {
	accounts := make([]soffiah.Account, 2*n)
	rows := map[string]int{}
	for i := range accounts {
		accounts[i] = s.Company.Account(1 + i)
		for _, table := range append(ownTables(), "usage_events") {
			var count int
			must(tb, s.app.QueryRow(ctx, "SELECT count(*) FROM "+table+" WHERE account_id = $1", accounts[i].ID).Scan(&count))
			rows[accounts[i].ID] += count
		}
	}
	slices.SortFunc(accounts, func(x, y soffiah.Account) int { return cmp.Compare(rows[x.ID], rows[y.ID]) })
	for pair := range slices.Chunk(accounts, 2) {
		s.accounts = append(s.accounts, [2]soffiah.Account(pair))
	}
}

// of returns the account that takes part in a pair: as the subject of a request,
// or for the floor. Which of the two is the larger alternates with the pairs.
func (s *stage) of(pair int, floor bool) soffiah.Account {
	side := pair / 2 % 2
	if floor {
		side = 1 - side
	}
	return s.accounts[pair][side]
}

// furnish adds to the accounts what their part needs: a mail in the mailbox for
// the floor, as the subject will have sent one, and the rows of heavy users.
func (s *stage) furnish(ctx context.Context, tb testing.TB, heavy bool) {
	owner, err := pgx.Connect(ctx, s.Stores.URL("soffiah_app"))
	must(tb, err)
	defer func() { must(tb, owner.Close(ctx)) }()
	var group errgroup.Group
	group.SetLimit(8)
	for pair := range s.accounts {
		floor := s.of(pair, true)
		mail := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: Re\r\nMessage-ID: <bench-%d@account.test>\r\n\r\nyes\r\n", floor.Email, sandbox.Mailbox, pair)
		_, err := s.Mail.Append(sandbox.Mailbox, "INBOX", time.Now(), []byte(mail))
		must(tb, err)
		if !heavy {
			continue
		}
		for _, a := range s.accounts[pair] {
			addRows(ctx, tb, owner, a)
			for n := range heavyUploads {
				group.Go(func() error { return s.upload(ctx, a, n) })
			}
		}
	}
	must(tb, group.Wait())
	_, err = owner.Exec(ctx, "ANALYZE")
	must(tb, err)
}

func addRows(ctx context.Context, tb testing.TB, owner *pgx.Conn, a soffiah.Account) {
	for sql, rows := range map[string]int{
		`INSERT INTO uploads SELECT gen_random_uuid(), $1, NULL, $2 || 'uploads/bench-' || n || '.png', 'bench.png', 'image/png', 64, now()
			FROM generate_series(0, $3::int - 1) n`: heavyUploads,
		`INSERT INTO posts SELECT gen_random_uuid(), $1, NULL, NULL, 'A post', $2, now() FROM generate_series(1, $3::int)`: heavyPosts,
		`INSERT INTO access_log SELECT (SELECT max(id) FROM access_log) + n, $1, NULL, '203.0.113.1', 'bench', 'GET', $2, 200, now()
			FROM generate_series(1, $3::int) n`: heavyLog,
		`INSERT INTO usage_events SELECT (SELECT max(id) FROM usage_events) + n, $1, 'view', $2, 'FR', 'Europe/Paris', '203.0.113.1', 'bench', now()
			FROM generate_series(1, $3::int) n`: heavyEvents,
	} {
		_, err := owner.Exec(ctx, sql, a.ID, a.StoragePrefix, rows)
		must(tb, err)
	}
}

// upload puts the nth image of an account and its preview into the bucket.
func (s *stage) upload(ctx context.Context, a soffiah.Account, n int) error {
	picture := make([]byte, 64)
	for _, folder := range []string{"uploads", "thumbnails"} {
		key := fmt.Sprintf("%s%s/bench-%d.png", a.StoragePrefix, folder, n)
		_, err := s.objects.PutObject(ctx, soffiah.Bucket, key, bytes.NewReader(picture), int64(len(picture)), minio.PutObjectOptions{DisableMultipart: true})
		if err != nil {
			return err
		}
	}
	return nil
}

// run runs the program and, in the same process, the worker of the floor.
func (s *stage) run(ctx context.Context, tb testing.TB) {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			tb.Errorf("the program ended with: %v", err)
		}
	})
	floor := worker.New(s.temporal, floorQueue, worker.Options{MaxConcurrentActivityTaskPollers: 8, MaxConcurrentWorkflowTaskPollers: 8})
	floor.RegisterWorkflow(bareWorkflow)
	floor.RegisterActivity(emptyActivity)
	must(tb, floor.Start())
	tb.Cleanup(floor.Stop)
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	must(tb, s.Ready(ready))
}
