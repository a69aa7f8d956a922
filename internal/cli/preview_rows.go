package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/soffiah/habeas/internal/app"
	"github.com/soffiah/habeas/internal/plan"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/encode"
)

// personalData heads every printing of rows.
const personalData = "Personal data follows. Keep it where nobody else reads it, and delete it when it has served."

// eachTarget calls show for the targets of a plan of which rows may be shown, in
// the order of its lines.
func (p previewPlan) eachTarget(show func(name string, t store.Target) error) error {
	for _, l := range p.Lines {
		for _, t := range p.made.Targets[l.Store] {
			if t.Address.Collection != l.Collection || l.RowsMatched == 0 || !plan.Own(t) {
				continue
			}
			if err := show(l.Store, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsWords prints the rows of a plan, field by field.
func rowsWords(ctx context.Context, out io.Writer, opened *app.Preview, p previewPlan, limit int) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "\n%s\n", personalData)
	err := p.eachTarget(func(name string, t store.Target) error {
		fmt.Fprintf(w, "\n%s %s\n", name, t.Address.Collection)
		more, err := opened.Rows(ctx, name, t, limit, &spoken{w: w})
		if more {
			fmt.Fprintf(w, "  more than %d: see --limit\n", limit)
		}
		return err
	})
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	return err
}

// spoken is a sink that writes rows for people. Whatever a terminal would not
// print but obey is escaped.
type spoken struct {
	w       io.Writer
	columns []store.Column
}

// Begin notes the columns.
func (s *spoken) Begin(columns []store.Column) error {
	s.columns = append(s.columns, columns...)
	return nil
}

// Row writes the fields that have a value.
func (s *spoken) Row(values [][]byte) error {
	mark := "-"
	for i, v := range values {
		if v == nil {
			continue
		}
		if _, err := fmt.Fprintf(s.w, "  %s %s: %q\n", mark, s.columns[i].Field, v); err != nil {
			return err
		}
		mark = " "
	}
	return nil
}

// Content leaves out what rows have beside their fields.
func (s *spoken) Content(io.Reader) error { return nil }

// rowsJSON prints the report with the rows of its plans as one document. Rows are
// written as they come, so that memory does not grow with their number.
func rowsJSON(ctx context.Context, out io.Writer, opened *app.Preview, r previewReport, limit int) error {
	head, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	// The report is an object: what follows stands in it before its last brace.
	fmt.Fprintf(w, "%s,\n  \"notice\": %q,\n  \"rows\": [", head[:len(head)-2], personalData)
	between := "\n"
	for i, p := range r.Plans {
		err := p.eachTarget(func(name string, t store.Target) error {
			place, err := json.Marshal(map[string]any{"plan": i, "store": name, "collection": t.Address.Collection})
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s%s,\"rows\":", between, place[:len(place)-1])
			between = ",\n"
			rows := encode.NewJSON(w)
			more, err := opened.Rows(ctx, name, t, limit, rows)
			if err != nil {
				return err
			}
			if err := rows.Close(); err != nil {
				return err
			}
			fmt.Fprintf(w, ",\"more\":%v}", more)
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprint(w, "]\n}\n")
	return w.Flush()
}
