package workflows_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/devenv/soffiah"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/internal/postgres"
	"github.com/soffiah/habeas/internal/sandbox"
	"github.com/soffiah/habeas/internal/temporalx"
	"github.com/soffiah/habeas/workflows"
)

const histories = "testdata/histories"

// TestHistories takes requests through a real Temporal server, from the filing to
// their end, and holds their histories against the workflows and against what may
// stand in a history. With -update it keeps them as testdata/histories/*.json, in
// plain text, for [TestReplay].
func TestHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("needs servers")
	}
	t.Parallel()
	// Two installations, since a policy holds for all requests of one.
	hasty := installation{stories: map[string]story{
		"completed": {confirm, nil, dsr.Completed, nil}, "cancelled": {refuse, nil, dsr.Cancelled, nil}, "unclear": {mumble, approveReply, dsr.Completed, nil},
	}}
	careful := installation{stories: map[string]story{
		"approved": {confirm, approvePlan, dsr.Completed, nil}, "rejected": {confirm, rejectPlan, dsr.Refused, nil},
	}}
	careful.policy = func(policy map[string]any) {
		policy["cooling_off"] = map[string]any{"erasure": "PT1S"}
		policy["approval"] = map[string]any{"erasure": true}
	}
	byMail := installation{stories: map[string]story{
		"by_mail": {confirm, nil, dsr.Completed, func(a soffiah.Account) string {
			return mailout.ElementLabel(a.Language, "account_name") + ": " + a.AccountName
		}},
	}}
	all := map[string]installation{"hasty": hasty, "careful": careful, "by mail": byMail}
	all["impatient"] = installation{policy: func(policy map[string]any) {
		policy["confirmation"] = map[string]any{
			"required": map[string]any{"erasure": true}, "reminder_after": "PT1S", "expires_after": "PT3S", "accept_unauthenticated": true,
		}
	}, stories: map[string]story{"unanswered": {nil, nil, dsr.Expired, func(soffiah.Account) string { return "" }}}}
	for name, i := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i.live(t)
		})
	}
}

// installation is a policy and what happens under it, by name of the history.
type installation struct {
	policy  func(map[string]any)
	stories map[string]story
}

// story is what the data subject writes, what a person decides, and how it ends.
type story struct {
	writes  func(language string) string
	decides func(context.Context, dsr.Details) dsr.Decision
	ends    dsr.State
	// details, if not nil, makes it a request by mail: how its acknowledgement, which
	// asks for the account name, is answered; empty: not at all.
	details func(soffiah.Account) string
}

func confirm(language string) string { return mailout.WordsIn(language).Confirm }
func refuse(language string) string  { return mailout.WordsIn(language).Refuse }
func mumble(string) string           { return "I have to think about this until next week." }

func approvePlan(_ context.Context, d dsr.Details) dsr.Decision {
	if d.Attention != dsr.PlanApproval {
		return dsr.Decision{}
	}
	return dsr.Decision{Action: dsr.Approve, About: d.PlanID}
}

func rejectPlan(_ context.Context, d dsr.Details) dsr.Decision {
	if d.Attention != dsr.PlanApproval {
		return dsr.Decision{}
	}
	return dsr.Decision{Action: dsr.Reject, Reason: "the account is under a court order"}
}

func approveReply(_ context.Context, d dsr.Details) dsr.Decision {
	if d.Attention != dsr.UnclearReply || len(d.Replies) == 0 {
		return dsr.Decision{}
	}
	return dsr.Decision{Action: dsr.Approve, About: d.Replies[0].ID}
}

func (i installation) live(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	s, err := sandbox.Start(ctx, sandbox.Options{Dir: t.TempDir(), Policy: i.policy, Accounts: 8})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ran
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(i.stories))
	for name := range i.stories {
		names = append(names, name)
	}
	slices.Sort(names)
	t.Run("stories", func(t *testing.T) {
		for n, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				i.stories[name].live(ctx, t, s, name, s.Company.Account(n))
			})
		}
	})
}

