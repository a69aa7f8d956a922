package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/go-sql-driver/mysql"

	"github.com/soffiah/habeas/internal/store"
)

// Numbers of errors (MySQL 8.0 Error Message Reference; MariaDB has the same but
// where two stand).
const (
	accessDenied      = 1045
	databaseDenied    = 1044
	tableDenied       = 1142
	columnDenied      = 1143
	privilegeDenied   = 1227
	badNull           = 1048
	duplicate         = 1062
	badDatabase       = 1049
	lockTimeout       = 1205
	deadlock          = 1213
	recordChanged     = 1020
	readOnly          = 1290
	parentMissing     = 1452
	childLeft         = 1451
	checkMySQL        = 3819
	checkMariaDB      = 4025
	statementsLogged  = 1665
	packetTooLarge    = 1153
	tooManyConnection = 1040
	tooLongMariaDB    = 1969
	tooLongMySQL      = 3024
)

// failure turns an error of the driver into one of the contract's kinds. Of
// what the server says only its number and the names of table and constraint are
// kept: its messages repeat values.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, kind := range []error{store.ErrDenied, store.ErrSchema, store.ErrUnavailable, store.ErrExceeds} {
		if errors.Is(err, kind) {
			return err
		}
	}
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return fmt.Errorf("%w: no connection to the server, or it broke: check its address, its certificate and that it runs", store.ErrUnavailable)
	}
	hint, kind := classify(said)
	if again(said.Number) {
		return fmt.Errorf("%w: %w: error %d: %s", kind, errConflict, said.Number, hint)
	}
	return fmt.Errorf("%w: error %d%s: %s", kind, said.Number, where(said), hint)
}

// constraint is how messages about foreign keys and checks name what they are
// about. Those messages hold no values.
var constraint = regexp.MustCompile("\\(`[^`]*`\\.`[^`]*`, CONSTRAINT `[^`]*`|^CONSTRAINT `[^`]*` failed for `[^`]*`\\.`[^`]*`|^Check constraint '[^']*'")

// where names the objects that an error of the server is about.
func where(said *mysql.MySQLError) string {
	switch said.Number {
	case childLeft, parentMissing, checkMySQL, checkMariaDB:
		if name := constraint.FindString(said.Message); name != "" {
			return " " + name
		}
	}
	return ""
}

// classify sorts an error into the kinds of the contract, with a hint.
func classify(said *mysql.MySQLError) (hint string, kind error) {
	switch said.Number {
	case accessDenied, databaseDenied:
		return "check user, password and the host that the user may come from", store.ErrDenied
	case tableDenied, columnDenied, privilegeDenied:
		return "grant the user the privilege that habeas check names", store.ErrDenied
	case readOnly:
		return "the server is read-only: name the primary, not a replica", store.ErrUnavailable
	case childLeft:
		return "rows that stay refer to rows that would go: map the referring table, or anonymise instead", store.ErrSchema
	case badNull:
		return "the column takes no null: anonymise it with a constant", store.ErrSchema
	case duplicate, parentMissing, checkMySQL, checkMariaDB:
		return "a constraint forbids the anonymised value: choose another", store.ErrSchema
	case statementsLogged:
		return "set binlog_format to ROW or MIXED: statements cannot be logged safely", store.ErrSchema
	case packetTooLarge:
		return "raise max_allowed_packet of the server", store.ErrSchema
	case badDatabase:
		return "run habeas check and mend the address", store.ErrSchema
	case tooLongMariaDB, tooLongMySQL:
		return "the statement took too long: an index on what rows are found by is missing, or statement_seconds is too low", store.ErrUnavailable
	case tooManyConnection:
		return "the server has no free connection; it will be tried again", store.ErrUnavailable
	}
	if again(said.Number) {
		return "the application holds the same rows; it will be tried again", store.ErrUnavailable
	}
	switch string(said.SQLState[:2]) {
	case "42", "22", "23":
		return "run habeas check and mend the data map", store.ErrSchema
	case "28":
		return "check user and password", store.ErrDenied
	}
	return "it will be tried again; if it stays, see the log of the server", store.ErrUnavailable
}

// again reports whether the same transaction may succeed at once.
func again(number uint16) bool {
	return number == lockTimeout || number == deadlock || number == recordChanged
}

// errConflict marks a clash with another transaction, after which the same may
// succeed at once.
var errConflict = errors.New("another transaction was in the way")

// overtaken says that rows of a batch have changed since they were chosen.
func overtaken() error {
	return fmt.Errorf("%w: %w: rows of the batch have changed meanwhile; it will be tried again", store.ErrUnavailable, errConflict)
}
