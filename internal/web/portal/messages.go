package portal

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/soffiah/habeas/internal/dsr"
)

// Messages is everything the portal says in one language. A test holds that no
// language leaves anything out.
type Messages struct {
	Lang, LangName string // BCP 47 tag; the language's name in itself
	Months         [12]string
	DatePattern    string // day, month, year

	Languages, SkipLink, Title, Intro, IntroCost string
	RightLegend                                  string
	Rights                                       map[dsr.Right]RightMessage
	WhoLegend, WhoHint                           string
	Email, EmailHint                             string
	AccountName, AccountNameHint                 string
	BusinessID, BusinessIDHint                   string
	MailingAddress, MailingAddressHint           string
	RestLegend                                   string
	Name, NameHint, Message, MessageHint         string
	Required, Trap, Send, DataNote               string

	NextTitle         string
	Next              [3]string
	PrivacyPolicy     string
	ContactLabel      string
	ReceivedTitle     string
	ReceivedIntro     string
	ReferenceLabel    string
	ReferenceHint     string
	ReceivedOnLabel   string
	DueOnLabel        string
	ComplaintHint     string
	ErrorsTitle       string
	ProblemTitle      string
	BackToForm        string
	IncidentLabel     string
	NoticeInvalid     string
	NoticeStale       string
	NoticeRate        string
	NoticeUnavailable string
	NoticeTrap        string
	NoticeInternal    string
	NoticeNotFound    string
	NoticeTooLarge    string

	DetailsTitle, DetailsIntro, DetailsSend, GivenTitle, GivenIntro, GoneTitle, GoneIntro string

	FieldRequired, FieldTooLong, FieldText, FieldAddress, FieldRight, FieldNoElement, FieldOther string
}

// RightMessage names a right and says in a sentence what it is.
type RightMessage struct{ Name, Explain string }

// languages returns what the portal speaks; the first is spoken to whoever
// asks for none of them.
func languages() []Messages { return []Messages{english(), french(), german(), spanish()} }

func (m Messages) date(t time.Time) string {
	day := fmt.Sprint(t.Day())
	if m.Lang == "fr" && t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf(m.DatePattern, day, m.Months[t.Month()-1], t.Year())
}

// fieldProblem says in m what dsr says about a field.
func (m Messages) fieldProblem(f dsr.FieldError) string {
	switch f.Problem {
	case dsr.ProblemRequired:
		return m.FieldRequired
	case dsr.ProblemText:
		return m.FieldText
	case dsr.ProblemAddress:
		return m.FieldAddress
	case dsr.ProblemRight:
		return m.FieldRight
	case dsr.ProblemNoElement:
		return m.FieldNoElement
	}
	if strings.HasPrefix(f.Problem, dsr.ProblemTooLong) {
		return fmt.Sprintf(m.FieldTooLong, dsr.MaxLength(f.Field))
	}
	return m.FieldOther
}

// problem says in m what went wrong and what to do.
func (m Messages) problem(status int) string {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusConflict, http.StatusUnsupportedMediaType:
		return m.NoticeInvalid
	case http.StatusForbidden:
		return m.NoticeStale
	case http.StatusTooManyRequests:
		return m.NoticeRate
	case http.StatusServiceUnavailable:
		return m.NoticeUnavailable
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return m.NoticeNotFound
	case http.StatusRequestEntityTooLarge:
		return m.NoticeTooLarge
	}
	return m.NoticeInternal
}
