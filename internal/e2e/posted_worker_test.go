package e2e

import (
	"fmt"
	"iter"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/devenv"
	"github.com/soffiah/habeas/internal/devenv/mailservers"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/sandbox"
)

// Ten thousand mails have gathered while nobody watched, and the reply that confirms
// is in the middle of them.
func TestTenThousandWaiting(t *testing.T) {
	const (
		waiting = 10_000
		// half of the bytes that wait
		most = waiting * 9_000 / 2
	)
	i := installPosted(t, sandbox.Options{})
	stop := i.run()
	a := i.Company.Account(1)
	receipt, m := i.asked(a)
	stop()
	i.servers.Fill(t, sandbox.Mailbox, strangers(0, waiting/2))
	i.reply(a, m, mailout.WordsIn(a.Language).Confirm)
	i.inMailbox(a)
	i.servers.Fill(t, sandbox.Mailbox, strangers(waiting/2, waiting))

	peak := watchHeap(t)
	began := time.Now()
	i.run()
	i.follow(receipt.RequestID, time.Minute, dsr.Completed)
	confirmed := time.Since(began)
	i.until("all mails to be stored", func() bool {
		time.Sleep(200 * time.Millisecond) // each look is a connection, and takes from what is measured
		return query[int](t, i.ownURL(), "SELECT count(*) FROM message") > waiting
	})
	took := time.Since(began)
	t.Logf("%d mails in %v (%.0f a second), the request completed after %v, %.1f MiB of live heap more", waiting,
		took.Round(time.Millisecond), waiting/took.Seconds(), confirmed.Round(time.Millisecond), float64(peak.Load())/(1<<20))
	if n := query[int](t, i.ownURL(), "SELECT count(DISTINCT fingerprint) FROM message WHERE verdict <> 'duplicate'"); n != waiting+1 {
		t.Errorf("%d different mails are stored", n)
	}
	if n := query[int](t, i.ownURL(), "SELECT count(*) FROM message"); n != waiting+1 {
		t.Errorf("%d mails are stored", n)
	}
	if peak.Load() > most {
		t.Errorf("it took %d bytes of memory", peak.Load())
	}
}

// strangers are mails of 9 KB with an attachment, from people who have no request;
// every tenth carries a token that was never given out.
func strangers(from, to int) iter.Seq[[]byte] {
	attachment := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 105)
	return func(yield func([]byte) bool) {
		for n := from; n < to; n++ {
			recipient := sandbox.Mailbox
			if n%10 == 0 {
				recipient = fmt.Sprintf("info+c.%s@soffiah.test", strings.Repeat("a", 26))
			}
			mail := fmt.Sprintf("Return-Path: <visitor%d@elsewhere.test>\r\nDelivered-To: %s\r\nReceived: from elsewhere.test by %s with ESMTP; %s\r\n"+
				"From: visitor%d@elsewhere.test\r\nTo: %s\r\nSubject: Number %d\r\nMessage-ID: <%d@elsewhere.test>\r\n"+
				"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello,\r\nthis is number %d.\r\n"+
				"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n%s--b--\r\n",
				n, recipient, mailservers.Host, time.Now().Format(time.RFC1123Z), n, recipient, n, n, n, attachment)
			if !yield([]byte(mail)) {
				return
			}
		}
	}
}

// watchHeap tells by how much the memory that is in use has grown at most since now.
func watchHeap(t *testing.T) *atomic.Int64 {
	live := func() int64 {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	runtime.GC()
	before, peak := live(), new(atomic.Int64)
	go func() {
		for tick := time.NewTicker(10 * time.Millisecond); t.Context().Err() == nil; <-tick.C {
			peak.Store(max(peak.Load(), live()-before))
		}
	}()
	return peak
}

// A worker that watches the mailbox dies without a word, and another takes over.
func TestWatchIsTakenOver(t *testing.T) {
	const within = 30 * time.Second
	i := installPosted(t, sandbox.Options{})
	binary := filepath.Join(t.TempDir(), "habeas")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/soffiah/habeas/cmd/habeas").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	i.spawn(binary, "server")
	first := i.spawn(binary, "worker")
	i.ready()
	i.spawn(binary, "worker")
	i.until("the second worker", func() bool {
		return query[int](t, i.ownURL(), "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE query ILIKE 'listen %'") == 2
	})
	a := i.Company.Account(1)
	receipt, m := i.asked(a)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	i.reply(a, m, mailout.WordsIn(a.Language).Confirm)
	i.untilReplies(receipt.RequestID, 1)
	if took := time.Since(killed); took > within {
		t.Errorf("the mail was read %v after the worker died", took)
	} else {
		t.Logf("the mail was read %v after the worker died", took.Round(100*time.Millisecond))
	}
	i.follow(receipt.RequestID, time.Minute, dsr.Completed)
}

// spawn runs a part of the program as a process until the test ends.
func (i posted) spawn(binary, subcommand string) *devenv.Child {
	i.t.Helper()
	child, err := i.Spawn(binary, subcommand)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = child.Kill() })
	return child
}
