package store

import (
	"context"

	"github.com/soffiah/habeas/internal/datamap"
)

// Watch is how a caller accompanies a method that changes rows, batch by batch.
// The zero value lets everything happen and keeps no progress.
type Watch struct {
	// Since is the progress that an interrupted call had saved.
	Since Progress
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
		rows += d.Erased + d.Archived + d.Anonymised
	}
	return rows
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

// Add adds rows of one collection and saves.
func (j *Journal) Add(ctx context.Context, d Done) error {
	if d.Erased+d.Archived+d.Anonymised == 0 {
		return nil
	}
	sum := j.Of(d.Address)
	sum.Erased, sum.Archived, sum.Anonymised = sum.Erased+d.Erased, sum.Archived+d.Archived, sum.Anonymised+d.Anonymised
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
