package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/soffiah/habeas/internal/devenv/soffiah"
)

// index finds many values in one pass over data, by their first two bytes.
type index [1 << 16][]needle

// needle is one encoded form of a value.
type needle struct {
	bytes []byte
	name  string // what it is a form of; never the value itself
}

// shortest is the length below which an encoded form could stand anywhere by chance.
const shortest = 6

// values are what must not be found of accounts, by name. The holder's name is
// also looked for word by word where a word is not one of everybody's.
func values(subjects ...soffiah.Account) map[string]string {
	all := map[string]string{}
	for n, a := range subjects {
		own := a.Personal()
		maps.Copy(own, map[string]string{"business_id": a.BusinessID, "account_id": a.ID, "company": a.CompanyName})
		own["local_part"], _, _ = strings.Cut(a.Email, "@")
		if a.AccountName == "elodie-m-76" {
			for _, word := range strings.FieldsFunc(a.FullName, func(r rune) bool { return !unicode.IsLetter(r) }) {
				if len([]rune(word)) >= 5 {
					own["name word "+fmt.Sprint(len(own))] = word
				}
			}
		}
		for name, value := range own {
			all[fmt.Sprintf("subject %d: %s", n, name)] = value
		}
	}
	return all
}

// needles makes an index of every form of every value.
func needles(subjects ...soffiah.Account) *index {
	all := &index{}
	for name, value := range values(subjects...) {
		for encoding, forms := range encodings(value) {
			for _, form := range forms {
				if len(form) >= shortest {
					first := binary.BigEndian.Uint16(form)
					all[first] = append(all[first], needle{form, name + " in " + encoding})
				}
			}
		}
	}
	return all
}

// in returns what stands in data as it is, or with its line breaks taken out: they
// tear values of some encodings.
func (x *index) in(data []byte) []string {
	found := map[string]bool{}
	x.search(data, found)
	for _, lineEnd := range []string{"=\r\n", "=\n", "\r\n", "\n"} {
		data = bytes.ReplaceAll(data, []byte(lineEnd), nil)
	}
	x.search(data, found)
	return slices.Sorted(maps.Keys(found))
}

func (x *index) search(data []byte, found map[string]bool) {
	for i := 0; i+shortest <= len(data); i++ {
		for _, n := range x[binary.BigEndian.Uint16(data[i:])] {
			if bytes.HasPrefix(data[i:], n.bytes) {
				found[n.name] = true
			}
		}
	}
}

// encodings returns the forms that a value takes, by encoding.
func encodings(value string) map[string][][]byte {
	clear := []string{value, strings.ToLower(value), strings.ToUpper(value)}
	all := map[string][][]byte{}
	add := func(encoding string, forms ...string) {
		for _, f := range forms {
			all[encoding] = append(all[encoding], []byte(f))
		}
	}
	for _, v := range clear {
		add("clear", v)
		add("hexadecimal", hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v))))
		add("percent-encoding", url.QueryEscape(v), url.PathEscape(v), strings.ToLower(url.QueryEscape(v)), everyByte("%%%02X", v), everyByte("%%%02x", v))
		add("quoted-printable", quoted(v), strings.TrimSuffix(strings.TrimPrefix(mime.QEncoding.Encode("utf-8", v), "=?utf-8?q?"), "?="), everyByte("=%02X", v))
		add("JSON", inJSON(v), escaped(v, "\\u%04x"), escaped(v, "\\u%04X"))
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			add("UTF-16", wide(v, order))
		}
		for offset := range 3 {
			for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				add("base64", aligned(v, offset, alphabet))
			}
		}
	}
	return all
}

func everyByte(format, v string) string {
	var b strings.Builder
	for i := range len(v) {
		fmt.Fprintf(&b, format, v[i])
	}
	return b.String()
}

func quoted(v string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	// Writing to memory cannot fail.
	_, _ = w.Write([]byte(v))
	_ = w.Close()
	return strings.ReplaceAll(b.String(), "=\r\n", "")
}

func inJSON(v string) string {
	text, _ := json.Marshal(v) // a string can always be encoded
	return strings.Trim(string(text), `"`)
}

// escaped writes everything beyond ASCII as an escape.
func escaped(v, format string) string {
	var b strings.Builder
	for _, r := range v {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, format, r)
		}
	}
	return b.String()
}

func wide(v string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(v)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// aligned returns the part of the base64 text that a value has whatever stands
// around it, when it begins at offset in a group of three bytes.
func aligned(v string, offset int, alphabet *base64.Encoding) string {
	text := alphabet.EncodeToString(append(make([]byte, offset), v...))
	return text[(offset*8+5)/6 : (offset+len(v))*8/6]
}

// The scan finds a value wherever it stands in a text, in each encoding, folded
// into lines as mail programs fold them, and nothing in what only resembles it.
func TestScanFinds(t *testing.T) {
	t.Parallel()
	const value = "Élodie Marchand-Roux <e+m@lumen.test>"
	wanted := &index{}
	for encoding, forms := range encodings(value) {
		for _, form := range forms {
			first := binary.BigEndian.Uint16(form)
			wanted[first] = append(wanted[first], needle{form, encoding})
		}
	}
	for before := range 80 {
		text := strings.Repeat("x", before) + value + strings.Repeat("y", 7)
		var wide []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			wide = binary.LittleEndian.AppendUint16(wide, unit)
		}
		inJSON, _ := json.Marshal(map[string]string{"text": text})
		for encoding, data := range map[string]string{
			"clear": text, "UTF-16": string(wide), "hexadecimal": fmt.Sprintf("%x", text), "percent-encoding": "?q=" + url.QueryEscape(text),
			"quoted-printable": folded(quotedText(text)), "base64": folded(base64.StdEncoding.EncodeToString([]byte(text))), "JSON": string(inJSON),
		} {
			if !slices.Contains(wanted.in([]byte(data)), encoding) {
				t.Errorf("the value is not found in %s after %d bytes", encoding, before)
			}
		}
	}
	if found := wanted.in([]byte("Élodie Marchand and Roux, e@lumen.test")); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

func quotedText(text string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// folded breaks a text into lines of 76 (RFC 2045 section 6.8), unless it has lines.
func folded(text string) string {
	if strings.Contains(text, "\r\n") {
		return text
	}
	var lines []string
	for line := range slices.Chunk([]byte(text), 76) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\r\n")
}
