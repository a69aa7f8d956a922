package mailservers

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// dropPackets makes the kernel throw away whatever arrives for a connection, before
// TCP sees it (socket(7), SO_ATTACH_FILTER). Unlike a rule of a firewall it asks
// for no rights, concerns this connection only, and ends with it. What was sent is
// acknowledged before, or the kernel would go on sending it, a sign of life.
func dropPackets(conn *net.TCPConn) error {
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("dropping packets: %w", err)
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		for unsent := 1; unsent > 0 && set == nil; {
			unsent, set = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
			time.Sleep(time.Millisecond)
		}
		if set != nil {
			return
		}
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]})
	})
	if err := errors.Join(err, set); err != nil {
		return fmt.Errorf("dropping packets: %w", err)
	}
	return nil
}
