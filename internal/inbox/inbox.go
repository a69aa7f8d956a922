// Package inbox takes in what arrives in the watched mailboxes: it ties each mail
// to its request by the token it carries, has it judged, and records mail,
// verdict, cursor and what the request must hear of it in one transaction. Only
// then does anybody act on it.
package inbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailin"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/record"
	"github.com/soffiah/habeas/internal/reply"
)

// Records is what the inbox needs of the database.
type Records interface {
	MailboxCursor(ctx context.Context, mailbox, folder string) (c record.Cursor, known bool, err error)
	FindTokens(ctx context.Context, tokens []string) (map[string]record.TokenOwner, error)
	MailboxRead(ctx context.Context, mailbox string, at time.Time) error
	TokenGuesses(ctx context.Context) (lastHour, fromOneDomain int, err error)
	StoreInbound(ctx context.Context, mailbox, folder string, c record.Cursor, mails []record.Inbound) error
	UnmarkedMails(ctx context.Context, mailbox, folder string, uidValidity uint32) ([]uint32, error)
	MailsMarked(ctx context.Context, mailbox, folder string, uidValidity uint32, uids []uint32) error
	KnownMails(ctx context.Context, mailbox string, fingerprints [][]byte) ([]bool, error)
	CasesLeft(ctx context.Context, since time.Time) (int, error)
}

// Inbox watches mailboxes. All fields are required but those that may be nil.
type Inbox struct {
	Records Records
	// Judge believes only mails for whose sender somebody vouches; Lenient, which may
	// be nil, takes those of whom nobody says anything.
	Judge   *reply.Judge
	Lenient *reply.Judge
	// Safeties returns what the policy of a request says about replies to it.
	Safeties func(policyVersion string) Safeties
	// Cases opens requests by mail; nil: a mail opens none.
	Cases *Cases
	// Domains are those of our own addresses.
	Domains []string
	// Mailboxes says how to reach each mailbox of the configuration, by name.
	Mailboxes map[string]mailin.Config
	Log       *slog.Logger

	pokes pokes
}

// Safeties is what a policy says about replies.
type Safeties struct {
	// AcceptUnauthenticated lets replies count for whose sender nobody vouches.
	AcceptUnauthenticated bool
	// MinimumAge is how soon after our mail a reply is too quick for a person.
	MinimumAge time.Duration
}

// Watch watches a mailbox until the context ends.
func (i *Inbox) Watch(ctx context.Context, mailbox string) error {
	cfg, ok := i.Mailboxes[mailbox]
	if !ok {
		return fmt.Errorf("the mailbox %s is not in the configuration", mailbox)
	}
	log := i.Log.With(slog.String("mailbox", mailbox))
	also := cfg.Report
	cfg.Report = func(e mailin.Event) {
		report(ctx, log, e)
		if also != nil {
			also(e)
		}
		if e.Kind == mailin.CaughtUp {
			// The watcher must not wait for the database.
			go i.caughtUp(ctx, mailbox, e.At)
		}
	}
	poke, leave := i.pokes.join()
	defer leave()
	cfg.Poke = poke
	return mailin.Watch(ctx, cfg, &sink{i, mailbox})
}

// caughtUp records that a mailbox was read to its end. That it is not recorded
// only puts off what waits for it.
func (i *Inbox) caughtUp(ctx context.Context, mailbox string, at time.Time) {
	if err := i.Records.MailboxRead(ctx, mailbox, at); err != nil && ctx.Err() == nil {
		i.Log.LogAttrs(ctx, slog.LevelWarn, "reading of a mailbox not recorded", slog.String("error", err.Error()))
	}
}

// report logs what a person may have to mend.
func report(ctx context.Context, log *slog.Logger, e mailin.Event) {
	level := slog.LevelDebug
	switch e.Kind {
	case mailin.LoginRejected:
		level = slog.LevelError
	case mailin.Disconnected, mailin.FolderAbsent, mailin.Renumbered, mailin.Gap, mailin.MarkFailed:
		level = slog.LevelWarn
	case mailin.Connected, mailin.FolderNew, mailin.Searched:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{slog.String("event", string(e.Kind)), slog.Int("count", e.Count)}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()), slog.Duration("wait", e.Wait))
	}
	log.LogAttrs(ctx, level, "mailbox", attrs...)
}

