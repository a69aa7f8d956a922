package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/soffiah/habeas/internal/datamap"
)

// This file computes replacements. The rules are: what was replaced can be told
// from what was not, so that replacing again changes nothing and reading back
// can prove that it was done; a value that a strategy cannot read is not kept;
// and what comes out of random depends on the row and never on the value.

// What hashes and pseudonyms begin with, and how long they are.
const (
	hashMark      = "sha256:"
	hmacMark      = "hmac-sha256:"
	pseudonymMark = "p-"
	hexLength     = 64
	pseudoLength  = 26 // 128 bits in base 32
)

var (
	pseudonyms = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
	day        = regexp.MustCompile(`^(\d{4,6}-)(\d{2})-\d{2}(.*)$`)
)

// replacer computes what replaces the values of one field.
type replacer struct {
	field  *datamap.Field
	column Column
	secret []byte
	// constant is that of the map, written as the database writes it.
	constant *string
}

// of returns what replaces a value of the row with that primary key.
func (r replacer) of(value *string, key string) *string {
	x := r.field.Anonymise
	switch x.Strategy {
	case datamap.Null:
		return nil
	case datamap.Constant:
		return r.constant
	}
	if value == nil {
		return nil
	}
	if *value == "" && r.column.Kind == TextKind {
		return value
	}
	switch x.Strategy {
	case datamap.Random:
		return r.random(*value, key)
	case datamap.Partial:
		return r.part(*value)
	case datamap.Hash:
		return marked(*value, hashMark, func(v string) []byte { sum := sha256.Sum256([]byte(v)); return sum[:] })
	case datamap.HMAC:
		return marked(*value, hmacMark, func(v string) []byte { return r.mac("hmac", v) })
	case datamap.Pseudonym:
		return r.pseudonym(*value)
	}
	return r.nothing()
}

// nothing is what replaces a value that cannot be read.
func (r replacer) nothing() *string {
	if r.column.NotNull {
		return new(string)
	}
	return nil
}

// mac is HMAC-SHA-256 under the secret of the store, apart for each purpose.
func (r replacer) mac(purpose, value string) []byte {
	m := hmac.New(sha256.New, r.secret)
	m.Write([]byte(purpose + "\x00" + value))
	return m.Sum(nil)
}

// marked returns a hash in hexadecimal digits behind its mark, or the value if it
// is one already.
func marked(value, mark string, hash func(string) []byte) *string {
	if rest, ok := strings.CutPrefix(value, mark); ok && len(rest) == hexLength {
		if _, err := hex.DecodeString(rest); err == nil {
			return &value
		}
	}
	out := mark + hex.EncodeToString(hash(value))
	return &out
}

// pseudonym returns a stand-in that is the same for the same value in every
// table of the store. Each kind of column has values that only pseudonyms are:
// UUIDs of version 8, whole numbers below zero, texts with a mark.
func (r replacer) pseudonym(value string) *string {
	if r.field.Identity == "email" {
		value = strings.ToLower(value)
	}
	out := value
	sum := r.mac("pseudonym", value)
	switch r.column.Kind {
	case UUIDKind:
		id, err := uuid.Parse(value)
		if err == nil && id.Version() == 8 {
			return &value
		}
		copy(id[:], sum)
		id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
		out = id.String()
	case IntegerKind:
		if strings.HasPrefix(value, "-") {
			return &value
		}
		out = strconv.FormatInt(-1-int64(binary.BigEndian.Uint64(sum)>>2), 10)
	default:
		if rest, ok := strings.CutPrefix(value, pseudonymMark); ok && len(rest) == pseudoLength {
			if _, err := pseudonyms.DecodeString(rest); err == nil {
				return &value
			}
		}
		out = pseudonymMark + pseudonyms.EncodeToString(sum[:16])
	}
	return &out
}

