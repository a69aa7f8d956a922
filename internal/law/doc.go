// Package law computes with the periods of data protection law: how long a
// controller has to answer, on which day that ends, and how long data may or
// must be kept. It is pure: times, calendars and time zones are given to it.
//
// Periods follow Regulation (EEC, Euratom) 1182/71, which governs every period
// laid down in a regulation of the Union, the GDPR among them. Where the law
// leaves a doubt, the earlier day is taken: an answer that comes too early
// harms nobody.
package law
