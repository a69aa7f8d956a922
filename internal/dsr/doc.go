// Package dsr is the domain of Habeas: requests by data subjects, the rights
// they invoke, the states a request passes through, and what people decide
// about it. It knows no database, mail server or workflow engine and imports
// the standard library only, so that every other package can speak its words.
//
// Two kinds of value meet here and must never be mixed. Personal data
// ([Intake], [Elements]) rests sealed in Postgres under the key of its request.
// Everything else (ids, states, codes, counts, times) may travel through
// Temporal, logs and metrics.
package dsr
