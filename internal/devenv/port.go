package devenv

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lingering bounds the wait for a remembered port to become free: a server that
// was killed with its parent may still be about to end.
const lingering = time.Second

// listen listens on loopback: on the port that dir remembers under name where
// it is free, on any other where it is not, and remembers which it was. So a
// server that is started again on the same directory keeps its address.
func listen(dir, name string) (net.Listener, error) {
	file := filepath.Join(dir, name)
	if text, err := os.ReadFile(file); err == nil {
		if l := listenAgain(strings.TrimSpace(string(text))); l != nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err == nil {
		err = os.WriteFile(file, []byte(port+"\n"), 0o600)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("remembering a port: %w", err)
	}
	return l, nil
}

// listenAgain listens on a port that was used before; nil if it stays taken.
func listenAgain(port string) net.Listener {
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil
	}
	for deadline := time.Now().Add(lingering); ; time.Sleep(10 * time.Millisecond) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			return nil
		}
	}
}

// reservePort chooses a port as listen does, for a child process to listen on.
func reservePort(dir, name string) (string, error) {
	l, err := listen(dir, name)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if closeErr := l.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", fmt.Errorf("reserving a port: %w", err)
	}
	return port, nil
}

// ReserveAddress chooses a loopback address for a server of the caller's own, the
// same one again for the same dir and name as long as it is free.
func ReserveAddress(dir, name string) (string, error) {
	port, err := reservePort(dir, name)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", port), nil
}
