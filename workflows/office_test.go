package workflows_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/workflows"
)

const (
	requestID = "0197a000-0000-7000-8000-000000000001"
	day       = 24 * time.Hour
)

// office stands in for all activities of one request, under their own names. It
// keeps the state of the request as internal/postgres does: steps are taken once,
// and only along the transitions of internal/dsr. What happens is written down in
// log, one line each, with the time since the start.
type office struct {
	env   *testsuite.TestWorkflowEnvironment
	start time.Time
	file  casefile

	mu        sync.Mutex
	log       []string
	state     dsr.State
	attention dsr.Attention
	about     string
	taken     map[string]bool
	calls     map[string]int
	cancelled bool     // a mail that cancels is in the database
	withdrawn string   // what ended the request in time
	plans     int      // made so far
	gone      []string // stores that were erased
	sent      int      // decisions sent so far
	outcome   dsr.Outcome
	messages  map[string]workflows.Message
	accepted  []workflows.Decision // in order
	broken    []string             // promises that were not kept
}

// casefile is how a request turns out. The zero value is an account that agrees,
// a policy without cooling-off or approval, and one store that does as it is told.
type casefile struct {
	right      dsr.Right
	match      activities.Match
	candidates int
	cooling    time.Duration
	unnoticed  bool // nothing is heard of the notice of the cooling-off by itself
	approval   bool
	stricter   bool
	large      bool          // so many rows that two people must sign
	expiry     time.Duration // 21 days if zero
	stores     []string
	grown      int                      // plans that have grown since they were signed
	unread     int                      // times at which a mailbox was not read to its end
	observed   int                      // plans that meet a store in mode observe
	residual   int                      // readings back that find something left
	fail       map[string][]string      // codes with which the calls of an activity fail, by name; "" succeeds
	takes      map[string]time.Duration // how long an activity takes, by name
	during     map[string]func(*office) // what happens during a call of an activity, such as "Attend/2"
	noAnswer   bool                     // the answer is not reported as sent
	triage     dsr.Attention            // why it begins before a person
	missing    int                      // elements of identification that it lacks
}

func newOffice(t testing.TB, c casefile) *office {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(tlog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if c.right == "" {
		c.right = dsr.Erasure
	}
	if c.match == "" {
		c.match, c.candidates = activities.Matched, 1
	}
	if c.expiry == 0 {
		c.expiry = 21 * day
	}
	if c.stores == nil {
		c.stores = []string{"app"}
	}
	// The SDK holds retries of local activities against the clock on the wall, so
	// that the time of a test must lie ahead of it.
	start := time.Date(2126, 3, 2, 9, 0, 0, 0, time.UTC)
	o := &office{
		env: suite.NewTestWorkflowEnvironment(), file: c, start: start,
		state: dsr.Received, taken: map[string]bool{}, calls: map[string]int{},
		messages: map[string]workflows.Message{},
	}
	o.env.SetStartTime(o.start)
	o.env.SetTestTimeout(20 * time.Second)
	o.env.RegisterActivity(o)
	return o
}

// run runs the request to its end.
func (o *office) run() (workflows.RequestResult, error) {
	o.env.ExecuteWorkflow(workflows.Request, workflows.RequestInput{RequestID: requestID})
	var result workflows.RequestResult
	err := o.env.GetWorkflowError()
	if err == nil {
		err = o.env.GetWorkflowResult(&result)
	}
	return result, err
}

// promises returns the promises that were not kept by the end.
func (o *office) promises(result workflows.RequestResult) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	broken := o.broken
	for _, d := range o.accepted {
		if !o.taken["decision/"+d.ID] {
			broken = append(broken, fmt.Sprintf("the decision to %s was accepted and not recorded", d.Action))
		}
	}
	for _, name := range o.file.stores {
		if result.Outcome == dsr.Erased && !slices.Contains(o.gone, name) {
			broken = append(broken, name+" was never erased")
		}
	}
	if o.state != result.State || !o.state.Ended() || o.outcome != result.Outcome {
		broken = append(broken, fmt.Sprintf("the database says %s: %s, the workflow %s: %s", o.state, o.outcome, result.State, result.Outcome))
	}
	// Stores are erased side by side.
	for i := range o.log {
		for j := i; j > 0 && strings.Contains(o.log[j], " erase ") && strings.Contains(o.log[j-1], " erase ") && o.log[j] < o.log[j-1]; j-- {
			o.log[j], o.log[j-1] = o.log[j-1], o.log[j]
		}
	}
	return broken
}

// at has something happen after a time.
func (o *office) at(after time.Duration, do func(*office)) {
	o.env.RegisterDelayedCallback(func() { do(o) }, after)
}

