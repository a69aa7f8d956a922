package reply

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// lineKind says what the markup already tells about a line.
type lineKind int

const (
	typed       lineKind = iota // as far as markup goes, the person's own
	quoted                      // marked as quotation
	attribution                 // introduces a quotation
	signature                   // marked as signature
	below                       // follows the point from which a client puts the mail answered
)

// line is one line of a body.
type line struct {
	text string
	kind lineKind
}

// foreignMark stands in a line for what is no text but is seen: an image, or
// words that are struck through. It is in no table, so it is never plain.
const foreignMark = "\ufffc"

// htmlLines turns an HTML body into lines. It returns false if the body cannot
// be parsed within limits.
func htmlLines(body string) ([]line, bool) {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return nil, false
	}
	w := &htmlWalker{}
	w.walk(root, typed, 0)
	w.flush(typed)
	return w.lines, !w.over
}

const maxHTMLDepth = 512

type htmlWalker struct {
	lines   []line
	current strings.Builder
	space   bool
	kind    lineKind // of what is in current
	cut     bool     // everything from here on is the mail answered
	over    bool
}

func (w *htmlWalker) walk(n *html.Node, kind lineKind, depth int) {
	if depth > maxHTMLDepth {
		w.over = true
		return
	}
	switch n.Type {
	case html.TextNode:
		w.text(n.Data, kind)
		return
	case html.ElementNode:
		if skipped(n) {
			return
		}
		if startsQuotation(n) {
			w.flush(kind)
			w.cut = true
		}
		if k := kindOf(n); k != typed && kind != quoted {
			w.flush(kind)
			kind = k
			defer w.flush(k)
		}
	}
	block := n.Type == html.ElementNode && isBlock(n.DataAtom)
	if block {
		w.flush(kind)
	}
	w.element(n, kind)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.walk(c, kind, depth+1)
	}
	if block {
		w.flush(kind)
	}
}

// element writes what an element stands for by itself.
func (w *htmlWalker) element(n *html.Node, kind lineKind) {
	switch n.DataAtom {
	case atom.Td, atom.Th:
		w.space = true
	case atom.Img, atom.Video, atom.Audio, atom.Iframe, atom.Object, atom.Embed, atom.Svg, atom.Canvas:
		if !isPixel(n) {
			w.text(" "+foreignMark+" ", kind)
		}
	case atom.Del, atom.S, atom.Strike:
		w.text(" "+foreignMark+" ", kind)
	default:
		if n.Type == html.ElementNode && strings.Contains(style(n), "line-through") {
			w.text(" "+foreignMark+" ", kind)
		}
	}
}

func (w *htmlWalker) text(s string, kind lineKind) {
	if w.current.Len() > 0 && w.kind != kind {
		w.flush(w.kind)
	}
	w.kind = kind
	for _, r := range s {
		switch r {
		case ' ', '\t', '\n', '\r', '\f', 0xa0:
			w.space = true
		default:
			if w.space && w.current.Len() > 0 {
				w.current.WriteByte(' ')
			}
			w.space = false
			w.current.WriteRune(r)
		}
	}
}

func (w *htmlWalker) flush(kind lineKind) {
	if w.current.Len() > 0 {
		kind = w.kind
	}
	if w.cut && kind == typed {
		kind = below
	}
	if w.current.Len() > 0 || len(w.lines) > 0 && w.lines[len(w.lines)-1].text != "" {
		w.lines = append(w.lines, line{w.current.String(), kind})
	}
	w.current.Reset()
	w.space = false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// style returns the inline style in lower case without spaces.
func style(n *html.Node) string {
	s := attr(n, "style")
	if s == "" {
		return ""
	}
	return strings.ToLower(strings.Join(strings.Fields(s), ""))
}

// skipped reports elements whose content nobody sees.
func skipped(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Head, atom.Style, atom.Script, atom.Template, atom.Title, atom.Noscript:
		return true
	}
	for _, a := range n.Attr {
		if a.Key == "hidden" {
			return true
		}
	}
	s := style(n) + ";"
	for _, hiding := range []string{"display:none", "visibility:hidden", "mso-hide:all", "font-size:0;", "font-size:0px", "font-size:0pt", "max-height:0;", "max-height:0px", "opacity:0;"} {
		if strings.Contains(s, hiding) {
			return true
		}
	}
	return false
}

func isPixel(n *html.Node) bool {
	w, h := attr(n, "width"), attr(n, "height")
	return (w == "0" || w == "1") && (h == "0" || h == "1")
}

// kindOf returns what the markup of a client says about an element's content.
func kindOf(n *html.Node) lineKind {
	if n.DataAtom == atom.Blockquote || attr(n, "name") == "quote" || attr(n, "data-marker") == "__QUOTED_TEXT__" {
		return quoted
	}
	class, id := attr(n, "class"), attr(n, "id")
	switch {
	case strings.Contains(class, "yahoo_quoted"):
		return quoted
	case strings.Contains(class, "gmail_attr") || strings.Contains(class, "moz-cite-prefix"):
		return attribution
	case strings.Contains(class, "gmail_signature") || strings.Contains(class, "moz-signature") || strings.Contains(class, "protonmail_signature_block") ||
		id == "AppleMailSignature" || id == "Signature" || strings.HasPrefix(id, "ms-outlook-mobile-signature") || strings.HasPrefix(attr(n, "data-marker"), "__SIG_"):
		return signature
	}
	return typed
}

// startsQuotation reports the marks after which Outlook puts the mail answered.
func startsQuotation(n *html.Node) bool {
	id := strings.TrimPrefix(attr(n, "id"), "x_")
	return id == "divRplyFwdMsg" || id == "appendonsend" || id == "mail-editor-reference-message-container" || id == "ms-outlook-mobile-body-separator-line"
}

func isBlock(a atom.Atom) bool {
	switch a {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Br, atom.Center, atom.Dd, atom.Div, atom.Dl, atom.Dt,
		atom.Fieldset, atom.Figure, atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header, atom.Hr,
		atom.Li, atom.Main, atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Table, atom.Tbody, atom.Tfoot, atom.Thead, atom.Tr, atom.Ul:
		return true
	}
	return false
}

// plainLines turns a text body into lines, taking marks of quotation off.
func plainLines(body string) []line {
	raw := strings.Split(strings.ReplaceAll(body, "\r", ""), "\n")
	lines := make([]line, len(raw))
	for i, text := range raw {
		text = strings.TrimRight(strings.ReplaceAll(text, "\u00a0", " "), " \t")
		kind := typed
		for {
			rest, marked := strings.CutPrefix(strings.TrimLeft(text, " \t"), ">")
			if !marked {
				rest, marked = strings.CutPrefix(strings.TrimLeft(text, " \t"), "| ")
			}
			if !marked {
				break
			}
			text, kind = rest, quoted
		}
		lines[i] = line{strings.TrimSpace(text), kind}
		if kind == typed && text == "-- " {
			lines[i].text = "--"
		}
	}
	return lines
}
