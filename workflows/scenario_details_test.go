package workflows_test

import (
	"time"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/workflows"
)

func supplies(o *office) { o.supplies() }

// asking is what can become of a request by mail before the account is looked for.
func asking() map[string]scenario {
	lacking := casefile{missing: 1}
	words := func(id string) func(*office) { return reply(id, "unclear", mailout.Details) }
	return map[string]scenario{
		"by mail: the details come, and all goes on": {
			file: lacking, events: []event{{time.Hour, supplies}, {2 * time.Hour, yes("m1")}},
		},
		"by mail: the details come in two parts, with an unclear reply between": {
			file:   casefile{missing: 2},
			events: []event{{time.Hour, supplies}, {2 * time.Hour, words("d1")}, {3 * time.Hour, supplies}, {3 * time.Hour, approve("d1")}, {4 * time.Hour, yes("m1")}},
		},
		"by mail: no answer":                        {file: lacking},
		"by mail: no answer, and a mailbox unread":  {file: casefile{missing: 1, unread: 40}, events: []event{{22 * day, supplies}, {23 * day, no("m1")}}},
		"by mail: taken back":                       {file: lacking, events: []event{{time.Hour, reply("d1", workflows.VerdictCancel, mailout.Details)}}},
		"by mail: an unclear answer never expires":  {file: lacking, events: []event{{time.Hour, words("d1")}, {40 * day, supplies}, {41 * day, approve("d1")}, {42 * day, no("m1")}}},
		"by mail: a plain yes is no detail":         {file: lacking, events: []event{{time.Hour, reply("d1", workflows.VerdictConfirm, mailout.Details)}, {day, decide(dsr.Reject)}}},
		"by mail: a person goes on without details": {file: lacking, events: []event{{time.Hour, words("d1")}, {day, approve("d1")}, {2 * day, no("m1")}}},
		"by mail: the details come before they are waited for": {
			file:   casefile{missing: 1, takes: map[string]time.Duration{"Identify": time.Hour}, during: map[string]func(*office){"AskDetails/1": supplies}},
			events: []event{{2 * time.Hour, no("m1")}},
		},
		"by mail: details twice, then silence": {
			file: lacking, events: []event{{time.Hour, supplies}, {2 * time.Hour, supplies}},
		},
		"by mail: paused beyond the end of the time": {
			file: lacking, events: []event{{day, decide(dsr.Pause)}, {30 * day, decide(dsr.Resume)}},
		},
		"by mail: the acknowledgement can't be delivered, and a person adds the details": {
			file: lacking, events: []event{{time.Hour, mailed(mailout.Details, workflows.MailFailed)}, {day, supplies}, {2 * day, no("m1")}},
		},
		"by mail: doubtful, approved, asked for details": {
			file:   casefile{missing: 1, triage: dsr.DoubtfulMail},
			events: []event{{day, approve("")}, {2 * day, supplies}, {3 * day, yes("m1")}},
		},
		"by mail: doubtful, approved, complete": {
			file: casefile{triage: dsr.DoubtfulMail}, events: []event{{day, approve("")}, {3 * day, yes("m1")}},
		},
		"by mail: doubtful, rejected": {
			file: casefile{missing: 1, triage: dsr.DoubtfulMail}, events: []event{{day, decide(dsr.Reject)}},
		},
		"by mail: doubtful, and never looked at, stays open": {
			file: casefile{triage: dsr.Unacknowledged}, events: []event{{60 * day, decide(dsr.Resolve)}},
		},
		"by mail: several rights stay with a person": {
			file:   casefile{right: dsr.Access, missing: 1, triage: dsr.SeveralRights},
			events: []event{{time.Hour, supplies}, {day, approve("")}, {2 * day, decide(dsr.Resolve)}},
		},
		"by mail: asking is refused, and what was wrong is mended": {
			file:   casefile{missing: 1, fail: map[string][]string{"AskDetails": {activities.CodeConfiguration}}},
			events: []event{{day, decide(dsr.Retry)}, {2 * day, supplies}, {3 * day, no("m1")}},
		},
	}
}
