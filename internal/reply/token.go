package reply

import (
	"bytes"
	"strings"
	"time"

	"github.com/emersion/go-message"
)

// TokenLength is the length of a token: 128 bits in lower-case base32
// (a-z, 2-7) without padding. Tokens are compared in lower case, because some
// mail clients and relays change the case of addresses.
const TokenLength = 26

// TokenKind is the namespace of a token.
type TokenKind string

// The kinds of token. An address of ours carries one as info+c.TOKEN@domain,
// a Message-ID as <c.TOKEN@domain>.
const (
	ConfirmToken TokenKind = "c" // in Reply-To
	BounceToken  TokenKind = "b" // in the envelope sender (VERP)
)

// TokenSource is where in a mail a token stands.
type TokenSource string

// The sources, in the order in which they count.
const (
	FromDelivery   TokenSource = "delivered-to" // written by our own server
	FromTo         TokenSource = "to"           // To or Cc
	FromInReplyTo  TokenSource = "in-reply-to"
	FromReferences TokenSource = "references"
	// FromBody: somewhere below the header. It ties a bounce to its mail, and never anything else.
	FromBody TokenSource = "body"
)

// TokenCandidate is a token that a mail carries.
type TokenCandidate struct {
	Kind   TokenKind
	Token  string
	Source TokenSource
}

// Tokens returns the tokens of ours that a mail carries, in the order in which
// they count, each once per source. Only addresses at the given domains count.
// The first with Kind [ConfirmToken] and a Source other than [FromBody] is the
// one to look up; for a bounce it is the first with Kind [BounceToken], or else
// any with Source FromBody.
func Tokens(raw []byte, domains ...string) []TokenCandidate {
	doc := parse(raw, time.Now)
	ours := set(domains)
	found := headerTokens(doc.header, ours)
	return append(found, scanTokens(string(bodyOf(raw)), FromBody, ours)...)
}

// bodyOf returns what follows the header, within limits.
func bodyOf(raw []byte) []byte {
	raw = trimEnvelope(raw)
	for _, blank := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(raw, []byte(blank)); i >= 0 {
			raw = raw[i:]
			break
		}
	}
	return raw[:min(len(raw), maxText)]
}

func headerTokens(h message.Header, domains map[string]bool) []TokenCandidate {
	var found []TokenCandidate
	for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Gm-Original-To"} {
		// Only the topmost: those below came with the mail.
		found = append(found, scanTokens(h.Get(name), FromDelivery, domains)...)
	}
	for _, name := range []string{"To", "Cc"} {
		for f := h.FieldsByKey(name); f.Next(); {
			found = append(found, scanTokens(f.Value(), FromTo, domains)...)
		}
	}
	found = append(found, scanTokens(h.Get("In-Reply-To"), FromInReplyTo, domains)...)
	return append(found, scanTokens(h.Get("References"), FromReferences, domains)...)
}

// scanTokens finds "+k.TOKEN@domain" and "<k.TOKEN@domain>" in s.
func scanTokens(s string, source TokenSource, domains map[string]bool) []TokenCandidate {
	var found []TokenCandidate
	seen := map[TokenCandidate]bool{}
	for at := strings.IndexByte(s, '@'); at >= 0; {
		if c, ok := tokenBefore(s, at, source, domains); ok && !seen[c] {
			seen[c] = true
			found = append(found, c)
		}
		next := strings.IndexByte(s[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return found
}

// tokenBefore reads the token whose address has its @ at position at.
func tokenBefore(s string, at int, source TokenSource, domains map[string]bool) (TokenCandidate, bool) {
	start := at - TokenLength - 2
	if start < 1 || s[start+1] != '.' {
		return TokenCandidate{}, false
	}
	kind, before := TokenKind(strings.ToLower(s[start:start+1])), s[start-1]
	token := strings.ToLower(s[start+2 : at])
	if (kind != ConfirmToken && kind != BounceToken) || (before != '+' && before != '<') || !isToken(token) {
		return TokenCandidate{}, false
	}
	end := at + 1
	for end < len(s) && isDomainByte(s[end]) {
		end++
	}
	domain := strings.ToLower(strings.TrimRight(s[at+1:end], "."))
	return TokenCandidate{kind, token, source}, domains[domain]
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(s) == TokenLength
}

func isDomainByte(c byte) bool {
	return c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// sources returns where the token stands, and whether another confirmation
// token stands in a place that names the recipient or the mail answered.
// References do not count as conflict: a thread can hold older mails of ours.
func sources(found []TokenCandidate, token string) (where map[TokenSource]bool, conflict bool) {
	where = map[TokenSource]bool{}
	for _, c := range found {
		switch {
		case c.Kind != ConfirmToken || c.Source == FromBody:
		case c.Token == strings.ToLower(token):
			where[c.Source] = true
		case c.Source != FromReferences:
			conflict = true
		}
	}
	return where, conflict
}
