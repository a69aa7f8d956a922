package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/record"
)

func (b *bench) unmarked(folder string, validity uint32) []uint32 {
	b.t.Helper()
	uids, err := b.UnmarkedMails(b.t.Context(), "privacy", folder, validity)
	must(b.t, err)
	return uids
}

// TestMailsToMark: those that belong to a request, for a week, wherever a crash fell.
func TestMailsToMark(t *testing.T) {
	b := setup(t)
	id := b.file()
	theirs := inbound("", 6, "not_for_us")
	old := inbound(id, 2, "unclear")
	old.Backfilled = true
	b.store(record.Cursor{UIDValidity: 1, LastUID: 7}, inbound(id, 7, "confirm"), theirs, inbound(id, 5, "automatic"), old)
	elsewhere := inbound(id, 9, "unclear")
	elsewhere.Folder = "Junk"
	must(t, b.StoreInbound(t.Context(), "privacy", "Junk", record.Cursor{}, []record.Inbound{elsewhere}))
	if got := b.unmarked("INBOX", 1); !slices.Equal(got, []uint32{5, 7}) {
		t.Errorf("to mark: %v", got)
	}
	if got := slices.Concat(b.unmarked("INBOX", 2), b.unmarked("Other", 1)); len(got) != 0 {
		t.Errorf("to mark elsewhere: %v", got)
	}
	must(t, b.MailsMarked(t.Context(), "privacy", "INBOX", 1, []uint32{5, 99}))
	must(t, b.MailsMarked(t.Context(), "other", "INBOX", 1, []uint32{7}))
	if got := b.unmarked("INBOX", 1); !slices.Equal(got, []uint32{7}) {
		t.Errorf("to mark after one was: %v", got)
	}
	b.pass(6 * 24 * time.Hour)
	if got := b.unmarked("INBOX", 1); len(got) != 1 {
		t.Errorf("to mark after six days: %v", got)
	}
	b.pass(2 * 24 * time.Hour)
	if got := b.unmarked("INBOX", 1); len(got) != 0 {
		t.Errorf("to mark after eight days: %v", got)
	}
}

// TestMailsWithoutACursor: old mail, and mail of folders that are not watched.
func TestMailsWithoutACursor(t *testing.T) {
	b := setup(t)
	id := b.file()
	b.store(record.Cursor{UIDValidity: 1, LastUID: 7})
	b.store(record.Cursor{}, inbound(id, 3, "confirm"))
	c, known, err := b.MailboxCursor(t.Context(), "privacy", "INBOX")
	if err != nil || !known || c != (record.Cursor{UIDValidity: 1, LastUID: 7}) {
		t.Errorf("the cursor is %+v (%v), %v", c, known, err)
	}
	if n := b.replySignals(); n != 1 {
		t.Errorf("told %d times", n)
	}
	must(t, b.StoreInbound(t.Context(), "privacy", "Cases", record.Cursor{}, []record.Inbound{inbound(id, 4, "confirm")}))
	if _, known, err := b.MailboxCursor(t.Context(), "privacy", "Cases"); known || err != nil {
		t.Errorf("a folder without a cursor has one, %v", err)
	}
}

func TestKnownMails(t *testing.T) {
	b := setup(t)
	id := b.file()
	first, second, third := inbound(id, 1, "confirm"), inbound(id, 2, "confirm"), inbound("", 3, "not_for_us")
	b.store(record.Cursor{}, first, third)
	known, err := b.KnownMails(t.Context(), "privacy", [][]byte{first.Fingerprint, second.Fingerprint, third.Fingerprint})
	if err != nil || !slices.Equal(known, []bool{true, false, true}) {
		t.Errorf("known %v, %v", known, err)
	}
	known, err = b.KnownMails(t.Context(), "other", [][]byte{first.Fingerprint})
	if err != nil || !slices.Equal(known, []bool{false}) {
		t.Errorf("in another mailbox: %v, %v", known, err)
	}
	if known, err = b.KnownMails(t.Context(), "privacy", nil); err != nil || len(known) != 0 {
		t.Errorf("of none: %v, %v", known, err)
	}
}

func TestMailboxReads(t *testing.T) {
	b := setup(t)
	must(t, b.MailboxRead(t.Context(), "privacy", noon))
	must(t, b.MailboxRead(t.Context(), "privacy", noon.Add(-time.Hour)))
	must(t, b.MailboxRead(t.Context(), "support", noon.Add(-time.Minute)))
	reads, err := b.MailboxReads(t.Context())
	if err != nil || len(reads) != 2 || !reads["privacy"].Equal(noon.Truncate(time.Microsecond)) || !reads["support"].Equal(noon.Add(-time.Minute).Truncate(time.Microsecond)) {
		t.Errorf("read %v, %v", reads, err)
	}
}

// TestSilenceIsJudgedLate: only once every mailbox was read beyond the end of the
// time, and after an interruption only once what waited elsewhere has come in.
func TestSilenceIsJudgedLate(t *testing.T) {
	b := setup(t)
	id := b.file()
	until := noon.Add(24 * time.Hour)
	b.take(id, record.Step{Name: "ask", Event: dsr.EventPlanned, To: dsr.Identifying, ConfirmUntil: &until})
	must(t, b.exec(`UPDATE signal SET delivered_at = now()`))
	expect := func(when string, want bool) {
		t.Helper()
		if read, err := b.MailboxesRead(t.Context(), id, []string{"privacy", "support"}); err != nil || read != want {
			t.Errorf("%s: read %v, %v; want %v", when, read, err, want)
		}
	}
	steadily := func(mailbox string, from, to time.Time) {
		for at := from; !at.After(to); at = at.Add(10 * time.Minute) {
			must(t, b.MailboxRead(t.Context(), mailbox, at))
		}
	}
	expect("nobody has read", false)
	steadily("privacy", until.Add(-3*time.Hour), until.Add(10*time.Minute))
	expect("one mailbox was read", false)
	steadily("support", until.Add(-3*time.Hour), until.Add(-2*time.Hour)) // its first time is no interruption
	expect("the other only before the end", false)
	steadily("support", until.Add(24*time.Hour), until.Add(25*time.Hour))
	expect("the other an hour after an outage", false)
	steadily("support", until.Add(25*time.Hour), until.Add(26*time.Hour))
	expect("the other two hours after an outage", true)
}
