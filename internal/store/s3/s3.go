// Package s3 is the kind of data store that speaks the protocol of Amazon S3.
// A collection is a bucket, a record an object. The fields are
//
//	key            the name of the object; matches exactly
//	prefix         matches all objects below it; "a/b" means those below "a/b/"
//	size           its length in bytes
//	last_modified  the time of its last change
//
// Where a bucket keeps versions, an object means all of its versions and
// delete markers, and all are erased. Objects cannot be anonymised.
//
// The credentials need s3:ListBucket, s3:GetObject, s3:GetBucketVersioning and
// s3:DeleteObject; for buckets with versions s3:ListBucketVersions and
// s3:DeleteObjectVersion too.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// The fields of an object.
const (
	fieldKey      = "key"
	fieldPrefix   = "prefix"
	fieldSize     = "size"
	fieldModified = "last_modified"
)

// Options say where the objects are.
type Options struct {
	// Endpoint is a web address without a path, such as https://s3.example.com.
	Endpoint  string
	AccessKey string
	SecretKey string
	Region    string
	// Bucket holds all collections. Empty: the name of a collection is its bucket.
	Bucket string
}

// Store is an S3-compatible object store.
type Store struct {
	name   string
	bucket string
	client *minio.Client
}

var _ store.Store = (*Store)(nil)

// Open prepares a store; it connects when it is first used.
func Open(name string, opts Options) (*Store, error) {
	endpoint, err := url.Parse(opts.Endpoint)
	if err != nil || endpoint.Host == "" || strings.Trim(endpoint.Path, "/") != "" || (endpoint.Scheme != "https" && endpoint.Scheme != "http") {
		return nil, fmt.Errorf("opening the data store %s: the endpoint cannot be used: write https://HOST or http://HOST:PORT", name)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""),
		Secure: endpoint.Scheme == "https", Region: opts.Region,
		// The caller tries again, and waits longer between.
		MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the data store %s: %w", name, err)
	}
	return &Store{name: name, bucket: opts.Bucket, client: client}, nil
}

// Name is the name of the store in the configuration.
func (s *Store) Name() string { return s.name }

// Close releases nothing: connections belong to the process.
func (s *Store) Close() error { return nil }

// Abilities says that objects are found, given out and destroyed. The bytes of a
// deleted object go when the service collects them.
func (s *Store) Abilities() store.Abilities {
	return store.Abilities{Treatments: []dsr.Treatment{dsr.Delete, dsr.Retain, dsr.Leave}, Level: store.Logical}
}

// bucketOf returns the bucket of a collection.
func (s *Store) bucketOf(c *datamap.Collection) string {
	if s.bucket != "" {
		return s.bucket
	}
	return c.Name
}

// Check looks whether the buckets are there and can be listed, and whether the
// map asks for what objects can do.
func (s *Store) Check(ctx context.Context, collections []*datamap.Collection) ([]store.Fault, error) {
	var faults []store.Fault
	for _, c := range collections {
		faults = append(faults, mapFaults(c)...)
		bucket := s.bucketOf(c)
		_, err := s.versioned(ctx, bucket)
		switch {
		case errors.Is(err, store.ErrSchema):
			faults = append(faults, store.Fault{Collection: c.Name, Problem: fmt.Sprintf("there is no bucket %q", bucket), Hint: "mend the name in the data map, or the bucket in the configuration"})
		case errors.Is(err, store.ErrDenied):
			faults = append(faults, store.Fault{Collection: c.Name, Problem: fmt.Sprintf("the bucket %q may not be read", bucket), Hint: "check the keys, and grant s3:ListBucket, s3:GetObject, s3:GetBucketVersioning and s3:DeleteObject"})
		case err != nil:
			return faults, err
		}
	}
	return faults, nil
}

