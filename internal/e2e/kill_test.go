package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// killSeed chooses the moments at which the runs of TestKill strike.
var killSeed = flag.Uint64("kill.seed", 20260115, "seed of the moments at which processes are killed")

const (
	// killRuns is the number of runs at random moments.
	killRuns = 5
	// killWithin bounds a run: heartbeat time-outs and the lease of a mail that was
	// under way can come one after the other.
	killWithin = 3 * time.Minute
)

// Server, worker, Temporal and Postgres are killed at random moments of a request,
// and nothing is lost, done twice, or done to anybody else.
func TestKill(t *testing.T) {
	i := spawn(t)
	t.Logf("moments of seed %d", *killSeed)
	var subjects []soffiah.Account
	for run := range killRuns {
		a := i.Company.Account(run)
		subjects = append(subjects, a)
		t.Run(fmt.Sprintf("run %d", run+1), func(t *testing.T) { inTest(i.installation, t).killedAtRandom(run, a, i.units()) })
	}
	last := i.Company.Account(killRuns + 2)
	subjects = append(subjects, last)
	t.Run("only the 202", func(t *testing.T) { inTest(i.installation, t).killedAfterAnswer(last, i) })
	for copies := range 2 {
		a := i.Company.Account(killRuns + copies)
		subjects = append(subjects, a)
		t.Run(fmt.Sprintf("between 250 and commit, copy %d answered", copies+1), func(t *testing.T) {
			inTest(i.installation, t).killedBeforeCommit(a, i.worker, copies+1)
		})
	}
	i.stop()
	scan(t, i.installation, subjects...)
}

func inTest(i installation, t *testing.T) installation { return installation{i.Sandbox, t} }

// killedAtRandom carries one request through while every process is killed once.
func (i installation) killedAtRandom(run int, a soffiah.Account, victims map[string]victim) {
	i.ready()
	others, begun := i.fingerprint(a), time.Now()
	strikes := draw(run, victims)
	receipt := i.file(a)
	struck := make(chan []string, 1)
	go func() { struck <- i.strike(receipt.RequestID, strikes) }()
	i.confirm(a, i.await(a, receipt.Reference, mailout.Confirmation))
	d := i.follow(receipt.RequestID, killWithin, dsr.Completed)
	i.t.Logf("completed after %v", time.Since(begun).Round(100*time.Millisecond))
	for _, said := range <-struck {
		i.t.Log(said)
	}
	// One that was in the hands of a worker that died goes out after its lease.
	i.await(a, receipt.Reference, mailout.Acknowledgement)
	i.checkOnce(a, d, others)
}

// killedAfterAnswer files a request while there is neither worker nor Temporal, and
// kills server and Postgres as soon as it was answered: all that is left is what the
// 202 promises.
func (i installation) killedAfterAnswer(a soffiah.Account, running spawned) {
	i.ready()
	others := i.fingerprint(a)
	if err := errors.Join(i.Temporal.Kill(), running.worker.kill(time.Second)); err != nil {
		i.t.Fatal(err)
	}
	receipt := i.file(a)
	if err := errors.Join(running.server.kill(0), i.Own.Kill(), i.Own.Start(i.t.Context()), i.Temporal.Start(i.t.Context())); err != nil {
		i.t.Fatal(err)
	}
	i.confirm(a, i.await(a, receipt.Reference, mailout.Confirmation))
	i.checkOnce(a, i.follow(receipt.RequestID, killWithin, dsr.Completed), others)
}

// checkOnce looks whether a request that survived was carried out once and whole.
func (i installation) checkOnce(a soffiah.Account, d dsr.Details, others string) {
	i.t.Helper()
	if i.fingerprint(a) != others {
		i.t.Error("data of other people has changed")
	}
	for _, r := range d.Stores {
		if r.ResidualRows != 0 || r.VerifiedAt == nil {
			i.t.Errorf("%s.%s: %d rows are left, verified at %v", r.Store, r.Collection, r.ResidualRows, r.VerifiedAt)
		}
	}
	for _, table := range tables(i.t, i.appURL()) {
		if n := query[int64](i.t, i.appURL(), "SELECT count(*) FROM "+table+" WHERE "+owner(table)+" = $1", a.ID); n != 0 {
			i.t.Errorf("%d rows are left in %s", n, table)
		}
	}
	i.checkCertificate(d)
	for _, once := range []dsr.EventType{dsr.EventReceived, dsr.EventConfirmationSent, dsr.EventConfirmed, dsr.EventErasing, dsr.EventCertified, dsr.EventCompleted} {
		if n := len(slices.DeleteFunc(types(d.Events), func(e dsr.EventType) bool { return e != once })); n != 1 {
			i.t.Errorf("%s happened %d times", once, n)
		}
	}
	if n := query[int](i.t, i.ownURL(), "SELECT count(*) FROM outbox WHERE request_id = $1 AND purpose = 'confirmation'", d.ID); n != 1 {
		i.t.Errorf("%d confirmation mails were written", n)
	}
	for _, purpose := range []mailout.Purpose{mailout.Acknowledgement, mailout.Confirmation, mailout.Answer} {
		copies := i.received(a, purpose)
		if len(copies) == 0 {
			i.t.Errorf("the %s has not arrived", purpose)
			continue
		}
		attempts := query[int](i.t, i.ownURL(), "SELECT attempts FROM outbox WHERE request_id = $1 AND purpose = $2", d.ID, purpose)
		if len(copies) > attempts {
			i.t.Errorf("%d copies of the %s came of %d attempts", len(copies), purpose, attempts)
		}
		if len(copies) > 1 {
			i.t.Logf("%d copies of the %s", len(copies), purpose)
		}
		for _, c := range copies[1:] {
			if !bytes.Equal(c, copies[0]) {
				i.t.Errorf("two copies of the %s differ", purpose)
			}
		}
	}
}

