// Package devenv starts on this machine everything that Habeas talks to: a
// Postgres, a Temporal server, a mail server and an object store. The
// subcommands dev and demo and the tests use it alike; the product's own code
// never imports it and cannot tell that it runs here.
//
// Every server listens on loopback only, keeps its state below a directory that
// its caller names, and comes back there with the same data on the same port.
// Servers that are programs of their own run as child processes and never
// outlive this one. Mail goes nowhere: the mail server delivers every address
// to a mailbox of its own and relays nothing.
//
// What a server needs beyond the modules of this repository is kept in the
// cache folder, $HABEAS_CACHE or else "habeas" below the user's cache folder:
//
//	temporal-cli-v1.5.1   the Temporal CLI, downloaded or built once
//	postgres-16           Postgres, where none is installed
//
// It runs on Linux and macOS. Only on Linux can it run Postgres when started as
// root below a directory that other users may not enter.
package devenv
