package mailout

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/law"
)

//go:embed templates
var templateFiles embed.FS

// vocabulary is the words of all mails in one language, as templates/<lang>.yaml
// holds them.
type vocabulary struct {
	Date              string            `yaml:"date"`
	FirstOfMonth      string            `yaml:"first_of_month"`
	DateTime          string            `yaml:"date_time"`
	Months            []string          `yaml:"months"`
	Thousands         string            `yaml:"thousands"`
	Records           counted           `yaml:"records"`
	Minutes           counted           `yaml:"minutes"`
	Hours             counted           `yaml:"hours"`
	Days              counted           `yaml:"days"`
	MonthsLong        counted           `yaml:"months_long"`
	YearsLong         counted           `yaml:"years_long"`
	Colon             string            `yaml:"colon"`
	Or                string            `yaml:"or"` // between two ways of doing something
	Until             string            `yaml:"until"`
	Term              term              `yaml:"term"`
	Event             map[string]string `yaml:"event"`
	AllData           string            `yaml:"all_data"`
	ControllerUnknown string            `yaml:"controller_unknown"`
	Greeting          string            `yaml:"greeting"`
	GreetingPlain     string            `yaml:"greeting_plain"`
	Label             map[string]string `yaml:"label"`
	Right             map[string]string `yaml:"right"`
	Heading           map[string]string `yaml:"heading"`
	Acknowledgement   sentences         `yaml:"acknowledgement"`
	Element           map[string]string `yaml:"element"` // labels of elements of identification
	Details           detailsSentences  `yaml:"details"`
	AddressCheck      sentences         `yaml:"address_check"`
	Confirmation      sentences         `yaml:"confirmation"`
	Reminder          sentences         `yaml:"reminder"`
	Confirm           map[string]string `yaml:"confirm"`
	CoolingOff        sentences         `yaml:"cooling_off"`
	SuspiciousReply   sentences         `yaml:"suspicious_reply"`
	Cancelled         sentences         `yaml:"cancelled"`
	Refused           sentences         `yaml:"refused"`
	Expired           sentences         `yaml:"expired"`
	NothingHeld       sentences         `yaml:"nothing_held"`
	Answer            answerSentences   `yaml:"answer"`
	EvidenceOfRequest string            `yaml:"evidence_of_request"` // where nothing was erased
	Remedies          map[string]string `yaml:"remedies"`
	Footer            map[string]string `yaml:"footer"`
	Reason            map[string]string `yaml:"reason"`
	Category          map[string]string `yaml:"category"`

	rights map[string]rightWords // of templates/rights.<lang>.yaml
}

// rightWords is what is said of one right.
type rightWords struct {
	Topic   string `yaml:"topic"`   // for subjects
	Asked   string `yaml:"asked"`   // who was asked for what
	Pending string `yaml:"pending"` // nothing has been done before a confirmation
	Silence string `yaml:"silence"` // nor without one
	Effect  string `yaml:"effect"`  // what a confirmation brings about
	AtOnce  string `yaml:"at_once"` // when, without a cooling-off
	Begins  string `yaml:"begins"`  // when, after it
	Undone  string `yaml:"undone"`  // a request that ended had no effect
	Done    string `yaml:"done"`
}

// term is for how long something is kept.
type term struct {
	Plain        string `yaml:"plain"`
	Since        string `yaml:"since"`          // counted from an event
	SinceYearEnd string `yaml:"since_year_end"` // counted from the end of the year of an event
}

// sentences is what is said for one purpose, in this order.
type sentences struct {
	Subject string   `yaml:"subject"`
	Body    []string `yaml:"body"`
	Action  string   `yaml:"action"` // what to do; stands out
	By      string   `yaml:"by"`     // until when; left out where there is no date
	After   []string `yaml:"after"`
}

type detailsSentences struct {
	sentences `yaml:",inline"`
	Form      string `yaml:"form"`  // how to answer by the form
	Reply     string `yaml:"reply"` // how to answer by mail
}

type answerSentences struct {
	sentences       `yaml:",inline"`
	Other           sentences `yaml:"other"` // for every right but erasure
	Nothing         string    `yaml:"nothing"`
	Backups         string    `yaml:"backups"`
	Evidence        string    `yaml:"evidence"`
	EvidenceUndated string    `yaml:"evidence_undated"`
	Told            string    `yaml:"told"`
}

// counted is a noun with its number.
type counted struct {
	One   string `yaml:"one"`
	Other string `yaml:"other"`
}

