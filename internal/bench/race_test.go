//go:build race

package bench_test

// raced: the race detector slows what judges a mail many times, and a server's work
// not at all, so that a ratio of the two says nothing.
const raced = true
