package store

import (
	"context"
	"fmt"

	"github.com/soffiah/habeas/internal/datamap"
)

// Watch is how a caller accompanies a method that changes rows, batch by batch.
// The zero value lets everything happen and keeps no progress.
type Watch struct {
	// Since is the progress that an interrupted call had saved.
	Since Progress
	// AtMost, if set, is how many rows of each collection may be changed in all, as
	// the signed plan says with its tolerance; of one that is not named none. A
	// batch that goes beyond is not committed and ends the call with [ErrExceeds]:
	// a mistake in how rows are chosen reaches nobody else's.
	AtMost map[datamap.Address]int64
	// Permit, if set, is asked in every batch, after its rows were changed and
	// before that is committed. If it fails nothing of the batch has happened and
	// the call ends with that error: a hold, a stop, a restriction. Kinds without
	// transactions ask before they change anything.
	Permit func(ctx context.Context) error
	// Save, if set, is told the whole progress after every batch was committed. Its
	// error ends the call. After a crash the saved progress may lack one batch,
	// which reading back shows to be done.
	Save func(ctx context.Context, p Progress) error
}

// Permitted asks [Watch.Permit].
func (w Watch) Permitted(ctx context.Context) error {
	if w.Permit == nil {
		return nil
	}
	return w.Permit(ctx)
}

// Progress is what has been done so far, by collection. It holds no personal data.
type Progress []Done

// Done is the rows of one collection that have been done.
type Done struct {
	Address    datamap.Address `json:"address"`
	Erased     int64           `json:"erased,omitempty"`
	Archived   int64           `json:"archived,omitempty"`
	Anonymised int64           `json:"anonymised,omitempty"`
}

// Rows returns how many rows have been done in all.
func (p Progress) Rows() int64 {
	var rows int64
	for _, d := range p {
		rows += d.Rows()
	}
	return rows
}

// Rows returns how many rows these are.
func (d Done) Rows() int64 { return d.Erased + d.Archived + d.Anonymised }

// Plus returns d with more rows of the same collection.
func (d Done) Plus(more Done) Done {
	d.Erased, d.Archived, d.Anonymised = d.Erased+more.Erased, d.Archived+more.Archived, d.Anonymised+more.Anonymised
	return d
}

// Of returns what has been done in one collection.
func (p Progress) Of(a datamap.Address) Done {
	for _, d := range p {
		if d.Address == a {
			return d
		}
	}
	return Done{Address: a}
}

// Journal keeps the progress of one call and tells the watch of it.
type Journal struct {
	watch Watch
	done  Progress
}

// NewJournal returns a journal that continues what the watch says was done before.
func NewJournal(w Watch) *Journal {
	return &Journal{watch: w, done: append(Progress(nil), w.Since...)}
}

// Allows reports, as an [ErrExceeds], that with so many more rows of a collection
// the plan would be exceeded.
func (j *Journal) Allows(d Done) error {
	rows := j.Of(d.Address).Plus(d).Rows()
	if j.watch.AtMost != nil && rows > 0 && rows > j.watch.AtMost[d.Address] {
		return fmt.Errorf("%s: %w: %d rows instead of %d: make the plan anew", d.Address, ErrExceeds, rows, j.watch.AtMost[d.Address])
	}
	return nil
}

// Add adds rows of one collection and saves.
func (j *Journal) Add(ctx context.Context, d Done) error {
	if d.Rows() == 0 {
		return nil
	}
	sum := j.Of(d.Address).Plus(d)
	for i := range j.done {
		if j.done[i].Address == d.Address {
			j.done[i] = sum
			return j.save(ctx)
		}
	}
	j.done = append(j.done, sum)
	return j.save(ctx)
}

func (j *Journal) save(ctx context.Context) error {
	if j.watch.Save == nil {
		return nil
	}
	return j.watch.Save(ctx, append(Progress(nil), j.done...))
}

// Of returns what has been done in one collection, in earlier calls too.
func (j *Journal) Of(a datamap.Address) Done { return j.done.Of(a) }
