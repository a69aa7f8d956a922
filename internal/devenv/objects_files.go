package devenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// buckets serves objects from memory and writes each through to one file,
// <bucket>/<path-escaped key>.object: its headers as a line of JSON, then its
// content. It keeps no versions.
type buckets struct {
	gofakes3.Backend
	dir string
	mu  sync.Mutex // orders changes, so that memory and files agree
}

const (
	objectSuffix = ".object"
	// maxKeyFile is the longest escaped key that fits a file name.
	maxKeyFile = 240
)

func loadBuckets(dir string) (*buckets, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the buckets: %w", err)
	}
	b := &buckets{Backend: s3mem.New(), dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing buckets: %w", err)
	}
	for _, entry := range entries {
		if err := b.load(entry.Name()); err != nil {
			return nil, fmt.Errorf("loading bucket %s: %w", entry.Name(), err)
		}
	}
	return b, nil
}

func (b *buckets) load(bucket string) error {
	if err := b.Backend.CreateBucket(bucket); err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	entries, err := os.ReadDir(filepath.Join(b.dir, bucket))
	if err != nil {
		return fmt.Errorf("listing objects: %w", err)
	}
	for _, entry := range entries {
		escaped, ours := strings.CutSuffix(entry.Name(), objectSuffix)
		key, err := url.PathUnescape(escaped)
		if err != nil || !ours {
			continue // not ours, or a write that a crash cut short
		}
		text, err := os.ReadFile(b.file(bucket, key))
		if err != nil {
			return fmt.Errorf("reading an object: %w", err)
		}
		head, content, _ := bytes.Cut(text, []byte("\n"))
		headers := map[string]string{}
		if err := json.Unmarshal(head, &headers); err != nil {
			return fmt.Errorf("reading the headers of an object: %w", err)
		}
		if _, err := b.Backend.PutObject(bucket, key, headers, bytes.NewReader(content), int64(len(content)), nil); err != nil {
			return fmt.Errorf("restoring an object: %w", err)
		}
	}
	return nil
}

func (b *buckets) file(bucket, key string) string {
	return filepath.Join(b.dir, bucket, url.PathEscape(key)+objectSuffix)
}

// CreateBucket makes a bucket. Its name was validated before.
func (b *buckets) CreateBucket(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.Backend.CreateBucket(name); err != nil {
		return err // of the protocol, meant for the client
	}
	if err := os.MkdirAll(filepath.Join(b.dir, name), 0o700); err != nil {
		return fmt.Errorf("creating a bucket: %w", err)
	}
	return nil
}

// DeleteBucket removes an empty bucket.
func (b *buckets) DeleteBucket(name string) error {
	return b.removeBucket(name, b.Backend.DeleteBucket)
}

// ForceDeleteBucket removes a bucket with its objects.
func (b *buckets) ForceDeleteBucket(name string) error {
	return b.removeBucket(name, b.Backend.ForceDeleteBucket)
}

func (b *buckets) removeBucket(name string, remove func(string) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := remove(name); err != nil {
		return err // of the protocol, meant for the client
	}
	if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("removing a bucket: %w", err)
	}
	return nil
}

// PutObject stores an object.
func (b *buckets) PutObject(bucket, key string, meta map[string]string, input io.Reader, size int64, conditions *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	var none gofakes3.PutObjectResult
	if len(url.PathEscape(key)) > maxKeyFile {
		return none, gofakes3.ErrorMessage(gofakes3.ErrKeyTooLong, "this server keeps objects as files, and the key makes too long a file name")
	}
	content, err := gofakes3.ReadAll(input, size)
	if err != nil {
		return none, err // of the protocol, meant for the client
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	result, err := b.Backend.PutObject(bucket, key, meta, bytes.NewReader(content), size, conditions)
	if err != nil {
		return none, err // of the protocol, meant for the client
	}
	head, err := json.Marshal(meta)
	if err != nil {
		return none, fmt.Errorf("encoding the headers of an object: %w", err)
	}
	return result, writeFile(b.file(bucket, key), slices.Concat(head, []byte("\n"), content))
}

// CopyObject copies an object.
func (b *buckets) CopyObject(srcBucket, srcKey, dstBucket, dstKey string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObject(b, srcBucket, srcKey, dstBucket, dstKey, meta)
}

// DeleteObject removes an object; it is no error if there is none.
func (b *buckets) DeleteObject(bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	result, err := b.Backend.DeleteObject(bucket, key)
	if err != nil {
		return result, err // of the protocol, meant for the client
	}
	return result, b.removeFile(bucket, key)
}

// DeleteMulti removes several objects.
func (b *buckets) DeleteMulti(bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	result, err := b.Backend.DeleteMulti(bucket, keys...)
	for _, deleted := range result.Deleted {
		if removeErr := b.removeFile(bucket, deleted.Key); err == nil {
			err = removeErr
		}
	}
	return result, err
}

func (b *buckets) removeFile(bucket, key string) error {
	if err := os.Remove(b.file(bucket, key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an object: %w", err)
	}
	return nil
}
