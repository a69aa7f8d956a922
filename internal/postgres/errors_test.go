package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/record"
)

// TestErrorsHoldNoValues: PostgreSQL and its driver repeat values in their
// errors; Habeas does not pass them on.
func TestErrorsHoldNoValues(t *testing.T) {
	b := setup(t)
	id := b.file()
	secret := "canary-in-an-error"
	twin := newRequest(b.Now(), intake(""))
	twin.Reference = secret
	_, err := b.CreateRequest(t.Context(), twin)
	must(t, err)
	bad := func(change func(*record.Inbound)) error {
		m := inbound(id, 9, "unclear")
		change(&m)
		return b.StoreInbound(t.Context(), "privacy", "INBOX", record.Cursor{}, []record.Inbound{m})
	}
	step := func(change func(*record.Step)) error {
		s := record.Step{Name: secret, Event: dsr.EventIdentified}
		change(&s)
		_, err := b.Take(t.Context(), id, s)
		return err
	}
	for what, err := range map[string]error{
		"a unique key": func() error {
			r := newRequest(b.Now(), intake(""))
			r.Reference = secret
			_, err := b.CreateRequest(t.Context(), r)
			return err
		}(),
		"a foreign key":           b.SaveResults(t.Context(), uuid.NewString(), []dsr.StoreResult{{Store: secret, Collection: secret}}),
		"a NUL in JSON":           step(func(s *record.Step) { s.Facts = map[string]any{"x": secret + "\x00"} }),
		"a NUL in a text":         step(func(s *record.Step) { s.Actor = secret + "\x00" }),
		"a text that is no UTF-8": step(func(s *record.Step) { s.Actor = secret + "\xff" }),
		"a fact that is no JSON":  step(func(s *record.Step) { s.Facts = map[string]any{secret: func() {}} }),
		"no plan id":              step(func(s *record.Step) { s.PlanID = secret }),
		"a check":                 step(func(s *record.Step) { s.Duties = []record.NewDuty{{Kind: record.DutyKind(secret), DueAt: noon}} }),
		"a missing value":         bad(func(m *record.Inbound) { m.Fingerprint = nil; m.FreshText = secret }),
		"a NUL in a reason":       bad(func(m *record.Inbound) { m.Reasons = []string{secret + "\x00"} }),
		"a year that is too far": bad(func(m *record.Inbound) {
			m.Verdict = secret
			m.ReceivedAt = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)
		}),
		"no id":               b.SetAttention(t.Context(), secret, "", dsr.StoreFailing),
		"no id of a duty":     b.DutyPutOff(t.Context(), secret, noon),
		"no id of a mail":     b.Sent(t.Context(), secret, noon, secret),
		"no id to send again": b.RequeueFailed(t.Context(), secret),
		"an unknown right": func() error {
			r := newRequest(b.Now(), intake(""))
			r.Intake.Right = dsr.Right(secret + "\x00")
			_, err := b.CreateRequest(t.Context(), r)
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats a value: %v", what, err)
		}
	}
}

// TestDamagedRowsSayNothing: what does not open gives an error and no content.
func TestDamagedRowsSayNothing(t *testing.T) {
	b := setup(t)
	id := b.file()
	must(t, b.exec(`UPDATE request SET intake = set_byte(intake, 20, get_byte(intake, 20) # 1)`))
	_, err := b.LoadRequest(t.Context(), id)
	if err == nil || !strings.Contains(err.Error(), "intake") || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	// A value moved from one request to another does not open there.
	other := b.file()
	must(t, b.exec(`UPDATE request SET intake = (SELECT intake FROM request WHERE id = $1) WHERE id = $2`, other, id))
	if _, err := b.LoadRequest(t.Context(), id); err == nil {
		t.Error("the intake of one request opens in another")
	}
	must(t, b.exec(`UPDATE request SET account = intake WHERE id = $1`, other))
	if _, err := b.LoadRequest(t.Context(), other); err == nil {
		t.Error("an intake opens as an account")
	}
	must(t, b.exec(`UPDATE request SET account = NULL; `))
	must(t, b.exec(`UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE id <> $1 LIMIT 1) WHERE id = $1`, b.keyOf(other)))
	if _, err := b.LoadRequest(t.Context(), other); err == nil {
		t.Error("the key of one request opens as that of another")
	}
}

func (b *bench) keyOf(request string) (id uuid.UUID) {
	b.t.Helper()
	must(b.t, b.SQL.QueryRow(b.t.Context(), `SELECT data_key_id FROM request WHERE id = $1`, request).Scan(&id))
	return id
}

// TestServerThatGoesAway: whatever a lost server does to a call, the caller learns
// that the same call may succeed later, and it does.
func TestServerThatGoesAway(t *testing.T) {
	b := setup(t)
	id := b.file()
	p := newProxy(t, b.URL)
	db, err := postgres.Open(t.Context(), p.url, b.Master, b.Now)
	must(t, err)
	defer db.Close()
	must(t, db.Ping(t.Context()))
	p.set(false)
	for range 3 {
		_, err := db.LoadRequest(t.Context(), id)
		wantError(t, "cut off", err, dsr.ErrUnavailable)
		wantError(t, "cut off", db.Ping(t.Context()), dsr.ErrUnavailable)
	}
	p.set(true)
	if _, err = db.LoadRequest(t.Context(), id); err != nil {
		// A connection that died unseen may be handed out once more.
		_, err = db.LoadRequest(t.Context(), id)
	}
	must(t, err)
	// Cut off in the middle of a transaction that waits for a lock.
	tx, err := b.SQL.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `SELECT 1 FROM request FOR UPDATE`)
	must(t, err)
	waiting := make(chan error, 1)
	go func() {
		_, err := db.Take(context.WithoutCancel(t.Context()), id, record.Step{Name: "s", Event: dsr.EventIdentified})
		waiting <- err
	}()
	for b.number(`SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 {
	}
	p.set(false)
	wantError(t, "cut off while waiting", <-waiting, dsr.ErrUnavailable)
	must(t, tx.Rollback(t.Context()))
	must(t, b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()`))
	if err := b.Ping(t.Context()); err != nil {
		wantError(t, "ended by the server", err, dsr.ErrUnavailable)
	}
}

// TestCancelledCall: a caller that gives up is told so.
func TestCancelledCall(t *testing.T) {
	b := setup(t)
	id := b.file()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.LoadRequest(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Claim(ctx, 1, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// proxy stands between Habeas and its server, and can be cut through.
type proxy struct {
	url    string
	target string
	mu     sync.Mutex
	up     bool
	open   []net.Conn
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{target: u.Host, up: true}
	u.Host = listener.Addr().String()
	p.url = u.String()
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(false)
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.serve(conn)
		}
	}()
	return p
}

func (p *proxy) serve(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.up {
		_ = conn.Close()
		return
	}
	p.open = append(p.open, conn, server)
	go func() { _, _ = io.Copy(conn, server) }()
	go func() { _, _ = io.Copy(server, conn) }()
}

func (p *proxy) set(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = up
	if !up {
		for _, c := range p.open {
			_ = c.Close()
		}
		p.open = nil
	}
}
