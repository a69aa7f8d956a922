package mysql

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/encoding/charmap"

	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// This file knows the types of columns: how a text becomes a value of one, and
// what one can hold. Servers turn what they cannot read into noughts and question
// marks, so that nothing is given to them that they would have to guess.

// shape is how values of a type are written as texts and read again.
type shape int

const (
	others   shape = iota // written and read by CAST
	texts                 // of characters
	octets                // as hexadecimal digits
	integers              // signed or not
	bits                  // as numbers
	booleans              // numbers that the data map calls booleans
	decimals
	floats
	dates
	times
)

// form returns the shape of a column.
func form(c sqlstore.Column) shape {
	if c.Kind == sqlstore.BooleanKind {
		return booleans
	}
	switch base(c.Type) {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set":
		return texts
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return octets
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		return integers
	case "bit":
		return bits
	case "decimal":
		return decimals
	case "float", "double":
		return floats
	case "date":
		return dates
	case "datetime", "timestamp":
		return times
	}
	return others
}

// base returns a type without its size: bigint of "bigint(20) unsigned".
func base(columnType string) string {
	end := strings.IndexFunc(columnType, func(c rune) bool { return c == '(' || c == ' ' })
	if end < 0 {
		return columnType
	}
	return columnType[:end]
}

// size returns what stands in brackets behind a type, with the brackets.
func size(columnType string) string {
	from, to := strings.IndexByte(columnType, '('), strings.LastIndexByte(columnType, ')')
	if from < 0 || to < from {
		return ""
	}
	return columnType[from : to+1]
}

func unsigned(columnType string) bool { return strings.Contains(columnType, " unsigned") }

// typed makes a value of the column's type of an expression that is its text.
func typed(c sqlstore.Column, text string) string {
	as := func(name string) string { return "CAST(" + text + " AS " + name + ")" }
	switch form(c) {
	case texts:
		if c.Collation == "" {
			return text
		}
		set, _, _ := strings.Cut(c.Collation, "_")
		return "CONVERT(" + text + " USING " + set + ") COLLATE " + c.Collation
	case octets:
		return "UNHEX(" + text + ")"
	case integers, booleans, bits:
		if unsigned(c.Type) || base(c.Type) == "bit" || base(c.Type) == "year" {
			return as("UNSIGNED")
		}
		return as("SIGNED")
	case decimals:
		return as("DECIMAL" + size(c.Type))
	case floats, dates:
		return as(strings.ToUpper(base(c.Type)))
	case times:
		return as("DATETIME" + size(c.Type))
	}
	switch name := base(c.Type); name {
	case "json", "uuid", "inet4", "inet6":
		return as(strings.ToUpper(name))
	case "time":
		return as("TIME" + size(c.Type))
	}
	return text
}

// exactly reports whether the equality of two values of a column is that of
// their texts, so that they can be compared as they are.
func exactly(c sqlstore.Column) bool {
	switch form(c) {
	case integers, bits, booleans, decimals, octets:
		return true
	}
	return base(c.Type) == "uuid"
}

// width returns how many bits a type of whole numbers has.
func width(columnType string) int {
	switch base(columnType) {
	case "tinyint":
		return 8
	case "smallint":
		return 16
	case "mediumint":
		return 24
	case "int":
		return 32
	case "bit":
		n, _ := strconv.Atoi(strings.Trim(size(columnType), "()"))
		return n
	}
	return 64
}

// whole reads a whole number that the column can hold.
func whole(c sqlstore.Column, text string) (string, bool) {
	if unsigned(c.Type) || base(c.Type) == "bit" {
		n, err := strconv.ParseUint(text, 10, width(c.Type))
		return strconv.FormatUint(n, 10), err == nil
	}
	n, err := strconv.ParseInt(text, 10, width(c.Type))
	return strconv.FormatInt(n, 10), err == nil
}

var number = regexp.MustCompile(`^-?(\d{1,35})(?:\.(\d{1,30}))?$`)

// held returns a value as the column would hold it, and whether it can.
func held(c sqlstore.Column, v string) (string, bool) {
	switch form(c) {
	case texts:
		return v, utf8.ValidString(v) && representable(c.Collation, v)
	case integers, bits:
		return whole(c, strings.TrimSpace(v))
	case booleans:
		switch v {
		case "true", "1":
			return "1", true
		case "false", "0":
			return "0", true
		}
		return "", false
	case decimals:
		return v, number.MatchString(v)
	case octets:
		return digits(c, v)
	}
	if base(c.Type) == "uuid" {
		id, err := uuid.Parse(v)
		return id.String(), err == nil
	}
	return v, utf8.ValidString(v)
}

