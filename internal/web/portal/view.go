package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/web/access"
	"github.com/soffiah/habeas/internal/web/assets"
	"golang.org/x/text/language"
)

//go:embed *.html
var files embed.FS

// pages are the templates by name, and the languages that they speak.
type pages struct {
	templates map[string]*template.Template
	languages []Messages
	match     language.Matcher
	version   string
}

func readPages() (pages, error) {
	ps := pages{templates: map[string]*template.Template{}, languages: languages(), version: assets.Version()}
	for _, name := range []string{"form", "received", "details", "given", "gone", "problem"} {
		t, err := template.New(name).Funcs(template.FuncMap{"pair": pair}).ParseFS(files, "layout.html", name+".html")
		if err != nil {
			return ps, fmt.Errorf("reading the page %s: %w", name, err)
		}
		ps.templates[name] = t
	}
	tags := make([]language.Tag, 0, len(ps.languages))
	for _, l := range ps.languages {
		tags = append(tags, language.Make(l.Lang))
	}
	ps.match = language.NewMatcher(tags)
	return ps, nil
}

// view is what a page shows.
type view struct {
	T          Messages
	Lang       string
	Languages  []Messages
	Here       string // where a change of language leads, up to the language
	Base       string
	Version    string
	Controller Form
	Token      string
	Action     string // where the form of details goes

	Notice, Problem, Incident string
	Trapped                   bool
	Rights                    []right
	Fields                    []field
	Errors                    []field

	Reference, ReceivedOn, DueOn string
}

type right struct {
	ID            dsr.Right
	Name, Explain string
	Chosen        bool
}

type field struct {
	Name, Label, Hint, Value, Error string
	Type, Autocomplete              string
	Required, Long                  bool
	Max                             int
}

// fieldOf is a field with the page on which it stands.
type fieldOf struct {
	View  *view
	Field field
}

func pair(v *view, f field) fieldOf { return fieldOf{View: v, Field: f} }

// view begins a page: it settles the language and renews the cookie.
func (p *Portal) view(c *gin.Context) *view {
	t := p.messages(c)
	h := c.Writer.Header()
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("Content-Language", t.Lang)
	return &view{
		T: t, Lang: t.Lang, Languages: p.pages.languages, Base: p.Base, Here: "/?", Version: p.pages.version,
		Controller: p.Form, Token: p.Key.Form(p.binding(c), p.Now()),
	}
}

// messages settles the language: what the address says, or else what the
// browser asks for, or else English.
func (p *Portal) messages(c *gin.Context) Messages {
	asked := c.Query("lang")
	if asked == "" && c.Request.PostForm != nil {
		asked = c.Request.PostForm.Get("lang")
	}
	for _, m := range p.pages.languages {
		if m.Lang == asked {
			return m
		}
	}
	accept := c.GetHeader("Accept-Language")
	if len(accept) > 256 { // more is no browser's
		return p.pages.languages[0]
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return p.pages.languages[0]
	}
	_, n, _ := p.pages.match.Match(tags...)
	return p.pages.languages[n]
}

// cookieName has the prefix with which browsers refuse the cookie to any other
// host (RFC 6265bis, section 4.1.3.2) where that is possible.
func (p *Portal) cookieName() string {
	if p.Secure && p.Base == "" {
		return "__Host-habeas_form"
	}
	return "habeas_form"
}

// binding returns the random value that the browser holds, giving it one if it
// has none. It identifies nobody and ends with the form.
func (p *Portal) binding(c *gin.Context) string {
	value := cookie(c, p.cookieName())
	if len(value) != len(access.Random()) {
		value = access.Random()
	}
	http.SetCookie(c.Writer, &http.Cookie{
		Name: p.cookieName(), Value: value, Path: p.Base + "/", MaxAge: int(access.FormLife / time.Second),
		HttpOnly: true, Secure: p.Secure, SameSite: http.SameSiteLaxMode,
	})
	return value
}

// fill puts the form's questions into v, with what was answered and what was
// wrong with it.
func (v *view) fill(f Form, in dsr.Intake, wrong []dsr.FieldError) {
	said := func(name string) string {
		for _, w := range wrong {
			if w.Field == name {
				return v.T.fieldProblem(w)
			}
		}
		return ""
	}
	for _, r := range f.Rights {
		m := v.T.Rights[r]
		v.Rights = append(v.Rights, right{ID: r, Name: m.Name, Explain: m.Explain, Chosen: r == in.Right})
	}
	add := func(name, label, hint, value, kind, autocomplete string) field {
		fl := field{
			Name: name, Label: label, Hint: hint, Value: value, Type: kind, Autocomplete: autocomplete, Error: said(name),
			Required: slices.Contains(f.Required, name), Max: dsr.MaxLength(name), Long: name == "message",
		}
		v.Fields = append(v.Fields, fl)
		return fl
	}
	t, e := v.T, in.Elements
	add("email", t.Email, t.EmailHint, e.Email, "email", "email")
	add("account_name", t.AccountName, t.AccountNameHint, e.AccountName, "text", "username")
	add("business_id", t.BusinessID, t.BusinessIDHint, e.BusinessID, "text", "off")
	add("mailing_address", t.MailingAddress, t.MailingAddressHint, e.MailingAddress, "text", "off")
	add("name", t.Name, t.NameHint, in.Name, "text", "name")
	add("message", t.Message, t.MessageHint, in.Message, "", "off")
	if s := said("right"); s != "" {
		v.Errors = append(v.Errors, field{Name: "right", Label: t.RightLegend, Error: s})
	}
	for _, fl := range v.Fields {
		if fl.Error != "" {
			v.Errors = append(v.Errors, fl)
		}
	}
}

// show renders a page in full before anything of it is sent.
func (p *Portal) show(c *gin.Context, status int, name string, v *view) error {
	var b bytes.Buffer
	if err := p.pages.templates[name].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("rendering the page %s: %w", name, err)
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// RightError is what is wrong with the choice of a right.
func (v *view) RightError() string {
	for _, e := range v.Errors {
		if e.Name == "right" {
			return e.Error
		}
	}
	return ""
}

// Identification and Rest split the fields into the form's two groups.
func (v *view) Identification() []field { return v.Fields[:len(dsr.ElementFields())] }

// Rest: see [view.Identification].
func (v *view) Rest() []field { return v.Fields[len(dsr.ElementFields()):] }

// Steps are what happens next; whoever has a reference needs not be told that
// there will be one.
func (v *view) Steps() []string {
	if v.Reference != "" {
		return v.T.Next[1:]
	}
	return v.T.Next[:]
}

// sealReceipt makes what the address of the page after a submission carries:
// times and reference, signed, and not the request's id.
func (p *Portal) sealReceipt(r dsr.Receipt) string {
	return p.Key.Sign("receipt", "", fmt.Sprintf("%d %d %s", r.ReceivedAt.Unix(), r.DueAt.Unix(), r.Reference))
}

func (p *Portal) openReceipt(signed string) (r dsr.Receipt, ok bool) {
	payload, ok := p.Key.Open("receipt", "", signed)
	parts := strings.SplitN(payload, " ", 3)
	if !ok || len(parts) != 3 {
		return r, false
	}
	received, err1 := strconv.ParseInt(parts[0], 10, 64)
	due, err2 := strconv.ParseInt(parts[1], 10, 64)
	return dsr.Receipt{Reference: parts[2], ReceivedAt: time.Unix(received, 0), DueAt: time.Unix(due, 0)}, err1 == nil && err2 == nil
}
