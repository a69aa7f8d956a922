package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// errURL never repeats the address: it holds a password.
var errURL = errors.New("the address cannot be read: write mysql://USER:PASSWORD@HOST:3306/DATABASE, and behind it nothing, ?tls=true, ?tls=skip-verify or ?tls=false; &ca=FILE names the certificates to trust")

// ParseURL reads mysql://user:password@host:port/database. Connections are
// encrypted and the server's certificate is verified, unless tls says otherwise:
// "skip-verify" encrypts only, "false" does not even that. ca names a PEM file of
// the certificates to trust instead of the machine's.
func ParseURL(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "mysql" || u.Hostname() == "" || u.User == nil || u.Fragment != "" {
		return nil, errURL
	}
	cfg := mysql.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(u.Hostname(), orElse(u.Port(), "3306"))
	if cfg.DBName = strings.Trim(u.Path, "/"); cfg.DBName == "" || strings.Contains(cfg.DBName, "/") {
		return nil, errURL
	}
	for key, values := range u.Query() {
		if key != "tls" && key != "ca" || len(values) != 1 {
			return nil, errURL
		}
	}
	if cfg.TLS, err = encryption(u.Hostname(), u.Query().Get("tls"), u.Query().Get("ca")); err != nil {
		return nil, err
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.Timeout = 10 * time.Second
	cfg.Logger = log.New(io.Discard, "", 0) // its errors are told by ours
	return cfg, nil
}

// encryption returns how connections to host are secured, nil for not at all.
func encryption(host, mode, ca string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	switch mode {
	case "", "true":
	case "skip-verify":
		cfg.InsecureSkipVerify = true
	case "false":
		return nil, nil
	default:
		return nil, errURL
	}
	if ca == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates to trust: %w", err)
	}
	if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificates: write them as PEM", ca)
	}
	return cfg, nil
}

// connector opens connections that mean the same whatever the server's settings.
type connector struct {
	driver.Connector
	first string
}

func newConnector(cfg *mysql.Config, lockTimeout, statementTimeout time.Duration) (driver.Connector, error) {
	inner, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errURL
	}
	seconds := max(1, int(lockTimeout.Round(time.Second)/time.Second))
	// The last two parts are comments to the other of the two servers.
	return connector{inner, fmt.Sprintf("SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', "+
		"innodb_lock_wait_timeout = %d, lock_wait_timeout = %[1]d, net_write_timeout = 600 /*M!100101 , max_statement_time = %[2]f */ /*!80000 , max_execution_time = %[3]d */",
		seconds, statementTimeout.Seconds(), statementTimeout.Milliseconds())}, nil
}

// Connect opens a connection and sets it up. A value that does not fit is an
// error and not cut off, moments are in UTC, and an export may take its time.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, c.first, nil); err != nil {
		_ = conn.Close() // of no use without its settings
		return nil, err
	}
	return conn, nil
}
