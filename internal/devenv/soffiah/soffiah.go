// Package soffiah is the sample company: what its privacy policy says it
// collects, as an application database, a billing database, uploaded images and
// a mailbox, filled with people who do not exist. The same seed and time make
// the same data.
package soffiah

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/soffiah/habeas/internal/devenv"
)

//go:embed app.sql
var appSchema string

//go:embed billing.sql
var billingSchema string

const (
	appDatabase     = "soffiah_app"
	billingDatabase = "soffiah_billing"
	// role is the role of Habeas in both databases.
	role = "habeas_store"
	// marker is the comment of a database that holds sample data.
	marker = "sample data of Soffiah: %d accounts of seed %d until %s"
)

// ErrNotSample: a database of that name holds something that Seed has not made.
var ErrNotSample = errors.New("the database holds other data than the sample company's; name an empty server")

// ErrElsewhere: the databases hold the sample data of a run whose images and mails
// are in another state directory.
var ErrElsewhere = errors.New("the server holds the sample company of an earlier run with another state directory; name that directory, or a server without " + appDatabase + " and " + billingDatabase)

// Options are the choices a caller has.
type Options struct {
	// Accounts is the number of accounts, 300 if zero, 10 at least.
	Accounts int
	// Seed makes other data; zero is as good as any.
	Seed uint64
	// Now is the day on which the data ends; today if zero.
	Now time.Time
}

// Company is the sample company as Habeas finds it.
type Company struct {
	// AppURL and BillingURL open the databases with the role of Habeas, which may
	// only read, change and delete rows.
	AppURL     string
	BillingURL string

	server   *devenv.Postgres
	objects  *devenv.Objects
	mail     *devenv.Mail
	accounts []Account
}

// Subject returns the heavy user, whose erasure the demo shows: some thousand
// rows, invoices on both sides of the ten years, 400 images.
func (c *Company) Subject() Account { return c.accounts[0] }

// Accounts returns how many accounts were made. The last three are the
// company's own; the posts of these alone are commented on by others.
func (c *Company) Accounts() int { return len(c.accounts) }

// Account returns the i-th account, from 0, which is the heavy user.
func (c *Company) Account(i int) Account { return c.accounts[i] }

// Seed creates the company's databases, bucket and correspondence. Where they
// exist from an earlier run they stay as they are, whatever was done to them
// since, and opts counts for nothing.
func Seed(ctx context.Context, server *devenv.Postgres, objects *devenv.Objects, mail *devenv.Mail, opts Options) (*Company, error) {
	if opts.Accounts == 0 {
		opts.Accounts = 300
	}
	opts.Accounts = max(opts.Accounts, 10)
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	for _, database := range []string{appDatabase, billingDatabase} {
		if err := server.CreateDatabase(ctx, database); err != nil {
			return nil, err
		}
	}
	password, err := rolePassword(server.Dir())
	if err != nil {
		return nil, err
	}
	opts.Now = opts.Now.UTC().Truncate(24 * time.Hour)
	earlier, complete, err := made(ctx, server.URL(appDatabase))
	if err != nil {
		return nil, err
	}
	if complete {
		opts = earlier
	}
	c := &Company{
		AppURL:     server.RoleURL(role, password, appDatabase),
		BillingURL: server.RoleURL(role, password, billingDatabase),
		server:     server, objects: objects, mail: mail,
		accounts: people(opts.Seed, opts.Accounts, opts.Now),
	}
	if complete {
		return c, c.whole(ctx)
	}
	return c, c.seed(ctx, opts, password)
}

// whole makes sure that the images belong to the databases: a server named by URL
// outlives the state directory.
func (c *Company) whole(ctx context.Context) error {
	client, err := objectClient(c.objects)
	if err != nil {
		return err
	}
	exists, err := client.BucketExists(ctx, Bucket)
	if err != nil {
		return fmt.Errorf("looking for the bucket: %w", err)
	}
	if !exists {
		return ErrElsewhere
	}
	return nil
}

