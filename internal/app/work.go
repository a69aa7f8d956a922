package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/inbox"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/requests"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/worker"
)

// connectEvery is the pause between attempts to reach Temporal at start.
const connectEvery = 2 * time.Second

// mailLease is for how long a mail is in the hands of one worker. A mail that was
// under way when its worker died goes out again after it.
const mailLease = time.Minute

// Parts is what a worker is made of beside Temporal: what carries the steps out,
// what watches the mailboxes, and what sends.
type Parts struct {
	Activities *activities.Activities
	Inbox      *inbox.Inbox
	Outbox     *mailout.Outbox
}

// Parts opens the data stores and the mail server's connections. The caller calls
// release when all parts are at rest.
func (p *Program) Parts(ctx context.Context) (parts Parts, release func(), err error) {
	stores, err := openStores(ctx, p.db.Master(), p.cfg.Stores)
	if err != nil {
		return parts, nil, err
	}
	smtp, err := sender(p.cfg, p.db.Installation())
	if err != nil {
		closeAll(stores)
		return parts, nil, err
	}
	release = func() {
		_ = smtp.Close()
		closeAll(stores)
	}
	parts.Inbox = p.newInbox()
	parts.Activities = activities.New(activities.Deps{
		Records: p.db, Policies: p.policies, Map: p.datamap, Stores: stores, Letters: p.letters, Watcher: parts.Inbox,
		Mailboxes: p.Mailboxes(), Signing: p.db.Master().SigningKey(), Now: p.now, Log: p.log,
	})
	parts.Outbox = mailout.NewOutbox(p.db, smtp, mailout.OutboxOptions{Lease: mailLease, Now: p.now, Log: p.log})
	return parts, release, nil
}

// Work runs the worker until the context ends: it carries requests out, watches
// the mailboxes, sends what lies in the outbox and tells Temporal what was
// recorded for it.
func (p *Program) Work(ctx context.Context) error {
	c, err := p.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	parts, release, err := p.Parts(ctx)
	if err != nil {
		return err
	}
	defer release()

	queue := p.cfg.Temporal.TaskQueue
	w := worker.New(c, queue, parts.Activities)
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	defer w.Stop()

	group, ctx := errgroup.WithContext(ctx)
	dispatcher := requests.NewDispatcher(p.db, c, queue, p.now, p.log)
	group.Go(func() error { return dispatcher.Run(ctx) })
	group.Go(func() error { return parts.Outbox.Run(ctx) })
	group.Go(func() error { return p.wake(ctx, dispatcher, parts) })
	group.Go(func() error { return p.stand(ctx, c, queue) })
	group.Go(func() error { return p.tellLate(ctx) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// dial waits for Temporal: what is recorded meanwhile waits in the database.
func (p *Program) dial(ctx context.Context) (client.Client, error) {
	o, err := temporalOptions(p.cfg, p.log, "worker")
	if err != nil {
		return nil, err
	}
	for {
		c, err := temporalx.Dial(ctx, o, p.db.Master())
		if err == nil {
			return c, nil
		}
		p.log.LogAttrs(ctx, slog.LevelWarn, "waiting for Temporal", slog.String("address", o.Address))
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(connectEvery):
		}
	}
}

// stand starts what must always be running, as soon as Temporal takes it.
func (p *Program) stand(ctx context.Context, c client.Client, queue string) error {
	for {
		err := worker.StartStanding(ctx, c, queue, p.Mailboxes())
		if err == nil {
			return nil
		}
		p.log.LogAttrs(ctx, slog.LevelWarn, "watches and schedules not started yet", slog.String("error", err.Error()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(connectEvery):
		}
	}
}

// wake passes on the database's notices of new work. Without them both look by
// themselves every few seconds.
func (p *Program) wake(ctx context.Context, dispatcher *requests.Dispatcher, parts Parts) error {
	for ctx.Err() == nil {
		err := p.db.Listen(ctx, func(channel string) {
			switch channel {
			case "habeas_signal":
				dispatcher.Wake()
			case "habeas_mailbox":
				parts.Inbox.Poke()
			default:
				parts.Outbox.Wake()
			}
		})
		if ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "database notices lost", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(connectEvery):
		}
	}
	return ctx.Err()
}
