package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/postgres/postgrestest"
	"github.com/soffiah/habeas/internal/record"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// noon has nanoseconds that PostgreSQL does not keep.
var noon = time.Date(2026, 3, 5, 12, 0, 0, 123456789, time.UTC)

// clock is the time of a test; it moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a fresh database and its clock.
type bench struct {
	*postgrestest.Database
	*clock
	t testing.TB
}

func setup(t testing.TB) *bench {
	t.Helper()
	t.(*testing.T).Parallel()
	c := &clock{now: noon}
	return &bench{postgrestest.Open(t, c.Now), c, t}
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// token returns a token of a kind that is the same at every call.
func token(kind, of string) string {
	return kind + "." + (kind + strings.ReplaceAll(of, " ", "") + strings.Repeat("x", 26))[:26]
}

// mail is a mail to a person, full of canary values.
func mail(purpose mailout.Purpose, at time.Time) record.NewMail {
	return record.NewMail{
		Message: mailout.Message{
			From: "Soffiah <info@soffiah.test>", To: canary("mail"), EnvelopeFrom: "info@soffiah.test", MessageID: "id@soffiah.test",
			Subject: canary("subject"), Text: canary("text"), HTML: canary("html"), Language: "en", Purpose: purpose, Date: at,
		},
		TokenUntil: at.AddDate(0, 0, 21), ExpiresAt: at.AddDate(0, 0, 21),
	}
}

// asking is a mail that can be answered.
func asking(purpose mailout.Purpose, id string, at time.Time) record.NewMail {
	m := mail(purpose, at)
	m.Token, m.BounceToken, m.Awaited = token("c", string(purpose)+id), token("b", string(purpose)+id), true
	return m
}

// canary is a personal value that nothing else contains.
func canary(what string) string { return "canary-" + what + "-Ünïcode@lumiere.example" }

func intake(key string) dsr.Intake {
	return dsr.Intake{
		Right: dsr.Erasure, Name: canary("name"), Message: canary("message"), Language: "fr", Channel: dsr.Portal, IdempotencyKey: key,
		Elements: dsr.Elements{AccountName: canary("account"), Email: canary("email"), BusinessID: canary("business"), MailingAddress: canary("address")},
	}
}

func newRequest(now time.Time, in dsr.Intake) record.NewRequest {
	id, acknowledgement := uuid.NewString(), mail(mailout.Acknowledgement, now)
	return record.NewRequest{
		ID: id, Reference: "H-" + strings.ToUpper(id[:8]), PolicyVersion: "2026-01-15", ReceivedAt: now, DueAt: now.AddDate(0, 1, 0),
		Intake: in, Mail: &acknowledgement,
	}
}

// file records a request and returns its id.
func (b *bench) file() string {
	b.t.Helper()
	receipt, err := b.CreateRequest(b.t.Context(), newRequest(b.Now(), intake("")))
	must(b.t, err)
	return receipt.RequestID
}

// take takes a step that must be taken.
func (b *bench) take(id string, s record.Step) {
	b.t.Helper()
	taken, err := b.Take(b.t.Context(), id, s)
	if err != nil || !taken {
		b.t.Fatalf("step %s: taken %v, %v", s.Name, taken, err)
	}
}

// walk takes a request through states by bare steps.
func (b *bench) walk(id string, states ...dsr.State) {
	b.t.Helper()
	for _, s := range states {
		b.take(id, record.Step{Name: "to " + string(s), Event: dsr.EventIdentified, To: s})
	}
}

// number returns the single number that a query gives.
func (b *bench) number(sql string, args ...any) int {
	b.t.Helper()
	var n int
	must(b.t, b.SQL.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

// exec changes the tables behind the back of Habeas.
func (b *bench) exec(sql string, args ...any) error {
	_, err := b.SQL.Exec(b.t.Context(), sql, args...)
	return err
}

// FindToken looks one token up.
func (b *bench) FindToken(ctx context.Context, token string) (o record.TokenOwner, known bool, err error) {
	owners, err := b.FindTokens(ctx, []string{token})
	o, known = owners[token]
	return o, known, err
}

func wantError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// atOnce calls f from n goroutines that start together, and returns their errors.
func atOnce(t testing.TB, n int, f func(ctx context.Context, i int) error) []error {
	t.Helper()
	var group sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = f(t.Context(), i)
		})
	}
	close(start)
	group.Wait()
	return errs
}

func allNil(t testing.TB, errs []error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
