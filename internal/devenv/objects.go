package devenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// Objects is an S3-compatible object store. Objects rest below dir/buckets.
type Objects struct {
	address string
	key     accessKey
	server  *http.Server
	release func()
	detach  func() bool
	serving sync.WaitGroup
	closed  sync.Once
	err     error
}

// accessKey is what a client names itself by.
type accessKey struct{ id, secret string }

// StartObjects starts an object store on the objects below dir, on the port and
// with the access key that it had before. It stops when ctx ends.
func StartObjects(ctx context.Context, dir string) (*Objects, error) {
	release, err := claim(dir)
	if err != nil {
		return nil, err
	}
	o := &Objects{release: release}
	if err := o.serve(dir); err != nil {
		release()
		return nil, fmt.Errorf("starting the object store: %w", err)
	}
	o.detach = context.AfterFunc(ctx, func() { _ = o.Close() })
	return o, nil
}

func (o *Objects) serve(dir string) error {
	var err error
	if o.key, err = loadAccessKey(filepath.Join(dir, "access-key")); err != nil {
		return err
	}
	backend, err := loadBuckets(filepath.Join(dir, "buckets"))
	if err != nil {
		return err
	}
	listener, err := listen(dir, "port")
	if err != nil {
		return err
	}
	o.address = listener.Addr().String()
	faker := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog()))
	o.server = &http.Server{Handler: o.key.required(faker.Server()), ReadHeaderTimeout: time.Minute}
	// Serve returns when Close is called, which is the only way it ends.
	o.serving.Go(func() { _ = o.server.Serve(listener) })
	return nil
}

// Endpoint returns host and port; the protocol is http.
func (o *Objects) Endpoint() string { return o.address }

// AccessKey returns the id of the one access key.
func (o *Objects) AccessKey() string { return o.key.id }

// SecretKey returns the secret of the one access key.
func (o *Objects) SecretKey() string { return o.key.secret }

// Close ends the server and gives the directory free. A second call does nothing.
func (o *Objects) Close() error {
	o.closed.Do(func() {
		o.detach()
		o.err = o.server.Close()
		o.serving.Wait()
		o.release()
		if o.err != nil {
			o.err = fmt.Errorf("stopping the object store: %w", o.err)
		}
	})
	return o.err
}

// loadAccessKey reads the access key, making one the first time.
func loadAccessKey(file string) (accessKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		key := accessKey{id: rand.Text()[:20], secret: rand.Text()}
		return key, writeFile(file, []byte(key.id+"\n"+key.secret+"\n"))
	}
	if err != nil {
		return accessKey{}, fmt.Errorf("reading the access key: %w", err)
	}
	id, secret, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return accessKey{id, secret}, nil
}

// required refuses requests that do not name the access key, as a store does to
// which strangers come; signatures are not verified.
func (k accessKey) required(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		credential := r.URL.Query().Get("X-Amz-Credential")
		if _, named, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
			credential = named
		}
		if id, _, _ := strings.Cut(credential, "/"); id != k.id {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`))
			return
		}
		next.ServeHTTP(w, r)
	})
}
