// Package config is the settings of a Habeas process: one YAML file, with
// environment variables for what differs between machines and for secrets
// ([Variables] lists them).
//
// # What takes precedence
//
// A variable of the environment wins over the file; a secret's own variable wins
// over the file that a *_file key or variable names. Variables set to nothing
// count as not set. A variable that starts with HABEAS_ and means nothing is an
// error, like an unknown key, except those that Kubernetes sets by itself for a
// service of that name. TEMPORAL_* variables are not read.
//
// # Secrets
//
// Passwords, tokens and keys do not stand in the YAML file, which people mail to
// each other. They come from files or from the environment. Loaded, they have
// the types [Secret] and [SecretURL], which print as "[redacted]". The master
// key is read by internal/vault; here is only where it is.
//
// Everything that is wrong is reported at once, each with its line and path.
package config
