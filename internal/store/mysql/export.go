package mysql

import (
	"context"
	"database/sql"

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
		text, _ := exported(e)
		return text
	}
	return s.Select(ctx, target, names, write, func(ctx context.Context, tx sqlstore.Tx, fields []sqlstore.Expression, text string, args []any) error {
		columns := make([]store.Column, len(fields))
		values, dest := make([]sql.RawBytes, len(fields)), make([]any, len(fields))
		for i, e := range fields {
			columns[i].Field = names[i]
			_, columns[i].Type = exported(e)
			dest[i] = &values[i]
		}
		if err := sink.Begin(columns); err != nil {
			return err
		}
		row := make([][]byte, len(fields))
		return tx.Query(ctx, text, args, func(scan func(...any) error) error {
			if err := scan(dest...); err != nil {
				return err
			}
			for i, v := range values {
				row[i] = v
			}
			return sink.Row(row)
		})
	})
}

// exported writes the expression for an export, always a text, and says what it
// means.
func exported(e sqlstore.Expression) (string, store.ValueType) {
	text := dialect{}.Text(e)
	switch e.Kind {
	case sqlstore.IntegerKind, sqlstore.NumberKind:
		return text, store.Number
	case sqlstore.BooleanKind:
		// What is neither is true to every program.
		return "(CASE WHEN " + e.SQL + " <> 0 THEN 'true' WHEN " + e.SQL + " = 0 THEN 'false' END)", store.Boolean
	case sqlstore.JSONKind:
		return text, store.JSON
	case sqlstore.DateKind:
		return text, store.Date
	case sqlstore.TimeKind:
		format := "%Y-%m-%dT%H:%i:%s.%f"
		if base(e.Type) == "timestamp" {
			format += "Z"
		}
		return "CAST(DATE_FORMAT(" + e.SQL + ", '" + format + "') AS CHAR)", store.Time
	}
	switch form(e.Column) {
	case octets:
		return text, store.Bytes
	case bits, integers:
		return text, store.Number
	}
	return text, store.Text
}
