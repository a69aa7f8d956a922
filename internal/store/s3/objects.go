package s3

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/minio/minio-go/v7"

	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
)

// object is an object with all of its versions.
type object struct {
	key      string
	size     int64
	modified time.Time // the newest of the versions'
	versions []minio.ObjectInfo
}

// supported refuses what objects cannot do.
func supported(target store.Target) error {
	if err := target.Validate(); err != nil {
		return err
	}
	// What the map wants beyond an erasure keeps nobody from finding and erasing.
	c := *target.Collection
	c.Fields, c.Restriction = nil, nil
	for _, f := range (*Store)(nil).Abilities().Faults(&c, target.Treatment) {
		return fmt.Errorf("%s: %w: %s: %s", target.Address, store.ErrSchema, f.Problem, f.Hint)
	}
	if target.Treatment == dsr.Retain && target.Keep.From != fieldModified {
		return fmt.Errorf("%s: %w: objects are dated by last_modified only", target.Address, store.ErrSchema)
	}
	for _, m := range target.Matches {
		if m.Field != fieldKey && m.Field != fieldPrefix {
			return fmt.Errorf("%s: %w: objects are found by key and prefix, not by %s", target.Address, store.ErrSchema, m.Field)
		}
	}
	return nil
}

// each yields every object that the target means, once, with its bucket.
func (s *Store) each(ctx context.Context, target store.Target, yield func(bucket string, o object) error) error {
	if err := supported(target); err != nil {
		return err
	}
	bucket := s.bucketOf(target.Collection)
	// Asked even where nothing is to be found: a bucket that is not there answers
	// a look at an object just as one in which the object is gone.
	versioned, err := s.versioned(ctx, bucket)
	if err != nil {
		return err
	}
	prefixes, keys := places(target)
	for _, p := range prefixes {
		err := s.list(ctx, bucket, p, versioned, func(o object) (bool, error) { return true, yield(bucket, o) })
		if err != nil {
			return err
		}
	}
	for _, k := range keys {
		o, ok, err := s.object(ctx, bucket, k, versioned)
		if err != nil {
			return err
		}
		if ok {
			if err := yield(bucket, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// places returns the prefixes and keys of a target, without those that others
// of them cover. A name that no object can have is left out.
func places(target store.Target) (prefixes, keys []string) {
	var all []string
	for _, m := range target.Matches {
		for _, v := range m.Texts() {
			if len(v) > 1024 || !utf8.ValidString(v) || strings.TrimSpace(v) == "" || strings.Trim(v, "/") == "" {
				continue
			}
			if m.Field == fieldKey {
				keys = append(keys, v)
				continue
			}
			// Without the slash the prefix u/1 would take the objects of u/12 along.
			all = append(all, strings.TrimSuffix(v, "/")+"/")
		}
	}
	slices.Sort(all)
	covered := func(v string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(v, p) })
	}
	for _, p := range all {
		if !covered(p) {
			prefixes = append(prefixes, p)
		}
	}
	slices.Sort(keys)
	return prefixes, slices.DeleteFunc(slices.Compact(keys), covered)
}

// versioned reports whether a bucket keeps versions, or did once.
func (s *Store) versioned(ctx context.Context, bucket string) (bool, error) {
	v, err := s.client.GetBucketVersioning(ctx, bucket)
	if err != nil {
		return false, fmt.Errorf("asking for the versions of a bucket: %w", failure(ctx, err))
	}
	return v.Status != "", nil
}

// object looks for one object by its key.
func (s *Store) object(ctx context.Context, bucket, key string, versioned bool) (object, bool, error) {
	if versioned {
		var found object
		err := s.list(ctx, bucket, key, true, func(o object) (bool, error) {
			// Keys come in order, and the key itself is the first with it as prefix.
			if o.key == key {
				found = o
			}
			return false, nil
		})
		return found, found.key != "", err
	}
	info, err := s.client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err == nil {
		return object{key: key, size: info.Size, modified: info.LastModified, versions: []minio.ObjectInfo{{Key: key}}}, true, nil
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return object{}, false, nil
	}
	return object{}, false, fmt.Errorf("looking for an object: %w", failure(ctx, err))
}

// list yields the objects whose key begins with prefix, until yield says no.
func (s *Store) list(ctx context.Context, bucket, prefix string, versioned bool, yield func(object) (bool, error)) error {
	// Ends the requests of the client when the loop ends early.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var current object
	opts := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: versioned}
	for info := range s.client.ListObjectsIter(ctx, bucket, opts) {
		if info.Err != nil {
			return fmt.Errorf("listing objects: %w", failure(ctx, info.Err))
		}
		if info.Key != current.key && current.key != "" {
			if more, err := yield(current); err != nil || !more {
				return err
			}
			current = object{}
		}
		current.key = info.Key
		current.versions = append(current.versions, minio.ObjectInfo{Key: info.Key, VersionID: info.VersionID, IsDeleteMarker: info.IsDeleteMarker})
		if !info.LastModified.Before(current.modified) {
			current.modified, current.size = info.LastModified, info.Size
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if current.key == "" {
		return nil
	}
	_, err := yield(current)
	return err
}

// remove deletes objects with all of their versions.
func (s *Store) remove(ctx context.Context, bucket string, batch []object) error {
	versions := func(yield func(minio.ObjectInfo) bool) {
		for _, o := range batch {
			for _, v := range o.versions {
				if !yield(v) {
					return
				}
			}
		}
	}
	results, err := s.client.RemoveObjectsWithIter(ctx, bucket, versions, minio.RemoveObjectsOptions{})
	if err != nil {
		return fmt.Errorf("deleting objects: %w", failure(ctx, err))
	}
	for r := range results {
		if r.Err != nil {
			return fmt.Errorf("deleting objects: %w", failure(ctx, r.Err))
		}
	}
	return ctx.Err()
}

// failure turns an error of the client into one of the contract's kinds. Only
// its code is kept: messages repeat keys.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized, answer.Code == "AccessDenied":
		return fmt.Errorf("%w: %s: check the keys and what they may do", store.ErrDenied, answer.Code)
	case answer.Code == "NoSuchBucket", answer.StatusCode == http.StatusNotFound, answer.Code == "InvalidBucketName":
		return fmt.Errorf("%w: %s: there is no such bucket: mend the data map", store.ErrSchema, answer.Code)
	case answer.StatusCode != 0:
		return fmt.Errorf("%w: status %d, %s", store.ErrUnavailable, answer.StatusCode, answer.Code)
	}
	return fmt.Errorf("%w: no answer from the endpoint: check its address and that it runs", store.ErrUnavailable)
}
