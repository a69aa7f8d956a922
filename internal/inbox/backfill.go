package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// Backfilled is what reading old mail of a mailbox has found.
type Backfilled struct {
	// Read is how many mails were read, Known how many of them were on record
	// before: nothing follows from those.
	Read  int `json:"read"`
	Known int `json:"known"`
	// Verdicts counts the others by verdict; Tied are those that belong to requests.
	Verdicts map[string]int `json:"verdicts"`
	Tied     int            `json:"tied"`
	// Requests are those that look like requests and belong to none: a person has to
	// look at them.
	Requests []FoundRequest `json:"requests"`
}

// FoundRequest is where a mail stands that looks like a request.
type FoundRequest struct {
	Folder     string    `json:"folder"`
	UID        uint32    `json:"uid"`
	ReceivedAt time.Time `json:"received_at"`
}

// Backfill reads the mail that a mailbox has received since a day and records it as
// if it had just come, but acknowledges, marks and moves nothing and leaves the
// cursors where they are. With dryRun it judges and records nothing. progress is
// told after each batch how many mails have been read. It can be repeated: what is
// on record is passed over.
func (i *Inbox) Backfill(ctx context.Context, mailbox string, since time.Time, dryRun bool, progress func(read int)) (Backfilled, error) {
	found := Backfilled{Verdicts: map[string]int{}, Requests: []FoundRequest{}}
	cfg, ok := i.Mailboxes[mailbox]
	if !ok {
		return found, fmt.Errorf("the mailbox %s is not in the configuration", mailbox)
	}
	s := &sink{i, mailbox}
	err := mailin.Backfill(ctx, cfg, since, func(ctx context.Context, messages []mailin.Message) error {
		mails, known, err := s.old(ctx, messages)
		if err != nil {
			return err
		}
		if !dryRun {
			if err := s.record(ctx, messages[0].Folder, record.Cursor{}, mails); err != nil {
				return err
			}
		}
		found.add(mails, known)
		progress(found.Read)
		return nil
	})
	return found, err
}

// old judges old mails, and says which are on record.
func (s *sink) old(ctx context.Context, messages []mailin.Message) ([]record.Inbound, []bool, error) {
	mails, err := s.judgeAll(ctx, messages)
	if err != nil {
		return nil, nil, err
	}
	fingerprints := make([][]byte, len(mails))
	for n := range mails {
		mails[n].Backfilled = true
		fingerprints[n] = mails[n].Fingerprint
	}
	known, err := s.Records.KnownMails(ctx, s.mailbox, fingerprints)
	return mails, known, err
}

func (b *Backfilled) add(mails []record.Inbound, known []bool) {
	b.Read += len(mails)
	for n, m := range mails {
		if known[n] {
			b.Known++
			continue
		}
		b.Verdicts[m.Verdict]++
		if m.RequestID != "" {
			b.Tied++
		} else if m.Verdict == string(reply.NewRequest) {
			b.Requests = append(b.Requests, FoundRequest{Folder: m.Folder, UID: m.UID, ReceivedAt: m.ReceivedAt})
		}
	}
}
