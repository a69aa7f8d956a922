package reply

import (
	"regexp"
	"strings"
)

var (
	statusField  = regexp.MustCompile(`(?im)^Status:\s*([245])\.(\d{1,3})\.(\d{1,3})`)
	actionField  = regexp.MustCompile(`(?im)^Action:\s*(failed|delayed|delivered|relayed|expanded)`)
	statusInText = regexp.MustCompile(`(?:^|[^\d.])([45])\.(\d{1,2})\.(\d{1,3})(?:$|[^\d.])`)
	replyInText  = regexp.MustCompile(`(?:^|[\s:<"'(])(4\d\d|5[0-5]\d)[ -]`)
	delayWords   = regexp.MustCompile(`(?i)delivery delayed|delayed mail|\(delay\)|still being retried|will (?:be )?retr|do not need to resend|warning message only|will keep trying|could not send message for past|has not yet been delivered`)
	bounceWords  = regexp.MustCompile(`(?i)undeliver|not (?:be )?delivered|returned (?:mail|message|to sender)|delivery (?:has )?(?:fail|status|error|problem|report|notification|delay)|failure notice|unzustellbar|nicht zustellbar|non remis|no entregado|non recapitat|onbestelbaar|não entregue|niedostarczon|olevererbar|user unknown|mail delivery|unable to deliver|transcript of session|fatal errors|qmail-send|mail(?:box)? (?:is )?full|over quota|failed recipient|permanent error|could not (?:be )?deliver|unknown (?:user|recipient)|no such user|rejected`)
)

// bounce says what kind of delivery failure an automatic mail reports.
// [NoBounce] means that it reports none: an absence notice, a receipt, a list.
func bounce(doc *document, subject, from string) (kind BounceKind, status string) {
	if strings.HasSuffix(doc.report, "disposition-notification") || doc.report == "message/feedback-report" {
		return NoBounce, ""
	}
	if action := actionField.FindStringSubmatch(doc.status); action != nil {
		if m := statusField.FindStringSubmatch(doc.status); m != nil {
			status = m[1] + "." + m[2] + "." + m[3]
		}
		switch strings.ToLower(action[1]) {
		case "failed":
			return Permanent, status
		case "delayed":
			return Delay, status
		}
		return NoBounce, status
	}
	text := doc.plain
	if text == "" {
		text = doc.html
	}
	text = text[:min(len(text), 8<<10)]
	system := machineSender(from) != "" || doc.report != "" || from == ""
	switch {
	case doc.header.Has("X-Failed-Recipients"), bounceWords.MatchString(subject):
	case system && bounceWords.MatchString(text):
	default:
		return NoBounce, ""
	}
	if m := statusInText.FindStringSubmatch(text); m != nil {
		status = m[1] + "." + m[2] + "." + m[3]
	}
	switch reply := replyInText.FindStringSubmatch(text); {
	case delayWords.MatchString(subject) || delayWords.MatchString(text) || strings.HasPrefix(status, "4"):
		return Delay, status
	case status == "" && reply != nil && reply[1][0] == '4':
		return Delay, status
	}
	return Permanent, status
}
