// Package e2e holds black-box scenarios: a whole installation with the sample
// company, real servers and real connections, looked at from outside and by
// direct queries of every database. They are left out under -short.
package e2e
