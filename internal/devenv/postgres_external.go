package devenv

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// UsePostgres takes a server that runs already, by the URL of one of its
// databases and with the rights to create others. dir keeps what belongs to it
// here. It is not ours to stop or kill.
func UsePostgres(ctx context.Context, dir, address string) (*Postgres, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" {
		// The parse error would repeat the URL with its password.
		return nil, fmt.Errorf("the URL of the Postgres server is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	release, err := claim(dir)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		release()
		return nil, fmt.Errorf("connecting to the Postgres server at %s: it does not answer or refuses the user", u.Host)
	}
	_ = conn.Close(ctx)
	return &Postgres{dir: dir, external: u, release: release, life: ctx, detach: func() bool { return true }}, nil
}
