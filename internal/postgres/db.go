// Package postgres holds what Habeas knows: requests, events, mails, plans,
// results and duties, in one PostgreSQL database. It seals personal data on the
// way in and opens it on the way out (internal/vault); no other package sees a
// sealed value. Every method is one transaction and may be repeated after a
// crash: steps carry names, and a step that was taken is not taken again.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/vault"
)

// DB is the database of an installation. It is safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	master *vault.Master
	now    func() time.Time
	// installation is the random id of this database.
	installation uuid.UUID
}

// Open connects to the database at url and makes sure that its schema is the
// one this program knows and that master is its master key. It never migrates.
func Open(ctx context.Context, url string, master *vault.Master, now func() time.Time) (*DB, error) {
	pool, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	db := &DB{pool: pool, master: master, now: now}
	if err := db.checkInstallation(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

func connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The parse error repeats the URL, which may hold a password.
		return nil, errors.New("database.url is not a PostgreSQL URL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "habeas"
	// Without a limit a lost server would hold a step for the TCP time-out.
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing the database pool: %w", withoutDetail(err))
	}
	return pool, nil
}

// Close releases all connections.
func (db *DB) Close() { db.pool.Close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("asking the database: %w", withoutDetail(err))
	}
	return nil
}

// Installation is the random id of this installation. It is no secret.
func (db *DB) Installation() string { return db.installation.String() }

// Master is the master key under which this database is sealed.
func (db *DB) Master() *vault.Master { return db.master }

// tx runs f in one transaction. Its error carries no value of any row.
func (db *DB) tx(ctx context.Context, doing string, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, db.pool, f)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, withoutDetail(err))
}

// withoutDetail removes from a database error what may repeat values of rows,
// and marks errors that may pass as [dsr.ErrUnavailable].
func withoutDetail(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		clean := fmt.Errorf("PostgreSQL error %s", strings.Join(strings.Fields(pg.Code+" "+pg.TableName+" "+pg.ColumnName+" "+pg.ConstraintName), " "))
		switch pg.Code[:2] {
		case "08", "40", "53", "55", "57", "58":
			return fmt.Errorf("%w: %w", dsr.ErrUnavailable, clean)
		}
		return clean
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	// A server that ends without a word leaves an end of file in the middle of an answer.
	lost := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &network)
	if lost || errors.As(err, &connect) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) {
		return fmt.Errorf("%w: no connection to PostgreSQL", dsr.ErrUnavailable)
	}
	return err
}

// sealed is a data key in use within one transaction.
type sealed struct {
	id  uuid.UUID
	key vault.Key
}

// newKey makes a data key and stores its wrapped form.
func (db *DB) newKey(ctx context.Context, tx pgx.Tx) (sealed, error) {
	id := uuid.New()
	key, wrapped, err := db.master.NewDataKey(id.String())
	if err != nil {
		return sealed{}, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO data_key (id, wrapped, created_at) VALUES ($1, $2, $3)`, id, wrapped, db.now()); err != nil {
		return sealed{}, err
	}
	return sealed{id, key}, nil
}

// querier is what a transaction and the pool have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// loadKey fetches and unwraps a data key.
func (db *DB) loadKey(ctx context.Context, q querier, id uuid.UUID) (sealed, error) {
	var wrapped []byte
	if err := q.QueryRow(ctx, `SELECT wrapped FROM data_key WHERE id = $1`, id).Scan(&wrapped); err != nil {
		return sealed{}, fmt.Errorf("fetching a data key: %w", err)
	}
	return db.unwrap(id, wrapped)
}

func (db *DB) unwrap(id uuid.UUID, wrapped []byte) (sealed, error) {
	key, err := db.master.Unwrap(id.String(), wrapped)
	if err != nil {
		return sealed{}, fmt.Errorf("unwrapping a data key: %w", err)
	}
	return sealed{id, key}, nil
}

// requestKey loads the data key of a request. It fails with [dsr.ErrNotFound]
// once the evidence of the request has been destroyed.
func (db *DB) requestKey(ctx context.Context, q querier, request uuid.UUID) (sealed, error) {
	var id uuid.UUID
	var wrapped []byte
	err := q.QueryRow(ctx, `SELECT k.id, k.wrapped FROM request r JOIN data_key k ON k.id = r.data_key_id WHERE r.id = $1`, request).Scan(&id, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return sealed{}, fmt.Errorf("the key of the request: %w", dsr.ErrNotFound)
	}
	if err != nil {
		return sealed{}, err
	}
	return db.unwrap(id, wrapped)
}

// seal encodes v as JSON and seals it for purpose.
func (s sealed) seal(purpose string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", purpose, err)
	}
	return s.key.Seal(purpose, plain), nil
}

// open undoes seal.
func (s sealed) open(purpose string, box []byte, v any) error {
	plain, err := s.key.Open(purpose, box)
	if err != nil {
		return fmt.Errorf("opening %s: %w", purpose, err)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("decoding %s: its content is damaged", purpose)
	}
	return nil
}

// unreadable reports whether something sealed can't be opened, now or ever: its key
// was destroyed, or either was damaged.
func unreadable(err error) bool {
	return errors.Is(err, vault.ErrWrongKey) || errors.Is(err, dsr.ErrNotFound) || errors.Is(err, pgx.ErrNoRows)
}

// parseID reads the text of a request's or another row's id.
func parseID(id string) (uuid.UUID, error) {
	u, err := uuid.Parse(id)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("the id: %w", dsr.ErrNotFound)
	}
	return u, nil
}