// digits reads octets from their hexadecimal digits, or from a UUID where the
// column has the room of one.
func digits(c sqlstore.Column, v string) (string, bool) {
	if id, err := uuid.Parse(v); err == nil && len(v) == 36 && c.MaxLength == 16 {
		return hex.EncodeToString(id[:]), true
	}
	b, err := hex.DecodeString(v)
	return v, err == nil && (c.MaxLength == 0 || len(b) <= c.MaxLength)
}

// representable reports whether the character set of a collation has all letters
// of a text. Of those that are rare the server says so itself.
func representable(collation, text string) bool {
	set, _, _ := strings.Cut(collation, "_")
	switch set {
	case "ascii":
		return !strings.ContainsFunc(text, func(c rune) bool { return c > 0x7f })
	case "latin1":
		_, err := charmap.Windows1252.NewEncoder().String(text)
		return err == nil
	case "utf8", "utf8mb3", "ucs2":
		return !strings.ContainsFunc(text, func(c rune) bool { return c > 0xffff })
	}
	return true
}

// Takes reports whether a column can hold what a text says, and would give it
// back as the same text.
func (dialect) Takes(c sqlstore.Column, text string) bool {
	switch form(c) {
	case texts:
		return takesText(c, text)
	case integers, bits:
		n, ok := whole(c, text)
		return ok && n == text || text == "true" || text == "false"
	case booleans:
		return text == "true" || text == "false" || text == "0" || text == "1"
	case decimals:
		return takesDecimal(c, text)
	case floats:
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	case octets:
		_, ok := digits(c, text)
		return ok
	case dates:
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case times:
		t, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t, err = time.Parse(time.DateOnly, text)
		}
		return err == nil && (base(c.Type) != "timestamp" || t.Year() > 1970 && t.Year() < 2038)
	}
	if c.Kind == sqlstore.JSONKind {
		return json.Valid([]byte(text))
	}
	return true
}

func takesText(c sqlstore.Column, text string) bool {
	if !utf8.ValidString(text) || !representable(c.Collation, text) {
		return false
	}
	switch name := base(c.Type); name {
	case "enum", "set":
		members := members(size(c.Type))
		if name == "enum" {
			return slices.Contains(members, text)
		}
		// A set writes its members in the order of its declaration.
		chosen := strings.Split(text, ",")
		for _, m := range members {
			if len(chosen) > 0 && chosen[0] == m {
				chosen = chosen[1:]
			}
		}
		return len(chosen) == 0 || text == ""
	case "char":
		return !strings.HasSuffix(text, " ") // which it would lose
	case "tinytext":
		return len(text) <= 255
	case "text":
		return len(text) <= 65535
	}
	return c.Kind != sqlstore.JSONKind || json.Valid([]byte(text))
}

// members reads the members of an enum or set from its type.
func members(list string) []string {
	var all []string
	for rest := strings.TrimPrefix(list, "("); strings.HasPrefix(rest, "'"); rest = strings.TrimPrefix(rest, ",") {
		var b strings.Builder
		i := 1
		for ; i < len(rest); i++ {
			if rest[i] == '\'' {
				if i+1 == len(rest) || rest[i+1] != '\'' {
					break
				}
				i++
			}
			b.WriteByte(rest[i])
		}
		all, rest = append(all, b.String()), rest[min(i+1, len(rest)):]
	}
	return all
}

func takesDecimal(c sqlstore.Column, text string) bool {
	m := number.FindStringSubmatch(text)
	var precision, scale int
	if _, err := fmt.Sscanf(size(c.Type), "(%d,%d)", &precision, &scale); m == nil || err != nil {
		return false
	}
	return len(strings.TrimLeft(m[1], "0")) <= precision-scale && len(m[2]) <= scale && !(unsigned(c.Type) && strings.HasPrefix(text, "-"))
}

// array writes texts as JSON.
func array(values []string) string {
	text, err := json.Marshal(values)
	if err != nil {
		return "[]" // texts are always JSON
	}
	return string(text)
}

// quoted writes a text as JSON.
func quoted(value string) string {
	return strings.TrimSuffix(strings.TrimPrefix(array([]string{value}), "["), "]")
}

// elements writes values as they may stand in an array of JSON: as texts, and as
// numbers where they are some.
func elements(values []string) string {
	var all []any
	for _, v := range values {
		all = append(all, v)
		if number.MatchString(v) && json.Valid([]byte(v)) {
			all = append(all, json.Number(v))
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "[]" // texts and numbers are always JSON
	}
	return string(text)
}

// longest returns how many characters the longest of the values has.
func longest(values []string) int {
	most := 1
	for _, v := range values {
		most = max(most, utf8.RuneCountInString(v))
	}
	return most
}

// textOf writes a type for texts of so many characters in tables made of JSON.
// Short ones are kept in memory.
func textOf(characters int) string {
	if characters > 4000 {
		return "LONGTEXT CHARACTER SET utf8mb4"
	}
	return fmt.Sprintf("VARCHAR(%d) CHARACTER SET utf8mb4", characters)
}
