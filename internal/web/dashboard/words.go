package dashboard

import "github.com/soffiah/habeas/internal/dsr"

// rightName names a right with its article of the GDPR.
func rightName(r dsr.Right) string {
	switch r {
	case dsr.Access:
		return "Access (Art. 15)"
	case dsr.Rectification:
		return "Rectification (Art. 16)"
	case dsr.Erasure:
		return "Erasure (Art. 17)"
	case dsr.Restriction:
		return "Restriction (Art. 18)"
	case dsr.Portability:
		return "Portability (Art. 20)"
	case dsr.Objection:
		return "Objection (Art. 21)"
	case dsr.ConsentWithdrawal:
		return "Withdrawal of consent (Art. 7(3))"
	case dsr.AutomatedDecisions:
		return "Automated decision (Art. 22)"
	}
	return words(r)
}

// attentions says for each reason why a person is asked, and what to do.
func attentions() map[dsr.Attention]string {
	return map[dsr.Attention]string{
		dsr.IdentityMismatch:  "Some of what the person gave agrees with an account and some does not. Compare it, then approve the identity or reject the request with a reason.",
		dsr.ManualRight:       "This right is handled by a person. Do what was asked, then resolve the request and say what was done.",
		dsr.UnclearReply:      "A reply is neither an explicit yes nor an explicit no. Read it, then approve it if it means yes, or cancel.",
		dsr.MailUndeliverable: "A mail to the person was refused for good or came back; the last event says which and why. Mend the address or the mail server, then retry; if the answer reached them another way, resolve the request.",
		dsr.PlanApproval:      "The plan in rows is ready. Nothing is erased before it is approved.",
		dsr.SecondApproval:    "The plan touches so many rows that a second person must sign it. Whoever has signed it can't sign it again.",
		dsr.StoreObserved:     "A data store is only observed, so nothing may be written to it. Read the plan below; an approver then enables the store with `habeas store enable NAME --plan ID`. Then retry.",
		dsr.StoreFailing:      "A data store fails again and again. Habeas keeps trying; once it is mended, retry to go on at once.",
		dsr.StoreBlocked:      "A data store refuses for a reason that trying again does not mend. Mend it, then retry.",
		dsr.PolicyStricter:    "A later version of the policy is stricter than the one in force when the request arrived. Decide whether to go on.",
		dsr.StepRefused:       "A step was refused for a reason that trying again does not mend, such as a version of the policy that was taken out of the configuration. Mend it, then retry.",
		dsr.MailboxBehind:     "A mailbox could not be read since before the time for a reply ended, so the request does not expire. Mend the mailbox.",
		dsr.SeveralRights:     "A mail invokes several rights. Do what was asked in the order that was asked for; an erasure among them is filed as a request of its own. Approve to take it on.",
		dsr.DoubtfulMail:      "A request came by a mail that may not come from whom it names, or that is not plain; nobody was answered. Read it, then approve to have it take the usual course, or reject it.",
		dsr.Unacknowledged:    "A request came by mail and was not acknowledged, because of a limit or because it was found late. Approve to have it take the usual course.",
		dsr.ResidualFound:     "Reading back found rows that should be gone. See which below, then retry.",
	}
}

func attentionText(a dsr.Attention) string { return attentions()[a] }

// actionText says what a decision does.
func actionText(a dsr.Action) string {
	switch a {
	case dsr.Approve:
		return "Look at it once more on the next page, then sign."
	case dsr.Reject:
		return "Refuse the request. The person is told your reason and how to complain."
	case dsr.Cancel:
		return "Withdraw the request for the person, who asked for that."
	case dsr.Pause:
		return "Hold every further step. The due date does not move."
	case dsr.Resume:
		return "End the pause and go on."
	case dsr.Retry:
		return "Try again at once what failed."
	case dsr.Ask:
		return "Ask once more for an explicit answer, by a new mail to the address on the account."
	case dsr.Resolve:
		return "What was asked has been done outside of Habeas. Say what."
	}
	return ""
}
