package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Token is an API token as Habeas knows it: not the secret, but its hash. The
// secret must be random and long, because it is hashed once only.
type Token struct {
	// Name says whose token it is. Decisions taken with it are recorded under it.
	Name   string
	Role   Role
	SHA256 []byte
}

// Tokens are the tokens that open this server. Build them with [NewTokens].
type Tokens struct{ all []Token }

// NewTokens returns the tokens, or an error that names each one that cannot be
// used: without a name, with a name that another one has, with an unknown role,
// or with a hash that is not one of SHA-256.
func NewTokens(all []Token) (Tokens, error) {
	var errs []error
	seen := map[string]bool{}
	for n, t := range all {
		switch {
		case strings.TrimSpace(t.Name) == "":
			errs = append(errs, fmt.Errorf("token %d has no name: give it one, decisions are recorded under it", n+1))
		case seen[t.Name]:
			errs = append(errs, fmt.Errorf("two tokens are named %q: give each its own name", t.Name))
		case !slices.Contains(Roles(), t.Role):
			errs = append(errs, fmt.Errorf("token %q has the unknown role %q: use one of %v", t.Name, t.Role, Roles()))
		case len(t.SHA256) != sha256.Size:
			errs = append(errs, fmt.Errorf("the hash of token %q has %d bytes: give the SHA-256 of the token, %d bytes", t.Name, len(t.SHA256), sha256.Size))
		}
		seen[t.Name] = true
	}
	return Tokens{all: slices.Clone(all)}, errors.Join(errs...)
}

// Find returns the token whose secret this is. It takes the same time whichever
// token matches, and whether one does.
func (ts Tokens) Find(secret string) (Token, bool) {
	sum := sha256.Sum256([]byte(secret))
	found := -1
	for n, t := range ts.all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], t.SHA256), n, found)
	}
	if found < 0 {
		return Token{}, false
	}
	return ts.all[found], true
}

// Named returns the token of that name.
func (ts Tokens) Named(name string) (Token, bool) {
	n := slices.IndexFunc(ts.all, func(t Token) bool { return t.Name == name })
	if n < 0 {
		return Token{}, false
	}
	return ts.all[n], true
}

// Bearer returns the secret of an Authorization header of the Bearer scheme
// (RFC 6750, section 2.1), or "".
func Bearer(header string) string {
	scheme, secret, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}
