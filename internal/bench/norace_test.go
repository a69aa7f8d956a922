//go:build !race

package bench_test

// raced is false where ratios can be held.
const raced = false
