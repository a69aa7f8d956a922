package mailout_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/mailout"
)

// queueOf is a queue of messages that live for a day.
func queueOf(n int) *memoryQueue {
	var messages []mailout.Queued
	for i := range n {
		messages = append(messages, queued(fmt.Sprint(i), 24*time.Hour))
	}
	return newQueue(messages...)
}

// TestRefusedRecipientIsNotTried: the mail goes before a person unsent.
func TestRefusedRecipientIsNotTried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		held := queued("a", time.Hour)
		held.Refused = true
		q := newQueue(held, queued("b", time.Hour))
		var sent []string
		_, stop := run(t, q, scriptedSender(func(_ context.Context, m mailout.Message) error {
			sent = append(sent, m.MessageID)
			return nil
		}), nil)
		time.Sleep(time.Second)
		stop()
		if diff := cmp.Diff([]string{"failed" + mailout.FailedHeld, "sent"}, q.states()); diff != "" || len(sent) != 1 {
			t.Errorf("sent %v:\n%s", sent, diff)
		}
	})
}

// TestCodesOfRecipients: what says nothing about a message counts against no recipient.
func TestCodesOfRecipients(t *testing.T) {
	for name, test := range map[string]struct {
		err  mailout.SendError
		code int
	}{
		"greylisted":     {mailout.SendError{Code: 451, Enhanced: "4.7.1"}, 451},
		"sender refused": {mailout.SendError{Outage: true, Code: 550}, 0},
		"throttled":      {mailout.SendError{Code: 432, Enhanced: "4.3.2"}, 0},
		"no server":      {mailout.SendError{Outage: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				q := newQueue(queued("a", time.Hour))
				_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error { return &test.err }), nil)
				<-q.moved
				stop()
				if q.rows[0].code != test.code {
					t.Errorf("recorded as %d", q.rows[0].code)
				}
			})
		})
	}
}

// TestOutageSparesTheQueue: while the mail server is away, one message at a time
// is tried, and all are sent soon after it is back.
func TestOutageSparesTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := queueOf(500)
		began := time.Now()
		var mu sync.Mutex
		tries := 0
		_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) < time.Hour {
				tries++
				return &mailout.SendError{Outage: true, Step: "test"}
			}
			return nil
		}), nil)
		time.Sleep(time.Hour)
		mu.Lock()
		if tries > 16+70 {
			t.Errorf("%d attempts during an outage of an hour", tries)
		}
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		sent := 0
		for _, s := range q.states() {
			if s == "sent" {
				sent++
			}
		}
		stop()
		if sent < 480 { // those tried in vain wait for their own time
			t.Errorf("%d of 500 were sent two minutes after the outage", sent)
		}
	})
}

// TestRefusedLoginIsNotRepeated: a wrong password must not lock the account, and no
// mail is lost by it.
func TestRefusedLoginIsNotRepeated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := queueOf(100)
		began := time.Now()
		var mu sync.Mutex
		tries := 0
		_, stop := run(t, q, scriptedSender(func(context.Context, mailout.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) < 6*time.Hour {
				tries++
				return &mailout.SendError{Outage: true, LoginRefused: true, Code: 535, Step: "test"}
			}
			return nil
		}), nil)
		time.Sleep(8 * time.Hour)
		stop()
		if tries > 8+20 {
			t.Errorf("%d logins in six hours", tries)
		}
		for _, s := range q.states() {
			if s != "sent" {
				t.Fatalf("a mail is %q", s)
			}
		}
	})
}
