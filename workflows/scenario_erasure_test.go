package workflows_test

import (
	"time"

	"github.com/soffiah/habeas/activities"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/mailout"
	"github.com/soffiah/habeas/workflows"
)

// thinking is what can happen between the confirmation and the erasure.
func thinking() map[string]scenario {
	cooling := casefile{cooling: 72 * time.Hour}
	careful := casefile{approval: true}
	return map[string]scenario{
		"cooling-off passes": {file: cooling, events: []event{{time.Hour, yes("m1")}}},
		"cancelled by mail during cooling-off": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {2 * day, no("m2")}},
		},
		"cancelled by a person during cooling-off": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {2 * day, decide(dsr.Cancel)}},
		},
		"the notice of cooling-off can't be delivered: its time begins when it was": {
			file: casefile{cooling: 72 * time.Hour, unnoticed: true},
			events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, mailed(mailout.CoolingOff, workflows.MailFailed)},
				{5 * day, decide(dsr.Retry)}, {6 * day, mailed(mailout.CoolingOff, workflows.MailSent)},
			},
		},
		"the notice of cooling-off reaches one of two addresses": {
			file: casefile{cooling: 72 * time.Hour, unnoticed: true},
			events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, mailed(mailout.CoolingOff, workflows.MailFailed)},
				{day, mailed(mailout.CoolingOff, workflows.MailSent)},
			},
		},
		"the notice of cooling-off comes back: its time begins anew": {
			file: casefile{cooling: 72 * time.Hour, unnoticed: true},
			events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, mailed(mailout.CoolingOff, workflows.MailSent)}, {2 * day, mailed(mailout.CoolingOff, workflows.MailBounced)},
				{5 * day, decide(dsr.Retry)}, {6 * day, mailed(mailout.CoolingOff, workflows.MailSent)},
			},
		},
		"the notice of cooling-off comes back while the plan waits for its signature": {
			file: casefile{cooling: 72 * time.Hour, approval: true},
			events: []event{
				{time.Hour, yes("m1")}, {5 * day, mailed(mailout.CoolingOff, workflows.MailBounced)}, {6 * day, approve("plan1")},
				{7 * day, decide(dsr.Retry)}, {8 * day, mailed(mailout.CoolingOff, workflows.MailSent)}, {9 * day, approve("plan1")},
			},
		},
		"a no that waits in a mailbox nobody could read during cooling-off": {
			file: casefile{cooling: 72 * time.Hour, unread: 40}, events: []event{{time.Hour, yes("m1")}, {4 * day, no("m2")}},
		},
		"the mailbox is read again after cooling-off, and nobody has written": {
			file: casefile{cooling: 72 * time.Hour, unread: 40}, events: []event{{time.Hour, yes("m1")}},
		},
		"mails that come while stores are erased are left for a person": {
			file:   casefile{takes: map[string]time.Duration{"EraseStore": 5 * day}},
			events: []event{{time.Hour, yes("m1")}, {2 * day, unclear("m2")}, {3 * day, no("m3")}, {3 * day, yes("m4")}},
		},
		"a second yes during cooling-off": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {2 * day, yes("m2")}},
		},
		"an unclear mail during cooling-off holds the erasure": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {2 * day, unclear("m2")}, {9 * day, approve("m2")}},
		},
		"a mail that only bears the person's name holds the erasure, and they are told": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {2 * day, suspicious("m2")}, {9 * day, approve("m2")}},
		},
		"two unclear mails during cooling-off": {
			file: cooling, events: []event{
				{time.Hour, yes("m1")}, {2 * day, unclear("m2")}, {2 * day, unclear("m3")}, {9 * day, approve("m2")}, {10 * day, approve("m3")},
			},
		},
		"approved with the plan": {
			file: careful, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, approve("")}, {2 * time.Hour, approve("plan0")}, {3 * time.Hour, approve("plan1")},
			},
		},
		"a plan that has grown since it was signed is signed again": {
			file: casefile{approval: true, grown: 1}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, approve("plan1")}, {3 * time.Hour, approve("plan2")}, {day, approve("plan3")},
			},
		},
		"a large plan is signed by two people": {
			file: casefile{large: true}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, approve("plan1")}, {day, approve("plan1")},
			},
		},
		"a large plan is signed by two people at once": {
			file: casefile{large: true}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, func(o *office) { o.decides(dsr.Approve, "plan1"); o.decides(dsr.Approve, "plan1") }},
			},
		},
		"a large plan that has grown is signed by two people again": {
			file: casefile{large: true, approval: true, grown: 1}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, approve("plan1")}, {day, approve("plan1")}, {2 * day, approve("plan3")}, {3 * day, approve("plan3")},
			},
		},
		"the second person rejects a large plan": {
			file: casefile{large: true}, events: []event{{time.Hour, yes("m1")}, {2 * time.Hour, approve("plan1")}, {day, decide(dsr.Reject)}},
		},
		"the plan is rejected": {
			file: careful, events: []event{{time.Hour, yes("m1")}, {2 * time.Hour, decide(dsr.Reject)}},
		},
		"an unclear mail while the plan waits for its signature": {
			file: careful, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, unclear("m2")}, {3 * time.Hour, approve("plan1")}, {4 * time.Hour, approve("m2")},
				{5 * time.Hour, approve("plan1")},
			},
		},
		"the policy has become stricter": {
			file:   casefile{stricter: true, approval: true},
			events: []event{{time.Hour, yes("m1")}, {2 * time.Hour, approve("plan1")}, {2 * time.Hour, approve("policy:plan1")}, {3 * time.Hour, approve("plan1")}},
		},
		"paused before erasing, resumed after cooling-off is over": {
			file: cooling, events: []event{
				{time.Hour, yes("m1")}, {2 * day, decide(dsr.Pause)}, {3 * day, decide(dsr.Pause)}, {20 * day, decide(dsr.Resume)},
			},
		},
		"paused after the approval was given": {
			file: casefile{approval: true}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, decide(dsr.Pause)}, {3 * time.Hour, approve("plan1")},
				{4 * time.Hour, unclear("m2")}, {5 * time.Hour, approve("m2")}, {day, decide(dsr.Resume)},
			},
		},
		"cancelled while paused": {
			file: cooling, events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Pause)}, {5 * day, no("m2")}},
		},
		"at the last moment a cancellation is in the database": {
			file: casefile{during: map[string]func(*office){"BeginErasing/1": func(o *office) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.cancelled = true
			}}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"at the last moment a cancellation arrives": {
			file:   casefile{during: map[string]func(*office){"BeginErasing/1": no("m2")}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"a person can't cancel while erasing begins": {
			file:   casefile{during: map[string]func(*office){"BeginErasing/1": meanwhile(dsr.Cancel)}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"a person can't pause while erasing begins": {
			file:   casefile{during: map[string]func(*office){"BeginErasing/1": meanwhile(dsr.Pause)}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"cancelled while the plan is being made": {
			file:   casefile{takes: map[string]time.Duration{"MakePlan": day}},
			events: []event{{time.Hour, yes("m1")}, {2 * time.Hour, decide(dsr.Cancel)}},
		},
	}
}

// erasing is what can happen in data stores.
func erasing() map[string]scenario {
	three := []string{"app", "billing", "uploads"}
	return map[string]scenario{
		"a store is only observed: plans anew": {
			file:   casefile{observed: 2, approval: true},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Retry)}, {2 * day, decide(dsr.Retry)}, {3 * day, approve("plan3")}},
		},
		"a store is only observed: cancelled": {
			file: casefile{observed: 2}, events: []event{{time.Hour, yes("m1")}, {day, no("m2")}},
		},
		"a store refuses while the plan is made": {
			file:   casefile{fail: map[string][]string{"MakePlan": {activities.CodeStoreSchema}}},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Retry)}},
		},
		"a store refuses to erase, and is mended": {
			file: casefile{fail: map[string][]string{"EraseStore": {activities.CodeStoreDenied, activities.CodeStoreDenied}}},
			events: []event{
				{time.Hour, yes("m1")}, {day, decide(dsr.Cancel)}, {day, no("m2")}, {day, decide(dsr.Retry)}, {2 * day, decide(dsr.Retry)},
			},
		},
		"a store is down for a while": {
			file: casefile{stores: three, fail: map[string][]string{
				"EraseStore": {activities.CodeStoreUnavailable, activities.CodeStoreUnavailable, activities.CodeStoreUnavailable},
			}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"erasing takes days: it can't be cancelled": {
			file:   casefile{takes: map[string]time.Duration{"EraseStore": 4 * day}},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Cancel)}, {2 * day, no("m2")}},
		},
		"erasing takes days: a person wants a try at once": {
			file:   casefile{takes: map[string]time.Duration{"EraseStore": 4 * day}},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Retry)}},
		},
		"reading back is refused once": {
			file:   casefile{fail: map[string][]string{"Certify": {activities.CodeStoreDenied}}},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Retry)}},
		},
		"rows come back twice": {
			file: casefile{stores: three, residual: 2}, events: []event{{time.Hour, yes("m1")}},
		},
		"rows come back again and again": {
			file:   casefile{stores: three, residual: 4},
			events: []event{{time.Hour, yes("m1")}, {day, decide(dsr.Pause)}, {day, decide(dsr.Retry)}},
		},
	}
}