// killedBeforeCommit strikes where a second copy of a mail can't be avoided: the
// mail server has taken it, and the worker dies before it can say so. Only an
// answer to the first copy makes the second needless.
func (i installation) killedBeforeCommit(a soffiah.Account, worker *unit, copies int) {
	i.ready()
	others := i.fingerprint(a)
	var freeze, kill sync.Once
	strikes := make(chan error, 2)
	confirmation := func(d devenv.Delivery) bool {
		return d.Mailbox == a.Email && bytes.Contains(d.Message, []byte("X-Habeas-Purpose: confirmation"))
	}
	i.Mail.SetHooks(devenv.MailHooks{
		// Held still before it can read the 250, the worker dies after it was given.
		Stored: func(d devenv.Delivery) {
			if confirmation(d) {
				freeze.Do(func() { strikes <- worker.freeze() })
			}
		},
		Answered: func(d devenv.Delivery) {
			if confirmation(d) {
				kill.Do(func() { strikes <- worker.kill(0) })
			}
		},
	})
	defer i.Mail.SetHooks(devenv.MailHooks{})

	begun := time.Now()
	receipt := i.file(a)
	p := a.Person(i.Mail)
	var m person.Mail
	for n := range copies {
		var err error
		if m, err = p.Await(i.within(killWithin), sandbox.About(receipt.Reference, mailout.Confirmation)); err != nil {
			i.t.Fatalf("copy %d: %v", n+1, err)
		}
		i.t.Logf("copy %d after %v: %s, answer to %s", n+1, time.Since(begun).Round(100*time.Millisecond), m.Header.Get("Message-Id"), m.Header.Get("Reply-To"))
	}
	for range 2 {
		if err := <-strikes; err != nil {
			i.t.Fatal(err)
		}
	}
	i.confirm(a, m)
	d := i.follow(receipt.RequestID, killWithin, dsr.Completed)
	i.checkOnce(a, d, others)
	if n := len(i.received(a, mailout.Confirmation)); n != copies {
		i.t.Errorf("%d copies in place of %d", n, copies)
	}
	if status := query[string](i.t, i.ownURL(), "SELECT status FROM outbox WHERE request_id = $1 AND purpose = 'confirmation'", d.ID); status != "sent" {
		i.t.Errorf("the confirmation mail is %s", status)
	}
}

// A victim ends by SIGKILL and comes back after a while.
type victim func(down time.Duration) error

// strike is the death of one victim as soon as a request has come so far.
type strike struct {
	name   string
	victim victim
	events int           // of the request that were recorded
	jitter time.Duration // from then on
	down   time.Duration
}

// draw draws the strikes of a run. The steps of a request take unevenly long, so
// that the moment is drawn over its events: the last is the third store erased.
// In the first run the server dies as soon as it has answered 202.
func draw(run int, victims map[string]victim) []strike {
	r := rand.New(rand.NewPCG(*killSeed, uint64(run)))
	var all []strike
	for _, name := range []string{"server", "worker", "temporal", "postgres"} {
		s := strike{
			name: name, victim: victims[name], events: r.IntN(13), jitter: time.Duration(r.IntN(10)) * time.Millisecond,
			down: time.Duration(r.IntN(1000)) * time.Millisecond,
		}
		if run == 0 && name == "server" {
			s.events, s.jitter = 0, 0
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b strike) int { return a.events - b.events })
	return all
}

// strike carries the strikes out, each in its time and without waiting for the
// others, and returns what it did.
func (i installation) strike(requestID string, strikes []strike) []string {
	var said []string
	var lock sync.Mutex
	var group sync.WaitGroup
	for _, s := range strikes {
		seen := i.awaitEvents(requestID, s.events)
		group.Go(func() {
			time.Sleep(s.jitter)
			err := s.victim(s.down)
			lock.Lock()
			defer lock.Unlock()
			said = append(said, fmt.Sprintf("killed %s for %v: drawn for event %d, seen %v", s.name, s.down, s.events, seen))
			if err != nil {
				i.t.Errorf("killing %s: %v", s.name, err)
			}
			if slices.Contains(seen, string(dsr.EventCompleted)) {
				i.t.Errorf("%s was killed after the end", s.name)
			}
		})
	}
	group.Wait()
	return said
}

// awaitEvents waits until a request has so many events and returns them. Postgres
// may be down meanwhile.
func (i installation) awaitEvents(requestID string, n int) []string {
	for n > 0 && i.t.Context().Err() == nil {
		if seen, ok := i.watchEvents(requestID, n); ok {
			return seen
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (i installation) watchEvents(requestID string, n int) ([]string, bool) {
	ctx := i.t.Context()
	conn, err := pgx.Connect(ctx, i.ownURL())
	if err != nil {
		return nil, false
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		var seen []string
		if err := conn.QueryRow(ctx, `SELECT coalesce(array_agg(type ORDER BY seq), '{}') FROM event WHERE request_id = $1`, requestID).Scan(&seen); err != nil {
			return nil, false
		}
		if len(seen) >= n {
			return seen, true
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// spawned is an installation whose server and worker are processes of their own.
type spawned struct {
	installation
	server, worker *unit
}

func (i spawned) units() map[string]victim {
	return map[string]victim{
		"server": i.server.kill, "worker": i.worker.kill,
		"temporal": func(down time.Duration) error {
			if err := i.Temporal.Kill(); err != nil {
				return err
			}
			time.Sleep(down)
			return i.Temporal.Start(i.t.Context())
		},
		"postgres": func(down time.Duration) error {
			if err := i.Own.Kill(); err != nil {
				return err
			}
			time.Sleep(down)
			return i.Own.Start(i.t.Context())
		},
	}
}
