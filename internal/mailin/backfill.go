package mailin

import (
	"context"
	"fmt"
	"time"
)

// Backfill reads the mail that the folders have received since a time (to the
// day), in batches, and leaves cursors alone. It is for old mail, which a
// watcher never takes for new; a failure ends it, and it can be repeated. Nothing
// is marked or moved.
func Backfill(ctx context.Context, cfg Config, since time.Time, each func(context.Context, []Message) error) error {
	w := &watcher{cfg: cfg.withDefaults(), failures: map[place]int{}}
	s, err := connect(ctx, w.cfg)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := w.survey(s); err != nil {
		return err
	}
	for _, folder := range w.watched() {
		data, err := s.examine(folder)
		if err != nil {
			return fmt.Errorf("folder %q: %w", folder, err)
		}
		upTo := Cursor{Folder: folder, UIDValidity: data.UIDValidity, LastUID: uint32(data.UIDNext) - 1}
		entries, err := s.past(upTo, since)
		for err == nil && len(entries) > 0 {
			batch := w.batch(upTo, entries)
			entries = entries[len(batch):]
			var messages []Message
			if messages, err = w.read(s, upTo, batch); err == nil {
				err = each(ctx, messages)
			}
		}
		if err != nil {
			return fmt.Errorf("reading old mail of folder %q: %w", folder, err)
		}
	}
	return nil
}
