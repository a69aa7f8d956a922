package dsr

import "time"

// EventType names something that happened to a request.
type EventType string

// What can happen to a request. The words are stable: they are part of the
// API, of the certificate and of the audit chain.
const (
	EventReceived          EventType = "received"
	EventAcknowledged      EventType = "acknowledged"
	EventDetailsAsked      EventType = "details_asked"
	EventDetailsReceived   EventType = "details_received"
	EventIdentified        EventType = "identified"
	EventMismatch          EventType = "identity_mismatch"
	EventNoMatch           EventType = "no_match"
	EventAddressAsked      EventType = "address_asked"
	EventAddressCheckSent  EventType = "address_check_sent"
	EventPlanned           EventType = "planned_in_categories"
	EventConfirmationSent  EventType = "confirmation_sent"
	EventReminded          EventType = "reminded"
	EventAskedAgain        EventType = "asked_again"
	EventReminderSent      EventType = "reminder_sent"
	EventReplySeen         EventType = "reply_seen"
	EventSuspiciousReply   EventType = "suspicious_reply"
	EventWarned            EventType = "warned"
	EventWarningSent       EventType = "warning_sent"
	EventConfirmed         EventType = "confirmed"
	EventCoolingOff        EventType = "cooling_off_started"
	EventCoolingOffNotice  EventType = "cooling_off_notice_sent"
	EventPlanMade          EventType = "plan_made"
	EventApprovalRequested EventType = "approval_requested"
	EventApproved          EventType = "approved"
	EventErasing           EventType = "erasing_started"
	EventStoreErased       EventType = "store_erased"
	EventVerifying         EventType = "verifying"
	EventVerified          EventType = "verified"
	EventCertified         EventType = "certified"
	EventAnswerSent        EventType = "answer_sent"
	EventCompleted         EventType = "completed"
	EventCancelled         EventType = "cancelled"
	EventRefused           EventType = "refused"
	EventExpired           EventType = "expired"
	EventAttention         EventType = "attention"
	EventAttentionCleared  EventType = "attention_cleared"
	EventDecided           EventType = "decided"
	EventPaused            EventType = "paused"
	EventResumed           EventType = "resumed"
	EventMailFailed        EventType = "mail_failed"
	EventDutyDone          EventType = "duty_done"
	EventClosed            EventType = "closed"
)

// Event is one thing that happened to a request. Facts carries codes, counts
// and times only, never personal data. Hash chains the events of a request:
// each covers the one before, so that none can be changed or left out unseen.
type Event struct {
	Seq   int            `json:"seq"`
	At    time.Time      `json:"at"`
	Type  EventType      `json:"type"`
	Actor string         `json:"actor,omitempty"`
	Facts map[string]any `json:"facts,omitempty"`
	Hash  string         `json:"hash"`
}