// sink is one mailbox of an inbox, as the watcher fills it.
type sink struct {
	*Inbox
	mailbox string
}

// Cursor implements [mailin.Sink].
func (s *sink) Cursor(ctx context.Context, folder string) (mailin.Cursor, bool, error) {
	c, known, err := s.Records.MailboxCursor(ctx, s.mailbox, folder)
	return mailin.Cursor{Folder: folder, UIDValidity: c.UIDValidity, LastUID: c.LastUID}, known, err
}

// Take implements [mailin.Sink]: mails are judged before those before them are on
// record. No judgement rests on what another mail of the same minute does.
func (s *sink) Take(ctx context.Context, messages []mailin.Message) (mailin.Store, error) {
	mails, err := s.judgeAll(ctx, messages)
	return func(ctx context.Context, c mailin.Cursor) error {
		return s.record(ctx, c.Folder, record.Cursor{UIDValidity: c.UIDValidity, LastUID: c.LastUID}, mails)
	}, err
}

// Unmarked implements [mailin.Sink].
func (s *sink) Unmarked(ctx context.Context, folder string, uidValidity uint32) ([]uint32, error) {
	return s.Records.UnmarkedMails(ctx, s.mailbox, folder, uidValidity)
}

// Marked implements [mailin.Sink].
func (s *sink) Marked(ctx context.Context, folder string, uidValidity uint32, uids []uint32) error {
	return s.Records.MailsMarked(ctx, s.mailbox, folder, uidValidity, uids)
}

// judgeAll judges mails side by side. Their tokens are looked up at once.
func (s *sink) judgeAll(ctx context.Context, messages []mailin.Message) ([]record.Inbound, error) {
	candidates := make([][]reply.TokenCandidate, len(messages))
	var tokens []string
	for n, m := range messages {
		candidates[n] = s.candidates(m.Raw)
		for _, c := range candidates[n][:min(len(candidates[n]), mostTokens)] {
			if token := nameOf(c); !slices.Contains(tokens, token) {
				tokens = append(tokens, token)
			}
		}
	}
	owners, err := s.Records.FindTokens(ctx, tokens)
	if err != nil {
		return nil, err
	}
	mails := make([]record.Inbound, len(messages))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, m := range messages {
		group.Go(func() error {
			var err error
			mails[n], err = s.judge(ctx, m, candidates[n], owners)
			return err
		})
	}
	return mails, group.Wait()
}