// random returns a value of the same form: other characters of the same kinds in
// the same places.
func (r replacer) random(value, key string) *string {
	var seed [32]byte
	copy(seed[:], r.mac("random\x00"+r.field.Name, key))
	source := rand.New(rand.NewChaCha8(seed))
	out := ""
	switch r.column.Kind {
	case DateKind, TimeKind:
		// Any day of years that every type knows; some count from 1970. What follows
		// the day keeps its digits' places.
		any := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, source.IntN(18_000)).Format(time.DateOnly)
		m := day.FindStringSubmatch(value)
		if m == nil {
			return &value // at infinity
		}
		if out = any; r.column.Kind == TimeKind {
			out += fmt.Sprintf(" %02d:%02d:%02d", source.IntN(24), source.IntN(60), source.IntN(60))
			if strings.HasSuffix(m[3], "+00") {
				out += "+00"
			}
		}
	case BooleanKind:
		out = strconv.FormatBool(source.IntN(2) == 0)
	case UUIDKind:
		id, err := uuid.Parse(value)
		if err != nil {
			return r.nothing()
		}
		var any uuid.UUID
		for i := range any {
			any[i] = byte(source.IntN(256))
		}
		any[6], any[8] = any[6]&0x0f|id[6]&0xf0, any[8]&0x3f|0x80
		out = any.String()
	default:
		number := r.column.Kind == IntegerKind || r.column.Kind == NumberKind
		if out = "0"; !number || !strings.ContainsFunc(value, unicode.IsLetter) {
			out = alike(value, source, number)
		}
	}
	return &out
}

