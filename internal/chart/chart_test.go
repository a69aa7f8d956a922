package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/chart"
	"github.com/soffiah/habeas/internal/datamap"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everything is a small map with one of each thing that is drawn.
const everything = `dataset:
  - fides_key: app
    name: The "app" & <more>
    collections:
      - name: people
        habeas: {erasure: delete, subject: true}
        fields:
          - {name: tenant, fides_meta: {primary_key: true}}
          - {name: no, fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: boss, fides_meta: {references: [{dataset: app, field: people.no}]}}
          - {name: address, fides_meta: {references: [{dataset: app, field: addresses.id, direction: to}]}}
          - {name: last_order, fides_meta: {references: [{dataset: app, field: orders.id, direction: from}]}}
      - name: orders
        habeas: {erasure: archive, archive_to: old_orders, together: [[tenant, person]]}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: tenant, fides_meta: {references: [{dataset: app, field: people.tenant, direction: from}]}}
          - {name: person, fides_meta: {references: [{dataset: app, field: people.no, direction: from}]}}
          - {name: day}
      - name: old_orders
        habeas: {erasure: retain, retention: invoices, retain_from: day}
        fields:
          - {name: id}
          - {name: tenant}
          - {name: person, fides_meta: {references: [{dataset: app, field: people.no, direction: from}]}}
          - {name: day}
      - name: addresses
        habeas: {rows: shared}
        fields: [{name: id}, {name: street, data_categories: [user.contact.address]}]
      - name: products
        fields: [{name: id}]
      - name: cache
        fides_meta: {skip_processing: true}
        fields: [{name: id}]
  - fides_key: files
    collections:
      - name: a_collection_with_a_name_that_is_longer_than_its_box
        habeas: {erasure: anonymise}
        fields:
          - {name: path, data_categories: [user.content], fides_meta: {references: [{dataset: app, field: orders.id, direction: from}]}}
          - {name: owner, fides_meta: {references: [{dataset: app, field: people.email, direction: from}]}}
      - name: lost
        fields: [{name: name, data_categories: [user.name]}]
`

func load(t testing.TB, files map[string][]byte) *datamap.Map {
	t.Helper()
	m, err := datamap.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func soffiah(t testing.TB) *datamap.Map {
	t.Helper()
	paths, err := filepath.Glob("../../examples/soffiah/datasets/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal("the datasets of the example are not there", err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return load(t, files)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*datamap.Map{"soffiah": soffiah(t), "everything": load(t, map[string][]byte{"map.yml": []byte(everything)})} {
		for ending, got := range map[string]string{".mmd": chart.Mermaid(m), ".svg": string(chart.SVG(m))} {
			path := filepath.Join("testdata", name+ending)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-golden +drawn; -update writes it anew)\n%s", path, diff)
			}
		}
	}
}

// TestWellFormed: whatever names a map has, the picture is XML and shows them.
func TestWellFormed(t *testing.T) {
	t.Parallel()
	maps := []*datamap.Map{soffiah(t), load(t, map[string][]byte{"map.yml": []byte(everything)}), {}}
	paths, err := filepath.Glob("../../../shared/datasets/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		maps = append(maps, load(t, map[string][]byte{path: content}))
	}
	for _, m := range maps {
		drawn := string(chart.SVG(m))
		d := xml.NewDecoder(strings.NewReader(drawn))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range m.Collections() {
			if !strings.Contains(drawn, c.Address().String()) || !strings.Contains(chart.Mermaid(m), c.Name) {
				t.Errorf("%s is not drawn", c.Address())
			}
		}
	}
}
