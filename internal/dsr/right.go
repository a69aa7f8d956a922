package dsr

import "slices"

// Right is what a data subject asks for.
type Right string

// The rights of the GDPR that a request can invoke.
const (
	Access             Right = "access"             // Art. 15
	Rectification      Right = "rectification"      // Art. 16
	Erasure            Right = "erasure"            // Art. 17
	Restriction        Right = "restriction"        // Art. 18
	Portability        Right = "portability"        // Art. 20
	Objection          Right = "objection"          // Art. 21
	ConsentWithdrawal  Right = "consent_withdrawal" // Art. 7(3)
	AutomatedDecisions Right = "automated_decision" // Art. 22
)

// Rights returns all rights, in the order in which a form offers them.
func Rights() []Right {
	return []Right{Access, Erasure, Rectification, Portability, Restriction, Objection, ConsentWithdrawal, AutomatedDecisions}
}

// Valid reports whether r is one of [Rights].
func (r Right) Valid() bool { return slices.Contains(Rights(), r) }
