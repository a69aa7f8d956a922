package reply

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // decodes the charsets of mail
	"golang.org/x/text/encoding/charmap"
)

// Limits of what is read of one mail. Whatever exceeds one goes to a person.
const (
	maxDepth  = 20
	maxParts  = 200
	maxHeader = 256 << 10
	maxText   = 256 << 10
	maxRaw    = 16 << 20
	maxWork   = 2 * time.Second
)

// document is a mail taken apart, as far as judging needs it.
type document struct {
	header message.Header
	// plain and html are the decoded body texts; attachments are not kept.
	plain, html string
	// report is the media type of a report part, "" if there is none; status
	// is the text of a delivery status (RFC 3464).
	report, status string

	attachment bool
	embedded   bool // contains another mail
	encrypted  bool
	reaction   bool // RFC 9078
	unreadable bool // unknown charset or transfer encoding
	malformed  bool
	over       bool
}

var errOverLimit = errors.New("over the limit")

// deadlineReader ends reading when the time for one mail is used up.
type deadlineReader struct {
	r   io.Reader
	now func() time.Time
	end time.Time
}

func (d *deadlineReader) Read(p []byte) (int, error) {
	if d.now().After(d.end) {
		return 0, errOverLimit
	}
	return d.r.Read(p)
}

// parse takes a mail apart. It always returns a document; what went wrong is
// noted in it.
func parse(raw []byte, now func() time.Time) *document {
	doc := &document{}
	defer func() {
		// The library has met mails that nobody foresaw; what was read stays.
		if recover() != nil {
			doc.malformed = true
		}
	}()
	if len(raw) > maxRaw {
		raw, doc.over = raw[:maxRaw], true
	}
	raw = trimEnvelope(raw)
	reader := &deadlineReader{r: bytes.NewReader(raw), now: now, end: now().Add(maxWork)}
	entity, err := read(reader)
	if entity == nil {
		doc.malformed = true
		reader.r = bytes.NewReader(mendHeader(raw))
		if entity, err = read(reader); entity == nil {
			return doc
		}
	}
	doc.header = entity.Header
	doc.malformed = doc.malformed || repeatsFields(entity.Header)
	w := walker{doc: doc}
	w.walk(entity, err, 0, false)
	return doc
}

func read(r io.Reader) (*message.Entity, error) {
	return message.ReadWithOptions(r, &message.ReadOptions{MaxHeaderBytes: maxHeader})
}

// trimEnvelope drops blank lines and an mbox "From " line before the header.
func trimEnvelope(raw []byte) []byte {
	raw = bytes.TrimLeft(raw, "\r\n")
	if bytes.HasPrefix(raw, []byte("From ")) || bytes.HasPrefix(raw, []byte(">From ")) {
		_, rest, _ := bytes.Cut(raw, []byte("\n"))
		return rest
	}
	return raw
}

// mendHeader drops the header lines that are none, so that the rest of a
// broken mail can at least be classified.
func mendHeader(raw []byte) []byte {
	var mended bytes.Buffer
	sc := bufio.NewReaderSize(bytes.NewReader(raw), 4096)
	read, kept := 0, false
	for read < maxHeader {
		line, err := sc.ReadBytes('\n')
		read += len(line)
		trimmed := bytes.TrimRight(line, "\r\n")
		switch {
		case len(trimmed) == 0:
			mended.WriteString("\r\n")
			mended.Write(raw[min(read, len(raw)):])
			return mended.Bytes()
		case trimmed[0] == ' ' || trimmed[0] == '\t':
			// a continuation goes with its field
		default:
			name, _, found := bytes.Cut(trimmed, []byte(":"))
			kept = found && isFieldName(name)
		}
		if kept {
			mended.Write(trimmed)
			mended.WriteString("\r\n")
		}
		if err != nil {
			break
		}
	}
	mended.WriteString("\r\n")
	return mended.Bytes()
}

func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0
}

// repeatsFields reports whether a field that may stand only once (RFC 5322,
// section 3.6, and RFC 2045) stands more often: two readers could then see two
// different mails.
func repeatsFields(h message.Header) bool {
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding", "Subject", "To", "Cc", "In-Reply-To", "References", "Sender", "Message-Id", "Date"} {
		if count(h, name) > 1 {
			return true
		}
	}
	return false
}

