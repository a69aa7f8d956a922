package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/soffiah/habeas/client"
	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/devenv/person"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/workflows"
)

// lookEvery is how often a story looks for what has happened.
const lookEvery = 25 * time.Millisecond

// Client returns a client of the team's API.
func (s *Sandbox) Client() (*client.Client, error) { return client.New(s.Config.Team.URL, s.Token) }

// Ready waits until the program takes requests and watches the mailbox, so that
// no reply can come before its watch.
func (s *Sandbox) Ready(ctx context.Context) error {
	master, err := app.LoadMaster(s.Config)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, s.Config.Database.URL.Reveal(), master, s.now)
	if err != nil {
		return err
	}
	defer db.Close()
	return s.until(ctx, "the program to be ready", func(ctx context.Context) (bool, error) {
		if !answers(ctx, s.Config.Team.URL+"/readyz") || !answers(ctx, s.Config.Public.URL+"/healthz") {
			return false, nil
		}
		_, known, err := db.MailboxCursor(ctx, "privacy", "INBOX")
		return known, err
	})
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// until looks again and again until done says so or the context ends.
func (s *Sandbox) until(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

// File files a request for erasure with everything that identifies an account.
func (s *Sandbox) File(ctx context.Context, a soffiah.Account) (dsr.Receipt, error) {
	c, err := s.Client()
	if err != nil {
		return dsr.Receipt{}, err
	}
	return c.Submit(ctx, Intake(a))
}

// Intake is the request for erasure that the holder of an account would file.
func Intake(a soffiah.Account) dsr.Intake {
	return dsr.Intake{
		Right: dsr.Erasure, Name: a.FullName, Language: a.Language, IdempotencyKey: "sandbox-" + a.ID,
		Elements: dsr.Elements{AccountName: a.AccountName, Email: a.Email, BusinessID: a.BusinessID, MailingAddress: a.MailingAddress},
	}
}

// About matches a mail of a purpose about a request.
func About(reference string, purpose mailout.Purpose) func(person.Mail) bool {
	return func(m person.Mail) bool {
		return m.Header.Get("X-Habeas-Purpose") == string(purpose) && strings.Contains(m.Subject, reference)
	}
}

// Confirm waits for the confirmation mail of a request and replies with the
// phrase that it asks for. It returns when the reply was delivered.
func (s *Sandbox) Confirm(ctx context.Context, a soffiah.Account, reference string) (time.Time, error) {
	p := a.Person(s.Mail)
	m, err := p.Await(ctx, About(reference, mailout.Confirmation))
	if err != nil {
		return time.Time{}, err
	}
	return p.Reply(ctx, m, mailout.WordsIn(a.Language).Confirm)
}

// Follow calls seen for every event of a request, once each and in order, until
// the request has reached one of the states wanted, and returns it.
func (s *Sandbox) Follow(ctx context.Context, requestID string, seen func(dsr.Event), wanted ...dsr.State) (dsr.Details, error) {
	c, err := s.Client()
	if err != nil {
		return dsr.Details{}, err
	}
	var details dsr.Details
	told := 0
	err = s.until(ctx, "the request", func(ctx context.Context) (bool, error) {
		if details, err = c.Show(ctx, requestID); err != nil {
			return false, err
		}
		for ; seen != nil && told < len(details.Events); told++ {
			seen(details.Events[told])
		}
		for _, state := range wanted {
			if details.State == state {
				return true, nil
			}
		}
		return false, nil
	})
	return details, err
}

// HistoryEvents returns how many events Temporal keeps for a request.
func (s *Sandbox) HistoryEvents(ctx context.Context, requestID string) (int64, error) {
	master, err := app.LoadMaster(s.Config)
	if err != nil {
		return 0, err
	}
	c, err := temporalx.Dial(ctx, temporalx.Options{
		Address: s.Config.Temporal.Address, Namespace: s.Config.Temporal.Namespace, Log: s.log, Role: "sandbox",
	}, master)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var length int64
	err = s.until(ctx, "the workflow to end", func(ctx context.Context) (bool, error) {
		d, err := c.DescribeWorkflowExecution(ctx, workflows.RequestID(requestID), "")
		if err != nil {
			return false, err
		}
		length = d.GetWorkflowExecutionInfo().GetHistoryLength()
		return d.GetWorkflowExecutionInfo().GetCloseTime() != nil, nil
	})
	return length, err
}
