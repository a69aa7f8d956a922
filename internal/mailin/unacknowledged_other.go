//go:build !linux

package mailin

import (
	"syscall"
	"time"
)

// limitUnacknowledged has no portable form: the guard of [session.do] finds
// the dead line there, only later.
func limitUnacknowledged(time.Duration) func(network, address string, c syscall.RawConn) error {
	return nil
}
