package config

import (
	"net/url"
)

const redacted = "[redacted]"

// Secret is a value that must not be seen in logs, errors or dumps. It prints
// as "[redacted]"; [Secret.Reveal] returns it.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]", or nothing if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoders and from slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the secret from YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// SecretURL is an address that may hold a password. It prints with its scheme,
// host and path only; [SecretURL.Reveal] returns it whole.
type SecretURL string

// Reveal returns the whole address.
func (s SecretURL) Reveal() string { return string(s) }

// String returns the address without user, password, query and fragment, which
// may all be secret.
func (s SecretURL) String() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme == "" || u.Host == "" {
		return redacted
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// GoString hides the secret parts from %#v.
func (s SecretURL) GoString() string { return s.String() }

// MarshalText hides the secret parts from encoders and from slog.
func (s SecretURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the secret parts from YAML.
func (s SecretURL) MarshalYAML() (any, error) { return s.String(), nil }

// holdsPassword reports whether the address holds a password, in the place for
// it or as a parameter (Postgres takes password and sslpassword).
func (s SecretURL) holdsPassword() bool {
	u, err := url.Parse(string(s))
	if err != nil {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}
