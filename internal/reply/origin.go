package reply

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Origin is what a mail says about where it comes from. All of it is personal
// data, and none of it proves anything.
type Origin struct {
	// Address is the one address in From; empty if there is not exactly one.
	Address string
	// Name is the display name beside it, decoded.
	Name string
	// Spam says that a filter on the way has taken the mail for spam.
	Spam bool
}

// OriginOf reads the header of a mail.
func OriginOf(raw []byte) Origin {
	h := parse(raw, time.Now).header
	o := Origin{Spam: spam(h.Get)}
	var list []*mail.Address
	for f := h.FieldsByKey("From"); f.Next(); {
		all, err := mail.ParseAddressList(f.Value())
		if err != nil {
			return o
		}
		list = append(list, all...)
	}
	if len(list) == 1 {
		o.Address, o.Name = list[0].Address, strings.TrimSpace(list[0].Name)
	}
	return o
}

// spamLevel is from where on Exchange delivers a mail as spam (its spam
// confidence level).
const spamLevel = 5

// spam reads what the usual filters write. Whoever puts such a field into their
// own mail harms nobody else.
func spam(field func(string) string) bool {
	yes := func(name string) bool {
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(field(name))), "yes")
	}
	level, err := strconv.Atoi(strings.TrimSpace(field("X-MS-Exchange-Organization-SCL")))
	return slices.ContainsFunc([]string{"X-Spam-Flag", "X-Spam-Status", "X-Spam"}, yes) || err == nil && level >= spamLevel
}

// Text returns all text of a mail, line by line, quotations included and their
// marks taken off: people fill in what we asked for inside of the quotation. It
// is empty where nothing can be read.
func Text(raw []byte) string {
	doc := parse(raw, time.Now)
	lines := plainLines(doc.plain)
	if strings.TrimSpace(doc.plain) == "" {
		lines, _ = htmlLines(doc.html)
	}
	texts := make([]string, 0, min(len(lines), maxLines))
	for _, l := range lines[:min(len(lines), maxLines)] {
		texts = append(texts, l.text)
	}
	return strings.Join(texts, "\n")
}

// Harmless reports whether a text that stands beside an answer changes nothing
// about it: it asks nothing, invokes no right, and neither takes back nor narrows.
func Harmless(text string) bool {
	return !limits(text) && !strings.Contains(text, "?") && len(Recognise(text)) == 0
}
