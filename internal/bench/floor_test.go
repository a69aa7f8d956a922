package bench_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/sandbox"
)

// The floor is a bare workflow with as many empty activities as a request may
// have, and then the erasure of an account by hand: the same statements without
// any engine, each store by itself and all side by side, read back once.

const (
	floorQueue      = "floor"
	floorActivities = 6 // and two for each store
)

func emptyActivity(context.Context) error { return nil }

// bareWorkflow runs empty activities: six one after the other, then two for each
// store, stores side by side.
func bareWorkflow(ctx workflow.Context, stores int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	inTurn := func(ctx workflow.Context, n int) error {
		for range n {
			if err := workflow.ExecuteActivity(ctx, emptyActivity).Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if err := inTurn(ctx, floorActivities); err != nil {
		return err
	}
	var failed error
	group := workflow.NewWaitGroup(ctx)
	for range stores {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := inTurn(ctx, 2); err != nil {
				failed = err
			}
		})
	}
	group.Wait(ctx)
	return failed
}

// floor measures the floor with one account.
func (s *stage) floor(ctx context.Context, a soffiah.Account) (time.Duration, error) {
	began := time.Now()
	run, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: floorQueue}, bareWorkflow, len(s.Config.Stores))
	if err != nil {
		return 0, err
	}
	if err := run.Get(ctx, nil); err != nil {
		return 0, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return byHand(ctx, s.app, appByHand(), a.ID) })
	group.Go(func() error { return byHand(ctx, s.billing, billingByHand(), a.ID) })
	group.Go(func() error { return s.objectsByHand(ctx, a.StoragePrefix) })
	group.Go(func() error { return s.mailByHand(a.Email) })
	err = group.Wait()
	return time.Since(began), err
}

// ownTables are the tables of the application whose rows go with their account,
// in an order that foreign keys allow.
func ownTables() []string {
	return []string{"comments", "posts", "access_log", "sessions", "devices", "feedback", "cookies", "social_messages", "uploads", "brands"}
}

// hand is what a person who knows a database would type.
type hand struct{ erase, left []string }

func appByHand() hand {
	h := hand{
		erase: []string{
			"UPDATE usage_events SET account_id = NULL, time_zone = NULL, ip = NULL, user_agent = 'erased' WHERE account_id = $1",
			"UPDATE accounts SET avatar_upload_id = NULL WHERE id = $1",
		},
		left: []string{"SELECT count(*) FROM usage_events WHERE account_id = $1", "SELECT count(*) FROM accounts WHERE id = $1"},
	}
	for _, table := range ownTables() {
		h.erase = append(h.erase, "DELETE FROM "+table+" WHERE account_id = $1")
		h.left = append(h.left, "SELECT count(*) FROM "+table+" WHERE account_id = $1")
	}
	h.erase = append(h.erase, "DELETE FROM accounts WHERE id = $1")
	return h
}

// billingByHand deletes what is older than the periods of the policy.
func billingByHand() hand {
	var h hand
	for _, of := range [][2]string{
		{"payments", "paid_at + interval '5 years'"},
		{"invoices", "date_trunc('year', issued_at) + interval '11 years'"},
		{"billing_accounts", "collected_at + interval '5 years'"},
	} {
		due := of[0] + " WHERE account_id = $1 AND " + of[1] + " <= now()"
		h.erase, h.left = append(h.erase, "DELETE FROM "+due), append(h.left, "SELECT count(*) FROM "+due)
	}
	return h
}

// byHand changes one database in one transaction and counts what is left.
func byHand(ctx context.Context, pool *pgxpool.Pool, h hand, account string) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, sql := range h.erase {
			if _, err := tx.Exec(ctx, sql, account); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, sql := range h.left {
		var left int
		if err := pool.QueryRow(ctx, sql, account).Scan(&left); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		if left > 0 {
			return fmt.Errorf("%s: %d rows are left", sql, left)
		}
	}
	return nil
}

// objectsByHand deletes the objects below a prefix and lists it again.
func (s *stage) objectsByHand(ctx context.Context, prefix string) error {
	list := minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
	results, err := s.objects.RemoveObjectsWithIter(ctx, soffiah.Bucket, s.objects.ListObjectsIter(ctx, soffiah.Bucket, list), minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	for r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	for o := range s.objects.ListObjectsIter(ctx, soffiah.Bucket, list) {
		return errors.Join(errors.New("an object is left"), o.Err)
	}
	return nil
}

// mailByHand expunges the mails from and to an address and searches again.
func (s *stage) mailByHand(address string) error {
	c, err := imapclient.DialInsecure(s.Mail.IMAPAddr(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Login(sandbox.Mailbox, devenv.MailPassword).Wait(); err != nil {
		return err
	}
	field := func(name string) imap.SearchCriteria {
		return imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: name, Value: address}}}
	}
	criteria := &imap.SearchCriteria{Or: [][2]imap.SearchCriteria{{field("From"), field("To")}}}
	for _, folder := range soffiah.Folders() {
		if _, err := c.Select(folder, nil).Wait(); err != nil {
			return err
		}
		found, err := c.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		if len(found.AllUIDs()) == 0 {
			continue
		}
		uids := imap.UIDSetNum(found.AllUIDs()...)
		if err := c.Store(uids, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			return err
		}
		if err := c.UIDExpunge(uids).Close(); err != nil {
			return err
		}
		if found, err = c.UIDSearch(criteria, nil).Wait(); err != nil {
			return err
		}
		if len(found.AllUIDs()) > 0 {
			return fmt.Errorf("%d mails are left in %s", len(found.AllUIDs()), folder)
		}
	}
	return nil
}
