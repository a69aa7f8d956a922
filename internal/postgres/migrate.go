package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/vault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Errors that refuse a start.
var (
	// ErrSchema: the database was never migrated, or by another version of Habeas.
	ErrSchema = errors.New("the database schema is not the one this program knows")
	// ErrWrongMaster: the database is sealed under another master key.
	ErrWrongMaster = errors.New("the master key is not the one under which this database is sealed")
	// ErrNotEmpty: a database that is to become a demo holds something else.
	ErrNotEmpty = errors.New("the database is neither empty nor marked as demo")
)

// Kind is what an installation is for. A demo installation opens with a demo
// key only, and a production installation never does.
type Kind string

// The kinds of installation.
const (
	Production Kind = "production"
	Demo       Kind = "demo"
)

// Migrate brings the database at url to the schema this program knows and, the
// first time, marks it with kind and with master. It reports the number of
// migrations applied. A database that is not of that kind, or sealed under
// another master key, is left as it is.
func Migrate(ctx context.Context, url string, kind Kind, master *vault.Master, now time.Time) (int, error) {
	if err := keyFits(kind, master); err != nil {
		return 0, err
	}
	pool, err := connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	applied := 0
	db := &DB{pool: pool, master: master, now: func() time.Time { return now }}
	err = db.tx(ctx, "migrating the database", func(tx pgx.Tx) error {
		// One migration at a time, however many programs start at once.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('habeas migrate'))`); err != nil {
			return err
		}
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		if version == 0 && kind == Demo {
			if err := requireEmpty(ctx, tx); err != nil {
				return err
			}
		}
		applied, err = apply(ctx, tx, version, now)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO installation (kind, key_check, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			kind, master.KeyCheck(), now)
		if err != nil {
			return err
		}
		return checkMark(ctx, tx, kind, master)
	})
	return applied, err
}

// requireEmpty refuses a database that has tables of anybody's.
func requireEmpty(ctx context.Context, tx pgx.Tx) error {
	var tables int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`).Scan(&tables)
	if err != nil {
		return err
	}
	if tables > 0 {
		return ErrNotEmpty
	}
	return nil
}

// apply runs the migrations that come after version.
func apply(ctx context.Context, tx pgx.Tx, version int, now time.Time) (int, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	if version > len(names) {
		return 0, fmt.Errorf("%w: it is at version %d and this program knows %d; use a newer habeas", ErrSchema, version, len(names))
	}
	if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_version (
		version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)`); err != nil {
		return 0, err
	}
	for i, name := range names[version:] {
		sql, err := migrations.ReadFile(name)
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, string(sql)); err != nil {
			return 0, fmt.Errorf("applying %s: %w", name, err)
		}
		short := strings.TrimPrefix(name, "migrations/")
		if _, err := tx.Exec(ctx, `INSERT INTO schema_version VALUES ($1, $2, $3)`, version+i+1, short, now); err != nil {
			return 0, err
		}
	}
	return len(names) - version, nil
}

// schemaVersion is the version of the schema, 0 for a database without one.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var known *string
	if err := q.QueryRow(ctx, `SELECT to_regclass('schema_version')::text`).Scan(&known); err != nil {
		return 0, err
	}
	if known == nil {
		return 0, nil
	}
	var version int
	err := q.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&version)
	return version, err
}

// checkInstallation refuses a schema or a master key that is not ours.
func (db *DB) checkInstallation(ctx context.Context) error {
	return db.tx(ctx, "checking the database", func(tx pgx.Tx) error {
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		names, err := fs.Glob(migrations, "migrations/*.sql")
		if err != nil {
			return err
		}
		if version != len(names) {
			return fmt.Errorf("%w: it is at version %d and this program needs %d; run `habeas migrate` of this version, or start the habeas that fits", ErrSchema, version, len(names))
		}
		kind := Production
		if db.master.Demo() {
			kind = Demo
		}
		if err := checkMark(ctx, tx, kind, db.master); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT id FROM installation`).Scan(&db.installation)
	})
}

// checkMark compares the mark of the database with kind and master.
func checkMark(ctx context.Context, tx pgx.Tx, kind Kind, master *vault.Master) error {
	var marked Kind
	var check []byte
	if err := tx.QueryRow(ctx, `SELECT kind, key_check FROM installation`).Scan(&marked, &check); err != nil {
		return err
	}
	if marked != kind {
		return fmt.Errorf("%w: the database is marked as %s, the key or configuration as %s", ErrWrongMaster, marked, kind)
	}
	if !master.Matches(check) {
		return fmt.Errorf("%w: restore the key with which it was migrated", ErrWrongMaster)
	}
	return nil
}

// keyFits refuses a demo key outside of a demo, and the reverse.
func keyFits(kind Kind, master *vault.Master) error {
	if master.Demo() != (kind == Demo) {
		return fmt.Errorf("%w: a demo key opens a demo installation and nothing else", ErrWrongMaster)
	}
	return nil
}