func count(h message.Header, name string) int {
	n := 0
	for f := h.FieldsByKey(name); f.Next(); {
		n++
	}
	return n
}

type walker struct {
	doc   *document
	parts int
}

// walk reads one entity. decodeErr is what [message.New] said about it.
func (w *walker) walk(e *message.Entity, decodeErr error, depth int, related bool) {
	w.parts++
	if depth > maxDepth || w.parts > maxParts {
		w.doc.over = true
		return
	}
	mediaType, params, err := e.Header.ContentType()
	if err != nil {
		w.doc.malformed = true
	}
	mediaType = strings.ToLower(mediaType)
	if strings.HasPrefix(mediaType, "multipart/") {
		w.multipart(e, mediaType, depth)
		return
	}
	w.leaf(e, decodeErr, mediaType, params, related)
}

func (w *walker) multipart(e *message.Entity, mediaType string, depth int) {
	switch mediaType {
	case "multipart/report":
		w.doc.report = mediaType
	case "multipart/encrypted":
		w.doc.encrypted = true
	}
	reader := e.MultipartReader()
	if reader == nil {
		w.doc.malformed = true
		return
	}
	for {
		part, err := reader.NextPart()
		if part == nil {
			switch {
			case errors.Is(err, errOverLimit):
				w.doc.over = true
			case err != nil && err != io.EOF:
				w.doc.malformed = true
			}
			return
		}
		w.walk(part, err, depth+1, mediaType == "multipart/related")
		if w.doc.over {
			return
		}
	}
}

func (w *walker) leaf(e *message.Entity, decodeErr error, mediaType string, params map[string]string, related bool) {
	disposition, dispositionParams, _ := e.Header.ContentDisposition()
	disposition = strings.ToLower(disposition)
	named := params["name"] != "" || dispositionParams["filename"] != ""
	switch {
	case disposition == "reaction" || mediaType == "text/vnd.google.email-reaction+json":
		w.doc.reaction = true
	case isReport(mediaType):
		w.doc.report = mediaType
		if strings.HasSuffix(mediaType, "delivery-status") {
			w.doc.status += w.text(e.Body) + "\n"
		}
	case strings.HasPrefix(mediaType, "message/") || mediaType == "text/rfc822-headers":
		w.doc.embedded = true
	case mediaType == "application/pkcs7-mime" || mediaType == "application/x-pkcs7-mime" || mediaType == "application/pgp-encrypted":
		w.doc.encrypted = true
	case mediaType == "application/pkcs7-signature" || mediaType == "application/x-pkcs7-signature" || mediaType == "application/pgp-signature":
		// a detached signature says nothing further
	case strings.HasPrefix(mediaType, "image/") && related:
		// shown where the HTML part refers to it, see html.go
	case disposition == "attachment" || named:
		w.doc.attachment = true
	case mediaType == "text/plain":
		w.body(&w.doc.plain, e.Body, decodeErr)
	case mediaType == "text/html":
		w.body(&w.doc.html, e.Body, decodeErr)
	default:
		w.doc.attachment = true
	}
}

func isReport(mediaType string) bool {
	switch mediaType {
	case "message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
		"message/global-disposition-notification", "message/feedback-report":
		return true
	}
	return false
}

// body appends a text part to what has been read of its kind.
func (w *walker) body(to *string, body io.Reader, decodeErr error) {
	if decodeErr != nil {
		w.doc.unreadable = true
	}
	text := w.text(body)
	if strings.TrimSpace(text) == "" {
		return
	}
	if *to != "" {
		*to += "\n"
	}
	*to += text
}

func (w *walker) text(body io.Reader) string {
	b, err := io.ReadAll(io.LimitReader(body, maxText+1))
	switch {
	case errors.Is(err, errOverLimit) || len(b) > maxText:
		w.doc.over = true
		b = cutText(b)
	case err != nil:
		w.doc.malformed = true // a cut-off part may have said more
	}
	if !utf8.Valid(b) {
		// No charset stated, or a wrong one: what browsers assume.
		if decoded, err := charmap.Windows1252.NewDecoder().Bytes(b); err == nil {
			b = cutText(decoded)
		}
	}
	return string(b)
}

// cutText returns at most maxText bytes of b, without half a character at the end.
func cutText(b []byte) []byte {
	if len(b) <= maxText {
		return b
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}
