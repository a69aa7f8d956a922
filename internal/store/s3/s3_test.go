package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/dsr"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/s3"
	"github.com/soffiah/habeas/internal/store/storetest"
)

// bucket is a bucket on a server of its own.
type bucket struct {
	client *minio.Client
	store  *s3.Store
	c      *datamap.Collection
}

func newBucket(t *testing.T, versions bool) *bucket {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	endpoint := strings.TrimPrefix(server.URL, "http://")
	client, err := minio.New(endpoint, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), "uploads", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if versions {
		if err := client.EnableVersioning(t.Context(), "uploads"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := s3.Open("objects", s3.Options{Endpoint: server.URL, AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := &datamap.Collection{Dataset: &datamap.Dataset{Key: "objects"}, Name: "uploads", Treatment: dsr.Delete,
		Fields: []*datamap.Field{{Name: "key"}, {Name: "prefix"}, {Name: "last_modified"}, {Name: "size"}}}
	return &bucket{client, s, c}
}

func (b *bucket) put(t *testing.T, key string) {
	t.Helper()
	if _, err := b.client.PutObject(t.Context(), "uploads", key, bytes.NewReader([]byte("content")), 7, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (b *bucket) records(t *testing.T, versions bool) []string {
	t.Helper()
	all := []string{}
	for o := range b.client.ListObjectsIter(t.Context(), "uploads", minio.ListObjectsOptions{Recursive: true, WithVersions: versions}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		all = append(all, fmt.Sprintf("%s %s %d %s", o.Key, o.VersionID, o.Size, o.LastModified))
	}
	return all
}

func (b *bucket) target(field string, values ...any) store.Target {
	return store.Target{Collection: b.c, Address: b.c.Address(), Treatment: b.c.Treatment, Matches: []store.Match{{Field: field, Values: values}}}
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string]bool{"plain": false, "versions": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				b := newBucket(t, versions)
				return storetest.Fixture{
					Copies: map[bool]int{true: 2}[versions],
					Store:  b.store, Collection: b.c, Field: "key",
					Value:   func(n int) string { return fmt.Sprintf("u/%d/picture", n) },
					Awkward: []string{"it's.png", `a"b.png`, "a b+c%20&d?.png", "žluťoučký 🐎.png", "*", "[a]", "a<b>.png"},
					Put: func(t *testing.T, v string) {
						b.put(t, v)
						if versions {
							b.put(t, v)
						}
					},
					Records: func(t *testing.T) []string { return b.records(t, versions) },
				}
			})
		})
	}
}

func TestPrefixTakesAFolderOnly(t *testing.T) {
	t.Parallel()
	b := newBucket(t, false)
	for _, key := range []string{"u/1/a", "u/1/b/c", "u/12/a", "u/1", "v/1/a"} {
		b.put(t, key)
	}
	target := b.target("prefix", "u/1", "u/1/b/", "/", "")
	target.Matches = append(target.Matches, store.Match{Field: "key", Values: []any{"u/1/a", "v/1/a"}})
	got, err := b.store.Erase(t.Context(), []store.Target{target}, time.Now(), store.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Matched != 3 || got[0].Erased != 3 {
		t.Errorf("got %+v, want three objects", got[0])
	}
	var left []string
	for _, r := range b.records(t, false) {
		left = append(left, strings.Fields(r)[0])
	}
	if diff := cmp.Diff([]string{"u/1", "u/12/a"}, left); diff != "" {
		t.Error(diff)
	}
}

// TestDeletedVersionsGo: an object that was deleted where versions are kept is
// still there until its versions are gone.
func TestDeletedVersionsGo(t *testing.T) {
	t.Parallel()
	b := newBucket(t, true)
	b.put(t, "u/1/a")
	b.put(t, "u/1/ab")
	if err := b.client.RemoveObject(t.Context(), "uploads", "u/1/a", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	target := b.target("key", "u/1/a")
	before, err := b.store.Verify(t.Context(), []store.Target{target}, time.Now())
	if err != nil || before[0].Residual != 1 {
		t.Fatalf("got %+v and %v, want one object that is not gone", before, err)
	}
	if _, err := b.store.Erase(t.Context(), []store.Target{target}, time.Now(), store.Watch{}); err != nil {
		t.Fatal(err)
	}
	if left := b.records(t, true); len(left) != 1 || !strings.HasPrefix(left[0], "u/1/ab ") {
		t.Errorf("got %q, want the other object only", left)
	}
}

func TestMoreThanOneBatch(t *testing.T) {
	t.Parallel()
	b := newBucket(t, false)
	for n := range 1005 {
		b.put(t, fmt.Sprintf("u/1/%d", n))
	}
	got, err := b.store.Erase(t.Context(), []store.Target{b.target("prefix", "u/1")}, time.Now(), store.Watch{})
	if err != nil || got[0].Erased != 1005 || len(b.records(t, false)) != 0 {
		t.Errorf("got %+v and %v, want all 1005 gone", got, err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	b := newBucket(t, false)
	b.put(t, "u/1/a")
	target := b.target("key", "u/1/a")
	target.Treatment = dsr.Retain
	target.Keep = &store.Keep{From: "last_modified", Period: "P1Y"}
	got, err := b.store.Erase(t.Context(), []store.Target{target}, time.Now(), store.Watch{})
	if err != nil || got[0].Retained != 1 || got[0].Erased != 0 || got[0].RetainedUntil.IsZero() || got[0].NextDue.IsZero() {
		t.Fatalf("got %+v and %v, want one retained", got, err)
	}
	got, err = b.store.Erase(t.Context(), []store.Target{target}, time.Now().AddDate(1, 0, 1), store.Watch{})
	if err != nil || got[0].Erased != 1 {
		t.Errorf("got %+v and %v, want it erased after a year", got, err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	b := newBucket(t, false)
	target := b.target("key", "secret-name")
	target.Treatment = dsr.Anonymise
	if _, err := b.store.Survey(t.Context(), []store.Target{target}, time.Now()); !errors.Is(err, store.ErrSchema) {
		t.Errorf("got %v, want ErrSchema", err)
	}
	c := *b.c
	c.Treatment, c.Fields = dsr.Anonymise, []*datamap.Field{{Name: "owner"}}
	if faults, err := b.store.Check(t.Context(), []*datamap.Collection{&c}); err != nil || len(faults) != 2 {
		t.Errorf("got %v and %v, want two faults", faults, err)
	}
	for _, bad := range []string{"", "localhost:9000", "ftp://x", "https://x/y", "https://"} {
		if _, err := s3.Open("bad", s3.Options{Endpoint: bad}); err == nil {
			t.Errorf("the endpoint %q was taken", bad)
		}
	}
	down, err := s3.Open("down", s3.Options{Endpoint: "http://127.0.0.1:1", AccessKey: "k", SecretKey: "s", Region: "r"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = down.Survey(t.Context(), []store.Target{b.target("key", "secret-name")}, time.Now())
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "secret-name") {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