// hears has the request hear of a mail that came in. One that cancels is in the
// database first.
func (o *office) hears(m workflows.Message) {
	m.Kind = workflows.KindReply
	o.mu.Lock()
	if m.ID == "" {
		m.ID = fmt.Sprintf("m%d", len(o.messages)+1)
	}
	o.messages[m.ID] = m
	if m.Verdict == workflows.VerdictCancel {
		if o.cancelled = true; !o.state.Irreversible() {
			o.withdrawn = "mail " + m.ID
		}
	}
	o.mu.Unlock()
	o.env.SignalWorkflow(workflows.SignalInbox, m)
}

// decides sends a decision to the request. The channel is closed when it was
// accepted or refused.
func (o *office) decides(action dsr.Action, about string) <-chan struct{} {
	answered := make(chan struct{})
	o.mu.Lock()
	o.sent++
	d := workflows.Decision{ID: fmt.Sprintf("decision%d", o.sent), Action: action, About: about}
	o.mu.Unlock()
	callbacks := &testsuite.TestUpdateCallback{
		OnAccept: func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.accepted = append(o.accepted, d)
			if d.Action == dsr.Cancel || d.Action == dsr.Reject {
				o.withdrawn = d.ID
			}
			o.note("%s %s", d.Action, d.About)
			close(answered)
		},
		OnReject: func(err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.note("refused: %s", err)
			close(answered)
		},
		OnComplete: func(any, error) {},
	}
	// The environment takes updates on its own goroutine only.
	o.env.RegisterDelayedCallback(func() { o.env.UpdateWorkflow(workflows.UpdateDecide, d.ID, callbacks, d) }, 0)
	return answered
}

