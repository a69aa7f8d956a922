package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/sqlstore"
)

// Export streams the rows of a target: what the server sends is handed on
// without being turned into values of Go.
func (s *Store) Export(ctx context.Context, target store.Target, fields []string, sink store.Sink) error {
	if err := target.Validate(); err != nil {
		return err
	}
	wanted, err := store.Exportable(target.Collection, fields)
	if err != nil {
		return err
	}
	names := make([]string, len(wanted))
	for i, f := range wanted {
		names[i] = f.Name
	}
	write := func(e sqlstore.Expression) string {
		sql, _ := exported(e)
		return sql
	}
	return s.Select(ctx, target, names, write, func(ctx context.Context, tx sqlstore.Tx, fields []sqlstore.Expression, sql string, args []any) error {
		columns := make([]store.Column, len(fields))
		for i, e := range fields {
			columns[i].Field = names[i]
			_, columns[i].Type = exported(e)
		}
		if err := sink.Begin(columns); err != nil {
			return err
		}
		return stream(ctx, tx.(transaction), sql, args, sink)
	})
}

// stream hands rows on as the texts that the server writes.
func stream(ctx context.Context, tx transaction, sql string, args []any, sink store.Sink) error {
	rows, err := tx.Tx.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return failure(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := sink.Row(rows.RawValues()); err != nil {
			return err
		}
	}
	return failure(ctx, rows.Err())
}

// exported writes the expression for an export, and says what its texts mean.
func exported(e sqlstore.Expression) (string, store.ValueType) {
	if e.Element != "" {
		return "to_json(" + e.SQL + ")::text", store.JSON
	}
	switch e.Type {
	case "smallint", "integer", "bigint":
		return e.SQL, store.Number
	case "real", "double precision", "numeric":
		// Infinity and NaN are no numbers of JSON.
		return "nullif(nullif(nullif(" + e.SQL + "::text, 'NaN'), 'Infinity'), '-Infinity')", store.Number
	case "boolean":
		return e.SQL + "::text", store.Boolean
	case "json", "jsonb":
		return e.SQL, store.JSON
	case "date":
		return e.SQL, store.Date
	case "timestamp with time zone":
		return `to_char(` + e.SQL + `, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, store.Time
	case "timestamp without time zone":
		return `to_char(` + e.SQL + `, 'YYYY-MM-DD"T"HH24:MI:SS.US')`, store.Time
	case "bytea":
		return "encode(" + e.SQL + ", 'hex')", store.Bytes
	}
	return e.SQL + "::text", store.Text
}
