package mailout_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/soffiah/habeas/internal/mailout"
)

// Messages per round, and rounds of which the median counts.
const (
	benchMessages = 1000
	benchRounds   = 5
	benchPool     = 8
	// benchFloor is the least share of the bare pool's speed that is good enough.
	benchFloor = 0.7
)

// BenchmarkOutbox measures messages per second through the outbox, with a queue
// in memory, as a share of what a bare pool of go-mail clients sends to the same
// server over as many connections. Rounds of both are interleaved, so that both
// meet the same load of the machine.
func BenchmarkOutbox(b *testing.B) {
	server := startMailServer(b, nil)
	m := letter(b, mailout.Confirmation, "en")
	for b.Loop() {
		var ratios, ours []float64
		for range benchRounds {
			bare := sendBare(b, server, m)
			through := sendThroughOutbox(b, server, m)
			ratios, ours = append(ratios, bare.Seconds()/through.Seconds()), append(ours, benchMessages/through.Seconds())
			server.mu.Lock()
			server.taken = nil
			server.mu.Unlock()
		}
		slices.Sort(ratios)
		slices.Sort(ours)
		b.ReportMetric(ratios[benchRounds/2], "ratio")
		b.ReportMetric(ours[benchRounds/2], "mails/s")
		if r := ratios[benchRounds/2]; r < benchFloor {
			b.Errorf("the outbox reaches %.2f of a bare pool, %.2f are wanted", r, benchFloor)
		}
	}
}

// BenchmarkCompose measures the making of the longest mail.
func BenchmarkCompose(b *testing.B) {
	f := everything()
	for b.Loop() {
		if _, err := mailout.Compose(mailout.Confirmation, "fr", f); err != nil {
			b.Fatal(err)
		}
	}
}

func sendThroughOutbox(b *testing.B, server *mailServer, m mailout.Message) time.Duration {
	b.Helper()
	var messages []mailout.Queued
	for i := range benchMessages {
		messages = append(messages, mailout.Queued{ID: fmt.Sprint(i), Message: m})
	}
	q := newQueue(messages...)
	s := server.sender(b, func(c *mailout.SMTPConfig) { c.Connections = benchPool })
	o := mailout.NewOutbox(q, s, mailout.OutboxOptions{Concurrency: benchPool, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- o.Run(ctx) }()
	for range benchMessages {
		<-q.moved
	}
	took := time.Since(began)
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

func sendBare(b *testing.B, server *mailServer, m mailout.Message) time.Duration {
	b.Helper()
	client, err := gomail.NewClient(server.host, gomail.WithPort(server.port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithHELO("habeas.acme.example"))
	if err != nil {
		b.Fatal(err)
	}
	work := make(chan struct{})
	var all sync.WaitGroup
	began := time.Now()
	for range benchPool {
		all.Go(func() {
			conn, err := client.DialToSMTPClientWithContext(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			for range work {
				msg := gomail.NewMsg()
				if err := bareMessage(msg, m); err != nil {
					b.Error(err)
				}
				if err := client.SendWithSMTPClient(conn, msg); err != nil {
					b.Error(err)
				}
			}
			if err := client.CloseWithSMTPClient(conn); err != nil {
				b.Error(err)
			}
		})
	}
	for range benchMessages {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	return time.Since(began)
}

func bareMessage(msg *gomail.Msg, m mailout.Message) error {
	for _, set := range []func() error{
		func() error { return msg.From(m.From) },
		func() error { return msg.To(m.To) },
		func() error { return msg.ReplyTo(m.ReplyTo) },
		func() error { return msg.EnvelopeFrom(m.EnvelopeFrom) },
	} {
		if err := set(); err != nil {
			return err
		}
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.MessageID)
	msg.SetDateWithValue(m.Date)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return nil
}