// seed fills everything. The application database is last, since its marker
// says that all is done; each database is filled in one transaction.
func (c *Company) seed(ctx context.Context, opts Options, password string) error {
	data := newApp(opts.Seed, c.accounts, opts.Now)
	if err := upload(ctx, c.objects, data.images); err != nil {
		return err
	}
	if err := file(c.mail, letters(opts.Seed, c.accounts, opts.Now)); err != nil {
		return err
	}
	if err := createRole(ctx, c.server.URL("postgres"), password); err != nil {
		return err
	}
	// A crash between the two leaves the billing database done.
	_, done, err := made(ctx, c.server.URL(billingDatabase))
	if err != nil {
		return err
	}
	mark := fmt.Sprintf(marker, opts.Accounts, opts.Seed, opts.Now.Format(time.DateOnly))
	if !done {
		tables := newBilling(opts.Seed, c.accounts, opts.Now).tables()
		if err := c.fill(ctx, billingDatabase, billingSchema, tables, mark, nil); err != nil {
			return err
		}
	}
	return c.fill(ctx, appDatabase, appSchema, data.tables(), mark, data.setAvatars)
}

// setAvatars closes the circle between accounts and uploads.
func (d *app) setAvatars(ctx context.Context, tx pgx.Tx) error {
	for _, row := range d.accounts.rows {
		account := row[0].(string)
		avatar, ok := d.avatars[account]
		if !ok {
			continue
		}
		if _, err := tx.Exec(ctx, "UPDATE accounts SET avatar_upload_id = $1 WHERE id = $2", avatar, account); err != nil {
			return fmt.Errorf("setting avatars: %w", err)
		}
	}
	return nil
}

// made returns the options with which the sample data of a database was made;
// found is false if the database is empty.
func made(ctx context.Context, url string) (opts Options, found bool, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return Options{}, false, fmt.Errorf("opening a database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var comment string
	var tables int
	err = conn.QueryRow(ctx, `SELECT coalesce(shobj_description(oid, 'pg_database'), ''),
		(SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))
		FROM pg_database WHERE datname = current_database()`).Scan(&comment, &tables)
	if err != nil {
		return Options{}, false, fmt.Errorf("reading the mark of a database: %w", err)
	}
	if tables == 0 {
		return Options{}, false, nil
	}
	var day string
	if _, err := fmt.Sscanf(comment, marker, &opts.Accounts, &opts.Seed, &day); err != nil {
		return Options{}, false, ErrNotSample
	}
	if opts.Now, err = time.Parse(time.DateOnly, day); err != nil {
		return Options{}, false, ErrNotSample
	}
	return opts, true, nil
}

// fill creates a schema with its rows, the rights of Habeas and the marker, all
// or nothing.
func (c *Company) fill(ctx context.Context, database, schema string, tables []table, mark string, finish func(context.Context, pgx.Tx) error) error {
	conn, err := pgx.Connect(ctx, c.server.URL(database))
	if err != nil {
		return fmt.Errorf("opening %s: %w", database, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, schema); err != nil {
			return fmt.Errorf("creating the tables of %s: %w", database, err)
		}
		for _, t := range tables {
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("filling %s: %w", t.name, err)
			}
		}
		if finish != nil {
			if err := finish(ctx, tx); err != nil {
				return err
			}
		}
		for _, statement := range []string{
			"GRANT USAGE ON SCHEMA public TO " + role,
			"GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
			"REVOKE ALL ON DATABASE " + database + " FROM PUBLIC",
			"GRANT CONNECT ON DATABASE " + database + " TO " + role,
			"ANALYZE",
			"COMMENT ON DATABASE " + database + " IS '" + mark + "'",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("granting rights in %s: %w", database, err)
			}
		}
		return nil
	})
}

// createRole creates the role of Habeas, unless it exists.
func createRole(ctx context.Context, url, password string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("opening the server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// The password is base32 text of our own making and needs no quoting.
	_, err = conn.Exec(ctx, "CREATE ROLE "+role+" LOGIN NOINHERIT PASSWORD '"+password+"'")
	const duplicateObject = "42710"
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == duplicateObject {
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating the role of Habeas: %w", err)
	}
	return nil
}

// rolePassword reads the password of the role, making one the first time.
func rolePassword(dir string) (string, error) {
	path := filepath.Join(dir, "store-role-password")
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the password of a role: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the password of a role: %w", err)
	}
	return password, nil
}
