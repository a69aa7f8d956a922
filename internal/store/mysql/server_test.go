package mysql_test

import (
	"os"
	"strings"
	"testing"

	"github.com/soffiah/habeas/internal/datamap"
	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/mysql"
	"github.com/soffiah/habeas/internal/store/mysql/mysqltest"
)

func TestMain(m *testing.M) { os.Exit(mysqltest.Run(m)) }

// open opens a database as a store.
func open(t testing.TB, d *mysqltest.Database, opts mysql.Options) *mysql.Store {
	t.Helper()
	s, err := mysql.Open("app", d.URL(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// mapOf loads a data map of the dataset "app" from its collections.
func mapOf(t testing.TB, collections string) *datamap.Map {
	t.Helper()
	m, err := datamap.Load(map[string][]byte{"map.yml": []byte("dataset:\n  - fides_key: app\n    collections:\n" + strings.ReplaceAll(collections, "\t", "  "))})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// target means the rows of a collection with one of the values in a field.
func target(t testing.TB, m *datamap.Map, collection, field string, values ...any) store.Target {
	t.Helper()
	c, ok := m.Lookup(datamap.Address{Dataset: "app", Collection: collection})
	if !ok {
		t.Fatalf("no collection %s", collection)
	}
	target := store.Target{Collection: c, Address: c.Address(), Treatment: c.Treatment}
	if len(values) > 0 {
		target.Matches = []store.Match{{Field: field, Values: values}}
	}
	return target
}
