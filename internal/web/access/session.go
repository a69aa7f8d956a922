package access

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// SessionLife is how long a login lasts. It does not grow with use.
const SessionLife = 8 * time.Hour

// Session is a login in a browser. It rests in the browser alone, signed; it
// ends at its time, when its token is taken out of the configuration, or when
// the secret behind the token's name changes.
type Session struct {
	Token Token
	// ID binds the forms of a session to it.
	ID      string
	Expires time.Time
}

type sessionPayload struct {
	Name    string `json:"n"`
	ID      string `json:"i"`
	Expires int64  `json:"e"`
}

// NewSession opens a session for t.
func NewSession(t Token, now time.Time) Session {
	return Session{Token: t, ID: Random(), Expires: now.Add(SessionLife).Truncate(time.Second)}
}

// Seal returns s as the value of a cookie.
func (k Key) Seal(s Session) (string, error) {
	payload, err := json.Marshal(sessionPayload{Name: s.Token.Name, ID: s.ID, Expires: s.Expires.Unix()})
	if err != nil {
		return "", err
	}
	return k.Sign("session", string(s.Token.SHA256), string(payload)), nil
}

// Unseal returns the session of a cookie's value while it lasts.
func (k Key) Unseal(value string, tokens Tokens, now time.Time) (Session, bool) {
	var p sessionPayload
	if !unverified(value, &p) {
		return Session{}, false
	}
	t, known := tokens.Named(p.Name)
	if !known {
		return Session{}, false
	}
	if _, ok := k.Open("session", string(t.SHA256), value); !ok {
		return Session{}, false
	}
	s := Session{Token: t, ID: p.ID, Expires: time.Unix(p.Expires, 0)}
	return s, now.Before(s.Expires)
}

// unverified reads the name under which a session claims to run, which is
// needed to know the binding of its signature. Nothing else may trust it.
func unverified(value string, p *sessionPayload) bool {
	encoded, _, _ := strings.Cut(value, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	return err == nil && json.Unmarshal(payload, p) == nil
}