// vocabularies reads the embedded files once; they do not change afterwards.
var vocabularies = sync.OnceValues(func() (map[string]*vocabulary, error) {
	all := map[string]*vocabulary{}
	for _, lang := range Languages() {
		v, err := readVocabulary(lang)
		if err != nil {
			return nil, fmt.Errorf("reading the mail templates in %s: %w", lang, err)
		}
		all[lang] = v
	}
	return all, nil
})

func readVocabulary(lang string) (*vocabulary, error) {
	var v vocabulary
	if err := errors.Join(readWords(lang+".yaml", &v), readWords("rights."+lang+".yaml", &v.rights)); err != nil {
		return nil, err
	}
	if len(v.Months) != 12 {
		return nil, errors.New("months must be twelve")
	}
	return &v, nil
}

func readWords(file string, into any) error {
	raw, err := templateFiles.ReadFile("templates/" + file)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// of returns what is said of a right.
func (v *vocabulary) of(right dsr.Right) rightWords {
	r, other := v.rights[string(right)], v.rights["other"]
	r.Pending, r.Silence = cmp.Or(r.Pending, other.Pending), cmp.Or(r.Silence, other.Silence)
	r.AtOnce, r.Begins = cmp.Or(r.AtOnce, other.AtOnce), cmp.Or(r.Begins, other.Begins)
	return r
}

// day writes the calendar day of t in t's own location.
func (v *vocabulary) day(t time.Time) string {
	d := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		d = v.FirstOfMonth
	}
	return fill(v.Date, "day", d, "month", v.Months[t.Month()-1], "year", strconv.Itoa(t.Year()))
}

// moment writes day and time of t in t's own location.
func (v *vocabulary) moment(t time.Time) string {
	return fill(v.DateTime, "date", v.day(t), "time", t.Format("15:04"), "zone", t.Format("MST"))
}

// number writes n with the digits grouped as the language does from 10,000 on.
func (v *vocabulary) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < 10_000 {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + v.Thousands + s[i:]
	}
	return s
}

func (v *vocabulary) count(c counted, n int64) string {
	form := c.Other
	if n == 1 {
		form = c.One
	}
	return fill(form, "n", v.number(n))
}

// duration writes d in the unit that people would use, rounded up.
func (v *vocabulary) duration(d time.Duration) string {
	units := func(unit time.Duration) int64 { return int64(math.Ceil(float64(d) / float64(unit))) }
	switch {
	case d < time.Hour:
		return v.count(v.Minutes, units(time.Minute))
	case d <= 72*time.Hour:
		return v.count(v.Hours, units(time.Hour))
	default:
		return v.count(v.Days, units(24*time.Hour))
	}
}

// period writes a period of law in years, months and days.
func (v *vocabulary) period(p law.Period) string {
	var parts []string
	for _, part := range []struct {
		of counted
		n  int
	}{{v.YearsLong, p.Years}, {v.MonthsLong, p.Months}, {v.Days, p.Days}} {
		if part.n > 0 {
			parts = append(parts, v.count(part.of, int64(part.n)))
		}
	}
	return strings.Join(parts, ", ")
}

// kept writes how long a line stays: to the day where that is known.
func (v *vocabulary) kept(l Line) string {
	if l.Until != nil {
		return fill(v.Until, "date", v.day(*l.Until))
	}
	period, event := v.period(l.For), v.Event[l.From]
	switch {
	case period == "":
		return ""
	case event == "":
		return fill(v.Term.Plain, "period", period)
	case l.FromYearEnd:
		return fill(v.Term.SinceYearEnd, "period", period, "event", event)
	}
	return fill(v.Term.Since, "period", period, "event", event)
}

// category returns the words for a data category of fideslang, for the nearest
// broader one that has words, or what itself where it is no category.
func (v *vocabulary) category(what string) string {
	for key := what; key != ""; {
		if words, ok := v.Category[key]; ok {
			return words
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			break
		}
		key = key[:i]
	}
	return what
}

// fill puts values in the place of words in braces, in one pass, so that braces
// in a value mean nothing.
func fill(sentence string, pairs ...string) string {
	return filler(pairs...).Replace(sentence)
}

func filler(pairs ...string) *strings.Replacer {
	braced := make([]string, len(pairs))
	for i, s := range pairs {
		braced[i] = s
		if i%2 == 0 {
			braced[i] = "{" + s + "}"
		}
	}
	return strings.NewReplacer(braced...)
}
