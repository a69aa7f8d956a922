// Package strictyaml reads the YAML files that people write for Habeas, and
// tells them everything that is wrong at once, each with its file, line and
// path, and what to do about it.
//
// It is stricter than YAML: a key that nobody reads is an error, because it is
// a setting that its author believes in; so are keys without a value, a second
// document, and anchors and aliases, with which a small file can grow without
// bound. Messages name keys and never repeat values, which may be secret.
package strictyaml
