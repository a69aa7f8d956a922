package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// hostPort wants host:port with both parts.
func (l *loading) hostPort(path, address string) {
	if address == "" {
		l.Add(path, "is missing", "write host:port")
		return
	}
	if host(address) == "" || !validPort(address) {
		l.Add(path, "is not host:port", "write mail.example.org:465")
	}
}

// listen wants host:port, of which the host may be empty.
func (l *loading) listen(path, address string) {
	if !validPort(address) {
		l.Add(path, "is not an address to listen on", "write 127.0.0.1:8081, or :8080 for every interface")
	}
}

// webAddress wants the address of a server, over TLS unless it is in the own network.
func (l *loading) webAddress(path, address string) {
	u, err := url.Parse(address)
	switch {
	case address == "":
		l.Add(path, "is missing", "write https://privacy.example.org")
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		l.Add(path, "is not the address of a web server", "write https://privacy.example.org")
	case u.Scheme == "http" && !ownNetwork(u.Hostname()):
		l.Add(path, "is not secured", "write https://, or use a host of the own network")
	}
}

func (l *loading) postgresURL(at, variable string, address SecretURL) {
	u, err := url.Parse(address.Reveal())
	switch {
	case address == "":
		l.Add(at+"url", "is missing", "name a file with the address in "+at+"url_file, or set "+variable)
	case err != nil, u.Scheme != "postgres" && u.Scheme != "postgresql", strings.Trim(u.Path, "/") == "":
		l.Add(at+"url", "is not the address of a Postgres database", "write postgres://user@host:5432/database")
	}
}

// mysqlURL wants a connection that is encrypted, unless it stays in the own network.
func (l *loading) mysqlURL(at, variable string, address SecretURL) {
	const example = "write mysql://user@host:3306/database"
	u, err := url.Parse(address.Reveal())
	switch {
	case address == "":
		l.Add(at+"url", "is missing", "name a file with the address in "+at+"url_file, or set "+variable)
	case err != nil, u.Scheme != "mysql", u.Hostname() == "", u.User == nil, strings.Trim(u.Path, "/") == "":
		l.Add(at+"url", "is not the address of a MySQL or MariaDB database", example)
	case u.Query().Get("tls") == "false" && !ownNetwork(u.Hostname()):
		l.Add(at+"url", "is not secured", "leave tls=false out, or use a host of the own network")
	}
}

// ownNetwork reports whether a host is this machine or in its own network: a
// loopback or private address, or a name without a dot, such as that of a
// container beside ours.
func ownNetwork(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback() || address.IsPrivate()
	}
	return !strings.Contains(host, ".")
}

func host(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func validPort(address string) bool {
	_, err := strconv.ParseUint(port(address), 10, 16)
	return err == nil
}
