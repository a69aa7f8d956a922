package reply

import (
	"context"
	"testing"
)

func TestBounceKinds(t *testing.T) {
	t.Parallel()
	report := func(action, status string) string {
		return "Return-Path: <>\r\nFrom: MAILER-DAEMON@a.test\r\nSubject: Report\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; x@y.z\r\nAction: " + action + "\r\nStatus: " + status + "\r\n--b--\r\n"
	}
	plain := func(subject, text string) string {
		return "Return-Path: <>\r\nFrom: Mail System <postmaster@a.test>\r\nSubject: " + subject + "\r\n\r\n" + text
	}
	for name, tc := range map[string]struct {
		raw     string
		verdict Verdict
		kind    BounceKind
		status  string
	}{
		"failed":               {report("failed", "5.1.1"), Bounce, Permanent, "5.1.1"},
		"delayed":              {report("delayed", "4.4.1"), Bounce, Delay, "4.4.1"},
		"relayed":              {report("relayed", "2.0.0"), Automatic, NoBounce, ""},
		"in words":             {plain("failure notice", "Sorry, 550 5.1.2 no such host"), Bounce, Permanent, "5.1.2"},
		"in words, later":      {plain("Delivery delayed", "will be retried, 451 4.7.1 greylisted"), Bounce, Delay, "4.7.1"},
		"by reply code":        {plain("Undeliverable", "the server said: 421 try later"), Bounce, Delay, ""},
		"without any reason":   {plain("Undeliverable", "x"), Bounce, Permanent, ""},
		"absence":              {plain("Automatic reply: x", "I am away until Monday."), Automatic, NoBounce, ""},
		"receipt":              {"Return-Path: <>\r\nSubject: Read: x\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n--b--\r\n", Automatic, NoBounce, ""},
		"complaint":            {"From: fbl@a.test\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--b--\r\n", Automatic, NoBounce, ""},
		"person on a delivery": {"From: kim@a.test\r\nTo: x\r\nSubject: Delivery problem with my parcel\r\n\r\nIt was not delivered.\r\n", NotForUs, NoBounce, ""},
	} {
		got := NewJudge(Config{}).Judge(context.Background(), Input{Raw: []byte(tc.raw)})
		if got.Verdict != tc.verdict || got.Bounce != tc.kind || got.BounceStatus != tc.status && tc.verdict == Bounce {
			t.Errorf("%s: got %s %s %q %v", name, got.Verdict, got.Bounce, got.BounceStatus, got.ReasonLines())
		}
	}
}
