// Package reply judges what a mail says: whether it is an explicit yes to the
// deletion that was asked about, and if not, what else it is.
//
// It is pure. It gets raw bytes and what is known about the token they carry,
// and returns a [Judgement]; it stores nothing, sends nothing, and its only
// look outside is the DNS function it is given for DKIM keys.
//
// One rule stands above all others: a mail confirms only if everything about
// it is provably as it should be. [Judge.Judge] starts from "unclear" and every
// doubt, of parsing as of meaning, leaves it there for a person to read. So the
// tables and patterns here only ever widen what needs no person; a pattern that
// misses costs somebody a minute, never their data.
//
// The way of a mail through the package:
//
//	walk.go        bytes → header and text parts, within limits
//	token.go       which of our tokens it carries, and where
//	authres.go     what the border said about its authenticity (RFC 8601)
//	auth.go        the same checked by ourselves (DKIM, RFC 6376), alignment
//	automatic.go   machines: bounces, absences, lists, reports
//	html.go        HTML → lines, with what is quoted marked as such
//	strip.go       lines → the words that the person wrote
//	signoff.go     what may pass as a name or a signature, and what may not
//	phrases.go     those words against closed tables, one per language, which
//	               stand in vocabulary.go and, for sentences, composed.go
//	judge.go       all of it together
//	requests.go    a right that somebody invokes in plain words
//
// Reasons and errors carry no addresses and no words of the mail; the fresh
// text and the sender are personal data and stand in fields of their own.
package reply
