// Package access says who may do what on the pages and in the API: roles and
// what they may do (role.go), the tokens that carry them (token.go), the session
// that a token opens in a browser (session.go), and the signed values with which
// forms prove that they come from a page of ours (form.go).
package access

import (
	"slices"

	"github.com/soffiah/habeas/internal/dsr"
)

// Role is what the holder of a token is to Habeas.
type Role string

// The roles.
const (
	Intake   Role = "intake"   // the controller's own application: files requests, reads nothing
	Viewer   Role = "viewer"   // sees requests without personal data
	Handler  Role = "handler"  // works on requests
	Approver Role = "approver" // also signs plans, and lets data stores be written to
)

// Permission is one thing that a role may or may not do. A decision is a
// permission of its own: see [Decide].
type Permission string

// The permissions besides decisions.
const (
	Submit       Permission = "submit"        // file a request
	Read         Permission = "read"          // see requests, without personal data
	ReadPersonal Permission = "read_personal" // see what the person and the team wrote
	EnableStore  Permission = "enable_store"  // let Habeas write to a data store
	ObserveStore Permission = "observe_store" // take that back
	Supplement   Permission = "supplement"    // add elements of identification to a request
)

// Decide is the permission to take a decision.
func Decide(a dsr.Action) Permission { return Permission("decide_" + a) }

// Roles returns every role.
func Roles() []Role { return []Role{Intake, Viewer, Handler, Approver} }

// Permissions returns every permission.
func Permissions() []Permission {
	all := []Permission{Submit, Read, ReadPersonal, Supplement, EnableStore, ObserveStore}
	for _, a := range dsr.Actions() {
		all = append(all, Decide(a))
	}
	return all
}

// May reports whether r has p. This table is the only place that says so.
func (r Role) May(p Permission) bool {
	switch r {
	case Intake:
		return p == Submit
	case Viewer:
		return p == Read
	case Handler:
		return p != Decide(dsr.Approve) && p != EnableStore && slices.Contains(Permissions(), p)
	case Approver:
		return slices.Contains(Permissions(), p)
	}
	return false
}
