package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
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
	return s.snapshot(ctx, func(tx pgx.Tx) error {
		tables, err := s.tables(ctx, tx, []store.Target{target})
		if err != nil {
			return err
		}
		return export(ctx, tx, tables[0], wanted, sink)
	})
}

// export reads the rows of one table.
func export(ctx context.Context, tx pgx.Tx, t *table, fields []*datamap.Field, sink store.Sink) error {
	q := &query{}
	columns, list := make([]store.Column, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		e, err := q.field(t, "t", f.Name)
		if err != nil {
			return err
		}
		columns[i].Field = f.Name
		list[i], columns[i].Type = e.exported()
	}
	matches, err := q.matches(t, "t")
	if err != nil {
		return err
	}
	if err := sink.Begin(columns); err != nil {
		return err
	}
	// As text, which is what an export writes.
	args := append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, q.args...)
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+t.from("t")+" WHERE "+matches, args...)
	if err != nil {
		return failure(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := sink.Row(rows.RawValues()); err != nil {
			return err
		}
	}
	if err := failure(ctx, rows.Err()); err != nil {
		return fmt.Errorf("reading %s: %w", t, err)
	}
	return nil
}

// exported writes the expression for an export, and says what its texts mean.
func (e expression) exported() (string, store.ValueType) {
	switch {
	case e.Element != "", e.Category == "C":
		return "to_json(" + e.sql + ")::text", store.JSON
	}
	switch e.Type {
	case "smallint", "integer", "bigint":
		return e.sql, store.Number
	case "real", "double precision", "numeric":
		// Infinity and NaN are no numbers of JSON.
		return "nullif(nullif(nullif(" + e.sql + "::text, 'NaN'), 'Infinity'), '-Infinity')", store.Number
	case "boolean":
		return e.sql + "::text", store.Boolean
	case "json", "jsonb":
		return e.sql, store.JSON
	case "date":
		return e.sql, store.Date
	case "timestamp with time zone":
		return `to_char(` + e.sql + `, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, store.Time
	case "timestamp without time zone":
		return `to_char(` + e.sql + `, 'YYYY-MM-DD"T"HH24:MI:SS.US')`, store.Time
	case "bytea":
		return "encode(" + e.sql + ", 'hex')", store.Bytes
	}
	return e.sql + "::text", store.Text
}
