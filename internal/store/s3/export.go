package s3

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"

	"github.com/soffiah/habeas/internal/store"
)

// Export gives a row for each object, and its bytes. Of an object with versions
// it gives each that is no delete marker.
func (s *Store) Export(ctx context.Context, target store.Target, fields []string, sink store.Sink) error {
	if err := target.Validate(); err != nil {
		return err
	}
	columns, err := store.Columns(target.Collection, fields, map[string]store.ValueType{fieldSize: store.Number, fieldModified: store.Time})
	if err != nil {
		return err
	}
	if err := sink.Begin(columns); err != nil {
		return err
	}
	return s.each(ctx, target, func(bucket string, o object) error {
		for _, v := range o.versions {
			if v.IsDeleteMarker {
				continue
			}
			if err := sink.Row(store.Texts(columns, o.field)); err != nil {
				return err
			}
			if err := s.content(ctx, bucket, v, sink); err != nil {
				return err
			}
		}
		return nil
	})
}

// content streams the bytes of one version.
func (s *Store) content(ctx context.Context, bucket string, v minio.ObjectInfo, sink store.Sink) error {
	r, err := s.client.GetObject(ctx, bucket, v.Key, minio.GetObjectOptions{VersionID: v.VersionID})
	if err != nil {
		return fmt.Errorf("reading an object: %w", failure(ctx, err))
	}
	defer func() { _ = r.Close() }() // nothing was written
	if _, err := r.Stat(); err != nil {
		return fmt.Errorf("reading an object: %w", failure(ctx, err))
	}
	return sink.Content(r)
}
