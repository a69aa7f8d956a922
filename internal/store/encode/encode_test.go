package encode_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/soffiah/habeas/internal/store"
	"github.com/soffiah/habeas/internal/store/encode"
)

func write(t testing.TB, columns []store.Column, rows [][][]byte) (asCSV, asJSON string) {
	t.Helper()
	var c, j bytes.Buffer
	csv, json := encode.NewCSV(&c), encode.NewJSON(&j)
	all := encode.All{csv, json}
	err := all.Begin(columns)
	for _, r := range rows {
		err = errors.Join(err, all.Row(r))
	}
	if err = errors.Join(err, csv.Close(), json.Close()); err != nil {
		t.Fatal(err)
	}
	return c.String(), j.String()
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	columns := []store.Column{{Field: "id", Type: store.Number}, {Field: `a "name", quoted`, Type: store.Text}, {Field: "ok", Type: store.Boolean}, {Field: "data", Type: store.JSON}}
	asCSV, asJSON := write(t, columns, [][][]byte{
		{[]byte("1"), []byte("it's \"so\",\nand\tso \\ \x01 ž"), []byte("true"), []byte(`{"a": [1]}`)},
		{nil, nil, nil, nil},
		{[]byte("2.50"), []byte(""), []byte("false"), []byte("null")},
	})
	wantCSV := "id,\"a \"\"name\"\", quoted\",ok,data\r\n1,\"it's \"\"so\"\",\nand\tso \\ \x01 ž\",true,\"{\"\"a\"\": [1]}\"\r\n,,,\r\n2.50,\"\",false,null\r\n"
	if diff := cmp.Diff(wantCSV, asCSV); diff != "" {
		t.Errorf("CSV: %s", diff)
	}
	wantJSON := "[\n" + `{"id":1,"a \"name\", quoted":"it's \"so\",\nand\u0009so \\ \u0001 ž","ok":true,"data":{"a": [1]}},` + "\n" +
		`{"id":null,"a \"name\", quoted":null,"ok":null,"data":null},` + "\n" + `{"id":2.50,"a \"name\", quoted":"","ok":false,"data":null}` + "\n]\n"
	if diff := cmp.Diff(wantJSON, asJSON); diff != "" {
		t.Errorf("JSON: %s", diff)
	}
}

// TestNothing: an export without rows is a header, and an empty array.
func TestNothing(t *testing.T) {
	t.Parallel()
	asCSV, asJSON := write(t, []store.Column{{Field: "id"}}, nil)
	if asCSV != "id\r\n" || asJSON != "[\n]\n" {
		t.Errorf("got %q and %q", asCSV, asJSON)
	}
}

// FuzzRoundTrip: whatever a text holds, others read it as it was.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "a", "a,b", "\"", "\"\"", "\n", " x ", "\\", "\x00\x1f\x7f", "ž🐎", "\xff\xfe", "\u2028", "<&>", `\u0041`} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		asCSV, asJSON := write(t, []store.Column{{Field: "a", Type: store.Text}, {Field: "b", Type: store.Text}}, [][][]byte{{[]byte(a), []byte(b)}})
		var rows []map[string]string
		if err := json.Unmarshal([]byte(asJSON), &rows); err != nil {
			t.Fatalf("%v: %q", err, asJSON)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		if utf8.ValidString(a) && rows[0]["a"] != a || utf8.ValidString(b) && rows[0]["b"] != b || !utf8.ValidString(asJSON) {
			t.Errorf("got %q, want %q and %q", rows, valid(a), valid(b))
		}
		records, err := csv.NewReader(strings.NewReader(asCSV)).ReadAll()
		// The reader of the standard library makes \r\n one character, as it says.
		norm := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
		if err != nil || records[1][0] != norm(a) || records[1][1] != norm(b) {
			t.Errorf("got %q and %v, want %q and %q", records, err, a, b)
		}
	})
}