// mapFaults says what the map asks for and objects cannot do.
func mapFaults(c *datamap.Collection) []store.Fault {
	var faults []store.Fault
	for _, f := range c.Fields {
		if !slices.Contains([]string{fieldKey, fieldPrefix, fieldSize, fieldModified}, f.Name) {
			faults = append(faults, store.Fault{Collection: c.Name, Field: f.Name, Problem: "an object has no such field", Hint: "the fields are key, prefix, size and last_modified"})
		}
	}
	faults = append(faults, (*Store)(nil).Abilities().Faults(c, c.Treatment)...)
	if c.Treatment == dsr.Retain && c.RetainFrom != fieldModified {
		faults = append(faults, store.Fault{Collection: c.Name, Field: c.RetainFrom, Problem: "holds no date", Hint: "write retain_from: last_modified"})
	}
	return faults
}

// Find yields the fields asked for of each object.
func (s *Store) Find(ctx context.Context, target store.Target, fields []string, yield func(store.Row) error) error {
	return s.each(ctx, target, func(_ string, o object) error {
		row := make(store.Row, len(fields))
		for _, name := range fields {
			row[name] = o.field(name)
		}
		return yield(row)
	})
}

// field returns a field by its name.
func (o object) field(name string) any {
	switch name {
	case fieldKey:
		return o.key
	case fieldSize:
		return o.size
	case fieldModified:
		return o.modified
	}
	return nil
}

// Survey counts what Erase would do.
func (s *Store) Survey(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	return s.tally(ctx, targets, now, nil)
}

// Verify lists the targets again and counts what should be gone.
func (s *Store) Verify(ctx context.Context, targets []store.Target, now time.Time) ([]store.Tally, error) {
	tallies, err := s.tally(ctx, targets, now, nil)
	for i := range tallies {
		tallies[i].Residual, tallies[i].Erased = tallies[i].Erased, 0
	}
	return tallies, err
}

// Erase deletes objects in batches. What is deleted stays deleted if the call
// ends half-way; the next call goes on with the rest.
func (s *Store) Erase(ctx context.Context, targets []store.Target, now time.Time, watch store.Watch) ([]store.Tally, error) {
	journal := store.NewJournal(watch)
	tallies, err := s.tally(ctx, targets, now, func(target store.Target, bucket string, batch []object) error {
		done := store.Done{Address: target.Address, Erased: int64(len(batch))}
		if err := errors.Join(journal.Allows(done), watch.Permitted(ctx)); err != nil {
			return err
		}
		if err := s.remove(ctx, bucket, batch); err != nil {
			return err
		}
		return journal.Add(ctx, done)
	})
	for i := range tallies {
		tallies[i].Erased = journal.Of(tallies[i].Address).Erased
	}
	return tallies, err
}

// batchSize is how many objects are deleted at a time: with their versions few
// enough for memory, and no more than one request of the protocol takes without.
const batchSize = 1000

// tally walks over the targets and counts; objects that are due are given to
// erase in batches, if there is one.
func (s *Store) tally(ctx context.Context, targets []store.Target, now time.Time, erase func(target store.Target, bucket string, batch []object) error) ([]store.Tally, error) {
	tallies := make([]store.Tally, len(targets))
	for i, target := range targets {
		t, err := s.tallyOne(ctx, target, now, erase)
		if err != nil {
			return nil, err
		}
		tallies[i] = t
	}
	return tallies, nil
}

// tallyOne is tally for one target.
func (s *Store) tallyOne(ctx context.Context, target store.Target, now time.Time, erase func(target store.Target, bucket string, batch []object) error) (store.Tally, error) {
	tally := store.Tally{Address: target.Address}
	bucket := ""
	var batch []object
	flush := func() error {
		if erase == nil || len(batch) == 0 {
			return nil
		}
		err := erase(target, bucket, batch)
		batch = batch[:0]
		return err
	}
	err := s.each(ctx, target, func(b string, o object) error {
		bucket = b
		tally.Matched++
		switch target.Treatment {
		case dsr.Leave:
			return nil
		case dsr.Retain:
			until, err := target.Keep.Until(o.modified)
			if err != nil {
				return err
			}
			if tally.Retain(until, now) {
				return nil
			}
		}
		tally.Erased++
		if erase == nil {
			return nil
		}
		if batch = append(batch, o); len(batch) < batchSize {
			return nil
		}
		return flush()
	})
	if err != nil {
		return tally, err
	}
	return tally, flush()
}