func (y story) live(ctx context.Context, t *testing.T, s *sandbox.Sandbox, name string, a soffiah.Account) {
	receipt := y.file(ctx, t, s, a)
	if y.writes != nil {
		p := a.Person(s.Mail)
		m, err := p.Await(ctx, sandbox.About(receipt.Reference, mailout.Confirmation))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Reply(ctx, m, y.writes(a.Language)); err != nil {
			t.Fatal(err)
		}
	}
	if y.decides != nil {
		y.decide(ctx, t, s, receipt.RequestID)
	}
	details, err := s.Follow(ctx, receipt.RequestID, nil, dsr.Completed, dsr.Cancelled, dsr.Refused, dsr.Expired)
	if err != nil || details.State != y.ends {
		t.Fatalf("ends in state %s with attention %q: %v", details.State, details.Attention, err)
	}
	if _, err := s.HistoryEvents(ctx, receipt.RequestID); err != nil {
		t.Fatal(err)
	}
	history := fetch(ctx, t, s, receipt.RequestID)
	if err := replay(history); err != nil {
		t.Errorf("the history of %s does not fit the workflow: %v", name, err)
	}
	text := plain(t, history)
	free(t, text, a)
	if *update {
		if err := os.WriteFile(filepath.Join(histories, name+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// file files the request, by mail or otherwise.
func (y story) file(ctx context.Context, t *testing.T, s *sandbox.Sandbox, a soffiah.Account) dsr.Receipt {
	t.Helper()
	if y.details == nil {
		receipt, err := s.File(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	p := a.Person(s.Mail)
	if _, err := p.Write(ctx, sandbox.Mailbox, "A request", "Please delete my account."); err != nil {
		t.Fatal(err)
	}
	asked, err := p.Await(ctx, sandbox.About("", mailout.Details))
	if err != nil {
		t.Fatal(err)
	}
	if text := y.details(a); text == "" {
		err = readLater(ctx, t, s)
	} else {
		_, err = p.Reply(ctx, asked, text)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	reference, _, _ := strings.Cut(strings.TrimPrefix(asked.Subject, "["), "]")
	details, err := c.Show(ctx, reference)
	if err != nil {
		t.Fatal(err)
	}
	return dsr.Receipt{RequestID: details.ID, Reference: details.Reference}
}

// readLater records that the mailbox was read after the time for an answer, which
// its watch does every few minutes.
func readLater(ctx context.Context, t *testing.T, s *sandbox.Sandbox) error {
	t.Helper()
	master, err := app.LoadMaster(s.Config)
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, s.Config.Database.URL.Reveal(), master, time.Now)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.MailboxRead(ctx, s.Config.Mail.Mailboxes[0].Name, time.Now().Add(time.Minute))
}

// decide waits until the request waits for the decision, and takes it.
func (y story) decide(ctx context.Context, t *testing.T, s *sandbox.Sandbox, id string) {
	t.Helper()
	c, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		details, err := c.Show(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if d := y.decides(ctx, details); d.Action != "" {
			if _, err := c.Decide(ctx, id, d); err != nil {
				t.Fatal(err)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the request never waited for a decision")
}

// fetch returns the history of a request with its payloads decrypted.
func fetch(ctx context.Context, t *testing.T, s *sandbox.Sandbox, id string) *historypb.History {
	t.Helper()
	master, err := app.LoadMaster(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	dc, err := temporalx.DataConverter(master)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(client.Options{HostPort: s.Config.Temporal.Address, Namespace: s.Config.Temporal.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	history := &historypb.History{}
	for events := c.GetWorkflowHistory(ctx, workflows.RequestID(id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, event)
	}
	decrypt := func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
		for i, p := range payloads {
			var raw converter.RawValue
			if err := dc.FromPayload(p, &raw); err != nil {
				return nil, err
			}
			payloads[i] = raw.Payload()
		}
		return payloads, nil
	}
	if err := proxy.VisitPayloads(ctx, history, proxy.VisitPayloadsOptions{Visitor: decrypt, SkipSearchAttributes: true}); err != nil {
		t.Fatalf("decrypting a history: %v", err)
	}
	return history
}

// plain returns a history as JSON with legible payloads.
func plain(t *testing.T, history *historypb.History) []byte {
	t.Helper()
	for _, e := range history.Events {
		// What names the machine is of no use to anybody.
		switch a := e.Attributes.(type) {
		case *historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes:
			if q := a.WorkflowTaskScheduledEventAttributes.TaskQueue; q.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
				q.Name = "sticky"
			}
		case *historypb.HistoryEvent_WorkflowTaskStartedEventAttributes:
			//lint:ignore SA1019 it stands in histories of every server, and names the build of whoever recorded
			a.WorkflowTaskStartedEventAttributes.WorkerVersion = nil
		case *historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes:
			//lint:ignore SA1019 as above
			a.WorkflowTaskCompletedEventAttributes.WorkerVersion = nil
		}
	}
	compact, err := temporalproto.CustomJSONMarshalOptions{Metadata: legible()}.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	// The encoder changes its spaces from build to build on purpose.
	if err := json.Indent(&text, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(text.Bytes(), '\n')
}

// legible has payloads written as the JSON that they are.
func legible() map[string]any {
	return map[string]any{commonpb.EnablePayloadShorthandMetadataKey: true}
}

// says reports whether a history contains a word. A number, such as a postal code,
// counts only where it stands by itself: in a moment or a digest any can occur.
func says(history []byte, word string) bool {
	word = strings.ToLower(strings.Trim(word, ","))
	if strings.Trim(word, "0123456789") != "" {
		return bytes.Contains(bytes.ToLower(history), []byte(word))
	}
	return regexp.MustCompile(`(^|[^0-9A-Za-z.])` + word + `($|[^0-9A-Za-z])`).Match(history)
}

// TestSays: chance does not look like a postal code, and a postal code like chance.
func TestSays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"2026-11-23T17:01:02.760001234Z"`: false, `"digest":"ab76000c"`: false, `"14 rue des Tanneurs, 76000 Rouen"`: true, `"76000"`: true, `"0.76000"`: false,
	} {
		if says([]byte(text), "76000") != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	if !says([]byte(`"Tanneurs"`), "tanneurs,") {
		t.Error("a word is not found")
	}
}

// free makes sure that a decrypted history says nothing about the person.
func free(t *testing.T, text []byte, a soffiah.Account) {
	t.Helper()
	values := a.Personal()
	values["business_id"], values["company"], values["account"] = a.BusinessID, a.CompanyName, a.ID
	for what, value := range values {
		for _, word := range append(strings.Fields(value), value) {
			if len(word) > 3 && says(text, word) {
				t.Errorf("the history holds the %s of the data subject", what)
			}
		}
	}
	if at := bytes.IndexByte(text, '@'); at >= 0 {
		t.Errorf("the history holds an address: %s", fmt.Sprintf("%q", text[max(at-20, 0):min(at+20, len(text))]))
	}
}
