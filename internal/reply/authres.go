package reply

import (
	"errors"
	"strings"
)

// This file reads Authentication-Results fields (RFC 8601, section 2.2). The
// text comes in part from the sender (an address in smtp.mailfrom may hold any
// characters in quotes), so it is taken token by token: a semicolon inside
// quotes or a comment separates nothing.

// authField is one Authentication-Results field.
type authField struct {
	id      string // authserv-id, lower case; "" if the field has none
	results []authResult
}

// authResult is one "method=result" with its properties, names in lower case.
type authResult struct {
	method, result string
	props          map[string]string
}

var errAuthField = errors.New("not an Authentication-Results field (RFC 8601)")

const (
	maxAuthField   = 16 << 10
	maxAuthResults = 64
	maxComments    = 10
)

type authScanner struct {
	s      string
	pos    int
	broken bool // a comment was left open
}

// parseAuthField reads the value of one field. Fields without an authserv-id,
// as Exchange Online writes them, are read too; callers decide about them.
func parseAuthField(value string) (authField, error) {
	if len(value) > maxAuthField {
		return authField{}, errAuthField
	}
	sc := &authScanner{s: value}
	var field authField
	id, err := sc.word(func(c byte) bool { return c != '=' && isValueByte(c) })
	if err != nil || id == "" {
		return field, errAuthField
	}
	if sc.next() == '=' {
		sc.pos = 0
	} else {
		field.id = strings.ToLower(id)
		if _, err := sc.word(isDigit); err != nil { // the version
			return field, err
		}
		if c := sc.next(); c != ';' && c != 0 {
			return field, errAuthField
		}
		sc.accept(';')
	}
	for sc.skip() == nil && sc.next() != 0 {
		if err := sc.result(&field); err != nil || len(field.results) > maxAuthResults {
			return field, errAuthField
		}
	}
	if sc.skip() != nil || sc.broken {
		return field, errAuthField
	}
	return field, nil
}

// result reads one result and the semicolon after it.
func (sc *authScanner) result(field *authField) error {
	if sc.accept(';') {
		return nil
	}
	method, err := sc.word(isKeyByte)
	if err != nil || method == "" {
		return errAuthField
	}
	if method == "none" && (sc.next() == ';' || sc.next() == 0) {
		sc.accept(';')
		return nil
	}
	if sc.accept('/') {
		if _, err := sc.word(isDigit); err != nil {
			return err
		}
	}
	if !sc.accept('=') {
		return errAuthField
	}
	verdict, err := sc.word(isKeyByte)
	if err != nil || verdict == "" {
		return errAuthField
	}
	r := authResult{method: strings.ToLower(method), result: strings.ToLower(verdict), props: map[string]string{}}
	for sc.next() != ';' && sc.next() != 0 {
		if err := sc.property(r.props); err != nil {
			return err
		}
	}
	sc.accept(';')
	field.results = append(field.results, r)
	return nil
}

// property reads "ptype.property=value", or "reason=value" and its like. Of a
// property that is repeated the first one stays.
func (sc *authScanner) property(props map[string]string) error {
	name, err := sc.word(isKeyByte)
	if err != nil || name == "" {
		return errAuthField
	}
	for sc.accept('.') {
		rest, err := sc.word(isKeyByte)
		if err != nil || rest == "" {
			return errAuthField
		}
		name += "." + rest
	}
	if !sc.accept('=') {
		return errAuthField
	}
	value, err := sc.word(isValueByte)
	if err != nil {
		return err
	}
	name = strings.ToLower(name)
	if _, repeated := props[name]; !repeated && len(props) < maxAuthResults {
		props[name] = value
	}
	return nil
}

// word reads white space, comments and then a run of bytes that ok accepts.
// Quoted strings belong to the run where ok accepts the quotation mark.
func (sc *authScanner) word(ok func(byte) bool) (string, error) {
	if err := sc.skip(); err != nil {
		return "", err
	}
	var b strings.Builder
	for sc.pos < len(sc.s) && ok(sc.s[sc.pos]) {
		if sc.s[sc.pos] != '"' {
			b.WriteByte(sc.s[sc.pos])
			sc.pos++
			continue
		}
		quoted, err := sc.quoted()
		if err != nil {
			return "", err
		}
		b.WriteString(quoted)
	}
	return b.String(), nil
}

func (sc *authScanner) quoted() (string, error) {
	var b strings.Builder
	for sc.pos++; sc.pos < len(sc.s); sc.pos++ {
		switch c := sc.s[sc.pos]; c {
		case '"':
			sc.pos++
			return b.String(), nil
		case '\\':
			if sc.pos++; sc.pos < len(sc.s) {
				b.WriteByte(sc.s[sc.pos])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", errAuthField
}

// skip passes white space and comments (CFWS).
func (sc *authScanner) skip() error {
	depth := 0
	for ; sc.pos < len(sc.s); sc.pos++ {
		switch c := sc.s[sc.pos]; {
		case c == '(':
			if depth++; depth > maxComments {
				return errAuthField
			}
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			sc.pos++
		case depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return nil
		}
	}
	if depth > 0 {
		sc.broken = true
		return errAuthField
	}
	return nil
}

// next returns the next significant byte without taking it, 0 at the end.
func (sc *authScanner) next() byte {
	if sc.skip() != nil || sc.pos >= len(sc.s) {
		return 0
	}
	return sc.s[sc.pos]
}

func (sc *authScanner) accept(c byte) bool {
	if sc.next() != c {
		return false
	}
	sc.pos++
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isKeyByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

func isValueByte(c byte) bool {
	return c > ' ' && c != 0x7f && c != ';' && c != '(' && c != ')'
}