// answering is what can happen to the answer.
func answering() map[string]scenario {
	return map[string]scenario{
		"the answer is sent late": {
			file: casefile{noAnswer: true}, events: []event{{time.Hour, yes("m1")}, {2 * day, mailed(mailout.Answer, workflows.MailSent)}},
		},
		"the answer can't be delivered, and is sent again": {
			file: casefile{noAnswer: true}, events: []event{
				{time.Hour, yes("m1")}, {day, mailed(mailout.Answer, workflows.MailFailed)}, {2 * day, decide(dsr.Cancel)},
				{3 * day, decide(dsr.Retry)}, {4 * day, mailed(mailout.Answer, workflows.MailSent)},
			},
		},
		"the answer can't be delivered, and a person gives it": {
			file: casefile{noAnswer: true}, events: []event{
				{time.Hour, yes("m1")}, {2 * time.Hour, decide(dsr.Resolve)}, {day, mailed(mailout.Answer, workflows.MailFailed)},
				{2 * day, decide(dsr.Resolve)},
			},
		},
		"no decision is taken while the request ends": {
			file:   casefile{during: map[string]func(*office){"End/1": meanwhile(dsr.Pause)}},
			events: []event{{time.Hour, no("m1")}},
		},
		"no decision is taken while the request completes": {
			file:   casefile{during: map[string]func(*office){"Complete/1": meanwhile(dsr.Reject)}},
			events: []event{{time.Hour, yes("m1")}},
		},
		"the database is down at the end": {
			file: casefile{fail: map[string][]string{"End": {
				activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable, activities.CodeUnavailable,
			}}},
			events: []event{{time.Hour, no("m1")}},
		},
	}
}
