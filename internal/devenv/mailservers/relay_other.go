//go:build !linux

package mailservers

import (
	"errors"
	"net"
)

// dropPackets is for Linux.
func dropPackets(*net.TCPConn) error {
	return errors.New("dropping packets of one connection needs Linux")
}