// alike draws a character of the same kind for each.
func alike(value string, source *rand.Rand, number bool) string {
	var b strings.Builder
	first := true
	for _, c := range value {
		n := source.IntN(1 << 30)
		switch {
		case c == '0' && number && first:
			b.WriteByte('0') // what is nought, or begins with it, must do so afterwards
		case unicode.IsDigit(c) && number && first:
			b.WriteByte('1') // anything more might not fit into a whole number
			first = false
		case unicode.IsDigit(c):
			b.WriteByte(byte('0' + n%10))
		case unicode.IsUpper(c):
			b.WriteByte(byte('A' + n%26))
		case unicode.IsLetter(c):
			b.WriteByte(byte('a' + n%26))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// part keeps the part of a value that says less.
func (r replacer) part(value string) *string {
	switch x := r.field.Anonymise; x.Keep {
	case datamap.KeepYear, datamap.KeepMonth:
		return r.period(value, x.Keep)
	case datamap.KeepNetwork:
		return r.network(value)
	case datamap.KeepRegion:
		if i := strings.LastIndexAny(value, ",\n"); i >= 0 {
			out := ", " + strings.TrimSpace(strings.Map(withoutDigits, value[i+1:]))
			return r.bounded(out)
		}
	case datamap.KeepDomain:
		if i := strings.LastIndexByte(value, '@'); i >= 0 {
			out := value[i:]
			return &out
		}
	case datamap.KeepPrefix:
		if utf8.RuneCountInString(value) <= x.Length {
			return &value
		}
		out := string([]rune(value)[:x.Length])
		return &out
	}
	return r.nothing()
}

func withoutDigits(c rune) rune {
	if unicode.IsDigit(c) {
		return -1
	}
	return c
}

// bounded returns what is left of a value, unless it is too long for its column.
func (r replacer) bounded(out string) *string {
	if r.column.MaxLength > 0 && utf8.RuneCountInString(out) > r.column.MaxLength {
		return r.nothing()
	}
	return &out
}

// period keeps year or month of a date, be it a date or a text.
func (r replacer) period(value, keep string) *string {
	m := day.FindStringSubmatch(value)
	if m == nil {
		if r.column.Kind != TextKind {
			return &value // at infinity
		}
		return r.nothing()
	}
	month := m[2]
	if keep == datamap.KeepYear {
		month = "01"
	}
	out := m[1] + month + "-01"
	if r.column.Kind == TimeKind {
		out += " 00:00:00"
		if strings.HasSuffix(m[3], "+00") {
			out += "+00"
		}
	}
	return &out
}

// network keeps the first 24 bits of an IPv4 and 48 of an IPv6 address.
func (r replacer) network(value string) *string {
	host, length, suffixed := strings.Cut(value, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return r.nothing()
	}
	bits := 48
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 24
	}
	net, err := addr.Prefix(bits)
	if err != nil {
		return r.nothing()
	}
	out := net.Masked().Addr().String()
	if suffixed {
		n, _ := strconv.Atoi(length)
		if r.column.Type == "cidr" {
			n = min(n, bits)
		}
		out += "/" + strconv.Itoa(n)
	}
	return &out
}

// fits reports why a strategy cannot serve a column.
func (s *Store) fits(r *reporter, f *datamap.Field, c Column) {
	x := f.Anonymise
	text := c.Kind == TextKind && c.Element == ""
	room := map[string]int{datamap.Hash: len(hashMark) + hexLength, datamap.HMAC: len(hmacMark) + hexLength, datamap.Pseudonym: len(pseudonymMark) + pseudoLength}[x.Strategy]
	switch x.Strategy {
	case datamap.Constant:
		if v := scalar(x.Value); v != nil && c.MaxLength > 0 && utf8.RuneCountInString(*v) > c.MaxLength {
			r.report(f.Name, fmt.Sprintf("holds at most %d characters, and the constant is longer", c.MaxLength), "shorten it")
		} else if v != nil && !s.dialect.Takes(c, *v) {
			r.report(f.Name, "cannot hold the constant", "write it as the column does")
		}
		return
	case datamap.Hash, datamap.HMAC:
		if !text {
			r.report(f.Name, "is no text and cannot hold a hash", `write strategy: "null" or constant`)
		}
	case datamap.Pseudonym:
		whole := c.Kind == IntegerKind && c.Bits == 64 || c.Kind == UUIDKind
		if !text && !whole {
			r.report(f.Name, "is neither text, UUID nor a whole number of 64 bits and cannot hold a pseudonym", `write strategy: "null" or constant`)
		}
	case datamap.Random:
		if c.Element != "" || c.Kind == OtherKind || c.Kind == AddressKind || c.Kind == JSONKind {
			r.report(f.Name, "has a type of which no random value can be made", `write strategy: "null" or constant`)
		}
	case datamap.Partial:
		dates := x.Keep == datamap.KeepYear || x.Keep == datamap.KeepMonth
		if !text && !(dates && (c.Kind == DateKind || c.Kind == TimeKind)) && !(x.Keep == datamap.KeepNetwork && c.Kind == AddressKind) {
			r.report(f.Name, fmt.Sprintf("has a type of which %s cannot be kept", x.Keep), `write strategy: "null" or constant`)
		}
	}
	if text && c.MaxLength > 0 && room > c.MaxLength {
		r.report(f.Name, fmt.Sprintf("holds at most %d characters, and a %s has %d", c.MaxLength, x.Strategy, room), "widen the column, or choose another strategy")
	}
	if (x.Strategy == datamap.HMAC || x.Strategy == datamap.Pseudonym) && len(s.opts.Secret) == 0 {
		r.report(f.Name, fmt.Sprintf("is to get a %s, and the store has no secret", x.Strategy), "give the store one")
	}
}

// replacers returns what computes the values of the columns that are replaced.
func (s *Store) replacers(ctx context.Context, tx Tx, t *Table) ([]replacer, []Column, error) {
	var all []replacer
	var columns []Column
	q := NewQuery(s.dialect)
	var constants []string
	var dest []any
	for _, f := range t.replacements() {
		c, _, err := t.Column(f.Name)
		if err != nil {
			return nil, nil, err
		}
		all, columns = append(all, replacer{field: f, column: c, secret: s.opts.Secret}), append(columns, c)
	}
	for i, f := range t.replacements() {
		if f.Anonymise.Strategy == datamap.Constant {
			constants = append(constants, q.Text(Expression{q.constant(f, columns[i]), columns[i]}))
			dest = append(dest, &all[i].constant)
		}
	}
	if len(constants) == 0 {
		return all, columns, nil
	}
	sql, args := q.SQL("SELECT " + strings.Join(constants, ", "))
	err := tx.Query(ctx, sql, args, func(scan func(...any) error) error { return scan(dest...) })
	return all, columns, err
}

// replaced returns the row with its values replaced, and whether that changes it.
func replaced(all []replacer, row Paged) (Paged, bool) {
	out, changed := Paged{Place: row.Place, Key: row.Key, Values: make([]*string, len(all))}, false
	for i, r := range all {
		out.Values[i] = r.of(row.Values[i], row.Key)
		was, is := row.Values[i], out.Values[i]
		changed = changed || (was == nil) != (is == nil) || was != nil && *was != *is
	}
	return out, changed
}
