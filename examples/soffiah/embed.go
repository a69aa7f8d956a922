// Package soffiah is the configuration of the sample company: its policy, its
// data map, and the configuration of Habeas that names both. The files are
// meant to be copied and changed; they are embedded so that the demo needs
// nothing but the program.
package soffiah

import "embed"

// Files holds policy.yaml, habeas.yaml and the files of the data map, which are
// datasets/*.yml.
//
//go:embed policy.yaml habeas.yaml datasets/*.yml
var Files embed.FS
