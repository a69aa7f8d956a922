package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/assets"
)

//go:embed *.html
var files embed.FS

func readPages() (map[string]*template.Template, string, error) {
	pages := map[string]*template.Template{}
	functions := template.FuncMap{
		"words": words, "right": rightName, "attention": attentionText, "action": actionText,
		"facts": facts, "count": count, "tone": tone,
	}
	for _, name := range []string{"login", "list", "detail", "approve", "problem"} {
		t, err := template.New(name).Funcs(functions).ParseFS(files, "layout.html", "parts.html", name+".html")
		if err != nil {
			return nil, "", fmt.Errorf("reading the page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, assets.Version(), nil
}

// view is what a page shows.
type view struct {
	Title, Base, Version string
	Session              *access.Session
	// Token and Logout are the hidden values of the forms of this page.
	Token, Logout      string
	Notice, Done, Next string
	Wrong              []string
	zone               *time.Location

	Filter        dsr.ListFilter
	Rows          []row
	Older, Newest string
	Alarms        []string

	Details  dsr.Details
	Row      row
	Personal bool
	Actions  []dsr.Action
	// Barred says that the request waits for something that this role may not do.
	Barred bool
	About  string
	Stores []string
}

// row is a request as lists and headings show it.
type row struct {
	dsr.Summary
	// Due says how the time stands, Urgency is the class in which it is shown.
	Due, Urgency string
}

func (d *Dashboard) view(title string, s *access.Session) *view {
	v := &view{Title: title, Base: d.Base, Version: d.version, Session: s, zone: d.Zone}
	if s != nil {
		v.Token = d.Key.Form(s.ID, d.Now())
		v.Logout = v.Token
	}
	return v
}

// summary adds to r how many days are left. Days are counted by the calendar
// of the team, so that "today" is what the team calls today.
func (d *Dashboard) summary(r dsr.Summary) row {
	out := row{Summary: r}
	if r.State.Ended() {
		return out
	}
	days := int(day(r.DueAt.In(d.Zone)).Sub(day(d.Now().In(d.Zone))).Hours() / 24)
	switch {
	case days < 0:
		out.Due, out.Urgency = plural(-days, "day")+" overdue", "late"
	case days == 0:
		out.Due, out.Urgency = "due today", "late"
	case days <= 7:
		out.Due, out.Urgency = plural(days, "day")+" left", "near"
	default:
		out.Due = plural(days, "day") + " left"
	}
	return out
}

func day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// show renders a page in full before anything of it is sent.
func (d *Dashboard) show(c *gin.Context, status int, name string, v *view) error {
	c.Header("X-Robots-Tag", "noindex")
	var b bytes.Buffer
	if err := d.templates[name].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("rendering the page %s: %w", name, err)
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// Date and Time tell a time in the team's zone.
func (v *view) Date(t time.Time) string { return t.In(v.zone).Format("2 January 2006") }

// Time: see [view.Date].
func (v *view) Time(t time.Time) string { return t.In(v.zone).Format("2 Jan 2006, 15:04") }

// States and Attentions are the choices of the list's filter.
func (v *view) States() []dsr.State { return dsr.States() }

// Attentions: see [view.States].
func (v *view) Attentions() []dsr.Attention { return slices.Sorted(maps.Keys(attentions())) }

// words makes a stable word of the API readable.
func words(s any) string {
	text := strings.ReplaceAll(fmt.Sprint(s), "_", " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// count groups the digits of n by thousands, with a thin space.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// facts lists the facts of an event in the order of their names.
func facts(m map[string]any) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %v", strings.ReplaceAll(name, "_", " "), m[name]))
	}
	return out
}

// tone is the class in which a state is shown.
func tone(s dsr.State) string {
	switch s {
	case dsr.Completed:
		return "good"
	case dsr.Cancelled, dsr.Refused, dsr.Expired, dsr.Closed:
		return "plain"
	case dsr.AwaitingPerson, dsr.AwaitingApproval:
		return "warn"
	}
	return ""
}
