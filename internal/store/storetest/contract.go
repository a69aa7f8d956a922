package storetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// Rows is a sink that keeps what it is given, for looking at.
type Rows struct {
	Columns []store.Column
	// Values are the rows; null is written as "NULL".
	Values   [][]string
	Contents [][]byte
	// Stop, if set, is what the next row is answered with.
	Stop error
}

// Begin notes the columns.
func (r *Rows) Begin(columns []store.Column) error {
	r.Columns = slices.Clone(columns)
	return nil
}

// Row keeps a row.
func (r *Rows) Row(values [][]byte) error {
	if r.Stop != nil {
		return r.Stop
	}
	row := make([]string, len(values))
	for i, v := range values {
		if row[i] = string(v); v == nil {
			row[i] = "NULL"
		}
	}
	r.Values = append(r.Values, row)
	return nil
}

// Content keeps a content.
func (r *Rows) Content(content io.Reader) error {
	all, err := io.ReadAll(content)
	r.Contents = append(r.Contents, all)
	return err
}

// Of returns the values of one column, sorted.
func (r *Rows) Of(field string) []string {
	i := slices.IndexFunc(r.Columns, func(c store.Column) bool { return c.Field == field })
	if i < 0 {
		return nil
	}
	all := make([]string, len(r.Values))
	for n, row := range r.Values {
		all[n] = row[i]
	}
	return sorted(all)
}

// export: what is exported is what would be erased, each record once.
func export(t *testing.T, f Fixture) {
	f.others(t)
	f.Put(t, f.Value(1))
	f.Put(t, f.Value(2))
	target := f.target(dsr.Delete, f.Value(1), f.Value(2), f.Value(3))
	target.Matches = append(target.Matches, target.Matches[0])
	var all Rows
	if err := f.Store.Export(t.Context(), target, nil, &all); err != nil {
		t.Fatal(err)
	}
	tallies, err := f.Store.Survey(t.Context(), []store.Target{target}, now)
	if err != nil || int(tallies[0].Matched) > len(all.Values) {
		t.Errorf("%d records exported and %v surveyed: %v", len(all.Values), tallies, err)
	}
	if f.Copies == 0 {
		requireTally(t, "survey", tallies[0], int64(len(all.Values)), int64(len(all.Values)), 0)
	}
	if n := len(all.Contents); n > 0 && n != len(all.Values) || n > 0 && len(all.Contents[0]) == 0 {
		t.Errorf("%d contents of %d records, the first of %d bytes", n, len(all.Values), len(all.Contents[0]))
	}
	if len(all.Columns) != len(f.Collection.Fields) {
		t.Errorf("got %d columns, want all %d", len(all.Columns), len(f.Collection.Fields))
	}
	var some Rows
	if err := f.Store.Export(t.Context(), target, []string{f.Field}, &some); err != nil || len(some.Columns) != 1 || len(some.Values) != len(all.Values) {
		t.Errorf("one field: got %v and %d rows, %v", some.Columns, len(some.Values), err)
	}
	stop := errors.New("enough")
	if err := f.Store.Export(t.Context(), target, nil, &Rows{Stop: stop}); !errors.Is(err, stop) {
		t.Errorf("got %v, want the sink's error", err)
	}
	none := f.target(dsr.Delete)
	var empty Rows
	if err := f.Store.Export(t.Context(), none, nil, &empty); err != nil || len(empty.Values) != 0 || len(empty.Columns) == 0 {
		t.Errorf("nothing meant: got %d rows of %v, %v", len(empty.Values), empty.Columns, err)
	}
}

// secret: a secret field is in no export, whether or not it is asked for.
func secret(t *testing.T, f Fixture) {
	f.Put(t, f.Value(1))
	c := *f.Collection
	c.Fields = nil
	for _, field := range f.Collection.Fields {
		hidden := *field
		hidden.Secret = field.Name == f.Field
		c.Fields = append(c.Fields, &hidden)
	}
	target := f.target(dsr.Delete, f.Value(1))
	target.Collection = &c
	var all Rows
	if err := f.Store.Export(t.Context(), target, nil, &all); err != nil || all.Of(f.Field) != nil || len(all.Values) == 0 {
		t.Errorf("got %v in %d rows, %v", all.Columns, len(all.Values), err)
	}
	if err := f.Store.Export(t.Context(), target, []string{f.Field}, &all); !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema", err)
	}
}