// record keeps mails and cursor.
func (s *sink) record(ctx context.Context, folder string, c record.Cursor, mails []record.Inbound) error {
	err := s.Records.StoreInbound(ctx, s.mailbox, folder, c, mails)
	if err != nil && !errors.Is(err, dsr.ErrUnavailable) && ctx.Err() == nil {
		err = s.recordSingly(ctx, folder, c, mails, err)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(mails, func(m record.Inbound) bool { return m.Guess != nil }) {
		s.guessed(ctx)
	}
	s.left(ctx, mails)
	s.unread(ctx, mails)
	return nil
}

// recordSingly keeps mails one by one after they could not be kept together, so that
// one of them holds up none of the others. That one is set aside: it is on record
// without its content, and people look at it in the mailbox. That the database is
// away, or takes nothing at all, is no fault of a mail.
func (s *sink) recordSingly(ctx context.Context, folder string, c record.Cursor, mails []record.Inbound, together error) error {
	for _, m := range mails {
		err := s.Records.StoreInbound(ctx, s.mailbox, folder, record.Cursor{}, []record.Inbound{m})
		if errors.Is(err, dsr.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		if err == nil {
			continue
		}
		s.Log.LogAttrs(ctx, slog.LevelError, "a mail could not be stored: look at it in the mailbox",
			slog.String("mailbox", s.mailbox), slog.String("folder", m.Folder), slog.Uint64("uid", uint64(m.UID)), slog.String("error", err.Error()))
		bare := record.Inbound{
			Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, Fingerprint: m.Fingerprint, ReceivedAt: m.ReceivedAt,
			Verdict: string(reply.Unclear), Reasons: []string{"not_stored"},
		}
		if s.Records.StoreInbound(ctx, s.mailbox, folder, record.Cursor{}, []record.Inbound{bare}) != nil {
			return together
		}
	}
	return s.Records.StoreInbound(ctx, s.mailbox, folder, c, nil)
}

// unread tells whoever runs the installation of mails that could not be read at
// all: people must look for them in the mailbox.
func (s *sink) unread(ctx context.Context, mails []record.Inbound) {
	for _, m := range mails {
		if len(m.Raw) == 0 && m.Verdict == string(reply.Unclear) {
			s.Log.LogAttrs(ctx, slog.LevelError, "a mail could not be read: look at it in the mailbox",
				slog.String("mailbox", s.mailbox), slog.String("folder", m.Folder), slog.Uint64("uid", uint64(m.UID)), slog.Any("reasons", m.Reasons))
		}
	}
}

// Above so many mails with tokens that do not exist in an hour, in sum and from the
// senders of one domain, somebody may be guessing. Tokens have 128 random bits, so
// that nobody will hit one; that somebody tries is worth knowing.
const (
	guessesInSum   = 50
	guessesFromOne = 10
)

// guessed warns where many tokens that do not exist have come in. That they can't
// be counted now stops nothing.
func (s *sink) guessed(ctx context.Context) {
	all, one, err := s.Records.TokenGuesses(ctx)
	if err == nil && (all >= guessesInSum || one >= guessesFromOne) {
		s.Log.LogAttrs(ctx, slog.LevelError, "many mails carry reply tokens that do not exist: somebody may be guessing",
			slog.String("mailbox", s.mailbox), slog.Int("last_hour", all), slog.Int("from_one_domain", one))
	}
}

func (s *sink) judge(ctx context.Context, m mailin.Message, candidates []reply.TokenCandidate, owners map[string]record.TokenOwner) (record.Inbound, error) {
	mail := record.Inbound{
		Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID, ReceivedAt: m.InternalDate, Raw: m.Raw,
		Fingerprint: fingerprint(m),
	}
	if m.Trouble != "" {
		mail.Verdict, mail.Reasons = string(reply.Unclear), []string{"mailbox: " + string(m.Trouble)}
		if len(m.Raw) == 0 {
			return mail, nil
		}
	}
	in := reply.Input{Raw: m.Raw, Truncated: m.Truncated || m.Trouble != "", ReceivedAt: m.InternalDate, Junk: m.Junk}
	owner, token := ownerOf(candidates, owners)
	judge := s.Judge
	if owner != nil {
		mail.RequestID, mail.Purpose = owner.RequestID, owner.Purpose
		safeties := s.Safeties(owner.PolicyVersion)
		if safeties.AcceptUnauthenticated && s.Lenient != nil {
			judge = s.Lenient
		}
		if token.Kind == reply.ConfirmToken {
			in.Expect = expect(*owner, token, safeties.MinimumAge)
		}
	}
	j := judge.Judge(ctx, in)
	mail.Verdict, mail.FreshText, mail.MessageID = string(j.Verdict), j.FreshText, j.MessageID
	mail.Reasons = append(mail.Reasons, codes(j)...)
	if !j.ReceivedAt.IsZero() {
		mail.ReceivedAt = j.ReceivedAt
	}
	mail.Tell = owner != nil && tell(j, owner.Purpose)
	mail.Arrived = owner != nil && j.Verdict == reply.Confirm
	mail.Suspicious = owner != nil && !j.Automatic && token.Kind == reply.ConfirmToken && token.Source != reply.FromBody && j.Has(reply.AuthFailed)
	if owner == nil && slices.ContainsFunc(candidates, func(c reply.TokenCandidate) bool { return c.Source != reply.FromBody }) {
		_, domain, _ := strings.Cut(strings.ToLower(j.From), "@")
		mail.Guess = &domain
	}
	if owner != nil && j.Bounce == reply.Permanent {
		mail.Bounce = &record.Bounce{MailID: owner.MailID, Status: j.BounceStatus}
	}
	if owner == nil {
		return mail, s.Cases.open(m, &mail, j)
	}
	mail.Details = details(m.Raw, j, *owner, token)
	return mail, s.Cases.renew(&mail, j, *owner)
}

// mostTokens is how many tokens of one mail are looked up: it must not make work
// for as long as it can be written.
const mostTokens = 16

// candidates returns the tokens in a mail, those that count most first.
func (s *sink) candidates(raw []byte) []reply.TokenCandidate {
	candidates := reply.Tokens(raw, s.Domains...)
	// A bounce quotes the mail that bounced, so that its answer token counts least.
	slices.SortStableFunc(candidates, func(a, b reply.TokenCandidate) int { return weight(a) - weight(b) })
	return candidates
}

// nameOf is a token as it was given out.
func nameOf(c reply.TokenCandidate) string { return string(c.Kind) + "." + c.Token }

// ownerOf finds the request of the first token that counts: one with which a mail
// of ours can be answered, else one to which it bounces.
func ownerOf(candidates []reply.TokenCandidate, owners map[string]record.TokenOwner) (*record.TokenOwner, reply.TokenCandidate) {
	for _, c := range candidates[:min(len(candidates), mostTokens)] {
		if owner, known := owners[nameOf(c)]; known {
			return &owner, c
		}
	}
	return nil, reply.TokenCandidate{}
}

func weight(c reply.TokenCandidate) int {
	switch {
	case c.Source == reply.FromBody:
		return 2
	case c.Kind == reply.BounceToken:
		return 1
	}
	return 0
}

func expect(o record.TokenOwner, c reply.TokenCandidate, minimumAge time.Duration) *reply.Expectation {
	// A token that stands only below the header ties a mail to its request, and
	// proves nothing.
	if c.Source == reply.FromBody {
		return nil
	}
	e := &reply.Expectation{
		Token: c.Token, SentTo: o.Mail.To, Language: o.Mail.Language, SentSubject: o.Mail.Subject, SentText: o.Mail.Text,
		SentAt: o.Mail.Date, ExpiresAt: o.ExpiresAt, MinimumAge: minimumAge, Answered: o.State.Ended(),
	}
	if o.SentAt != nil {
		e.SentAt = *o.SentAt
	}
	if o.Reminder != nil {
		e.SentText += "\n" + o.Reminder.Subject + "\n" + o.Reminder.Text
	}
	return e
}

// tell reports whether a request must hear of a mail: of an answer, and of
// whatever a person has to read. What machines write is recorded and no more.
func tell(j reply.Judgement, purpose mailout.Purpose) bool {
	switch j.Verdict {
	case reply.Automatic, reply.Bounce, reply.NotForUs:
		return false
	case reply.Confirm:
		return purpose == mailout.Confirmation || purpose == mailout.AddressCheck || purpose == mailout.Details
	}
	return true
}

// codes returns the reasons without their details, which a sender can choose.
func codes(j reply.Judgement) []string {
	all := make([]string, len(j.Reasons))
	for i, r := range j.Reasons {
		all[i] = string(r.Code)
	}
	return all
}

// fingerprint is a digest of what does not change when the same mail is
// delivered, moved or numbered again: everything but the trace fields that
// servers add on the way (RFC 5321 section 4.4).
func fingerprint(m mailin.Message) []byte {
	h := sha256.New()
	if len(m.Raw) == 0 {
		fmt.Fprintf(h, "%s/%d/%d", m.Folder, m.UIDValidity, m.UID)
		return h.Sum(nil)
	}
	rest, skipped := m.Raw, false
	for line := range bytes.Lines(m.Raw) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		rest = rest[len(line):]
		if folded := line[0] == ' ' || line[0] == '\t'; !folded {
			name, _, _ := bytes.Cut(line, []byte(":"))
			skipped = slices.Contains(traceFields(), textproto.CanonicalMIMEHeaderKey(string(name)))
		}
		if !skipped {
			h.Write(line)
		}
	}
	h.Write(rest)
	return h.Sum(nil)
}

func traceFields() []string {
	return []string{"Received", "Return-Path", "Delivered-To", "X-Original-To"}
}
