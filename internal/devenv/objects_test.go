package devenv_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/soffiah/habeas/internal/devenv"
)

func objectClient(t *testing.T, o *devenv.Objects, secretless bool) *minio.Client {
	t.Helper()
	id := o.AccessKey()
	if secretless {
		id = "stranger"
	}
	c, err := minio.New(o.Endpoint(), &minio.Options{Creds: credentials.NewStaticV4(id, o.SecretKey(), "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func keys(t *testing.T, c *minio.Client, prefix string) []string {
	t.Helper()
	var found []string
	for object := range c.ListObjects(t.Context(), "images", minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: 3}) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		found = append(found, object.Key)
	}
	return found
}

func get(t *testing.T, url string) (int, string, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(body)
}

func TestObjectsComeBack(t *testing.T) {
	needsServers(t)
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	store, err := devenv.StartObjects(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	c := objectClient(t, store, false)
	if err := c.MakeBucket(ctx, "images", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	put := func(key string) {
		t.Helper()
		content := []byte("content of " + key)
		if _, err := c.PutObject(ctx, "images", key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{ContentType: "image/png"}); err != nil {
			t.Fatal(err)
		}
	}
	var ours []string
	for i := range 7 {
		key := fmt.Sprintf("ours/%d/ä b+c%%.png", i)
		ours = append(ours, key)
		put(key)
	}
	put("theirs/1.png")
	put("ours") // a file system could not hold it beside ours/...
	if got := keys(t, c, "ours/"); !slices.Equal(got, ours) {
		t.Errorf("listed %q", got)
	}
	link, err := c.PresignedGetObject(ctx, "images", ours[0], time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, kind, body := get(t, link.String()); code != 200 || kind != "image/png" || body != "content of "+ours[0] {
		t.Errorf("got %d %q %q", code, kind, body)
	}
	if _, err := objectClient(t, store, true).ListBuckets(ctx); minio.ToErrorResponse(err).Code != minio.AccessDenied {
		t.Errorf("a stranger got %v", err)
	}

	endpoint := store.Endpoint()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = devenv.StartObjects(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if store.Endpoint() != endpoint {
		t.Error("the endpoint changed")
	}
	if code, kind, body := get(t, link.String()); code != 200 || kind != "image/png" || body != "content of "+ours[0] {
		t.Errorf("after a restart: %d %q %q", code, kind, body)
	}
	doomed := make(chan minio.ObjectInfo, len(ours))
	for _, key := range ours {
		doomed <- minio.ObjectInfo{Key: key}
	}
	close(doomed)
	for failed := range c.RemoveObjects(ctx, "images", doomed, minio.RemoveObjectsOptions{}) {
		t.Error(failed.Err)
	}
	if code, _, _ := get(t, link.String()); code != 404 {
		t.Errorf("the link still answers %d", code)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = devenv.StartObjects(ctx, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if got := keys(t, c, ""); !slices.Equal(got, []string{"ours", "theirs/1.png"}) {
		t.Errorf("after the removal: %q", got)
	}
}