// note writes down what happened. The caller holds the lock.
func (o *office) note(format string, args ...any) {
	o.log = append(o.log, since(o.env.Now().Sub(o.start))+" "+strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func since(d time.Duration) string {
	d = d.Round(time.Millisecond)
	days, rest := "", (d % day).String()
	if d >= day {
		days = fmt.Sprintf("%dd", d/day)
	}
	if d%day == 0 && d > 0 {
		return days
	}
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(rest, nothing) {
			rest = rest[:len(rest)-2]
		}
	}
	return days + rest
}

// begin opens a call of an activity: it fails or tarries as the case wants.
func (o *office) begin(ctx context.Context) error {
	name := activity.GetInfo(ctx).ActivityType.Name
	o.mu.Lock()
	n := o.calls[name]
	o.calls[name]++
	o.mu.Unlock()
	if during := o.file.during[fmt.Sprintf("%s/%d", name, n+1)]; during != nil {
		during(o)
	}
	if codes := o.file.fail[name]; n < len(codes) && codes[n] != "" {
		return failure(codes[n])
	}
	return nil
}

func failure(code string) error {
	return temporal.NewApplicationErrorWithOptions("incident", code, temporal.ApplicationErrorOptions{})
}

// take takes a step as internal/postgres does.
func (o *office) take(step string, to dsr.State, format string, args ...any) error {
	if o.taken[step] {
		return nil
	}
	if to == "" {
		to = o.state
	}
	if !o.state.CanBecome(to) {
		o.broken = append(o.broken, fmt.Sprintf("step %s from %s to %s", step, o.state, to))
		return failure(activities.CodeConflict)
	}
	o.taken[step], o.state = true, to
	o.note(format, args...)
	return nil
}

// done closes a call: at once, or after the time that the case wants, during
// which time may be skipped.
func done[T any](ctx context.Context, o *office, result T, err error) (T, error) {
	after := o.file.takes[activity.GetInfo(ctx).ActivityType.Name]
	if after == 0 || err != nil {
		return result, err
	}
	token := activity.GetInfo(ctx).TaskToken
	o.env.RegisterDelayedCallback(func() { _ = o.env.CompleteActivity(token, result, nil) }, after)
	return result, activity.ErrResultPending
}

func (o *office) Begin(ctx context.Context, _ activities.StepInput) (activities.Terms, error) {
	c := o.file
	return activities.Terms{
		Right: c.right, Automatic: c.right == dsr.Erasure, Approval: c.approval, ReminderAfter: 5 * day, CoolingOff: c.cooling,
		Triage: c.triage, Missing: c.missing,
	}, o.begin(ctx)
}

func (o *office) Identify(ctx context.Context, _ activities.StepInput) (activities.Identification, error) {
	result := activities.Identification{Match: o.file.match, Candidates: o.file.candidates}
	if err := o.begin(ctx); err != nil {
		return result, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	looked := slices.ContainsFunc(o.accepted, func(d workflows.Decision) bool { return d.Action == dsr.Approve })
	if (o.file.triage != "" || o.file.missing > 0) && !looked {
		o.broken = append(o.broken, "the account is looked for before the details were there and without a person")
	}
	return done(ctx, o, result, o.take("identified", dsr.Identifying, "%s", o.file.match))
}

func (o *office) ask(ctx context.Context, step string, to dsr.State) (activities.Asked, error) {
	if err := o.begin(ctx); err != nil {
		return activities.Asked{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attention = dsr.NoAttention
	return activities.Asked{ExpiresAt: o.env.Now().Add(o.file.expiry)}, o.take(step, to, "ask %s", step)
}

func (o *office) AskAddress(ctx context.Context, _ activities.StepInput) (activities.Asked, error) {
	return o.ask(ctx, "address", dsr.AddressCheck)
}

func (o *office) AskConfirmation(ctx context.Context, _ activities.StepInput) (activities.Asked, error) {
	return o.ask(ctx, "confirmation", dsr.AwaitingConfirmation)
}

func (o *office) Warn(ctx context.Context, in activities.StepInput) error {
	return o.simple(ctx, "warned", "", "warn of %s", in.MessageID)
}

func (o *office) AskAgain(ctx context.Context, in activities.StepInput) (activities.Asked, error) {
	return o.ask(ctx, "asked again/"+in.MessageID, dsr.AwaitingConfirmation)
}

func (o *office) AskDetails(ctx context.Context, _ activities.StepInput) (activities.Wanted, error) {
	asked, err := o.ask(ctx, "details", dsr.AwaitingDetails)
	o.mu.Lock()
	defer o.mu.Unlock()
	return activities.Wanted{Missing: o.file.missing, ExpiresAt: asked.ExpiresAt}, err
}

func (o *office) CountMissing(ctx context.Context, _ activities.StepInput) (int, error) {
	if err := o.begin(ctx); err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file.missing, nil
}

// supplies adds an element of identification to the request, as internal/postgres
// does.
func (o *office) supplies() {
	o.mu.Lock()
	late := !o.state.Supplementable(o.attention) || o.file.missing == 0
	if !late {
		o.file.missing--
	}
	o.note("details%s", map[bool]string{true: " too late"}[late])
	o.mu.Unlock()
	o.env.SignalWorkflow(workflows.SignalInbox, workflows.Message{Kind: workflows.KindDetails})
}

func (o *office) MailboxesRead(ctx context.Context, _ activities.StepInput) (bool, error) {
	if err := o.begin(ctx); err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.file.unread--
	return o.file.unread < 0, nil
}

func (o *office) Remind(ctx context.Context, _ activities.StepInput) error {
	return o.simple(ctx, "reminder", "", "remind")
}

// simple is a step that does nothing else.
func (o *office) simple(ctx context.Context, step string, to dsr.State, format string, args ...any) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.take(step, to, format, args...)
}

func (o *office) Confirmed(ctx context.Context, in activities.StepInput) error {
	o.mu.Lock()
	to := dsr.Planning
	if o.file.cooling > 0 {
		to = dsr.CoolingOff
	}
	m, told := o.messages[in.MessageID]
	d := o.decision(in.DecisionID)
	explicit := m.Verdict == workflows.VerdictConfirm
	read := d.Action == dsr.Approve && d.About == in.MessageID
	if !told || m.Purpose != string(mailout.Confirmation) || !explicit && !read {
		o.broken = append(o.broken, fmt.Sprintf("confirmed by message %q and decision %q", in.MessageID, in.DecisionID))
	}
	o.mu.Unlock()
	if to == dsr.CoolingOff && !o.file.unnoticed {
		o.env.SignalWorkflow(workflows.SignalInbox, workflows.Message{Kind: workflows.KindMail, Purpose: string(mailout.CoolingOff), Outcome: workflows.MailSent})
	}
	return o.simple(ctx, "confirmed", to, "confirmed by %s", in.MessageID)
}

func (o *office) MakePlan(ctx context.Context, in activities.StepInput) (activities.PlanSummary, error) {
	if err := o.begin(ctx); err != nil {
		return activities.PlanSummary{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.plans++
	plan := activities.PlanSummary{PlanID: o.plan(), Stores: o.file.stores, Stricter: o.file.stricter, TwoPeople: o.file.large, Observed: o.plans <= o.file.observed}
	if plan.Grown = in.SignedPlanID != "" && o.file.grown > 0; plan.Grown {
		o.file.grown--
	}
	return done(ctx, o, plan, o.take("plan/"+plan.PlanID, dsr.Planning, "%s", plan.PlanID))
}

// plan is the id of the present plan.
func (o *office) plan() string { return fmt.Sprintf("plan%d", o.plans) }

func (o *office) BeginErasing(ctx context.Context, in activities.PlanInput) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	approval := o.decision(in.DecisionID)
	switch {
	case o.taken["erasing"]:
	case o.cancelled:
		return failure(activities.CodeCancelled)
	case !o.taken["confirmed"] || in.PlanID != o.plan():
		o.broken = append(o.broken, "erasing begins without a confirmation or on an old plan")
		return failure(activities.CodeConflict)
	case (o.file.approval || o.file.stricter) && (approval.Action != dsr.Approve || approval.About != in.Signed):
		o.broken = append(o.broken, "erasing begins without an approval of its plan")
		return failure(activities.CodeConflict)
	case o.file.large && o.signatures(in.Signed) < 2:
		o.broken = append(o.broken, "erasing begins with fewer than two signatures")
		return failure(activities.CodeConflict)
	case o.paused():
		o.broken = append(o.broken, "erasing begins during a pause")
	}
	o.attention = dsr.NoAttention
	return o.take("erasing", dsr.Erasing, "begin erasing")
}

// signatures counts the approvals of a plan that were accepted.
func (o *office) signatures(plan string) int {
	n := 0
	for _, d := range o.accepted {
		if d.Action == dsr.Approve && d.About == plan {
			n++
		}
	}
	return n
}

// paused reports whether the last pause that was accepted is not over.
func (o *office) paused() bool {
	paused := false
	for _, d := range o.accepted {
		paused = d.Action == dsr.Pause || paused && d.Action != dsr.Resume
	}
	return paused
}

// decision returns an accepted decision.
func (o *office) decision(id string) workflows.Decision {
	for _, d := range o.accepted {
		if d.ID == id {
			return d
		}
	}
	return workflows.Decision{}
}

func (o *office) EraseStore(ctx context.Context, in activities.StoreInput) (activities.StoreOutcome, error) {
	o.mu.Lock()
	if o.withdrawn != "" {
		o.broken = append(o.broken, fmt.Sprintf("%s erased after %s", in.Store, o.withdrawn))
	}
	if o.state != dsr.Erasing && o.state != dsr.Verifying || in.PlanID != o.plan() {
		o.broken = append(o.broken, fmt.Sprintf("%s erased in state %s", in.Store, o.state))
	}
	o.mu.Unlock()
	err := o.begin(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.note("erase %s%s", in.Store, map[bool]string{true: " again"}[in.Again])
		o.gone = append(o.gone, in.Store)
	}
	return done(ctx, o, activities.StoreOutcome{}, err)
}

func (o *office) Certify(ctx context.Context, in activities.PlanInput) (activities.Readback, error) {
	if err := o.begin(ctx); err != nil {
		return activities.Readback{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == dsr.Answering {
		return activities.Readback{}, nil
	}
	if err := o.take("verifying/"+in.PlanID, dsr.Verifying, "read back"); err != nil {
		return activities.Readback{}, err
	}
	if o.file.residual > 0 {
		o.file.residual--
		o.note("rows left")
		return activities.Readback{Residual: o.file.stores[:1]}, nil
	}
	o.outcome, o.attention = dsr.Erased, dsr.NoAttention
	err := o.take("certified", dsr.Answering, "certified")
	if !o.file.noAnswer {
		o.env.SignalWorkflow(workflows.SignalInbox, workflows.Message{Kind: workflows.KindMail, Purpose: string(mailout.Answer), Outcome: workflows.MailSent})
	}
	return done(ctx, o, activities.Readback{}, err)
}

func (o *office) Complete(ctx context.Context, in activities.StepInput) (dsr.Outcome, error) {
	what := "completed"
	if in.Unread {
		what = "completed, with a mail to read"
	}
	return o.outcome, o.simple(ctx, "completed", dsr.Completed, "%s", what)
}

func (o *office) Attend(ctx context.Context, in activities.AttentionInput) error {
	words := []string{"attention", string(in.Attention), string(in.State), in.About, in.Store}
	if in.Attention == dsr.NoAttention {
		words[0] = "attention over"
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	err := o.simple(ctx, in.Step, in.State, "%s", strings.Join(words, " "))
	if err == nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.attention, o.about = in.Attention, in.About
	}
	return err
}

func (o *office) Decided(ctx context.Context, in activities.DecisionInput) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken["decision/"+in.DecisionID] = true
	return nil
}

func (o *office) ResendMails(ctx context.Context, _ activities.StepInput) error {
	if err := o.begin(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.note("resend")
	return nil
}

func (o *office) End(ctx context.Context, in activities.EndInput) error {
	o.mu.Lock()
	o.outcome = in.Outcome
	o.mu.Unlock()
	return o.simple(ctx, "ended", in.State, "%s %s", in.Outcome, in.Reason)
}