// abilities: what is not declared is a fault when the store is checked and an
// error when the plan is made, never first when it is carried out.
func abilities(t *testing.T, f Fixture) {
	a := f.Store.Abilities()
	if a.Level == "" || !slices.Contains(a.Treatments, dsr.Leave) {
		t.Errorf("got level %q and treatments %v", a.Level, a.Treatments)
	}
	f.Put(t, f.Value(1))
	before := sorted(f.Records(t))
	for _, treatment := range []dsr.Treatment{dsr.Delete, dsr.Anonymise, dsr.Archive, dsr.Retain, dsr.Leave} {
		if slices.Contains(a.Treatments, treatment) {
			continue
		}
		c := *f.Collection
		c.Treatment, c.ArchiveTo, c.Dataset = treatment, "archive", &datamap.Dataset{Collections: []*datamap.Collection{{Name: "archive"}}}
		faults, err := f.Store.Check(t.Context(), []*datamap.Collection{&c})
		if err != nil || len(faults) == 0 {
			t.Errorf("%s: got %v and %v, want a fault", treatment, faults, err)
		}
		target := f.target(treatment, f.Value(1))
		target.Collection = &c
		if _, err := f.Store.Survey(t.Context(), []store.Target{target}, now); !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: got %v, want ErrSchema", treatment, err)
		}
		if _, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{}); !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: got %v, want ErrSchema", treatment, err)
		}
	}
	if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

// forbidden: a hold, a stop or a restriction ends an erasure before its next
// batch, and nothing of that has happened.
func forbidden(t *testing.T, f Fixture) {
	f.others(t)
	f.Put(t, f.Value(1))
	before := sorted(f.Records(t))
	held, saved := errors.New("held"), false
	_, err := f.Store.Erase(t.Context(), []store.Target{f.target(dsr.Delete, f.Value(1))}, now, store.Watch{
		Permit: func(context.Context) error { return held },
		Save:   func(context.Context, store.Progress) error { saved = true; return nil },
	})
	if !errors.Is(err, held) || saved {
		t.Errorf("got %v and saved %v, want the caller's error and nothing saved", err, saved)
	}
	if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

// resumed: what an interrupted call had saved counts in the next.
func resumed(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	target := f.target(dsr.Delete, f.Value(1), f.Value(2))
	var saved store.Progress
	full := errors.New("the disk is full")
	_, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{
		Save: func(_ context.Context, p store.Progress) error { saved = p; return full },
	})
	if !errors.Is(err, full) || saved.Of(target.Address).Erased != 1 {
		t.Fatalf("got %v and %v, want the caller's error after one record", err, saved)
	}
	f.Put(t, f.Value(2))
	got, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{Since: saved})
	if err != nil || got[0].Erased != 2 {
		t.Errorf("got %v and %v, want both records counted", got, err)
	}
	if diff := cmp.Diff(others, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

// exceeding: what would go beyond the plan does not happen.
func exceeding(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	f.Put(t, f.Value(2))
	before := sorted(f.Records(t))
	target := f.target(dsr.Delete, f.Value(1), f.Value(2))
	for _, most := range []map[datamap.Address]int64{{}, {target.Address: 1}} {
		if _, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{AtMost: most}); !errors.Is(err, store.ErrExceeds) {
			t.Errorf("%v: got %v, want ErrExceeds", most, err)
		}
		if diff := cmp.Diff(before, sorted(f.Records(t))); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := f.Store.Erase(t.Context(), []store.Target{target}, now, store.Watch{AtMost: map[datamap.Address]int64{target.Address: 2}}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(others, sorted(f.Records(t))); diff != "" {
		t.Error(diff)
	}
}

// wishes: a correction or restriction that the kind cannot carry out is a fault of
// the map, and keeps nobody's records from being erased.
func wishes(t *testing.T, f Fixture) {
	others := f.others(t)
	f.Put(t, f.Value(1))
	c := *f.Collection
	field := *f.Collection.Field(f.Field)
	field.Rectify = &datamap.Rectification{Type: datamap.TextValue}
	c.Restriction = &datamap.Restriction{Field: f.Field, Value: true, Release: false}
	c.Fields = slices.Clone(c.Fields)
	c.Fields[slices.Index(c.Fields, f.Collection.Field(f.Field))] = &field
	a := f.Store.Abilities()
	faults, err := f.Store.Check(t.Context(), []*datamap.Collection{&c})
	if err != nil || (a.Rectify == nil || a.Restrict == nil) != (len(faults) > 0) {
		t.Errorf("got %v and %v", faults, err)
	}
	target := f.target(dsr.Delete, f.Value(1))
	target.Collection = &c
	requireTally(t, "erase", f.erase(t, target, others), 1, 1, 0)
}
