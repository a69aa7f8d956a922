package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/soffiah/habeas/internal/store"
)

// failure turns an error of the driver into one of the contract's kinds. Of
// what the server says only the SQLSTATE and the names of table, column and
// constraint are kept: its messages and details repeat values.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, kind := range []error{store.ErrDenied, store.ErrSchema, store.ErrUnavailable} {
		if errors.Is(err, kind) {
			return err
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		hint, kind := classify(pg.Code)
		if again(pg.Code) {
			return fmt.Errorf("%w: %w: SQLSTATE %s%s: %s", kind, errConflict, pg.Code, where(pg), hint)
		}
		return fmt.Errorf("%w: SQLSTATE %s%s: %s", kind, pg.Code, where(pg), hint)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("%w: no connection to the server: check its address and that it runs", store.ErrUnavailable)
	}
	return fmt.Errorf("%w: the connection broke", store.ErrUnavailable)
}

// where names the objects that an error of the server is about.
func where(pg *pgconn.PgError) string {
	var b strings.Builder
	for _, part := range []struct{ what, name string }{
		{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName},
	} {
		if part.name != "" {
			fmt.Fprintf(&b, " %s %q", part.what, part.name)
		}
	}
	return b.String()
}

// classify sorts a SQLSTATE (PostgreSQL documentation, appendix A) into the
// kinds of the contract, with a hint.
func classify(code string) (hint string, kind error) {
	switch {
	case code == "42501":
		return "grant the role the privilege that habeas check names", store.ErrDenied
	case strings.HasPrefix(code, "28"):
		return "check user, password and pg_hba.conf", store.ErrDenied
	case code == "25006":
		return "the server is read-only: name the primary, not a standby", store.ErrUnavailable
	case code == "23503":
		return "rows that stay refer to rows that would go: map the referring table, or anonymise instead", store.ErrSchema
	case code == "23502":
		return "the column takes no null: anonymise it with a constant", store.ErrSchema
	case strings.HasPrefix(code, "23"):
		return "a constraint forbids the anonymised value: choose another", store.ErrSchema
	case code == "3D000", strings.HasPrefix(code, "42"), strings.HasPrefix(code, "22"):
		return "run habeas check and mend the data map", store.ErrSchema
	case again(code):
		return "the application holds the same rows; it will be tried again", store.ErrUnavailable
	}
	return "it will be tried again; if it stays, see the log of the server", store.ErrUnavailable
}

// again reports whether the same transaction may succeed at once.
func again(code string) bool {
	switch code {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return true
	}
	return false
}

// errConflict marks a clash with another transaction, after which the same may
// succeed at once.
var errConflict = errors.New("another transaction was in the way")
